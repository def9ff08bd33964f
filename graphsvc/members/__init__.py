"""Organisations: admitted, changed, gone."""
