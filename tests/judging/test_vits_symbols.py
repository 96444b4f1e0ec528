"""A text becomes the numbers that transformers' own tokenizer gives, and the phonemes that the `phonemizer` package is known to give."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from transformers import VitsTokenizer

from scoring.synthesis.vits.phonemes import phonemes
from scoring.synthesis.vits.symbols import read_symbols
from scoring.synthesis.vits.table import Frame, VoiceTable

LETTERS = {sign: number for number, sign in enumerate(" abcdeEfgh'-")} | {"<unk>": 12}


def folder_of(place: Path, vocabulary: dict[str, int], **settings: Any) -> Path:
    """Files as transformers writes them."""
    place.mkdir(exist_ok=True)
    (place / "vocab.json").write_text(json.dumps(vocabulary), encoding="utf-8")
    VitsTokenizer(str(place / "vocab.json"), is_uroman=False, **settings).save_pretrained(place)
    return place


@pytest.mark.parametrize("normalize", [True, False])
@pytest.mark.parametrize("add_blank", [True, False])
@given(text=st.text(alphabet=" abcdefghijABCDEFXYZ'-.,!é", min_size=1, max_size=30))
def test_letters_are_numbered_as_transformers_does(
    tmp_path_factory: pytest.TempPathFactory, text: str, normalize: bool, add_blank: bool
) -> None:
    """Capitals, signs and strangers too; a text of which nothing is left is refused here."""
    place = tmp_path_factory.getbasetemp() / f"letters-{normalize}-{add_blank}"
    folder = folder_of(place, LETTERS, normalize=normalize, add_blank=add_blank, phonemize=False, pad_token="<unk>")
    symbols = read_symbols(folder, VoiceTable(), len(LETTERS))
    expected = VitsTokenizer.from_pretrained(folder)(text).input_ids
    if len(expected) <= add_blank:
        with pytest.raises(ValueError, match="no symbol"):
            symbols.of(text, VoiceTable())
    else:
        assert symbols.of(text, VoiceTable()) == expected


@pytest.mark.parametrize(
    ("text", "kept", "expected"),
    [
        pytest.param("Hello, world!", None, "həlˈoʊ, wˈɜːld!", id="the package's own example"),
        pytest.param("He said: “Wait (a moment)…”", None, "hiː sˈɛd: “wˈeɪt (ɐ mˈoʊmənt)…”", id="every sign stays"),
        pytest.param("Wait (a moment)...  now?", ",.?", "wˈeɪt ɐ mˈoʊmənt. nˈaʊ?", id="only the signs of the training"),
        pytest.param("the u s army at five p m.", None, "ðə jˌuːˈɛs ˈɑːɹmi æt fˈaɪv pˌiːˈɛm.", id="letters by their names"),
        pytest.param("!", None, "!", id="no word"),
        pytest.param("", None, "", id="nothing"),
    ],
)
def test_phonemes(text: str, kept: str | None, expected: str) -> None:
    """Clause by clause, with the signs between them."""
    assert phonemes(text, "en-us", kept) == expected


def test_another_accent() -> None:
    """As the table says."""
    assert phonemes("a bath", "en-gb-x-rp") == "ɐ bˈɑːθ"
    with pytest.raises(ValueError, match="espeak-ng has no voice 'elvish'"):
        phonemes("a bath", "elvish")


def test_a_frame_stands_around_the_blanks(tmp_path: Path) -> None:
    """As Piper has it: begin, blank, a symbol and a blank each, end."""
    table = VoiceTable(frame=Frame(begin="^", end="$"))
    vocabulary = {"_": 0, "^": 1, "$": 2, "a": 3, "b": 4}
    folder = folder_of(tmp_path, vocabulary, phonemize=False, unk_token="_")
    assert read_symbols(folder, table, 5).of("ab", table) == [1, 0, 3, 0, 4, 0, 2]
