"""`voice worker`: the worker's process, and what its host needs."""

from neurons.cli import prepare, selftest
from neurons.cli.daemons import worker as app

app.command("prepare")(prepare.prepare)
app.command("selftest")(selftest.selftest)
app.command("walls", rich_help_panel="Develop")(selftest.walls)
