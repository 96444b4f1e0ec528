"""Figures, sums, dates, numbers to dial and addresses, in forms that the text front end reads in one way or knows all readings of."""

from collections.abc import Callable, Mapping

from prompts.draw import Draw

CENTS = ("", ".25", ".50", ".75", ".99", ".05", ".10", ".40", ".60", ".85", ".95")
"""Cents as prices have them."""
MINUTES = ("00", "05", "10", "15", "20", "25", "30", "35", "40", "45", "50", "55")
MONTHS = (
    *("January", "February", "March", "April", "May", "June"),
    *("July", "August", "September", "October", "November", "December"),
)
DAYS = (31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)
"""Days of a month that every year has."""
ENDINGS = {1: "st", 2: "nd", 3: "rd", 21: "st", 22: "nd", 23: "rd", 31: "st"}
EXCHANGE = "555-01"
"""Numbers that begin so belong to nobody."""
LETTERS = "BCDFGHJKLMNPQRSTVWXYZ"
"""For strings to spell: without vowels, which would make words of them."""


def between(draw: Draw, first: int, last: int) -> int:
    """A number from `first` to `last`."""
    return first + draw.below(last - first + 1)


def rounded(draw: Draw) -> str:
    """A number as people round them: 30, 450, 12,000."""
    number = between(draw, 2, 99) * draw.choice((10, 50, 100, 500, 1000))
    return f"{number:,}"


def large(draw: Draw) -> str:
    """A number of four to six digits, with its comma."""
    return f"{between(draw, 1001, draw.choice((9_999, 99_999, 999_999))):,}"


def decimal(draw: Draw) -> str:
    """A number with one or two digits behind the point."""
    return f"{between(draw, 1, 60)}.{between(draw, 1, draw.choice((9, 9, 99)))}".rstrip("0").rstrip(".")


def nth(draw: Draw) -> str:
    """An ordinal up to the 31st."""
    return ordinal(between(draw, 1, 31))


def ordinal(number: int) -> str:
    """1st, 2nd, 3rd, 4th … 31st."""
    return f"{number}{ENDINGS.get(number, 'th')}"


def year(draw: Draw) -> str:
    """A year that people tell of."""
    return str(
        draw.choice((between(draw, 1901, 1999), between(draw, 1701, 1899), between(draw, 2003, 2025), between(draw, 1110, 1700)))
    )


def decade(draw: Draw) -> str:
    """The 1890s, the 1960s."""
    return f"{between(draw, 182, 199)}0s"


def date(draw: Draw) -> str:
    """A day of a month."""
    month = draw.below(len(MONTHS))
    day = between(draw, 1, DAYS[month])
    name = MONTHS[month]
    return draw.choice((f"{name} {day}", f"{name} {ordinal(day)}", f"the {ordinal(day)} of {name}"))


def full_date(draw: Draw) -> str:
    """A day of a year."""
    return day_of(draw, between(draw, 1851, 2025))


def birth_date(draw: Draw) -> str:
    """The day on which somebody was born who is alive."""
    return day_of(draw, between(draw, 1931, 1984))


def day_of(draw: Draw, of_year: int) -> str:
    """A day of this year, as Americans and as Britons write it."""
    month = draw.below(len(MONTHS))
    day, name = between(draw, 1, DAYS[month]), MONTHS[month]
    return draw.choice((f"{name} {day}, {of_year}", f"{name} {ordinal(day)}, {of_year}", f"{day} {name} {of_year}"))


def clock(draw: Draw) -> str:
    """A time of day."""
    hour, minute = between(draw, 1, 12), draw.choice(MINUTES)
    half = draw.choice(("a.m.", "p.m."))
    sharp = f"{hour % 12 or 1} {half}"  # twelve is noon to some and midnight to others
    return draw.choice((f"{hour}:{minute}", f"{hour}:{minute} {half}", sharp))


def amount(draw: Draw) -> str:
    """What something in a shop costs."""
    return f"{between(draw, 2, 99)}{draw.choice(CENTS)}"


def price(draw: Draw) -> str:
    """A small sum in dollars, pounds or euros."""
    return f"{draw.choice('$$£€')}{amount(draw)}"


def money(draw: Draw) -> str:
    """A larger sum, in whole dollars, pounds or euros."""
    return f"{draw.choice('$$£€')}{thousands(draw)}"


def thousands(draw: Draw) -> str:
    """What something large costs, without cents."""
    return f"{between(draw, 1, 99) * draw.choice((10, 25, 50, 100, 250, 500, 1000)):,}"


def fortune(draw: Draw) -> str:
    """Thousands, millions, billions."""
    number = draw.choice((str(between(draw, 2, 900)), f"{between(draw, 1, 9)}.{between(draw, 1, 9)}"))
    return f"{draw.choice('$$£€')}{number} {draw.choice(('million', 'billion'))}"


def percent(draw: Draw) -> str:
    """A share in hundredths."""
    return draw.choice(
        (f"{between(draw, 2, 99)}%", f"{between(draw, 2, 99)} percent", f"{between(draw, 1, 40)}.{between(draw, 1, 9)}%")
    )


def phone(draw: Draw) -> str:
    """A telephone number that belongs to nobody."""
    local = f"{EXCHANGE}{between(draw, 0, 99):02d}"
    area = str(between(draw, 201, 989))
    return draw.choice((local, f"({area}) {local}", f"{area}-{local}"))


def letters(draw: Draw) -> str:
    """Three to five different letters to spell, with full stops between them."""
    return "".join(f"{letter}." for letter in draw.shuffle(LETTERS)[: between(draw, 3, 5)])


def code(draw: Draw) -> str:
    """Letters and figures in turn, as on a ticket: K-7-B-2."""
    signs = [draw.choice(LETTERS), str(between(draw, 2, 9)), draw.choice(LETTERS), str(between(draw, 2, 9))]
    return "-".join(signs[: between(draw, 3, 4)])


def initials(draw: Draw) -> str:
    """A person's first letters: J. R."""
    return f"{draw.choice(LETTERS)}. {draw.choice(LETTERS)}."


FIGURES: Mapping[str, Callable[[Draw], str]] = {
    "rounded": rounded, "large": large, "decimal": decimal, "nth": nth, "year": year, "decade": decade, "date": date,
    "full_date": full_date, "birth_date": birth_date, "clock": clock, "price": price, "money": money, "fortune": fortune,
    "percent": percent, "phone": phone, "letters": letters, "code": code, "initials": initials,
    "early_year": lambda draw: str(between(draw, 1110, 1830)),
    "late_year": lambda draw: str(between(draw, 1840, 1999)),
    "recent_year": lambda draw: str(between(draw, 1990, 2025)),
    "dollars": lambda draw: f"${amount(draw)}",
    "pounds": lambda draw: f"£{amount(draw)}",
    "euros": lambda draw: f"€{amount(draw)}",
    "large_pounds": lambda draw: f"£{thousands(draw)}",
}  # fmt: skip
"""Slots that are filled by drawing figures."""
