"""The roles that a host can be asked as."""

from enum import StrEnum


class Role(StrEnum):
    """What a host can be asked as."""

    VALIDATOR = "validator"
    WORKER = "worker"
    API = "api"
    MINER = "miner"
