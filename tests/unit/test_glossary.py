"""One word a thing: class names are made of the glossary's words."""

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "glossary.md").read_text(encoding="utf-8")
ROWS = re.findall(r"^\| ([^|]+) \| ([^|]+) \|$", PAGE, re.MULTILINE)
MEANINGS = {word: meaning for word, meaning in ROWS if word not in ("word", "---")}
PACKAGES = (
    "neurons/miner",
    "neurons/validator",
    "prompts",
    "scoring/ranking",
    "scoring/receipts",
    "scoring/scores",
    "scoring/weights",
    "voice_api/db",
    "workers/evaluation",
    "workers/jobs",
)
"""Where domain words name classes; elsewhere they are those of HTTP, of files or of signals."""
PLAIN = set(
    """
    ActorKind Ask Assignment Candidacy ByteSink ByteSource CarriedOver ChainConnection Circumstances Combine
    CurrentJob Daemon DaemonOptions Database Depth Deviation Divergence Draw Drawn
    Due EarlierOwner End EntryOutline FileLine FirstWords Followed Form Gauges Grammar
    Hold Known Loss Made Mechanism NotTried NotYet NotYetPublic OneConnection Operations
    Obstacle Outlook Pace PackagesNotInstalled PageRows Patience Phrases Placement Pool Presence Provenance Rank
    RefusedOnce Register Rejection Remote Renewals RepositoryView Signed
    Signer Step StepBegun StepTaken StuckRow Supervisor Table Terms
    Timed Tools Unjudgeable Verifier View Wait Watch Watched
    WorkLoop Writer
    """.split()  # noqa: SIM905 - words read as words
)
"""Classes whose names are plain English without a word of the domain; a new one is a decision, and each must exist."""


def classes() -> dict[str, str]:
    """Public classes of the domain's packages, and where each stands."""
    return {
        node.name: str(path.relative_to(ROOT))
        for package in PACKAGES
        for path in sorted((ROOT / package).rglob("*.py"))
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.ClassDef) and not node.name.startswith("_")
    }


def has_known_word(name: str) -> bool:
    """Whether a class name has a word of the glossary in any of its forms: Judged, Judging and Judges are of `judge`."""
    parts = [part.lower() for part in re.findall(r"[A-Z]+(?=[A-Z][a-z])|[A-Z][a-z0-9]*|[A-Z]+", name)]
    stems = [word.partition("-")[0].removesuffix("e") for word in MEANINGS]
    return any(part.startswith(stem) for part in parts for stem in stems)


def test_every_class_name_has_a_word_of_the_glossary() -> None:
    """A new name uses a known word, or brings its word into the glossary."""
    named = classes()
    strange = {name for name in named if not has_known_word(name)}
    assert (strange - PLAIN, PLAIN - strange) == (set(), set())


@pytest.mark.parametrize("word", MEANINGS)
def test_a_meaning_is_one_short_sentence(word: str) -> None:
    """At most 25 words, closed by a full stop."""
    meaning = MEANINGS[word]
    assert (meaning.endswith("."), meaning.count(". "), len(meaning.split()) <= 25) == (True, 0, True)


def test_words_stand_once_and_in_order() -> None:
    """Each table is sorted, and no word is explained twice."""
    tables = [re.findall(r"^\| ([^|]+) \|", part, re.MULTILINE)[2:] for part in PAGE.split("\n## ")[1:]]
    assert [table for table in tables if table != sorted(table)] == []
    assert len(ROWS) - 2 * len(tables) == len(MEANINGS)
