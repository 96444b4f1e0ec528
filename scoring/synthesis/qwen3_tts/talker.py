"""The talker: it says texts as codes of the codec, frame by frame, row by row, each from its own random stream."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
from torch import Tensor
from transformers import DynamicCache

from scoring.synthesis.load import Device
from scoring.synthesis.sampling import Frame, FrameRow, Sampling, Saying, draw, gumbel, say_frames
from scoring.synthesis.synthesiser import NotSpoken

_LEAST_FRAMES = 2
"""Before them a speech cannot end: the authors' own code says so."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Row(FrameRow):
    """One text to say."""

    text: tuple[int, ...]
    """Tokens of the text's vocabulary: the instruction, the role, and what is said beside the codes below."""
    codec: tuple[int, ...]
    """Ids of the codes' vocabulary, which stand beside the last of those."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Draws:
    """How the codes are drawn."""

    first: Sampling
    others: Sampling
    repetition_penalty: float
    """What a first code's odds are divided by, once it has been said."""


class _State:
    """What the live rows have read and said so far."""

    hidden: Tensor
    """What the next frame is made from, shape (rows, hidden_size)."""

    def __init__(self, mask: Tensor, codes: int) -> None:
        self.cache, self.mask = DynamicCache(), mask
        self.said = torch.zeros((len(mask), codes), dtype=torch.bool, device=mask.device)
        """Which first codes each row has said."""

    def keep(self, places: Tensor) -> None:
        """Only these rows go on."""
        self.cache.batch_select_indices(places)
        self.mask, self.said = self.mask[places], self.said[places]


class Talker:
    """A loaded model, and how it draws. `codes`: how many each codebook has; `stop`, `pad`: the ids that end a speech and fill a frame."""

    def __init__(self, talker: Any, draws: Draws, codes: int, stop: int, pad: int) -> None:
        self._talker, self._draws = talker, draws
        self._codes, self._stop = codes, stop
        self._books = int(talker.config.num_code_groups)
        with torch.inference_mode():
            self._pad = self._words(torch.tensor([pad], device=talker.device))
        """What stands beside each code that is read."""

    def to(self, device: Device) -> None:
        """Move the networks, and what they have made already."""
        self._talker.to(device)
        self._pad = self._pad.to(device)

    @torch.inference_mode()
    def say(self, rows: Sequence[Row]) -> list[Tensor | NotSpoken]:
        """One result per row, in order. A row's codes are what it alone would give.

        A larger matrix product rounds otherwise, so a draw between two codes that lie as near to each other may differ.
        """
        if not rows:
            return []
        state = self._begin(rows)
        return say_frames(rows, partial(self._frame, state), partial(self._step, state))

    def _words(self, ids: Tensor) -> Tensor:
        projected: Tensor = self._talker.text_projection(self._talker.get_text_embeddings()(ids))
        return projected

    def _begin(self, rows: Sequence[Row]) -> _State:
        """Read every row's text, padded on the left."""
        width = max(len(row.text) for row in rows)
        text = torch.zeros((len(rows), width), dtype=torch.long)
        codec, mask, beside = torch.zeros_like(text), torch.zeros_like(text), torch.zeros_like(text)
        for place, row in enumerate(rows):
            text[place, width - len(row.text) :] = torch.tensor(row.text)
            mask[place, width - len(row.text) :] = 1
            codec[place, width - len(row.codec) :] = torch.tensor(row.codec)
            beside[place, width - len(row.codec) :] = 1
        device = self._talker.device
        state = _State(mask.to(device), self._codes)
        positions = (state.mask.cumsum(-1) - 1).clamp(min=0)
        codes = self._talker.get_input_embeddings()(codec.to(device)) * beside[..., None].to(device)
        self._read(state, positions, self._words(text.to(device)) + codes)
        return state

    def _step(self, state: _State, codes: Tensor, kept: Sequence[int]) -> None:
        """Read the rows' last frames; rows that have ended leave."""
        if len(kept) < len(codes):
            places = torch.tensor(kept, device=codes.device)
            state.keep(places)
            codes = codes[places]
        state.said.scatter_(1, codes[:, :1], True)
        state.mask = torch.cat([state.mask, state.mask.new_ones((len(kept), 1))], dim=-1)
        tables = [self._talker.get_input_embeddings(), *self._talker.code_predictor.get_input_embeddings()]
        read = torch.stack([table(codes[:, book]) for book, table in enumerate(tables)], 1).sum(1)
        self._read(state, state.mask.sum(-1, keepdim=True) - 1, (read + self._pad)[:, None, :])

    def _read(self, state: _State, positions: Tensor, embeds: Tensor) -> None:
        read = self._talker.model(
            inputs_embeds=embeds,
            attention_mask=state.mask,
            position_ids=positions,
            past_key_values=state.cache,
            use_cache=True,
        )
        state.hidden = read.last_hidden_state[:, -1, :]

    def _frame(self, state: _State, saying: Sequence[Saying]) -> Frame:
        """The next codes of each row, each drawn in sight of those before it. A first code beyond the codebook ends a speech."""
        noise = torch.stack([gumbel(item.stream, self._books, self._codes + 1) for item in saying]).to(state.hidden.device)
        logits = self._first(state, len(saying[0].frames) >= _LEAST_FRAMES)  # rows are said in step
        are_numbers = logits[:, : self._codes].isfinite().all(-1)
        codes = [draw(logits, noise[:, 0], self._draws.first)]
        predictor, cache = self._talker.code_predictor, DynamicCache()
        tables = predictor.get_input_embeddings()
        begin = self._talker.get_input_embeddings()(codes[0].clamp(max=self._codes - 1))  # of an end, nothing is read
        embeds = torch.stack([state.hidden, begin], 1)
        for book in range(1, self._books):
            read = predictor.model(inputs_embeds=predictor.small_to_mtp_projection(embeds), past_key_values=cache, use_cache=True)
            logits = predictor.lm_head[book - 1](read.last_hidden_state[:, -1])[:, : self._codes].float()
            codes.append(draw(logits, noise[:, book, : self._codes], self._draws.others))
            are_numbers &= logits.isfinite().all(-1)
            if book < self._books - 1:
                embeds = tables[book - 1](codes[-1])[:, None, :]
        return Frame(torch.stack(codes, -1), codes[0] == self._codes, are_numbers)

    def _first(self, state: _State, may_stop: bool) -> Tensor:
        """Logits of the first codes and, last, of the end, shape (rows, codes + 1)."""
        logits = self._talker.codec_head(state.hidden).float()
        codes, penalty = logits[:, : self._codes], self._draws.repetition_penalty
        codes = torch.where(state.said, torch.where(codes < 0, codes * penalty, codes / penalty), codes)
        end = logits[:, self._stop, None] if may_stop else torch.full_like(codes[:, :1], -torch.inf)
        return torch.cat([codes, end], -1)
