"""A signed receipt on the wire, as its file holds it, and the samples that it lists."""

from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import Field

from scoring.report import FlagKind
from scoring.types import Micro
from voice_api.schemas.prompts import PromptOut
from voice_api.schemas.wire import Page, Wire


class ReceiptOut(Wire):
    """Save the body as a file: `voice verify FILE` checks it.

    Without signature and certificate it was judged before receipts were signed.
    """

    receipt: Annotated[
        Mapping[str, Any], Field(description="As it was hashed and signed.", examples=[{"version": 6, "score": 713_204}])
    ]
    signature: Annotated[str | None, Field(description="The service key's, hex.", examples=["5c" * 64])]
    certificate: Annotated[
        Mapping[str, Any] | None,
        Field(description="Why the service key counts.", examples=[{"host": "worker-1", "serial": "91"}]),
    ]


class FlagOut(Wire):
    """What was noticed about a sample: evidence for whoever listens, no part of a score."""

    kind: FlagKind
    value: Annotated[float, Field(description="What it stands on: a share, 0 … 1; of `equalised` dB.", examples=[0.83])]
    other: Annotated[str, Field(description="The prompt whose recording or words it has; '' where there is none.", examples=[""])]


class SampleOut(Wire):
    """One prompt's outcome. Its loudness is at /v1/samples/{pcm_sha256}/loudness."""

    position: Annotated[int, Field(description="In the round's own order, from 0.", examples=[0])]
    prompt_id: Annotated[str, Field(examples=["single-03"])]
    group_id: Annotated[str, Field(examples=["single-03"])]
    score: Annotated[Micro, Field(description="Integers of 1e-6, 0 … 1,000,000; more is better.", examples=[713_204])]
    gate: Annotated[str | None, Field(description="Why the score is 0, if a gate closed.", examples=[None])]
    metrics: Annotated[Mapping[str, float], Field(description="Raw numbers by name.", examples=[{"wer": 0.05}])]
    utilities: Annotated[
        Mapping[str, float], Field(description="0 … 1 by factor, more is better.", examples=[{"intelligibility": 0.93}])
    ]
    pcm_sha256: Annotated[
        str, Field(description="Its audio is at /v1/samples/{pcm_sha256}; '' without sound.", examples=["a5" * 32])
    ]
    rate: Annotated[int, Field(description="Hz; 0 without sound.", examples=[24_000])]
    seconds: Annotated[float, Field(description="What it took to speak, wall clock.", examples=[1.25])]
    reason: Annotated[
        str, Field(description="Why the model failed on it, in its guest's words; '' if it did not.", examples=[""])
    ]
    heard: Annotated[str, Field(description="The words that the judges heard.", examples=["take the silver ring"])]
    flags: Annotated[tuple[FlagOut, ...], Field(description="What was noticed, as its receipt says; no part of a score.")]
    clip_seconds: Annotated[
        float | None, Field(description="How long the clip lasts; null where its audio is not stored.", examples=[2.75])
    ]
    prompt: Annotated[PromptOut | None, Field(description="What was asked; null where `why` says so.")]
    why: Annotated[str, Field(description="Why what was asked is not known here; '' where it is.", examples=[""])]


class SamplePage(Page[SampleOut]):
    """Samples in the round's own order; `next` is the next page's `after`, absent on the last page."""

    next: Annotated[int | None, Field(examples=[None])]
