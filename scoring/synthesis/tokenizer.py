"""A repository's tokenizer.json, held to one reading of each text."""

from collections.abc import Container
from pathlib import Path

from tokenizers import Tokenizer
from tokenizers.models import BPE

_MOST_TOKENS = 400
"""Of one text: a tokenizer that gives more would only take time."""


def read_tokenizer(path: Path) -> Tokenizer:
    """A tokenizer as it is after training: the same text gives the same tokens, all of them and no others."""
    found = Tokenizer.from_file(str(path))
    found.no_truncation()
    found.no_padding()
    if isinstance(found.model, BPE):
        found.model.dropout = None
    return found


def text_ids(tokenizer: Tokenizer, text: str, size: int, marks: Container[int]) -> tuple[int, ...]:
    """A text's tokens, below `size` and none of the marks, which no text may have.

    Raises ValueError for another token, for none, and for too many.
    """
    found = tuple(tokenizer.encode(text, add_special_tokens=False).ids)
    if not 0 < len(found) <= _MOST_TOKENS:
        raise ValueError(f"the tokenizer makes {len(found)} tokens of a text; there may be 1 to {_MOST_TOKENS}")
    if wrong := [token for token in found if token >= size or token in marks]:
        raise ValueError(f"the tokenizer gives the id {wrong[0]}, which is no text token of this model")
    return found
