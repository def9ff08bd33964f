"""The ledger: the append-only log that is the truth, its keys, its sealed payloads and its proofs."""
