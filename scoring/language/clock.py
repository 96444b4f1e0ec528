"""Times of day and how long something takes: '9:05', '7 p.m.', '0600 hours', '1h30m', '10:15:30'."""

import re

from scoring.language.lattice import Kind, Said, Slots, either, kind, say
from scoring.language.numerals import cardinal, number, whole

_HALF = r"(?:\s?([AaPp])(?:\.\s?[Mm]\b\.?|[Mm]\b))"


def _time(match: re.Match[str]) -> Said | None:
    """'9:05', '7:00 p.m.', '10:15:30', '13:00 hrs'."""
    hour, minute, second, half, hours = int(match[1]), int(match[2]), match[3], match[4], match[5]
    if hour > 24 or minute > 59 or (second and int(second) > 59):
        return say(whole(str(hour)), either("to", ""), whole(str(minute)), whole(str(int(second))) if second else "", sure=False)
    after = say(f"{half.lower()} m").slots if half else ()
    if second:
        return say(_spoken(hour), _minutes(minute), either("", "and"), _minutes(int(second)), after)
    if hours:
        return say(_spoken(hour), either("hundred") if minute == 0 else _minutes(minute), "hours")
    return say(_hour_minute(hour, minute, bool(half)), after)


def _spoken(hour: int) -> Slots:
    return either(cardinal(hour), *(["oh", "twelve"] if hour == 0 else []))


def _minutes(minute: int) -> Slots:
    if minute == 0:
        return either("zero", "oh oh", "zero zero")
    if minute < 10:
        return either(f"oh {cardinal(minute)}", f"zero {cardinal(minute)}", cardinal(minute))
    return either(cardinal(minute))


def _hour_minute(hour: int, minute: int, half: bool) -> Slots:
    """'seven o'clock', 'nine oh five', which some say as 'five past nine'."""
    spoken = cardinal(hour)
    if minute == 0:
        sharp = [f"{spoken} o'clock", spoken, f"{spoken} hundred", f"{spoken} hundred hours"]
        if half:
            sharp = [spoken, f"{spoken} o'clock"]
        if hour == 0:
            sharp += ["midnight", "twelve o'clock", "zero hundred"]
        return either(*sharp, *([f"{cardinal(hour - 12)} o'clock"] if hour > 12 else []))
    readings = [f"{spoken} {' '.join(reading)}" for reading in _minutes(minute)[0]]
    if hour == 0:
        readings += [f"{zero} {' '.join(_minutes(minute)[0][0])}" for zero in ("zero zero", "twelve", "oh")]
    twelve, following = cardinal((hour - 1) % 12 + 1), cardinal(hour % 12 + 1)
    parts = {15: "quarter", 30: "half"}
    past = parts.get(minute, cardinal(minute))
    to = parts.get(60 - minute, cardinal(60 - minute))
    if minute <= 30:
        readings += [f"{past} past {twelve}", f"a {past} past {twelve}"]
    if minute > 30:
        readings += [f"{to} to {following}", f"a {to} to {following}"]
    return either(*readings)


def _half(match: re.Match[str]) -> Said:
    """The 'p.m.' of '7 p.m.'."""
    return say(f"{match[1].lower()} m")


def _military(match: re.Match[str]) -> Said:
    """'0600 hours', '1430 hours'."""
    hour, minute = match[1], int(match[2])
    ahead = either(f"oh {cardinal(int(hour))}", f"zero {cardinal(int(hour))}") if hour[0] == "0" else either(cardinal(int(hour)))
    return say(ahead, either("hundred") if minute == 0 else _minutes(minute))


def _count(figures: str, one: str) -> Slots:
    return say(number(figures).slots, one if figures == "1" else one + "s").slots


def _duration(match: re.Match[str]) -> Said:
    """'1h30m', '2 h 5 min 10 s'."""
    joint = either("", "and")
    seconds = say(joint, _count(match[3], "second")).slots if match[3] else ()
    return say(_count(match[1], "hour"), joint, _count(match[2], "minute"), seconds)


def _minutes_seconds(match: re.Match[str]) -> Said:
    """'5m30s', '5 min 30 s'."""
    return say(_count(match[1], "minute"), either("", "and"), _count(match[2], "second"))


def _french_time(match: re.Match[str]) -> Said | None:
    """'14h30', written as in France: a time, or hours and minutes."""
    hour, minute = int(match[1]), int(match[2])
    return say(_hour_minute(hour, minute, half=False)) if hour <= 24 and minute <= 59 else None


_H, _M, _S = r"\s?(?:hours?|hrs?|h)\.?", r"\s?(?:minutes?|mins?|m)", r"\s?(?:seconds?|secs?|s)"


def _british_time(match: re.Match[str]) -> Said | None:
    """The figures of '5.30 p.m.'."""
    hour, minute = int(match[1]), int(match[2])
    return say(_hour_minute(hour, minute, half=True)) if hour <= 12 and minute <= 59 else None


KINDS: tuple[Kind, ...] = (
    kind(rf"(?<![\w.,:])(\d{{1,2}}):(\d\d)(?::(\d\d))?(?!\d|[.,:]\d){_HALF}?(\s(?:hours|hrs|h)\b)?", _time),
    kind(rf"(?<![\w.,:])(\d{{1,4}}){_H}\s?(\d{{1,2}}){_M}(?:\s?(\d{{1,2}}){_S})?(?![A-Za-z0-9])", _duration),
    kind(rf"(?<![\w.,:])(\d{{1,4}}){_M}\s?(\d{{1,2}}){_S}(?![A-Za-z0-9])", _minutes_seconds),
    kind(rf"(?<![\w.,:$£€])(\d{{1,2}})\.(\d\d)(?={_HALF})", _british_time),
    kind(r"(?<![\w.,:])(\d{1,2})h(\d\d)(?![A-Za-z0-9])", _french_time),
    kind(r"(?<![\w.,:$£€])([01]\d|2[0-4])([0-5]\d)(?=\s?(?:hours|hrs|h)\b)", _military),
    kind(rf"(?<=\d){_HALF}", _half),
)
