"""A client for reads: Bolt 5 on the event loop, nothing that a read doesn't need.

Most of what a read cost in the service was the official driver's way through threads and its generality. This client
sends one statement and its parameters in one write, and takes one record back. The official driver does all the rest.
"""
