"""A chosen model on its way: private repository, upload, commitment, and only then for everybody to see."""

from collections.abc import Awaitable, Callable

from neurons.chain.adapter import COMMIT_LASTS
from neurons.chain.types import CommitRefused
from neurons.miner.client import MinerClient, MinerState, ModelToPublish, PublishingCost
from neurons.miner.journal import (
    CheckpointJudged,
    ChosenModel,
    CommitmentVoid,
    Journal,
    PublishingEnded,
    StepBegun,
    StepTaken,
    TrialVerdict,
)
from neurons.miner.messages import Fact, Message, MessageKind, Notifier, Pace, spoken
from neurons.miner.model_check import repository_of
from neurons.miner.publish_decision import Ask, End, Hold, Next, Step, next_step
from scoring.types import Block

RAO = 1_000_000_000
_REFUSED_BLOCKS = 25
"""Blocks in which nothing is sent to a chain that refused."""

Consent = Callable[[PublishingCost, ModelToPublish], Awaitable[bool]]


class Publisher:
    """The steps of publishing, one at a time; each is in the journal before it is taken and after it happened."""

    def __init__(
        self, *, repo: str, dry_run: bool, client: MinerClient, journal: Journal, consent: Consent, notify: Notifier
    ) -> None:
        self._repo, self._dry_run = repo, dry_run
        self._client, self._journal, self._consent, self._notify = client, journal, consent, notify
        self._agreed: ChosenModel | None = None
        self._void_from: Block | None = None
        self._refused_until = Block(0)

    async def step(self, state: MinerState) -> Pace:
        """Go on with the chosen model, if there is one."""
        chosen = self._journal.state.chosen
        if chosen is None:
            return Pace.IDLE
        if not chosen.begun and not chosen.folder.is_dir():
            self._end(chosen, End.GONE)
            return Pace.AT_ONCE
        if chosen.signed is not None and self._void_from is None:
            self._void_from = Block(state.head + COMMIT_LASTS + 1)  # whatever was signed was signed before now
        model = ModelToPublish(chosen, repository_of(self._repo, chosen.content))
        consented = chosen.begun or self._agreed == chosen
        seen, revision = await self._client.seen(model, state, self._void_from, consented)
        if revision and not chosen.revision:  # died before it was written; from now on the folder is not needed any more
            self._journal.write(StepTaken(Step.UPLOAD, chosen.content, revision))
            return Pace.AT_ONCE
        return await self._do(next_step(seen), model, revision, state)

    async def _do(self, what: Next, model: ModelToPublish, revision: str, state: MinerState) -> Pace:
        match what:
            case Step():
                return await self._take(what, model, revision, state)
            case Ask.CONSENT:
                return await self._ask(model, state)
            case Hold():
                self._notify.once(_hold_message(what, state), key=(what, state.may_commit))
                return Pace.SOON if what in (Hold.UNSURE, Hold.NOT_FINAL) else Pace.IDLE
            case End():
                self._end(model.chosen, what)
                return Pace.AT_ONCE

    async def _take(self, step: Step, model: ModelToPublish, revision: str, state: MinerState) -> Pace:
        content = model.chosen.content
        if step is Step.COMMIT and state.head < self._refused_until:
            return Pace.IDLE
        if self._dry_run:
            facts: dict[str, Fact] = {"step": step, "taken": False}
            self._notify.once(Message(MessageKind.STEP, f"Dry run: the next step would be to {_ACTIONS[step]}.", facts), key=step)
            return Pace.IDLE
        self._notify(
            Message(
                MessageKind.STEP, f"Going to {_ACTIONS[step]}: {model.repo}", {"step": step, "repo": model.repo, "taken": False}
            )
        )
        self._journal.write(StepBegun(step=step, content=content, repo=model.repo, block=state.head))
        if step is Step.COMMIT:
            self._void_from = None
        try:
            result = await self._client.take(step, model, revision)
        except CommitRefused as refused:
            self._journal.write(CommitmentVoid(content))
            self._refused_until = Block(state.head + _REFUSED_BLOCKS)
            wait = f"Asked again from block {self._refused_until} on."
            self._notify(Message(MessageKind.HOLD, f"{refused.detail} {wait}", {"again_from_block": self._refused_until}, False))
            return Pace.IDLE
        self._journal.write(StepTaken(step, content, result))
        self._notify(
            Message(MessageKind.STEP, _done_text(step, model, result), {"step": step, "taken": True, "result": result}, True)
        )
        return Pace.AT_ONCE

    async def _ask(self, model: ModelToPublish, state: MinerState) -> Pace:
        cost = await self._client.cost(model, state)
        self._notify.once(_cost_message(cost, model, state), key=("cost", model.chosen.content))
        if self._dry_run:
            nothing = Message(MessageKind.STEP, "Dry run: nothing is uploaded, signed or shown to anybody.", {"taken": False})
            self._notify.once(nothing, key=model.chosen.content)
            return Pace.IDLE
        if await self._consent(cost, model):
            self._agreed = model.chosen
        else:
            chosen = model.chosen
            self._journal.write(
                CheckpointJudged(
                    look="",
                    folder=chosen.folder,
                    content=chosen.content,
                    verdict=TrialVerdict.DECLINED,
                    against="",
                    why="It was declined.",
                )
            )
            self._notify(Message(MessageKind.END, f"{chosen.folder.name} is not published: declined.", {"end": "declined"}))
        return Pace.AT_ONCE

    def _end(self, chosen: ChosenModel, end: End) -> None:
        self._journal.write(PublishingEnded(chosen.content, end))
        self._void_from = None
        facts = {"end": end.value, "checkpoint": str(chosen.folder), "repo": repository_of(self._repo, chosen.content)}
        self._notify(Message(MessageKind.END, f"{chosen.folder.name}: {_END_TEXTS[end]}", facts, end is End.DONE))


_ACTIONS = {
    Step.CREATE: "make a private repository",
    Step.UPLOAD: "upload the model, unseen",
    Step.COMMIT: "commit it on the chain",
    Step.REVEAL: "let everybody see the repository",
}
_END_TEXTS = {
    End.DONE: "it is committed, and everybody can see it. The model queue reads it from the chain; its first prompts are drawn later.",
    End.EXPOSED: "everybody can see its repository, and it is not committed: a reader may have committed it. It is given up.",
    End.FOREIGN: "its repository holds something else. It is given up; name another --repo, or remove that repository.",
    End.GONE: "its folder was removed before it was uploaded. It is given up.",
    End.SUPERSEDED: "this hotkey has committed something else since. It is given up: it would replace that commitment.",
    End.LOST: "it is committed, and its repository no longer holds it. Validators will refuse it; publish another checkpoint.",
}


def _done_text(step: Step, model: ModelToPublish, result: str) -> str:
    match step:
        case Step.CREATE:
            return f"{model.repo} is there, private."
        case Step.UPLOAD:
            return f"{model.repo}@{result[:8]} holds exactly the scored model."
        case Step.COMMIT:
            return f"Committed in block {result}; everybody can see the model once that block is final."
        case Step.REVEAL:
            return f"{model.repo} is public."


def _hold_message(hold: Hold, state: MinerState) -> Message:
    left = state.may_commit - state.head
    wait = f"{left} blocks, about {spoken(left * state.block_seconds)}"
    match hold:
        case Hold.COOLDOWN:
            text = f"In the cooldown: this hotkey may commit from block {state.may_commit} on ({wait}). Earlier ones are never judged."
            return Message(MessageKind.HOLD, text, {"hold": hold, "may_commit_block": state.may_commit, "blocks_left": left})
        case Hold.UNREGISTERED:
            text = "This hotkey is not registered on the subnet: register it, and publishing goes on."
        case Hold.UNSURE:
            text = f"A commitment was signed and is in no block yet: nothing else is signed until it is void ({COMMIT_LASTS} blocks)."
        case Hold.NOT_FINAL:
            text = "The commitment is in a block; waiting until that block is final."
    return Message(MessageKind.HOLD, text, {"hold": hold})


def _cost_message(cost: PublishingCost, model: ModelToPublish, state: MinerState) -> Message:
    text = (
        f"Publishing {model.chosen.folder.name} as {model.repo}: {cost.files} files, {cost.bytes:,} bytes to upload; "
        f"fee {cost.fee / RAO:.6f} of the {cost.balance / RAO:.6f} that the hotkey's account holds; "
        f"no other commitment for {cost.cooldown_blocks} blocks, about {spoken(cost.cooldown_seconds)}."
    )
    facts = {"files": cost.files, "bytes": cost.bytes, "fee_rao": cost.fee, "balance_rao": cost.balance}
    return Message(
        MessageKind.COST, text, {**facts, "repo": model.repo, "cooldown_blocks": cost.cooldown_blocks, "head": state.head}
    )
