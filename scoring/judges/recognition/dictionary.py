"""The recogniser's pronouncing dictionary: which words it knows, and how many phonemes they have."""

import hashlib
import importlib.util
from collections.abc import Iterable, Mapping
from functools import cache
from pathlib import Path

from scoring.errors import Code, InfrastructureFault

SHA256 = "20b5c293e1f311fb375fe067e500ec5636f4fc7af5594967263696def9b23bfe"


def model_folder() -> Path:
    """The English model inside the installed pocketsphinx; raises InfrastructureFault(JUDGE_UNAVAILABLE) without it."""
    spec = importlib.util.find_spec("pocketsphinx")
    if spec is None or spec.origin is None:
        raise InfrastructureFault(Code.JUDGE_UNAVAILABLE, "pocketsphinx is not installed")
    return Path(spec.origin).parent / "model" / "en-us"


@cache
def pronunciations() -> Mapping[str, tuple[str, ...]]:
    """Word → its pronunciations, each a space-separated list of ARPABET phonemes."""
    path = model_folder() / "cmudict-en-us.dict"
    try:
        raw = path.read_bytes()
    except OSError as exc:
        raise InfrastructureFault(Code.JUDGE_UNAVAILABLE, f"the pronouncing dictionary cannot be read: {exc.strerror}") from exc
    if hashlib.sha256(raw).hexdigest() != SHA256:
        raise InfrastructureFault(Code.JUDGE_UNAVAILABLE, "the pronouncing dictionary is not the one this version was built for")
    found: dict[str, list[str]] = {}
    for line in raw.decode("utf-8").splitlines():
        word, phonemes = line.split(maxsplit=1)
        found.setdefault(word.split("(")[0], []).append(phonemes)
    return {word: tuple(ways) for word, ways in found.items()}


def unknown(words: Iterable[str]) -> tuple[str, ...]:
    """The words that the dictionary lacks, sorted."""
    known = pronunciations()
    return tuple(sorted({word for word in words if word not in known}))


def count_phonemes(words: Iterable[str]) -> int:
    """Phonemes in the words, each in its first pronunciation; a word it lacks raises InfrastructureFault(JUDGE_UNAVAILABLE)."""
    words = tuple(words)
    if missing := unknown(words):
        raise InfrastructureFault(Code.JUDGE_UNAVAILABLE, f"not in the pronouncing dictionary: {', '.join(missing)}")
    return sum(len(pronunciations()[word][0].split()) for word in words)
