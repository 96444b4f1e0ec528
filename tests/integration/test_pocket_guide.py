"""docs/miner.md, of a fine-tuned Pocket TTS: every line of it, with a tiny run of the official code."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from neurons.localnet.network import COMPETITION
from scoring.synthesis.families import FAMILIES
from tests.builders import pocket_voices
from tests.builders.official_pocket import Official, described
from tests.integration.hub_thread import hub_over
from tests.integration.test_miner_guide import PAGE, POCKET


@pytest.mark.slow
@pytest.mark.timeout(240)
def test_a_run_becomes_a_folder_that_a_validator_accepts(tmp_path: Path) -> None:
    """The run lies where the page says, and the hub holds a random codec and voice under the names of the public ones."""
    (tmp_path / "runs").mkdir()
    Official(tmp_path / "runs" / "mine", described())
    rules = tmp_path / "neurons" / "localnet" / "competition.toml"
    rules.parent.mkdir(parents=True)
    shutil.copy(COMPETITION, rules)
    (tmp_path / ".voice").mkdir()
    codec, speaker = (FAMILIES["pocket_tts"].parts[name] for name in ("codec", "speaker"))
    pocket_voices.publish_parts(tmp_path / "hub", tmp_path / "made", codec.repo, speaker.repo, speaker.files)
    section = POCKET.search(PAGE)
    assert section is not None
    lines = "".join(re.findall(r"```sh\n(.*?)```", section[0], re.DOTALL))
    with hub_over(tmp_path / "hub") as url:
        done = subprocess.run(
            ["bash", "-euo", "pipefail", "-c", lines.replace("https://huggingface.co", url)],
            cwd=tmp_path,
            env={"PATH": f"{Path(sys.executable).parent}:{os.defpath}", "HOME": str(tmp_path), "VOICE_DATA": ".voice/mining"},
            capture_output=True,
            text=True,
            check=False,
        )
    assert done.returncode == 0, done.stderr
    assert [line.strip() for line in done.stdout.splitlines() if "family" in line or "validator" in line] == [
        ".voice/pocket: a model of the family pocket_tts. Next: voice miner check .voice/pocket",
        "family        pocket_tts",
        "A validator accepts this folder.",
    ]
