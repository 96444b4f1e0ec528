"""The talker: it says pieces of text as latents of the codec, frame by frame, row by row, each from its own random stream."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor
from transformers import DynamicCache, PocketTTSForConditionalGeneration

from scoring.synthesis.length import DidNotStop

FIRST_END = 6
"""In the frames before this one, what a model says of the end is passed over: nothing was said yet."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sampling:
    """A repository's own settings of the sampler; the manifest gives their ranges."""

    temperature: float
    """Variance of the noise that a latent is made from; 0 is none."""
    eos_threshold: float
    """The logit above which a frame ends the speech."""
    num_flow_steps: int
    """Steps from noise to a latent."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One piece of text to say."""

    ids: tuple[int, ...]
    """Its tokens, each among the model's own."""
    most_frames: int
    tail_frames: int
    seed: int
    """Starts its random stream: 0 … 2^64 - 1."""


@dataclass(slots=True)
class _Saying:
    """A row while it is said."""

    row: Row
    stream: torch.Generator
    latents: list[Tensor] = field(default_factory=list)
    left: int | None = None
    """Frames that are still to follow, once the end was heard."""

    def take(self, latent: Tensor, ends: bool) -> bool:
        """Keep the next frame; return whether there is more to say."""
        self.latents.append(latent)
        count = len(self.latents)
        if self.left is not None:
            self.left -= 1
        elif ends and count > FIRST_END:
            self.left = self.row.tail_frames
        if not bool(torch.isfinite(latent).all()):
            self.left = 0  # nothing sound can follow; whoever reads the sound finds it
        if self.left is None and count >= self.row.most_frames:
            raise DidNotStop(count)
        return self.left != 0


class Talker:
    """A loaded model in one voice: `voice` is the recording's latents, shape (frames, latent_dim), which it reads once."""

    def __init__(self, model: PocketTTSForConditionalGeneration, voice: Tensor, sampling: Sampling, *, marks_voice: bool) -> None:
        self.model = model
        self._sampling = sampling
        config = model.config
        head = [config.audio_prompt_bos_token_id] if marks_voice else []
        ids = torch.tensor([head + [config.audio_prompt_token_id] * len(voice)])
        self._voice: list[tuple[Tensor, Tensor]] = self._read_voice(ids, voice)
        self._voice_frames = ids.shape[1]

    @torch.inference_mode()
    def _read_voice(self, ids: Tensor, voice: Tensor) -> list[tuple[Tensor, Tensor]]:
        """Keys and values of the voice's positions by layer, shape (1, heads, positions, head_dim)."""
        cache: Any = DynamicCache(config=self.model.config)  # its layers are of many kinds; these have keys and values
        self.model(input_ids=ids, audio_prompt_latents=voice[None], past_key_values=cache, use_cache=True)
        return [(layer.keys, layer.values) for layer in cache.layers]

    @torch.inference_mode()
    def say(self, rows: Sequence[Row]) -> list[Tensor | DidNotStop]:
        """One result per row: latents of the codec, shape (frames, latent_dim), or why there are none.

        A row's latents are what it alone would give, up to the rounding of a larger matrix product.
        """
        if not rows:
            return []
        saying = [_Saying(row, torch.Generator().manual_seed(row.seed)) for row in rows]
        failed: dict[int, DidNotStop] = {}
        state = self._begin(rows)
        live = list(range(len(rows)))
        while live:
            latents, ends = self._next(state, [saying[index] for index in live])
            kept: list[int] = []
            for place, index in enumerate(live):
                try:
                    if saying[index].take(latents[place], bool(ends[place])):
                        kept.append(place)
                except DidNotStop as exc:
                    failed[index] = exc
            live = [live[place] for place in kept]
            if live:
                self._step(state, latents, kept)
        return [failed[index] if index in failed else self._denormalised(item) for index, item in enumerate(saying)]

    def _denormalised(self, item: _Saying) -> Tensor:
        latents: Tensor = self.model.denormalize_latents(torch.stack(item.latents))
        return latents

    def _begin(self, rows: Sequence[Row]) -> "_State":
        """Read every row's text, padded on the left, after the voice."""
        config, count = self.model.config, len(rows)
        width = max(len(row.ids) for row in rows) + 1
        ids = torch.zeros((count, width), dtype=torch.long)
        mask = torch.ones((count, self._voice_frames + width), dtype=torch.long)
        for place, row in enumerate(rows):
            said = [*row.ids, config.audio_bos_token_id]
            ids[place, width - len(said) :] = torch.tensor(said)
            mask[place, self._voice_frames : self._voice_frames + width - len(said)] = 0
        cache = DynamicCache(config=config)
        for layer, (keys, values) in enumerate(self._voice):
            cache.update(keys.expand(count, -1, -1, -1), values.expand(count, -1, -1, -1), layer)
        state = _State(cache, mask, mask.sum(-1, keepdim=True) - 1)
        positions = (mask.cumsum(-1) - 1).clamp(min=0)[:, self._voice_frames :]
        state.read(self.model(input_ids=ids, attention_mask=mask, position_ids=positions, past_key_values=cache, use_cache=True))
        return state

    def _next(self, state: "_State", saying: Sequence[_Saying]) -> tuple[Tensor, Tensor]:
        """The next latent of each row, shape (rows, latent_dim), normalised; and whether it ends its speech."""
        size = self.model.config.latent_dim
        noise = torch.stack([torch.randn(size, generator=item.stream) for item in saying])
        scaled = noise.to(state.condition.dtype) * math.sqrt(self._sampling.temperature)
        latents = self.model.sample_latent(state.condition, scaled, self._sampling.num_flow_steps)
        return latents, state.end_logits > self._sampling.eos_threshold

    def _step(self, state: "_State", latents: Tensor, kept: Sequence[int]) -> None:
        """Read the rows' last latents; rows that have ended leave."""
        if len(kept) < len(latents):
            state.keep(torch.tensor(kept))
            latents = latents[torch.tensor(kept)]
        state.advance()
        ids = torch.full((len(kept), 1), self.model.config.audio_latent_token_id)
        state.read(
            self.model(
                input_ids=ids,
                audio_latents=latents[:, None, :],
                attention_mask=state.mask,
                position_ids=state.last,
                past_key_values=state.cache,
                use_cache=True,
            )
        )


class _State:
    """What the live rows have read so far."""

    condition: Tensor
    """What the next latent is made from, shape (rows, hidden_size)."""
    end_logits: Tensor
    """Shape (rows,)."""

    def __init__(self, cache: DynamicCache, mask: Tensor, last: Tensor) -> None:
        self.cache, self.mask = cache, mask
        self.last = last
        """Each row's last position, shape (rows, 1)."""

    def read(self, output: Any) -> None:
        """Keep what the model says of each row's last position."""
        self.condition = output.last_hidden_state[:, -1, :]
        self.end_logits = output.logits[:, -1, 0].float()

    def advance(self) -> None:
        """One more position in every row."""
        self.mask = torch.cat([self.mask, self.mask.new_ones((len(self.mask), 1))], dim=-1)
        self.last = self.last + 1

    def keep(self, places: Tensor) -> None:
        """Only these rows go on."""
        self.cache.batch_select_indices(places)
        self.mask, self.last = self.mask[places], self.last[places]
