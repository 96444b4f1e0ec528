"""The words for each code: what it means, and what to do about it. docs/errors.md is rendered from them."""

from dataclasses import dataclass

from scoring.errors.codes import Code

_ENDS = (".", "!", "?", "…")
"""Of a sentence."""


@dataclass(frozen=True, slots=True)
class Explanation:
    """The meaning of a code, and the advice to whoever reads it: one or two sentences each."""

    meaning: str
    advice: str


def with_advice(detail: str | None, code: Code) -> str:
    """A reason (without one, the code's meaning) and what to do about it, as sentences.

    >>> with_advice("the chain is away", Code.CHAIN_UNAVAILABLE)
    'the chain is away. Check --network and that the node runs.'
    """
    said = (detail or EXPLANATIONS[code].meaning).strip()
    return f"{said}{'' if said.endswith(_ENDS) else '.'} {EXPLANATIONS[code].advice}"


EXPLANATIONS: dict[Code, Explanation] = {
    Code.COMMITMENT_MALFORMED: Explanation(
        "The commitment is not of the form v2:<repo>:<revision>:<tag>.",
        "Give `voice miner commit` a repository <namespace>/<name> and 40 hex digits of its revision.",
    ),
    Code.TOO_EARLY: Explanation(
        "The hotkey committed again inside its cooldown.", "Wait for the cooldown to end, then commit again."
    ),
    Code.TIMELOCKED: Explanation("A timelocked commitment loses its commit block when revealed.", "Commit in plain form."),
    Code.BANNED: Explanation("The operator banned this hotkey.", "Ask the operator; the reason stands beside the code."),
    Code.REPO_NOT_PUBLIC: Explanation(
        "The repository or revision could not be read without a login.", "Make the repository public."
    ),
    Code.REPO_TOO_LARGE: Explanation("The repository is larger than the competition allows.", "Publish a smaller model."),
    Code.FILE_NOT_ALLOWED: Explanation(
        "The repository holds a file that is not allowed (pickles and code never are).",
        "Remove it, or give it the name that docs/families.md has for it.",
    ),
    Code.WEIGHTS_MISSING: Explanation(
        "The repository lacks the safetensors file that its family needs.",
        "Save the weights as safetensors, under the name that docs/families.md has for them.",
    ),
    Code.HEADER_INVALID: Explanation(
        "A safetensors header is out of bounds, has holes or overlaps.", "Save the file again with the safetensors package."
    ),
    Code.ARCHITECTURE_NOT_ALLOWED: Explanation(
        "The model family is not allowed in this competition.", "See the competition's list of architectures."
    ),
    Code.LICENCE_NOT_OPEN: Explanation(
        "The model card names no open licence.", "Add an open licence to README.md's front matter."
    ),
    Code.CONFIG_INVALID: Explanation(
        "config.json, or another file that the family needs, is missing, not JSON, or not what it should be.",
        "Save it again as docs/families.md says; `voice miner check` names everything that is wrong.",
    ),
    Code.TAG_MISMATCH: Explanation(
        "The tag does not bind this content to this hotkey: bytes changed, or somebody else's commitment was replayed.",
        "Commit again after publishing the final files.",
    ),
    Code.COPY: Explanation("The same model was committed earlier.", "Publish a model of your own."),
    Code.LOAD_FAILED: Explanation(
        "The model could not be loaded inside the sandbox.", "Try `voice miner check --speak` on the published files."
    ),
    Code.LOAD_TIMEOUT: Explanation(
        "The model did not load in time, and a reference guest on the same host did.", "Publish a model that loads faster."
    ),
    Code.SAMPLE_TIMEOUT: Explanation(
        "The model did not speak in time, and a reference guest on the same host did.", "Publish a model that speaks faster."
    ),
    Code.GENERATION_FAILED: Explanation("The model failed while it spoke.", "Try `voice miner score` on the published files."),
    Code.MEMORY_EXCEEDED: Explanation("The model needed more memory than the competition allows.", "Publish a smaller model."),
    Code.OUTPUT_TOO_LARGE: Explanation(
        "The model returned more audio than the competition allows.", "Make the model stop at the end of the text."
    ),
    Code.FAILED_ALIKE: Explanation(
        "The model failed in the same unforeseen way on two hosts.", "Try `voice miner score` on the published files."
    ),
    Code.HUB_UNAVAILABLE: Explanation("The model hub did not answer as it should.", "Nothing to do: it is tried again."),
    Code.DOWNLOAD_INTERRUPTED: Explanation(
        "A download broke off or did not match its checksum.", "Nothing to do: it is tried again."
    ),
    Code.SANDBOX_UNAVAILABLE: Explanation(
        "This host cannot enforce the sandbox.", "Operator: use a kernel with Landlock and seccomp, see docs/architecture.md."
    ),
    Code.SANDBOX_OPEN: Explanation(
        "A hostile guest of the worker's own got out of this host's sandbox; the message names the way.",
        "Operator: let no model speak on this host; docs/security.md names the wall, `voice worker selftest` tries again.",
    ),
    Code.HOST_TOO_SLOW: Explanation("The reference guest was too slow as well.", "Nothing to do: it is tried again."),
    Code.JUDGE_UNAVAILABLE: Explanation(
        "A judge could not be loaded or failed.",
        "Operator: read the worker's log; `voice worker prepare judges` installs what is missing.",
    ),
    Code.STORE_UNAVAILABLE: Explanation(
        "A folder of this host, or the storage of the evidence, cannot be read or written.",
        "Operator: check what the message names (VOICE_STORE, VOICE_DATA): a folder's disk and rights, storage's address and keys.",
    ),
    Code.CERTIFICATE_EXPIRED: Explanation(
        "The worker's certificate ran out.", "Operator: certify its service key again with `voice validator certify`."
    ),
    Code.LIBRARY_MISSING: Explanation(
        "Code that a guest needs (a family's library, a file's reader) is missing on this host, or lies where no guest may read.",
        "Operator: the detail names it; install it into the environment that the program runs in, from constraints.txt.",
    ),
    Code.PART_UNAVAILABLE: Explanation(
        "A part that the competition pins for a family, as its codec, is not to be had.",
        "Operator: see what the hub says of the repository that the message names.",
    ),
    Code.ENVIRONMENT_UNAVAILABLE: Explanation(
        "The packages that a family's guests need are not prepared on this host, or were changed.",
        "Operator: run `voice worker prepare FAMILY` with the family that the message names, see docs/operations.md.",
    ),
    Code.CARD_UNAVAILABLE: Explanation(
        "This host has no card that a model could speak on, or its card does not work.",
        "Operator: the message says what is missing; `make check-gpu` tries the card, see docs/operations.md.",
    ),
    Code.LEASE_EXPIRED: Explanation("A worker stopped reporting progress.", "Nothing to do: another worker takes over."),
    Code.WORKER_ERROR: Explanation(
        "The worker failed in a way nobody foresaw.", "Operator: read the worker's log and report it."
    ),
    Code.COMPETITION_MISMATCH: Explanation(
        "The worker's competition file differs from the round's.", "Operator: give every process the same competition file."
    ),
    Code.STAGE_STALLED: Explanation(
        "A stage of the evaluation made no progress within its limit.", "Nothing to do: it is tried again."
    ),
    Code.SPEECH_LATE: Explanation(
        "The sentence was not spoken within its time: the workers were busy, or away.", "Ask again later: evaluations come first."
    ),
    Code.REQUEST_INVALID: Explanation("The request does not fit the schema.", "Compare it with /docs."),
    Code.NOT_AUTHENTICATED: Explanation(
        "The request is not signed, or its signature does not hold.", "Sign it as btauth/1 asks."
    ),
    Code.NOT_ALLOWED: Explanation("This hotkey may not do that.", "Ask the operator to add the hotkey to the allow-list."),
    Code.NOT_FOUND: Explanation(
        "Nothing is stored under this name: a path, an id, a hash, a round or a uid.",
        "Take the name from a list, such as /v1/submissions or /v1/rounds; /docs shows the paths that exist.",
    ),
    Code.BODY_TOO_LARGE: Explanation("The request's body is too large.", "Send less at a time."),
    Code.REGISTRY_STALE: Explanation("The stored registry is newer or too old.", "Check the model queue and its chain."),
    Code.RATE_LIMITED: Explanation("Too many requests.", "Wait as long as Retry-After says, then send it again."),
    Code.IDEMPOTENCY_MISMATCH: Explanation(
        "This Idempotency-Key came with another request before.", "Use a new key for a new request."
    ),
    Code.RECEIVER_MISMATCH: Explanation(
        "The request is signed for another hotkey than the API's.",
        "Set VOICE_API_HOTKEY to the hotkey that the API answers as, if this is the API you mean.",
    ),
    Code.SPEECH_OFF: Explanation(
        "This API speaks no sentences for the public: its operator has not switched that on.",
        "Ask another validator's API; operator: set VOICE_SPEECH, see docs/operations.md.",
    ),
    Code.VOICE_MISSING: Explanation(
        "There is no such voice: no king yet, no such track, or no submission of this hotkey that has a score and was not set aside.",
        "Name `king` with one of the tracks of /v1/ledger, or a hotkey of /v1/leaderboard.",
    ),
    Code.DESCRIPTION_UNHEARD: Explanation(
        "The model's family hears no description: it speaks in the one voice that it was trained on.",
        "Leave the description away, or choose a voice of a family that hears one, see docs/families.md.",
    ),
    Code.STATE_CONFLICT: Explanation(
        "The request does not fit the present state of what it names; the detail says which state that is.",
        "Wait until the state allows it, or order what fits the state. Nothing was changed.",
    ),
    Code.DATABASE_UNAVAILABLE: Explanation(
        "PostgreSQL cannot be reached, or cannot do what it is asked.", "Check DATABASE_URL, that the server runs, and its log."
    ),
    Code.REDIS_UNAVAILABLE: Explanation("Redis cannot be reached.", "Check REDIS_URL and that the server runs."),
    Code.CHAIN_UNAVAILABLE: Explanation("The chain cannot be reached.", "Check --network and that the node runs."),
    Code.API_UNAVAILABLE: Explanation("The voice API cannot be reached.", "Check VOICE_API_URL and that the API runs."),
    Code.PUBLISHING_FAILED: Explanation(
        "The model hub did not take the model.", "Check HF_ENDPOINT and HF_TOKEN, and that the hub can be reached."
    ),
    Code.CHAIN_REFUSED: Explanation(
        "The chain refused the transaction by one of its rules; the detail names the rule.",
        "Do what the rule asks, then send it again: register the hotkey, wait out a rate limit, fund the coldkey, or correct the value.",
    ),
    Code.DATABASE_BUSY: Explanation(
        "PostgreSQL is there, and every connection to it is taken; the detail says whether of this process or of the server.",
        "Send it again in a while. Operator: see who holds them in pg_stat_activity; for the server's, stop what is not needed or raise "
        "max_connections.",
    ),
    Code.SETTING_INVALID: Explanation("A setting is missing or wrong.", "See `voice config show` and .env.example."),
    Code.COMPETITION_INVALID: Explanation("The competition file is wrong.", "Compare it with scoring/competition.toml."),
    Code.PORT_TAKEN: Explanation("The port is in use.", "Name another port, or none to get a free one."),
    Code.WALLET_MISSING: Explanation(
        "There is no such wallet or hotkey.", "Create it with `voice wallet create`, or name another with -w and -H."
    ),
    Code.ARGUMENT_INVALID: Explanation("An argument of the command is wrong.", "Add --help to the command to see what it takes."),
    Code.SERVICE_KEY_INVALID: Explanation(
        "The worker's service key cannot be read or written.", "Check VOICE_SERVICE_KEY; delete a broken file to get a new key."
    ),
    Code.CERTIFICATE_INVALID: Explanation(
        "The service key has no valid certificate.", "Certify it: `voice validator certify`, with the validator's hotkey."
    ),
    Code.REVOCATIONS_INVALID: Explanation(
        "The list of revoked certificates does not hold.",
        "Restore VOICE_REVOCATIONS from a copy, or revoke again into a new file: until then no round is folded.",
    ),
    Code.COMPETITION_EXPIRED: Explanation(
        "The competition's rules have ended.", "Install the release with the next version of the competition, and start again."
    ),
    Code.DISK_FULL: Explanation(
        "There is no space left where the command writes.", "Make room, or write elsewhere; then give it again."
    ),
    Code.RECEIPT_INVALID: Explanation("The receipt does not hold.", "Do not count it; the message says what is wrong."),
    Code.AUDIO_MISSING: Explanation("The audio of a sample is not in the store.", "Name the store with --store, or VOICE_STORE."),
    Code.AUDIO_INVALID: Explanation(
        "The audio file cannot be used.", "Give a WAV, FLAC or OGG file that plays in an ordinary player and is not too long."
    ),
    Code.TEXT_INVALID: Explanation(
        "The text cannot be judged or spoken.",
        "Write what is said, in English words; spell out figures that can be read in two ways.",
    ),
    Code.LEDGER_INVALID: Explanation(
        "The ledger does not follow from its receipts.",
        "Take over nothing from it: ask its validator, and compare both with `voice validator diff`.",
    ),
    Code.AUDIO_DAMAGED: Explanation(
        "A kept sound is not the one that was judged.",
        "Operator: put the file back from a copy of the store. Nothing that was decided changes: receipts bind the sound by its hash.",
    ),
    Code.BACKUP_NOT_WRITTEN: Explanation(
        "The backup could not be written; no file is left.",
        "Make room on the disk that the message names, or name another folder. Earlier backups are as they were.",
    ),
    Code.BACKUP_DAMAGED: Explanation(
        "The file is no backup, or is damaged.",
        "Take another one: `voice backup verify FILE` says which are whole.",
    ),
    Code.SCHEMA_UNKNOWN: Explanation(
        "A newer release made this; this one does not know its schema.",
        "Install that release or a newer one; or go back by a restore point, see docs/operations.md, Upgrades and going back.",
    ),
    Code.RELEASE_INVALID: Explanation(
        "The record of a release is not signed by the release key, or has no form of one.",
        "Run nothing of it. Compare VOICE_RELEASE_KEY with the address that the project publishes, and where the record came from.",
    ),
    Code.RELEASE_HELD_BACK: Explanation(
        "The release is too young for this node.",
        "Wait: the updater asks again. VOICE_HOLD_BACK_HOURS says for how long a release is held back.",
    ),
    Code.RELEASE_NOT_NEWER: Explanation(
        "The release is not newer than what this node has taken.",
        "Nothing is to be done for the same version. An older one comes from an old copy: see where VOICE_RELEASE_URL leads.",
    ),
    Code.INTERNAL: Explanation("The service failed.", "Report it with the request id."),
}
