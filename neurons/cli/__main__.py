"""`python -m neurons.cli` is `voice`."""

from neurons.cli.main import main

main()
