"""Codes of failures, and whose fault each one is. Codes are public: they never change their meaning."""

from enum import IntEnum, StrEnum


class Blame(StrEnum):
    """The party that answers for a failure; it decides between a final 0 and a retry."""

    SUBMISSION = "submission"
    INFRASTRUCTURE = "infrastructure"
    PLATFORM = "platform"


class Code(IntEnum):
    """1xxx the submission's, 2xxx the infrastructure's, 3xxx the platform's (requests, settings)."""

    COMMITMENT_MALFORMED = 1001
    TOO_EARLY = 1002
    TIMELOCKED = 1003
    BANNED = 1004
    REPO_NOT_PUBLIC = 1101
    REPO_TOO_LARGE = 1102
    FILE_NOT_ALLOWED = 1103
    WEIGHTS_MISSING = 1104
    HEADER_INVALID = 1105
    ARCHITECTURE_NOT_ALLOWED = 1106
    LICENCE_NOT_OPEN = 1107
    CONFIG_INVALID = 1108
    TAG_MISMATCH = 1201
    COPY = 1202
    LOAD_FAILED = 1301
    LOAD_TIMEOUT = 1302
    SAMPLE_TIMEOUT = 1303
    GENERATION_FAILED = 1304
    MEMORY_EXCEEDED = 1305
    OUTPUT_TOO_LARGE = 1306
    FAILED_ALIKE = 1307

    HUB_UNAVAILABLE = 2001
    DOWNLOAD_INTERRUPTED = 2002
    SANDBOX_UNAVAILABLE = 2101
    HOST_TOO_SLOW = 2102
    JUDGE_UNAVAILABLE = 2103
    STORE_UNAVAILABLE = 2104
    CERTIFICATE_EXPIRED = 2105
    LIBRARY_MISSING = 2106
    PART_UNAVAILABLE = 2107
    ENVIRONMENT_UNAVAILABLE = 2108
    CARD_UNAVAILABLE = 2109
    SANDBOX_OPEN = 2110
    LEASE_EXPIRED = 2201
    WORKER_ERROR = 2202
    COMPETITION_MISMATCH = 2203
    STAGE_STALLED = 2204
    SPEECH_LATE = 2205

    REQUEST_INVALID = 3001
    NOT_AUTHENTICATED = 3002
    NOT_ALLOWED = 3003
    NOT_FOUND = 3004
    BODY_TOO_LARGE = 3005
    REGISTRY_STALE = 3006
    RATE_LIMITED = 3007
    IDEMPOTENCY_MISMATCH = 3008
    STATE_CONFLICT = 3009
    RECEIVER_MISMATCH = 3010
    SPEECH_OFF = 3011
    VOICE_MISSING = 3012
    DESCRIPTION_UNHEARD = 3013
    DATABASE_UNAVAILABLE = 3101
    REDIS_UNAVAILABLE = 3102
    CHAIN_UNAVAILABLE = 3103
    API_UNAVAILABLE = 3104
    PUBLISHING_FAILED = 3105
    CHAIN_REFUSED = 3106
    DATABASE_BUSY = 3107
    SETTING_INVALID = 3201
    COMPETITION_INVALID = 3202
    PORT_TAKEN = 3203
    WALLET_MISSING = 3204
    ARGUMENT_INVALID = 3205
    SERVICE_KEY_INVALID = 3206
    CERTIFICATE_INVALID = 3207
    REVOCATIONS_INVALID = 3208
    COMPETITION_EXPIRED = 3209
    DISK_FULL = 3210
    RECEIPT_INVALID = 3301
    AUDIO_MISSING = 3302
    AUDIO_INVALID = 3303
    TEXT_INVALID = 3304
    LEDGER_INVALID = 3305
    AUDIO_DAMAGED = 3306
    BACKUP_NOT_WRITTEN = 3401
    BACKUP_DAMAGED = 3402
    SCHEMA_UNKNOWN = 3403
    RELEASE_INVALID = 3501
    RELEASE_HELD_BACK = 3502
    RELEASE_NOT_NEWER = 3503
    INTERNAL = 3999

    @property
    def blame(self) -> Blame:
        """The party at fault, by the code's first digit."""
        match self // 1000:
            case 1:
                return Blame.SUBMISSION
            case 2:
                return Blame.INFRASTRUCTURE
            case _:
                return Blame.PLATFORM

    @property
    def slug(self) -> str:
        """The code's name as it appears in URLs and JSON."""
        return self.name.lower().replace("_", "-")
