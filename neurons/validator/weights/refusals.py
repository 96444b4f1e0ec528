"""The chain's refusals of weights: who or what ends each, what to do, and which of them the metagraph already tells."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from neurons.chain.types import Metagraph, Neuron, Refused
from scoring.types import Uid
from scoring.weights.plan import U16_MOST
from voice_api.db.states import RefusalClass

PASSING, PERMANENT, OURS = RefusalClass.PASSING, RefusalClass.PERMANENT, RefusalClass.OURS


@dataclass(frozen=True, slots=True)
class Refusal:
    """A refusal by the chain's name for it ('' for a whole kind of them), its class, and what to do."""

    name: str
    kind: RefusalClass
    advice: str


_SOON = "Do nothing: the validator tries again when the chain allows it."
_MODE = "Do nothing: the subnet changed its rule meanwhile, and the next attempt follows it."
_NONCE = "Do nothing, unless another process uses the same hotkey: then stop one of them."
_VECTOR = "Report it with the attempt's snapshot: such a vector must never leave this program."
_RULES = "Ask the subnet's owner: the chain's {rule} does not fit the number of models that the competition pays."

REFUSALS = (
    Refusal("SettingWeightsTooFast", PASSING, _SOON),
    Refusal("CommittingWeightsTooFast", PASSING, _SOON),
    Refusal("TooManyUnrevealedCommits", PASSING, _SOON),
    Refusal("CommitQueueFull", PASSING, _SOON),
    Refusal("CommitRevealEnabled", PASSING, _MODE),
    Refusal("CommitRevealDisabled", PASSING, _MODE),
    Refusal("Stale", PASSING, _NONCE),
    Refusal("Future", PASSING, _NONCE),
    Refusal(
        "HotKeyNotRegisteredInSubNet", PERMANENT, "Register the hotkey, and compare `VOICE_NETUID` with the announced number."
    ),
    Refusal("NotEnoughStakeToSetWeights", PERMANENT, "Stake more on the hotkey."),
    Refusal("NeuronNoValidatorPermit", PERMANENT, "Stake more: the most stake gets the permits, at the next epoch."),
    Refusal("WeightVecLengthIsLow", PERMANENT, _RULES.format(rule="`min_allowed_weights`")),
    Refusal("MaxWeightExceeded", PERMANENT, _RULES.format(rule="`max_weights_limit`")),
    Refusal("SubnetNotExists", PERMANENT, "Compare `VOICE_NETUID` and `BT_NETWORK` with what is announced."),
    Refusal("IncorrectWeightVersionKey", OURS, "Install the newest release, and set `VOICE_VERSION_KEY` to the subnet's number."),
    Refusal("IncorrectCommitRevealVersion", OURS, "Install the newest release: its SDK seals weights as the chain does now."),
    Refusal("WeightVecNotEqualSize", OURS, _VECTOR),
    Refusal("DuplicateUids", OURS, _VECTOR),
    Refusal("UidVecContainInvalidOne", OURS, _VECTOR),
    Refusal("UidsLengthExceedUidsInSubNet", OURS, _VECTOR),
)
"""The refusals that are known by name."""
_NAMED = {refusal.name: refusal for refusal in REFUSALS}
_BY_CODE: Mapping[str, Refusal] = {
    "rate_limited": Refusal("", PASSING, _SOON),
    "too_early": Refusal("", PASSING, _SOON),
    "not_registered": _NAMED["HotKeyNotRegisteredInSubNet"],
    "subnet_not_exists": _NAMED["SubnetNotExists"],
    "insufficient_balance": Refusal("", PERMANENT, "Give the account that signs enough money for the fee."),
    "not_authorized": Refusal("", PERMANENT, "Look up the chain's name for it: this hotkey may not do that now."),
    "disabled": Refusal("", PERMANENT, "Look up the chain's name for it: the subnet does not take weights now."),
}
"""By the SDK's code, for a name that is not known here."""
UNKNOWN = Refusal("", OURS, "Install the newest release: this one does not know that refusal.")


def refusal_of(refused: Refused) -> Refusal:
    """The class and the advice of what the chain, or the SDK before it, answered: by its name, or else by its code."""
    return _NAMED.get(refused.name) or _BY_CODE.get(refused.code) or UNKNOWN


@dataclass(frozen=True, slots=True)
class Obstacle:
    """A refusal that the metagraph tells beforehand: what the chain asks, and what there is."""

    refusal: Refusal
    why: str

    def __str__(self) -> str:
        """The obstacle, its class and what to do, as the other reasons are written: without a last full stop."""
        return f"{self.why} ({self.refusal.name}, {self.refusal.kind.value}). {self.refusal.advice.rstrip('.')}"


def obstacle(metagraph: Metagraph, neuron: Neuron, row: Mapping[Uid, int], version_key: int) -> Obstacle | None:
    """The first refusal that weights of this row (u16 by uid) would meet, in the order in which the chain looks; None without one.

    Sealed weights meet most of them only when they are opened, and then nobody is told. The rate limit is no obstacle: it says when.
    """
    return next(_obstacles(metagraph, neuron, row, version_key), None)


def _obstacles(metagraph: Metagraph, neuron: Neuron, row: Mapping[Uid, int], version_key: int) -> Iterator[Obstacle]:
    owner, only_self = neuron.hotkey == metagraph.owner_hotkey, set(row) == {neuron.uid}
    if neuron.stake < metagraph.weights_min_stake and not owner:
        why = f"the chain takes weights from a stake of {_tokens(metagraph.weights_min_stake)}, and {_tokens(neuron.stake)} are there"
        yield Obstacle(_NAMED["NotEnoughStakeToSetWeights"], why)
    if version_key < metagraph.weights_version:
        why = f"the subnet asks for version key {metagraph.weights_version}, and `VOICE_VERSION_KEY` is {version_key}"
        yield Obstacle(_NAMED["IncorrectWeightVersionKey"], why)
    if not (neuron.validator_permit or owner or only_self):
        yield Obstacle(_NAMED["NeuronNoValidatorPermit"], "the hotkey has no validator permit")
    if only_self:
        return
    if len(row) < metagraph.min_allowed_weights:
        why = f"the subnet asks for {metagraph.min_allowed_weights} weights above 0, and the plan has {len(row)}"
        yield Obstacle(_NAMED["WeightVecLengthIsLow"], why)
    if max(row.values()) * U16_MOST > metagraph.max_weights_limit * sum(row.values()):
        most, share = metagraph.max_weights_limit / U16_MOST, max(row.values()) / sum(row.values())
        yield Obstacle(
            _NAMED["MaxWeightExceeded"], f"the subnet takes {most:.4f} at most for one uid, and the plan has {share:.4f}"
        )


def _tokens(rao: int) -> str:
    return f"{rao / 1e9:g} tokens"
