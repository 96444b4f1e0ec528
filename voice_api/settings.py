"""The environment of the API and the dispatcher, read once per process."""

import ipaddress
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import timedelta
from pathlib import Path
from typing import Annotated, ClassVar
from urllib.parse import urlsplit

from pydantic import AfterValidator, BeforeValidator, Field, SecretStr
from pydantic_settings import (
    BaseSettings,
    NoDecode,
    PydanticBaseSettingsSource,
    SecretsSettingsSource,
    SettingsConfigDict,
)

from scoring.default_rules import DEFAULT_PATH
from scoring.store.files import StoredFiles
from scoring.store.place import S3Access, StorePlace, open_files, place_of
from scoring.types import Hotkey
from voice_api import settings_file
from voice_api.pooler import is_pooled

SECRETS = Path("/run/secrets")


_ORIGIN = re.compile(r"https?://[a-z0-9.:\[\]-]+")


def _redis_url(url: SecretStr) -> SecretStr:
    from redis.connection import parse_url

    try:
        parse_url(url.get_secret_value())  # type: ignore[no-untyped-call]  # of redis-py
    except ValueError as exc:
        raise ValueError("not of the form redis://, rediss:// or unix://") from exc
    return url


def _database_url(url: SecretStr) -> SecretStr:
    try:
        parts = urlsplit(url.get_secret_value())
        is_one = parts.scheme in {"postgresql", "postgres"} and (parts.port is None or parts.port > 0)
    except ValueError:  # without its words: they may hold the password
        is_one = False
    if not is_one:
        raise ValueError("not of the form postgresql://")
    is_pooled(url.get_secret_value())
    return url


def _http_url(url: str) -> str:
    try:
        parts = urlsplit(url)
        is_one = parts.scheme in {"http", "https"} and bool(parts.hostname) and not parts.query and parts.port != 0
    except ValueError:
        is_one = False
    if url and not is_one:
        raise ValueError("not of the form http://HOST:PORT or https://HOST")
    return url


def _hotkey(text: str) -> Hotkey:
    from voice_api.keys import hotkey  # the SDK takes its time, and not every process needs it

    return hotkey(text)


def _file(path: Path) -> Path:
    if not path.is_file():
        raise ValueError(f"there is no file {path}")
    return path


def _origins(origins: tuple[str, ...]) -> tuple[str, ...]:
    if "*" in origins and len(origins) > 1:
        raise ValueError("* stands for every site: name it alone")
    if not all(origin == "*" or _ORIGIN.fullmatch(origin) for origin in origins):
        raise ValueError("not * or sites of the form https://HOST, without a path, with commas between")
    return origins


def split(value: object) -> object:
    """The parts of a text between commas; whatever is no text stays as it is."""
    return tuple(part.strip() for part in value.split(",") if part.strip()) if isinstance(value, str) else value


def _place(value: object) -> object:
    """The place that a text names; whatever is no text stays as it is."""
    return place_of(value) if isinstance(value, str) else value


def _seconds(value: object) -> object:
    """The duration that a text of the environment says, or a number of the file; whatever is neither stays as it is."""
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        return value
    try:
        duration = timedelta(seconds=float(value))
    except (ValueError, OverflowError):
        duration = timedelta(0)
    if duration <= timedelta(0):
        raise ValueError("not a number of seconds above 0")
    return duration


def _networks(value: object) -> object:
    """The networks of a text, or of a list of texts, an address standing for itself; whatever is neither stays as it is."""
    parts = split(value)
    if not isinstance(parts, tuple | list) or not all(isinstance(part, str) for part in parts):
        return value
    try:
        return tuple(ipaddress.ip_network(part) for part in parts)
    except ValueError as exc:
        raise ValueError("not addresses or networks such as 10.0.0.7 or 10.0.0.0/24, with commas between") from exc


RedisUrl = Annotated[SecretStr, AfterValidator(_redis_url)]
"""Checked when it is read, so that a process says what is wrong before it starts."""
DatabaseUrl = Annotated[SecretStr, AfterValidator(_database_url)]
"""Likewise: whoever waits for a PostgreSQL that is away would wait for ever for one that cannot be named."""
HttpUrl = Annotated[str, AfterValidator(_http_url)]
"""An API's address, likewise; '' names none."""
HubUrl = Annotated[HttpUrl, Field(min_length=1)]
"""A model hub's address."""
HotkeyAddress = Annotated[Hotkey, AfterValidator(_hotkey)]
"""An ss58 address whose checksum holds: a wrong one would trust nobody, or sign for nobody, and say so far from its cause."""
HotkeyAddresses = Annotated[tuple[HotkeyAddress, ...], NoDecode, BeforeValidator(split)]
"""Addresses with commas between."""
CorsOrigins = Annotated[tuple[str, ...], NoDecode, BeforeValidator(split), AfterValidator(_origins)]
"""Sites as browsers name them, with commas between, or * alone."""
IpNetwork = ipaddress.IPv4Network | ipaddress.IPv6Network
IpNetworks = Annotated[tuple[IpNetwork, ...], NoDecode, BeforeValidator(_networks)]
"""Networks with commas between."""
CompetitionPath = Annotated[Path, AfterValidator(_file)]
"""A file that is there. What is in it is checked by `scoring.competition.load`."""

StoreAddress = Annotated[StorePlace, BeforeValidator(_place)]
"""A folder, or `s3://BUCKET/PREFIX`."""
Seconds = Annotated[timedelta, BeforeValidator(_seconds)]
"""A duration, in the environment a number of seconds above 0."""


def _by_variable(source: PydanticBaseSettingsSource) -> PydanticBaseSettingsSource:
    """A source that knows settings by their variables alone: by the names of fields, a shell's HOST or PATH would be one."""
    source.config = SettingsConfigDict(**{**source.config, "populate_by_name": False})
    return source


class _UserFolder(BaseSettings):
    """Where a user's settings are, as all programs of theirs have it."""

    folder: Path = Field(default=Path("~/.config"), validation_alias="XDG_CONFIG_HOME")


class ProcessSettings(BaseSettings):
    """Base of every process's settings: frozen; of the environment, else of files in /run/secrets where that folder exists, else of
    `voice.toml`.
    """

    model_config = SettingsConfigDict(
        frozen=True,
        extra="ignore",
        populate_by_name=True,
        env_ignore_empty=True,
        hide_input_in_errors=True,  # an error about one setting would else show the others, secrets in plain text
    )

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003  # called by keyword
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003  # called by keyword
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Arguments, then the environment, then files: looked for when settings are read, not when this module is imported."""
        secrets = (_by_variable(SecretsSettingsSource(settings_cls, secrets_dir=SECRETS)),) if SECRETS.is_dir() else ()
        path = settings_path() if cls.in_file else None
        file = () if path is None else (settings_file.SettingsFile(settings_cls, path),)
        return (init_settings, _by_variable(env_settings), *secrets, *file)

    in_file: ClassVar[bool] = True
    """Whether `voice.toml` may hold them."""


class SettingsFileSettings(ProcessSettings):
    """The file of settings."""

    in_file = False

    path: Path | None = Field(default=None, validation_alias="VOICE_CONFIG")


_CHOSEN: ContextVar[tuple[Path | None] | None] = ContextVar("the file of settings that a command chose", default=None)


@contextmanager
def reading(path: Path | None) -> Iterator[None]:
    """Inside, this file of settings is read, None for none, whichever is found."""
    before = _CHOSEN.set((path,))
    try:
        yield
    finally:
        _CHOSEN.reset(before)


def settings_path() -> Path | None:
    """The file of settings that is read, None for none; raises PlatformError(SETTING_INVALID)."""
    chosen = _CHOSEN.get()
    return found_path() if chosen is None else chosen[0]


def found_path() -> Path | None:
    """The file of settings that is there for commands to read, None for none; raises PlatformError(SETTING_INVALID)."""
    try:
        home = _UserFolder().folder.expanduser()
    except RuntimeError:  # a user without a folder
        home = None
    return settings_file.find(SettingsFileSettings().path, home, os.getuid())


class SpeechSettings(ProcessSettings):
    """Sentences that anybody may ask to hear in a model's voice: whether, how many, for how long, and what is said of them."""

    speech: bool = Field(default=False, validation_alias="VOICE_SPEECH")
    speech_disclosure: str = Field(
        default="Synthetic speech: a computer model made this sound, and no person said it.",
        min_length=1,
        max_length=300,
        pattern=r"^[^\x00-\x1f\x7f]*$",  # it stands in a header, too
        validation_alias="VOICE_SPEECH_DISCLOSURE",
    )
    speech_per_hour: int = Field(default=60, ge=1, le=100_000, validation_alias="VOICE_SPEECH_PER_HOUR")
    """Of everybody together."""
    speech_address_per_hour: int = Field(default=10, ge=0, le=100_000, validation_alias="VOICE_SPEECH_ADDRESS_PER_HOUR")
    """Of one address; 0 is no limit."""
    speech_open: int = Field(default=8, ge=1, le=1_000, validation_alias="VOICE_SPEECH_OPEN")
    """Waiting or running at once."""
    speech_within: Seconds = Field(default=timedelta(minutes=10), validation_alias="VOICE_SPEECH_SECONDS")
    """The time in which a sentence is spoken, or fails."""
    speech_kept: Seconds = Field(default=timedelta(days=1), ge=timedelta(hours=1), validation_alias="VOICE_SPEECH_KEPT_SECONDS")
    """The time for which text and sound are kept after that; the hour's budget is counted from what is kept."""


class StoreSettings(ProcessSettings):
    """The store of audio and receipts: a folder, or S3-compatible storage and the keys to it."""

    store_place: StoreAddress | None = Field(default=None, validation_alias="VOICE_STORE")
    s3_endpoint: HttpUrl = Field(default="", validation_alias="VOICE_STORE_ENDPOINT")
    s3_region: str = Field(default="us-east-1", validation_alias="VOICE_STORE_REGION")
    s3_access_key: SecretStr | None = Field(default=None, validation_alias="VOICE_STORE_ACCESS_KEY")
    s3_secret_key: SecretStr | None = Field(default=None, validation_alias="VOICE_STORE_SECRET_KEY")

    def files(self, place: StorePlace) -> StoredFiles:
        """The files of a place; raises PlatformError(SETTING_INVALID) where the keys to it are not set."""
        access, secret = self.s3_access_key, self.s3_secret_key
        if access is None or secret is None:
            return open_files(place, None)
        keys = access.get_secret_value(), secret.get_secret_value()
        return open_files(
            place, S3Access(endpoint=self.s3_endpoint, region=self.s3_region, access_key=keys[0], secret_key=keys[1])
        )


class ApiSettings(StoreSettings, SpeechSettings):
    """The voice API: where it listens, the hotkey that it answers as, who may write, and how much and how often."""

    database_url: DatabaseUrl = Field(validation_alias="DATABASE_URL")
    redis_url: RedisUrl = Field(validation_alias="REDIS_URL")
    host: str = Field(default="127.0.0.1", validation_alias="VOICE_API_HOST")
    port: int = Field(default=8000, ge=0, le=65535, validation_alias="VOICE_API_PORT")
    hotkey: HotkeyAddress = Field(validation_alias="VOICE_API_HOTKEY")
    writers: HotkeyAddresses = Field(default=(), validation_alias="VOICE_API_WRITERS")
    operators: HotkeyAddresses = Field(default=(), validation_alias="VOICE_API_OPERATORS")
    registry_lasts: Seconds = Field(default=timedelta(hours=1), validation_alias="VOICE_REGISTRY_SECONDS")
    """The greatest age at which the stored registry may say whether a hotkey is a miner's."""
    hub: HubUrl = Field(default="https://huggingface.co", validation_alias="HF_ENDPOINT")
    """Where pages say that a model's files are."""
    rate_per_minute: int = Field(default=60, ge=0, le=1_000_000, validation_alias="VOICE_RATE_PER_MINUTE")
    rate_address_per_minute: int = Field(default=600, ge=0, le=1_000_000, validation_alias="VOICE_RATE_ADDRESS_PER_MINUTE")
    database_patience: Seconds = Field(default=timedelta(seconds=4), validation_alias="VOICE_API_DATABASE_SECONDS")
    """The longest that PostgreSQL is waited for, for a connection and for each answer: whoever asks waits for both."""
    connections: int = Field(default=4_000, ge=10, le=1_000_000, validation_alias="VOICE_CONNECTIONS")
    """Of everybody together, without the streams of open pages; fewer where the process may have too few files open."""
    address_connections: int = Field(default=100, ge=0, le=1_000_000, validation_alias="VOICE_ADDRESS_CONNECTIONS")
    """Of one address, and its requests at once, whichever way they come; 0 is no limit."""
    trusted_proxies: IpNetworks = Field(default=(), validation_alias="VOICE_TRUSTED_PROXIES")
    """The proxies whose X-Forwarded-For says who asks; whoever else sends one is not believed."""
    upload_bytes: int = Field(default=20 * 1024 * 1024, ge=1024, validation_alias="VOICE_UPLOAD_BYTES")
    copies_folder: Path | None = Field(default=None, validation_alias="VOICE_COPIES")
    """Where listening copies and pictures are kept; without it they are made each time they are asked for."""
    copies_bytes: int = Field(default=2 * 1024**3, ge=1024**2, validation_alias="VOICE_COPIES_BYTES")
    public_url: HttpUrl = Field(default="", validation_alias="VOICE_PUBLIC_URL")
    """The address by which others reach it, for the OpenAPI document."""
    cors_origins: CorsOrigins = Field(default=(), validation_alias="VOICE_CORS_ORIGINS")
    """The sites whose scripts may read what is public; `*` stands for all."""
    competition: CompetitionPath = Field(default=DEFAULT_PATH, validation_alias="VOICE_COMPETITION")
    """The rules by which the ledger ranks and pays, and by which a round's prompts are drawn."""


class DispatcherSettings(ProcessSettings):
    """The dispatcher: how often it looks without being told."""

    database_url: DatabaseUrl = Field(validation_alias="DATABASE_URL")
    redis_url: RedisUrl = Field(validation_alias="REDIS_URL")
    pause: Seconds = Field(default=timedelta(seconds=2), validation_alias="VOICE_DISPATCH_SECONDS")
    """The longest time between two sweeps."""


class MetricsSettings(ProcessSettings):
    """The address at which a process shows its numbers to Prometheus, and nothing else; port 0 is none."""

    host: str = Field(default="127.0.0.1", validation_alias="VOICE_METRICS_HOST")
    port: int = Field(default=0, ge=0, le=65535, validation_alias="VOICE_METRICS_PORT")
