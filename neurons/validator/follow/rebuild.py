"""A ledger built anew: what a reset takes from it, and another's taken over, each round folded again from its signed receipts."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Protocol

from neurons.validator.evidence import Evidence
from neurons.validator.follow.ledger_source import LedgerSource, lacking
from neurons.validator.ledger import ReceiptCheck, gone, replay_entry
from scoring.competition import Competition, Schedule
from scoring.errors import Code, PlatformError
from scoring.receipts.certificate import Trust
from scoring.receipts.receipt import ReceiptInvalid, Signed, authenticate, judged_at
from scoring.types import Entrant, RoundNumber, entrant
from voice_api.db.database import JsonObject
from voice_api.db.ledger import Ledger, LedgerEntry
from voice_api.db.rounds import RoundEvidence
from voice_api.errors import LedgerInvalid


class StoredReceipts(Protocol):
    """The receipts of a store."""

    def receipt(self, receipt_hash: str) -> Signed:
        """A kept receipt; raises PlatformError where none has this hash, or where it is none."""
        ...


@dataclass(frozen=True, slots=True)
class Loss:
    """The entries that a reset deletes."""

    rounds: tuple[RoundNumber, ...]
    """Their rounds, oldest first."""
    kings: Mapping[str, Entrant]
    """The submission that holds the top of each track after the last of them, where one does."""
    missing: tuple[RoundNumber, ...]
    """Those of their rounds whose receipts are not at hand: nobody can fold them again here."""


async def loss(own: Ledger, evidence: Evidence, since: RoundNumber) -> Loss:
    """The loss of a reset from a round on; nothing is deleted."""
    kings = await own.kings(since)
    at_hand = await evidence.closed(since) if kings else frozenset()
    last = kings[max(kings)] if kings else {}
    return Loss(tuple(kings), last, tuple(number for number in kings if number not in at_hand))


async def join(
    source: LedgerSource,
    own: Ledger,
    schedule: Schedule,
    trust: Trust,
    told: Callable[[RoundNumber], None],
    *,
    until: RoundNumber | None = None,
    stored: StoredReceipts | None = None,
) -> int:
    """Take over every entry above the own head, up to round `until`; how many. Each is checked, then written at once.

    With `stored`, a round whose receipts the source does not have is checked by those that are stored there (see `check_stored`).
    Begun again, it goes on after the own head, once that is the same in both. Raises LedgerInvalid with the first round that does not
    follow from its receipts, PlatformError(STATE_CONFLICT) where the own head is another, and OutOfOrder where somebody else writes
    to the own ledger.
    """
    head = await own.head()
    if head is not None and (await source.entry(head.round)).state_hash != head.state_hash:
        raise PlatformError(
            Code.STATE_CONFLICT,
            f"round {head.round} is another than the own ledger's: `voice validator diff` finds the first that is, "
            "`voice validator ledger reset --from` it, and join again",
        )
    count = 0
    async for entry in source.entries(None if head is None else head.round):
        if until is not None and entry.round > until:
            break
        found = await source.evidence(entry.round)
        if stored is not None and (found is None or lacking(entry, found)):
            check_stored(head, entry, stored, schedule, trust)
        else:
            check(head, entry, found, schedule, trust)
        await own.append(entry)
        head = entry
        count += 1
        told(entry.round)
    return count


def check(head: LedgerEntry | None, entry: LedgerEntry, found: RoundEvidence | None, schedule: Schedule, trust: Trust) -> None:
    """Raise LedgerInvalid unless the entry follows from the head and the round's receipts.

    Every receipt that it counts must hold, every other must be named with a reason, and who left must be who did not stand.
    """
    if missing := lacking(entry, found):
        raise LedgerInvalid(
            f"round {entry.round} comes without {len(missing)} of the {len(entry.inputs.counted)} receipts that it counts; a validator "
            "that follows or joined another lacks those of the other: join the ledger of one that judged every track itself"
        )
    if found is None:
        raise LedgerInvalid(f"round {entry.round} comes without its evidence")
    receipts = {str(result.receipt_hash): result.receipt for result in found.results if result.receipt is not None}
    replay_entry(head, entry, receipts, schedule)
    try:
        _check_counted(entry, found, schedule.at(entry.round), trust)
        _check_gone(head, entry, found)
    except ReceiptInvalid as exc:
        raise LedgerInvalid(f"round {entry.round}: {exc}") from exc


def check_stored(head: LedgerEntry | None, entry: LedgerEntry, stored: StoredReceipts, schedule: Schedule, trust: Trust) -> None:
    """Raise LedgerInvalid unless the entry follows from the head and from receipts of a store, each signed by a trusted key.

    A store holds receipts and not who stood when a round closed: who left, and which receipts were refused, is the entry's word. So it
    is for a validator that lost rounds of its own, and takes them back from one that folded them with it.
    """
    receipts: dict[str, JsonObject] = {}
    for name in entry.inputs.counted:
        try:
            signed = stored.receipt(name)
            authenticate(signed, trust, judged_at(signed.receipt))
        except (PlatformError, ReceiptInvalid) as exc:
            raise LedgerInvalid(f"round {entry.round}, receipt {name}: {exc}") from exc
        receipts[name] = signed.receipt
    replay_entry(head, entry, receipts, schedule)


def _check_counted(entry: LedgerEntry, found: RoundEvidence, rules: Competition, trust: Trust) -> None:
    check = ReceiptCheck(found.round, rules, trust)
    counted, distrusted = entry.inputs.counted, entry.inputs.distrusted
    if (entry.round, entry.inputs.start) != (found.round.round, found.round.start_block):
        raise ReceiptInvalid("its evidence is of another round")
    for result in found.results:
        name, key = entrant(result.hotkey, result.commit_block), result.receipt_hash
        if key is not None and key in counted:
            try:
                check.accepted_scores(result)
            except ReceiptInvalid as exc:
                raise ReceiptInvalid(f"it counts {name}, whose receipt does not hold: {exc}") from exc
            if counted[key] != result.tiebreak:
                raise ReceiptInvalid(f"it counts {name} under another tiebreak")
        elif result.receipt is not None and name not in distrusted:
            raise ReceiptInvalid(f"it leaves out the receipt of {name}, and does not say why")


def _check_gone(head: LedgerEntry | None, entry: LedgerEntry, found: RoundEvidence) -> None:
    known = set(() if head is None else head.state.known)
    known |= {entrant(result.hotkey, result.commit_block) for result in found.results}
    left = gone(found.eligibility, known)
    if entry.inputs.gone != left:
        differ = sorted(set(left.items()) ^ set(entry.inputs.gone.items()))
        raise ReceiptInvalid(f"who left is not who did not stand: {differ[0][0]}")
