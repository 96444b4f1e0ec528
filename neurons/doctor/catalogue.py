"""Every row that the doctor can show: its name, what it tells of, and where the documents say more."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType


class CheckName(StrEnum):
    """The parts of a node that are looked at, in the order in which they are shown."""

    SETTINGS = "settings"
    PYTHON = "python"
    KERNEL = "kernel"
    SANDBOX = "sandbox"
    JUDGES = "judges"
    ENVIRONMENTS = "environments"
    CARD = "card"
    DISK = "disk"
    STORE = "store"
    CERTIFICATE = "certificate"
    WALLET = "wallet"
    CHAIN = "chain"
    CLOCK = "clock"
    REGISTRATION = "registration"
    STAKE = "stake"
    PERMIT = "permit"
    VERSION_KEY = "version key"
    COMMITMENT = "commitment"
    COMPETITION = "competition"
    DATABASE = "database"
    SCHEMA = "schema"
    DATABASE_CLOCK = "database clock"
    PROCESSES = "processes"
    REDIS = "redis"
    NONCES = "nonces"
    DISPATCHER = "dispatcher"
    WORKERS = "workers"
    QUEUES = "queues"
    PARKED = "parked"
    REGISTRY = "registry"
    HUB = "hub"
    API = "api"
    API_HOTKEY = "api hotkey"
    ROUND = "round"
    FOLD = "fold"
    RECEIPTS = "receipts"
    TRUST = "trust"
    LEDGER = "ledger"
    WEIGHTS = "weights"
    SEALED_WEIGHTS = "sealed weights"
    BURN = "burn"


@dataclass(frozen=True, slots=True)
class CheckMeaning:
    """What a row tells of, in one sentence, and where the documents say more: a file of docs/ and its heading's anchor."""

    meaning: str
    see: str = ""


_OPERATIONS = "docs/operations.md#"
CATALOGUE: Mapping[CheckName, CheckMeaning] = MappingProxyType(
    {
        CheckName.SETTINGS: CheckMeaning(
            "The settings that this role reads: of the environment, of secrets, and of `voice.toml`."
        ),
        CheckName.PYTHON: CheckMeaning("The Python that runs this, and the packages that this role needs."),
        CheckName.KERNEL: CheckMeaning(
            "The kernel, and what of it keeps a guest in.", f"{_OPERATIONS}what-keeps-a-guest-in-on-this-host"
        ),
        CheckName.SANDBOX: CheckMeaning(
            "Whether a hostile guest finds a way out of this host's sandbox.", f"{_OPERATIONS}does-this-hosts-sandbox-hold"
        ),
        CheckName.JUDGES: CheckMeaning(
            "The judges' networks, each file by its checksum.", f"{_OPERATIONS}a-worker-misses-the-judges-networks"
        ),
        CheckName.ENVIRONMENTS: CheckMeaning(
            "The packages that guests of the competition's families import.",
            f"{_OPERATIONS}a-worker-misses-a-familys-packages",
        ),
        CheckName.CARD: CheckMeaning(
            "The cards (GPUs) that models speak on, and their driver.", f"{_OPERATIONS}jobs-wait-and-none-starts"
        ),
        CheckName.DISK: CheckMeaning("The room that is left where this role writes.", f"{_OPERATIONS}the-store-grows"),
        CheckName.STORE: CheckMeaning("Where audio and receipts are kept.", f"{_OPERATIONS}the-store-grows"),
        CheckName.CERTIFICATE: CheckMeaning(
            "How long the workers' keys may still sign receipts.", f"{_OPERATIONS}renewing-certificates"
        ),
        CheckName.WALLET: CheckMeaning("The hotkey that this node acts as; no key is unlocked to look at it."),
        CheckName.CHAIN: CheckMeaning("The newest block that the chain's node tells of, and how old it is."),
        CheckName.CLOCK: CheckMeaning("This host's clock, compared with the times that stand in the chain's blocks."),
        CheckName.REGISTRATION: CheckMeaning("Whether the hotkey holds a place on the subnet."),
        CheckName.STAKE: CheckMeaning(
            "The stake behind the hotkey, and what the chain asks of who sets weights.",
            "docs/validator.md#what-the-chain-refuses",
        ),
        CheckName.PERMIT: CheckMeaning(
            "The chain's leave to set weights: it goes to the most stake.", "docs/validator.md#what-the-chain-refuses"
        ),
        CheckName.VERSION_KEY: CheckMeaning(
            "The version key that weights carry, and the least one that the subnet takes.",
            "docs/validator.md#what-the-chain-refuses",
        ),
        CheckName.COMMITMENT: CheckMeaning("The model that the hotkey committed on the chain."),
        CheckName.COMPETITION: CheckMeaning(
            "The rules that decide money, and for how many rounds they still hold.", "docs/validator.md#when-rules-change"
        ),
        CheckName.DATABASE: CheckMeaning("PostgreSQL, which holds everything that counts.", f"{_OPERATIONS}postgresql-is-away"),
        CheckName.SCHEMA: CheckMeaning(
            "Whether the database has the tables of this release.", f"{_OPERATIONS}postgresql-is-away"
        ),
        CheckName.PROCESSES: CheckMeaning(
            "Who is connected to the database, and by which release.", f"{_OPERATIONS}upgrades-and-going-back"
        ),
        CheckName.DATABASE_CLOCK: CheckMeaning("This host's clock, compared with PostgreSQL's, by which leases end."),
        CheckName.REDIS: CheckMeaning("Redis, which carries wake-ups to workers.", f"{_OPERATIONS}redis-was-lost"),
        CheckName.NONCES: CheckMeaning(
            "Whether Redis remembers which signed requests came already.", f"{_OPERATIONS}redis-was-lost"
        ),
        CheckName.DISPATCHER: CheckMeaning(
            "Whether a dispatcher leads: it wakes workers and ends leases that ran out.", f"{_OPERATIONS}a-process-is-down"
        ),
        CheckName.WORKERS: CheckMeaning(
            "Live workers by queue; each track needs a worker of its device.", f"{_OPERATIONS}jobs-wait-and-none-starts"
        ),
        CheckName.QUEUES: CheckMeaning("How long due work waits, by queue and track.", f"{_OPERATIONS}jobs-wait-and-none-starts"),
        CheckName.PARKED: CheckMeaning(
            "Evaluations of open rounds that wait for an operator, and drained hosts.", f"{_OPERATIONS}a-job-is-stuck"
        ),
        CheckName.REGISTRY: CheckMeaning(
            "When the model queue last sent the chain's neurons to the API.", f"{_OPERATIONS}a-process-is-down"
        ),
        CheckName.HUB: CheckMeaning(
            "Whether the model hub answers and lists what it has.", f"{_OPERATIONS}the-model-hub-is-away"
        ),
        CheckName.API: CheckMeaning("Whether the voice API answers and can serve.", f"{_OPERATIONS}a-process-is-down"),
        CheckName.API_HOTKEY: CheckMeaning(
            "The hotkey that the API answers as: requests are signed for it.", f"{_OPERATIONS}before-anything-happens"
        ),
        CheckName.ROUND: CheckMeaning("The newest round, and how much of it is judged."),
        CheckName.FOLD: CheckMeaning("The last round that this validator took into its ledger."),
        CheckName.RECEIPTS: CheckMeaning(
            "Whether the receipts of the last judged round count here, and why not.",
            f"{_OPERATIONS}rounds-in-which-nothing-counts",
        ),
        CheckName.TRUST: CheckMeaning(
            "Whether the certificates under the newest receipts are of somebody that this validator trusts.",
            f"{_OPERATIONS}renewing-certificates",
        ),
        CheckName.LEDGER: CheckMeaning("Whether this ledger is the same as the others'.", "docs/validator.md#when-ledgers-part"),
        CheckName.WEIGHTS: CheckMeaning(
            "The last attempt to set weights, and when the chain last took some.", f"{_OPERATIONS}no-new-weights-are-set"
        ),
        CheckName.SEALED_WEIGHTS: CheckMeaning(
            "Whether the chain opens what was sealed, with the beacon's rounds.", f"{_OPERATIONS}no-new-weights-are-set"
        ),
        CheckName.BURN: CheckMeaning("The share of the last weights that nobody earned.", f"{_OPERATIONS}no-new-weights-are-set"),
    }
)
