"""The path of sharing: who may see what later than at its submission, as acts in the ledger."""
