"""`voice validator`: the validator's process, its certificates, its weights and its ledger."""

from neurons.cli.daemons import validator as app
from neurons.cli.validator import certificates, ledger, weights

app.command("certify")(certificates.certify)
app.command("revoke")(certificates.revoke)
app.command("weights")(weights.weights)
app.command("replay")(weights.replay)
app.command("explain")(weights.explain)
app.command("what-if")(weights.what_if)
app.command("diff")(ledger.diff)
app.add_typer(ledger.app, name="ledger")
