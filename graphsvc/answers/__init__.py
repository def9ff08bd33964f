"""From a scope to an answer with its receipt: what is asked, found, rendered and entered as disclosed."""
