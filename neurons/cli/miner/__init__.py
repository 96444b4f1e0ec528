"""Commands of a miner: check, score, publish, commit, run, status, validate."""
