"""The card (a GPU) of this host that guests speak on: which files its driver needs, one holder at a time, and free memory before use."""

import fcntl
import os
import re
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from scoring.errors import Code, InfrastructureFault

_DRIVER, _DEVICES = Path("/proc/driver/nvidia/gpus"), Path("/dev")
_FREE_SECONDS, _POLL_SECONDS = 20.0, 0.5
"""The driver takes a dead guest's memory back in this time, or something else holds it."""
_ASK_SECONDS = 30.0
_MIB = 1 << 20
_DRIVER_BYTES = 1 << 30
"""What driver and libraries take of a card for a process, beside what torch is bounded to."""
_COMMON_DEVICES = ("nvidiactl", "nvidia-uvm", "nvidia-uvm-tools")
"""All of them, or libcuda does not begin: drivers from 570 on open the tools', too."""
_COMMON_FACTS = (
    "/proc/driver/nvidia",
    "/proc/driver/nvidia-uvm",
    "/proc/devices",
    "/proc/modules",
    "/sys/devices/system/node",
    "/sys/module/nvidia",
    "/sys/module/nvidia_uvm",
)


@dataclass(frozen=True, slots=True)
class Card:
    """A card as the driver names it: its number among the device files, and its place on the PCI bus, as `0000:17:00.0`."""

    minor: int
    bus: str


@dataclass(frozen=True, slots=True)
class CardPaths:
    """All that a guest on a card opens beside what every guest may."""

    devices: tuple[str, ...]
    """Read, written and asked by `ioctl`."""
    readable: tuple[str, ...]


def paths(card: Card) -> CardPaths:
    """The device files of this card and of no other, and the facts that the driver's library reads before it begins."""
    devices = (*_COMMON_DEVICES, f"nvidia{card.minor}")
    return CardPaths(tuple(str(_DEVICES / name) for name in devices), (*_COMMON_FACTS, f"/sys/bus/pci/devices/{card.bus}"))


def cards(driver: Path = _DRIVER) -> tuple[Card, ...]:
    """The cards of this host, in the order of their numbers; none where there is no driver of NVIDIA's."""
    found = []
    for facts in sorted(driver.glob("*/information")):
        minor = re.search(r"^Device Minor:\s*(\d+)$", facts.read_text(encoding="ascii", errors="replace"), re.MULTILINE)
        if minor:
            found.append(Card(int(minor[1]), facts.parent.name))
    return tuple(sorted(found, key=lambda card: card.minor))


def free_bytes(card: Card) -> int:
    """The card's memory that nobody holds, as its driver says; raises InfrastructureFault where it does not say."""
    command = ["nvidia-smi", f"--id={card.bus}", "--query-gpu=memory.free", "--format=csv,noheader,nounits"]
    try:
        said = subprocess.run(command, capture_output=True, text=True, check=True, timeout=_ASK_SECONDS).stdout
        return int(said) * _MIB
    except (OSError, subprocess.SubprocessError, ValueError) as exc:
        raise _unusable(f"nvidia-smi does not say how much memory card {card.minor} has left: {exc}") from exc


def _unusable(detail: str) -> InfrastructureFault:
    return InfrastructureFault(Code.CARD_UNAVAILABLE, detail)


class OwnCard:
    """The one card of this process: the first that no other process holds, kept from the first guest on it until this process ends.

    The lock is on the card's device file, so whoever shares the file shares the lock, and it ends with its holder.
    """

    def __init__(
        self,
        found: Callable[[], tuple[Card, ...]] = cards,
        free: Callable[[Card], int] = free_bytes,
        devices: Path = _DEVICES,
        patience: float = _FREE_SECONDS,
    ) -> None:
        self._found, self._free, self._devices, self._patience = found, free, devices, patience
        self._card: Card | None = None

    def __call__(self, guests: int) -> Card:
        """This process's card, with room for a guest that may take so many bytes of it.

        Raises InfrastructureFault(CARD_UNAVAILABLE) where there is no card, another process holds each, or memory stays taken.
        """
        if self._card is None:
            self._card = self._hold()
        self._await_memory(self._card, guests)
        return self._card

    def _hold(self) -> Card:
        found = self._found()
        for card in found:
            try:
                file = os.open(self._devices / f"nvidia{card.minor}", os.O_RDONLY | os.O_CLOEXEC)
            except OSError as exc:
                raise _unusable(f"the device file of card {card.minor} cannot be opened: {exc.strerror}") from exc
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                os.close(file)
            else:
                return card  # the file stays open: its end is the lock's
        if not found:
            raise _unusable("this host has no card, and the model's track speaks on one")
        raise _unusable(f"of this host's {len(found)} cards none is free: another worker holds it")

    def _await_memory(self, card: Card, guests: int) -> None:
        wanted = guests + _DRIVER_BYTES
        end = time.monotonic() + self._patience
        while (left := self._free(card)) < wanted:
            if time.monotonic() >= end:
                raise _unusable(f"card {card.minor} has {left >> 20} MiB left, and a guest needs {wanted >> 20} MiB")
            time.sleep(_POLL_SECONDS)
