"""A family is a folder with a manifest and an adapter; a competition may name no other."""

import shutil
from pathlib import Path

from scoring.synthesis import families
from scoring.synthesis.families import FAMILIES, families_in

PACKAGE = Path(families.__file__).parent


def test_a_folder_without_adapter_is_no_family(tmp_path: Path) -> None:
    """Nobody could load its models: a competition that names it is told that there is no adapter."""
    for name in ("espeak", "vits"):
        (tmp_path / name).mkdir()
        shutil.copy(PACKAGE / name / "family.toml", tmp_path / name)
    (tmp_path / "vits" / "adapter.py").touch()
    assert families_in(tmp_path) == {"vits": FAMILIES["vits"]}
