"""The processes on the chain: model queue, validator, miner; and the command line that starts every process."""
