"""Every command and group of `voice`, in the order and the panels of its help. A new one is a line here."""

from collections.abc import Mapping

from neurons.cli.lazy import CommandEntry

RUN, MINE, LISTEN, LOOK, DEVELOP = "Run a node", "Mine", "Listen", "Look and check", "Develop"
"""The panels, by what somebody is about to do."""

COMMANDS: Mapping[str, CommandEntry] = {
    "init": CommandEntry(
        "neurons.cli.init.commands:init", RUN, "Ask a few questions, write the answers into a commented voice.toml"
    ),
    "validator": CommandEntry("neurons.cli.validator.commands:app", RUN, "The validator: rounds, ledger, weights."),
    "worker": CommandEntry(
        "neurons.cli.worker:app", RUN, "Evaluate models: fetch, let them speak in a sandbox, judge, and sign."
    ),
    "api": CommandEntry("neurons.cli.daemons:api", RUN, "Serve the voice API."),
    "queue": CommandEntry("neurons.cli.daemons:queue", RUN, "The model queue: chain → API."),
    "dispatcher": CommandEntry(
        "neurons.cli.daemons:dispatcher", RUN, "Keep wake-ups in Redis for due evaluations, and return expired leases."
    ),
    "db": CommandEntry("neurons.cli.daemons:database", RUN, "The database."),
    "store": CommandEntry("neurons.cli.operator.store:app", RUN, "The store of audio and receipts."),
    "backup": CommandEntry(
        "neurons.cli.operator.backup:app", RUN, "Backups of the database, the rules and the names of the store's files."
    ),
    "operator": CommandEntry("neurons.cli.operator.commands:app", RUN, "An operator's views and orders"),
    "miner": CommandEntry("neurons.cli.miner.commands:app", MINE, "The miner's tools."),
    "demo": CommandEntry("neurons.cli.dev.demo:demo", LISTEN, "Run the whole network on this machine"),
    "say": CommandEntry("neurons.cli.say:say", LISTEN, "Hear a sentence in the king's voice, or another submission's"),
    "upgrade": CommandEntry("neurons.cli.doctor.upgrade:app", RUN, "Whether this release may take over this node."),
    "release": CommandEntry("neurons.cli.operator.release:app", RUN, "Signed records of releases."),
    "doctor": CommandEntry(
        "neurons.cli.doctor.commands:doctor", LOOK, "Look at every part of this node and say what is wrong and what to do"
    ),
    "status": CommandEntry("neurons.cli.doctor.status:status", LOOK, "Show this node as it is now"),
    "verify": CommandEntry("neurons.cli.verify:verify", LOOK, "Run a receipt's score again"),
    "wallet": CommandEntry("neurons.cli.wallet:app", LOOK, "Wallets on this machine."),
    "config": CommandEntry("neurons.cli.config:app", LOOK, "Say which file of settings is read."),
    "dev": CommandEntry("neurons.cli.dev.commands:app", DEVELOP, "The development chain and the local model hub."),
    "family": CommandEntry("neurons.cli.family.commands:app", DEVELOP, "The kinds of models that a competition can admit."),
    "scoring": CommandEntry(
        "neurons.cli.scoring.commands:app", DEVELOP, "The score itself: attack it, calibrate it, read how it works."
    ),
    "simulate": CommandEntry("neurons.cli.scoring.simulations:app", DEVELOP, "Simulate the competition"),
    "api-docs": CommandEntry(
        "neurons.cli.pages:api_docs", DEVELOP, "Render the API's reference and the table of codes from the code."
    ),
}
