"""The memory and the heat of this host's cards, as the driver's own tool tells them when somebody asks for a worker's numbers."""

import subprocess
from collections.abc import Callable, Iterator

from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

_ASKED = ("pci.bus_id", "memory.used", "memory.total", "temperature.gpu", "utilization.gpu")
_ASK_SECONDS = 5.0
"""Less than Prometheus waits for all numbers."""
_MIB = 1 << 20


def ask() -> str:
    """What nvidia-smi says: a line a card; nothing where it does not answer in time."""
    command = ["nvidia-smi", f"--query-gpu={','.join(_ASKED)}", "--format=csv,noheader,nounits"]
    try:
        return subprocess.run(command, capture_output=True, text=True, check=True, timeout=_ASK_SECONDS).stdout
    except (OSError, subprocess.SubprocessError):
        return ""


class CardNumbers(Collector):
    """The gauges of every card that the driver shows; a number that it does not know is left out."""

    def __init__(self, said: Callable[[], str] = ask) -> None:
        self._said = said

    def describe(self) -> Iterator[GaugeMetricFamily]:
        """The names alone: to register them asks no driver."""
        yield from self._empty()

    def collect(self) -> Iterator[GaugeMetricFamily]:
        """The numbers of now."""
        memory, heat, use = self._empty()
        for line in self._said().splitlines():
            bus, used, total, degrees, percent = ([part.strip() for part in line.split(",")] + [""] * len(_ASKED))[: len(_ASKED)]
            for family, labels, value, factor in (
                (memory, [bus, "used"], used, _MIB),
                (memory, [bus, "total"], total, _MIB),
                (heat, [bus], degrees, 1),
                (use, [bus], percent, 0.01),
            ):
                if value.isdecimal():
                    family.add_metric(labels, int(value) * factor)
        yield from (memory, heat, use)

    def _empty(self) -> tuple[GaugeMetricFamily, GaugeMetricFamily, GaugeMetricFamily]:
        return (
            GaugeMetricFamily("voice_card_memory_bytes", "Memory of a card, used and in all.", labels=["card", "state"]),
            GaugeMetricFamily("voice_card_temperature_celsius", "How hot a card is.", labels=["card"]),
            GaugeMetricFamily(
                "voice_card_used_ratio", "Share of the last moment in which a card worked, 0 to 1.", labels=["card"]
            ),
        )
