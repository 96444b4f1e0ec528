"""Sums of money: sign or code before or behind, minus, cents, ranges, thousands and millions."""

import re

from scoring.language.lattice import Kind, Said, Slots, either, kind, say
from scoring.language.numerals import NUMBER, cardinal, number, whole

Names = tuple[str, str, str, str]
"""One and many of the whole, one and many of its hundredth; no hundredth where the currency has none in use."""
_CENTS = ("cent", "cents")
SIGNS: dict[str, Names] = {
    "$": ("dollar", "dollars", *_CENTS),
    "US$": ("u s dollar", "u s dollars", *_CENTS),
    "CA$": ("canadian dollar", "canadian dollars", *_CENTS),
    "C$": ("canadian dollar", "canadian dollars", *_CENTS),
    "AU$": ("australian dollar", "australian dollars", *_CENTS),
    "A$": ("australian dollar", "australian dollars", *_CENTS),
    "NZ$": ("new zealand dollar", "new zealand dollars", *_CENTS),
    "HK$": ("hong kong dollar", "hong kong dollars", *_CENTS),
    "S$": ("singapore dollar", "singapore dollars", *_CENTS),
    "R$": ("real", "reais", "centavo", "centavos"),
    "£": ("pound", "pounds", "penny", "pence"),
    "€": ("euro", "euros", *_CENTS),
    "¥": ("yen", "yen", "", ""),
    "₹": ("rupee", "rupees", "paisa", "paise"),
    "₩": ("won", "won", "", ""),
    "₽": ("ruble", "rubles", "kopeck", "kopecks"),
    "₺": ("lira", "lira", "kurus", "kurus"),
    "₪": ("shekel", "shekels", "agora", "agorot"),
    "₫": ("dong", "dong", "", ""),
    "₱": ("peso", "pesos", "centavo", "centavos"),
    "฿": ("baht", "baht", "satang", "satang"),
    "₴": ("hryvnia", "hryvnias", "kopeck", "kopecks"),
    "₦": ("naira", "naira", "kobo", "kobo"),
}
CODES: dict[str, Names] = {
    "USD": ("u s dollar", "u s dollars", *_CENTS), "EUR": SIGNS["€"], "GBP": SIGNS["£"], "JPY": SIGNS["¥"], "INR": SIGNS["₹"],
    "CHF": ("swiss franc", "swiss francs", "centime", "centimes"), "CNY": ("yuan", "yuan", "", ""), "AUD": SIGNS["A$"],
    "CAD": SIGNS["C$"], "NZD": SIGNS["NZ$"], "SEK": ("swedish krona", "swedish kronor", "", ""),
    "NOK": ("norwegian krone", "norwegian kroner", "", ""), "DKK": ("danish krone", "danish kroner", "", ""),
    "PLN": ("zloty", "zlotys", "", ""), "CZK": ("czech koruna", "czech korunas", "", ""), "BRL": SIGNS["R$"],
    "MXN": ("mexican peso", "mexican pesos", *_CENTS), "ZAR": ("rand", "rand", *_CENTS), "KRW": SIGNS["₩"], "HKD": SIGNS["HK$"],
    "SGD": SIGNS["S$"], "RUB": SIGNS["₽"], "TRY": SIGNS["₺"], "ILS": SIGNS["₪"],
}  # fmt: skip
SCALES = {
    "k": "thousand", "m": "million", "mm": "million", "mn": "million", "mio": "million", "b": "billion", "bn": "billion",
    "t": "trillion", "tn": "trillion", "trn": "trillion",
}  # fmt: skip
SCALE_WORDS = ("hundred", "thousand", "million", "billion", "trillion")

_SIGN = "(?:(?:US|CA|AU|NZ|HK|[CASR])?\\$|[" + "".join(sign for sign in SIGNS if len(sign) == 1 and sign != "$") + "])"
_CODE = f"(?:{'|'.join(CODES)})"
_LETTERS = "|".join(sorted((*SCALES, *(name.upper() for name in SCALES)), key=len, reverse=True))
_SCALE = rf"(?:\s?({_LETTERS})(?![A-Za-z0-9])|\s((?i:{'|'.join(SCALE_WORDS)}))\b)?"


def _amount(figures: str, scale: str, names: Names, *, singular: bool = False) -> Said:
    """One sum with its currency."""
    one, many, *_ = names
    read = number(figures)
    before, point, cents = figures.partition(".")
    if scale:
        return say(read.slots, scale, either(one, many) if singular else either(many, one), sure=read.sure)
    if point and len(cents) == 2 and names[2] and read.sure:
        return say(_with_cents(before, cents, names))
    name = one if (before == "1" and not point) or singular else many
    return say(read.slots, either(name, one), sure=read.sure)


def _with_cents(before: str, cents: str, names: Names) -> Slots:
    """'three dollars fifty cents', with an 'and' or without the names."""
    one, many, cent, many_cents = names
    plain = before.replace(",", "").replace(" ", "")
    hundredths = say(
        cardinal(int(cents)), either(cent if int(cents) == 1 else many_cents, "", *(["p"] if many_cents == "pence" else []))
    ).slots
    if plain in ("", "0"):
        return hundredths if int(cents) or not plain else say(whole(plain), many).slots
    sum_of_all = say(number(before).slots, either(one if plain == "1" else many, one, "")).slots
    return sum_of_all if cents == "00" else (*sum_of_all, *either("", "and"), *hundredths)


def _scale(letters: str | None, word: str | None) -> str:
    return SCALES[letters.lower()] if letters else (word or "").lower()


def _minus(*signs: str | None) -> Slots:
    return either("minus", "negative") if any(signs) else ()


def _sign_first(match: re.Match[str]) -> Said:
    """'$5', '-$5', '$-5', '$.50', '$3M', 'a $20 bill'."""
    article, minus, sign, inner, figures, letters, word = match.groups()
    said = _amount(figures, _scale(letters, word), {**SIGNS, **CODES}[sign], singular=bool(article))
    return say(article or "", _minus(minus, inner), said.slots, sure=said.sure)


def _span(match: re.Match[str]) -> Said:
    """'$5-10', '$5–$10', '$1.5-2M': the currency is said once."""
    sign, low, low_letters, low_word, second, high, high_letters, high_word = match.groups()
    names = {**SIGNS, **CODES}[sign]
    start = number(low)
    end = _amount(high, _scale(high_letters, high_word), names)
    own = either("", names[1]) if second else ()
    return say(
        start.slots, _scale(low_letters, low_word), own, either("to", "through", ""), end.slots, sure=start.sure and end.sure
    )


def _sign_last(match: re.Match[str]) -> Said:
    """'20 £', '5€', '30 CHF', '3m USD'."""
    figures, letters, word, sign = match.groups()
    return _amount(figures, _scale(letters, word), {**SIGNS, **CODES}[sign])


def _cents(match: re.Match[str]) -> Said:
    """'50¢'."""
    said = number(match[1])
    return say(said.slots, "cent" if match[1] == "1" else "cents", sure=said.sure)


def _zloty(match: re.Match[str]) -> Said:
    """'20 zł'."""
    return _amount(match[1], _scale(match[2], match[3]), CODES["PLN"])


def _crowns(match: re.Match[str]) -> Said:
    """'50 kr': of Sweden, Norway, Denmark or Iceland."""
    return say(number(match[1]).slots, either("kronor", "kroner", "crowns"), sure=False)


def _pence(match: re.Match[str]) -> Said:
    """'50p'."""
    return say(whole(match[1]), either("p", "pence"))


KINDS: tuple[Kind, ...] = (
    kind(rf"(?<![\w$])({_SIGN}|{_CODE})\s?({NUMBER}){_SCALE}\s?-\s?({_SIGN}|{_CODE})?\s?({NUMBER}){_SCALE}", _span),
    kind(
        rf"(?:\b([Aa]n?)\s)?(?:(?<![\w)])(-)\s?)?(?<![A-Za-z$])({_SIGN}|{_CODE}(?=[\s\d]))\s?(-)?({NUMBER}){_SCALE}", _sign_first
    ),
    kind(rf"({NUMBER}){_SCALE}\s?({_SIGN}|{_CODE}\b)", _sign_last),
    kind(rf"({NUMBER}){_SCALE}\s?zl\b", _zloty),
    kind(rf"({NUMBER})\s?kr\b\.?", _crowns),
    kind(rf"({NUMBER})\s?¢", _cents),
    kind(r"(?<![\w.,])(\d{1,3})p\b(?!\.)", _pence),
)
