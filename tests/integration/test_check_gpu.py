"""`make check-gpu` at tiny size on the processor: every step of it but those that ask a card."""

import pytest

from benchmarks import check_gpu


def test_every_step_runs_where_there_is_no_card(capsys: pytest.CaptureFixture[str]) -> None:
    """Each finds what it looks for: real guests, a real kill, the attacks' list, and a network in batches."""
    assert check_gpu.main(["--device", "cpu", "--size", "tiny", "--alone", "2", "--batch", "2"]) == 0
    said = [line for line in capsys.readouterr().out.splitlines() if line.startswith(("well", "WRONG"))]
    assert [line.split(":")[0].split(None, 1)[1] for line in said] == [
        "machine",
        "time to first audio",
        "RTFx",
        "batch by alone",
        "the same batch twice",
        "killed while it speaks",
        "ways out",
        "the reference model",
        "a judge in batches",
    ]


def test_a_finding_that_is_wrong_ends_with_1(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """Whoever runs it by a script must see it."""
    monkeypatch.setattr(check_gpu, "check", lambda _bench, _steps: iter([check_gpu.Finding("a step", "nothing", is_well=False)]))
    assert (check_gpu.main(["--device", "cpu"]), capsys.readouterr().out) == (1, "WRONG a step: nothing\n")
