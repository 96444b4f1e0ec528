"""A builder of a random model of the official Pocket TTS, and of the folder that its training would leave: the package's own code."""

import json
from pathlib import Path
from typing import Any

import pocket_tts
import torch
import yaml
from pocket_tts.models.mimi import build_mimi
from pocket_tts.models.tts_model import TTSModel, stamp_state_names
from pocket_tts.modules.stateful_module import increment_steps, init_states
from pocket_tts.utils.config import Config
from safetensors.torch import save_file
from torch import Tensor

from scoring.synthesis.pocket_tts import tiny

WIDTH, FRAMES = 16, 20
PUBLISHED = Path(pocket_tts.__file__).parent / "config" / "english.yaml"


def described(flow: str = "lsd", mark: bool = True, **more: object) -> dict[str, Any]:
    """The published settings of the official code, with a tiny model's sizes."""
    found: dict[str, Any] = yaml.safe_load(PUBLISHED.read_text(encoding="utf-8"))
    talker = {"d_model": WIDTH, "hidden_scale": 2, "max_period": 10_000, "num_heads": 2, "num_layers": 2}
    table = {"dim": WIDTH, "n_bins": 96, "tokenizer": "tokenizers", "tokenizer_path": "tokenizer.json"}
    found["flow_lm"] |= {
        "flow": {"dim": WIDTH, "depth": 2, "type": flow},
        "transformer": talker,
        "lookup_table": table,
        "insert_bos_before_voice": mark,
    } | more
    codec = found["mimi"]
    codec |= {"inner_dim": tiny.LATENT_DIM, "outer_dim": WIDTH}
    codec["quantizer"] = {"dimension": tiny.LATENT_DIM, "output_dimension": WIDTH}
    codec["seanet"] |= {"dimension": WIDTH, "n_filters": 4}
    codec["transformer"] |= {
        "d_model": WIDTH,
        "num_heads": 2,
        "num_layers": 1,
        "dim_feedforward": WIDTH,
        "input_dimension": WIDTH,
        "output_dimensions": [WIDTH],
    }
    return found


class Official:
    """A random model of the official code, and the run's folder that its training would leave."""

    def __init__(self, folder: Path, settings: dict[str, Any]) -> None:
        self.folder = folder
        folder.mkdir()
        text = json.loads(tiny.tokenizer().to_str()) | {"added_tokens": []}
        (folder / "tokenizer.json").write_text(json.dumps(text), encoding="utf-8")
        (folder / "my_voice.yaml").write_text(yaml.safe_dump(settings), encoding="utf-8")
        (folder / "args.yaml").write_text("model_config: my_voice.yaml\nrun_dir: runs/mine\n", encoding="utf-8")
        settings = json.loads(json.dumps(settings))
        settings["flow_lm"]["lookup_table"]["tokenizer_path"] = str(folder / "tokenizer.json")
        self.model = _built(Config(**settings))
        save_file(self.state(), folder / "model.safetensors")

    def state(self) -> dict[str, Tensor]:
        """Its tensors, as training exports them."""
        return {name: value.detach().clone() for name, value in self.model.state_dict().items()}

    @torch.no_grad()
    def says(self, ids: tuple[int, ...], voice: Tensor) -> Tensor:
        """What the official code makes of tokens in a voice, without noise: latents, shape (FRAMES, latent_dim)."""
        talker = self.model.flow_lm
        marks = [talker.bos_before_voice] if talker.insert_bos_before_voice else []
        voiced = torch.nn.functional.linear(voice[None], talker.speaker_proj_weight)
        read = torch.cat([*marks, voiced, talker.conditioner(torch.tensor([ids]))], dim=1)
        state, latent, frames = init_states(talker, 1, 200), talker.bos_emb.view(1, 1, -1), []
        for frame in range(FRAMES):
            heard = talker.input_linear(latent)
            whole = heard if frame else torch.cat([read, heard], dim=1)
            condition = talker.out_norm(talker.transformer(whole, state))[:, -1]
            increment_steps(talker, state, increment=whole.shape[1])
            times = [torch.zeros(1, 1), torch.ones(1, 1)] if talker.flow_type == "lsd" else []
            made = talker.flow_net(condition, *times, torch.zeros(1, tiny.LATENT_DIM))
            frames.append(made * talker.emb_std + talker.emb_mean)
            latent = made[:, None]
        return torch.cat(frames)


def _built(config: Config) -> Any:
    torch.manual_seed(0)
    model: Any = TTSModel._from_pydantic_config(  # the one way that its training builds it by
        config, temp=0.0, sampler_decode_steps=1, noise_clamp=None, eos_threshold=0.0, origin=None
    )
    talker = model.flow_lm
    talker.speaker_proj_weight = torch.nn.Parameter(torch.zeros(WIDTH, tiny.LATENT_DIM))
    for parameter in talker.parameters():
        torch.nn.init.normal_(parameter, std=0.3)
    talker.emb_mean.normal_()
    talker.emb_std.uniform_(0.5, 1.5)
    model.mimi = build_mimi(config.mimi)
    stamp_state_names(model)
    return model.eval()
