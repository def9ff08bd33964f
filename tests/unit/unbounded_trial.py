"""A trial's process that does not bound what it reads: the engine dies of what the bounds would have refused."""

from __future__ import annotations

from graphsvc.policy import bounds
from graphsvc.policy.trialchild import main

if __name__ == "__main__":
    bounds.MAX_NESTING = bounds.MAX_LINKS = 1 << 30
    main()
