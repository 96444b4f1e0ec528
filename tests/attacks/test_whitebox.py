"""What an attacker computes is what the judges hear, and what a small attack learns does not make a formant voice natural."""

import math
from functools import cache

import pytest
import torch

from benchmarks.whitebox.attacks import AddedNoise, Both, Colour, Echo, Equaliser, Hiss, Network, root_mean_square
from benchmarks.whitebox.ears import Ears
from benchmarks.whitebox.learning import Effort, best, learn
from prompts.groups import Group, GroupKind, Prompt
from prompts.voices import Voice
from scoring.audio.audio import Audio, from_pcm, resample, to_pcm
from scoring.audio.clip import RATE, Clip
from scoring.judges.judge import Utterance
from scoring.judges.naturalness import NaturalnessJudge
from scoring.judges.panel import deterministic, onednn
from scoring.progress import NO_PROGRESS
from scoring.report import Factor, Metrics
from scoring.scores.aggregate import FactorAnchors, load_anchors

LEARNT = ("Hello, who is there?", "The door is open.", "Nobody came today.")
UNSEEN = "Please close the window."
SHORT = 20_480
"""Samples of a window in which DistillMOS is quick."""


@cache
def says(text: str) -> torch.Tensor:
    """A formant voice whose pitch moves as much as espeak-ng lets it, at 16 kHz."""
    from scoring.synthesis.espeak_library import EspeakSettings, sample_rate, say

    wave = say(text, EspeakSettings(voice="en-us", rate=175, pitch=50, range=99, amplitude=100, word_gap=0))
    return resample(Audio(torch.from_numpy(wave), sample_rate()), RATE).samples


@pytest.fixture(scope="module")
def anchors() -> FactorAnchors:
    """Those of naturalness."""
    return load_anchors().factors[Factor.NATURALNESS]


@pytest.fixture(scope="module")
def judge() -> NaturalnessJudge:
    """The real one."""
    return NaturalnessJudge()


def heard(judge: NaturalnessJudge, wave: torch.Tensor) -> Metrics:
    """The real judge's metrics of a wave as 16-bit sound."""
    pcm = to_pcm(Audio(wave.detach() * min(1.0, 0.9 / float(wave.detach().abs().max())), RATE))
    prompt = Prompt(id="t0", text=UNSEEN, description="", voice=Voice())
    group = Group("g0", GroupKind.SINGLE, (prompt,))
    with deterministic():
        return judge.measure([Utterance(prompt, group, Clip(from_pcm(pcm, RATE)))])[0]


def test_an_attacker_hears_what_the_judges_hear(judge: NaturalnessJudge, anchors: FactorAnchors) -> None:
    """Every metric that the ears compute is the judge's own to a hundredth, on a voice through an equaliser and noise."""
    changed = Both(65, 4_000, -40.0)(says(UNSEEN)).detach()
    with torch.no_grad():
        found = {name: float(value) for name, value in Ears(anchors, coarse=False).metrics(changed).items()}
    real = heard(judge, changed)
    assert found == pytest.approx({name: real[name] for name in found}, abs=0.02)
    assert "distillmos" in found and "flux_distance" in found


@pytest.mark.parametrize("attack", [Equaliser(65), AddedNoise(4_000, -35.0), Network()], ids=["equaliser", "noise", "network"])
def test_an_attack_learns_through_the_judges(attack: torch.nn.Module, anchors: FactorAnchors) -> None:
    """Six steps on one clip lower its loss; a gradient that is not a number would leave it or destroy it."""
    losses = learn(attack, [says(LEARNT[0])], Ears(anchors, SHORT), Effort(6, 0.01), NO_PROGRESS)
    assert all(math.isfinite(loss) for loss in losses)
    assert min(losses[1:]) < losses[0]


def test_a_small_attack_makes_no_formant_voice_natural(judge: NaturalnessJudge, anchors: FactorAnchors) -> None:
    """Fifteen steps on three sentences, judged on a fourth: the voice stays under half of what natural voices have (.8 and more)."""
    attack = Both(512, RATE, -35.0)
    learn(attack, [says(text) for text in LEARNT], Ears(anchors, SHORT), Effort(15, 0.01), NO_PROGRESS)
    plain, attacked = (anchors.utility(heard(judge, wave)) for wave in (says(UNSEEN), attack(says(UNSEEN))))
    assert plain <= 0.1
    assert attacked <= 0.4


def test_noise_and_echoes_are_as_loud_as_they_say() -> None:
    """Added noise lies at its level under the clip; an echo comes as late as its delay."""
    wave = says(UNSEEN)
    for colour in Colour:
        added = Hiss(colour, -30.0)(wave) - wave
        assert 20.0 * math.log10(float(root_mean_square(added) / root_mean_square(wave))) == pytest.approx(-30.0, abs=0.01)
    click = torch.zeros(2_000)
    click[100] = 1.0
    assert Echo(10.0, 0.5)(click).nonzero()[:, 0].tolist() == [100, 260]
    assert torch.allclose(Equaliser(65)(wave), wave, atol=1e-5)


def test_a_search_takes_the_candidate_with_the_least_loss(anchors: FactorAnchors) -> None:
    """Of three echoes, the one whose own loss is the least, wherever it stands."""
    ears, wave = Ears(anchors, SHORT), says(LEARNT[1])
    echoes = [Echo(8.0, 0.3), Echo(25.0, 0.6), Echo(60.0, 0.6)]
    with torch.no_grad(), onednn(enabled=True):
        losses = [float(ears.loss(echo(wave))) for echo in echoes]
    least = echoes[losses.index(min(losses))]
    assert best(echoes, [wave], ears, NO_PROGRESS) is best(echoes[::-1], [wave], ears, NO_PROGRESS) is least
