"""A repository's tokenizer.json, held to one reading of each text."""

from pathlib import Path

from tokenizers import Tokenizer
from tokenizers.models import BPE


def read_tokenizer(path: Path) -> Tokenizer:
    """A tokenizer as it is after training: the same text gives the same tokens, all of them and no others."""
    found = Tokenizer.from_file(str(path))
    found.no_truncation()
    found.no_padding()
    if isinstance(found.model, BPE):
        found.model.dropout = None
    return found
