"""Measures: a number and its unit, one unit per another, feet and inches, temperatures, places on a map."""

import re

from scoring.language.lattice import Kind, Said, Slots, either, kind, say
from scoring.language.numerals import NUMBER, number, whole

EXACT = {
    "m": "meter", "g": "gram", "l": "liter", "L": "liter", "h": "hour", "W": "watt", "V": "volt", "Mb": "megabit", "Gb": "gigabit",
    "Kb": "kilobit", "mW": "milliwatt", "MW": "megawatt", "mA": "milliamp", "ha": "hectare", "pt": "pint",
    "kJ": "kilojoule", "s": "second", "mV": "millivolt", "t": "ton", "ms": "millisecond", "ns": "nanosecond",
    "cal": "calorie", "Cal": "calorie", "Pa": "pascal",
}  # fmt: skip
"""Units whose case tells them from another or from a letter."""
ANY_CASE = {
    "mm": "millimeter", "cm": "centimeter", "km": "kilometer", "μm": "micrometer", "nm": "nanometer", "mg": "milligram",
    "kg": "kilogram", "μg": "microgram", "ml": "milliliter", "cl": "centiliter", "dl": "deciliter", "lb": "pound", "lbs": "pound",
    "oz": "ounce", "yd": "yard", "yds": "yard", "mi": "mile", "ft": "foot", "sec": "second", "secs": "second", "min": "minute",
    "mins": "minute", "hr": "hour", "hrs": "hour", "μs": "microsecond", "kb": "kilobyte", "mb": "megabyte", "gb": "gigabyte",
    "tb": "terabyte", "pb": "petabyte", "kw": "kilowatt", "gw": "gigawatt", "db": "decibel", "kwh": "kilowatt hour",
    "mwh": "megawatt hour", "gwh": "gigawatt hour", "wh": "watt hour", "mah": "milliamp hour", "kv": "kilovolt", "kcal": "kilocalorie",
    "kpa": "kilopascal", "hpa": "hectopascal", "tsp": "teaspoon", "tbsp": "tablespoon", "px": "pixel", "mpx": "megapixel",
    "mp": "megapixel", "fl oz": "fluid ounce", "gal": "gallon", "qt": "quart", "kbit": "kilobit", "mbit": "megabit",
    "gbit": "gigabit", "wk": "week", "wks": "week", "mo": "month", "mos": "month", "yr": "year", "yrs": "year", "Ω": "ohm", "ω": "ohm",
}  # fmt: skip
FIXED = {
    "mph": "miles per hour", "kph": "kilometers per hour", "kmh": "kilometers per hour", "hz": "hertz", "khz": "kilohertz",
    "mhz": "megahertz", "ghz": "gigahertz", "rpm": "r p m", "bpm": "beats per minute", "fps": "frames per second",
    "dpi": "dots per inch", "ppm": "parts per million", "ppb": "parts per billion", "psi": "p s i", "kbps": "kilobits per second",
    "mbps": "megabits per second", "gbps": "gigabits per second", "bps": "bits per second", "mpg": "miles per gallon",
    "lux": "lux", "cc": "c c",
}  # fmt: skip
"""Read the same of one and of many."""
PER = {
    **{name: one for name, one in ANY_CASE.items() if name.isascii()}, "m": "meter", "s": "second", "h": "hour", "l": "liter", "d": "day",
    "day": "day", "hour": "hour", "week": "week", "month": "month", "year": "year", "person": "person", "night": "night",
    "second": "second",
    "minute": "minute", "mile": "mile", "pound": "pound", "head": "head", "100km": "hundred kilometers",
}  # fmt: skip
"""What something may be counted per: 'km/h', '$5/hour'."""
IRREGULAR = {"foot": "feet", "inch": "inches", "hertz": "hertz", "lux": "lux"}
SPACED = frozenset({"s", "t", "pt", "mo", "qt", "gal"})
"""Too short to be a unit where no space parts it from its number."""
POWERS = {"2": "square", "3": "cubic"}
LONG = "wide|tall|long|deep|high|thick|across|by|x"
BOARDS = "board|pole|ladder|rope|fence|wall|ceiling|boat|cable|hose|plank|tree"
SIZED = "screen|display|monitor|laptop|tv|pipe|pizza|vinyl|record|single|wheel|wheels|tablet|barrel|gun|ruler|nail|tire|tires|guitar|pan"
"""What is said behind a length that was written with the sign for inches: '6" wide', 'a 12" record'."""
COMPASS = {"N": "north", "S": "south", "E": "east", "W": "west"}

_NAMES = "|".join(sorted((re.escape(name) for name in EXACT), key=len, reverse=True))
_ANY_CASE = "|".join(sorted((re.escape(name) for name in (*ANY_CASE, *FIXED)), key=len, reverse=True))
_UNIT = rf"(?:(?i:{_ANY_CASE})|{_NAMES})"
_PER = "|".join(sorted(PER, key=len, reverse=True))
_PREFIX = r"(?:(sq|cu)\.?\s)?"


def plural(one: str) -> str:
    """'foot' → 'feet'; the last word of several."""
    *before, last = one.split(" ")
    return " ".join([*before, IRREGULAR.get(last, last + "s")])


def _name(unit: str) -> str | None:
    """A unit as one says it of one."""
    return EXACT.get(unit) or ANY_CASE.get(unit.lower()) or ANY_CASE.get(unit)


def _measure(match: re.Match[str]) -> Said | None:
    """'5 km', '0.1 kg', '10 m²', '100 km/h', '5-km', '40 sq ft'."""
    figures, gap, prefix, unit, power, per = match.groups()
    if (unit in SPACED and not gap) or (gap == "-" and len(unit) == 1):
        return None
    said = number(figures)
    after = say("per", PER[per if per in PER else per.lower()]).slots if per else ()
    if unit.lower() in FIXED:
        return say(said.slots, FIXED[unit.lower()], after, sure=said.sure)
    one = _name(unit)
    if one is None:
        return None
    raised = POWERS["2" if prefix == "sq" else "3"] if prefix else POWERS.get(power or "", "")
    singular = figures == "1" or gap == "-"
    named, other = (one, plural(one)) if singular else (plural(one), one)
    readings = either(f"{raised} {named}", f"{raised} {other}", *([f"{named} {raised}d"] if raised == "square" else []))
    return say(said.slots, readings, after, sure=said.sure)


def _per(match: re.Match[str]) -> Said:
    """The '/hour' of '$5/hour'."""
    return say(either("per", "an" if match[1][0] in "aeiou" or match[1].startswith("h") else "a"), PER[match[1]])


def _feet_inches(match: re.Match[str]) -> Said:
    """'5'10"': some leave the names out."""
    if int(match[2]) > 11:
        return say(whole(match[1]), "minutes", whole(match[2]), "seconds", sure=False)
    feet = "foot" if match[1] == "1" else "feet"
    inches = "inch" if match[2] == "1" else "inches"
    return say(whole(match[1]), either(feet, "foot", ""), whole(match[2]), either(inches, ""))


def _inches(match: re.Match[str]) -> Said:
    said = number(match[1])
    many = match[1] != "1" and match[2] and match[2].lower() in LONG.split("|")
    return say(said.slots, either("inches", "inch") if many else either("inch", "inches"), sure=said.sure)


def _feet(match: re.Match[str]) -> Said:
    """'a 5' board', '6' tall'."""
    many = match[1] != "1" and match[2].lower() in LONG.split("|")
    return say(whole(match[1]), either("feet", "foot") if many else either("foot", "feet"))


def _degrees(match: re.Match[str]) -> Said:
    """'20°C', '72 °F', '45°'."""
    figures, scale = match[1], match[2]
    said = number(figures)
    degrees = either("degree", "degrees") if figures == "1" else either("degrees", "degree")
    name: Slots = ()
    if scale:
        full = {"C": "celsius", "F": "fahrenheit", "K": "kelvin"}[scale.upper()]
        name = either(full, scale, *(["centigrade"] if full == "celsius" else []))
    return say(said.slots, degrees, name, sure=said.sure)


def _coordinate(match: re.Match[str]) -> Said:
    """'40°26'46"N'."""
    degrees, minutes, seconds, side = match.groups()
    return say(
        *(whole(degrees), "degrees", whole(minutes), "minutes"),
        *((whole(seconds), "seconds") if seconds else ()),
        COMPASS.get(side or "", ""),
    )


KINDS: tuple[Kind, ...] = (
    kind(r"(?<![\w.,])(\d{1,3})°\s?(\d{1,2})'(?:\s?(\d{1,2})\")?(?:\s?([NSEW])\b)?", _coordinate),
    kind(rf"({NUMBER})\s?(?:°|º|degrees?)\s?(?:([CFcfK])(?![A-Za-z]))", _degrees),
    kind(rf"({NUMBER})\s?[°º]()", _degrees),
    kind(r"(?<![\w.,'])(\d{1,2})'\s?(\d{1,2})(?:\"|''|(?![\w'.,]))", _feet_inches),
    kind(r"(?<![\w.,])(\d{1,2})\s?ft\.?\s?(\d{1,2})\s?in\b\.?", _feet_inches),
    kind(rf"(?<![\w.,'])(\d{{1,3}})'(?=\s((?i:{LONG}|{BOARDS}))\b)", _feet),
    kind(r"(?<=by\s)(\d{1,3})\s?in\b\.?()(?!\s[a-z])", _inches),
    kind(rf"({NUMBER})\s?in\b\.?(?=\s((?i:{LONG}|{SIZED}))\b)", _inches),
    kind(rf"({NUMBER})(?:\"|'')(?=\s((?i:{LONG}|{SIZED}))\b|-)", _inches),
    kind(
        rf"(?:(?<![A-Za-z])|(?<=\d[xX]))(?<![A-Za-z]-)({NUMBER})(\s|-|){_PREFIX}({_UNIT})(?:\^?([23]))?(?:/({_PER}|(?i:{_ANY_CASE})))?(?![A-Za-z0-9])"
        r"(?!/\w|[.,]\d)(?<![WVL](?=\.\s[A-Z]))",
        _measure,
    ),
    kind(rf"(?<=[\w%.])/({_PER})(?![A-Za-z0-9])(?<!/[a-z])", _per),
)
