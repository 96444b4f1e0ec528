"""The worker's environment, read once."""

import socket
from datetime import timedelta
from pathlib import Path

from pydantic import Field

from scoring.default_rules import DEFAULT_PATH
from scoring.judges.standard.models import Device
from scoring.store.files import StoredFiles
from voice_api.db.states import QueueName, WorkerDuty
from voice_api.settings import CompetitionPath, DatabaseUrl, HubUrl, RedisUrl, StoreSettings


class ReceiptSignerSettings(StoreSettings):
    """The places of a worker's service key, of the key's certificate, and of its evidence: in the data folder unless they are named."""

    data: Path = Field(default=Path(".voice"), validation_alias="VOICE_DATA")
    service_key_file: Path | None = Field(default=None, validation_alias="VOICE_SERVICE_KEY")
    certificate_file: Path | None = Field(default=None, validation_alias="VOICE_CERTIFICATE")

    @property
    def service_key(self) -> Path:
        """The service key's file."""
        return self.service_key_file or self.data / "service.key"

    @property
    def certificate(self) -> Path:
        """The file of the service key's certificate."""
        return self.certificate_file or self.data / "service.cert.json"

    @property
    def store(self) -> StoredFiles:
        """The files of audio and receipts; raises PlatformError(SETTING_INVALID)."""
        return self.files(self.store_place or self.data / "store")


class WorkerSettings(ReceiptSignerSettings):
    """The settings of one worker process. It holds no chain key: untrusted models run beside it."""

    database_url: DatabaseUrl = Field(validation_alias="DATABASE_URL")
    redis_url: RedisUrl = Field(validation_alias="REDIS_URL")
    queue: QueueName = Field(default=QueueName.CPU, validation_alias="VOICE_QUEUE")
    duty: WorkerDuty = Field(default=WorkerDuty.ALL, validation_alias="VOICE_TAKES")
    competition: CompetitionPath = Field(default=DEFAULT_PATH, validation_alias="VOICE_COMPETITION")
    environments_folder: Path | None = Field(default=None, validation_alias="VOICE_ENVIRONMENTS")
    hub: HubUrl = Field(default="https://huggingface.co", validation_alias="HF_ENDPOINT")
    lease_seconds: float = Field(default=900.0, gt=0, validation_alias="VOICE_LEASE_SECONDS")
    retry_first_seconds: float = Field(default=120.0, gt=0, validation_alias="VOICE_RETRY_FIRST_SECONDS")
    drain_seconds: float = Field(default=60.0, ge=0, validation_alias="VOICE_DRAIN_SECONDS")
    confirm_seconds: float = Field(default=600.0, ge=0, validation_alias="VOICE_HUB_CONFIRM_SECONDS")
    cache_bytes: int = Field(default=100 << 30, gt=0, validation_alias="VOICE_CACHE_BYTES")
    host_name: str | None = Field(default=None, max_length=200, validation_alias="VOICE_HOST")
    threads: int = Field(default=1, ge=1, validation_alias="VOICE_THREADS")
    standard_pins: Path | None = Field(default=None, validation_alias="VOICE_STANDARD_PINS")
    device: Device = Field(default=Device.CPU, validation_alias="VOICE_DEVICE")

    @property
    def environments(self) -> Path:
        """The folder of the families' environments, which this process only reads."""
        return self.environments_folder or self.data / "environments"

    @property
    def lease(self) -> timedelta:
        """The time that a claim holds without progress."""
        return timedelta(seconds=self.lease_seconds)

    @property
    def retry_first(self) -> timedelta:
        """The pause before the first retry of a failure of ours; each next one is longer."""
        return timedelta(seconds=self.retry_first_seconds)

    @property
    def drain(self) -> timedelta:
        """The time that an evaluation may go on after the worker was asked to stop."""
        return timedelta(seconds=self.drain_seconds)

    @property
    def confirm(self) -> timedelta:
        """The time from a hub's first refusal to the second question, whose refusal counts."""
        return timedelta(seconds=self.confirm_seconds)

    @property
    def host(self) -> str:
        """The name under which an operator drains the host, and under which its failures count as one host's."""
        return self.host_name or socket.gethostname()
