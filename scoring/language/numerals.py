"""Reads figures aloud: every number, date, time, sum and measure in a text becomes words."""

import re
from collections.abc import Callable, Mapping

from num2words import num2words

MOST_DIGITS = 9
"""A longer run of digits, or one that begins with a zero, is read digit by digit: nobody reads a telephone number as billions."""
FIRST_YEAR, LAST_YEAR = 1100, 2099
"""Four digits are a year only here, and only where the text says so: after 'in', 'since', 'year' … or a month."""
LARGEST_DENOMINATOR = 20
"""Fractions up to twentieths are read as such."""
DIGITS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
MONTHS = (
    *("january", "february", "march", "april", "may", "june"),
    *("july", "august", "september", "october", "november", "december"),
)
MONEY = {
    "$": ("dollar", "dollars", "cent", "cents"),
    "£": ("pound", "pounds", "penny", "pence"),
    "€": ("euro", "euros", "cent", "cents"),
}
"""One and many of the whole, one and many of its hundredth."""
SCALES = ("hundred", "thousand", "million", "billion", "trillion")
UNITS = {
    "mm": "millimeter", "cm": "centimeter", "m": "meter", "km": "kilometer", "mg": "milligram", "g": "gram", "kg": "kilogram",
    "ml": "milliliter", "l": "liter", "lb": "pound", "lbs": "pound", "oz": "ounce", "yd": "yard", "mi": "mile",
    "ms": "millisecond", "sec": "second", "secs": "second", "min": "minute", "mins": "minute", "hr": "hour", "hrs": "hour",
    "kb": "kilobyte", "mb": "megabyte", "gb": "gigabyte", "tb": "terabyte", "kw": "kilowatt", "db": "decibel",
}  # fmt: skip
"""Read after a figure only, as one or many."""
FIXED_UNITS = {
    "mph": "miles per hour", "km/h": "kilometers per hour", "kph": "kilometers per hour", "m/s": "meters per second",
    "hz": "hertz", "khz": "kilohertz", "mhz": "megahertz", "ghz": "gigahertz", "ft": "feet", "°c": "degrees celsius",
    "°f": "degrees fahrenheit", "¢": "cents",
}  # fmt: skip

_MONTH = "|".join(MONTHS)
_YEAR_CUES = f"in|since|until|circa|year|{_MONTH}"
_SUM = re.compile(rf"([{''.join(MONEY)}])\s?(\d++)(?:\.(\d++))?(?:\s({'|'.join(SCALES)})\b)?")
_UNIT_NAMES = "|".join(sorted((re.escape(name) for name in (*UNITS, *FIXED_UNITS)), key=len, reverse=True))


def read_figures(text: str) -> str:
    """A lower-case text with every ASCII digit turned into words; the 'and' of British readings is kept. Any text is fine."""
    for pattern, read in _RULES:
        text = pattern.sub(read, text)
    return text


def cardinal(digits: str) -> str:
    """'105' → 'one hundred and five'; digit by digit where `MOST_DIGITS` says so."""
    if len(digits) > MOST_DIGITS or (len(digits) > 1 and digits[0] == "0"):
        return one_by_one(digits)
    return str(num2words(int(digits), lang="en"))


def ordinal(digits: str) -> str:
    """'105' → 'one hundred and fifth'; digit by digit, and unchanged, where `MOST_DIGITS` says so."""
    return one_by_one(digits) if len(digits) > MOST_DIGITS else str(num2words(int(digits), lang="en", to="ordinal"))


def one_by_one(digits: str) -> str:
    """'907' → 'nine zero seven'."""
    return " ".join(DIGITS[int(digit)] for digit in digits if digit.isdecimal())


def year(number: int) -> str:
    """1999 → 'nineteen ninety-nine', 1905 → 'nineteen oh five', 2005 → 'two thousand five', 2010 → 'twenty ten'."""
    century, rest = divmod(number, 100)
    if century == 20 and rest < 10:
        return f"two thousand {DIGITS[rest] if rest else ''}"
    if rest == 0:
        return f"{num2words(century, lang='en')} hundred"
    return f"{num2words(century, lang='en')} {'oh ' if rest < 10 else ''}{num2words(rest, lang='en')}"


def decade(number: int) -> str:
    """1990 → 'nineteen nineties', 90 → 'nineties', 1900 → 'nineteen hundreds', 2000 → 'two thousands'."""
    words = year(number) if number >= FIRST_YEAR else str(num2words(number, lang="en"))
    words = words.strip()
    return words[:-1] + "ies" if words.endswith("y") else words + "s"


def _decimal(match: re.Match[str]) -> str:
    """Whole numbers too; several points, as in a version, are all said."""
    whole, *parts = match[0].split(".")
    return _apart(" point ".join([cardinal(whole) if whole else "", *(one_by_one(part) for part in parts)]))


def _money(match: re.Match[str]) -> str:
    sign, whole, part, scale = match.groups()
    one, many, cent, cents = MONEY[sign]
    if scale or (part is not None and len(part) != 2):
        amount = cardinal(whole) + (f" point {one_by_one(part)}" if part else "")
        return _apart(f"{amount} {scale or ''} {many}")
    said = [] if whole == "0" and part else [f"{cardinal(whole)} {one if whole == '1' else many}"]
    if part and (part != "00" or not said):
        hundredths = part.lstrip("0") or "0"
        said.append(f"{cardinal(hundredths)} {cent if hundredths == '1' else cents}")
    return _apart(" ".join(said))


def _clock(match: re.Match[str]) -> str:
    hour, minute, second, half = match.groups()
    if int(hour) > 24 or int(minute) > 59:
        return _apart(f"{cardinal(hour)} {cardinal(minute)} {cardinal(second) if second else ''} {half or ''}")
    said = cardinal(str(int(hour)))
    if minute != "00" or second:
        said += f" {'oh ' if minute[0] == '0' else ''}{cardinal(str(int(minute)))}"
    elif not half:
        said += " o'clock"
    return _apart(f"{said} {cardinal(str(int(second))) if second else ''} {f'{half} m' if half else ''}")


def _iso_date(match: re.Match[str]) -> str:
    return _date(match[0], match[1], match[2], match[3])


def _slashed_date(match: re.Match[str]) -> str:
    """Only where one of the first two numbers can be no month."""
    first, second = int(match[1]), int(match[2])
    if first <= 12 < second:
        return _date(match[0], match[3], match[1], match[2])
    if second <= 12 < first:
        return _date(match[0], match[3], match[2], match[1])
    return _apart(match[0].replace("/", " "))


def _date(text: str, of_year: str, month: str, day: str) -> str:
    if not (1 <= int(month) <= 12 and 1 <= int(day) <= 31 and FIRST_YEAR <= int(of_year) <= LAST_YEAR):
        return _apart(re.sub(r"\D", " ", text))
    return _apart(f"{MONTHS[int(month) - 1]} {ordinal(str(int(day)))} {year(int(of_year))}")


def _day(match: re.Match[str]) -> str:
    """'march 14' → 'march fourteenth'."""
    return f"{match[1]} {ordinal(match[2])} " if 1 <= int(match[2]) <= 31 else match[0]


def _year(match: re.Match[str]) -> str:
    return f"{match[1]}{year(int(match[2]))} " if FIRST_YEAR <= int(match[2]) <= LAST_YEAR else match[0]


def _span_of_years(match: re.Match[str]) -> str:
    first, last = int(match[1]), int(match[2])
    if FIRST_YEAR <= first < last <= LAST_YEAR:
        return _apart(f"{year(first)} to {year(last)}")
    return _range(match)


def _decade(match: re.Match[str]) -> str:
    number = int(match[1])
    known = (number >= 20 and number < 100) or FIRST_YEAR <= number <= LAST_YEAR
    return _apart(decade(number)) if known else match[0]


def _range(match: re.Match[str]) -> str:
    return f"{match[1]} to {match[2]}"


def _mixed(match: re.Match[str]) -> str:
    return f"{match[1]} and {_fraction_of(match[2], match[3])}"


def _fraction(match: re.Match[str]) -> str:
    return _apart(_fraction_of(match[1], match[2]))


def _fraction_of(top: str, bottom: str) -> str:
    if len(bottom) > 2 or len(top) > 2 or not 2 <= int(bottom) <= LARGEST_DENOMINATOR or not 0 < int(top) < int(bottom):
        return f"{cardinal(top)} {cardinal(bottom)}"
    names: Mapping[int, tuple[str, str]] = {2: ("half", "halves"), 4: ("quarter", "quarters")}
    one, many = names.get(int(bottom), (ordinal(bottom), ordinal(bottom) + "s"))
    return f"{cardinal(str(int(top)))} {one if int(top) == 1 else many}"


def _unit(match: re.Match[str]) -> str:
    number, name = match[1], match[2]
    if name in FIXED_UNITS:
        return f"{number} {FIXED_UNITS[name]} "
    return f"{number} {UNITS[name]}{'' if number == '1' else 's'} "


def _apart(words: str) -> str:
    return f" {words} "


_RULES: tuple[tuple[re.Pattern[str], Callable[[re.Match[str]], str]], ...] = (
    (re.compile(r"(?<=\d),(?=\d{3}\b)"), lambda _match: ""),
    (re.compile(r"\b(\d{4})-(\d\d)-(\d\d)\b"), _iso_date),
    (re.compile(r"\b(\d{1,2})/(\d{1,2})/(\d{4})\b"), _slashed_date),
    (re.compile(rf"\b({_MONTH})\s(\d{{1,2}})\b(?![:./°%-]\d|\s?(?:{_UNIT_NAMES})\b)"), _day),
    (re.compile(rf"\b((?:{_YEAR_CUES})\s|(?:{_MONTH})\s[a-z -]{{1,30}},\s)(\d{{4}})\b(?![.,:/-]\d)"), _year),
    (re.compile(r"\(?\b\d{3}\b[)\s-]{1,2}\d{3}-\d{4}\b|\b\d{3}-\d{4}\b"), lambda match: _apart(one_by_one(match[0]))),
    (re.compile(r"'?\b(\d{4}|[2-9]0)'?s\b"), _decade),
    (_SUM, _money),
    (re.compile(r"\b(\d{1,2}):(\d\d)(?::(\d\d))?(?:\s?([ap])\.?m\b\.?)?(?!\d)"), _clock),
    (re.compile(r"(?<=\d)\s?([ap])\.?m\b\.?"), lambda match: f" {match[1]} m "),
    (re.compile(rf"(?<!\d)(\d++)\s?({_UNIT_NAMES})(?![a-z0-9])"), _unit),
    (re.compile(r"\b(\d{4})-(\d{4})\b"), _span_of_years),
    (re.compile(r"\b(\d++(?:\.\d++)?)-(\d++(?:\.\d++)?)\b"), _range),
    (re.compile(r"(?<![\w)])-(?=\.?\d)"), lambda _match: " minus "),
    (re.compile(r"(?<![\w/.])(\d++)\s(\d++)/(\d++)\b"), _mixed),
    (re.compile(r"\b(\d++)/(\d++)\b"), _fraction),
    (re.compile(r"\b(\d++)(?:st|nd|rd|th)\b"), lambda match: _apart(ordinal(match[1]))),
    (re.compile(r"\d++(?:\.\d++)*+|(?<!\S)\.\d++"), _decimal),
)
"""Readers in order: an expression of several numbers comes before its parts. No run of digits is ever tried twice, so time is linear in
the text."""
