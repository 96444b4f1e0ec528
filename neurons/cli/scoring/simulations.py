"""`voice simulate` with all its studies: of miners, and of validators."""

from neurons.cli.scoring import simulate_validators
from neurons.cli.scoring.simulate import app

app.command("copying")(simulate_validators.copying)
app.command("audits")(simulate_validators.audits)
app.command("bias")(simulate_validators.bias)
