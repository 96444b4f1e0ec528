"""Checkpoints on trial: each that is complete is checked, scored, and compared with the last submission."""

import time
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from neurons.miner import checkpoints, duel
from neurons.miner.checkpoints import Checkpoint, Watched
from neurons.miner.client import MinerClient, MinerState
from neurons.miner.duel import DuelResult, Outlook
from neurons.miner.journal import CheckpointJudged, Journal, ScoreRecord, TrialVerdict
from neurons.miner.messages import Fact, Message, MessageKind, Notifier, Pace
from neurons.miner.model_check import CheckedModel, check_folder, repository_of
from neurons.miner.scorer import Scorer
from scoring.competition import Competition
from scoring.errors import SubmissionFault
from scoring.model.fingerprint import tag_of
from scoring.types import MICRO, ContentHash
from voice_api.db.states import SubmissionState

_EARN_NOTHING = frozenset({SubmissionState.REJECTED, SubmissionState.COPY})


@dataclass(frozen=True, slots=True)
class CheckpointTrial:
    """A checkpoint on trial.

    `target` is the folder or repo@revision that it is compared with (None: there is none), `against` the target's name in the journal.
    """

    checkpoint: Checkpoint
    content: ContentHash
    target: str | None
    against: str


class Trials:
    """The watched folder, one checkpoint after another, the newest first."""

    def __init__(
        self,
        *,
        folder: Path,
        repo: str,
        rules: Competition,
        margin: float | None,
        settle: timedelta,
        client: MinerClient,
        scorer: Scorer,
        journal: Journal,
        notify: Notifier,
    ) -> None:
        self._folder, self._repo, self._rules, self._margin, self._settle = folder, repo, rules, margin, settle
        self._client, self._scorer, self._journal, self._notify = client, scorer, journal, notify
        self._watched = Watched({})
        self._known: set[str] = set()

    async def step(self, state: MinerState) -> Pace:
        """Judge one checkpoint, if one is complete; soon another may be, while one is being written."""
        now = time.monotonic()
        self._watched = checkpoints.watch(self._watched, checkpoints.scan(self._folder), now)
        fresh = [each for each, _ in self._watched.since.values() if self._is_new(each)]
        for checkpoint in checkpoints.settled(self._watched, now, self._settle):
            if self._is_new(checkpoint):
                await self._judge(checkpoint, state)
                return Pace.AT_ONCE
        return Pace.SOON if fresh else Pace.IDLE

    def _is_new(self, checkpoint: Checkpoint) -> bool:
        return checkpoint.look not in self._journal.state.looks and checkpoint.look not in self._known

    async def _judge(self, checkpoint: Checkpoint, state: MinerState) -> None:
        """Check it and, if it is a model that was never tried, try it. A folder that vanishes meanwhile is no longer a checkpoint."""
        self._notify(Message(MessageKind.WORKING, f"Checking {checkpoint.folder.name}", {"checkpoint": str(checkpoint.folder)}))
        try:
            found = await self._client.in_thread(lambda: check_folder(checkpoint.folder, self._rules))
        except SubmissionFault as fault:
            self._end(
                CheckpointTrial(checkpoint, ContentHash(""), None, ""),
                TrialVerdict.REJECTED,
                f"[{fault.code}] {fault.told}",
            )
            return
        except OSError:
            return
        content = found.prints.content
        if content in self._journal.state.contents:
            self._known.add(checkpoint.look)
            return
        self._checked(checkpoint, found)
        last = state.last
        if last is not None and last.tag == tag_of(content, self._client.public_key):  # it tells with or without a journal
            # Its publication goes on if it began here, with a journal that was lost.
            verdict = TrialVerdict.CHOSEN if last.repo == repository_of(self._repo, content) else TrialVerdict.SUBMITTED
            self._end(CheckpointTrial(checkpoint, content, None, ""), verdict, "It is what this hotkey committed last.")
        else:
            await self._try(self._trial(checkpoint, content, state))

    def _trial(self, checkpoint: Checkpoint, content: ContentHash, state: MinerState) -> CheckpointTrial:
        """Set it against the model that is chosen and not yet published, else against the last submission unless that is rejected."""
        chosen = self._journal.state.chosen
        if chosen is not None:
            return CheckpointTrial(checkpoint, content, str(chosen.folder), chosen.content)
        last = state.last
        known = () if state.at_final is None else (s for s in state.submissions or () if s.commit_block == state.at_final.block)
        if last is None or any(submission.state in _EARN_NOTHING for submission in known):
            return CheckpointTrial(checkpoint, content, None, "")
        name = f"{last.repo}@{last.revision}"
        return CheckpointTrial(checkpoint, content, name, name)

    async def _try(self, trial: CheckpointTrial) -> None:
        try:
            if trial.target is None:
                await self._alone(trial)
            else:
                await self._contest(trial, trial.target)
        except SubmissionFault as fault:
            self._end(trial, TrialVerdict.REJECTED, f"[{fault.code}] {fault.told}")

    async def _alone(self, trial: CheckpointTrial) -> None:
        """Try a checkpoint that nothing is compared with: it must be worth a share at all."""
        first = await self._scored(trial, str(trial.checkpoint.folder), trial.content, 0)
        rules = self._rules.named(first.track)
        floor = rules.pay.floor
        if duel.worth(first, rules) is Outlook.BETTER:
            self._end(
                trial,
                TrialVerdict.CHOSEN,
                f"It scores {first.score / MICRO:.4f}, and this hotkey has no other model that can earn.",
            )
        else:
            self._end(trial, TrialVerdict.NOT_BETTER, f"It scores {first.score / MICRO:.4f}; below {floor:g} nothing is paid.")

    async def _contest(self, trial: CheckpointTrial, target: str) -> None:
        """Compare round after round on the same prompts, until the evidence is enough for one of the two."""
        nth = self._journal.state.tested.get(trial.against, 0) + 1
        mine: list[ScoreRecord] = []
        theirs: list[ScoreRecord] = []
        while True:
            mine.append(await self._scored(trial, str(trial.checkpoint.folder), trial.content, len(mine)))
            try:
                theirs.append(await self._scored(trial, target, trial.against, len(theirs)))
            except SubmissionFault as fault:
                why = f"The last submission cannot be scored any more: [{fault.code}] {fault.told}"
                self._notify(Message(MessageKind.CONTEST, why, {"code": fault.code.value}, False))
                await self._alone(trial)
                return
            if mine[-1].track != theirs[-1].track:
                await self._alone(trial)  # it competes in another track, against other models
                return
            rules = self._rules.named(mine[-1].track)
            now = duel.duel_result(mine, theirs, rules, nth, self._margin)
            self._notify(_result_message(trial, now))
            if now.outlook is not Outlook.OPEN:
                break
        better = now.outlook is Outlook.BETTER
        self._end(trial, TrialVerdict.CHOSEN if better else TrialVerdict.NOT_BETTER, _reason(now))

    async def _scored(self, trial: CheckpointTrial, target: str, name: str, number: int) -> ScoreRecord:
        """Take a score from the journal, or score now and keep it: a kill costs one round, not the contest."""
        prompts = duel.prompts_of(trial.content, trial.against, number)
        known = self._journal.state.scores.get((name, prompts, self._rules.hash))
        if known is not None:
            return known
        most = max(track.duel.max_rounds for track in self._rules.track) if trial.target is not None else 1
        working: dict[str, Fact] = {"model": target, "round": number + 1, "rounds_at_most": most}
        self._notify(Message(MessageKind.WORKING, f"Scoring {target}, round {number + 1} of at most {most}", working))
        found = await self._scorer.score(target, name, prompts)
        self._journal.write(found)
        text = f"{target} scores {found.score / MICRO:.4f} ± {found.stderr / MICRO:.4f} in round {number + 1} of its trial."
        facts: dict[str, Fact] = {"model": target, "round": number + 1, "score": found.score, "stderr": found.stderr}
        self._notify(Message(MessageKind.SCORED, text, facts))
        return found

    def _checked(self, checkpoint: Checkpoint, found: CheckedModel) -> None:
        text = f"{checkpoint.folder.name} is complete and accepted: {found.family}, {found.total_bytes:,} bytes."
        facts: dict[str, Fact] = {"checkpoint": str(checkpoint.folder), "content_hash": found.prints.content}
        self._notify(Message(MessageKind.CHECKPOINT, text, facts | {"bytes": found.total_bytes}))

    def _end(self, trial: CheckpointTrial, verdict: TrialVerdict, why: str) -> None:
        folder = trial.checkpoint.folder
        self._journal.write(
            CheckpointJudged(
                look=trial.checkpoint.look, folder=folder, content=trial.content, verdict=verdict, against=trial.against, why=why
            )
        )
        text = f"{folder.name}: {verdict.value.replace('_', ' ')}. {why}"
        self._notify(
            Message(
                MessageKind.CHECKPOINT,
                text,
                {"checkpoint": str(folder), "verdict": verdict.value},
                verdict is TrialVerdict.CHOSEN,
            )
        )


def _result_message(trial: CheckpointTrial, now: DuelResult) -> Message:
    text = (
        f"{trial.checkpoint.folder.name} against {trial.against if '@' in trial.against else 'the chosen one'}: "
        f"{now.lead:+.4f} per group in {now.groups} groups of {now.rounds} rounds; evidence {now.evidence:.3g} of {now.needed:.3g}."
    )
    facts: dict[str, Fact] = {"rounds": now.rounds, "groups": now.groups, "lead": now.lead, "margin": now.margin}
    return Message(
        MessageKind.CONTEST, text, facts | {"evidence": now.evidence, "needed": now.needed, "outlook": now.outlook.value}
    )


def _reason(now: DuelResult) -> str:
    lead = f"It leads by {now.lead:+.4f} per group ({now.groups} groups)"
    if now.outlook is Outlook.BETTER:
        return f"{lead}: it is better by more than {now.margin:g} beyond doubt (evidence {now.evidence:.3g} of {now.needed:.3g})."
    return f"{lead}: a lead of more than {now.margin:g} could not be shown (evidence {now.evidence:.3g} of {now.needed:.3g})."
