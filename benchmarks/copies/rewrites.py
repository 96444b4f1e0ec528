"""What somebody does to another's weights so that they are not found: each rewrite at each strength, as a function of the tensors.

Some leave the sound as it is up to rounding, others change it a little; whoever strengthens one pays with the score. The convolutions
that only take back the converted decoder's lift are spared where random numbers would break it: an attacker knows the conversion.
"""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

import torch

from benchmarks.copies.training import LIFTED, Tensors

Rewritten = dict[str, torch.Tensor]
Change = Callable[[Tensors, torch.Generator], Rewritten]

_FFN = re.compile(r"(text_encoder\.encoder\.layers\.\d+\.feed_forward)\.conv_1\.weight")
_WAVENET = re.compile(r"(flow\.flows\.\d+\.wavenet)\.in_layers\.(\d+)\.bias")
_SCALED = re.compile(r"\.parametrizations\.weight\.original([01])$")
_LAYER = "text_encoder.encoder.layers.3."
"""The layer that is replaced or drawn anew: one of six of the text encoder."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rewrite:
    """One rewrite at one strength."""

    name: str
    strength: str
    """In words or numbers; '' where there is only one."""
    apply: Change
    settings: Mapping[str, float] | None = None
    """What it sets in config.json beside."""

    @property
    def title(self) -> str:
        """Both."""
        return f"{self.name} {self.strength}".strip()


def rewrites(base: Tensors, other: Tensors) -> list[Rewrite]:
    """All of them but those that train; `base` is what everybody started from, `other` a third one's training of it."""
    return [*_exact(), *_rounded(), *_graded(base, other), *_combined(base)]


def _exact() -> Iterator[Rewrite]:
    """Those after which the network computes the same, up to the order of its sums."""
    for factor in (2.0, 0.5, 1.7):
        yield Rewrite(name="feed-forward scaled", strength=f"× {factor:g}", apply=partial(_scale_ffn, factor=factor))
    yield Rewrite(name="weight norm scaled by row", strength="", apply=_scale_rows)
    yield Rewrite(name="one hidden layer permuted", strength="", apply=partial(_permute, ffn=1))
    yield Rewrite(name="all feed-forward layers permuted", strength="", apply=partial(_permute, ffn=99))
    yield Rewrite(name="everything permuted", strength="", apply=_permute_all)
    yield Rewrite(name="renamed", strength="", apply=_rename)
    yield Rewrite(name="junk tensors", strength="", apply=_with_junk)


def _rounded() -> Iterator[Rewrite]:
    for dtype, name in ((torch.float16, "float16"), (torch.bfloat16, "bfloat16")):
        yield Rewrite(name=f"{name} and back", strength="", apply=partial(_through, dtype=dtype))
    yield Rewrite(name="one unit in the last place", strength="", apply=_next_number)
    for bits in (8, 6):
        yield Rewrite(name="integers and back", strength=f"{bits} bits", apply=partial(_quantise, bits=bits))


def _graded(base: Tensors, other: Tensors) -> Iterator[Rewrite]:
    for level in (1e-6, 1e-5, 1e-4, 3e-4, 1e-3, 3e-3, 1e-2, 3e-2, 1e-1):
        yield Rewrite(name="noise", strength=f"{level:g}", apply=partial(_noise, level=level))
    for share in (0.1, 0.25, 0.5):
        yield Rewrite(name="mixed with another's", strength=f"{share:g}", apply=partial(_mix, other=other, share=share))
    for share in (0.1, 0.5, -0.25):
        yield Rewrite(name="moved towards the base", strength=f"{share:g}", apply=partial(_mix, other=base, share=share))
    yield Rewrite(name="one layer of the base", strength="", apply=partial(_replace, other=base))
    yield Rewrite(name="one layer of another's", strength="", apply=partial(_replace, other=other))
    yield Rewrite(name="one layer drawn anew", strength="", apply=_draw_anew)


def _combined(base: Tensors) -> Iterator[Rewrite]:
    """Those that aim at weights and at sound at the same time."""
    yield Rewrite(name="permuted, then noise", strength="0.001", apply=partial(_permute_and_noise, level=1e-3))
    yield Rewrite(name="permuted, then noise", strength="0.01", apply=partial(_permute_and_noise, level=1e-2))
    yield Rewrite(name="feed-forward units scaled, then noise", strength="0.003", apply=_scale_units_and_noise)
    for spread, level in ((0.1, 1e-3), (0.3, 3e-3)):
        apply = partial(_uneven_and_noise, base=base, spread=spread, level=level)
        yield Rewrite(name="each tensor's change scaled, then noise", strength=f"± {100 * spread:g} %, {level:g}", apply=apply)
    settings = {"noise_scale": 0.6}
    yield Rewrite(name="permuted, other noise scale", strength="× 0.9", apply=_permute_all, settings=settings)
    yield Rewrite(name="permuted, other speaking rate", strength="× 1.01", apply=_permute_all, settings={"speaking_rate": 1.01})


def _scale_ffn(given: Tensors, _draw: torch.Generator, *, factor: float) -> Rewritten:
    """A rectifier between two layers passes a positive factor on."""
    found = dict(given)
    for stem in _stems(given, _FFN):
        found |= {f"{stem}.conv_1.{part}": given[f"{stem}.conv_1.{part}"] * factor for part in ("weight", "bias")}
        found[f"{stem}.conv_2.weight"] = given[f"{stem}.conv_2.weight"] / factor
    return found


def _scale_rows(given: Tensors, draw: torch.Generator) -> Rewritten:
    """The length of a weight-normalised direction is that of its norm, whatever the direction's own."""
    found = dict(given)
    for name, tensor in given.items():
        if (part := _SCALED.search(name)) and part[1] == "1":
            found[name] = tensor * (0.5 + 1.5 * torch.rand(tensor.shape[0], 1, 1, generator=draw))
    return found


def _permute(given: Tensors, draw: torch.Generator, *, ffn: int) -> Rewritten:
    """Hidden units in another order."""
    found = dict(given)
    for stem in _stems(given, _FFN)[:ffn]:
        order = torch.randperm(given[f"{stem}.conv_1.bias"].shape[0], generator=draw)
        found |= {f"{stem}.conv_1.{part}": given[f"{stem}.conv_1.{part}"][order] for part in ("weight", "bias")}
        found[f"{stem}.conv_2.weight"] = given[f"{stem}.conv_2.weight"][:, order]
    return found


def _permute_all(given: Tensors, draw: torch.Generator) -> Rewritten:
    """Feed-forward units, the gates of every flow, and the channels of every stage of the decoder."""
    found = _permute(given, draw, ffn=99)
    for stem in _stems(given, _WAVENET):
        _permute_wavenet(found, stem, draw)
    _permute_decoder(found, draw)
    return found


def _permute_wavenet(found: Rewritten, stem: str, draw: torch.Generator) -> None:
    """Units behind the gate of each layer: their two halves, and what reads them."""
    layers = sum(name.startswith(f"{stem}.in_layers.") and name.endswith(".bias") for name in found)
    for layer in range(layers):
        inside, out = f"{stem}.in_layers.{layer}", f"{stem}.res_skip_layers.{layer}"
        half = found[f"{inside}.bias"].shape[0] // 2
        order = torch.randperm(half, generator=draw)
        both = torch.cat([order, order + half])
        for name in (
            f"{inside}.bias",
            f"{inside}.parametrizations.weight.original0",
            f"{inside}.parametrizations.weight.original1",
        ):
            found[name] = found[name][both]
        found[f"{out}.parametrizations.weight.original1"] = found[f"{out}.parametrizations.weight.original1"][:, order]


def _permute_decoder(found: Rewritten, draw: torch.Generator) -> None:
    """The channels of each stage: what makes them, the residual blocks that work on them, and what reads them."""
    stages = sum(name.startswith("decoder.upsampler.") and name.endswith(".bias") for name in found)
    blocks = len({name.split(".")[2] for name in found if name.startswith("decoder.resblocks.")}) // stages
    order = torch.randperm(found["decoder.conv_pre.bias"].shape[0], generator=draw)
    for part in ("weight", "bias"):
        found[f"decoder.conv_pre.{part}"] = found[f"decoder.conv_pre.{part}"][order]
    for stage in range(stages):
        up = f"decoder.upsampler.{stage}"
        before, order = order, torch.randperm(found[f"{up}.bias"].shape[0], generator=draw)
        found[f"{up}.weight"] = found[f"{up}.weight"][before][:, order]
        found[f"{up}.bias"] = found[f"{up}.bias"][order]
        for name in list(found):
            if any(name.startswith(f"decoder.resblocks.{stage * blocks + block}.") for block in range(blocks)):
                found[name] = found[name][order] if name.endswith(".bias") else found[name][order][:, order]
    found["decoder.conv_post.weight"] = found["decoder.conv_post.weight"][:, order]


def _rename(given: Tensors, _draw: torch.Generator) -> Rewritten:
    """The older names of weight norm, with the prefix of a wrapped model."""
    parts = {"0": ".weight_g", "1": ".weight_v"}
    return {f"vits.{_SCALED.sub(lambda found: parts[found[1]], name)}": tensor for name, tensor in given.items()}


def _with_junk(given: Tensors, draw: torch.Generator) -> Rewritten:
    """Tensors of the training-only parts, filled with anything."""
    junk = {f"posterior_encoder.more.{number}": torch.randn(384, generator=draw) for number in range(16)}
    return {**given, **junk}


def _through(given: Tensors, _draw: torch.Generator, *, dtype: torch.dtype) -> Rewritten:
    return {name: tensor.to(dtype).to(torch.float32) for name, tensor in given.items()}


def _next_number(given: Tensors, _draw: torch.Generator) -> Rewritten:
    """Each number's neighbour above."""
    return {name: torch.nextafter(tensor, torch.full_like(tensor, torch.inf)) for name, tensor in given.items()}


def _quantise(given: Tensors, _draw: torch.Generator, *, bits: int) -> Rewritten:
    """Symmetric steps of each row's largest number; vectors stay."""
    steps = 2.0 ** (bits - 1) - 1.0
    return {name: _stepped(tensor, steps) if tensor.dim() > 1 else tensor for name, tensor in given.items()}


def _stepped(tensor: torch.Tensor, steps: float) -> torch.Tensor:
    size = tensor.flatten(1).abs().amax(dim=1).clamp(min=1e-12).view(-1, *[1] * (tensor.dim() - 1)) / steps
    return torch.round(tensor / size) * size


def _noise(given: Tensors, draw: torch.Generator, *, level: float) -> Rewritten:
    """Gaussian noise of `level` times each tensor's own spread."""
    return {name: _noisy(name, tensor, level, draw) for name, tensor in given.items()}


def _noisy(name: str, tensor: torch.Tensor, level: float, draw: torch.Generator) -> torch.Tensor:
    if LIFTED in name or tensor.numel() < 2:
        return tensor
    return tensor + torch.randn(tensor.shape, generator=draw) * (level * tensor.std())


def _mix(given: Tensors, _draw: torch.Generator, *, other: Tensors, share: float) -> Rewritten:
    """`(1 - share) · victim + share · other`; a negative share overshoots."""
    return {name: torch.lerp(tensor, other[name], share) for name, tensor in given.items()}


def _replace(given: Tensors, _draw: torch.Generator, *, other: Tensors) -> Rewritten:
    return {name: other[name] if name.startswith(_LAYER) else tensor for name, tensor in given.items()}


def _draw_anew(given: Tensors, draw: torch.Generator) -> Rewritten:
    """A layer of as large random numbers."""
    return {
        name: _drawn(tensor, draw) if name.startswith(_LAYER) and tensor.dim() > 1 else tensor for name, tensor in given.items()
    }


def _drawn(tensor: torch.Tensor, draw: torch.Generator) -> torch.Tensor:
    return torch.randn(tensor.shape, generator=draw) * tensor.std()


def _permute_and_noise(given: Tensors, draw: torch.Generator, *, level: float) -> Rewritten:
    return _noise(_permute_all(given, draw), draw, level=level)


def _scale_units_and_noise(given: Tensors, draw: torch.Generator) -> Rewritten:
    """Each hidden unit by a factor of its own, which a rectifier passes on to what reads it."""
    found = dict(given)
    for stem in _stems(given, _FFN):
        factors = 0.5 + 1.5 * torch.rand(given[f"{stem}.conv_1.bias"].shape[0], generator=draw)
        found[f"{stem}.conv_1.weight"] = given[f"{stem}.conv_1.weight"] * factors[:, None, None]
        found[f"{stem}.conv_1.bias"] = given[f"{stem}.conv_1.bias"] * factors
        found[f"{stem}.conv_2.weight"] = given[f"{stem}.conv_2.weight"] / factors[None, :, None]
    return _noise(found, draw, level=3e-3)


def _uneven_and_noise(given: Tensors, draw: torch.Generator, *, base: Tensors, spread: float, level: float) -> Rewritten:
    """What training did to each tensor, by a factor of its own: who knows how files are compared does this."""
    found = {}
    for name, tensor in given.items():
        factor = 1.0 + spread * (2.0 * float(torch.rand((), generator=draw)) - 1.0)
        found[name] = base[name] + factor * (tensor - base[name])
    return _noise(found, draw, level=level)


def _stems(given: Tensors, pattern: re.Pattern[str]) -> Sequence[str]:
    return sorted({found[1] for name in given if (found := pattern.fullmatch(name))})
