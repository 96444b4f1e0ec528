"""Dates and years: with a month's name, in figures, after words that only a year follows.

Figures are a date by a fixed rule. The year comes first, or last with four figures. Between dots the day comes first. With slashes or
hyphens one of the two other numbers must be above 12, or both the same: 3/4/2005 is two dates, so it is not sure, and neither is any
date with a year of two figures.
"""

import re

from scoring.language.lattice import Kind, Said, Slots, either, kind, say
from scoring.language.numerals import DIGITS, cardinal, is_year, ordinal, whole, year

MONTHS = (
    *("january", "february", "march", "april", "may", "june"),
    *("july", "august", "september", "october", "november", "december"),
)
MOST_DAYS = (31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)
DAYS = {
    "mon": "monday", "tue": "tuesday", "tues": "tuesday", "wed": "wednesday", "thu": "thursday", "thur": "thursday",
    "thurs": "thursday", "fri": "friday", "sat": "saturday", "sun": "sunday",
}  # fmt: skip
YEAR_CUES = (
    "in|since|until|till|circa|year|years|by|before|after|from|during|around|early|late|mid|(?:spring|summer|autumn|fall|winter"
    "|end|beginning|start|middle|class|election|war|crisis|crash|revolution|year)(?: of)?"
    "|dated|christmas|born|died"
)

_SHORT = "Jan|Feb|Mar|Apr|Jun|Jul|Aug|Sept?|Oct|Nov|Dec"
_MONTH = (
    r"(?:"
    + "|".join(month.capitalize() for month in MONTHS)
    + rf"|(?:{_SHORT}|{_SHORT.upper()})\b\.?|"
    + "|".join(month.upper() for month in MONTHS)
    + "|"
    + "|".join(month for month in MONTHS if month not in ("march", "may"))
    + ")"
)
_DAY = r"\d{1,2}"
_TO = either("to", "through", "")
_SUFFIX = r"(?i:st|nd|rd|th)"
_FOUR = r"(\d{4})\b(?![.,:/-]\d)"
_NO_MEASURE = (
    r"(?!\s?(?:[ap]\.?m\b|%|°|[x×]\s?\d|k?m\b|kg\b|(?:kilo|milli|centi)?met|kilom|mile|minute|hour|second|pound|dollar|cent|people"
    r"|persons|men|women|children))"
)
_END = rf"\b(?!\.\d|,\d{{3}}\b|[:/°%]|-[\dA-Za-z]){_NO_MEASURE}"


def _month(name: str) -> str:
    wanted = name.lower().rstrip(".")[:3]
    return next(month for month in MONTHS if month.startswith(wanted))


def _is_day(month: str, day: int) -> bool:
    """Whether a month has this day in some year."""
    return 1 <= day <= MOST_DAYS[MONTHS.index(month)]


def _month_day(month: str, day: int, article: bool = False) -> Slots:
    """'march fourteenth', 'the fourteenth of march'."""
    nth = ordinal(day)
    american = [f"{month} {nth}", f"{month} the {nth}", f"{month} {cardinal(day)}"]
    british = [f"the {nth} of {month}", f"{nth} of {month}", f"{nth} {month}", f"{cardinal(day)} {month}"]
    return either(*([*british, *american] if article else [*american, *british]))


def _year_if(digits: str | None) -> Slots:
    return year(int(digits)) if digits else ()


def _month_first(match: re.Match[str]) -> Said | None:
    """'March 3rd, 1905', 'Mar. 3', 'March the 3rd', 'May 5-7'."""
    month, article, day, last, of_year = _month(match[1]), match[2], int(match[3]), match[4], match[5]
    if not _is_day(month, day) or (of_year and not is_year(of_year)):
        return None
    to = say(_TO, either(ordinal(int(last)), cardinal(int(last)))).slots if last else ()
    named = _month_day(month, day)
    if article:
        named = either(f"{month} the {ordinal(day)}", *(" ".join(reading) for reading in named[0]))
    return say(named, to, _year_if(of_year))


def _day_first(match: re.Match[str]) -> Said | None:
    """'3 May', 'the 3rd of June, 1871', '5-7 May'."""
    begins, day, month, of_year = match[1], int(match[2]), _month(match[3]), match[4]
    if not _is_day(month, day) or (of_year and not is_year(of_year)):
        return None
    start = say(either(f"the {ordinal(int(begins))}", ordinal(int(begins)), cardinal(int(begins))), _TO).slots if begins else ()
    return say(start, _month_day(month, day, article=True), _year_if(of_year))


def _month_year(match: re.Match[str]) -> Said | None:
    """'May 1905', 'May of 1905', 'March nineteenth, 1905'."""
    if not is_year(match[3]):
        return None
    return say(_month(match[1]), match[2] or "", year(int(match[3])))


def _cued(match: re.Match[str]) -> Said | None:
    """A year after a word that says so; where it could be a count, it is the same number read in another way."""
    return say(match[1], year(int(match[2]))) if is_year(match[2]) else None


def _from_year_to_year(match: re.Match[str]) -> Said | None:
    """'from 1905 to 1910', 'between 1905 and 1910'."""
    if not (is_year(match[2]) and is_year(match[4])):
        return None
    return say(match[1], year(int(match[2])), match[3], year(int(match[4])))


def _about(match: re.Match[str]) -> Said | None:
    """'c. 1500', 'est. 1905'."""
    words = "established" if match[1].lower() == "est" else "circa"
    return say(words, year(int(match[2]))) if is_year(match[2]) else None


def _year_month(match: re.Match[str]) -> Said | None:
    """'2020-12': a month, a range, or something else."""
    if not is_year(match[1]) or not 1 <= int(match[2]) <= 12 or int(match[2]) > int(match[1][2:]):
        return None
    return say(MONTHS[int(match[2]) - 1], year(int(match[1])), sure=False)


def _slashed_month(match: re.Match[str]) -> Said | None:
    """'05/2020': most say the month."""
    if not is_year(match[2]) or not 1 <= int(match[1]) <= 12:
        return None
    return say(MONTHS[int(match[1]) - 1], year(int(match[2])), sure=False)


def _school_year(match: re.Match[str]) -> Said | None:
    """'1998/99'."""
    if not is_year(match[1]) or int(match[2]) != (int(match[1]) + 1) % 100:
        return None
    return say(year(int(match[1])), either("", "slash", "to"), _tail(match[2]))


def _era(match: re.Match[str]) -> Said:
    """'AD 79', '1066 AD', '500 BC'."""
    digits = match[2] or match[3]
    letters = " ".join((match[1] or match[4]).replace(".", "").lower())
    said = year(int(digits)) if len(digits) == 4 and int(digits) % 1000 else whole(digits, name=True)
    return say(letters, said) if match[1] else say(said, letters)


def _week_day(match: re.Match[str]) -> Said:
    return say(DAYS[match[1].lower()])


def _lone_month(match: re.Match[str]) -> Said:
    return say(_month(match[0]))


def _year_first(match: re.Match[str]) -> Said:
    """'2020-12-25', '2020/12/25', '2020.12.25'."""
    of_year, month, day = match[1], match[3], match[4]
    if not _is_date(of_year, month, day):
        return _figures(match[0])
    return _date(of_year, month, day)


def _year_last(match: re.Match[str]) -> Said:
    """'25.12.2020', '12/25/2020'."""
    one, mark, two, of_year = match[1], match[2], match[3], match[4]
    if mark == "." or int(one) > 12:
        one, two = two, one
    sure = mark == "." or int(two) > 12 or int(one) == int(two)
    if not (sure and _is_date(of_year, one, two)):
        return _figures(match[0])
    return _date(of_year, one, two)


def _short_year(match: re.Match[str]) -> Said | None:
    """'12/25/20': a date of some century."""
    return _figures(match[0])


def _is_date(of_year: str, month: str, day: str) -> bool:
    return is_year(of_year) and 1 <= int(month) <= 12 and _is_day(MONTHS[int(month) - 1], int(day))


def _date(of_year: str, month: str, day: str) -> Said:
    return say(_month_day(MONTHS[int(month) - 1], int(day)), year(int(of_year)))


def _figures(text: str) -> Said:
    """What may be a date and cannot be read surely: its numbers in order."""
    parts = re.findall(r"\d+", text)
    return say(*(year(int(part)) if is_year(part) else whole(part) for part in parts), sure=False)


def _clipped_year(match: re.Match[str]) -> Said:
    """The year in 'the summer of '69'."""
    return say(_tail(match[1]))


def _tail(digits: str) -> Slots:
    """The last two figures of a year."""
    return either(f"oh {DIGITS[int(digits)]}") if digits[0] == "0" else whole(digits)


KINDS: tuple[Kind, ...] = (
    kind(r"(?<![\w.,/-])(\d{4})([-/.])(\d{1,2})\2(\d{1,2})(?![\w/-]|[.,:]\d)", _year_first),
    kind(r"(?<![\w.,/-])(\d{1,2})([-/.])(\d{1,2})\2(\d{4})(?![\w/-]|[.,:]\d)", _year_last),
    kind(r"(?<![\w.,/-])(\d{1,2})([-/])(\d{1,2})\2(\d\d)(?![\w/-]|[.,:]\d)", _short_year),
    kind(r"(?<![\w.,/-])(\d{4})-(\d\d)(?![\w/-]|[.,:]\d)", _year_month),
    kind(r"(?<![\w.,/-])(\d{1,2})/(\d{4})(?![\w/-]|[.,:]\d)", _slashed_month),
    kind(r"(?<![\w.,/-])(\d{4})/(\d\d)(?![\w/-]|[.,:]\d)", _school_year),
    kind(r"(?i)\b(c|ca|est)\.\s?(\d{4})\b(?![.,:/-]\d)", _about),
    kind(rf"\b({_MONTH})\s(the\s)?({_DAY}){_SUFFIX}?(?:\s?-\s?({_DAY}){_SUFFIX}?)?{_END}(?:,?\s{_FOUR})?", _month_first),
    kind(
        rf"(?i:\bthe\s)?(?<![\w.,:/$-])(?:({_DAY}){_SUFFIX}?\s?-\s?)?({_DAY})(?:{_SUFFIX})?(?:\sof)?\s({_MONTH})(?![a-z])"
        rf"(?:,?\s{_FOUR})?",
        _day_first,
    ),
    kind(rf"\b({_MONTH}),?(?:\s(of))?,?\s{_FOUR}{_NO_MEASURE}", _month_year),
    kind(r"(?i)\b(from|between) (\d{4}) (to|and|until|till) (\d{4})\b(?![.,:/-]\d)", _from_year_to_year),
    kind(rf"(?i)\b({YEAR_CUES})\s{_FOUR}(?!-){_NO_MEASURE}", _cued),
    kind(r"\b(?:(A\.?D\.?|C\.?E\.?)\s(\d{1,4})\b(?![.,:/-]\d)|(\d{1,4})\s?(B\.?C\.?E?\b\.?|A\.?D\b\.?|C\.?E\b\.?))", _era),
    kind(rf"\b(Mon|Tues?|Wed|Thu(?:rs?)?|Fri|Sat|Sun)\b\.?(?=,?\s(?:{_DAY}{_SUFFIX}?\s)?{_MONTH})", _week_day),
    kind(r"\b(?:Jan|Feb|Aug|Sept|Oct|Nov|Dec)\.(?!\w)", _lone_month),
    kind(r"(?<!\w)'(\d\d)\b(?!'|[.,]\d)", _clipped_year),
)
