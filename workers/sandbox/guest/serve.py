"""A guest's life: confine, prove it, load the model, say every sample, end when the orders end."""

import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import BinaryIO, TypeVar, cast

from scoring.synthesis.load import Loader, PartsUnusable
from scoring.synthesis.synthesiser import Movable, NotAllSpoken, NotSpoken, Request, Synthesiser, Waveform
from workers.sandbox.guest import on_card
from workers.sandbox.guest.confine import close_memory, enter
from workers.sandbox.guest.frames import MAX_RATE, Frame, FrameKind, reason, send
from workers.sandbox.guest.orders import Confinement, ModelTask, read_batch, read_task

Result = TypeVar("Result")
_NO_MEMORY = "allocate memory"
"""Words of torch that stand for a MemoryError."""


def serve(orders: BinaryIO, answers: BinaryIO, adapter: Callable[[str], Loader]) -> None:
    """Speak with the worker until it closes `orders`. `adapter` finds a family's loader; it may import, but opens no model."""
    walls = enter(orders, answers)
    task = read_task(orders) if walls else None
    if walls is None or task is None:
        return
    model = _load(task, answers, adapter, walls)
    if isinstance(model, Frame):
        return send(answers, model)
    send(answers, Frame(FrameKind.LOADED, rate=model.sample_rate))
    while batch := read_batch(orders):
        for frame in _say(model, batch, task):
            send(answers, frame)


def _load(task: ModelTask, answers: BinaryIO, adapter: Callable[[str], Loader], walls: Confinement) -> Synthesiser | Frame:
    loader = _attempt(lambda: _prepared(task, adapter, walls), FrameKind.NOT_PREPARED, task)
    if isinstance(loader, Frame):
        return loader
    send(answers, Frame(FrameKind.PREPARED))
    return _attempt(lambda: _checked(_placed(loader, task)), FrameKind.NOT_LOADED, task)


def _placed(loader: Loader, task: ModelTask) -> Synthesiser:
    """The model, loaded and on its device; only families whose manifest names another device than the processor are asked to go there."""
    model = loader(Path(task.model_dir), Path(task.parts) if task.parts else None, task.threads, task.dtype)
    if task.device != "cpu":
        cast(Movable, model).to(task.device)
    return model


def _prepared(task: ModelTask, adapter: Callable[[str], Loader], walls: Confinement) -> Loader:
    """The family's loader, whose imports find the environment's packages first, with its card made ready and its
    memory bounded.

    Raises ImportError for a package that comes too late, OSError for memory that cannot be bounded, and RuntimeError for a card that
    cannot be used.
    """
    if task.environment:
        brought = {entry.name.partition(".")[0] for entry in os.scandir(task.environment)}
        if late := sorted(brought & sys.modules.keys()):
            raise ImportError(f"the environment brings {', '.join(late)}, which the guest itself has imported already")
        sys.path.insert(0, task.environment)
    loader = adapter(task.family)
    if task.card_bytes is not None:
        on_card.bound_memory(task.card_bytes)
    close_memory(walls)
    return loader


def _checked(model: Synthesiser) -> Synthesiser:
    if not 0 < model.sample_rate <= MAX_RATE:
        raise ValueError(f"it speaks at {model.sample_rate} Hz, which is not above 0 and at most {MAX_RATE}")
    return model


def _say(model: Synthesiser, batch: Sequence[Request], task: ModelTask) -> list[Frame]:
    """One frame per request. An exception fails the whole batch, unless it says which requests it means."""
    waveforms = _attempt(lambda: _generate(model, batch), FrameKind.SAMPLE_FAILED, task)
    if isinstance(waveforms, Frame):
        return [waveforms] * len(batch)
    if len(waveforms) != len(batch):
        return [Frame(FrameKind.SAMPLE_FAILED, payload=reason("another number of samples than asked for"))] * len(batch)
    return [_encode(waveform, model.sample_rate, task.max_seconds) for waveform in waveforms]


def _generate(model: Synthesiser, batch: Sequence[Request]) -> Sequence[Waveform | NotSpoken]:
    try:
        return model.generate(batch)
    except NotAllSpoken as exc:
        return exc.results


def _encode(waveform: Waveform | NotSpoken, rate: int, max_seconds: float) -> Frame:
    """Turn float32 at ±1 into s16le; values beyond full scale are clipped."""
    import numpy as np  # not before the walls stand

    if isinstance(waveform, NotSpoken):
        return Frame(FrameKind.SAMPLE_FAILED, payload=reason(waveform.reason))
    if waveform.ndim != 1:
        return Frame(FrameKind.SAMPLE_FAILED, payload=reason(f"a sample is mono, not of shape {waveform.shape}"))
    if broken := int((~np.isfinite(waveform)).sum()):
        return Frame(FrameKind.SAMPLE_NOT_FINITE, payload=reason(f"{broken} of {waveform.size} samples are NaN or infinite"))
    if waveform.size > max_seconds * rate:
        return Frame(FrameKind.SAMPLE_TOO_LARGE)
    return Frame(FrameKind.SAMPLE, rate, np.rint(waveform.clip(-1.0, 1.0) * 32767.0).astype("<i2").tobytes())


def _attempt(call: Callable[[], Result], failure: FrameKind, task: ModelTask) -> Result | Frame:
    """Call into a model, which may fail in any way. What ends the guest is told apart: no memory, no library, no parts, no card."""
    try:
        return call()
    except MemoryError:
        return Frame(FrameKind.OUT_OF_MEMORY)
    except ImportError as exc:
        return Frame(FrameKind.LIBRARY_MISSING, payload=_sentence(exc, task))
    except PartsUnusable as exc:
        return Frame(FrameKind.PARTS_UNUSABLE, payload=_sentence(exc, task))
    except Exception as exc:  # noqa: BLE001 - the guest's main: whatever a model raises is an answer, and the guest goes on
        return Frame(_kind(exc, failure, task), payload=_sentence(exc, task))


def _kind(exc: Exception, failure: FrameKind, task: ModelTask) -> FrameKind:
    """What an exception says of itself; before the model is open (`NOT_PREPARED`), all is this host's."""
    if _NO_MEMORY in str(exc) or on_card.took_too_much(exc):
        return FrameKind.OUT_OF_MEMORY
    if task.device != "cpu" and failure is not FrameKind.NOT_PREPARED and on_card.is_of_card(exc):
        return FrameKind.CARD_FAILED
    return failure


def _sentence(exc: Exception, task: ModelTask) -> bytes:
    """What went wrong; no folder has a name of ours in it."""
    said = f"{type(exc).__name__}: {exc}"
    for folder, name in ((task.model_dir, "model"), (task.parts, "parts"), (task.environment, "environment")):
        said = said.replace(folder, name) if folder else said
    return reason(said)
