"""A card that is only imagined: the processor computes, and tensors of two devices are refused, as on a machine with a real one.

torch has no such device. Its device `meta`, whose tensors hold nothing, lends the name, and each tensor there holds one of the processor.
"""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, cast

import torch
from torch import Tensor
from torch.overrides import TorchFunctionMode
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves, tree_map

from scoring.synthesis.load import Device

_CARD, _PROCESSOR = torch.device("meta"), torch.device("cpu")
CARD = cast(Device, "meta")
_Arguments = Mapping[str, Any]


class _OnCard(Tensor):
    """A tensor on the card; `held` is the processor's that it stands for."""

    held: Tensor

    @staticmethod
    def __new__(cls, held: Tensor) -> "_OnCard":
        with torch.inference_mode(False):
            made: _OnCard = Tensor._make_wrapper_subclass(
                cls, held.size(), strides=held.stride(), storage_offset=held.storage_offset(), dtype=held.dtype, device=_CARD
            )
        made.held = held
        return made

    @classmethod
    def __torch_dispatch__(cls, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:  # type: ignore[override]
        return _compute(func, args, kwargs or {})


def _compute(func: Any, args: Any, kwargs: _Arguments) -> Any:
    """Let the processor do it. Raises RuntimeError for tensors of both devices; a number without a shape goes with either."""
    given = tree_leaves((args, kwargs))
    tensors = [each for each in given if isinstance(each, Tensor)]
    on_card = {id(each.held): each for each in tensors if isinstance(each, _OnCard)}
    if on_card and any(each.dim() for each in tensors if not isinstance(each, _OnCard)):
        raise RuntimeError(f"{func}: tensors of two devices")
    done = func(*tree_map(_held, args), **tree_map(_held, kwargs))
    goes_to = next((each for each in given if isinstance(each, torch.device)), None)
    if goes_to == _PROCESSOR or (goes_to is None and not on_card):
        return done
    return tree_map(lambda made: on_card[id(made)] if id(made) in on_card else _shown(made), done)


def _held(given: Any) -> Any:
    if isinstance(given, torch.device):
        return _PROCESSOR
    return given.held if isinstance(given, _OnCard) else given


def _shown(made: Any) -> Any:
    return _OnCard(made) if isinstance(made, Tensor) else made


class _Inside(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """What torch makes by itself, as a number that is written into a tensor, is made here, too."""

    def __torch_dispatch__(self, func: Any, _types: Any, args: Any = (), kwargs: _Arguments | None = None) -> Any:
        return _compute(func, args, kwargs or {})


class _Asked(TorchFunctionMode):
    """What code makes on the card, moves there, or reads from it."""

    def __torch_function__(self, func: Callable[..., Any], _types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        if func is Tensor.tolist and isinstance(args[0], _OnCard):
            return args[0].held.tolist()
        if func is Tensor.to and not isinstance(args[0], _OnCard) and _CARD in (*args[1:], *kwargs.values()):
            return _OnCard(args[0].detach())
        if kwargs.get("device") == _CARD and not any(isinstance(each, Tensor) for each in args):
            return _shown(func(*args, **kwargs | {"device": _PROCESSOR}))
        return func(*args, **kwargs)


@contextmanager
def imagined_card() -> Iterator[None]:
    """While it is open, CARD is a device."""
    with _Inside(), _Asked():  # type: ignore[no-untyped-call]
        yield
