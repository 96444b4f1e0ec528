"""The examples in the docstrings of metrics: each is run, so that a formula and its code cannot part."""

import doctest
import importlib

import pytest

MODULES = (
    "prompts.voices",
    "scoring.audio.audio",
    "scoring.audio.clip",
    "scoring.audio.mel",
    "scoring.audio.pitch",
    "scoring.audio.quantile",
    "scoring.judges.articulation",
    "scoring.judges.cleanliness",
    "scoring.judges.defects",
    "scoring.judges.delivery",
    "scoring.judges.dnsmos",
    "scoring.judges.integrity",
    "scoring.judges.intelligibility",
    "scoring.judges.prosody",
    "scoring.judges.standard.alignment",
    "scoring.judges.standard.ctc",
    "scoring.judges.standard.network",
    "scoring.language.text",
    "scoring.scores.aggregate",
    "scoring.scores.calibration",
    "scoring.studies.evidence.agreement",
)


@pytest.mark.parametrize("name", MODULES)
def test_every_example_gives_what_it_says(name: str) -> None:
    """The module has examples, and each prints what stands below it."""
    found = doctest.testmod(importlib.import_module(name))
    assert found.attempted > 0
    assert found.failed == 0
