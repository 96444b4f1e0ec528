"""An evaluation's samples with what was asked, and how long each lasts."""

import asyncio

from scoring.errors import InfrastructureFault
from scoring.receipts.store import audio_name
from scoring.store.files import NotStored, StoredFiles
from scoring.types import EvaluationId
from voice_api.db.evaluations import SampleRow
from voice_api.schemas.prompts import PromptOut
from voice_api.schemas.receipts import SampleOut, SamplePage
from voice_api.web.dependencies import Service
from voice_api.web.round_prompts import RoundPrompts, round_prompts
from voice_api.web.route import cut

_HEAD_BYTES = 26
"""Of a FLAC file: its mark, a block's header, and of STREAMINFO as far as the number of samples."""

_KEPT = 10_000
"""Clips whose length a process remembers."""


async def sample_page(service: Service, evaluation_id: EvaluationId, after: int | None, limit: int) -> SamplePage:
    """A page of an evaluation's samples in the round's own order; raises PlatformError(NOT_FOUND) for an unknown one."""
    known = await service.stores.queue.get(evaluation_id)
    asked = round_prompts(service.schedule, await service.stores.rounds.get(known.round), known.track)
    shown, last = cut(await service.stores.queue.samples(known.id, after, limit + 1), limit)
    seconds = await asyncio.gather(*(clip_seconds(service, row.pcm_sha256) for row in shown))
    items = tuple(_sample(row, asked, length) for row, length in zip(shown, seconds, strict=True))
    return SamplePage(items=items, next=last.position if last else None)


def _sample(row: SampleRow, asked: RoundPrompts, seconds: float | None) -> SampleOut:
    group, prompt = asked.group(row.group_id), asked.prompt(row.prompt_id)
    known = None if group is None or prompt is None else PromptOut.of(group, prompt)
    why = "" if known is not None else asked.why or f"the round asked for no prompt {row.prompt_id}"
    names = (name for name in SampleOut.model_fields if name not in ("clip_seconds", "prompt", "why"))
    return SampleOut(**{name: getattr(row, name) for name in names}, clip_seconds=seconds, prompt=known, why=why)


async def clip_seconds(service: Service, pcm_sha256: str) -> float | None:
    """The length of a stored clip; None where there is none, or where the store does not answer: what was said is known without it."""
    known = service.caches.clip_seconds
    if service.store is None or not pcm_sha256:
        return None
    if pcm_sha256 not in known:
        try:
            seconds = await asyncio.to_thread(stored_seconds, service.store, pcm_sha256)
        except (NotStored, InfrastructureFault):
            return None
        if len(known) >= _KEPT:
            known.clear()
        known[pcm_sha256] = seconds
    return known[pcm_sha256]


def stored_seconds(store: StoredFiles, pcm_sha256: str) -> float | None:
    """The length of a stored clip as its file's head tells it; None for a file that tells none. Raises as `StoredFiles.read`."""
    head = store.read(audio_name(pcm_sha256), _HEAD_BYTES)
    if len(head) < _HEAD_BYTES or head[:4] != b"fLaC" or head[4] & 0x7F:
        return None
    packed = int.from_bytes(head[18:26])  # 20 bits of rate, 3 of channels, 5 of depth, 36 of samples
    rate, samples = packed >> 44, packed & (2**36 - 1)
    return samples / rate if rate and samples else None
