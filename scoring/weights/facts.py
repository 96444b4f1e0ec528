"""All that is known of a uid in a plan, as plain data: what `voice validator explain` and the API's `/v1/explain` answer with."""

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from scoring.ranking.state import TrackState
from scoring.types import Entrant, Uid
from scoring.weights.explanation import explain
from scoring.weights.plan import Snapshot, WeightPlan


def uid_facts(snapshot: Snapshot, plan: WeightPlan, uid: Uid) -> Mapping[str, Any]:
    """A uid's share and weight, the reason in words, and by track its place, evidence, lineage, lacks and duels.

    Raises KeyError for a uid that the plan has no line for.
    """
    line = {line.uid: line for line in plan.lines}[uid]
    words = explain(snapshot, plan, line.uid)
    tracks = [
        asdict(share) | asdict(why) | _duels(snapshot.state.of(share.track), share.entrant)
        for share, why in zip(line.tracks, words.tracks, strict=True)
    ]
    facts = {"uid": line.uid, "hotkey": line.hotkey, "share": line.share, "weight": plan.vector.get(line.uid, 0.0)}
    return facts | {"reason": words.reason, "tracks": tracks, "block": snapshot.block, "round": snapshot.state.round}


def _duels(state: TrackState, entrant: Entrant) -> dict[str, Any]:
    """The throne of a track, and a submission's duels there."""
    own = state.duel if state.duel is not None and state.duel.challenger == entrant else None
    duel = None if own is None else asdict(own) | {"wealth": own.wealth}
    challenger = next((asdict(each) for each in state.challengers if each.entrant == entrant), None)
    ended = [asdict(over) for over in state.ended if over.entrant == entrant]
    return {"king": entrant == state.king, "throne": state.throne, "duel": duel, "challenger": challenger, "duels_over": ended}
