"""Every program of benchmarks/ says what it is: whoever asks for its help does not start hours of work."""

import runpy
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
THEIRS = frozenset({"distillmos", "vocencebench"})
"""Packages of the extra `bench`, which few environments have."""


def programs() -> list[str]:
    """The modules that `python -m` runs."""
    files = [
        file for file in (ROOT / "benchmarks").rglob("*.py") if 'if __name__ == "__main__":\n' in file.read_text(encoding="utf-8")
    ]
    names = [".".join(file.relative_to(ROOT).with_suffix("").parts) for file in files]
    return sorted(name.removesuffix(".__main__") for name in names)


@pytest.mark.parametrize("module", programs())
@pytest.mark.filterwarnings("ignore:.*found in sys.modules:RuntimeWarning")
def test_a_help_is_answered_without_work(
    module: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """By what it is used with and what it does, with status 0."""
    monkeypatch.setattr(sys, "argv", [module, "--help"])
    try:
        runpy.run_module(module, run_name="__main__")
    except SystemExit as ended:
        assert not ended.code
    except ModuleNotFoundError as missing:
        if missing.name not in THEIRS:
            raise
        pytest.skip(f"the extra `bench` is not installed: {missing.name}")
    said, wrong = capsys.readouterr()
    assert wrong == ""
    assert said.startswith("usage: ") and len(said.split()) > 10
