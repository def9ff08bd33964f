"""Who may see what: policies in, one scope per reader out."""
