"""Letters that are read by name: initials, abbreviations in capitals, letters among figures; and Roman numerals in names."""

import re

from scoring.language.lattice import Kind, Said, Slots, either, kind, plainly, say, words
from scoring.language.numerals import cardinal, ordinal, whole

WORDS = frozenset(
    words(
        "nasa nato unesco unicef opec aids laser radar scuba sonar pin sim ram rom gif covid interpol fifa uefa ikea lego yolo gestapo"
        " taser captcha seal swat nimby nafta asean ascii basic cobol fortran lidar nascar potus scotus fema hipaa osha mensa ok"
    )
)
"""Abbreviations in capitals that are said as a word."""
SPELLED = frozenset(
    words(
        "fbi cia usa uk eu un us uae ufo bbc cnn nbc abc cbs ibm html http https url cpu gpu usb atm dna rna gps dvd cd tv pc ceo cfo cto"
        " cio phd faq id vip rsvp diy nba nfl nhl mlb ai iq api sql pdf csv xml ip tcp ussr gdp gmt utc pst iou epa irs nhs rspca ucla"
        " usda fda aka eta eda ios ev suv led lcd oled acl aaa aarp nypd lapd hiv ivf icu mri ecg eeg bmi adhd ocd vpn sms dj mc mp pm"
        " tgif omg"
    )
)
"""Abbreviations with a vowel, or none, whose letters are said one by one."""
CHAPTERS = (
    "Chapter|Part|Act|Volume|Vol\\.|No\\.|Book|Section|Article|Title|Phase|Type|Class|Appendix|Figure|Table|Scene|Level|Stage|Mark|Unit|Lesson"
    "|Grade|Category|Division|Tier|Super Bowl|Olympiad|Episode|Rocky|Apollo|Gemini|World War|Fantasy|Vatican|Schedule|Annex|Group"
)
"""What is counted by Roman numerals: 'Chapter IV' is chapter four."""
RULERS = (
    "Henry|Louis|Elizabeth|George|Edward|Richard|Charles|James|William|Mary|Philip|Napoleon|Ivan|Peter|Catherine|Frederick|Alexander"
    "|Nicholas|John|Paul|Benedict|Pius|Leo|Francis|Gregory|Clement|Innocent|Urban|Boniface|Ramses|Ramesses|Ptolemy|Xerxes|Darius"
    "|Thutmose|Amenhotep|Otto|Conrad|Ferdinand|Alfonso|Gustav|Christian|Harald|Olaf|Magnus|Haakon|Robert|David|Leopold|Albert|Victor"
    "|Emmanuel|Umberto|Pedro|Carlos|Felipe|Sigismund|Casimir|Rudolf|Maximilian|Joseph|Wilhelm|Margrethe|Edgar|Stephen|Andrew|Julius"
    "|Sixtus|Adrian|Celestine|Eugene|Martin|Theodore|Michael|Basil|Constantine|Selim|Mehmed|Murad|Ahmed|Suleiman|Cleopatra|Antiochus"
)
"""Kings, queens and popes: 'Henry VIII' is Henry the eighth."""
ROMAN = {"I": 1, "V": 5, "X": 10, "L": 50, "C": 100, "D": 500, "M": 1000}
VALID_ROMAN = re.compile(r"M{0,3}(?:CM|CD|D?C{0,3})(?:XC|XL|L?X{0,3})(?:IX|IV|V?I{0,3})")

_ENDS = r"(?![A-Za-z0-9']|\.[A-Za-z])"
_PAUSE = r"(?=\s?(?:[.,;:!?)\"]|$|-))"
_NEIGHBOUR = re.compile(r"\b[A-Z]{2,}\b")
_VOWEL = re.compile(r"[AEIOUY]")


def roman(numeral: str) -> int | None:
    """'XIV' → 14; None for what is no Roman numeral."""
    if not numeral or not VALID_ROMAN.fullmatch(numeral):
        return None
    values = [ROMAN[letter] for letter in numeral]
    return sum(-value if value < following else value for value, following in zip(values, [*values[1:], 0], strict=True))


def _chapter(match: re.Match[str]) -> Said | None:
    number = roman(match[2])
    name = {"vol.": "volume", "no.": "number"}.get(match[1].lower(), match[1])
    return None if number is None else say(name, either(cardinal(number)))


def _ruler(match: re.Match[str]) -> Said | None:
    number = roman(match[2])
    return None if number is None else say(match[1], either(f"the {ordinal(number)}", ordinal(number)))


def _roman(match: re.Match[str]) -> Said | None:
    """A numeral behind a name that nothing is known of: 'Rocky Balboa III', 'Ariane VI'."""
    number = roman(match[2])
    if number is None:
        return None
    letters = " ".join(match[2].lower())
    return say(match[1], either(cardinal(number), f"the {ordinal(number)}", letters), sure=False)


def _dotted(match: re.Match[str]) -> Said:
    """'U.S.A.', 'J.R.R.'"""
    letters = re.findall("[A-Za-z]", match[1].lower())
    return say(*letters[:-1], f"{letters[-1]}'s" if match[2] else letters[-1])


def _capitals(match: re.Match[str]) -> Said | None:
    """'FBI', 'NASA', 'TVs'; in a text of capitals they are words."""
    name, ending = match[1], match[2]
    letters = name.lower()
    number = roman(name) if set(name) <= set("IVX") else None
    if number is not None:
        return say(either(cardinal(number), ordinal(number), " ".join(letters)), sure=False)
    spelled = [*letters[:-1], f"{letters[-1]}'s" if ending else letters[-1]]
    if not _VOWEL.search(name) or (len(name) == 2 and not set(name) & set("AEIOU")):
        return say(*spelled)
    joined = letters + ending
    if letters in SPELLED:
        return say(either(" ".join(spelled), joined))
    if letters in WORDS or len(name) > 5 or _shouted(match):
        return say(either(joined))
    return say(either(joined, " ".join(spelled)))


def _shouted(match: re.Match[str]) -> bool:
    """Whether the words beside it are in capitals too, and no abbreviations."""
    beside = match.string[max(0, match.start() - 16) : match.start()] + " " + match.string[match.end() :][:16]
    return any(found[0].lower() not in SPELLED | WORDS and _VOWEL.search(found[0]) for found in _NEIGHBOUR.finditer(beside))


def _joined(match: re.Match[str]) -> Said:
    """'R&D', 'AT&T', 'M&M's'."""
    return say(" ".join(match[1].lower()), "and", " ".join(match[2].lower()) + match[3])


def _before_figures(match: re.Match[str]) -> Said:
    """The letters of 'A380', 'MP3', 'COVID-19', 'x2', '9-to-5'."""
    letters = match[1].lower()
    joined = match[0].endswith("-") and match[1].islower() and len(letters) > 1
    word = joined or letters in WORDS or (len(letters) > 2 and not match[1].isupper() and _VOWEL.search(match[1].upper()))
    return say(either(letters)) if word else say(*letters)


def _behind_figures(match: re.Match[str]) -> Said:
    """The letters of '5G', 'B2B', '3D', '12a'."""
    return say(*match[0].lower())


def _century(match: re.Match[str]) -> Said | None:
    """'the XVI century'."""
    number = roman(match[1])
    return None if number is None else say(ordinal(number))


def _world_war(match: re.Match[str]) -> Said:
    """'WWII'."""
    which = "one" if match[1] in ("I", "1") else "two"
    return say(either(f"world war {which}", f"w w {which}"))


def _sharp(match: re.Match[str]) -> Said:
    """'C#'."""
    return say(match[1].lower(), "sharp")


def _spelled(match: re.Match[str]) -> Said:
    return say(*match[0].lower())


def _hashtag(match: re.Match[str]) -> Said:
    """'#ThrowbackThursday'."""
    parts = re.findall(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])|\d+", match[1])
    return say(either("hashtag", "hash", ""), *(_hashed(part) for part in parts))


def _hashed(part: str) -> Slots:
    if part.isdecimal():
        return whole(part, name=True)
    return plainly(" ".join(part.lower()) if part.isupper() and not _VOWEL.search(part) else part)


KINDS: tuple[Kind, ...] = (
    kind(rf"\b((?i:{CHAPTERS}))\s([IVXLC]{{2,7}}|(?<=War )I|V|[IX]{_PAUSE}){_ENDS}", _chapter),
    kind(rf"\b({RULERS})\s([IVX]{{2,6}}|[VX]|I{_PAUSE}){_ENDS}", _ruler),
    kind(rf"\b([A-Z][a-z]{{2,20}})\s([IVX]{{2,6}}){_ENDS}", _roman),
    kind(r"(?<![A-Za-z0-9.])((?:[A-Za-z]\.){2,12}(?:[A-Za-z](?![A-Za-z]))?)('s)?(?![A-Za-z0-9])", _dotted),
    kind(r"\b([IVX]{1,6})(?=\s(?:century|centuries)\b)", _century),
    kind(r"\bWW(I{1,2}|[12])\b", _world_war),
    kind(r"\b(?:iOS|pH)\b", _spelled),
    kind(r"\b([A-G])#(?!\w)", _sharp),
    kind(r"\b([A-Z]{1,3})&([A-Z]{1,3})('s|)\b", _joined),
    kind(r"\b([A-Z]{2,8})('?s|)(?![A-Za-z0-9'])", _capitals),
    kind(r"(?<![A-Za-z0-9'])([A-Za-z]{1,16})(?=-?\d)(?:-(?=\d))?", _before_figures),
    kind(r"(?<=\d)[A-Za-z]{1,3}(?![A-Za-z'])", _behind_figures),
    kind(r"(?<![\w&#])#([A-Za-z][A-Za-z0-9]{0,39})(?![\w])", _hashtag),
)
