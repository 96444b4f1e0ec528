"""Telephone numbers, and other long numbers that are read figure by figure: books, cards, accounts, addresses on a network."""

import re

from scoring.language.lattice import Kind, Said, Slots, either, kind, say
from scoring.language.numerals import DIGITS, cardinal, digits_one_by_one

FEWEST_DIGITS = 7
CUES = "call|phone|telephone|tel|dial|ring|fax|mobile|cell|text|number|hotline"
CALLED = "dial|extension|ext|pin|pin code|passcode|password|zip|zip code|postcode|access code|area code|short code|account|confirmation"
BOOKS = "ISBN|ISSN|IBAN|EAN|VIN|IMEI|SSN|UPC"

_GROUPS = r"(?:1[ .-])?\d{2,5}(?:[ .-]\d{2,5}){1,5}|\d{6,12}"
_EXTENSION = r"(?:,?\s?(?:x|ext\.?|extension)\s?(\d{1,6}))?"


def _group(digits: str) -> Slots:
    """Figures one by one; '800' as 'eight hundred', and four in pairs, by some."""
    one_by_one = digits_one_by_one(digits)
    if len(digits) == 3 and digits.endswith("00") and digits[0] != "0":
        return either(*_combined(one_by_one), f"{DIGITS[int(digits[0])]} hundred")
    if len(digits) == 4 and digits[0] != "0" and digits[2] != "0":
        return either(*_combined(one_by_one), f"{cardinal(int(digits[:2]))} {cardinal(int(digits[2:]))}")
    return one_by_one


def _combined(slots: Slots) -> list[str]:
    """The readings of a few slots in a row, at most six."""
    found = [""]
    for slot in slots:
        found = [f"{before} {' '.join(reading)}" for before in found for reading in slot][:6]
    return found


def _telephone(match: re.Match[str]) -> Said | None:
    """'+1 (555) 123-4567 ext. 12', '020 7946 0958', '555-1234', '1-800-555-0199'."""
    cue, plus, country, area, rest, extension = match.groups()
    groups = [*(re.findall(r"\d+", area) if area else []), *re.findall(r"\d+", rest)]
    if not _is_telephone(bool(cue or plus or area or extension), country, groups, rest):
        return None
    ahead = say("plus" if plus else "", digits_one_by_one(country) if country else ()).slots
    said = [_group(group) for group in groups]
    behind = say("extension", digits_one_by_one(extension)).slots if extension else ()
    return say("telephone" if (cue or "").lower() == "tel" else cue or "", ahead, *said, behind)


def _is_telephone(marked: bool, country: str | None, groups: list[str], rest: str) -> bool:
    lengths = [len(group) for group in groups[groups[0] == "1" and len(groups) > 1 :]]
    if sum(lengths) + len(country or "") < FEWEST_DIGITS or re.fullmatch(r"[1-9]\d{0,2}(?: \d{3})* 000", rest):
        return False
    american = (lengths == [3, 4] and "-" in rest) or lengths == [3, 3, 4]
    return marked or american or (rest[0] == "0" and "." not in rest and len(groups) > 1)


def _book(match: re.Match[str]) -> Said:
    """'ISBN 978-3-16-148410-0': figures and letters one by one."""
    parts = re.findall(r"\d+|[A-Za-z]", match[2])
    letters = " ".join(match[1].lower())
    return say(letters, *(digits_one_by_one(part) if part.isdecimal() else part.lower() for part in parts))


def _chain(match: re.Match[str]) -> Said:
    """'123-45-6789', '4111 1111 1111 1111': at least three groups, one by one."""
    joint = either("", "dash") if "-" in match[0] else ()
    first, *others = re.findall(r"\d+", match[0])
    return say(digits_one_by_one(first), *(slots for group in others for slots in (joint, digits_one_by_one(group))))


def _called(match: re.Match[str]) -> Said:
    """'dial 911', 'extension 4021', 'PIN 1234', 'ZIP code 90210'."""
    return say("extension" if match[1].lower() == "ext" else match[1], _group(match[2]))


def _vanity(match: re.Match[str]) -> Said:
    """The figures of '1-800-FLOWERS'."""
    return say("one", _group(match[1]))


def _postal(match: re.Match[str]) -> Said:
    """'CA 90210': the state is known by its letters."""
    return say(
        " ".join(match[1].lower()),
        digits_one_by_one(match[2]),
        *((either("", "dash"), digits_one_by_one(match[3])) if match[3] else ()),
    )


KINDS: tuple[Kind, ...] = (
    kind(rf"\b({BOOKS})(?:-1[03])?:?\s((?:\d[\d -]{{4,30}}[\dX]|[A-Z]{{2}}\d[\dA-Z ]{{6,34}}))(?![\w-])", _book),
    kind(
        rf"(?:\b((?i:{CUES}))[.:]?\s)?(?<![\w.,/$£€+-])(?:(\+)(\d{{1,3}})[ .-]?)?(\(\d{{1,5}}\)[ .-]?)?({_GROUPS})"
        rf"{_EXTENSION}(?![\w/%°:]|[.,-]\d|\s?[$£€])",
        _telephone,
    ),
    kind(rf"(?i)\b({CALLED})\.?:?\s(\d{{3,9}})\b(?![.,:/-]\d)", _called),
    kind(r"(?i)\b(dial|call|phone|text|ring|the)\s(911|112|999|411|311|988)\b(?![.,:/-]\d|\s[a-z])", _called),
    kind(r"(?<![\w.,/$£€+-])1-([89]\d\d)-(?=[A-Z])", _vanity),
    kind(r"\b([A-Z]{2})\s(\d{5})(?:-(\d{4}))?\b(?![.,:/-]\d)", _postal),
    kind(r"(?<![\w.,/$£€+-])\d{1,9}(?:-\d{1,9}){2,9}(?![\w/-]|[.,]\d)", _chain),
    kind(r"(?<![\w.,/$£€+-])\d{4}(?: \d{4}){3}(?![\w/-]|[.,]\d)", _chain),
)
