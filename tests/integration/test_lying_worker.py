"""A worker that lied for a friend, once it is known: its certificate is taken back, and the rounds are folded again without it."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from neurons.validator import certification
from scoring.types import RoundNumber
from voice_api.db.queue import EvaluationQueue
from voice_api.keys import CertifiedKey, ServiceKey

if TYPE_CHECKING:
    from tests.integration.conftest import ValidatorBed

HONEST = {"h2": 600_000, "h3": 600_000}
LIED = {"h2": 600_000, "h3": 750_000}


async def play(stack: "ValidatorBed", number: int, scores: Mapping[str, int], liar: CertifiedKey | None = None) -> None:
    """A round from opening to ledger; `liar` judges h3, if there is one."""
    stack.chain.block = number * 360 + 5
    while await stack.tick():
        pass
    for _ in scores:
        claim = await stack.claim()
        signer = liar if claim.hotkey == "h3" else None
        await EvaluationQueue(stack.pool).finish(claim, stack.verdict(claim, scores[claim.hotkey], signer))
    await fold(stack)


async def fold(stack: "ValidatorBed") -> None:
    """Tick until nothing is due."""
    while await stack.tick():
        pass


async def test_the_top_goes_back_to_whoever_held_it_before_the_lie(stack: "ValidatorBed", tmp_path: Path) -> None:
    """Revoked, the certificate counts in no round; a reset from the first of its verdicts leaves the rounds before as they were."""
    key = ServiceKey.at(tmp_path / "liar.key")
    liar = CertifiedKey(key, certification.certify(stack.wallet, key.address, "host-2", timedelta(days=1), datetime.now(UTC)))
    for number in (2, 3, 4):
        await play(stack, number, HONEST)
    before = await stack.store.ledger.page()
    for number in (5, 6, 7):
        await play(stack, number, LIED, liar)
    assert await stack.head() == (7, "h3@101")
    certification.take_back(stack.wallet, stack.revocations, frozenset({liar.certificate.serial}))
    await stack.store.ledger.reset(RoundNumber(5))
    await fold(stack)
    again = await stack.store.ledger.page()
    assert again[: len(before)] == before
    assert [(entry.round, entry.state.of("small").king) for entry in again[3:]] == [(5, "h2@100"), (6, "h2@100"), (7, "h2@100")]
    reason = f"the certificate {liar.certificate.serial} of host-2 was revoked"
    assert [dict(entry.inputs.distrusted) for entry in again[3:]] == [{"h3@101": reason}] * 3
