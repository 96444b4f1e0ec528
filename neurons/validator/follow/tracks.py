"""A validator that judges some tracks, and follows another's evidence for the others: what a machine without a GPU does.

The rule: a track is judged here, or its evidence is taken from the followed validator, whose certificates are trusted and whose
evaluations are judged again like any follower's. So its share goes to whom its evidence names, and nothing of it is burned.
"""

from dataclasses import dataclass, replace

import structlog

from neurons.api_client.client import ApiUnavailable
from neurons.validator.evidence import Evidence
from neurons.validator.follow.audit import believed, draw
from neurons.validator.ledger import LEFT
from scoring.competition import Competition, Schedule
from scoring.errors import Code, PlatformError
from scoring.ranking.state import BANNED, State
from scoring.receipts.certificate import Trust
from scoring.types import Block, BlockHash, Entrant, Hotkey, RoundNumber, entrant, parse_entrant
from voice_api.db.audits import Audits
from voice_api.db.ledger import LedgerEntry
from voice_api.db.rounds import Eligibility, EvaluationResult, RoundEvidence
from voice_api.db.states import RoundState

log = structlog.get_logger()
_BANNED_THERE = "banned where it is judged"


def check(tracks: frozenset[str], schedule: Schedule, follow: str) -> None:
    """Raise PlatformError(SETTING_INVALID) for a track that no version has, or one of any version that is neither judged nor followed."""
    names = {track.name for version in schedule.version for track in version.track}
    if strangers := sorted(tracks - names):
        why = f"VOICE_TRACKS names {', '.join(strangers)}; the competition has {', '.join(sorted(names))}"
        raise PlatformError(Code.SETTING_INVALID, why)
    if not follow and (left := sorted(names - tracks)):
        why = f"nobody judges {', '.join(left)} here: name a validator that does with --follow, or the track in VOICE_TRACKS"
        raise PlatformError(Code.SETTING_INVALID, why)


@dataclass(frozen=True, slots=True, kw_only=True)
class FollowedTracks:
    """The evidence of another validator for the tracks that are not judged here, and the audits of it."""

    theirs: Evidence
    own: frozenset[str]
    """The tracks that are judged here."""
    audits: Audits
    rate: float
    """The share of their evaluations that is judged again."""

    async def added(self, mine: RoundEvidence, state: State, block: Block, rules: Competition) -> RoundEvidence | None:
        """A closed round's own evidence and theirs of the same round; None while theirs is worth waiting for.

        It is waited for until a round after the own one's deadline. Then, or where they skipped the round, nothing is known of their
        tracks in it: nothing is lost by that. Rules of which every track is judged here need nothing of theirs. Raises outages of
        their API, and of the database.
        """
        followed = frozenset(track.name for track in rules.track) - self.own
        if not followed:
            return mine
        is_late = block >= mine.round.deadline_block + rules.round.blocks
        theirs, skipped = None, False
        try:
            theirs = await self._closed(mine.round.round)
            skipped = theirs is None and await self.theirs.next(mine.round.round) is not None
        except ApiUnavailable:
            if not is_late:
                raise
        if theirs is None and not skipped and not is_late:
            return None
        _log_silence(mine.round.round, theirs, followed, skipped=skipped)
        late = frozenset() if theirs is not None or skipped else followed
        return replace(merged(mine, theirs, state, self.own), missing=late)

    async def _closed(self, number: RoundNumber) -> RoundEvidence | None:
        """Their round, once it is closed."""
        try:
            found = await self.theirs.of(number)
        except PlatformError as missing:
            if missing.code is not Code.NOT_FOUND:
                raise
            return None
        return found if found.round.state is RoundState.CLOSED else None

    async def trust(self, trusted: Trust, rules: Competition, number: RoundNumber) -> Trust:
        """The trust without workers that were found out."""
        return await believed(trusted, self.audits, rules.audits, number)

    async def draw(self, me: Hotkey, closed_at: BlockHash, entry: LedgerEntry, found: RoundEvidence) -> None:
        """Draw from what was taken over the evaluations that are judged again; done twice it changes nothing."""
        theirs = replace(found, results=tuple(result for result in found.results if result.track not in {None, *self.own}))
        await self.audits.draw(entry.round, tuple(draw(me, closed_at, entry, theirs, self.rate)))


def _log_silence(number: RoundNumber, theirs: RoundEvidence | None, followed: frozenset[str], *, skipped: bool) -> None:
    """Say where nothing came of a followed track: whoever follows one that does not judge it would else burn its share unawares."""
    if theirs is None:
        log.warning("followed tracks: nothing is known of this round", round=number, skipped=skipped)
    elif silent := sorted(followed.difference(result.track for result in theirs.results)):
        log.warning("followed tracks: no model of them was judged there", round=number, tracks=silent)


def merged(mine: RoundEvidence, theirs: RoundEvidence | None, state: State, own: frozenset[str]) -> RoundEvidence:
    """The own results of the own tracks, and theirs of the others; so it is with who is eligible.

    What was judged here before anybody knew that its track is followed is left out, and what was rejected there before its family was
    known, too: that is found here as well. Over what an own track judges or knows they decide nothing, whatever their rows say.
    """
    found = () if theirs is None else theirs.results
    here = _OwnTracks.of(mine, state, own)
    taken = tuple(result for result in found if result.track not in {None, *own} and here.lets_go(result))
    names = {_name(result) for result in taken}
    kept = tuple(
        result for result in mine.results if (result.track is None or result.track in own) and _name(result) not in names
    )
    elsewhere = frozenset(names).union(*(track.known for track in state.tracks if track.track not in own))
    return replace(mine, results=(*kept, *taken), eligibility=_eligibility(mine, theirs, elsewhere - here.known, here))


@dataclass(frozen=True, slots=True)
class _OwnTracks:
    """All that the own tracks judge or know: submissions, and hotkeys that have something there."""

    judged: frozenset[Entrant]
    known: frozenset[Entrant]
    led: frozenset[Entrant]
    """Submissions that once took the top, and that nobody judges any more: their leads are still paid."""

    @classmethod
    def of(cls, mine: RoundEvidence, state: State, own: frozenset[str]) -> "_OwnTracks":
        tracks = [track for track in state.tracks if track.track in own]
        judged = frozenset(_name(result) for result in mine.results if result.track in own)
        known = frozenset(name for track in tracks for name in track.known)
        return cls(judged, known, frozenset(lead.entrant for track in tracks for lead in track.leads) - known)

    @property
    def hotkeys(self) -> frozenset[Hotkey]:
        return frozenset(parse_entrant(name)[0] for name in self.known | self.led)

    def lets_go(self, result: EvaluationResult) -> bool:
        """Whether a result of theirs is of nothing of the own tracks; what those know has moved only if the receipt says so."""
        name, says = _name(result), result.receipt
        moved = isinstance(says, dict) and says.get("track") == result.track
        return name not in self.judged | self.led and (moved or name not in self.known)


def _eligibility(
    mine: RoundEvidence, theirs: RoundEvidence | None, elsewhere: frozenset[Entrant], here: _OwnTracks
) -> Eligibility | None:
    """Who stays: of the followed tracks whom they say, all others by the own decision. Without theirs everybody stays there.

    A ban costs a hotkey its leads in every track: theirs is told in other words where the own tracks have something of the hotkey.
    """
    if mine.eligibility is None:
        return None
    roll = None if theirs is None else theirs.eligibility
    stay = elsewhere if roll is None else elsewhere & set(roll.eligible)
    gone = {} if roll is None else {name: roll.gone.get(name, LEFT) for name in elsewhere - stay}
    hotkeys = here.hotkeys
    gone |= {name: _BANNED_THERE for name, why in gone.items() if why == BANNED and parse_entrant(name)[0] in hotkeys}
    own = {name for name in mine.eligibility.eligible if name not in elsewhere}
    left = {name: why for name, why in mine.eligibility.gone.items() if name not in elsewhere}
    return replace(mine.eligibility, eligible=tuple(sorted(own | stay)), gone=dict(sorted((left | gone).items())))


def _name(result: EvaluationResult) -> Entrant:
    return entrant(result.hotkey, result.commit_block)
