"""The page of a local score: one file that plays, shows and explains every sample, and runs nothing."""

import base64
import io
import re
from html.parser import HTMLParser
from typing import Any

import numpy as np
import soundfile

from neurons.cli.miner.report import page
from scoring.audio.spoken import Spoken

HOSTILE = "<script>alert(1)</script>"


def said(prompt: str, seconds: float = 0.5) -> Spoken:
    """A tone."""
    wave = np.sin(np.arange(int(24_000 * seconds)) / 20) * 9_000
    return Spoken(prompt_id=prompt, rate=24_000, pcm=wave.astype("<i2").tobytes(), seconds=1.25)


def a_sample(prompt: str, score: int, **overrides: Any) -> dict[str, Any]:
    """A sample of the report."""
    standard = {
        "prompt_id": prompt,
        "score": score,
        "gate": None,
        "utilities": {"intelligibility": 0.25, "naturalness": 0.5},
        "seconds": 1.25,
        "text": f"The text of {prompt}.",
        "description": "A calm voice.",
        "heard": f"the text of {prompt}",
        "reason": "",
        "reasons": ["wer 0.2 (human 0.03, bad 0.5)"],
    }
    return standard | overrides


REPORT = {
    "model": f"models/{HOSTILE}",
    "family": "vits",
    "track": "small",
    "content_hash": "c" * 64,
    "round": 12,
    "block_hash": "0x" + "ab" * 32,
    "score": 612_345,
    "stderr": 20_000,
    "samples": [
        a_sample("g00.a", 700_000),
        a_sample("g01.a", 0, gate="silence", utilities={}, reason=f"failed: {HOSTILE}", heard="", reasons=[]),
        a_sample("g02.a", 500_000, description=""),
    ],
}
SPOKEN = {prompt: said(prompt) for prompt in ("g00.a", "g02.a")} | {
    "g01.a": Spoken(prompt_id="g01.a", rate=24_000, pcm=b"", seconds=0.0)
}


class Page(HTMLParser):
    """What a page holds: its tags with their attributes, and its text."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Keep it."""
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        """Keep it."""
        self.text += data

    def named(self, tag: str) -> list[dict[str, str | None]]:
        """The attributes of each tag of a name."""
        return [attributes for name, attributes in self.tags if name == tag]


def test_every_number_and_reason_is_told() -> None:
    """The lowest first; with the king's score beside, and what failed in its guest's words."""
    found = Page(page(REPORT, SPOKEN, "the king a/b: 0.7000 ± 0.0100 in the same round; this is -0.0877"))
    assert re.findall(r"(g0\d\.a) · (\d\.\d{4})", found.text) == [("g01.a", "0.0000"), ("g02.a", "0.5000"), ("g00.a", "0.7000")]
    for words in (
        "0.6123 ± 0.0200",
        "this is -0.0877",
        "The text of g00.a.",
        "A calm voice.",
        "the text of g02.a",
        "gate silence",
        f"failed: {HOSTILE}",
        "There is nothing to hear.",
        "wer 0.2 (human 0.03, bad 0.5)",
        "0xabab",
    ):
        assert words in " ".join(found.text.split()), words
    assert [meter["value"] for meter in found.named("meter")][:2] == ["0.2500", "0.5000"]


def test_nothing_of_it_runs_or_is_fetched() -> None:
    """A stranger's words are text; every address is data of the page's own, and the policy forbids all others."""
    text = page(REPORT, SPOKEN, "")
    found = Page(text)
    assert (found.named("script"), HOSTILE in text) == ([], False)
    addresses = [attributes[name] or "" for _, attributes in found.tags for name in ("src", "href") if name in attributes]
    assert addresses
    assert [address for address in addresses if not address.startswith("data:")] == []
    (policy,) = [meta["content"] or "" for meta in found.named("meta") if "http-equiv" in meta]
    assert policy.startswith("default-src 'none'; img-src data:; media-src data:;")


def test_each_sound_is_heard_and_seen() -> None:
    """A player with the sample's sound, its waveform and its spectrogram; of a silent sample none."""
    found = Page(page(REPORT, SPOKEN, ""))
    players, pictures = found.named("audio"), found.named("img")
    assert ([each["aria-label"] for each in players], len(pictures)) == (["g02.a", "g00.a"], 4)
    assert all(picture["alt"] for picture in pictures)
    kind, _, data = (players[0]["src"] or "").partition(";base64,")
    samples, rate = soundfile.read(io.BytesIO(base64.b64decode(data)), dtype="float32")
    assert (kind, rate, abs(len(samples) / rate - 0.5) < 0.05) == ("data:audio/ogg", 24_000, True)
    assert {(picture["src"] or "").partition(";")[0] for picture in pictures} == {"data:image/svg+xml", "data:image/png"}
