"""Signs: those that have a name, those that are silent, and those that nobody can be sure of."""

import re
import unicodedata

from scoring.language.lattice import Kind, Said, either, kind, say

NAMED = {
    "&": either("and"), "+": either("plus"), "=": either("equals", "is"), "°": either("degrees"), "@": either("at"),
    "€": either("euros", "euro"), "£": either("pounds", "pound"), "÷": either("divided by"), "±": either("plus or minus"),
    "×": either("times"), "≈": either("approximately", "about"), "≤": either("less than or equal to", "at most"),
    "≥": either("greater than or equal to", "at least"), "≠": either("is not equal to", "does not equal"),
    "√": either("the square root of"),
    "∞": either("infinity"), "©": either("copyright"), "§": either("section"), "‰": either("per mille"), "№": either("number"),
    "α": either("alpha"), "β": either("beta"), "γ": either("gamma"), "δ": either("delta"), "ε": either("epsilon"), "θ": either("theta"),
    "λ": either("lambda"), "μ": either("mu"), "π": either("pi"), "ρ": either("rho"), "σ": either("sigma"), "τ": either("tau"),
    "φ": either("phi"), "χ": either("chi"), "ψ": either("psi"), "ω": either("omega"), "Ω": either("omega", "ohm"), "Δ": either("delta"),
    "Σ": either("sigma"), "Π": either("pi"),
}  # fmt: skip
SILENT = frozenset(".,;:!?'\"()[]{}-*_|\\` \t\n\r\x0b\x0c")
SILENT_CATEGORIES = frozenset({"Pc", "Pd", "Ps", "Pe", "Pi", "Pf", "Po", "Zs", "Zl", "Zp", "Cc", "Mn", "Mc", "Me"})


def _sign(match: re.Match[str]) -> Said:
    """One character that is neither letter nor figure, or a letter of another script."""
    sign = match[0]
    alone = not _beside_a_letter(match)
    if sign in NAMED and (sign.isascii() or not sign.isalpha() or alone):
        return say(NAMED[sign])
    silent = sign in SILENT or (not sign.isascii() and unicodedata.category(sign) in SILENT_CATEGORIES)
    return say(sure=silent)


def _beside_a_letter(match: re.Match[str]) -> bool:
    """Whether it is part of a word of another script."""
    beside = match.string[max(0, match.start() - 1) : match.start()] + match.string[match.end() :][:1]
    return any(character.isalpha() and not character.isascii() for character in beside)


def _foreign(match: re.Match[str]) -> Said | None:
    """A word of another script."""
    return say(sure=False) if all(sign.isalpha() for sign in match[0]) else None


def _smile(_match: re.Match[str]) -> Said:
    return say(sure=False)


def _either_or(_match: re.Match[str]) -> Said:
    """'and/or', 'he/she', '1st/2nd'."""
    return say(either("", "slash", "or"))


def _less(match: re.Match[str]) -> Said:
    return say(either(*(("less than", "under") if match[0][0] == "<" else ("greater than", "more than", "over"))))


def _about(_match: re.Match[str]) -> Said:
    return say(either("approximately", "about", "around"))


KINDS: tuple[Kind, ...] = (
    kind(r"(?<=[A-Za-z])/(?=[A-Za-z0-9])|(?<=\d)/(?=[A-Za-z])", _either_or),
    kind(r"(?<![<>=])[<>](?=\s?-?[$£€]?\d)(?!3\b)", _less),
    kind(r"~(?=\d)", _about),
    kind(r"(?<![\w:;])[:;=][-']?[()DPpO/\\|](?!\w)", _smile),
    kind(r"[^\x00-\x7f]{2,30}", _foreign),
    kind(r"[^A-Za-z0-9\s]", _sign),
)
