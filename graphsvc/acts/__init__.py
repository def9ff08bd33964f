"""Signed acts: what a person of an organisation decides."""
