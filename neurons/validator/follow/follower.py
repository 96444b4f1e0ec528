"""A validator without rounds of its own: it folds what another's workers judged, checks all that can be checked, and goes its own way."""

from dataclasses import replace

import structlog

from neurons.api_client.client import ApiUnavailable
from neurons.chain.adapter import Chain
from neurons.validator.daemon import ValidatorIdentity
from neurons.validator.evidence import Evidence
from neurons.validator.follow.audit import believed, draw
from neurons.validator.follow.diff import diff
from neurons.validator.follow.ledger_source import LedgerSource, OwnLedger
from neurons.validator.ledger import fold_round, log_entry, log_other_rules
from neurons.validator.weights.decision import rounds_left_or_raise
from scoring.competition import Schedule
from scoring.errors import Code, PlatformError
from scoring.receipts.certificate import Trust
from scoring.types import RoundNumber
from voice_api.db.audits import Audits
from voice_api.db.ledger import Ledger, LedgerEntry
from voice_api.db.rounds import RoundEvidence
from voice_api.errors import LedgerInvalid, OutOfOrder

log = structlog.get_logger()


class Follower:
    """Folds into the own ledger; each entry is compared with the followed validator's, and its own counts."""

    def __init__(
        self,
        *,
        chain: Chain,
        evidence: Evidence,
        theirs: LedgerSource,
        own: Ledger,
        audits: Audits,
        signer: ValidatorIdentity,
        rate: float,
    ) -> None:
        self._chain, self._evidence, self._theirs, self._own = chain, evidence, theirs, own
        self._audits, self._signer, self._rate = audits, signer, rate
        self.parted: RoundNumber | None = None
        """The first round in which both ledgers differ, once it was found."""
        self.behind = True
        """Whether rounds wait to be folded there, or that is not known yet."""

    async def tick(self, schedule: Schedule) -> bool:
        """Fold the next round; False while there is none. Raises outages of API, chain and database, PlatformError after the rules' end."""
        trusted = self._signer.trust()
        head = await self._own.head()
        found = await self._evidence.next(None if head is None else head.round)
        self.behind = found is not None
        if trusted is None or found is None:
            return False
        _check_next(head, found, schedule)
        rounds_left_or_raise(schedule, found.round.round)
        entry = await self._folded(head, found, schedule, trusted)
        await self.draw(entry, found)
        log_other_rules(head, schedule)
        try:
            await self._own.append(entry)
        except OutOfOrder as late:
            log.info("fold skipped", round=entry.round, why=late.detail)
            return False
        log_entry(entry)
        try:
            await self._compare(entry)
        except LedgerInvalid as unreadable:
            log.error("the followed ledger cannot be read", round=entry.round, of=self._theirs.name, why=unreadable.detail)
        return True

    async def _folded(self, head: LedgerEntry | None, found: RoundEvidence, schedule: Schedule, trusted: Trust) -> LedgerEntry:
        """Fold by the own chain's hash of the round's first block, and without workers that were found out in it or before."""
        trust = await believed(trusted, self._audits, schedule.at(found.round.round).audits, found.round.round)
        seed = await self._chain.block_hash(found.round.start_block)
        if seed != found.round.block_hash:
            log.error("another chain's round", round=found.round.round, here=seed, there=found.round.block_hash)
        here = replace(found, round=replace(found.round, block_hash=seed))
        return fold_round(head, here, schedule.at(here.round.round), trust)

    async def draw(self, entry: LedgerEntry, found: RoundEvidence) -> None:
        """Record the sample of a round's evaluations that is judged again; done twice it changes nothing."""
        closed_at = found.round.start_block if found.eligibility is None else found.eligibility.block
        lots = draw(self._signer.hotkey, await self._chain.block_hash(closed_at), entry, found, self._rate)
        await self._audits.draw(entry.round, tuple(lots))

    async def _compare(self, entry: LedgerEntry) -> None:
        """Log once where the ledgers part; a later round that differs follows from the first."""
        if self.parted is not None:
            return
        theirs = await self._folded_there(entry.round)
        if theirs is None or theirs == entry.state_hash:
            return
        found = await diff(OwnLedger(self._own, self._evidence), self._theirs)
        self.parted = found.round
        for row in found.rows:
            what = {"part": row.part.value, "what": row.what, "own": row.one, "theirs": row.other}
            log.error("the ledgers part: this validator goes on with its own", round=found.round, of=self._theirs.name, **what)
        log.error("the ledgers differ", round=entry.round, own=entry.state_hash, theirs=theirs)

    async def _folded_there(self, number: RoundNumber) -> str | None:
        """Their hash after a round; None while they have not folded it."""
        try:
            return (await self._theirs.entry(number)).state_hash
        except PlatformError as missing:
            if missing.code is not Code.NOT_FOUND:
                raise
            return None


def _check_next(head: LedgerEntry | None, found: RoundEvidence, schedule: Schedule) -> None:
    """Raise ApiUnavailable for a round that was folded before, or that does not begin where its number says."""
    number, start = found.round.round, found.round.start_block
    if number <= (-1 if head is None else head.round) or start != number * schedule.round_blocks:
        raise ApiUnavailable(f"round {number} from block {start} on cannot be the next to fold")
