"""Scales of delivery: which level a measured value is on, and how far that is from the level asked."""

from bisect import bisect_right

from prompts.voices import Attribute, Register

METRICS = {
    Attribute.RATE: "phoneme_rate",
    Attribute.PITCH: "f0_median",
    Attribute.EXPRESSION: "f0_spread",
    Attribute.LOUDNESS: "lufs",
}
"""The metric that measures each attribute."""

RATE_EDGES = (3.51, 6.19, 8.87, 11.54, 14.22, 16.90, 19.58, 22.26)
"""Phonemes per second of speech. Source of these and of the F0 edges: Data-Speech's first release (Lacombe et al. 2024, after Lyth and
King 2024): seven bins between eight edges."""
PITCH_EDGES = {
    Register.LOW: (74.0, 88.6, 103.0, 118.0, 132.0, 147.0, 162.0, 176.0),
    Register.HIGH: (130.0, 149.0, 168.0, 186.0, 205.0, 223.0, 242.0, 261.0),
}
"""Mean F0 in Hz."""
EXPRESSION_EDGES = (0.0, 17.4, 34.9, 52.3, 69.7, 87.2, 104.6, 122.0)
"""Standard deviation of F0 in Hz."""
LOUDNESS_EDGES = (-39.0, -35.0, -31.0, -27.0, -23.0, -19.0, -15.0, -11.0)
"""LUFS; a choice of this project, with ordinary speech (-27 … -23) in the middle."""


def edges(attribute: Attribute, register: Register) -> tuple[float, ...]:
    """The eight edges of an attribute's seven bins, in the unit it is measured in."""
    match attribute:
        case Attribute.RATE:
            return RATE_EDGES
        case Attribute.PITCH:
            return PITCH_EDGES[register]
        case Attribute.EXPRESSION:
            return EXPRESSION_EDGES
        case Attribute.LOUDNESS:
            return LOUDNESS_EDGES


def level(attribute: Attribute, register: Register, value: float) -> int:
    """The bin that a value falls in, 0 … 6; values beyond the outer edges fall in the outer bins.

    >>> level(Attribute.LOUDNESS, Register.LOW, -25.0), level(Attribute.LOUDNESS, Register.LOW, -60.0)
    (3, 0)
    """
    inner = edges(attribute, register)[1:-1]
    return bisect_right(inner, value)


def centre(attribute: Attribute, register: Register, wanted: int) -> float:
    """The middle of a bin."""
    scale = edges(attribute, register)
    return (scale[wanted] + scale[wanted + 1]) / 2


def agreement(asked: int, measured: int) -> float:
    """Ordinal agreement of two levels, `1 - |asked - measured| / 6`: 1 for equal ones, 0 for opposite ends, more is better.

    >>> agreement(asked=1, measured=4)
    0.5
    """
    return 1.0 - abs(asked - measured) / (len(RATE_EDGES) - 2)
