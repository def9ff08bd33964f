"""From entries to graph and columns: what the ledger holds, applied in its order."""
