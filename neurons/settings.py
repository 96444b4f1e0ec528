"""The environment of the daemons and of the command line, read once per process."""

from datetime import timedelta
from enum import StrEnum
from pathlib import Path
from typing import Annotated

from pydantic import BeforeValidator, Field, SecretStr
from pydantic_settings import NoDecode

from scoring.default_rules import DEFAULT_PATH
from scoring.judges.standard.models import Device
from scoring.store.place import StorePlace
from scoring.store.retention import RetentionPolicy
from voice_api.settings import (
    CompetitionPath,
    DatabaseUrl,
    HotkeyAddress,
    HttpUrl,
    HubUrl,
    ProcessSettings,
    RedisUrl,
    Seconds,
    StoreSettings,
    split,
)


class ChainSettings(ProcessSettings):
    """The chain, the subnet and the wallet; `fallbacks` are endpoints to try where the network's own does not answer.

    Network and number have no default: whoever forgets them would act on somebody else's subnet.
    """

    network: str = Field(default="", validation_alias="BT_NETWORK")
    netuid: int | None = Field(default=None, ge=0, validation_alias="VOICE_NETUID")
    devchain: Path = Field(default=Path(".voice/devchain.sqlite"), validation_alias="VOICE_DEVCHAIN")
    fallbacks: Annotated[tuple[str, ...], NoDecode, BeforeValidator(split)] = Field(
        default=(), validation_alias="VOICE_FALLBACK_ENDPOINTS"
    )
    wallet: str = Field(default="default", validation_alias="BT_WALLET")
    wallet_hotkey: str = Field(default="default", validation_alias="BT_WALLET_HOTKEY")
    wallet_path: Path = Field(default=Path("~/.bittensor/wallets"), validation_alias="BT_WALLET_PATH")
    chain_timeout: Seconds = Field(default=timedelta(minutes=1), validation_alias="VOICE_CHAIN_TIMEOUT_SECONDS")
    """The longest wait for one answer of the chain."""


class ApiClientSettings(ChainSettings):
    """The voice API's address, and the hotkey that it answers as."""

    api_url: HttpUrl = Field(default="http://127.0.0.1:8000", validation_alias="VOICE_API_URL")
    api_hotkey: HotkeyAddress | None = Field(default=None, validation_alias="VOICE_API_HOTKEY")


class QueueSettings(ApiClientSettings):
    """The model queue."""

    competition: CompetitionPath = Field(default=DEFAULT_PATH, validation_alias="VOICE_COMPETITION")
    pause: Seconds = Field(default=timedelta(seconds=12), validation_alias="VOICE_PAUSE_SECONDS")
    """Between two readings of the chain."""


class CertifierSettings(ChainSettings):
    """The validator that certifies service keys, and its list of revoked certificates."""

    revocations: Path = Field(default=Path(".voice/revocations.json"), validation_alias="VOICE_REVOCATIONS")


class ValidatorSettings(CertifierSettings):
    """The validator; `trust` names whose certificates count (none: its own).

    `follow` is the API of a validator whose evidence it folds instead of its own, of which it judges the share `audit_rate` again. With
    `tracks`, the names of those that its own workers judge, it follows in the other tracks only.
    """

    trust: Annotated[frozenset[HotkeyAddress], NoDecode, BeforeValidator(split)] = Field(
        default=frozenset(), validation_alias="VOICE_TRUST"
    )

    database_url: DatabaseUrl = Field(validation_alias="DATABASE_URL")
    competition: CompetitionPath = Field(default=DEFAULT_PATH, validation_alias="VOICE_COMPETITION")
    pause: Seconds = Field(default=timedelta(seconds=12), validation_alias="VOICE_PAUSE_SECONDS")
    """Between two ticks."""
    version_key: int = Field(default=0, ge=0, validation_alias="VOICE_VERSION_KEY")
    follow: HttpUrl = Field(default="", validation_alias="VOICE_FOLLOW_URL")
    tracks: Annotated[frozenset[str], NoDecode, BeforeValidator(split)] = Field(
        default=frozenset(), validation_alias="VOICE_TRACKS"
    )
    audit_rate: float = Field(default=0.05, ge=0.0, le=1.0, validation_alias="VOICE_AUDIT_RATE")
    weights_deadline: Seconds = Field(default=timedelta(minutes=5), validation_alias="VOICE_WEIGHTS_SECONDS")
    """The longest time of one attempt to set weights, its reads included."""


class MinerSettings(ApiClientSettings):
    """Commands that score a model or a receipt, or prepare this machine for that."""

    competition: CompetitionPath = Field(default=DEFAULT_PATH, validation_alias="VOICE_COMPETITION")
    data: Path = Field(default=Path(".voice"), validation_alias="VOICE_DATA")
    environments_folder: Path | None = Field(default=None, validation_alias="VOICE_ENVIRONMENTS")
    hub: HubUrl = Field(default="https://huggingface.co", validation_alias="HF_ENDPOINT")
    hub_token: SecretStr | None = Field(default=None, validation_alias="HF_TOKEN")
    standard_pins: Path | None = Field(default=None, validation_alias="VOICE_STANDARD_PINS")
    device: Device = Field(default=Device.CPU, validation_alias="VOICE_DEVICE")
    pause: Seconds = Field(default=timedelta(seconds=12), validation_alias="VOICE_PAUSE_SECONDS")
    """Between two looks of the miner's daemon."""

    @property
    def environments(self) -> Path:
        """The folder of the families' environments."""
        return self.environments_folder or self.data / "environments"

    @property
    def token(self) -> str | None:
        """The hub's token, as its client takes it."""
        return None if self.hub_token is None else self.hub_token.get_secret_value()


class DemoSettings(ProcessSettings):
    """`voice demo`: servers to use instead of the embedded ones. Of the environment alone: a node's own are not for a demo."""

    in_file = False

    database_url: SecretStr | None = Field(default=None, validation_alias="DATABASE_URL")
    redis_url: SecretStr | None = Field(default=None, validation_alias="REDIS_URL")


class MigrationSettings(ProcessSettings):
    """`voice db upgrade`, and whatever else needs the database alone."""

    database_url: DatabaseUrl = Field(validation_alias="DATABASE_URL")


class RedisSettings(ProcessSettings):
    """Redis alone."""

    redis_url: RedisUrl = Field(validation_alias="REDIS_URL")


class CompetitionSettings(ProcessSettings):
    """The rules alone."""

    competition: CompetitionPath = Field(default=DEFAULT_PATH, validation_alias="VOICE_COMPETITION")


class RetentionSettings(StoreSettings):
    """`voice store prune`: the store, the database that says what is kept for good, and what the rest is allowed."""

    database_url: DatabaseUrl = Field(validation_alias="DATABASE_URL")
    data: Path = Field(default=Path(".voice"), validation_alias="VOICE_DATA")
    days: float = Field(default=30.0, gt=0, le=36_500, validation_alias="VOICE_RETENTION_DAYS")
    most_bytes: int = Field(default=0, ge=0, validation_alias="VOICE_RETENTION_BYTES")
    """0 is any size."""
    worst: int = Field(default=3, ge=0, le=1_000, validation_alias="VOICE_RETENTION_WORST")
    """Of each evaluation's samples so many of the lowest stay."""

    @property
    def place(self) -> StorePlace:
        """Where the store is: as a worker has it."""
        return self.store_place or self.data / "store"

    @property
    def policy(self) -> RetentionPolicy:
        """What the sounds that nothing keeps for good are allowed."""
        return RetentionPolicy(age=timedelta(days=self.days), most_bytes=self.most_bytes or None)


class BackupSettings(StoreSettings):
    """`voice backup`: the database, the rules and the store that are backed up, and the folder for that; the keys to it are in none."""

    database_url: DatabaseUrl = Field(validation_alias="DATABASE_URL")
    data: Path = Field(default=Path(".voice"), validation_alias="VOICE_DATA")
    competition: CompetitionPath = Field(default=DEFAULT_PATH, validation_alias="VOICE_COMPETITION")
    backups_folder: Path | None = Field(default=None, validation_alias="VOICE_BACKUPS")
    every_hours: float = Field(default=24.0, gt=0, le=8_760, validation_alias="VOICE_BACKUP_HOURS")
    """`voice backup run`: between two backups."""
    keep: int = Field(default=7, ge=1, le=10_000, validation_alias="VOICE_BACKUP_KEEP")
    """`voice backup run`: backups that stay."""
    keep_points: int = Field(default=3, ge=1, le=10_000, validation_alias="VOICE_RESTORE_POINTS_KEEP")
    """`voice db upgrade`: restore points that stay."""

    @property
    def folder(self) -> Path:
        """The folder of the backups."""
        return self.backups_folder or self.data / "backups"

    @property
    def place(self) -> StorePlace:
        """Where the store is: as a worker has it."""
        return self.store_place or self.data / "store"


class ReleaseSettings(ProcessSettings):
    """The release key's address, and how long a release is to be known before this node takes it."""

    key: HotkeyAddress | None = Field(default=None, validation_alias="VOICE_RELEASE_KEY")
    hold_back_hours: float = Field(default=24.0, ge=0, le=8_760, validation_alias="VOICE_HOLD_BACK_HOURS")
    hold_back_security_hours: float = Field(default=2.0, ge=0, le=8_760, validation_alias="VOICE_HOLD_BACK_SECURITY_HOURS")
    """The same of a release that mends a weakness."""


class LogFormat(StrEnum):
    """The form of the logs: for people, or for machines."""

    CONSOLE = "console"
    JSON = "json"


class LogLevel(StrEnum):
    """What the logs leave out: whatever is less urgent."""

    DEBUG = "debug"
    INFO = "info"
    WARNING = "warning"
    ERROR = "error"


class LogSettings(ProcessSettings):
    """Every process's logs."""

    log_format: LogFormat = Field(default=LogFormat.CONSOLE, validation_alias="VOICE_LOG_FORMAT")
    log_level: LogLevel = Field(default=LogLevel.INFO, validation_alias="VOICE_LOG_LEVEL")


class HeartbeatSettings(ProcessSettings):
    """The file that a daemon touches to show that it lives."""

    heartbeat: Path | None = Field(default=None, validation_alias="VOICE_HEARTBEAT")
