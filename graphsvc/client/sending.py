"""Sending with patience: retry when the service asks for it or can't be reached, and wait while it works."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

import httpx2

from graphsvc.client.answers import problem
from graphsvc.client.errors import Unreachable

ATTEMPTS = 5
"""How often a request is sent before giving up."""
PATIENCE = 60
"""Seconds; if the service asks to wait longer (Retry-After), its response is returned without waiting."""
LONG = 6 * 3600.0
"""Seconds to wait for a submission that the service is working on, unless the caller says otherwise."""
IN_FLIGHT = "in_flight"
"""The code of the one conflict that goes away by itself: the service is working on the same request."""
_AGAIN = frozenset({409, 429, 502, 503, 504})
_LOST = frozenset({502, 504})
"""The statuses of a proxy that has lost the service's answer."""

Send = Callable[[], httpx2.Response]


@dataclass(frozen=True, slots=True)
class Waiting:
    """How many seconds to wait while the service works on something; ``tell`` is called with the seconds so far."""

    seconds: float = LONG
    tell: Callable[[float], None] | None = None


PATIENT = Waiting()


def settled(send: Send, ask: Send, waiting: Waiting) -> httpx2.Response:
    """The service's decision about what ``send`` sends; all that is sent may be repeated.

    While the service is working on it, and wherever its answer was lost, ``ask`` asks what became of it: a large body
    is sent again only where the service knows nothing of it (404). Raises Unreachable.
    """
    failures, start, step = 0, time.monotonic(), send
    while True:
        pause = 0.1 * 2 ** (failures + 1)
        try:
            response = step()
        except httpx2.TransportError as error:
            failures += 1
            if failures == ATTEMPTS:
                raise Unreachable(f"the service did not answer: {type(error).__name__}") from None
            step = ask
        else:
            after = response.headers.get("retry-after", "")
            if response.status_code == 404 and step is ask is not send:
                step = send
                continue
            if response.status_code == 409 and problem(409, response.content).code == IN_FLIGHT:
                # The service has the request: however long it works on it is no failure.
                waited = time.monotonic() - start
                if waited > waiting.seconds:
                    return response
                if waiting.tell is not None:
                    waiting.tell(waited)
                failures, step = 0, ask
            else:
                failures += 1
                lost = response.status_code in _LOST and send is not ask
                if failures == ATTEMPTS or response.status_code not in _AGAIN or not (after or lost):
                    return response
                if after.isdigit() and int(after) > PATIENCE:
                    return response
                step = ask if lost else step
            pause = min(float(after), 10.0) if after.isdigit() else pause
        time.sleep(pause)
