"""The official code's tensors of a Pocket TTS by the names that transformers gives them.

Queries and keys are turned too: there, the two numbers that a rotary position turns together are neighbours; here, they lie half a
head apart.
"""

import re
from collections.abc import Mapping

import torch
from torch import Tensor

from scoring.errors import Code, PlatformError

Tensors = Mapping[str, Tensor]
MARK = "audio_prompt_bos_token"
"""The token before a voice, which a model may do without."""
AUDIO_TOKENS = {
    "audio_prompt_token": "<|audio_prompt|>",
    "audio_latent_token": "<|audio_latent|>",
    "audio_bos_token": "<|audio_bos|>",
    MARK: "<|audio_prompt_bos|>",
}
"""The tokens after those of text, in the order of their ids, by transformers' names for them."""
TRAINING_ONLY = ("loss_weighting.", "latent_stats_num_updates")
"""Beginnings of transformers' names for tensors that only training reads."""
_PREFIX = "flow_lm."
_TABLE = f"{_PREFIX}conditioner.embed.weight"
_VOICE_MARK = f"{_PREFIX}bos_before_voice"
_WHOLE = {
    "emb_mean": "latent_mean",
    "emb_std": "latent_std",
    "bos_emb": "model.bos_latent",
    "input_linear.weight": "model.audio_latent_proj.weight",
    "speaker_proj_weight": "model.audio_prompt_proj.weight",
}
_ENDS_ALIKE = (
    (r"out_norm\.", "model.norm."),
    (r"out_eos\.", "eos_head."),
    (r"transformer\.layers\.(\d+)\.self_attn\.out_proj\.", r"model.layers.\1.self_attn.o_proj."),
    (r"transformer\.layers\.(\d+)\.norm1\.", r"model.layers.\1.input_layernorm."),
    (r"transformer\.layers\.(\d+)\.norm2\.", r"model.layers.\1.post_attention_layernorm."),
    (r"transformer\.layers\.(\d+)\.linear([12])\.", r"model.layers.\1.mlp.fc\2."),
    (r"flow_net\.cond_embed\.", "flow_head.cond_proj."),
    (r"flow_net\.input_proj\.", "flow_head.input_proj."),
    (r"flow_net\.time_embed\.(\d+)\.freqs", r"flow_head.timestep_embeddings.\1.freqs"),
    (r"flow_net\.time_embed\.(\d+)\.mlp\.0\.", r"flow_head.timestep_embeddings.\1.fc1."),
    (r"flow_net\.time_embed\.(\d+)\.mlp\.2\.", r"flow_head.timestep_embeddings.\1.fc2."),
    (r"flow_net\.time_embed\.(\d+)\.mlp\.3\.alpha", r"flow_head.timestep_embeddings.\1.norm.weight"),
    (r"flow_net\.res_blocks\.(\d+)\.in_ln\.", r"flow_head.layers.\1.norm."),
    (r"flow_net\.res_blocks\.(\d+)\.mlp\.0\.", r"flow_head.layers.\1.fc1."),
    (r"flow_net\.res_blocks\.(\d+)\.mlp\.2\.", r"flow_head.layers.\1.fc2."),
    (r"flow_net\.res_blocks\.(\d+)\.adaLN_modulation\.1\.", r"flow_head.layers.\1.adaln_proj."),
    (r"flow_net\.final_layer\.linear\.", "flow_head.final_layer.proj."),
    (r"flow_net\.final_layer\.adaLN_modulation\.1\.", "flow_head.final_layer.adaln_proj."),
)
_RULES = tuple((re.compile(before), after) for before, after in _ENDS_ALIKE)
_IN_PROJ = re.compile(r"transformer\.layers\.(\d+)\.self_attn\.in_proj\.?_?weight")
_VARIANTS = {
    "z_proj.": "a projection before its heads (`z_dim`)",
    "conditioner.proj.": "a table of tokens of low rank (`rank`)",
}
"""Tensors of models that transformers has no place for."""


def renamed(found: Tensors, heads: int, key_heads: int | None) -> dict[str, Tensor]:
    """The talker's tensors by transformers' names, float32; the codec's and those of training are left out.

    `heads` is the number of attention heads, `key_heads` that of keys and values where it is another. Raises PlatformError for weights
    that are none of Pocket TTS, or of a variant that transformers has no place for.
    """
    made: dict[str, Tensor] = {}
    for name in (name for name in found if name.startswith(_PREFIX) and name not in (_TABLE, _VOICE_MARK)):
        own = name.removeprefix(_PREFIX)
        if match := _IN_PROJ.fullmatch(own):
            made |= _split(f"model.layers.{match[1]}.self_attn", found[name].float(), heads, key_heads or heads)
        else:
            made[_renamed(own)] = found[name].float()
    if "model.audio_prompt_proj.weight" not in made:
        raise not_official("it has no speaker_proj_weight: these weights cannot be given a voice")
    return made | {"model.embed_tokens.weight": _table(found)}


def has_mark(found: Tensors) -> bool:
    """Whether the model was trained with a mark before the voice."""
    return _VOICE_MARK in found


def not_official(why: str) -> PlatformError:
    """What a miner is told of a file that cannot be converted."""
    return PlatformError(Code.ARGUMENT_INVALID, f"This is no Pocket TTS that the family can hold: {why}.")


def _renamed(own: str) -> str:
    if own in _WHOLE:
        return _WHOLE[own]
    if variant := next((what for start, what in _VARIANTS.items() if own.startswith(start)), None):
        raise not_official(f"it has {variant}, which transformers' class has not")
    for pattern, name in _RULES:
        if match := pattern.match(own):
            return match.expand(name) + own[match.end() :]
    raise not_official(f"nobody knows its tensor flow_lm.{own[:80]}")


def _split(name: str, weight: Tensor, heads: int, key_heads: int) -> dict[str, Tensor]:
    """Queries, keys and values out of one matrix, shape ((heads + 2 · key heads) · head_dim, hidden_size)."""
    size, rest = divmod(weight.shape[0], heads + 2 * key_heads)
    if rest or size % 2:
        raise not_official(f"its attention of {weight.shape[0]} rows does not fall into {heads} heads")
    queries, keys, values = torch.split(weight, [heads * size, key_heads * size, key_heads * size])
    return {
        f"{name}.q_proj.weight": _halved(queries, heads),
        f"{name}.k_proj.weight": _halved(keys, key_heads),
        f"{name}.v_proj.weight": values,
    }


def _halved(weight: Tensor, heads: int) -> Tensor:
    """Each head's rows: those of even number first, then the others."""
    rows, width = weight.shape
    return weight.view(heads, rows // heads // 2, 2, width).transpose(1, 2).reshape(rows, width)


def _table(found: Tensors) -> Tensor:
    """The tokens' embeddings: those of text, without the one for padding, then those of sound, of which only the mark is ever read."""
    if _TABLE not in found or found[_TABLE].ndim != 2:
        raise not_official("it has no table of tokens (conditioner.embed.weight)")
    text = found[_TABLE].float()[:-1]
    sound = torch.zeros(len(AUDIO_TOKENS), text.shape[1])
    if has_mark(found):
        sound[list(AUDIO_TOKENS).index(MARK)] = found[_VOICE_MARK].float().reshape(-1)
    return torch.cat([text, sound])
