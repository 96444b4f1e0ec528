"""A miner's view of the chain, the model hub and the API, and the four steps of publishing that change them."""

import asyncio
from collections.abc import Callable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar, assert_never

import bittensor as bt

from neurons.api_client.client import ApiRefused, ApiUnavailable, VoiceApi
from neurons.chain.adapter import Chain
from neurons.chain.commitment import Commitment, first_allowed, parse
from neurons.chain.types import CommitmentRecord, CommitmentStatus, included_in
from neurons.miner.hub import ModelHub, Remote
from neurons.miner.journal import ChosenModel
from neurons.miner.model_check import commitment_of
from neurons.miner.publish_decision import PublishingView, RepositoryView, Step
from scoring.competition import Schedule
from scoring.errors import Code, PlatformError, SubmissionFault
from scoring.model.fingerprint import fingerprint
from scoring.progress import NO_PROGRESS
from scoring.types import Block, ContentHash, Hotkey, PublicKey, RoundNumber
from voice_api.db.submissions import NO_COOLDOWN
from voice_api.schemas import SubmissionOut

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class MinerState:
    """The state of a hotkey."""

    registered: bool
    head: Block
    final: Block
    at_head: CommitmentRecord | None
    """Its newest commitment at the newest block."""
    at_final: CommitmentRecord | None
    """Its newest commitment at the newest final block."""
    submissions: tuple[SubmissionOut, ...] | None
    """None: the API does not answer, and every commitment is taken to start a cooldown."""
    may_commit: Block
    """The first block outside its cooldown."""
    cooldown_blocks: int
    block_seconds: float

    @property
    def last(self) -> Commitment | None:
        """The newest final commitment, if it can be read."""
        return plain_commitment(self.at_final)


@dataclass(frozen=True, slots=True, kw_only=True)
class PublishingCost:
    """The cost of publishing."""

    files: int
    bytes: int
    """To upload."""
    fee: int
    """Rao."""
    balance: int
    """Rao on the hotkey's account, which pays the fee."""
    cooldown_blocks: int
    """Blocks until the next commitment."""
    cooldown_seconds: float
    """The same in seconds."""


@dataclass(frozen=True, slots=True)
class ModelToPublish:
    """A chosen model and the repository that is its own: no other submission's lies there, so none becomes visible or vanishes with it."""

    chosen: ChosenModel
    repo: str


class MinerClient:
    """Everything outside of one hotkey's miner. Reading and writing raise the named outages; the hub is asked in a thread of its own."""

    def __init__(self, chain: Chain, hub: ModelHub, api: VoiceApi, wallet: bt.Wallet, schedule: Schedule) -> None:
        self.api, self.schedule = api, schedule
        self._chain, self._hub, self._wallet = chain, hub, wallet
        self._thread = ThreadPoolExecutor(1, "hub")
        self._work: Future[Any] | None = None
        self.hotkey = Hotkey(wallet.hotkey.ss58_address)
        self.public_key = PublicKey(bytes(wallet.hotkey.public_key).hex())

    async def state(self) -> MinerState:
        """Read the hotkey's state."""
        newest = await self._chain.metagraph(await self._chain.head())
        final = await self._chain.metagraph()
        held: tuple[SubmissionOut, ...] | None = None
        with suppress(ApiUnavailable, ApiRefused):
            held = tuple(await self.api.submissions(hotkey=self.hotkey))
        known = {Block(item.commit_block): item.code for item in held or ()}
        rules = self.schedule.at(RoundNumber(newest.block // self.schedule.round_blocks))
        at_head = newest.commitment(self.hotkey)
        return MinerState(
            registered=newest.neuron(self.hotkey) is not None,
            head=newest.block,
            final=final.block,
            at_head=at_head,
            at_final=final.commitment(self.hotkey),
            submissions=held,
            may_commit=first_allowed(cooldown_from(at_head, known), rules.cooldown_blocks),
            cooldown_blocks=rules.cooldown_blocks,
            block_seconds=await self._chain.block_seconds(),
        )

    async def seen(
        self, model: ModelToPublish, state: MinerState, void_from: Block | None, consented: bool
    ) -> tuple[PublishingView, str]:
        """Read the facts for the decision about a chosen model, and the revision that holds it ('' while none does)."""
        place, revision = await self.in_thread(lambda: self._place(model))
        wanted = self.text(model, revision).decode() if revision else None
        signed, newest = model.chosen.signed, state.at_head
        seen = PublishingView(
            registered=state.registered,
            head=state.head,
            final=state.final,
            committed_head=_is(newest, wanted),
            committed_final=_is(state.at_final, wanted),
            superseded=signed is not None and newest is not None and newest.block > signed and not _is(newest, wanted),
            place=place,
            may_commit=state.may_commit,
            void_from=void_from,
            consented=consented,
        )
        return seen, revision

    async def cost(self, model: ModelToPublish, state: MinerState) -> PublishingCost:
        """Ask for the cost of publishing a model; nothing is signed for it."""
        sizes = [path.stat().st_size for path in model.chosen.folder.iterdir()]
        fee = await self._chain.commit_fee(self._wallet, self.text(model, "0" * 40))
        balance = await self._chain.balance(self.hotkey)
        return PublishingCost(
            files=len(sizes),
            bytes=sum(sizes),
            fee=fee,
            balance=balance,
            cooldown_blocks=state.cooldown_blocks,
            cooldown_seconds=state.cooldown_blocks * state.block_seconds,
        )

    async def take(self, step: Step, model: ModelToPublish, revision: str) -> str:
        """Take a step and return its result. Raises CommitRefused when the chain refuses."""
        match step:
            case Step.CREATE:
                await self.in_thread(lambda: self._hub.create(model.repo, private=True))
                return ""
            case Step.UPLOAD:
                return await self.in_thread(lambda: self._upload(model))
            case Step.COMMIT:
                return str(included_in(await self._chain.commit(self._wallet, self.text(model, revision))))
            case Step.REVEAL:
                await self.in_thread(lambda: self._hub.reveal(model.repo))
                return ""
            case unreachable:
                assert_never(unreachable)

    def text(self, model: ModelToPublish, revision: str) -> bytes:
        """The commitment that names a model at a revision."""
        return commitment_of(model.chosen.content, model.repo, revision, self._wallet)

    async def in_thread(self, work: Callable[[], T]) -> T:
        """Run blocking work beside the loop. The end of the process does not wait for it (see `abandon`)."""
        self._work = future = self._thread.submit(work)
        return await asyncio.wrap_future(future)

    def abandon(self) -> bool:
        """Take no more work; return whether a piece of it still runs, and would keep the process."""
        self._thread.shutdown(wait=False, cancel_futures=True)
        return self._work is not None and self._work.running()

    def _place(self, model: ModelToPublish) -> tuple[RepositoryView | None, str]:
        """The repository, and the revision in it that is the model: known from the journal, else found by comparing all files."""
        known = model.chosen.revision
        remote = self._hub.state(model.repo, known) if known else None
        if remote is not None:
            return RepositoryView(remote.private, False, True), known
        remote = self._hub.state(model.repo)
        if remote is None:
            return None, ""
        holds = not known and holds_model(remote, model.chosen.folder, model.chosen.content)
        return RepositoryView(remote.private, remote.empty, holds), remote.revision if holds else ""

    def _upload(self, model: ModelToPublish) -> str:
        """Upload, and make sure that the hub holds the scored model: a training process may have written into the folder."""
        revision = self._hub.upload(model.chosen.folder, model.repo)
        remote = self._hub.state(model.repo, revision)
        if remote is None or not holds_model(remote, model.chosen.folder, model.chosen.content):
            why = f"what lies in {model.repo} at {revision[:8]} is not what was scored: the folder changed while it was uploaded"
            raise PlatformError(Code.PUBLISHING_FAILED, f"The model was not committed: {why}.")
        return revision


def holds_model(remote: Remote, folder: Path, content: ContentHash) -> bool:
    """Whether a repository holds a folder's files, and the folder still is the model of this content."""
    try:
        return remote.holds(folder) and fingerprint(folder, NO_PROGRESS).content == content
    except (OSError, SubmissionFault):  # the folder is gone, or is being written
        return False


def cooldown_from(on_chain: CommitmentRecord | None, known: Mapping[Block, Code | None]) -> Block | None:
    """The newest commitment that started a cooldown. `known`: the blocks whose commitments the API holds, and why it refused them.

    A commitment that was refused unread starts none; one that the API does not know yet is taken to start one.
    """
    started = [block for block, code in known.items() if code not in NO_COOLDOWN]
    if on_chain is not None and on_chain.block not in known:
        started.append(on_chain.block)
    return max(started, default=None)


def plain_commitment(record: CommitmentRecord | None) -> Commitment | None:
    """A plain commitment in the validator's form; None for any other."""
    try:
        return parse(record.value) if record is not None and record.status is CommitmentStatus.PLAIN else None
    except SubmissionFault:
        return None


def _is(record: CommitmentRecord | None, wanted: str | None) -> bool:
    return record is not None and record.value == wanted
