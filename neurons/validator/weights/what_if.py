"""The weights if a hotkey's model scored otherwise and everything else stayed as it is."""

from dataclasses import replace

from scoring.competition import Competition
from scoring.errors import Code, PlatformError
from scoring.ranking.state import Record
from scoring.types import MICRO, Hotkey, entrant, to_micro
from scoring.weights.plan import Snapshot


def supposed(snapshot: Snapshot, hotkey: Hotkey, score: float, rules: Competition) -> Snapshot:
    """The snapshot if the mean of the hotkey's record were `score` in [0, 1], with the spread that it has.

    A commitment that was not judged yet is supposed to have been, in one round, at the rules' own spread, and as fast as the fastest.
    The top stays with the king: it changes hands by a duel alone. Raises PlatformError(ARGUMENT_INVALID) for a hotkey that is not
    registered, or has nothing that could be judged.
    """
    if hotkey not in snapshot.uids:
        raise PlatformError(Code.ARGUMENT_INVALID, f"{hotkey} is not registered on this subnet.")
    old = _record(snapshot, hotkey, rules)
    total = to_micro(score) * old.groups
    spread = old.squares * old.groups - old.total * old.total
    new = replace(old, total=total, squares=(spread + total * total) // old.groups)
    state = snapshot.state
    others = [record for record in state.records if record.entrant != old.entrant]
    records = tuple(sorted((*others, new), key=lambda record: record.entrant))
    rejections = tuple(rejection for rejection in state.rejections if rejection.entrant != old.entrant)
    return replace(snapshot, state=replace(state, records=records, rejections=rejections))


def _record(snapshot: Snapshot, hotkey: Hotkey, rules: Competition) -> Record:
    """The hotkey's newest record that counts, or one such as a first round leaves."""
    own = [record for record in snapshot.state.records if record.hotkey == hotkey and snapshot.eligible(record)]
    if own:
        return max(own, key=lambda record: record.commit_block)
    block = snapshot.committed.get(hotkey)
    if block is None or block < snapshot.registered_at[hotkey]:
        raise PlatformError(Code.ARGUMENT_INVALID, f"{hotkey} has committed nothing since it was registered.")
    groups = rules.round.single + rules.round.counterfactual + rules.round.voice
    fastest = min((record.speed for record in snapshot.state.records if record.speed), default=0)
    squares = groups * round(rules.duel.prior_sd * MICRO) ** 2
    return Record(
        entrant=entrant(hotkey, block),
        hotkey=hotkey,
        commit_block=block,
        tiebreak="",
        tensors=None,
        groups=groups,
        total=0,
        squares=squares,
        speed=fastest,
    )
