"""Bare figures: numbers, ordinals, decades, ranges and scores, fractions, powers, products, the names of rooms and flights."""

import re

from scoring.language.lattice import Kind, Said, Slots, either, kind, say
from scoring.language.numerals import (
    DIGITS,
    LAST_YEAR,
    NUMBER,
    cardinal,
    decade,
    digits_one_by_one,
    is_year,
    number,
    ordinal,
    plural,
    whole,
    year,
)

LARGEST_DENOMINATOR = 20
"""Fractions up to twentieths are read as such, and hundredths and thousandths; the others are one number over another."""
HALVES = {2: ("half", "halves"), 4: ("quarter", "quarters")}
NUMBERED = (
    "room|flight|route|highway|interstate|bus|platform|gate|channel|page|suite|apartment|apt|unit|area|boeing|airbus"
    "|line|train|number|locker|track|exit|bay|pier|tram|model"
)
"""What has a number for a name: it may be read in parts, 'nine forty-six'."""
SAID_BY_ALL = {("24", "7"): "twenty four seven", ("9", "11"): "nine eleven", ("50", "50"): "fifty fifty"}
"""Figures with a slash that are neither fraction nor date."""
MAGNITUDES = {"K": "thousand", "M": "million", "B": "billion", "bn": "billion", "mn": "million", "tn": "trillion"}
PLURALS = {
    "100": "hundreds", "1000": "thousands", "10000": "tens of thousands", "100000": "hundreds of thousands",
    "1000000": "millions",
}  # fmt: skip

COUNTED = (
    "people|users|customers|downloads|copies|views|votes|homes|households|jobs|members|residents|followers|subscribers|visitors|tourists"
    "|barrels|units|readers|workers|voters|refugees|children|fans|players"
)
"""What is counted in millions: '5m people' have no length."""
_TO = either("to", "", "through")


def _number(match: re.Match[str]) -> Said:
    return number(match[0])


def _named(match: re.Match[str]) -> Said:
    """'Room 946': the word, then the figures, whole or in parts."""
    return say(match[1], whole(match[2], name=True))


def _coded(match: re.Match[str]) -> Said:
    """The figures in 'B52' and 'A380'."""
    return say(whole(match[0], name=True))


def _counted(match: re.Match[str]) -> Said:
    """'No. 5', '#5'."""
    return say("number", whole(match[1], name=True))


def _hexadecimal(match: re.Match[str]) -> Said:
    """'0x1F'."""
    return say(*(digits_one_by_one(sign) if sign.isdecimal() else sign.lower() for sign in match[0]))


def _number_or_no(match: re.Match[str]) -> Said:
    """'No 10' without a full stop."""
    return say(either("number", "no"), whole(match[1], name=True), sure=False)


def _ordinal(match: re.Match[str]) -> Said | None:
    digits = match[1].replace(",", "").replace(" ", "")
    if not digits.isdecimal():
        return None
    if len(digits) > 9 and "," not in match[1]:
        return say(digits_one_by_one(digits), sure=False)
    said = ordinal(int(digits))
    return say(either(said, *([f"a{said.removeprefix('one')}"] if said.startswith("one ") else [])))


def _decade(match: re.Match[str]) -> Said | None:
    """'1990s', 'the 90s', which may be seconds too."""
    digits = match[1]
    if is_year(digits):
        return say(decade(int(digits)))
    if digits < "20":
        return None
    return say(either(plural(cardinal(int(digits))), f"{cardinal(int(digits))} seconds"))


def _plural(match: re.Match[str]) -> Said:
    """'1,000s of people' are thousands; '5s' can be seconds or several fives."""
    digits = match[1].replace(",", "")
    if digits in PLURALS:
        return say(either(PLURALS[digits], plural(cardinal(int(digits)))))
    if len(digits) > 9 or not digits.isdecimal():
        return say(number(match[1]).slots, "s", sure=False)
    fives = plural(cardinal(int(digits)))
    return say(either(fives, f"{cardinal(int(digits))} seconds"), sure=len(digits) > 2)


def _span_of_years(match: re.Match[str]) -> Said | None:
    """'1905-1910', and '1905-06' where the second half is later than the first."""
    start, end = match[1], match[2]
    if not is_year(start) or int(end) <= int(start[-len(end) :]):
        return None
    if len(end) == 2:
        short = f"oh {DIGITS[int(end)]}" if end[0] == "0" else cardinal(int(end))
        later = year(int(start[:2] + end))[0][0]
        return say(year(int(start)), _TO, either(short, " ".join(later)))
    return say(year(int(start)), _TO, year(int(end))) if int(end) <= LAST_YEAR else None


def _range_or_score(match: re.Match[str]) -> Said:
    """The first number of '3-5 km' or of a score, with the 'to' that some leave out."""
    return say(number(match[1]).slots, _TO, sure=number(match[1]).sure)


def _difference(match: re.Match[str]) -> Said:
    return say(number(match[1]).slots, "minus")


def _mixed(match: re.Match[str]) -> Said:
    """'2 1/2' → 'two and one half'."""
    return say(whole(match[1]), "and", _fraction_of(match[2], match[3]))


def _fraction(match: re.Match[str]) -> Said:
    """'3/4', '24/7'. 12/25 may be a date, so nobody can be sure."""
    top, bottom = match[1], match[2]
    if (top, bottom) in SAID_BY_ALL:
        return say(SAID_BY_ALL[top, bottom])
    named = _is_fraction(top, bottom)
    month_and_day = int(top) <= 31 and int(bottom) <= 31 and min(int(top), int(bottom)) <= 12
    return say(_fraction_of(top, bottom), sure=named or not month_and_day)


def _is_fraction(top: str, bottom: str) -> bool:
    small = len(bottom) < 3 and 2 <= int(bottom) <= LARGEST_DENOMINATOR and 0 < int(top) < int(bottom)
    return small or (bottom in ("100", "1000") and len(top) < 4)


def _fraction_of(top: str, bottom: str) -> Slots:
    if not _is_fraction(top, bottom):
        return say(whole(top), either("over", "", "slash", "out of", "of"), whole(bottom)).slots
    count, parts = int(top), int(bottom)
    one, many = HALVES.get(parts, (ordinal(parts), ordinal(parts) + "s"))
    names = [one if count == 1 else many]
    if parts == 4:
        names.append("fourth" if count == 1 else "fourths")
    if count > 1:
        return say(whole(top), either(*names)).slots
    bare = ["half", "half a", "half an"] if parts == 2 else []
    return either(*(f"{article} {name}" for name in names for article in ("one", "a")), *bare)


def _power(match: re.Match[str]) -> Said:
    """'10^6', 'x²' after its base."""
    minus, digits = match[1], match[2]
    if not minus and digits in ("2", "3"):
        name = "squared" if digits == "2" else "cubed"
        return say(either(name, f"to the power of {DIGITS[int(digits)]}"))
    said = " ".join(whole(digits)[0][0])
    sign = "minus " if minus else ""
    return say(either(f"to the power of {sign}{said}", f"to the {sign}{ordinal(int(digits[:9]))}", f"to the {sign}{said}"))


def _magnitude(match: re.Match[str]) -> Said:
    """'10M users' are millions; '4K' is said as its letter; flat 5B is no billion."""
    figures, letter, after = match[1], match[2] or match[3], match[4]
    said = number(figures)
    name = MAGNITUDES[letter.upper() if len(letter) == 1 else letter]
    counts = letter in ("bn", "mn", "tn") or (letter in "MB" and (bool(after) or "." in figures or "," in figures))
    return say(said.slots, either(*((name, letter) if counts else (letter, name))), sure=said.sure)


def _millions(match: re.Match[str]) -> Said:
    """'5m people'."""
    said = number(match[1])
    return say(said.slots, "million", sure=said.sure)


def _spaced(match: re.Match[str]) -> Said:
    """'12 345' is one number or two."""
    groups = match[0].split(" ")
    joined = whole("".join(groups), grouped=True)
    apart = " ".join(" ".join(slot[0]) for group in groups for slot in whole(group))
    return Said(
        ((*joined[0], *either(apart)[0]), *joined[1:]), sure=groups[-1] == "000" or (len(groups) > 2 and len(groups[0]) < 3)
    )


def _minus(_match: re.Match[str]) -> Said:
    return say(either("minus", "negative"))


def _by(match: re.Match[str]) -> Said:
    """'3x5', '3 × 5 m', '3 × 4 = 12'."""
    return say(either(*(("times", "by") if match[0] == " × " else ("by", "times", "x"))))


def _times(_match: re.Match[str]) -> Said:
    return say(either("times", "x"))


def _percent(_match: re.Match[str]) -> Said:
    return say(either("percent", "per cent"))


def _exponent(match: re.Match[str]) -> Said:
    """The 'e' of '1.5e-3'."""
    return say(either("e", "times ten to the"), either("minus", "negative") if match[1] == "-" else ())


def _divided(_match: re.Match[str]) -> Said:
    return say(either("divided by", "over"))


def _joint(_match: re.Match[str]) -> Said:
    """The '-' of '7:30-9:00' and '7am-9pm'."""
    return say(_TO)


def _ratio(match: re.Match[str]) -> Said:
    return say(number(match[1]).slots, either("to", ""))


COUNTS = kind(rf"({NUMBER})m(?=\s(?i:{COUNTED})\b)", _millions)
"""Looked for before units are."""
KINDS: tuple[Kind, ...] = (
    kind(rf"(?i)\b({NUMBERED})\.?\s(\d{{2,4}})\b(?![.,:/^%-]\d|%)", _named),
    kind(r"(?:\b[Nn]o\.\s{0,2}|(?<![\w#])#)(\d{1,9})\b(?![.,:/-]\d)", _counted),
    kind(r"\bNo\s(\d{1,4})\b(?![.,:/-]\d)", _number_or_no),
    kind(r"(?<!\w)0[xX][0-9A-Fa-f]{1,16}\b", _hexadecimal),
    kind(rf"({NUMBER})(?i:st|nd|rd|th)\b", _ordinal),
    kind(r"'?\b(\d{4}|\d0)'?s\b", _decade),
    kind(rf"({NUMBER})'?s\b", _plural),
    kind(r"\b(\d{4})\s?-\s?(\d{4}|\d\d)\b(?!-)", _span_of_years),
    kind(rf"({NUMBER})\s?-\s?(?=\.?\d[\d.,]*+\s?=)", _difference),
    kind(rf"({NUMBER})\s?-\s?(?=\.?\d)", _range_or_score),
    kind(r"(?<![\w/.,])(\d++)[ -](\d++)/(\d++)\b(?!/|[.,]\d)", _mixed),
    kind(r"(?<![\w/.,])(\d{1,9})/(\d{1,9})(?:rds?|ths?|nds?)?\b(?!/|[.,]\d)", _fraction),
    kind(r"(?<=[\w)])\^(-?)(\d{1,30})", _power),
    kind(rf"({NUMBER})(?:(K|k|M|B)|\s?(bn|mn|tn))(?![A-Za-z0-9])(?=(\s[a-z]{{2}}|))", _magnitude),
    kind(r"(?<![\d.,])[1-9]\d{0,2}(?: \d{3}){1,4}(?![\d.,]*\d| \d)", _spaced),
    kind(r"(?<=\d)\s?[xX×]\s?(?=\d)", _by),
    kind(r"(?<=\d)[xX×](?![A-Za-z0-9])", _times),
    kind(r"(?:(?<=[\d%°])|(?<=\d[ap]m)|(?<=[ap]\.m\.)|(?<=°[CF]))\s?-\s?(?=[$£€]?\d)", _joint),
    kind(r"(?<![\w)\]])-(?=[$£€¥.]?\d)", _minus),
    kind(r"(?<=\d)[eE]([+-]?)(?=\d{1,3}(?!\d))", _exponent),
    kind(r"(?<=\d)\s/\s(?=\d)", _divided),
    kind(r"%", _percent),
    kind(rf"({NUMBER}):(?=\d++(?!:))", _ratio),
    kind(r"(?<=[A-Za-z])\d{1,4}(?![\d.,]*\d)", _coded),
    kind(NUMBER, _number),
)
"""An expression of several numbers comes before its parts."""
