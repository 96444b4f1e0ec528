"""The parts that a competition pins for a family: read, written, and asked for before a family is admitted."""

import base64
from pathlib import Path

import pytest

from scoring.competition import DEFAULT_PATH, load
from scoring.errors import Code, PlatformError
from scoring.synthesis.families import FAMILIES
from scoring.synthesis.parts import MADE_BYTES, PinnedPart, digest, to_toml
from scoring.types import RoundNumber

STANDARD = DEFAULT_PATH.read_text(encoding="utf-8")
CODEC = PinnedPart(
    repo="a/codec", revision="1" * 40, licence="mit", files={"config.json": "2" * 64, "model.safetensors": "3" * 64}
)
SPEAKER = PinnedPart(
    repo="a/voices",
    revision="4" * 40,
    licence="cc0-1.0",
    files={"some/voice.wav": "5" * 64},
    made={"latents.safetensors": base64.b64encode(bytes(range(256))).decode()},
)
PARTS = {"codec": CODEC, "speaker": SPEAKER}
PICKLED = PinnedPart(
    repo="a/codec",
    revision="1" * 40,
    licence="mit",
    files={"config.json": "2" * 64, "pytorch_model.bin": "3" * 64},
    converted="6" * 64,
)


def written(tmp_path: Path, text: str, families: str = '["vits", "pocket_tts"]') -> Path:
    """The packaged competition with other families, and lines at its end."""
    path = tmp_path / "competition.toml"
    path.write_text(STANDARD.replace('families = ["vits"]', f"families = {families}") + text, encoding="utf-8")
    return path


def test_pinned_parts_are_part_of_the_rules(tmp_path: Path) -> None:
    """What the command writes, a competition reads back equal; its hash, and so every receipt, binds each byte."""
    rules = load(written(tmp_path, to_toml("pocket_tts", PARTS))).at(RoundNumber(0))
    assert rules.track[0].parts == {"pocket_tts": PARTS}
    assert rules.track[0].parts["pocket_tts"]["speaker"].carried == {"latents.safetensors": bytes(range(256))}
    other = SPEAKER.model_copy(update={"made": {"latents.safetensors": base64.b64encode(bytes(256)).decode()}})
    changed = load(written(tmp_path, to_toml("pocket_tts", PARTS | {"speaker": other}))).at(RoundNumber(0))
    assert changed.hash != rules.hash
    assert digest(changed.track[0].parts["pocket_tts"]) != digest(rules.track[0].parts["pocket_tts"])


def test_a_pickle_is_pinned_with_what_is_made_of_it(tmp_path: Path) -> None:
    """What the command writes is read back equal; an adapter opens the safetensors only."""
    rules = load(written(tmp_path, to_toml("llama_snac", {"codec": PICKLED}), '["llama_snac"]')).at(RoundNumber(0))
    assert rules.track[0].parts == {"llama_snac": {"codec": PICKLED}}
    assert PICKLED.loaded == {"config.json": "2" * 64, "model.safetensors": "6" * 64}


def test_line_breaks_do_not_count(tmp_path: Path) -> None:
    """A file may be wrapped otherwise and stays the same rules."""
    text = to_toml("pocket_tts", PARTS)
    wrapped = text.replace("AAECAwQFBgcI", "AAECAwQF\n  BgcI")
    assert wrapped != text
    hashes = {load(written(tmp_path, lines)).at(RoundNumber(0)).hash for lines in (text, wrapped)}
    assert len(hashes) == 1


@pytest.mark.parametrize(
    ("families", "text", "why"),
    [
        pytest.param(
            '["pocket_tts"]',
            "",
            "the family pocket_tts needs the pinned parts codec, speaker, and there are none: `voice family pin pocket_tts` writes them",
            id="none",
        ),
        pytest.param(
            '["pocket_tts"]', to_toml("pocket_tts", {"codec": CODEC}), "and there are codec: `voice family pin", id="one of two"
        ),
        pytest.param('["vits"]', to_toml("vits", {"codec": CODEC}), r"vits needs the pinned parts \(none\)", id="too many"),
        pytest.param(
            '["vits"]', to_toml("pocket_tts", PARTS), "parts are pinned for pocket_tts, which is not among", id="of a stranger"
        ),
        pytest.param(
            '["pocket_tts"]', to_toml("pocket_tts", PARTS).replace("AAEC", "AAE"), "latents.safetensors: .*base64", id="no base64"
        ),
        pytest.param(
            '["pocket_tts"]',
            to_toml("pocket_tts", PARTS).replace("some/voice.wav", "../voice.wav"),
            "pattern",
            id="a path upwards",
        ),
        pytest.param(
            '["pocket_tts"]', to_toml("pocket_tts", PARTS).replace('"mit"', '"cc-by-nc-4.0"'), "licence", id="a licence"
        ),
        pytest.param(
            '["llama_snac"]',
            to_toml("llama_snac", {"codec": PICKLED}).replace("converted", "#"),
            "beside one pickled checkpoint is no model.safetensors, but the checksum",
            id="a pickle alone",
        ),
    ],
)
def test_a_family_without_its_parts_is_not_admitted(tmp_path: Path, families: str, text: str, why: str) -> None:
    """The file does not load, and says why."""
    with pytest.raises(PlatformError, match=why) as caught:
        load(written(tmp_path, text, families))
    assert caught.value.code is Code.COMPETITION_INVALID


def test_what_is_carried_stays_small(tmp_path: Path) -> None:
    """Rules are no place for a model."""
    large = SPEAKER.model_copy(update={"made": {"latents.safetensors": base64.b64encode(bytes(MADE_BYTES + 1)).decode()}})
    with pytest.raises(PlatformError, match=f"it stands for 1 to {MADE_BYTES} bytes"):
        load(written(tmp_path, to_toml("pocket_tts", PARTS | {"speaker": large})))


def test_every_part_is_published_somewhere() -> None:
    """A manifest names a repository and files for each part, and says what it is."""
    parts = {name: sorted(manifest.parts) for name, manifest in FAMILIES.items() if manifest.parts}
    assert parts == {"llama_snac": ["codec"], "pocket_tts": ["codec", "speaker"], "qwen3_tts": ["codec"]}
    assert all(source.what and source.files for family in parts for source in FAMILIES[family].parts.values())
