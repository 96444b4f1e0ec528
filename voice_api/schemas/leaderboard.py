"""The leaderboard on the wire: tracks, their lines by the ledger, and all that is known of a uid."""

from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import Field

from scoring.types import Block, Entrant, EvaluationId, Micro, RoundNumber, Uid, Weight
from voice_api.schemas.submissions import SubmissionOut
from voice_api.schemas.wire import ScoreOut, Ss58, Wire

_NAME = "5GrwvaEF5zXb26Fz9rcQpDWS57CtERHpNehXCPcNoHGKutQY@433012"
EntrantOut = Annotated[Entrant, Field(description="hotkey@commit_block", examples=[_NAME])]
ShareOut = Annotated[Weight, Field(description="Of all emission, 0 … 1.", examples=[0.65])]


class OpenDuelOut(Wire):
    """The duel of a track that is open; scores and leads in integers of 1e-6."""

    challenger: EntrantOut
    king: EntrantOut
    opened: Annotated[RoundNumber, Field(description="At this round's end it opened: the key of `/v1/duels`.", examples=[1_190])]
    wealth: Annotated[float, Field(description="The evidence: it starts at 1, and crowns at `threshold`.", examples=[41.7])]
    threshold: Annotated[float, Field(examples=[620.0])]
    margin: Annotated[Micro, Field(description="The lead that the challenger must exceed.", examples=[12_500])]
    lead: Annotated[
        Micro | None, Field(description="Mean of its group scores less the king's; null before the first.", examples=[31_000])
    ]
    groups: Annotated[int, Field(examples=[128])]
    rounds: Annotated[int, Field(description="In which both were scored.", examples=[4])]
    max_rounds: Annotated[int, Field(description="It ends after so many.", examples=[24])]


class TrackOut(Wire):
    """A track as the ledger has it."""

    track: Annotated[str, Field(examples=["small"])]
    share: Annotated[float, Field(description="Of the emission, 0 … 1.", examples=[1.0])]
    king: Annotated[EntrantOut | None, Field(description="Who holds the top; null while it is empty.")]
    king_since: Annotated[Block | None, Field(description="Where the king's first round began.", examples=[433_440])]
    since_round: Annotated[RoundNumber | None, Field(examples=[1_204])]
    throne: Annotated[str, Field(description="In words: since when, or why nobody.", examples=["king since block 433440: …"])]
    trial_rounds: Annotated[int, Field(description="Rounds of the trial on an empty throne so far.", examples=[0])]
    ranked: Annotated[int, Field(description="Submissions with a rank.", examples=[48])]
    duel: OpenDuelOut | None


class RoundScoreOut(Wire):
    """A score in one round."""

    evaluation_id: Annotated[EvaluationId, Field(examples=[28_113])]
    round: Annotated[RoundNumber, Field(examples=[1_204])]
    score: ScoreOut
    stderr: Annotated[ScoreOut, Field(description="Standard error of the score, in the same unit.", examples=[9_120])]


class LeaderboardRowOut(Wire):
    """One line of the table. Rank, score, share and reasons are the ledger's; null or '' where it ranks the submission not."""

    rank: Annotated[
        int | None,
        Field(description="In its track, from 1: the king, then by credit, then by the score's lower bound.", examples=[1]),
    ]
    king: Annotated[bool, Field(description="Whether it holds the top of its track.")]
    place: Annotated[int | None, Field(description="0 is the king, 1 … who has credit; null is not paid.", examples=[0])]
    share: ShareOut
    weight: Annotated[
        Weight, Field(description="Of its uid: all tracks, and for the owner's what nobody earned.", examples=[0.65])
    ]
    credit: Annotated[Micro, Field(description="What its hotkey's leads are worth, in 1e-6.", examples=[31_000])]
    score: Annotated[ScoreOut, Field(description="Mean over every group of every round, in integers of 1e-6.")]
    stderr: Annotated[ScoreOut, Field(description="Standard error of that mean.", examples=[4_100])]
    low: Annotated[ScoreOut, Field(description="Lower end of its two-sided 99 % interval.", examples=[702_642])]
    high: Annotated[ScoreOut, Field(description="Upper end of it.", examples=[723_766])]
    groups: Annotated[int, Field(description="Groups of that mean.", examples=[992])]
    evidence: Annotated[str, Field(description="The score with its error, and the duel.", examples=["0.7132 ± 0.0041 over …"])]
    lineage: Annotated[str, Field(description="The origin of its weights.", examples=["weights 8a8a8a8a8a8a…, of which …"])]
    lacks: Annotated[str, Field(description="Why it is not paid.", examples=[""])]
    entrant: EntrantOut
    hotkey: Ss58
    uid: Annotated[Uid | None, Field(description="Null once its hotkey is no longer registered.", examples=[17])]
    track: Annotated[str | None, Field(description="Null before its family was known.", examples=["small"])]
    scored_rounds: Annotated[int, Field(examples=[31])]
    last_score: Annotated[ScoreOut, Field(description="Of its last verdict alone: no rank goes by it.", examples=[698_411])]
    reason: Annotated[
        str,
        Field(
            description="In one sentence: place and evidence of who is paid, what any other lacks or waits for.",
            examples=["king: 0.7132 ± 0.0041 over 992 groups, …"],
        ),
    ]
    trend: Annotated[tuple[RoundScoreOut, ...], Field(description="Its last scores, oldest round first.")]
    submission: Annotated[SubmissionOut | None, Field(description="Null where another validator's evidence ranks it.")]


class LeaderboardOut(Wire):
    """A page of the public table, by the ledger of the API's validator."""

    round: Annotated[RoundNumber | None, Field(description="Of the ledger's head; null before the first fold.", examples=[1_204])]
    ledger_hash: Annotated[str, Field(description="Of the ledger's head; '' without one.", examples=["b7" * 32])]
    block: Annotated[Block | None, Field(description="Of the registry.", examples=[433_900])]
    waits: Annotated[str, Field(description="What ranks wait for; '' where there are some.", examples=[""])]
    burn: Annotated[Weight, Field(description="The part of the emission that nobody earned.", examples=[0.0])]
    tracks: tuple[TrackOut, ...]
    rows: Annotated[
        tuple[LeaderboardRowOut, ...],
        Field(description="First what is ranked, track by track; then what is scored, what waits, and what was refused."),
    ]
    next: Annotated[Entrant | None, Field(description="The next page's `after`; null on the last page.", examples=[None])]


class ExplainedTrackOut(Wire):
    """A uid's place and share in a track, and why; duels as the ledger has them."""

    track: Annotated[str, Field(examples=["small"])]
    entrant: EntrantOut
    share: ShareOut
    place: Annotated[int | None, Field(description="0 is the king; null is not paid.", examples=[0])]
    rank: Annotated[int | None, Field(examples=[1])]
    credit: Annotated[Micro, Field(description="In 1e-6.", examples=[31_000])]
    evidence: Annotated[str, Field(examples=["0.7132 ± 0.0041 over …"])]
    lineage: Annotated[str, Field(examples=["weights 8a8a8a8a8a8a…, of which …"])]
    lacks: Annotated[str, Field(examples=[""])]
    reason: Annotated[str, Field(examples=["king: 0.7132 ± 0.0041 over 992 groups, …"])]
    king: bool
    throne: Annotated[str, Field(examples=["king since block 433440: …"])]
    duel: Annotated[Mapping[str, Any] | None, Field(description="The open one, if it is its.", examples=[{"wealth": 41.7}])]
    challenger: Annotated[
        Mapping[str, Any] | None, Field(description="What it promises beside the king.", examples=[{"promise": 90_000}])
    ]
    duels_over: Annotated[
        tuple[Mapping[str, Any], ...],
        Field(description="Those that ended in the last round.", examples=[[{"outcome": "futile"}]]),
    ]


class UidExplanationOut(Wire):
    """All that the ledger and the registry say of a uid: what `voice validator explain --json` says, by what everybody may read."""

    uid: Annotated[Uid, Field(examples=[17])]
    hotkey: Ss58
    share: ShareOut
    weight: Annotated[Weight, Field(description="With what nobody earned, for the owner's uid.", examples=[0.65])]
    reason: Annotated[str, Field(description="Each track by its name.", examples=["small: king: 0.7132 ± …"])]
    tracks: tuple[ExplainedTrackOut, ...]
    block: Annotated[Block, Field(description="Of the registry.", examples=[433_900])]
    round: Annotated[RoundNumber, Field(description="Of the ledger's head.", examples=[1_204])]
