"""Telephone numbers, other long numbers, e-mail and web addresses."""

import pytest

from scoring.language.text import doubts, normalise

CALLS = {
    "call 555-1234": "call five five five one two three four",
    "call 555 1234": "call five five five one two three four",
    "(555) 123-4567": "five five five one two three four five six seven",
    "555-123-4567": "five five five one two three four five six seven",
    "555.123.4567": "five five five one two three four five six seven",
    "555 123 4567": "five five five one two three four five six seven",
    "+1 555 123 4567": "plus one five five five one two three four five six seven",
    "+1-555-123-4567": "plus one five five five one two three four five six seven",
    "+1 (555) 123-4567, ext. 89": "plus one five five five one two three four five six seven extension eight nine",
    "+15551234567": "plus one five five five one two three four five six seven",
    "+44 20 7946 0958": "plus four four two zero seven nine four six zero nine five eight",
    "+44 (0)20 7946 0958": "plus four four zero two zero seven nine four six zero nine five eight",
    "020 7946 0958": "zero two zero seven nine four six zero nine five eight",
    "0800 123 456": "zero eight zero zero one two three four five six",
    "1-800-FLOWERS": "one eight zero zero flowers",
    "1-800-555-0199": "one eight zero zero five five five zero one nine nine",
    "dial 911": "dial nine one one",
    "dial 112": "dial one one two",
    "tel. 555-0100": "telephone five five five zero one zero zero",
    "ext. 12": "extension twelve",
    "extension 4021": "extension four zero two one",
    "fax: 555-0199": "fax five five five zero one nine nine",
    "SSN 123-45-6789": "s s n one two three four five six seven eight nine",
    "123-45-6789": "one two three four five six seven eight nine",
    "4111 1111 1111 1111": "four one one one one one one one one one one one one one one one",
    "4111-1111-1111-1111": "four one one one one one one one one one one one one one one one",
    "ISBN 0-306-40615-2": "i s b n zero three zero six four zero six one five two",
    "ISBN-13: 978-0-306-40615-7": "i s b n nine seven eight zero three zero six four zero six one five seven",
    "ISBN 080442957X": "i s b n zero eight zero four four two nine five seven x",
}

ADDRESSES = {
    "jane@example.com": "jane at example dot com",
    "jane.doe+news@mail.example.co.uk": "jane dot doe plus news at mail dot example dot co dot u k",
    "j_smith-99@example.org": "j underscore smith dash ninety nine at example dot org",
    "info@bbc.co.uk": "info at b b c dot co dot u k",
    "www.example.com": "w w w dot example dot com",
    "www.example.com/help": "w w w dot example dot com slash help",
    "http://example.com": "h t t p colon slash slash example dot com",
    "https://example.org/a?id=5#top": "h t t p s colon slash slash example dot org slash a question mark i d equals five hash top",
    "example.com": "example dot com",
    "Visit example.com.": "visit example dot com",
    "visit voice.ai today": "visit voice dot a i today",
    "open report.pdf": "open report dot p d f",
    "setup.py": "setup dot p y",
    "the file data-2020.csv": "the file data dash two thousand twenty dot c s v",
    "@jane_doe": "at jane underscore doe",
    "follow @jane": "follow at jane",
    "end of sentence.Next one": "end of sentence next one",
    "https://t.co/abc": "h t t p s colon slash slash t dot co slash abc",
    "user@host": "user at host",
    "foo.bar": "foo bar",
    "foo.com.": "foo dot com",
    "(foo.com)": "foo dot com",
    "foo.com/bar.": "foo dot com slash bar",
    "foo.com/bar?": "foo dot com slash bar",
    "a@b.c": "a at b dot c",
    "node.js": "node dot j s",
    "Yahoo!": "yahoo",
}


@pytest.mark.parametrize(("text", "expected"), CALLS.items(), ids=CALLS)
def test_calls(text: str, expected: str) -> None:
    """Figures one by one, groups as they are said."""
    assert " ".join(normalise(text)) == expected
    assert doubts(text) == ()


@pytest.mark.parametrize(("text", "expected"), ADDRESSES.items(), ids=ADDRESSES)
def test_addresses(text: str, expected: str) -> None:
    """Signs by their names, words as words, the rest by letters."""
    assert " ".join(normalise(text)) == expected
    assert doubts(text) == ()
