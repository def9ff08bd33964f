"""The process of a trial (:mod:`graphsvc.policy.trial`): an order on its standard input, the answer on its output.

It holds no secret and opens no file or connection; whatever ends it early, the policy that it was given is refused.
"""

from __future__ import annotations

import os
import resource
import sys
import threading

import msgspec

from graphsvc.policy.bounds import InvalidPolicy
from graphsvc.policy.check import Finding, check_all, formatted
from graphsvc.policy.diff import difference
from graphsvc.policy.rules import policies_of
from graphsvc.policy.trial import Answer, Order

MEMORY = 3 << 29
"""Bytes of address space; the product's own policies take a seventh."""
STACK = 1 << 20
"""Bytes of the stack on which the engine runs: half of what the smallest thread of the service has."""
MAX_FINDINGS = 200
NICE = 5


def main() -> None:
    """Carry out the order that is on standard input."""
    order = msgspec.json.decode(sys.stdin.buffer.read(), type=Order)
    _limit(order)
    threading.stack_size(STACK)
    done: list[Answer] = []
    thread = threading.Thread(target=lambda: done.append(_answer(order)), name="trial")
    thread.start()
    thread.join()
    if not done:
        sys.exit(1)
    sys.stdout.buffer.write(msgspec.json.encode(done[0]))


def _limit(order: Order) -> None:
    os.nice(NICE)
    for kind, most in (
        (resource.RLIMIT_CORE, 0),
        (resource.RLIMIT_FSIZE, 0),
        (resource.RLIMIT_AS, MEMORY),
        (resource.RLIMIT_CPU, order.cpu_seconds),
    ):
        _, hard = resource.getrlimit(kind)
        lowest = most if hard == resource.RLIM_INFINITY else min(most, hard)
        resource.setrlimit(kind, (lowest, hard))


def _answer(order: Order) -> Answer:
    try:
        if order.what == "format":
            return Answer(text=formatted(next(iter(order.files.values()))))
        if order.what == "compare":
            return Answer(difference=difference(policies_of(order.old), policies_of(order.files), only=order.owners))
        if order.what == "prove":
            policies_of(order.files)
            return Answer()
        return Answer(tuple(check_all(order.files, order.tables, order.owners)[:MAX_FINDINGS]))
    except InvalidPolicy as error:
        return Answer((Finding(error.code, error.where, error.message),))


if __name__ == "__main__":
    main()
