"""What `voice init` asks whom, and what it writes beside that, commented out."""

from collections.abc import Mapping
from dataclasses import dataclass

from neurons.settings import MinerSettings, ValidatorSettings
from voice_api.settings import ApiSettings, ProcessSettings
from workers.settings import WorkerSettings

SAYS: Mapping[str, str] = {
    "BT_NETWORK": "The chain: test, finney, local, ws://… or dev",
    "VOICE_NETUID": "The subnet's number, as it is announced",
    "VOICE_DEVCHAIN": "The file of network dev",
    "BT_WALLET": "The wallet's name",
    "BT_WALLET_HOTKEY": "The hotkey's name",
    "BT_WALLET_PATH": "The folder of the wallets",
    "VOICE_DATA": "The folder for caches, keys and whatever else is kept",
    "VOICE_STORE": "Where audio and receipts are kept: a folder, or s3://BUCKET/PREFIX",
    "DATABASE_URL": "PostgreSQL, as postgresql://USER:PASSWORD@HOST/NAME",
    "REDIS_URL": "Redis, as redis://:PASSWORD@HOST:6379",
    "VOICE_API_HOST": "The address that the API listens on",
    "VOICE_API_PORT": "The port that the API listens on",
    "VOICE_API_URL": "The voice API's address",
    "VOICE_API_HOTKEY": "The hotkey (ss58) that the voice API answers as",
    "VOICE_QUEUE": "What the worker takes: cpu, or gpu",
    "VOICE_API_WRITERS": "The hotkeys that may write: the model queue's",
    "VOICE_API_OPERATORS": "The hotkeys that may do what operators do",
    "VOICE_PUBLIC_URL": "The address by which others reach the API",
    "VOICE_TRUSTED_PROXIES": "Proxies in front of the API whose X-Forwarded-For counts",
    "VOICE_SPEECH": "Whether anybody may ask for a sentence in the king's voice",
    "VOICE_TRUST": "Hotkeys whose certificates count; without it the wallet's own alone",
    "VOICE_REVOCATIONS": "The list of revoked certificates, from `voice validator revoke`",
    "VOICE_VERSION_KEY": "The version key that the subnet asks for",
    "VOICE_FOLLOW_URL": "The API of a validator whose evidence is folded instead of rounds of one's own",
    "VOICE_COMPETITION": "The competition's file; without it that of the installed version",
    "VOICE_SERVICE_KEY": "The key that signs receipts; without it service.key in the data folder, made if it is not there",
    "VOICE_CERTIFICATE": "That key's certificate, from `voice validator certify`; without it service.cert.json in the data folder",
    "VOICE_CACHE_BYTES": "The most bytes of downloaded models that are kept",
    "VOICE_THREADS": "Threads of the judges",
    "VOICE_DEVICE": "Where the standard profile's models run: cpu or cuda",
    "HF_ENDPOINT": "The model hub",
    "HF_TOKEN": "The model hub's token, to publish",
    "VOICE_LOG_FORMAT": "Logs for people (console) or for machines (json)",
    "VOICE_METRICS_PORT": "The port that shows numbers to Prometheus; 0 is none, and processes of one host each need their own",
}
"""What each setting is, as the question says it and the file's comment."""

_CHAIN = ("BT_NETWORK", "VOICE_NETUID", "VOICE_DEVCHAIN", "BT_WALLET", "BT_WALLET_HOTKEY", "BT_WALLET_PATH")
_OBSERVED = ("VOICE_LOG_FORMAT", "VOICE_METRICS_PORT")


@dataclass(frozen=True, slots=True, kw_only=True)
class RoleQuestions:
    """What one role is asked, and what it may want to set later."""

    kind: type[ProcessSettings]
    asked: tuple[str, ...]
    later: tuple[str, ...]
    needed: frozenset[str]
    """Of what is asked, what has no usable default."""
    next: tuple[str, ...]
    """The commands that come next."""


ROLE_QUESTIONS: Mapping[str, RoleQuestions] = {
    "validator": RoleQuestions(
        kind=ValidatorSettings,
        asked=(*_CHAIN, "DATABASE_URL", "VOICE_REVOCATIONS"),
        later=("VOICE_TRUST", "VOICE_VERSION_KEY", "VOICE_FOLLOW_URL", "VOICE_COMPETITION", *_OBSERVED),
        needed=frozenset({"BT_NETWORK", "VOICE_NETUID", "DATABASE_URL"}),
        next=("voice doctor validator", "voice db upgrade", "voice validator run"),
    ),
    "worker": RoleQuestions(
        kind=WorkerSettings,
        asked=("DATABASE_URL", "REDIS_URL", "VOICE_DATA", "VOICE_STORE", "VOICE_QUEUE"),
        later=("VOICE_SERVICE_KEY", "VOICE_CERTIFICATE", "VOICE_CACHE_BYTES", "VOICE_THREADS", "VOICE_COMPETITION", *_OBSERVED),
        needed=frozenset({"DATABASE_URL", "REDIS_URL"}),
        next=("voice doctor worker", "voice worker prepare --all", "voice worker --show-key", "voice worker"),
    ),
    "api": RoleQuestions(
        kind=ApiSettings,
        asked=("DATABASE_URL", "REDIS_URL", "VOICE_API_HOTKEY", "VOICE_API_HOST", "VOICE_API_PORT", "VOICE_STORE"),
        later=(
            *("VOICE_API_WRITERS", "VOICE_API_OPERATORS", "VOICE_PUBLIC_URL", "VOICE_TRUSTED_PROXIES", "VOICE_SPEECH"),
            *("VOICE_COMPETITION", *_OBSERVED),
        ),
        needed=frozenset({"DATABASE_URL", "REDIS_URL", "VOICE_API_HOTKEY"}),
        next=("voice doctor api", "voice db upgrade", "voice api"),
    ),
    "miner": RoleQuestions(
        kind=MinerSettings,
        asked=(*_CHAIN, "VOICE_API_URL", "VOICE_API_HOTKEY", "VOICE_DATA"),
        later=("HF_TOKEN", "HF_ENDPOINT", "VOICE_DEVICE", "VOICE_COMPETITION"),
        needed=frozenset({"BT_NETWORK", "VOICE_NETUID"}),
        next=("voice doctor miner", "voice miner check MODEL_DIR", "voice miner run MODELS_DIR --repo NAMESPACE/NAME"),
    ),
}
