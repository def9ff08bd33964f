"""Told to an organisation's own receiver: that a submission of it has been applied (Standard Webhooks)."""
