"""Episodes: an identifier that lies idle and then comes into other hands is two.

Numbers go back to the provider and to strangers; a burner phone that is passed on within a ring does not rest for long.
"""

from __future__ import annotations

import numpy as np

from graphsvc.detect.arrays import Ints, first_of_each
from graphsvc.detect.evidence import EARLIEST, LATEST

IDLE = 30
"""Days without a use after which a new user starts a new episode: numbers rest longer before they are given out."""


def cut_episodes(identifier: Ints, actor: Ints, since: Ints, until: Ints, idle: int = IDLE) -> Ints:
    """Each use's episode: 0 for the first of its identifier, then 1, and so on.

    A new one starts where nobody used the identifier for more than ``idle`` days and the next to use it never did so
    before. Times are days; whoever has no times used it always. Equal for every order of the uses.
    """
    count = len(identifier)
    # 1. By identifier and time; of those who start on one day old users come first.
    by_pair = np.lexsort((since, actor, identifier))
    new_pair = first_of_each(identifier[by_pair]) | first_of_each(actor[by_pair])
    earliest = since[by_pair][np.maximum.accumulate(np.where(new_pair, np.arange(count), 0))]
    fresh = np.empty(count, dtype=np.bool_)
    fresh[by_pair] = since[by_pair] == earliest
    order = np.lexsort((fresh, since, identifier))
    # 2. The last day of use so far: the maximum so far within each identifier, whose days are moved beyond the last's.
    named, begin, end = identifier[order], since[order], np.maximum(until, since)[order]
    start = first_of_each(named)
    number, width = np.cumsum(start) - 1, LATEST - EARLIEST + 1
    last = np.maximum.accumulate(end - EARLIEST + number * width) - number * width + EARLIEST
    # 3. A gap before a new user starts an episode.
    gap = np.zeros(count, dtype=np.bool_)
    gap[1:] = ~start[1:] & (begin[1:] - last[:-1] > idle) & fresh[order][1:]
    so_far = np.cumsum(gap)
    episode = np.empty(count, dtype=np.int64)
    episode[order] = so_far - so_far[np.maximum.accumulate(np.where(start, np.arange(count), 0))]
    return episode
