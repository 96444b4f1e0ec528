"""Blind pairs and listeners' votes on the wire."""

from collections.abc import Mapping
from enum import StrEnum
from typing import Annotated
from uuid import UUID

from pydantic import Field

from scoring.report import Factor
from scoring.types import EvaluationId, Hotkey, Micro, RoundNumber, SubmissionId
from voice_api.db.votes import VoteChoice
from voice_api.schemas.wire import Wire

PairId = Annotated[UUID, Field(description="The pair's id, which says nothing of its models.")]
FactorOut = Annotated[Factor | None, Field(description="A factor; null: as a whole.", examples=[None])]


class PairSide(StrEnum):
    """A clip of a pair."""

    FIRST = "first"
    SECOND = "second"


class PairClipOut(Wire):
    """One clip, without a word of who speaks."""

    opus: Annotated[str, Field(description="The small copy's path.", examples=["/v1/votes/pairs/…/first/opus"])]
    flac: Annotated[str, Field(description="The whole clip's path.", examples=["/v1/votes/pairs/…/first/flac"])]
    lufs: Annotated[float, Field(description="Loudness by BS.1770, LUFS: to play both alike.", examples=[-23.4])]
    peak: Annotated[float, Field(description="Greatest value, 0 … 1: as far as it can be made louder.", examples=[0.62])]
    seconds: Annotated[float, Field(description="Length.", examples=[4.2])]


class BlindPairOut(Wire):
    """Two clips of one prompt by two models of one closed round, to be voted on once, from the address that asked for them."""

    pair: PairId
    round: Annotated[RoundNumber, Field(examples=[1_204])]
    track: Annotated[str, Field(examples=["small"])]
    prompt_id: Annotated[str, Field(examples=["g03.a"])]
    first: PairClipOut
    second: PairClipOut
    seconds_left: Annotated[int, Field(description="So long it can be voted on.", examples=[3_600])]


class VoteIn(Wire):
    """Which clip of a pair is better."""

    pair: PairId
    choice: Annotated[VoteChoice, Field(description="The better clip, or `tie`.", examples=["first"])]
    factor: Annotated[Factor | None, Field(description="Better in what; null: as a whole.", examples=[None])] = None


class JudgedSampleOut(Wire):
    """A clip of the pair, who spoke it, and what the judges found."""

    evaluation_id: EvaluationId
    submission_id: SubmissionId
    hotkey: Hotkey
    repo: str | None
    pcm_sha256: Annotated[str, Field(description="Its audio is at /v1/samples/{pcm_sha256}.", examples=["a5" * 32])]
    score: Annotated[Micro, Field(description="Integers of 1e-6, 0 … 1,000,000; more is better.", examples=[713_204])]
    gate: Annotated[str | None, Field(description="Why the score is 0, if a gate closed.", examples=[None])]
    utilities: Annotated[
        Mapping[str, float], Field(description="0 … 1 by factor, more is better.", examples=[{"intelligibility": 0.93}])
    ]
    heard: Annotated[str, Field(description="The words that the judges heard.", examples=["take the silver ring"])]


class VoteOut(Wire):
    """A vote that was kept, what the clips were, and what the judges prefer: a tie where they differ by .02 or less."""

    choice: VoteChoice
    factor: FactorOut
    judges: Annotated[VoteChoice | None, Field(description="null: the judges have no such number of both.", examples=["second"])]
    first: JudgedSampleOut
    second: JudgedSampleOut


class IntervalOut(Wire):
    """A number with its 95 % interval (bootstrap over pairs); null where too little is known."""

    value: Annotated[float | None, Field(examples=[0.64])]
    low: Annotated[float | None, Field(examples=[0.51])]
    high: Annotated[float | None, Field(examples=[0.75])]


class JudgeAgreementOut(Wire):
    """What listeners were asked, beside one number of the judges'."""

    asked: FactorOut
    judged: Annotated[Factor | None, Field(description="The factor's utility; null: the score.", examples=[None])]
    votes: Annotated[int, Field(examples=[120])]
    pairs: Annotated[int, Field(examples=[96])]
    share: Annotated[IntervalOut, Field(description="Votes that name what the judges prefer, ties among them, 0 … 1.")]
    kappa: Annotated[IntervalOut, Field(description="Cohen's κ: beyond chance, 1 at best, 0 for chance.")]


class AgreementOut(Wire):
    """How well listeners and judges agree. It is no part of any score."""

    votes: Annotated[int, Field(description="Votes counted: the newest ones, at most `most_votes`.", examples=[140])]
    most_votes: Annotated[int, Field(examples=[2_000])]
    tie_within: Annotated[Micro, Field(description="Judges call a smaller difference a tie, 1e-6.", examples=[20_000])]
    rows: tuple[JudgeAgreementOut, ...]
    alpha: Annotated[
        float | None, Field(description="Krippendorff's α among listeners, nominal, over shared pairs.", examples=[0.41])
    ]
    shared_pairs: Annotated[int, Field(description="Pairs with two votes or more.", examples=[20])]
