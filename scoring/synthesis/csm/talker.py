"""The talker: it says texts as codes of the codec, frame by frame, row by row, each from its own random stream."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
from torch import Tensor
from transformers import CsmForConditionalGeneration, DynamicCache

from scoring.synthesis.load import Device
from scoring.synthesis.sampling import Frame, FrameRow, Sampling, Saying, draw, gumbel, say_frames
from scoring.synthesis.synthesiser import NotSpoken


@dataclass(frozen=True, slots=True, kw_only=True)
class Row(FrameRow):
    """One text to say."""

    ids: tuple[int, ...]
    """Its tokens, each among the model's own."""


class Talker:
    """A loaded model, and how it draws: the first code of a frame, and the others."""

    def __init__(self, model: CsmForConditionalGeneration, first: Sampling, others: Sampling) -> None:
        self.model = model
        codec: Any = model.config.codec_config
        self._samplings = (first, *[others] * (codec.num_quantizers - 1))
        self._codes = int(codec.codebook_size)
        """The network has logits for more, which are none of the codec's."""

    def to(self, device: Device) -> None:
        """Move the networks, the codec's among them."""
        self.model.to(device)  # type: ignore[arg-type]  # their library's own word for it takes names, too

    @torch.inference_mode()
    def say(self, rows: Sequence[Row]) -> list[Tensor | NotSpoken]:
        """One result per row, in order. A row's codes are what it alone would give.

        A larger matrix product rounds otherwise, so a draw between two codes that lie as near to each other may differ.
        """
        if not rows:
            return []
        state = self._begin(rows)
        return say_frames(rows, partial(self._frame, state), partial(self._step, state))

    def _begin(self, rows: Sequence[Row]) -> "_State":
        """Read every row's text, padded on the left."""
        width = max(len(row.ids) for row in rows)
        ids = torch.zeros((len(rows), width), dtype=torch.long)
        mask = torch.zeros_like(ids)
        for place, row in enumerate(rows):
            ids[place, width - len(row.ids) :] = torch.tensor(row.ids)
            mask[place, width - len(row.ids) :] = 1
        device = self.model.device
        state = _State(DynamicCache(config=self.model.config), mask.to(device))
        positions = (state.mask.cumsum(-1) - 1).clamp(min=0)
        self._read(state, positions, inputs_embeds=self.model.embed_text_tokens(ids.to(device)))
        return state

    def _step(self, state: "_State", codes: Tensor, kept: Sequence[int]) -> None:
        """Read the rows' last frames; rows that have ended leave."""
        if len(kept) < len(codes):
            places = torch.tensor(kept, device=codes.device)
            state.keep(places)
            codes = codes[places]
        state.mask = torch.cat([state.mask, state.mask.new_ones((len(kept), 1))], dim=-1)
        self._read(state, state.mask.sum(-1, keepdim=True) - 1, input_ids=codes[:, None, :])

    def _read(self, state: "_State", positions: Tensor, **inputs: Tensor) -> None:
        read: Any = self.model.backbone_model(
            **inputs, attention_mask=state.mask, position_ids=positions, past_key_values=state.cache, use_cache=True
        )
        state.hidden = read.last_hidden_state[:, -1, :]

    def _frame(self, state: "_State", saying: Sequence[Saying]) -> Frame:
        """The next codes of each row, each drawn in sight of those before it. A frame of zeros ends a speech."""
        hidden = state.hidden
        noise = torch.stack([gumbel(item.stream, len(self._samplings), self._codes) for item in saying]).to(hidden.device)
        logits = self.model.lm_head(hidden)[:, : self._codes].float()
        codes = [draw(logits, noise[:, 0], self._samplings[0])]
        are_numbers = logits.isfinite().all(-1)
        cache = DynamicCache(config=self.model.depth_decoder.config)
        inputs = {"input_ids": torch.stack([torch.zeros_like(codes[0]), codes[0]], -1), "backbone_last_hidden_state": hidden}
        for book, sampling in enumerate(self._samplings[1:], 1):
            said: Any = self.model.depth_decoder(**inputs, past_key_values=cache, use_cache=True, logits_to_keep=1)
            logits = said.logits[:, -1, : self._codes].float()
            codes.append(draw(logits, noise[:, book], sampling))
            are_numbers &= logits.isfinite().all(-1)
            inputs = {"input_ids": codes[-1][:, None]}
        drawn = torch.stack(codes, -1)
        return Frame(drawn, ~drawn.any(-1), are_numbers)


class _State:
    """What the live rows have read so far."""

    hidden: Tensor
    """What the next frame is made from, shape (rows, hidden_size)."""

    def __init__(self, cache: DynamicCache, mask: Tensor) -> None:
        self.cache, self.mask = cache, mask

    def keep(self, places: Tensor) -> None:
        """Only these rows go on."""
        self.cache.batch_select_indices(places)
        self.mask = self.mask[places]
