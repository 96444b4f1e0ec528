"""Checks of a validator: its place on the subnet, its rounds and its ledger, and its weights."""

from collections.abc import Sequence

from pydantic import ValidationError

from neurons.api_client.client import ApiRefused, VoiceApi
from neurons.chain.types import ChainUnavailable, Metagraph
from neurons.cli.doctor import node_checks
from neurons.cli.doctor.node import Node
from neurons.doctor import chain_health, database_health, validator_health
from neurons.doctor.catalogue import CheckName
from neurons.doctor.examine import Check, in_thread
from neurons.doctor.finding import Finding, Health, unknown
from neurons.settings import ValidatorSettings
from neurons.validator.weights.decision import NotYet, WeightHistory, decide, read_history
from scoring.types import Block, RoundNumber
from scoring.weights.plan import WeightsInvalid
from voice_api.db.health import LedgerHead, NodeHealth, PartedLedger, told_refusals
from voice_api.db.ledger import Ledger
from voice_api.db.submissions import Submissions
from voice_api.db.weights import Weights
from voice_api.keys import trust


def subnet(node: Node) -> Sequence[Check]:
    """What the chain asks of who sets weights."""

    async def look() -> Sequence[Finding]:
        key = node.chain_settings(ValidatorSettings).version_key
        return chain_health.may_set_weights(await node.metagraph(), node.hotkey, key)

    names = (CheckName.REGISTRATION, CheckName.STAKE, CheckName.PERMIT, CheckName.VERSION_KEY)
    return (Check(names=names, look=look),)


def judging(node: Node) -> Sequence[Check]:
    """Dispatcher, queues, workers, the registry and the newest round: of whoever has models judged; who follows in all tracks does not."""
    settings = _settings(node)
    if settings is not None and settings.follow and not settings.tracks:

        async def look() -> Sequence[Finding]:
            return (database_health.followed(settings.follow),)

        return (Check(names=(CheckName.WORKERS,), look=look),)
    judged = frozenset() if settings is None else settings.tracks
    return (*node_checks.queues(node), *node_checks.workers(node, judged), *node_checks.registry(node), *_round(node))


def _settings(node: Node) -> ValidatorSettings | None:
    """The validator's settings; None where they cannot be read, which a row of their own says."""
    try:
        return node.chain_settings(ValidatorSettings)
    except ValidationError:
        return None


def rules(node: Node) -> Sequence[Check]:
    """The competition's rules, at the chain's newest block."""

    async def look() -> Sequence[Finding]:
        schedule = node.schedule
        return (validator_health.competition(schedule, (await node.view()).head),)

    return (Check(names=(CheckName.COMPETITION,), look=look),)


def _round(node: Node) -> Sequence[Check]:
    async def look() -> Sequence[Finding]:
        with told_refusals():
            health, block = NodeHealth(await node.pool()), await _block(node)
            return (validator_health.newest_round(await health.round(), await health.tracks(), block),)

    return (Check(names=(CheckName.ROUND,), look=look),)


def folds(node: Node) -> Sequence[Check]:
    """The last fold and its receipts."""

    async def look() -> Sequence[Finding]:
        with told_refusals():
            pool, block = await node.pool(), await _block(node)
            ledger, head = Ledger(pool, node.hotkey), await NodeHealth(pool).head(node.hotkey)
            waiting, uncounted = await ledger.waiting(1), await ledger.uncounted()
            return (
                validator_health.fold(head, next(iter(waiting), None), node.schedule, block, node.now()),
                validator_health.receipts(await ledger.last_judged(), head, uncounted),
            )

    return (Check(names=(CheckName.FOLD, CheckName.RECEIPTS), look=look),)


def certificates(node: Node) -> Sequence[Check]:
    """The certificates under the newest receipts."""

    async def look() -> Sequence[Finding]:
        settings, hotkey = node.chain_settings(ValidatorSettings), node.hotkey
        trusted = await in_thread(lambda: trust(hotkey, settings.revocations, settings.trust))
        with told_refusals():
            found = await NodeHealth(await node.pool()).certificates()
        return validator_health.certificates(found, trusted, node.now())

    return (Check(names=(CheckName.CERTIFICATE, CheckName.TRUST), look=look),)


def ledgers(node: Node) -> Sequence[Check]:
    """This validator's ledger beside the others in its database, and the one that it follows."""

    async def look() -> Sequence[Finding]:
        settings, hotkey = node.chain_settings(ValidatorSettings), node.hotkey
        with told_refusals():
            health = NodeHealth(await node.pool())
            head, parted = await health.head(hotkey), list(await health.parted(hotkey))
        if head is None:
            return (unknown(CheckName.LEDGER, "nothing was folded yet"),)
        if not settings.follow:
            return (validator_health.ledger(parted, f"round {head.round}: {head.state_hash[:12]}…"),)
        differs, compared = await _followed(node, settings.follow, head)
        return (validator_health.ledger([*parted, *differs], compared),)

    return (Check(names=(CheckName.LEDGER,), look=look),)


async def _followed(node: Node, url: str, head: LedgerHead) -> tuple[Sequence[PartedLedger], str]:
    """The followed ledger's entry of the same round, where it differs, and what was compared; raises ApiUnavailable."""
    async with VoiceApi(url, timeout=node.patience.total_seconds()) as api:
        try:
            page = await api.ledger(RoundNumber(head.round - 1), 1)
        except ApiRefused as exc:
            return (), f"not compared with {url}: {exc.detail}"
    theirs = next((each for each in page.items if each.round == head.round), None)
    if theirs is None:
        return (), f"round {head.round} was not folded at {url} yet"
    if theirs.state_hash == head.state_hash:
        return (), f"round {head.round} is the same at {url}"
    return (PartedLedger(theirs.validator, head.round),), ""


def weights(node: Node) -> Sequence[Check]:
    """The attempts to set weights, and what keeps the next one back."""

    async def look() -> Sequence[Finding]:
        hotkey, metagraph = node.hotkey, await _metagraph(node)
        with told_refusals():
            pool = await node.pool()
            history = await read_history(Ledger(pool, hotkey), Weights(pool, hotkey), Submissions(pool))
            at = await NodeHealth(pool).attempted(hotkey)
        view = validator_health.WeightsView(
            attempts=history.attempts,
            attempted_at=at,
            metagraph=metagraph,
            neuron=None if metagraph is None else metagraph.neuron(hotkey),
            kept_back="" if metagraph is None else _kept_back(node, metagraph, history),
        )
        return (
            validator_health.weights(view, node.now()),
            validator_health.sealed_weights(history.attempts, node.now()),
            validator_health.burn(history.attempts),
        )

    return (Check(names=(CheckName.WEIGHTS, CheckName.SEALED_WEIGHTS, CheckName.BURN), look=look),)


def _kept_back(node: Node, metagraph: Metagraph, history: WeightHistory) -> str:
    """Why the next weights are an older plan, or none; '' where nothing keeps them back, or where another row says so."""
    if history.distrust:
        return ""
    key = node.chain_settings(ValidatorSettings).version_key
    if any(row.health is Health.FAILING for row in chain_health.may_set_weights(metagraph, node.hotkey, key)):
        return ""
    try:
        decision = decide(metagraph, node.hotkey, history, node.schedule, version_key=key)
    except WeightsInvalid as exc:
        return f"no weights can be planned: {exc}"
    if decision.held or not isinstance(decision, NotYet):
        return decision.held
    return decision.why if decision.stopped is not None else ""


EVERY = (judging, subnet, rules, folds, certificates, ledgers, weights)
"""Those of a validator."""


async def _metagraph(node: Node) -> Metagraph | None:
    """The metagraph, None where the chain does not answer: the database is told of all the same."""
    try:
        return await node.metagraph()
    except ChainUnavailable:
        return None


async def _block(node: Node) -> Block | None:
    try:
        return (await node.view()).head
    except ChainUnavailable:
        return None
