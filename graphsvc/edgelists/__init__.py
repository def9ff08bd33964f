"""Rings from an edge list: files in, files out, no service and no database."""
