"""Tracks that speak on cards, for machines that have none: manifests that name cards, and a competition of a track of each kind."""

from typing import cast

from neurons.localnet.network import COMPETITION
from scoring.synthesis.families import FAMILIES
from scoring.synthesis.manifest import Manifest


def on_cards(family: str) -> Manifest:
    """A family's manifest, as if it could speak on a card as well."""
    return FAMILIES[family].model_copy(update={"devices": ("cpu", "cuda"), "dtypes": ("float32", "bfloat16")})


def put_on_cards(family: str) -> None:
    """Let the manifest say so until this process ends."""
    cast(dict[str, Manifest], FAMILIES)[family] = on_cards(family)


def two_devices(cpu: str, card: str, batch: int) -> str:
    """The demo's rules as a TOML text with a track of a family for CPUs, "small", and "large", one of a family for cards, in batches."""
    text = COMPETITION.read_text(encoding="utf-8").replace("share = 1.0", "share = 0.5")
    at = text.index("\n[[version.track]]")
    small = text[at:].replace('["espeak", "vits"]', f'["{cpu}"]')
    large = text[at:].replace('["espeak", "vits"]', f'["{card}"]').replace('name = "small"', 'name = "large"')
    large = large.replace('device = "cpu"', 'device = "cuda"').replace('"float32"', '"bfloat16"')
    large = large.replace("ram_bytes =", f"card_bytes = {4 << 30}\nram_bytes =")
    return text[:at] + small + large.replace("batch = 1", f"batch = {batch}")
