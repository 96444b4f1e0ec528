"""Abbreviations: titles before names, streets behind them, and what is written short before figures or anywhere."""

import re

from scoring.language.lattice import Kind, Said, either, kind, say, words

TITLES = {
    "mr": "mister", "mrs": "missus", "ms": "miss", "dr": "doctor", "prof": "professor", "st": "saint", "gen": "general",
    "col": "colonel", "capt": "captain", "lt": "lieutenant", "sgt": "sergeant", "gov": "governor", "sen": "senator",
    "rep": "representative",
    "mt": "mount", "ft": "fort", "rev": "reverend", "hon": "honorable", "pres": "president", "maj": "major", "cpl": "corporal",
    "cmdr": "commander", "adm": "admiral", "supt": "superintendent", "mme": "madame", "messrs": "messieurs",
}  # fmt: skip
STREETS = {
    "st": "street", "dr": "drive", "ave": "avenue", "av": "avenue", "blvd": "boulevard", "rd": "road", "ln": "lane", "ct": "court",
    "pl": "place", "sq": "square", "hwy": "highway", "pkwy": "parkway", "ter": "terrace", "cres": "crescent",
}  # fmt: skip
ANYWHERE = {
    "jr": "junior", "sr": "senior", "ave": "avenue", "blvd": "boulevard", "dept": "department", "approx": "approximately",
    "vs": "versus", "etc": "et cetera", "mr": "mister", "mrs": "missus", "ms": "miss", "dr": "doctor", "prof": "professor",
    "inc": "incorporated", "ltd": "limited", "corp": "corporation", "bros": "brothers", "univ": "university", "assn": "association",
    "govt": "government", "apt": "apartment", "hwy": "highway", "pkwy": "parkway", "e.g": "for example",
    "i.e": "that is", "viz": "namely", "cf": "compare", "tel": "telephone", "misc": "miscellaneous", "incl": "including",
    "attn": "attention", "ext": "extension",
}  # fmt: skip
"""Expanded where a full stop follows, and only there."""
WITHOUT_STOP = frozenset({"mr", "mrs", "ms", "dr", "prof", "st", "mt", "lt", "sgt", "capt", "cpl", "mme", "messrs"})
"""Titles that are written without a full stop too, before a name."""
ALONE = frozenset({"mr", "mrs", "ms", "dr", "prof"})
"""Titles that are read without a name behind them, and without a full stop."""
BEFORE_FIGURES = {
    "vol": "volume", "vols": "volumes", "ch": "chapter", "pp": "pages", "p": "page", "pg": "page", "fig": "figure", "figs": "figures",
    "sec": "section",
    "nos": "numbers", "para": "paragraph", "c": "circa", "ca": "circa", "est": "established",
    "no": "number", "apt": "apartment", "ste": "suite", "eq": "equation", "bk": "book", "pt": "part", "tel": "telephone", "ver": "version",
    "op": "opus", "min": "minimum", "max": "maximum", "ext": "extension", "rm": "room",
}  # fmt: skip
"""Expanded where a full stop and then figures follow."""
NO_NAMES = frozenset(
    words(
        "hello hi dear thanks yes no the good sorry please ask call see ms mr mrs and or but so with for from to at by is was when if as"
        " then today our your my his her their this that of on in both madam sir it he she we they i you there a an what who where why how"
        " do does did can will are were not now here after before while because although since until"
    )
)
"""Words that no street and no person is named after, with a capital too: a sentence begins with them."""
COMPASS = {"N": "north", "S": "south", "E": "east", "W": "west"}
SLASHED = {"w/": "with", "w/o": "without", "c/o": "care of"}
LOOK_BACK, LOOK_AHEAD = 60, 30
"""Characters that tell a street from a title."""

_TITLE_OR_STREET = "|".join(sorted((name.capitalize() for name in {**TITLES, **STREETS}), key=len, reverse=True))
_ANYWHERE = "|".join(sorted((re.escape(name) for name in ANYWHERE), key=len, reverse=True))
_BEFORE_FIGURES = "|".join(sorted(BEFORE_FIGURES, key=len, reverse=True))
_HOUSE = re.compile(r"\b\d{1,5}[A-Za-z]?(?:\s(?:[NSEW]\.?|[A-Z][a-z']+)){1,3}\s$")
_BEFORE = re.compile(r"([A-Za-z0-9']+)\s$")
_FIGURES = re.compile(r"\.?\s?\d")
_AFTER = re.compile(r"\.?\s([A-Za-z]+)")
_NUMBERED_STREET = re.compile(r"\d(?:st|nd|rd|th)$")


def _title_or_street(match: re.Match[str]) -> Said | None:
    """'St. James St.', 'Dr. Stone', '12 Elm Dr. Springfield', '5th Ave', 'Mr Lee'; by what is before and behind it."""
    name, stop = match[1].lower(), match[2]
    before, after = match.string[max(0, match.start() - LOOK_BACK) : match.start()], match.string[match.end(1) :][:LOOK_AHEAD]
    named_after = _AFTER.match(after)
    person = bool(named_after and named_after[1][0].isupper() and named_after[1].lower() not in NO_NAMES)
    if name in STREETS and _is_street(before, person):
        return say(STREETS[name])
    if name in TITLES and (name in ALONE or (person and name in WITHOUT_STOP) or (stop and not _FIGURES.match(after))):
        return say(TITLES[name])
    return say(ANYWHERE[name]) if stop and name in ANYWHERE else None


def _is_street(before: str, person: bool) -> bool:
    if _HOUSE.search(before):
        return True
    word = _BEFORE.search(before)
    if word is None:
        return False
    if _NUMBERED_STREET.search(word[1]):
        return True
    return word[1][0].isupper() and word[1].lower() not in NO_NAMES and not person


def _anywhere(match: re.Match[str]) -> Said:
    return say(ANYWHERE[match[1].lower()])


def _before_figures(match: re.Match[str]) -> Said:
    return say(BEFORE_FIGURES[match[1].lower()])


def _company(_match: re.Match[str]) -> Said:
    return say("company")


def _compass(match: re.Match[str]) -> Said | None:
    """The 'N.' of '12 N. Main St.'."""
    if match[2].lower() in NO_NAMES:
        return None
    return say(either(COMPASS[match[1]], match[1].lower()))


def _slashed(match: re.Match[str]) -> Said:
    """'w/', 'w/o', 'c/o'."""
    return say(SLASHED[match[0].lower()])


def _degree(match: re.Match[str]) -> Said:
    """'Ph.D.', 'MSc', 'PhDs'."""
    letters = match[0].replace(".", "")
    plural = "'s" if letters.endswith("s") else ""
    return say(" ".join(letters.removesuffix("s").lower()) + plural)


KINDS: tuple[Kind, ...] = (
    kind(r"\b(?:Ph\.?D(?:s\b|\b\.?)|[BM]\.?Sc\b\.?|Ed\.?D\b\.?|LL\.?[BM]\b\.?)", _degree),
    kind(rf"\b({_TITLE_OR_STREET})\b(\.?)(?!')", _title_or_street),
    kind(rf"(?i)\b({_BEFORE_FIGURES})\.\s?(?=\d)", _before_figures),
    kind(rf"(?i)\b({_ANYWHERE})\.(?!\w)", _anywhere),
    kind(r"\b(?:Co)\.(?!\w)", _company),
    kind(r"\b(vs|etc)\b(?!')", _anywhere),
    kind(r"(?<=\d\s)([NSEW])\b\.?(?=\s([A-Z][a-z]{1,20}))", _compass),
    kind(r"(?i)(?<!\w)(?:w/o?|c/o)(?=\s)", _slashed),
)
