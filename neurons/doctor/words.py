"""Durations, sizes and lists as the doctor writes them."""

from collections.abc import Sequence
from datetime import timedelta

_SHOWN = 5
_UNITS = ((86_400, "d"), (3_600, "h"), (60, "min"))


def lasting(time: timedelta) -> str:
    """A duration in its largest unit and the next: 42 s, 7 min, 3 h 20 min, 12 d.

    >>> lasting(timedelta(seconds=42)), lasting(timedelta(minutes=200)), lasting(timedelta(days=12, hours=3))
    ('42 s', '3 h 20 min', '12 d 3 h')
    """
    seconds = round(abs(time).total_seconds())
    for number, (size, unit) in enumerate(_UNITS):
        if seconds >= size:
            whole, rest = divmod(seconds, size)
            below = _UNITS[number + 1 : number + 2]
            more = [f"{rest // small} {name}" for small, name in below if rest >= small]
            return " ".join([f"{whole} {unit}", *more])
    return f"{seconds} s"


def skew(ahead: timedelta) -> str:
    """How far a clock is from another, as `5 min ahead of` or `5 min behind`.

    >>> skew(timedelta(minutes=5)), skew(timedelta(seconds=-40))
    ('5 min ahead of', '40 s behind')
    """
    return f"{lasting(ahead)} {'ahead of' if ahead > timedelta(0) else 'behind'}"


def listed(names: Sequence[str]) -> str:
    """Names with commas between, the first few of many.

    >>> listed(["a", "b"]), listed([str(n) for n in range(9)])
    ('a, b', '0, 1, 2, 3, 4 and 4 more')
    """
    more = len(names) - _SHOWN
    return ", ".join(names[:_SHOWN]) + (f" and {more} more" if more > 0 else "")


def gigabytes(size: int) -> str:
    """A size in binary gigabytes.

    >>> gigabytes(3 << 29)
    '1.5 GiB'
    """
    return f"{size / (1 << 30):.1f} GiB"
