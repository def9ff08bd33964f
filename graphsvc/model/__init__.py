"""What the case graph is made of: kinds, values, drafts, labels, people who ask, errors."""
