"""DistillMOS, rebuilt: the published package's own opinions, and the same bits in any company."""

import math
from pathlib import Path

import pytest
import torch

from scoring.errors import Code, InfrastructureFault
from scoring.judges import distillmos

TIME = torch.arange(distillmos.WINDOW, dtype=torch.float64) / 16_000
RAMP = (torch.arange(distillmos.WINDOW) * 7919 % 65_537).float() / 65_537 - 0.5


@pytest.fixture(scope="module")
def network() -> distillmos.DistillMos:
    """The network with its published weights."""
    return distillmos.load()


def hum() -> torch.Tensor:
    """Nineteen harmonics with vibrato, four syllables a second."""
    phase = 2 * math.pi * 140 * TIME - 6 * torch.cos(2 * math.pi * 3 * TIME)
    voice = torch.stack([torch.sin(k * phase) / k for k in range(1, 20)]).sum(dim=0)
    return (0.1 * voice * (0.55 + 0.45 * torch.sin(2 * math.pi * 4 * TIME))).float()


@pytest.mark.parametrize(
    ("wave", "published", "within"),
    [
        pytest.param(hum(), 2.3764508, 5e-3, id="harmonics: between them lie rounding errors alone, another processor's own"),
        pytest.param(0.2 * RAMP, 1.6292785, 2e-5, id="noise"),
        pytest.param(hum() + 0.02 * RAMP, 1.8791180, 2e-5, id="both"),
    ],
)
def test_says_what_the_published_package_says(
    network: distillmos.DistillMos, wave: torch.Tensor, published: float, within: float
) -> None:
    """Opinions that `distillmos` 0.9.1 gave for the same windows."""
    with torch.inference_mode():
        assert float(network(wave[None])[0]) == pytest.approx(published, abs=within)


def test_company_changes_no_bit(network: distillmos.DistillMos) -> None:
    """Two windows together, in either order, and each alone."""
    both = torch.stack([hum(), 0.2 * RAMP])
    with torch.inference_mode():
        together, swapped = network(both), network(both.flip(0))
        alone = torch.cat([network(both[:1]), network(both[1:])])
    assert torch.allclose(together, alone, atol=1e-6)
    assert torch.equal(together, swapped.flip(0))


def test_missing_weights_are_our_fault(tmp_path: Path) -> None:
    """A file that is not there is named, with what to do."""
    with pytest.raises(InfrastructureFault, match="voice worker prepare judges") as fault:
        distillmos.load(tmp_path)
    assert fault.value.code is Code.JUDGE_UNAVAILABLE
