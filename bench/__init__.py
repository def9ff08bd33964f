"""Benchmarks: each starts what it needs, prints a readable table and, as its last line, one JSON object of figures."""
