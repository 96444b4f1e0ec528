"""The follower's process: it folds, sets weights, and judges again, side by side."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from typing import Self

import structlog
from prometheus_client import Gauge

from neurons.api_client.client import ApiUnavailable, VoiceApi
from neurons.chain.types import ChainUnavailable
from neurons.settings import ValidatorSettings
from neurons.shutdown import Shutdown, together, unless_stopped
from neurons.validator import daemon as process
from neurons.validator.daemon import ValidatorIdentity
from neurons.validator.evidence import RemoteEvidence
from neurons.validator.follow.audit import Verify, audit_next, by_command
from neurons.validator.follow.follower import Follower
from neurons.validator.follow.ledger_source import RemoteLedger
from neurons.validator.follow.tracks import FollowedTracks
from neurons.validator.weights.setter import Opening, Terms, WeightSetter
from scoring.competition import AuditRules
from scoring.errors import Code, PlatformError
from voice_api.db.audits import Audits
from voice_api.db.database import connect
from voice_api.db.ledger import Ledger
from voice_api.db.states import AuditOutcome
from voice_api.db.submissions import Submissions
from voice_api.db.weights import Weights
from voice_api.errors import DatabaseUnavailable
from voice_api.runtime.process_metrics import Ticks
from voice_api.runtime.validator_metrics import ValidatorMetrics

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Followed:
    """The validator that is followed."""

    url: str
    """Its API."""
    competition: Path
    """The file of the rules that both are to have."""
    rate: float
    """The share of its evaluations that is judged again."""
    tracks: frozenset[str]
    """The tracks that are judged here, and not followed; none: all are followed."""

    @classmethod
    def of(cls, settings: ValidatorSettings) -> Self:
        """The validator that the settings name; raises PlatformError(SETTING_INVALID) where they trust nobody: nothing would count then."""
        if not settings.trust:
            advice = "VOICE_TRUST names nobody: name the hotkeys whose certificates count, the followed validator's among them"
            raise PlatformError(Code.SETTING_INVALID, advice)
        return cls(settings.follow, settings.competition, settings.audit_rate, settings.tracks)

    def believed_by(self, signer: ValidatorIdentity) -> ValidatorIdentity:
        """The signer with the issuers that it counts: itself among them where tracks are judged here, by workers that it certified."""
        return replace(signer, issuers=signer.issuers | {signer.hotkey}) if self.tracks else signer


@dataclass(frozen=True, slots=True)
class Gauges:
    """The metrics of a follower besides its ticks."""

    parted: Gauge
    audits: Gauge

    @classmethod
    def beside(cls, ticks: Ticks) -> "Gauges":
        """New gauges in the registry of the ticks."""
        parted = Gauge("voice_ledgers_part", "1 once the followed validator's ledger differs.", registry=ticks.registry)
        audits = Gauge("voice_audits", "Evaluations drawn to be judged again, by outcome.", ["outcome"], registry=ticks.registry)
        for outcome in AuditOutcome:  # shown from 0 on, as what is to alert when it increases
            audits.labels(outcome.value)
        return cls(parted, audits)


async def serve(
    url: str, *, opening: Opening, signer: ValidatorIdentity, terms: Terms, followed: Followed, stop: Shutdown, ticks: Ticks
) -> None:
    """Fold, set weights, and judge again, on a database's URL, until asked to stop; beside that judge the tracks that are not followed."""
    database = await connect(url, lazy=True)
    gauges, me = Gauges.beside(ticks), signer.hotkey
    try:
        ledger, audits = Ledger(database, me), Audits(database, me)
        async with opening(0) as chain, VoiceApi(followed.url) as api:
            evidence = RemoteEvidence(api)
            mine, submissions, metrics = Weights(database, me), Submissions(database), ValidatorMetrics(ticks.registry)
            if followed.tracks:
                weights = WeightSetter(opening, ledger, mine, submissions, terms, metrics=metrics)
                beside = FollowedTracks(theirs=evidence, own=followed.tracks, audits=audits, rate=followed.rate)
                folding = process.run(
                    chain,
                    process.Store.over(database, me),
                    followed.believed_by(signer),
                    terms.schedule,
                    pause=terms.pause,
                    stop=stop,
                    ticks=ticks,
                    done=weights.wake,
                    followed=beside,
                )
            else:
                theirs = RemoteLedger(followed.url, api, evidence)
                follower = Follower(
                    chain=chain, evidence=evidence, theirs=theirs, own=ledger, audits=audits, signer=signer, rate=followed.rate
                )
                weights = WeightSetter(opening, ledger, mine, submissions, terms, behind=lambda: follower.behind, metrics=metrics)
                folding = _fold(follower, terms, stop=stop, ticks=ticks, gauges=gauges, folded=weights.wake)
            rules = terms.schedule.version[-1].audits
            auditing = _audit(audits, api, by_command(followed.competition), rules, pause=terms.pause, stop=stop, gauges=gauges)
            await together(folding, weights.run(stop), unless_stopped(stop, auditing))
    finally:
        await database.close()


async def _fold(
    follower: Follower, terms: Terms, *, stop: Shutdown, ticks: Ticks, gauges: Gauges, folded: Callable[[], None]
) -> None:
    """Fold round after round; a named outage waits for the next tick."""
    while not stop.requested:
        busy = False
        try:
            with ticks.measured():
                busy = await follower.tick(terms.schedule)
        except (ChainUnavailable, DatabaseUnavailable, ApiUnavailable) as outage:
            log.warning("tick skipped", code=outage.code, detail=outage.detail)
        gauges.parted.set(follower.parted is not None)
        if busy:
            folded()
        else:
            await stop.wait(terms.pause)


async def _audit(
    audits: Audits, api: VoiceApi, verify: Verify, rules: AuditRules, *, pause: timedelta, stop: Shutdown, gauges: Gauges
) -> None:
    """Judge drawn evaluations again, one after the other."""
    while not stop.requested:
        busy = None
        try:
            busy = await audit_next(audits, api, verify, rules)
            for outcome, count in (await audits.outcomes()).items():
                gauges.audits.labels(outcome.value).set(count)
        except (DatabaseUnavailable, ApiUnavailable) as outage:
            log.warning("audit skipped", code=outage.code, detail=outage.detail)
        if busy is None:
            await stop.wait(pause)
