"""The weights if a hotkey's model scored otherwise, for long enough, and everything else stayed as it is."""

from collections.abc import Sequence
from dataclasses import replace

from scoring.competition import Track
from scoring.errors import Code, PlatformError
from scoring.ranking import duel
from scoring.ranking.credit import Credit, settled
from scoring.ranking.state import Record, TrackState
from scoring.types import MICRO, Block, Hotkey, entrant, parse_entrant, to_micro
from scoring.weights.plan import Snapshot


def supposed(snapshot: Snapshot, hotkey: Hotkey, score: float, rules: Track) -> Snapshot:
    """The snapshot if the mean of the hotkey's record in a track were `score` in [0, 1], with the spread that it has.

    A model that then leads the king by more than the margin has taken the top, and its lead is its credit. A commitment that was not
    judged yet is supposed to have been, in one round, at the rules' own spread. Raises PlatformError(ARGUMENT_INVALID) for a hotkey that
    is not registered, or has nothing that could be judged.
    """
    if hotkey not in snapshot.uids:
        raise PlatformError(Code.ARGUMENT_INVALID, f"{hotkey} is not registered on this subnet.")
    state = snapshot.state.of(rules.name)
    old = _record(snapshot, state, hotkey, rules)
    total = to_micro(score) * old.groups
    spread = old.squares * old.groups - old.total * old.total
    new = replace(old, total=total, squares=(spread + total * total) // old.groups)
    others = [record for record in state.records if record.entrant != old.entrant]
    records = tuple(sorted((*others, new), key=lambda record: record.entrant))
    rejections = tuple(rejection for rejection in state.rejections if rejection.entrant != old.entrant)
    now = _succeeded(replace(state, records=records, rejections=rejections), new, snapshot, rules)
    tracks = {each.track: each for each in snapshot.state.tracks} | {rules.name: now}
    return replace(snapshot, state=replace(snapshot.state, tracks=tuple(tracks[name] for name in sorted(tracks))))


def track_of(snapshot: Snapshot, hotkey: Hotkey, names: Sequence[str]) -> str:
    """Of the tracks with these names the one of a hotkey's newest submission that was judged, or rejected there; else the only one.

    Raises PlatformError(ARGUMENT_INVALID) where none of them can be meant, or each.
    """
    tracks = [state for state in snapshot.state.tracks if state.track in names]
    commits = {name: state.track for state in tracks for name in state.known if parse_entrant(name)[0] == hotkey}
    if commits:
        return commits[max(commits, key=lambda name: parse_entrant(name)[1])]
    committed_at(snapshot, hotkey)
    if len(names) > 1:
        why = f"nothing of {hotkey} was judged yet: name the track that its model is for with --track: {', '.join(names)}"
        raise PlatformError(Code.ARGUMENT_INVALID, why)
    return names[0]


def committed_at(snapshot: Snapshot, hotkey: Hotkey) -> Block:
    """The block of what a hotkey committed last; raises PlatformError(ARGUMENT_INVALID) where nothing can be judged."""
    if hotkey not in snapshot.uids:
        raise PlatformError(Code.ARGUMENT_INVALID, f"{hotkey} is not registered on this subnet.")
    block = snapshot.committed.get(hotkey)
    if block is None or block < snapshot.registered_at[hotkey]:
        raise PlatformError(Code.ARGUMENT_INVALID, f"{hotkey} has committed nothing since it was registered.")
    return block


def _succeeded(state: TrackState, new: Record, snapshot: Snapshot, rules: Track) -> TrackState:
    """The state once the model has won its duel, if it leads the king by more than the margin."""
    king = None if state.king is None else state.record(state.king)
    if king is None or king.hotkey == new.hotkey:
        return state
    lead = new.micro - king.micro
    if lead <= duel.margin(rules.duel, snapshot.block - state.king_since, king.micro):
        return state
    groups = rules.pay.measured_groups
    credit = Credit(
        entrant=new.entrant,
        over=king.entrant,
        owed=state.owed,
        groups=groups,
        total=lead * groups,
        squares=lead * lead * groups,
    )
    return replace(
        state,
        king=new.entrant,
        throne=f"king if it led {king.entrant} by {lead / MICRO:.4f}, more than the margin",
        duel=None,
        challengers=(),
        leads=settled((*state.leads, credit), new.entrant, snapshot.block, rules.pay),
    )


def _record(snapshot: Snapshot, state: TrackState, hotkey: Hotkey, rules: Track) -> Record:
    """The hotkey's newest record that counts, or one such as a first round leaves."""
    own = [record for record in state.records if record.hotkey == hotkey and snapshot.eligible(record.entrant)]
    if own:
        return max(own, key=lambda record: record.commit_block)
    name = entrant(hotkey, committed_at(snapshot, hotkey))
    if (
        other := next((each.track for each in snapshot.state.tracks if name in each.known and each is not state), None)
    ) is not None:
        raise PlatformError(Code.ARGUMENT_INVALID, f"{name} is in the track {other}: its family decides.")
    groups = rules.prompts.groups
    squares = groups * round(rules.duel.prior_sd * MICRO) ** 2
    return Record(
        entrant=name,
        hotkey=hotkey,
        commit_block=parse_entrant(name)[1],
        tiebreak="",
        tensors=None,
        groups=groups,
        total=0,
        squares=squares,
    )
