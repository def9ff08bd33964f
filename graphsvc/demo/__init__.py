"""The demonstration: a story told on a whole service on this machine."""
