"""Publishing and committing as single steps: what each would do and cost, and what stands against it, before anything is done."""

from dataclasses import dataclass
from pathlib import Path

import bittensor as bt

from neurons.chain.adapter import Chain
from neurons.miner.client import MinerState, holds_model
from neurons.miner.hub import ModelHub, Remote
from neurons.miner.messages import spoken
from neurons.miner.model_check import CheckedModel
from neurons.miner.publish_steps import RAO
from scoring.errors import Code, PlatformError, SubmissionFault
from scoring.shown_addresses import without_access
from scoring.types import Block


@dataclass(frozen=True, slots=True, kw_only=True)
class UploadPlan:
    """What publishing a checked folder would do."""

    repo: str
    hub: str
    """The hub's address."""
    public: bool
    """Whether everybody will see it at once."""
    files: int
    bytes: int
    there: str | None
    """The revision that holds exactly this folder already; None: it is to be uploaded."""

    def in_words(self) -> str:
        """The plan as a sentence."""
        hub = without_access(self.hub)
        if self.there is not None:
            return f"{self.repo} on {hub} holds exactly this model already: nothing is uploaded."
        seen = "for everybody to see at once" if self.public else "seen by nobody but you until `voice miner reveal`"
        return f"{self.files} files, {self.bytes:,} bytes, to {self.repo} on {hub}, {seen}."


@dataclass(frozen=True, slots=True, kw_only=True)
class CommitPlan:
    """What committing a published model would do and cost."""

    repo: str
    revision: str
    commitment: str
    """As it will stand on the chain."""
    private: bool
    """Whether nobody else sees the repository yet."""
    replaces: str | None
    """The hotkey's newest commitment, which this one takes the place of."""
    fee: int
    """Rao, from the hotkey's own account."""
    balance: int
    """Rao on that account."""
    head: Block
    may_commit: Block
    """The first block outside the cooldown."""
    cooldown_blocks: int
    block_seconds: float

    def in_words(self) -> tuple[str, ...]:
        """The plan as sentences."""
        lasts = spoken(self.cooldown_blocks * self.block_seconds)
        sentences = [
            f"{self.commitment}",
            f"Fee {self.fee / RAO:.6f} of the {self.balance / RAO:.6f} that the hotkey's account holds.",
            f"No other commitment of this hotkey is judged for {self.cooldown_blocks:,} blocks, about {lasts}.",
        ]
        if self.replaces is not None:
            sentences.append(f"It takes the place of {self.replaces}.")
        if self.private:
            sentences.append(f"{self.repo} is private: reveal it once the commitment is final, before the end of the next round.")
        else:
            sentences.append(f"{self.repo} is public already: whoever has read it may commit it before you.")
        return tuple(sentences)


def plan_upload(hub: ModelHub, address: str, folder: Path, found: CheckedModel, repo: str, *, public: bool) -> UploadPlan:
    """Look at the repository; raises PlatformError(PUBLISHING_FAILED) where it is not what was asked for, and what `ModelHub` raises."""
    remote = hub.state(repo)
    if remote is not None and not remote.private and not public:
        why = f"{repo} is public: whatever is uploaded there is seen at once. Name a repository of its own, or give --public."
        raise PlatformError(Code.PUBLISHING_FAILED, why)
    if remote is not None and remote.private and public:
        why = f"{repo} is private: upload without --public, commit it, and show it with `voice miner reveal`."
        raise PlatformError(Code.PUBLISHING_FAILED, why)
    holds = remote is not None and holds_model(remote, folder, found.prints.content)
    return UploadPlan(
        repo=repo,
        hub=address,
        public=public,
        files=found.files,
        bytes=found.total_bytes,
        there=remote.revision if remote is not None and holds else None,
    )


def published(hub: ModelHub, folder: Path, found: CheckedModel, repo: str, revision: str) -> Remote:
    """The repository at a revision that holds exactly this folder.

    Raises PlatformError(PUBLISHING_FAILED) for a revision that is not there, or holds something else: it would be refused, and the
    fee and the cooldown be spent for nothing.
    """
    remote = hub.state(repo, revision)
    if remote is None:
        why = f"The hub shows no {repo} at {revision}: publish it first (`voice miner publish`), with the same HF_TOKEN."
        raise PlatformError(Code.PUBLISHING_FAILED, why)
    if not holds_model(remote, folder, found.prints.content):
        why = (
            f"{repo} at {revision[:8]} holds something else than {folder}: publish this folder, and commit the revision it gets."
        )
        raise PlatformError(Code.PUBLISHING_FAILED, why)
    return remote


async def plan_commit(chain: Chain, wallet: bt.Wallet, state: MinerState, text: bytes, remote: Remote) -> CommitPlan:
    """Ask for the cost of a commitment; nothing is signed for it."""
    _, repo, revision, _ = text.decode("ascii").split(":")
    return CommitPlan(
        repo=repo,
        revision=revision,
        commitment=text.decode("ascii"),
        private=remote.private,
        replaces=None if state.last is None else f"{state.last.repo}@{state.last.revision[:8]}",
        fee=await chain.commit_fee(wallet, text),
        balance=await chain.balance(wallet.hotkey.ss58_address),
        head=state.head,
        may_commit=state.may_commit,
        cooldown_blocks=state.cooldown_blocks,
        block_seconds=state.block_seconds,
    )


def check_commit(plan: CommitPlan, state: MinerState) -> None:
    """Raise what a commitment would be refused for: SubmissionFault(TOO_EARLY), PlatformError(CHAIN_REFUSED)."""
    if not state.registered:
        raise PlatformError(Code.CHAIN_REFUSED, "This hotkey is not registered on the subnet: register it first.")
    if plan.head < plan.may_commit:
        left = plan.may_commit - plan.head
        wait = f"{left:,} blocks, about {spoken(left * plan.block_seconds)}"
        raise SubmissionFault(Code.TOO_EARLY, f"This hotkey may commit from block {plan.may_commit} on ({wait}).")
    if plan.fee > plan.balance:
        why = f"The fee is {plan.fee / RAO:.6f}, and the hotkey's account holds {plan.balance / RAO:.6f}: send it some first."
        raise PlatformError(Code.CHAIN_REFUSED, why)
