"""Rules with some of them changed: a track's, or a competition's of that one track; and those that ask for what families hear."""

from typing import Any

from neurons.localnet.network import COMPETITION
from prompts.voices import Attribute
from scoring.competition import Competition, Track, load
from scoring.report import Factor
from scoring.types import RoundNumber

DELIVERY = 0.2
"""Share of the score; the other factors keep their proportions."""


def a_track(**changes: Any) -> Track:
    """The first track that ships, with some rules changed: whole tables, or a few lines of one (`duel={"alpha": 0.1}`)."""
    return changed(load().at(RoundNumber(0)).track[0], **changes)


def changed(rules: Track, **changes: Any) -> Track:
    """The same rules with some changed, as `a_track` does; what is changed is not checked."""
    lines = {
        name: getattr(rules, name).model_copy(update=value)
        if isinstance(value, dict) and name not in ("factors", "parts")
        else value
        for name, value in changes.items()
    }
    return rules.model_copy(update=lines)


def a_competition(*tracks: Track, **changes: Any) -> Competition:
    """The rules that ship, of these tracks, which share out the emission evenly; of the first one that ships if none is given.

    `changes` are of what all tracks share.
    """
    found = tracks or (a_track(),)
    shared = tuple(track.model_copy(update={"share": 1.0 / len(found)}) for track in found)
    return load().at(RoundNumber(0)).model_copy(update={"track": shared} | changes)


def two_devices(cpu: str, card: str, batch: int) -> str:
    """The demo's rules as a TOML text with a track of a family for CPUs, "small", and "large", one of a family for cards, in batches."""
    text = COMPETITION.read_text(encoding="utf-8").replace("share = 1.0", "share = 0.5")
    at = text.index("\n[[version.track]]")
    small = text[at:].replace('["espeak", "vits"]', f'["{cpu}"]')
    large = text[at:].replace('["espeak", "vits"]', f'["{card}"]').replace('name = "small"', 'name = "large"')
    large = large.replace('device = "cpu"', 'device = "cuda"').replace('"float32"', '"bfloat16"')
    large = large.replace("ram_bytes =", f"card_bytes = {4 << 30}\nram_bytes =")
    return text[:at] + small + large.replace("batch = 1", f"batch = {batch}")


def asking(rules: Competition, single: int = 1, counterfactual: int = 1, voice: int = 1) -> Competition:
    """The same rules with so many groups of each kind, whose descriptions ask for everything, for the one family that hears it."""
    track = rules.track[0]
    groups = {"single": single, "counterfactual": counterfactual, "voice": voice, "asks": tuple(Attribute)}
    factors = {factor: weight * (1.0 - DELIVERY) for factor, weight in track.factors.items()} | {Factor.DELIVERY: DELIVERY}
    heard = changed(track, families=("espeak",), prompts=groups, factors=factors, parts={})
    return Competition.model_validate(rules.alone(heard).model_dump())
