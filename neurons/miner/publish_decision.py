"""The next step of publishing a chosen model, decided from the present state of chain, hub and journal.

Private → commit → public: a reader of the model could commit it first, until its commitment is final. Every restart asks the
outside world again, so a step that was cut short is either seen to have happened, or is known to be void before it is repeated.
"""

from dataclasses import dataclass
from enum import StrEnum

from scoring.types import Block


class Step(StrEnum):
    """The steps that change the outside world, in order."""

    CREATE = "create"
    """Make a private repository."""
    UPLOAD = "upload"
    COMMIT = "commit"
    REVEAL = "reveal"
    """Let everybody see the repository."""


class Hold(StrEnum):
    """The reasons to wait; each ends by itself."""

    UNREGISTERED = "unregistered"
    COOLDOWN = "cooldown"
    UNSURE = "unsure"
    """A commitment was signed and may still be included: a second one could follow it."""
    NOT_FINAL = "not_final"
    """The commitment is in a block that may still be replaced."""


class End(StrEnum):
    """The ways in which publishing ends."""

    DONE = "done"
    EXPOSED = "exposed"
    """Everybody can see the repository, and nothing is committed: whoever read it may commit it first."""
    FOREIGN = "foreign"
    """The repository holds something else."""
    SUPERSEDED = "superseded"
    """The hotkey has committed something else since this was first signed: it may have been on the chain before."""
    GONE = "gone"
    """Its folder was removed before it was uploaded."""
    LOST = "lost"
    """It is committed, and the repository no longer holds it."""


class Ask(StrEnum):
    """The questions that a person decides."""

    CONSENT = "consent"


@dataclass(frozen=True, slots=True)
class RepositoryView:
    """The model's repository as its owner sees it."""

    private: bool
    empty: bool
    holds: bool
    """Whether it holds the model's files and nothing else."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PublishingView:
    """The facts that the decision needs."""

    registered: bool
    head: Block
    """The newest block; it may still be replaced."""
    final: Block
    """The newest block that may not."""
    committed_head: bool
    """Whether the newest commitment at `head` is this model's."""
    committed_final: bool
    """Whether the newest commitment at `final` is this model's."""
    superseded: bool
    """Whether the newest commitment is another, made after this one was signed."""
    place: RepositoryView | None
    may_commit: Block
    """The first block outside the cooldown."""
    void_from: Block | None
    """Once this block is final, no commitment signed so far can be included any more; None: none was signed."""
    consented: bool


Next = Step | Hold | End | Ask


def next_step(seen: PublishingView) -> Next:
    """Decide the next step, or why there is none now."""
    if seen.committed_final:
        if seen.place is None or not seen.place.holds:
            return End.LOST
        return Step.REVEAL if seen.place.private else End.DONE
    if seen.committed_head:
        return Hold.NOT_FINAL
    if seen.superseded:
        return End.SUPERSEDED
    if seen.place is not None and not seen.place.private:
        return End.EXPOSED
    if seen.void_from is not None and seen.final < seen.void_from:
        return Hold.UNSURE
    return _uncommitted(seen)


def _uncommitted(seen: PublishingView) -> Next:
    if not seen.registered:
        return Hold.UNREGISTERED
    if seen.head < seen.may_commit:
        return Hold.COOLDOWN
    if not seen.consented:
        return Ask.CONSENT
    if seen.place is None:
        return Step.CREATE
    if not seen.place.holds:
        return Step.UPLOAD if seen.place.empty else End.FOREIGN
    return Step.COMMIT
