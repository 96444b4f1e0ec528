"""An audit of the followed validator: draw a sample of its evaluations that nobody can know before, and judge each again."""

import asyncio
import hashlib
import json
import sys
from asyncio.subprocess import PIPE
from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import structlog

from neurons.api_client.client import VoiceApi
from scoring import strict_json
from scoring.competition import AuditRules
from scoring.errors import Code, PlatformError
from scoring.receipts.certificate import Certificate, Trust
from scoring.receipts.drift import Deviation, accused_at
from scoring.receipts.receipt import MAX_BYTES
from scoring.receipts.store import StoreLayout
from scoring.types import BlockHash, Hotkey, Micro, RoundNumber, entrant, parse_entrant
from voice_api.db.audits import AuditedScore, Audits, Drawn
from voice_api.db.ledger import LedgerEntry
from voice_api.db.rounds import RoundEvidence
from voice_api.db.states import AuditOutcome

log = structlog.get_logger()
LIMIT = timedelta(hours=1)
"""A check that takes longer is given up."""
_SAID = 500
DEEP = 0.2
"""In this share of the sample the model speaks again."""
_WHOLE = 1 << 64

Verify = Callable[[Path, int, Path], Awaitable[Mapping[str, Any]]]
"""Checks a receipt's file up to a level by a store: the report of `voice verify --json`. Raises NotTried where there is none."""


class NotTried(Exception):
    """The check could not be tried here; the message says why."""


@dataclass(frozen=True, slots=True)
class AuditFinding:
    """The result of a check; `why` names each difference, or the reason why the check could not be tried."""

    outcome: AuditOutcome
    why: Sequence[Mapping[str, str]] = ()
    deviation: Micro | None = None
    """By how much the score was claimed above what was found, where it was judged again and held."""
    tolerance: Micro | None = None


def draw(me: Hotkey, closed_at: BlockHash, entry: LedgerEntry, found: RoundEvidence, rate: float) -> Iterator[Drawn]:
    """Draw from a round's counted evaluations, each by its own lot.

    This validator and the hash of the block at which the round closed seed the lots. No worker knows that hash while it judges, and no
    two validators draw the same; anybody can draw again. A rejection has no audio: its model is fetched and looked at again.
    """
    seed = hashlib.sha256(f"{me}\n{closed_at}".encode()).digest()
    for result in found.results:
        if result.receipt_hash is None or result.receipt_hash not in entry.inputs.counted:
            continue
        lot = int.from_bytes(hashlib.sha256(seed + result.receipt_hash.encode()).digest()[:8], "big") / _WHOLE
        if lot >= rate:
            continue
        key = Certificate.from_json(result.certificate)
        level = 3 if not result.groups or lot < rate * DEEP else 2
        name = entrant(result.hotkey, result.commit_block)
        yield Drawn(
            receipt_hash=result.receipt_hash,
            round=found.round.round,
            entrant=name,
            service=key.service,
            host=key.host,
            level=level,
        )


async def audit(drawn: Drawn, api: VoiceApi, verify: Verify) -> AuditFinding:
    """Judge an evaluation again. Raises ApiUnavailable; any other obstacle is a finding of its own."""
    with TemporaryDirectory(prefix="voice-audit-") as folder:
        store = Path(folder)
        try:
            receipt = await _fetched(drawn, api, store)
        except PlatformError as missing:
            if missing.code is not Code.NOT_FOUND:
                raise
            return AuditFinding(AuditOutcome.MISSING, ({"what": "audio", "found": missing.detail},))
        try:
            report = await verify(receipt, drawn.level, store)
        except NotTried as failed:
            return AuditFinding(AuditOutcome.FAILED, ({"what": "verify", "found": str(failed)},))
    return judged(report)


def drifting(scores: Iterable[AuditedScore], rules: AuditRules) -> Mapping[str, RoundNumber]:
    """The service keys whose scores, all within the tolerance, lie to one side; each with the round of the audit that accused it."""
    by_key: dict[str, list[AuditedScore]] = {}
    for score in scores:
        by_key.setdefault(score.service, []).append(score)
    places = {key: accused_at(map(_deviation, own), rules) for key, own in by_key.items()}
    return {key: by_key[key][place].round for key, place in places.items() if place is not None}


def _deviation(score: AuditedScore) -> Deviation:
    return Deviation(parse_entrant(score.entrant)[0], score.deviation, score.tolerance)


async def distrusted(audits: Audits, rules: AuditRules) -> Mapping[str, RoundNumber]:
    """Service keys that count no more, each with the first round in which that holds: one receipt was false, or all drift."""
    false, drift = await audits.distrusted(), drifting(await audits.deviations(), rules)
    return {key: min(found[key] for found in (false, drift) if key in found) for key in {*false, *drift}}


async def believed(trusted: Trust, audits: Audits, rules: AuditRules, number: RoundNumber) -> Trust:
    """The trust without workers that were found out in this round or before.

    Rounds before the audited one are folded again as they were: what a worker signed then was not judged again.
    """
    liars = frozenset(service for service, since in (await distrusted(audits, rules)).items() if since <= number)
    return replace(trusted, revoked=trusted.revoked | liars)


async def audit_next(audits: Audits, api: VoiceApi, verify: Verify, rules: AuditRules) -> Drawn | None:
    """Judge the oldest drawn evaluation again, and record the finding; None where none waits."""
    drawn = await audits.next()
    if drawn is None:
        return None
    found = await audit(drawn, api, verify)
    before = drifting(await audits.deviations(), rules)
    await audits.settle(drawn.receipt_hash, found.outcome, list(found.why), deviation=found.deviation, tolerance=found.tolerance)
    for service in set(drifting(await audits.deviations(), rules)) - set(before):
        log.error("worker distrusted: its scores drift", round=drawn.round, service=service, host=drawn.host)
    said = log.bind(round=drawn.round, entrant=drawn.entrant, receipt=drawn.receipt_hash, host=drawn.host, level=drawn.level)
    if found.outcome is AuditOutcome.DIFFERS:
        first = found.why[0]
        what = {"what": first["what"], "claimed": first["claimed"], "found": first["found"]}
        said.error("worker distrusted: what it signed does not hold", service=drawn.service, **what)
    elif found.outcome is AuditOutcome.HOLDS:
        said.info("judged again: it holds")
    else:
        said.warning("could not be judged again", outcome=found.outcome.value, why=found.why[0]["found"])
    return drawn


def judged(report: Mapping[str, Any]) -> AuditFinding:
    """The finding that follows from a report. These say nothing of the worker: other judges, rules or packages here, a model that was
    withdrawn since, and a verdict that depends on the host."""
    rows: list[Mapping[str, str]] = report["differences"]
    if report["not_comparable"] and not rows:
        return AuditFinding(AuditOutcome.FAILED, report["not_comparable"])
    if report["holds"]:
        score = report["deviation"]
        return (
            AuditFinding(AuditOutcome.HOLDS)
            if score is None
            else AuditFinding(AuditOutcome.HOLDS, deviation=Micro(score["by"]), tolerance=Micro(score["tolerance"]))
        )
    if any(_is_ours(row) for row in rows):
        return AuditFinding(AuditOutcome.FAILED, rows)
    return AuditFinding(AuditOutcome.DIFFERS, rows)


def _is_ours(row: Mapping[str, str]) -> bool:
    withdrawn = f"rejected, code {int(Code.REPO_NOT_PUBLIC)}"
    return row["what"].startswith(("judge ", "rules ", "environment")) or (
        row["what"] == "verdict" and row["found"].startswith(withdrawn)
    )


async def _fetched(drawn: Drawn, api: VoiceApi, store: Path) -> Path:
    """The receipt's file in a store of its own, with every sound that it names."""
    content = await api.receipt(drawn.receipt_hash)
    layout = StoreLayout(store)
    file = layout.receipt(drawn.receipt_hash)
    await asyncio.to_thread(_write, file, content)
    for pcm in sorted(_sounds(content)):
        await asyncio.to_thread(_write, layout.audio(pcm), await api.audio(pcm))
    return file


def _sounds(content: bytes) -> set[str]:
    """The hashes of a receipt's sounds. The receipt was counted, so it has its form."""
    samples: Any = strict_json.read_object(content, MAX_BYTES)["receipt"]
    return {sample["pcm_sha256"] for sample in samples["samples"]} - {""}


def _write(path: Path, content: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)


def by_command(competition: Path) -> Verify:
    """Run `voice verify` as a process of its own: this one stays small, and loads no judge."""

    async def verify(receipt: Path, level: int, store: Path) -> Mapping[str, Any]:
        options = ("--level", str(level), "--store", str(store), "--competition", str(competition), "--sandboxed", "--json")
        command = (sys.executable, "-m", "neurons.cli", "verify", str(receipt), *options)
        process = await asyncio.create_subprocess_exec(*command, stdin=asyncio.subprocess.DEVNULL, stdout=PIPE, stderr=PIPE)
        try:
            async with asyncio.timeout(LIMIT.total_seconds()):
                out, err = await process.communicate()
        except TimeoutError as exc:
            raise NotTried(f"it took longer than {LIMIT}") from exc
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()
        return _report(out, err)

    return verify


def _report(out: bytes, err: bytes) -> Mapping[str, Any]:
    try:
        report: Mapping[str, Any] = json.loads(out)
    except ValueError as exc:
        said = err.decode(errors="replace").strip()[-_SAID:]
        raise NotTried(f"`voice verify` ended without a report: {said}") from exc
    return report
