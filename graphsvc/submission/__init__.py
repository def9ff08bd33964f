"""From bytes to a durable entry: a submission received, checked, sealed and acknowledged."""
