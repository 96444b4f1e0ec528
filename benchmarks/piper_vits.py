"""A Piper voice as a VITS of transformers, tensor by tensor: the same network under other names, which can be trained there.

Piper's medium voices have a simpler residual block than transformers knows: one convolution where there are two with a rectifier
between. A bias of +64 before that rectifier keeps all sound on its straight side, and an identity kernel with bias -64 takes it back.
Tensors of the posterior and of the second duration flow, which no voice needs to speak, hold zeros.
"""

import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path

import torch
from safetensors.torch import save_file
from transformers import VitsConfig, VitsModel

from benchmarks import onnx_weights

LIFT = 64.0
"""Above the magnitude of anything inside the decoder."""
UNNAMED = "onnx::"
"""Tensors that the export named by number: the node that reads one says whose it is."""
SYMBOLS, EMBEDDING = "sid", "text_encoder.embed_tokens.weight"
"""The export calls the embedding of phonemes so."""
KERNELS, DILATIONS = (3, 5, 7), ((1, 2), (2, 6), (3, 12))
"""Of the decoder's residual blocks."""

_NAMES = (
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
    (r"dp\.(flows\.\d+\.)?(pre|proj)\.", r"duration_predictor.\1conv_\2."),
    (r"dp\.(flows\.\d+\.)?convs\.convs_sep\.", r"duration_predictor.\1conv_dds.convs_dilated."),
    (r"dp\.(flows\.\d+\.)?convs\.convs_1x1\.", r"duration_predictor.\1conv_dds.convs_pointwise."),
    (r"dp\.(flows\.\d+\.)?convs\.norms_", r"duration_predictor.\1conv_dds.norms_"),
    (r"dp\.flows\.0\.m$", "duration_predictor.flows.0.translate"),
)
"""Beginnings of Piper's names, and what transformers calls them; the numbers of flows differ too, see `_renumbered`."""


def model(path: Path) -> VitsModel:
    """The voice in an ONNX file as transformers' model, ready to speak ids; raises ValueError for a file of another shape."""
    config = _config(path)
    found = VitsModel(config)
    tensors = convert(path.read_bytes())
    own = found.state_dict()
    unknown = sorted(name for name in tensors if name not in own or own[name].shape != tensors[name].shape)
    if unknown:
        raise ValueError(f"not a medium Piper voice: {unknown[:3]} fit nothing")
    found.load_state_dict({name: tensors.get(name, torch.zeros_like(tensor)) for name, tensor in own.items()})
    found.train(False)
    return found


def write(path: Path, folder: Path) -> None:
    """Write the voice's config.json, model.safetensors and vocab.json as transformers reads them."""
    found = model(path)
    found.config.architectures = ["VitsModel"]
    found.config.save_pretrained(folder)
    save_file({name: tensor.contiguous() for name, tensor in found.state_dict().items()}, folder / "model.safetensors")
    vocabulary = {sign: ids[0] for sign, ids in _described(path)["phoneme_id_map"].items()}
    (folder / "vocab.json").write_text(json.dumps(vocabulary, ensure_ascii=False, indent=1), encoding="utf-8")


def convert(onnx: bytes) -> dict[str, torch.Tensor]:
    """Every tensor that speaks, by transformers' names."""
    readers = onnx_weights.readers(onnx)
    named = {_named(name, readers): tensor for name, tensor in onnx_weights.read(onnx).items()}
    found: dict[str, torch.Tensor] = {}
    for name, tensor in named.items():
        found |= dict(_as_transformers(name, tensor))
    return found


def _named(name: str, readers: Mapping[str, str]) -> str:
    """Piper's name of a tensor: for an unnamed one, that of its layer."""
    if not name.startswith(UNNAMED):
        return name
    return readers[name].removesuffix("/Conv").strip("/").replace("/", ".") + ".weight"


def _as_transformers(name: str, tensor: torch.Tensor) -> Iterator[tuple[str, torch.Tensor]]:
    """What stands in transformers' model for one of Piper's tensors; nothing for a constant of the graph."""
    if name == SYMBOLS:
        yield EMBEDDING, tensor
        return
    if name == "/dp/flows.0/Exp_output_0":  # the export keeps exp(-scale)
        yield "duration_predictor.flows.0.log_scale", -tensor.log()
        return
    own = next((re.sub(f"^{old}", new, name) for old, new in _NAMES if re.match(old, name)), None)
    if own is None:
        return
    own = _renumbered(own.replace(".gamma", ".weight").replace(".beta", ".bias"))
    if ".attention." in own and own.endswith("_proj.weight"):
        yield own, tensor[:, :, 0]
    elif ".wavenet." in own and own.endswith(".weight"):
        stem = own.removesuffix("weight") + "parametrizations.weight.original"
        yield f"{stem}0", torch.linalg.vector_norm(tensor, dim=(1, 2), keepdim=True)
        yield f"{stem}1", tensor
    elif ".convs1." in own:
        yield from _straightened(own, tensor)
    else:
        yield own, tensor


def _renumbered(name: str) -> str:
    """Piper counts the swaps between flows too, and drops the duration flow that does nothing."""
    if name.startswith("flow.flows."):
        return re.sub(r"^flow\.flows\.(\d+)", lambda found: f"flow.flows.{int(found[1]) // 2}", name)
    return re.sub(r"^(duration_predictor\.flows)\.(\d+)", lambda found: f"{found[1]}.{(int(found[2]) + 1) // 2}", name)


def _straightened(name: str, tensor: torch.Tensor) -> Iterator[tuple[str, torch.Tensor]]:
    """A convolution of the residual block and the second one, which undoes its lift."""
    second = name.replace(".convs1.", ".convs2.")
    if name.endswith(".bias"):
        yield name, tensor + LIFT
        yield second, torch.full_like(tensor, -LIFT)
        return
    identity = torch.zeros_like(tensor)
    identity[:, :, tensor.shape[2] // 2] = torch.eye(tensor.shape[0])
    yield name, tensor
    yield second, identity


def _described(path: Path) -> dict[str, dict[str, list[int]]]:
    """What the JSON file beside the ONNX file says."""
    described: dict[str, dict[str, list[int]]] = json.loads(path.with_suffix(".onnx.json").read_text(encoding="utf-8"))
    return described


def _config(path: Path) -> VitsConfig:
    """The shape of a medium Piper voice, with the noise and the rate that its JSON file names."""
    described = json.loads(path.with_suffix(".onnx.json").read_text(encoding="utf-8"))
    inference = described["inference"]
    return VitsConfig(
        vocab_size=described["num_symbols"],
        sampling_rate=described["audio"]["sample_rate"],
        noise_scale=inference["noise_scale"],
        noise_scale_duration=inference["noise_w"],
        speaking_rate=1.0 / inference["length_scale"],
        upsample_initial_channel=256,
        upsample_rates=[8, 8, 4],
        upsample_kernel_sizes=[16, 16, 8],
        resblock_kernel_sizes=list(KERNELS),
        resblock_dilation_sizes=[list(each) for each in DILATIONS],
    )
