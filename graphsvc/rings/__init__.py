"""Rings kept: searches as jobs of an organisation, what they found, and what its analysts judge of that."""
