"""What judges report who find the same in every sound, for tests of what comes after them."""

import hashlib
from collections.abc import Mapping, Sequence

from prompts.groups import Group, GroupKind
from scoring.audio.spoken import Spoken
from scoring.competition import Track
from scoring.report import EvaluationReport, Factor
from scoring.scores import aggregate
from scoring.scores.aggregate import METRICS, JudgedSample, ProfileIdentity, ScoreRules, report

ANY_SOUND = Spoken(prompt_id="any", rate=22_050, pcm=b"\x01\x00" * 2_205, seconds=0.5)
"""What every prompt was answered with where no sounds are given."""


def judged_alike(
    rules: Track,
    groups: Sequence[Group],
    share: float | Mapping[str, float],
    spoken: Mapping[str, Spoken] | None = None,
) -> EvaluationReport:
    """Every metric lies at the same share of the way from bad to human, and that is the score; of these sounds, or of any.

    A mapping gives each group, by its id, a share of its own.
    """
    scale = aggregate.load_anchors(rules.profile)
    outcomes: dict[str, JudgedSample] = {}
    for group in groups:
        way = share if isinstance(share, float) else share[group.id]
        for number, prompt in enumerate(group.prompts):
            found = dict.fromkeys(METRICS.values(), 1000.0 * number)  # a contrast moves as it was asked
            for factor, points in scale.factors.items():
                if factor is not Factor.CONSISTENCY or group.kind is GroupKind.VOICE:
                    found |= {name: at.bad + way * (at.human - at.bad) for name, at in points.metrics.items()}
            outcomes[prompt.id] = _judged(found, ANY_SOUND if spoken is None else spoken[prompt.id])
    who = ProfileIdentity.of(rules.profile.value, {"scripted": "1"}, scale)
    return report(who, groups, outcomes, ScoreRules(scale, rules.factors))


def _judged(found: Mapping[str, float], said: Spoken) -> JudgedSample:
    return JudgedSample(
        gate=None, metrics=found, pcm_sha256=hashlib.sha256(said.pcm).hexdigest(), seconds=said.seconds, rate=said.rate
    )
