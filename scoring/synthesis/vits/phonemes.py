"""A text in phonemes, as VITS voices are trained on it: clause by clause, with the punctuation between the clauses kept.

The same signs and the same order as the `phonemizer` package gives with espeak-ng, which is what transformers' tokenizer asks for.
"""

import re
from itertools import zip_longest

from scoring.synthesis import espeak_library

SIGNS = ';:,.!?¡¿—…"«»“”(){}[]'
"""Where a clause ends: they are not given to espeak-ng, which would read some of them aloud."""
_LETTERS = re.compile(r"\b[A-Za-z](?: [A-Za-z])+\b(?!')")
"""Letters that are said by their names: 'p m', 'u s a'. Alone, an 'a' would be the article."""


def phonemes(text: str, voice: str, kept: str | None = None) -> str:
    """The text in phonemes, read by espeak-ng's voice of that name.

    `kept` are the signs that the network was trained with: of a run of signs the first such stays, with a space behind it. Without it
    every sign stays as it stands in the text.
    """
    run = re.compile(rf"(\s*[{re.escape(SIGNS)}]+[\s{re.escape(SIGNS)}]*)")
    parts = run.split(text)
    clauses = [_LETTERS.sub(lambda letters: letters[0].replace(" ", "."), clause) for clause in parts[::2]]
    signs = parts[1::2] if kept is None else [_first(sign, kept) for sign in parts[1::2]]
    spoken = espeak_library.phonemes(clauses, voice)
    joined = "".join(part for pair in zip_longest(spoken, signs, fillvalue="") for part in pair)
    return re.sub(r"\s+", " ", joined).strip()


def _first(run: str, kept: str) -> str:
    return next((f"{sign} " for sign in run if sign in kept), " ")
