"""A network of Piper's as a VITS of transformers, tensor by tensor: the same network under other names, which can be trained there.

Voices of low and medium quality have a simpler residual block than transformers knows: one convolution where there are two with a
rectifier between. A bias of +64 before that rectifier keeps all sound on its straight side, and an identity kernel with bias -64 takes
it back. Tensors of the posterior and of the second duration flow, which no voice needs to speak, are left out.
"""

import math
import re
from collections.abc import Iterator, Mapping
from typing import Any

import torch

from scoring.errors import Code, PlatformError

LIFT = 64.0
"""Above the magnitude of anything inside the decoder."""
HOP = 256
"""Samples of sound for one frame of every Piper voice."""
UNNAMED = "onnx::"
"""Tensors that an export named by number: the node that reads one says whose it is."""
_CONSTANTS = ("/", "onnx::")
"""Beginnings of what an export computed beforehand, or could not name."""
_TRAINING = ("enc_q.", "dp.post_", "dp.flows.1.", "model_d.", "model_mrd.")
SILENT = ("posterior_encoder.", "duration_predictor.post_", "duration_predictor.flows.1.")
"""Beginnings of transformers' names for tensors that only training reads."""
_SHORT, _LONG = ((1, 2), (2, 6), (3, 12)), ((1, 3, 5),) * 3
"""Dilations of the residual blocks of one convolution a step, and of those of two."""

_NAMES = (
    (r"(enc_p\.emb|sid$)", "text_encoder.embed_tokens"),  # an export of one speaker calls the table of phonemes so
    (r"emb_g\.", "embed_speaker."),
    (r"enc_p\.proj\.", "text_encoder.project."),
    (r"enc_p\.encoder\.attn_layers\.(\d+)\.emb_rel_", r"text_encoder.encoder.layers.\1.attention.emb_rel_"),
    (r"enc_p\.encoder\.attn_layers\.(\d+)\.conv_o\.", r"text_encoder.encoder.layers.\1.attention.out_proj."),
    (r"enc_p\.encoder\.attn_layers\.(\d+)\.conv_([qkv])\.", r"text_encoder.encoder.layers.\1.attention.\2_proj."),
    (r"enc_p\.encoder\.norm_layers_1\.(\d+)\.", r"text_encoder.encoder.layers.\1.layer_norm."),
    (r"enc_p\.encoder\.norm_layers_2\.(\d+)\.", r"text_encoder.encoder.layers.\1.final_layer_norm."),
    (r"enc_p\.encoder\.ffn_layers\.(\d+)\.", r"text_encoder.encoder.layers.\1.feed_forward."),
    (r"dec\.ups\.", "decoder.upsampler."),
    (r"dec\.resblocks\.(\d+)\.convs\.", r"decoder.resblocks.\1.convs1."),
    (r"dec\.", "decoder."),
    (r"flow\.flows\.(\d+)\.enc\.", r"flow.flows.\1.wavenet."),
    (r"flow\.flows\.(\d+)\.(pre|post)\.", r"flow.flows.\1.conv_\2."),
    (r"dp\.cond\.", "duration_predictor.cond."),
    (r"dp\.(flows\.\d+\.)?(pre|proj)\.", r"duration_predictor.\1conv_\2."),
    (r"dp\.(flows\.\d+\.)?convs\.convs_sep\.", r"duration_predictor.\1conv_dds.convs_dilated."),
    (r"dp\.(flows\.\d+\.)?convs\.convs_1x1\.", r"duration_predictor.\1conv_dds.convs_pointwise."),
    (r"dp\.(flows\.\d+\.)?convs\.norms_", r"duration_predictor.\1conv_dds.norms_"),
    (r"dp\.flows\.0\.m$", "duration_predictor.flows.0.translate"),
    (r"dp\.flows\.0\.logs$", "duration_predictor.flows.0.log_scale"),
)
"""Beginnings of Piper's names, and what transformers calls them; the numbers of flows differ too, see `_renumbered`."""

Tensors = Mapping[str, torch.Tensor]


def named(exported: Tensors, readers: Mapping[str, str]) -> dict[str, torch.Tensor]:
    """An export's tensors under Piper's own names; `readers` tells which node reads which value."""

    def name_of(name: str) -> str:
        if not name.startswith(UNNAMED) or name not in readers:
            return name
        return readers[name].removesuffix("/Conv").removesuffix("/ConvTranspose").strip("/").replace("/", ".") + ".weight"

    return {name_of(name): tensor for name, tensor in exported.items()}


def convert(tensors: Tensors) -> dict[str, torch.Tensor]:
    """Every tensor that speaks, by transformers' names; raises PlatformError for one that is no Piper voice's."""
    found: dict[str, torch.Tensor] = {}
    plain = {name.removeprefix("model_g."): tensor.float() for name, tensor in tensors.items()}
    for name, tensor in _folded(plain).items():
        found |= dict(_as_transformers(name, tensor))
    return found


def config_of(tensors: Tensors) -> dict[str, Any]:
    """The shape of the network, as transformers' config.json has it, from its converted tensors; raises PlatformError."""
    try:
        return _text_shape(tensors) | _sound_shape(tensors)
    except (KeyError, IndexError) as exc:
        raise not_piper(f"it has no {exc.args[0]}") from exc


def not_piper(why: str) -> PlatformError:
    """The error for a file of another kind."""
    return PlatformError(Code.ARGUMENT_INVALID, f"This is not a Piper voice that can be converted: {why}.")


def _text_shape(tensors: Tensors) -> dict[str, Any]:
    symbols, hidden = tensors["text_encoder.embed_tokens.weight"].shape
    widened = tensors["text_encoder.encoder.layers.0.feed_forward.conv_1.weight"].shape
    relative = tensors["text_encoder.encoder.layers.0.attention.emb_rel_k"].shape
    flows = "duration_predictor.flows"
    return {
        "vocab_size": symbols,
        "hidden_size": hidden,
        "num_hidden_layers": _count(tensors, r"text_encoder\.encoder\.layers\.(\d+)\."),
        "num_attention_heads": hidden // relative[2],
        "window_size": relative[1] // 2,
        "ffn_dim": widened[0],
        "ffn_kernel_size": widened[2],
        "duration_predictor_num_flows": _count(tensors, r"duration_predictor\.flows\.(\d+)\.") - 1,
        "duration_predictor_flow_bins": (tensors[f"{flows}.2.conv_proj.weight"].shape[0] + 1) // 3,
        "depth_separable_num_layers": _count(tensors, r"duration_predictor\.conv_dds\.convs_dilated\.(\d+)\."),
    }


def _sound_shape(tensors: Tensors) -> dict[str, Any]:
    kernels = [
        tensors[f"decoder.upsampler.{step}.weight"].shape[2] for step in range(_count(tensors, r"decoder\.upsampler\.(\d+)\."))
    ]
    rates = [kernel // 2 for kernel in kernels]
    blocks = _count(tensors, r"decoder\.resblocks\.(\d+)\.") // max(len(kernels), 1)
    dilations = _SHORT if _count(tensors, r"decoder\.resblocks\.0\.convs1\.(\d+)\.") == 2 else _LONG
    if math.prod(rates) != HOP or blocks != len(dilations):
        raise not_piper(f"its decoder makes {math.prod(rates)} samples of a frame in {blocks} blocks; known are {HOP} in 3")
    layers = r"flow\.flows\.0\.wavenet\.in_layers\.(\d+)\."
    shape: dict[str, Any] = {
        "flow_size": tensors["text_encoder.project.weight"].shape[0] // 2,
        "prior_encoder_num_flows": _count(tensors, r"flow\.flows\.(\d+)\."),
        "prior_encoder_num_wavenet_layers": _count(tensors, layers),
        "wavenet_kernel_size": tensors["flow.flows.0.wavenet.in_layers.0.parametrizations.weight.original1"].shape[2],
        "upsample_initial_channel": tensors["decoder.conv_pre.weight"].shape[0],
        "upsample_rates": rates,
        "upsample_kernel_sizes": kernels,
        "resblock_kernel_sizes": [tensors[f"decoder.resblocks.{block}.convs1.0.weight"].shape[2] for block in range(blocks)],
        "resblock_dilation_sizes": [list(each) for each in dilations],
    }
    speakers = tensors.get("embed_speaker.weight")
    several = {} if speakers is None else {"num_speakers": speakers.shape[0], "speaker_embedding_size": speakers.shape[1]}
    return shape | several


def _count(tensors: Tensors, pattern: str) -> int:
    """The numbers that a pattern's group takes, from 0."""
    return max((int(found[1]) + 1 for name in tensors if (found := re.match(pattern, name))), default=0)


def _folded(tensors: Tensors) -> dict[str, torch.Tensor]:
    """Weights from their length and direction (Salimans and Kingma 2016), which training keeps apart; the flows' stay apart."""
    found = dict(tensors)
    for name in tensors:
        stem = name.removesuffix("_v")
        if name.endswith(".weight_v") and not stem.startswith("flow."):
            direction, length = found.pop(name), found.pop(f"{stem}_g", None)
            if length is None:
                raise not_piper(f"it has no {stem}_g")
            found[stem] = direction * (length / torch.linalg.vector_norm(direction, dim=(1, 2), keepdim=True))
    return found


def _as_transformers(name: str, tensor: torch.Tensor) -> Iterator[tuple[str, torch.Tensor]]:
    """What stands in transformers' model for one of Piper's tensors; nothing for a constant of the graph and for what only trains."""
    if name == "/dp/flows.0/Exp_output_0":  # an export keeps exp(-scale)
        yield "duration_predictor.flows.0.log_scale", -tensor.log()
        return
    if name.startswith((*_CONSTANTS, *_TRAINING)):
        return
    own = next((re.sub(f"^{old}", new, name) for old, new in _NAMES if re.match(old, name)), None)
    if own is None:
        raise not_piper(f"{name[:80]!r} is none of its tensors")
    own = _renumbered(own.replace(".gamma", ".weight").replace(".beta", ".bias"))
    if own == "text_encoder.embed_tokens":
        yield f"{own}.weight", tensor
    elif ".attention." in own and own.endswith("_proj.weight"):
        yield own, tensor[:, :, 0]
    elif ".wavenet." in own and not own.endswith(".bias"):
        yield from _apart(own, tensor)
    elif name.startswith("dec.resblocks.") and ".convs." in name:
        yield from _straightened(own, tensor)
    else:
        yield own, tensor


def _renumbered(name: str) -> str:
    """Piper counts the swaps between flows too."""
    if name.startswith("flow.flows."):
        return re.sub(r"^flow\.flows\.(\d+)", lambda found: f"flow.flows.{int(found[1]) // 2}", name)
    return re.sub(r"^(duration_predictor\.flows)\.(\d+)", lambda found: f"{found[1]}.{(int(found[2]) + 1) // 2}", name)


def _apart(name: str, tensor: torch.Tensor) -> Iterator[tuple[str, torch.Tensor]]:
    """A weight as length and direction; an export has multiplied them."""
    stem, _, part = name.rpartition(".weight")
    both = {"_g": 0, "_v": 1}
    if part in both:
        yield f"{stem}.parametrizations.weight.original{both[part]}", tensor
        return
    yield f"{stem}.parametrizations.weight.original0", torch.linalg.vector_norm(tensor, dim=(1, 2), keepdim=True)
    yield f"{stem}.parametrizations.weight.original1", tensor


def _straightened(name: str, tensor: torch.Tensor) -> Iterator[tuple[str, torch.Tensor]]:
    """A convolution of the simpler residual block and the second one, which undoes its lift."""
    second = name.replace(".convs1.", ".convs2.")
    if name.endswith(".bias"):
        yield name, tensor + LIFT
        yield second, torch.full_like(tensor, -LIFT)
        return
    identity = torch.zeros_like(tensor)
    identity[:, :, tensor.shape[2] // 2] = torch.eye(tensor.shape[0])
    yield name, tensor
    yield second, identity
