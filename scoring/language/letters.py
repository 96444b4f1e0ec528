"""Every text in plain letters: no accent, no ligature, no invisible character, one kind of digit, apostrophe, hyphen and space."""

import re
import unicodedata
from functools import lru_cache

LOOKALIKES = str.maketrans(
    {
        **dict.fromkeys("’‘`´ʼ′＇", "'"),
        **dict.fromkeys("“”„‟«»″＂", '"'),
        **dict.fromkeys("\u2010\u2011\u2012\u2013\u2212\ufe63\uff0d", "-"),  # hyphens, the short dash, minus
        "\u2014": " ... ",  # a long dash is a pause, between figures too
        "\u2015": " ... ",
        "\u2044": "/",
        "\u2116": " No. ",
        "\u00b5": "μ",
        "\u00ba": "°",
        **dict.fromkeys("™®℠", ""),  # silent; decomposed they would be letters
    }
)
NAMED = {
    "SHARP S": "ss", "AE": "ae", "OE": "oe", "THORN": "th", "ETH": "th", "ENG": "ng", "DOTLESS I": "i", "DOTLESS J": "j",
    "LONG S": "s", "KRA": "k", "WYNN": "w", "YOGH": "y", "ESH": "sh", "EZH": "zh", "SCHWA": "e", "OPEN E": "e", "OPEN O": "o",
    "ALPHA": "a", "IOTA": "i", "UPSILON": "u", "TURNED E": "e", "REVERSED E": "e", "INSULAR G": "g", "IJ": "ij", "HV": "hv",
    "OI": "gh", "AFRICAN D": "d",
}  # fmt: skip
"""Letters that are no plain letter with a mark, by Unicode's name for them: a fixed spelling in plain letters."""

_VULGAR = re.compile("([¼-¾⅐-⅞])")
_RAISED = re.compile("([⁰¹²³⁴-⁹⁻]+)")
_ENCLOSED = re.compile("([①-⒛⓪-⓿❶-➓])")
_THIN_GROUPS = re.compile(r"(?<=\d)[\u00a0\u2009\u202f\u2007'’](?=\d{3}(?!\d))")
"""What parts thousands and nothing else: thin spaces and, in Switzerland, an apostrophe."""
_LATIN = re.compile(r"(?:MODIFIER LETTER |LATIN )(?:SMALL CAPITAL|SMALL|CAPITAL) (?:LETTER |LIGATURE )?(.+?)(?: WITH .*)?$")


def plain(text: str) -> str:
    """The same text with its case kept; what is no ASCII character in it afterwards is neither a Latin letter nor a figure.

    Letters that decomposition takes apart lose their accents; the others have a fixed spelling: ł is l, ø o, ß ss, æ ae, þ th.

    >>> plain("Łódź, stra\\u00adße, 10 m², 5½")
    'Lodz, strasse, 10 m^2, 5 1/2'
    """
    if text.isascii():
        return text
    text = "".join(character for character in text if unicodedata.category(character) != "Cf")
    text = _THIN_GROUPS.sub(",", text).translate(LOOKALIKES)
    text = _RAISED.sub(r"^\1", _ENCLOSED.sub(r" \1 ", _VULGAR.sub(r" \1", text)))
    return "".join(_letter(character) for character in unicodedata.normalize("NFKD", text).translate(LOOKALIKES))


@lru_cache(maxsize=4096)
def _letter(character: str) -> str:
    if character.isascii():
        return character
    if unicodedata.combining(character) or unicodedata.category(character) == "Mn":
        return ""
    if character.isdecimal():
        return str(unicodedata.decimal(character))
    if character.isspace():
        return " "
    return _latin(character) or character


def _latin(character: str) -> str | None:
    """A Latin letter that has no decomposition, in plain letters, by its name; None for anything else."""
    match = _LATIN.match(unicodedata.name(character, ""))
    if match is None:
        return None
    *_, letter = match[1].split()
    spelled = NAMED.get(match[1]) or NAMED.get(letter) or (letter.lower() if len(letter) <= 2 and letter.isalpha() else None)
    if spelled is None:
        return None
    return spelled.capitalize() if character.isupper() else spelled
