"""Checks of an upgrade: what this release finds before it changes anything."""

from collections.abc import Sequence

from neurons.cli.doctor.node import Node
from neurons.doctor import upgrade_health
from neurons.doctor.catalogue import CheckName
from neurons.doctor.examine import Check
from neurons.doctor.finding import Finding
from voice_api.db.database import release
from voice_api.db.health import NodeHealth, told_refusals
from voice_api.db.migrate import revisions
from voice_api.db.rounds import Rounds


def database(node: Node) -> Sequence[Check]:
    """The schema, who is connected, and the rules of the newest round."""

    async def schema() -> Sequence[Finding]:
        found = upgrade_health.schema((await node.moment()).revision, revisions())
        with told_refusals():
            others = await NodeHealth(await node.pool()).others()
        return found, upgrade_health.processes(others, release())

    async def rules() -> Sequence[Finding]:
        if (await node.moment()).revision is None:
            return (upgrade_health.unmigrated(CheckName.COMPETITION),)
        with told_refusals():
            newest = await Rounds(await node.pool()).latest()
        return (upgrade_health.rules(node.schedule, newest),)

    return Check(names=(CheckName.SCHEMA, CheckName.PROCESSES), look=schema), Check(names=(CheckName.COMPETITION,), look=rules)
