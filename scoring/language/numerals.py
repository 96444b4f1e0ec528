"""Numbers as words: cardinals, ordinals, years, decades, digits one by one, decimals, each with the readings that people differ in."""

import re
from functools import lru_cache

from num2words import num2words

from scoring.language.lattice import Said, Slots, either, say

MOST_DIGITS = 9
"""A longer run of digits, or one that begins with a zero, is read digit by digit: nobody reads a telephone number as billions."""
MOST_GROUPED = 15
"""Digits of a number with separators that is still read as one."""
FIRST_YEAR, LAST_YEAR = 1000, 2099
DIGITS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
NUMBER = r"(?<!\d)(?<!\d[.,])(?:[1-9]\d{0,2}(?: \d{3}){0,4} 000(?! ?\d)|\d++(?:[.,]\d++)*+|(?<![\w.])\.\d++(?:[.,]\d++)*+)"
"""Figures with whatever full stops and commas are between them, from their first on; plain spaces only before a group of '000', since
nobody writes that by itself."""
TIMES = {2: "double", 3: "triple"}

_GROUPED = re.compile(r"\d{1,3}(?:,\d{3})+|\d{1,2}(?:,\d\d)+,\d{3}")
"""In thousands, or as in India: '1,00,000'."""


def is_year(digits: str) -> bool:
    """Whether these figures can be a year."""
    return len(digits) == 4 and digits.isdecimal() and FIRST_YEAR <= int(digits) <= LAST_YEAR


@lru_cache(maxsize=4096)
def cardinal(number: int) -> str:
    """105 → 'one hundred and five'."""
    return str(num2words(number, lang="en"))


@lru_cache(maxsize=4096)
def ordinal(number: int) -> str:
    """105 → 'one hundred and fifth'."""
    return str(num2words(number, lang="en", to="ordinal"))


def digits_one_by_one(digits: str) -> Slots:
    """'007' → 'zero zero seven'; a zero may be 'oh', and two or three of a kind 'double' and 'triple'."""
    slots: Slots = ()
    for match in re.finditer(r"(\d)\1{0,2}", digits):
        count, digit = len(match[0]), match[1]
        names = ("zero", "oh") if digit == "0" else (DIGITS[int(digit)],)
        readings = [" ".join([name] * count) for name in names]
        slots += either(*readings, *(f"{TIMES[count]} {name}" for name in names if count in TIMES))
    return slots


def year(number: int) -> Slots:
    """1905 → 'nineteen oh five', 2005 → 'two thousand five', 2020 → 'twenty twenty', 1900 → 'nineteen hundred'."""
    century, rest = divmod(number, 100)
    said, small = cardinal(century), f"oh {DIGITS[rest]}" if 0 < rest < 10 else cardinal(rest)
    if number % 1000 == 0:
        return either(cardinal(number), f"{said} hundred")
    if rest == 0:
        return either(f"{said} hundred", cardinal(number))
    if century == 20 and rest < 10:
        return either(f"two thousand {DIGITS[rest]}", f"{said} {small}")
    zero = [f"{said} zero {DIGITS[rest]}"] if rest < 10 else []
    return either(f"{said} {small}", f"{said} hundred {cardinal(rest)}", cardinal(number), *zero)


def plural(spelled: str) -> str:
    """'twenty' → 'twenties', 'six' → 'sixes'."""
    if spelled.endswith("y"):
        return spelled[:-1] + "ies"
    return spelled + ("es" if spelled.endswith(("x", "s")) else "s")


def decade(number: int) -> Slots:
    """1990 → 'nineteen nineties', 90 → 'nineties', 1900 → 'nineteen hundreds', 2000 → 'two thousands'."""
    readings = year(number) if number >= FIRST_YEAR else either(cardinal(number))
    return (tuple((*reading[:-1], plural(reading[-1])) for reading in readings[0]),)


def whole(digits: str, *, grouped: bool = False, name: bool = False) -> Slots:
    """A whole number; `grouped` had separators, so it is no year; the number of a room or a flight (`name`) may be read in parts."""
    if len(digits) > (MOST_GROUPED if grouped else MOST_DIGITS) or (len(digits) > 1 and digits[0] == "0"):
        return digits_one_by_one(digits)
    number = int(digits)
    said = cardinal(number)
    readings = [said]
    if said.startswith(("one hundred", "one thousand", "one million", "one billion")):
        readings.append("a" + said.removeprefix("one"))
    if len(digits) == 4 and number % 1000 and number // 100 % 10:
        readings.append(f"{cardinal(number // 100)} hundred {cardinal(number % 100) if number % 100 else ''}")
    if not grouped and is_year(digits):
        readings.extend(" ".join(reading) for reading in year(number)[0])
    if name or len(digits) > 6:
        readings.extend(_in_parts(digits))
    return either(*readings)


def _in_parts(digits: str) -> list[str]:
    """'946' → 'nine forty-six', 'nine four six'; '1234' → 'twelve thirty-four', 'one two three four'."""
    one_by_one = [" ".join(DIGITS[int(digit)] for digit in digits)]
    if "0" in digits:
        one_by_one.append(one_by_one[0].replace("zero", "oh"))
    if len(digits) not in (3, 4) or digits.endswith("00"):
        return one_by_one
    head, tail = int(digits[:-2]), digits[-2:]
    return [*one_by_one, f"{cardinal(head)} {'oh ' if tail[0] == '0' else ''}{cardinal(int(tail))}"]


def number(figures: str) -> Said:
    """Figures as `NUMBER` finds them: a whole number, a decimal, a version, a list. Not sure where a comma may be a decimal point."""
    figures = figures.replace(" ", ",")
    if _GROUPED.fullmatch(figures):
        return say(whole(figures.replace(",", ""), grouped=True))
    before, point, after = figures.partition(".")
    if not point:
        return _commas(figures.split(","))
    if "," in after or ("," in before and not _GROUPED.fullmatch(before)):
        return say(*(_parts(re.split("[.,]", figures))), sure=False)
    if "." in after:
        return _points(figures.split("."))
    return say(_before_the_point(before), either("point"), after_the_point(after))


def _commas(parts: list[str]) -> Said:
    """'5' · '1,2,3' is a list; '2,5' and '1,0000' can be anything."""
    if len(parts) > 1 and all(map(is_year, parts)):
        return say(*(year(int(part)) for part in parts))
    sure = len(parts) == 1 or (len(parts) > 2 and all(len(part) < 3 for part in parts))
    return say(*_parts(parts), sure=sure)


def _points(parts: list[str]) -> Said:
    """'1.2.3' is a version or an address. '1.000.000' is a million in Germany; '192.168.100.200' is an address."""
    address = len(parts) == 4 and all(part and int(part[:9]) < 256 and (part == "0" or part[0] != "0") for part in parts)
    thousands = not address and len(parts[0]) <= 3 and all(len(part) == 3 for part in parts[1:])
    joined: list[Slots] = [_short(parts[0])] if parts[0] else []
    for part in parts[1:]:
        joined += [either("point", "dot"), _short(part)]
    return say(*joined, sure=not thousands)


def _parts(parts: list[str]) -> list[Slots]:
    return [whole(part) for part in parts if part]


def _short(part: str) -> Slots:
    """A part of a version: a small number as such."""
    return whole(part, name=True) if len(part) <= 2 else digits_one_by_one(part)


def _before_the_point(digits: str) -> Slots:
    if digits in ("", "0"):
        return either(*(("zero", "", "oh") if digits else ("", "zero", "oh")))
    return whole(digits.replace(",", ""), grouped=True)


def after_the_point(digits: str) -> Slots:
    """'14' → 'one four', which some say as 'fourteen'."""
    if len(digits) == 2 and digits[0] != "0":
        return either(" ".join(DIGITS[int(digit)] for digit in digits), cardinal(int(digits)))
    return digits_one_by_one(digits)
