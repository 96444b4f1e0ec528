"""The talker: a Llama that says frames of seven codes, row by row, each row from its own random stream.

At each step only the codes of the slot that is due can be drawn, and at a frame's begin the stop: no other id's logit is computed.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor
from transformers import DynamicCache, LlamaForCausalLM

from scoring.synthesis.llama_snac.ids import AFTER_TEXT, BEFORE_TEXT, CODES, FIRST_CODE, SLOTS, STOP
from scoring.synthesis.load import Device

FIRST_STOP = 4
"""Speech has at least so many frames: before, no stop can be drawn."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sampling:
    """A repository's own settings of the sampler; the manifest gives their ranges."""

    temperature: float
    """0 takes the likeliest code."""
    top_p: float
    """Only the likeliest codes are drawn that together have this probability."""
    repetition_penalty: float
    """Divides the logit of a code that the row has said in this slot, or multiplies it below 0."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One line to say."""

    ids: tuple[int, ...]
    """Its tokens, without the marks around them."""
    most_frames: int
    seed: int
    """Starts its random stream: 0 … 2^63 - 1."""


@dataclass(frozen=True, slots=True)
class Speech:
    """What a row said."""

    codes: Tensor
    """Shape (frames, SLOTS), each 0 … CODES - 1."""
    stream: torch.Generator
    """Its random stream, behind the last draw."""


class Unsaid(ValueError):
    """A row has no sound, and why."""


@dataclass(slots=True)
class _Saying:
    """A row while it is said."""

    row: Row
    stream: torch.Generator
    codes: list[int] = field(default_factory=list)

    @property
    def frames(self) -> int:
        return len(self.codes) // SLOTS

    def take(self, choice: int) -> bool:
        """Keep the next code, CODES for the stop; return whether there is more to say. Raises Unsaid, also for -1: no choice at all."""
        if choice < 0:
            raise Unsaid("its logits are NaN or infinite")
        if choice == CODES:
            return False
        if self.frames >= self.row.most_frames:
            raise Unsaid(f"it did not stop: no end within the {self.frames} frames that its text may take")
        self.codes.append(choice)
        return True

    def speech(self) -> Speech:
        return Speech(torch.tensor(self.codes).reshape(-1, SLOTS), self.stream)


class Talker:
    """A loaded model with its sampler."""

    def __init__(self, model: LlamaForCausalLM, sampling: Sampling) -> None:
        self._model, self._sampling = model.model, sampling
        weights = model.lm_head.weight
        slots = weights[FIRST_CODE : FIRST_CODE + SLOTS * CODES].reshape(SLOTS, CODES, -1)
        self._heads = [torch.cat([slots[0], weights[STOP : STOP + 1]]), *slots[1:]]
        """For each slot, a row of weights for each choice; the first slot's last choice is the stop."""

    def to(self, device: Device) -> None:
        """Move the network, and the weights of the choices."""
        self._model.to(device)
        self._heads = [weights.to(device) for weights in self._heads]

    @torch.inference_mode()
    def say(self, rows: Sequence[Row]) -> list[Speech | Unsaid]:
        """One result per row. What a row says is what it alone would say, up to the rounding of a larger matrix product."""
        if not rows:
            return []
        saying = [_Saying(row, torch.Generator().manual_seed(row.seed)) for row in rows]
        failed: dict[int, Unsaid] = {}
        state = _State(self._model, rows)
        live = list(range(len(rows)))
        slot = 0
        while live:
            choices = self._choices(state, slot, [saying[index] for index in live])
            kept: list[int] = []
            for place, (index, choice) in enumerate(zip(live, choices, strict=True)):
                try:
                    if saying[index].take(choice):
                        kept.append(place)
                except Unsaid as exc:
                    failed[index] = exc
            live = [live[place] for place in kept]
            if live:
                state.step(kept, slot, [saying[index].codes[-1] for index in live])
            slot = (slot + 1) % SLOTS
        return [failed[index] if index in failed else item.speech() for index, item in enumerate(saying)]

    def _choices(self, state: "_State", slot: int, saying: Sequence[_Saying]) -> list[int]:
        """Each row's next choice, -1 where its logits are no numbers."""
        logits = torch.nn.functional.linear(state.hidden, self._heads[slot]).float()  # (rows, choices)
        sound = torch.isfinite(logits).all(-1)
        logits[:, :CODES] = _penalised(logits[:, :CODES], state.said[:, slot], self._sampling.repetition_penalty)
        if slot == 0 and saying[0].frames < FIRST_STOP:  # rows are said in step
            logits[:, CODES] = -torch.inf
        if self._sampling.temperature > 0.0:
            logits = nucleus(logits / self._sampling.temperature, self._sampling.top_p)
            logits += torch.stack([_gumbel(logits.shape[1], item.stream) for item in saying]).to(logits.device)
        choices: list[int] = torch.where(sound, logits.argmax(-1), -1).tolist()
        return choices


def _penalised(logits: Tensor, said: Tensor, penalty: float) -> Tensor:
    return torch.where(said, torch.where(logits > 0.0, logits / penalty, logits * penalty), logits)


def nucleus(logits: Tensor, top_p: float) -> Tensor:
    """Logits, shape (rows, choices), -inf for all but each row's likeliest choices that together reach the probability `top_p`."""
    if top_p >= 1.0:
        return logits
    ordered, order = logits.sort(dim=-1, descending=True, stable=True)
    chances = ordered.softmax(-1).cpu()  # a card's own cumulative sum is not the same each time, and torch refuses it
    beyond = (chances.cumsum(-1) - chances >= top_p).to(logits.device)
    return logits.masked_fill(torch.zeros_like(beyond).scatter(-1, order, beyond), -torch.inf)


def _gumbel(count: int, stream: torch.Generator) -> Tensor:
    """Noise whose maximum with logits is a draw by their probabilities; by rows, where `multinomial` reads one stream for all."""
    uniform = torch.rand(count, generator=stream, dtype=torch.float64)
    return -(-uniform.log()).log().float()


class _State:
    """What the live rows have read and said so far."""

    hidden: Tensor
    """What the next code is made from, shape (rows, hidden_size)."""

    def __init__(self, model: Any, rows: Sequence[Row]) -> None:
        """Read every row's line, padded on the left."""
        lines = [(*BEFORE_TEXT, *row.ids, *AFTER_TEXT) for row in rows]
        width = max(map(len, lines))
        self._model, device = model, model.device
        ids = torch.tensor([[0] * (width - len(line)) + list(line) for line in lines], device=device)
        self._mask = torch.tensor([[0] * (width - len(line)) + [1] * len(line) for line in lines], device=device)
        self._cache = DynamicCache(config=model.config)
        self.said = torch.zeros((len(rows), SLOTS, CODES), dtype=torch.bool, device=device)
        """The codes that each row has said in each slot."""
        self._read(ids, (self._mask.cumsum(-1) - 1).clamp(min=0))

    def step(self, kept: Sequence[int], slot: int, codes: Sequence[int]) -> None:
        """Read each row's last code; rows that have ended leave: `kept` are the places of the others."""
        if len(kept) < len(self._mask):
            places = torch.tensor(kept, device=self._mask.device)
            self._cache.batch_select_indices(places)
            self._mask, self.said = self._mask[places], self.said[places]
        said = torch.tensor(codes, device=self._mask.device)
        self.said[torch.arange(len(codes), device=said.device), slot, said] = True
        self._mask = torch.cat([self._mask, self._mask.new_ones((len(codes), 1))], dim=-1)
        self._read((FIRST_CODE + slot * CODES + said)[:, None], self._mask.sum(-1, keepdim=True) - 1)

    def _read(self, ids: Tensor, positions: Tensor) -> None:
        output = self._model(
            input_ids=ids, attention_mask=self._mask, position_ids=positions, past_key_values=self._cache, use_cache=True
        )
        self.hidden = output.last_hidden_state[:, -1, :]
