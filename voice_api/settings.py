"""The environment of the API and the dispatcher, read once per process."""

from pathlib import Path

from pydantic_settings import BaseSettings, SettingsConfigDict

_SECRETS = Path("/run/secrets")


class ProcessSettings(BaseSettings):
    """Base of every process's settings: frozen, and secrets may come from files in /run/secrets where that folder exists."""

    model_config = SettingsConfigDict(
        frozen=True, extra="ignore", populate_by_name=True, secrets_dir=_SECRETS if _SECRETS.is_dir() else None
    )
