"""E-mail and web addresses, names with an @, and files: what is between their signs, and the signs by name."""

import re

from scoring.language.lattice import Kind, Said, Slots, either, kind, say, words
from scoring.language.numerals import whole

SIGNS = {
    ".": either("dot"), "@": either("at"), "/": either("slash", "forward slash"), "-": either("dash", "hyphen"),
    "_": either("underscore"), "+": either("plus"), ":": either("colon"), "?": either("question mark"), "=": either("equals"),
    "&": either("and", "ampersand"), "#": either("hash"), "~": either("tilde"), "%": either("percent"),
}  # fmt: skip
ENDS = "com|org|net|edu|gov|io|uk|de|fr|eu|info|ca|au|nz|jp|ch|nl|se|app|ai|tv|biz|dev|int|mil|es|pl|br|cn|kr|ie|co|fm|museum|example|test"
"""What a bare web address ends with; ends that are words in a sentence ('is', 'it', 'me') need 'www' or 'https' before them."""
FILES = "pdf|txt|jpg|jpeg|png|gif|mp3|mp4|wav|html|htm|py|js|doc|docx|xls|xlsx|csv|zip|exe|json|xml|md|ppt|mov"
AS_WORDS = frozenset(words("com org net info app biz museum example test dev zip doc gov mil int co"))
"""Ends that are said as a word; whoever spells them is understood too."""
SPELLED = frozenset(words("edu io ai tv fm uk us de fr eu pdf id ip api faq usa bbc ie es"))

_VOWEL = re.compile(r"[aeiouy]")
_PART = r"[A-Za-z0-9]"
_HOST = rf"{_PART}(?:[A-Za-z0-9-]{{0,62}})(?:\.[A-Za-z0-9-]{{1,63}}){{0,6}}"
_PATH = r"(?:[/?#][\w./?=&#%~+:-]{0,200}(?<![.?:]))?"


def _piece(letters: str) -> Slots:
    """A run of letters: a word, or its letters where it is none; what cannot be told may be either."""
    piece = letters.lower()
    spelled = " ".join(piece)
    if piece in AS_WORDS:
        return either(piece, spelled)
    if len(piece) < 3 or piece in SPELLED or not _VOWEL.search(piece):
        return either(spelled, piece)
    return either(piece, spelled)


def said_address(text: str) -> Slots:
    """An address piece by piece: words, letters, figures and the names of signs."""
    slots: Slots = ()
    for piece in re.findall(r"www\.|[A-Z]?[a-z]+|[A-Z]+|\d+|\S", text):
        if piece == "www.":
            slots += either("w w w dot", "", "triple w dot")
        elif piece.isdecimal():
            slots += whole(piece, name=True)
        elif piece.isalpha():
            slots += _piece(piece)
        else:
            slots += SIGNS.get(piece, ())
    return slots


def _web(match: re.Match[str]) -> Said:
    scheme, rest = match[1], match[2]
    slots: Slots = ()
    if scheme:
        spelled = " ".join(scheme.lower())
        slots = either(f"{spelled} colon slash slash", "", f"{spelled} colon forward slash forward slash")
    return say(slots, said_address(rest.rstrip("/")))


def _address(match: re.Match[str]) -> Said:
    return say(said_address(match[0]))


def _www(_match: re.Match[str]) -> Said:
    """'www' by itself."""
    return say(either("w w w", "triple w"))


def _stop(_match: re.Match[str]) -> Said:
    """A full stop inside of what may be an address or two words: 'karen.parker'."""
    return say(either("", "dot"))


def _hyphen(_match: re.Match[str]) -> Said:
    """A hyphen between words: silent, or the dash of an address of which only a part was heard."""
    return say(either("", "dash", "hyphen"))


KINDS: tuple[Kind, ...] = (
    kind(rf"(?<![\w.+%-])[\w+%-]{{1,64}}(?:\.[\w+%-]{{1,64}}){{0,5}}@{_HOST}", _address),
    kind(rf"(?i)\b(https?|ftp)://((?:{_HOST})(?::\d{{2,5}})?{_PATH})", _web),
    kind(rf"(?i)(?<![\w.@/-])()((?:www\.){_HOST}{_PATH})", _web),
    kind(rf"(?i)(?<![\w.@/-])()(?!\d+\.\d)((?:[a-z0-9][a-z0-9-]{{1,62}}\.){{1,6}}(?:{ENDS})(?![\w@-]|\.\w){_PATH})", _web),
    kind(rf"(?i)(?<![\w.@/-])[a-z0-9_-]{{1,64}}\.(?:{FILES})(?![\w@-]|\.\w)", _address),
    kind(r"(?i)\bwww\b", _www),
    kind(r"(?<=[a-z])\.(?=[a-z])", _stop),
    kind(r"(?<=[a-z])-(?=[a-z])", _hyphen),
    kind(r"(?<![\w@])@(?=\w)[A-Za-z0-9_]{1,32}", _address),
)
