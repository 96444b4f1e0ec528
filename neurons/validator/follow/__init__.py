"""Another validator's evidence: read it, audit it, join its ledger, compare two ledgers."""
