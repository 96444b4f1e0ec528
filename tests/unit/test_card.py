"""The card of a host: which it is, what it needs, who holds it, and how much is left of it."""

from collections.abc import Callable
from pathlib import Path

import pytest

from scoring.errors import Code, InfrastructureFault
from workers.sandbox import card as cards_of_host
from workers.sandbox.card import Card, CardPaths, OwnCard, cards, paths

FIRST, SECOND = Card(0, "0000:65:00.0"), Card(1, "0000:17:00.0")
INFORMATION = """Model: \t\t NVIDIA H200
IRQ:   \t\t 187
GPU UUID: \t GPU-????????-????-????-????-????????????
Bus Type: \t PCIe
Bus Location: \t {bus}
Device Minor: \t {minor}
GPU Excluded:\t No
"""
PLENTY = 80 << 30


def driver(root: Path, *found: Card) -> Path:
    """What the driver shows of cards."""
    for card in found:
        (root / card.bus).mkdir(parents=True)
        (root / card.bus / "information").write_text(INFORMATION.format(bus=card.bus, minor=card.minor), encoding="ascii")
    return root


@pytest.fixture
def devices(tmp_path: Path) -> Path:
    """A folder with the device files of two cards."""
    for name in ("nvidia0", "nvidia1"):
        (tmp_path / name).touch()
    return tmp_path


def own(devices: Path, *found: Card, free: Callable[[Card], int] = lambda _card: PLENTY) -> OwnCard:
    """A process's card, of these."""
    return OwnCard(lambda: found, free, devices, patience=0.0)


def test_the_cards_of_a_host(tmp_path: Path) -> None:
    """By their numbers, whatever their places on the bus; without a driver there are none."""
    assert cards(driver(tmp_path / "gpus", SECOND, FIRST)) == (FIRST, SECOND)
    assert cards(tmp_path / "nothing") == ()


def test_the_files_of_one_card() -> None:
    """Its own device file beside the driver's common ones, and facts to read; another card's file is not among them."""
    assert paths(Card(3, "0000:65:00.0")) == CardPaths(
        devices=("/dev/nvidiactl", "/dev/nvidia-uvm", "/dev/nvidia-uvm-tools", "/dev/nvidia3"),
        readable=(
            "/proc/driver/nvidia",
            "/proc/driver/nvidia-uvm",
            "/proc/devices",
            "/proc/modules",
            "/sys/devices/system/node",
            "/sys/module/nvidia",
            "/sys/module/nvidia_uvm",
            "/sys/bus/pci/devices/0000:65:00.0",
        ),
    )


def test_a_process_keeps_its_card(devices: Path) -> None:
    """Others get the next one, and nobody a card that is held; asked again, it is the same."""
    mine, other, third = (own(devices, FIRST, SECOND) for _ in range(3))
    assert [mine(1), other(1), mine(1)] == [FIRST, SECOND, FIRST]
    with pytest.raises(InfrastructureFault, match="of this host's 2 cards none is free: another worker holds it"):
        third(1)


def test_memory_that_stays_taken(devices: Path) -> None:
    """A guest begins only where there is room for it and for what the driver takes: else this host answers for it."""
    with pytest.raises(InfrastructureFault, match="card 0 has 4096 MiB left, and a guest needs 5120 MiB") as caught:
        own(devices, FIRST, free=lambda _card: 4 << 30)(4 << 30)
    assert caught.value.code is Code.CARD_UNAVAILABLE


def test_memory_that_comes_back(devices: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The driver needs a moment after a guest was killed."""
    monkeypatch.setattr(cards_of_host, "_POLL_SECONDS", 0.0)
    left = iter((0, 0, PLENTY))
    assert OwnCard(lambda: (FIRST,), lambda _card: next(left), devices, patience=60.0)(1) == FIRST


def test_a_device_file_that_is_not_there(tmp_path: Path) -> None:
    """A container that was not given the card."""
    with pytest.raises(InfrastructureFault, match="the device file of card 0 cannot be opened: No such file"):
        own(tmp_path, FIRST)(1)
