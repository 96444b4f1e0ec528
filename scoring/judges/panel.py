"""A panel of judges: one profile, from raw audio to an evaluation's report, in arithmetic that any machine of its class repeats."""

import hashlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any, Self

import torch

from prompts.groups import Group, GroupKind
from scoring.audio.clip import Clip
from scoring.audio.spoken import Spoken
from scoring.competition import Profile, SubmissionLimits, Track
from scoring.foreign_words import escaped
from scoring.judges import flags, integrity
from scoring.judges.cleanliness import CleanlinessJudge
from scoring.judges.delivery import DeliveryJudge
from scoring.judges.intelligibility import IntelligibilityJudge
from scoring.judges.judge import Judge, PairJudge, Utterance
from scoring.judges.naturalness import NaturalnessJudge
from scoring.judges.recognition.whisper import Recogniser
from scoring.judges.speaker import SpeakerJudge
from scoring.judges.word_timing import WordAligner
from scoring.report import EvaluationReport, Gate, Metrics
from scoring.scores import aggregate
from scoring.scores.aggregate import Anchors, JudgedSample, ProfileIdentity, ScoreRules, gate_of, report

BATCH = 4
"""Samples judged at a time, at least; it changes memory and how often progress is told, never a number."""
LANES = 2
"""Judges of the embedded profile at work at the same time, each on a clip; the recogniser costs as much as all others together."""


def _no_words(_clip: Clip) -> str:
    return ""


@dataclass(frozen=True, slots=True)
class Judges:
    """Judges of single utterances, and of pairs of one voice; `heard` tells the words of a clip that they have judged."""

    single: tuple[Judge, ...]
    pair: tuple[PairJudge, ...] = ()
    heard: Callable[[Clip], str] = _no_words

    @property
    def versions(self) -> dict[str, str]:
        """Each judge's version by name."""
        return {integrity.NAME: integrity.VERSION} | {judge.name: judge.version for judge in (*self.single, *self.pair)}


class Panel:
    """Judges of one profile, ready for one round's prompts. Building one takes seconds: keep it for the round.

    Up to `lanes` judges work at the same time, each in a thread; that changes no number.
    """

    def __init__(
        self, profile: Profile, judges: Judges, scale: Anchors | None = None, batch: int = BATCH, lanes: int = 1
    ) -> None:
        self._batch, self._lanes = batch, lanes
        self.judges = judges
        self._anchors = scale if scale is not None else aggregate.load_anchors(profile)
        self.identity = ProfileIdentity.of(profile, judges.versions, self._anchors)

    @classmethod
    def embedded(cls) -> Self:
        """The profile whose models ship inside Python packages; raises InfrastructureFault(JUDGE_UNAVAILABLE)."""
        recogniser = Recogniser(LANES)
        single = (
            IntelligibilityJudge(recogniser),
            NaturalnessJudge(),
            DeliveryJudge(WordAligner(recogniser)),
            CleanlinessJudge(),
        )
        return cls(Profile.EMBEDDED, Judges(single, (SpeakerJudge(),), recogniser.hear), lanes=LANES)

    @classmethod
    def standard(cls, judges: Judges, batch: int = BATCH) -> Self:
        """The profile of models from the hub, which `scoring.judges.standard.load` brings; it is the same for every round."""
        return cls(Profile.STANDARD, judges, batch=batch)

    def judge(
        self,
        groups: Sequence[Group],
        spoken: Mapping[str, Spoken],
        rules: Track,
        progress: Callable[[int, int], None],
    ) -> EvaluationReport:
        """Judge the groups' audio (`spoken`, by prompt id), as `listen` does."""
        return self.listen(groups, [list(spoken.values())], rules, progress)

    def listen(
        self,
        groups: Sequence[Group],
        arrivals: Iterable[Sequence[Spoken]],
        rules: Track,
        progress: Callable[[int, int], None],
        *,
        is_alone: Callable[[], bool] = lambda: True,
    ) -> EvaluationReport:
        """Judge each group as soon as all of it has arrived; a prompt without audio is a failed generation, never left out.

        Where it is not alone, one lane's processor is left to whoever speaks beside it. The groups may be some of those that the panel
        was built for: no group's numbers depend on another's, nor on when it arrived. `progress(done, total)` is told after each few
        samples. Raises InfrastructureFault when a judge fails.
        """
        total = sum(len(group.prompts) for group in groups)
        spoken: dict[str, Spoken] = {}
        judged: dict[str, JudgedSample] = {}
        for complete in complete_groups(groups, arrivals, spoken):
            for part in self._batches(complete):
                with deterministic():
                    judged |= self._judge(part, spoken, rules.limits, self._lanes if is_alone() else max(1, self._lanes - 1))
                progress(len(judged), total)
        found = report(self.identity, groups, judged, ScoreRules(self._anchors, rules.factors))
        with deterministic():
            return replace(found, flags=flags.look(groups, spoken, judged))

    def _batches(self, groups: Sequence[Group]) -> Iterator[Sequence[Group]]:
        """Split the groups into batches of at least so many samples: a pair is never torn."""
        part: list[Group] = []
        for group in groups:
            part.append(group)
            if sum(len(member.prompts) for member in part) >= self._batch:
                yield part
                part = []
        if part:
            yield part

    def _judge(
        self, groups: Sequence[Group], spoken: Mapping[str, Spoken], limits: SubmissionLimits, lanes: int
    ) -> dict[str, JudgedSample]:
        judged: dict[str, JudgedSample] = {}
        heard: dict[str, Utterance] = {}
        for group in groups:
            for prompt in group.prompts:
                said = spoken.get(prompt.id)
                match integrity.examine(prompt, said, limits):
                    case Clip() as clip:
                        heard[prompt.id] = Utterance(prompt, group, clip)
                    case Gate() as gate:
                        judged[prompt.id] = _judged(gate, {}, said)
        for prompt_id, metrics in self._measure(groups, heard, lanes).items():
            words = escaped(self.judges.heard(heard[prompt_id].clip))
            judged[prompt_id] = _judged(gate_of(metrics, self._anchors), metrics, spoken[prompt_id], words)
        return judged

    def _measure(self, groups: Sequence[Group], heard: Mapping[str, Utterance], lanes: int) -> dict[str, Metrics]:
        """All judges' metrics of each utterance, by prompt id."""
        batch = list(heard.values())
        found: dict[str, dict[str, float]] = {prompt_id: {} for prompt_id in heard}
        with ThreadPoolExecutor(lanes) as pool:
            parts = [batch] if lanes == 1 else [[utterance] for utterance in batch]
            jobs = [(judge, part) for part in parts for judge in self.judges.single]
            for (_, part), measured in zip(jobs, pool.map(lambda job: job[0].measure(job[1]), jobs), strict=True):
                for utterance, metrics in zip(part, measured, strict=True):
                    found[utterance.prompt.id] |= metrics
        for group in groups:
            if group.kind is GroupKind.VOICE and all(prompt.id in heard for prompt in group.prompts):
                one, other = (heard[prompt.id] for prompt in group.prompts)
                for pair_judge in self.judges.pair:
                    shared = pair_judge.compare(one, other)
                    found[one.prompt.id] |= shared
                    found[other.prompt.id] |= shared
        return dict(found)


def complete_groups(
    groups: Sequence[Group], arrivals: Iterable[Sequence[Spoken]], spoken: dict[str, Spoken]
) -> Iterator[Sequence[Group]]:
    """The groups of which everything is in `spoken`, which takes up what arrives; in the end the others."""
    left = list(groups)
    for arrived in arrivals:
        spoken |= {said.prompt_id: said for said in arrived}
        complete = [group for group in left if all(prompt.id in spoken for prompt in group.prompts)]
        left = [group for group in left if group not in complete]
        yield complete
    yield left


def _judged(gate: Gate | None, metrics: Metrics, said: Spoken | None, heard: str = "") -> JudgedSample:
    if said is None:
        return JudgedSample(gate=gate, metrics=metrics, pcm_sha256="", seconds=0.0)
    return JudgedSample(
        gate=gate,
        metrics=metrics,
        pcm_sha256=hashlib.sha256(said.pcm).hexdigest() if said.pcm else "",
        seconds=said.seconds,
        rate=said.rate if said.pcm else 0,
        reason=said.reason,
        heard=heard,
    )


@contextmanager
def onednn(enabled: bool) -> Iterator[None]:
    """Switch torch's oneDNN on or off inside. It is a setting of the whole process: enter from one thread only."""
    backend: Any = torch.backends.mkldnn  # its types name the descriptor, not the bool behind it
    before = backend.enabled
    backend.enabled = enabled
    try:
        yield
    finally:
        backend.enabled = before


@contextmanager
def deterministic() -> Iterator[None]:
    """Keep torch on one thread and without oneDNN inside, also in threads begun inside. Enter from one thread only.

    A clip's transforms are too short to share: handing them to a second thread costs more than it saves, and many times more where
    another process has that core. oneDNN builds and keeps code for each new length, about 1 MB of it per clip, and takes longer to
    build it than to filter without it.
    """
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        with onednn(enabled=False):
            yield
    finally:
        torch.set_num_threads(before)
