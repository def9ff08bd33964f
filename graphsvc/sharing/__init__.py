"""Sharing: who may see records after their submission, decided by acts in the ledger."""
