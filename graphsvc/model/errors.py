"""The errors of graphsvc, one tree.

::

    GraphsvcError
    ├── InvalidInput            the caller's bytes or values are wrong (says where and what to do)
    │   ├── InvalidManifest     the signed manifest, its signature or its digests do not hold
    │   ├── InvalidSignature    a request's own signature, or what it covers, does not hold
    │   ├── InvalidQuery        a GraphQL document or variable that can't be answered
    │   └── TooLarge            a stated limit was passed
    ├── Unauthenticated         no valid access token
    ├── Denied                  the caller may not do this at all (never: may not see this)
    ├── BudgetSpent             the organisation has asked for as many identifiers today as it may
    ├── TooMany                 the caller or its organisation asks for too much at once: wait
    ├── NotFound                absent, forbidden, expired, recalled and foreign alike
    ├── Conflict                the state has moved, or an idempotency key is in flight
    │   ├── KeyReused           an idempotency key came again with another body
    │   └── ScopeMoved          a policy, key, label, grant or recall event lies between scope and append
    ├── Unavailable             try again later (graph down, still applying)
    │   └── NoRoom              the disk is full, or nearly: nothing was stored
    └── IntegrityError          stored state contradicts itself: stop and look

Messages say what and where; they never hold an identifier of a person, a secret or a connection string.
"""

from __future__ import annotations

from collections.abc import Mapping


class GraphsvcError(Exception):
    """Base of all errors that graphsvc raises on purpose.

    ``code`` is a stable, documented word for machines; ``message`` is for people; ``where`` points
    into the input (``row 12``, ``/entities/0/key/value``, ``header Idempotency-Key``) or is empty.
    """

    code = "error"

    def __init__(self, message: str, *, code: str | None = None, where: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.where = where
        if code is not None:
            self.code = code


class InvalidInput(GraphsvcError):
    """The caller's bytes or values are wrong."""

    code = "invalid_input"


class InvalidManifest(InvalidInput):
    """The signed manifest, its signature or one of its digests does not hold."""

    code = "invalid_manifest"


class InvalidSignature(InvalidInput):
    """A request's own signature, or what it covers, does not hold."""

    code = "bad_signature"


class InvalidQuery(InvalidInput):
    """A query that can't be answered as asked."""

    code = "invalid_query"


class TooLarge(InvalidInput):
    """A stated limit was passed."""

    code = "too_large"


class Unauthenticated(GraphsvcError):
    """No valid access token came with the request."""

    code = "unauthenticated"


class Denied(GraphsvcError):
    """The caller may not do this at all."""

    code = "denied"


class BudgetSpent(GraphsvcError):
    """The organisation's identifiers of today are used up; nothing was looked up.

    ``retry_after``: seconds until the day ends; ``budget``: what the caller is told (``limit``, ``used``, ``left``,
    ``resetsAt``).
    """

    code = "budget_spent"

    def __init__(
        self, message: str, *, retry_after: int = 0, budget: Mapping[str, int | str] | None = None, where: str = ""
    ) -> None:
        super().__init__(message, where=where)
        self.retry_after = retry_after
        self.budget = dict(budget or {})


class TooMany(GraphsvcError):
    """The caller or its organisation asks for too much at once; nothing was done. ``retry_after`` is seconds."""

    code = "too_many_requests"

    def __init__(self, message: str, *, retry_after: int = 0, where: str = "") -> None:
        super().__init__(message, where=where)
        self.retry_after = retry_after


class NotAtHand(Exception):
    """A value is not in memory, and the calling thread must not wait for a disk: ask again from one that may."""


class NotFound(GraphsvcError):
    """Absent, forbidden, expired, recalled or foreign: all look alike."""

    code = "not_found"


class Conflict(GraphsvcError):
    """The state has moved, or the same request is in flight."""

    code = "conflict"


CHANGED = "list_changed"
"""The code of a conflict: the parts of a list that came before are others now, so none can follow them exactly."""


class KeyReused(Conflict):
    """An idempotency key came again with another body."""

    code = "idempotency_key_reused"


class ScopeMoved(Conflict):
    """Access rules changed between taking the scope and appending the read: run it again."""

    code = "scope_moved"


class Unavailable(GraphsvcError):
    """The service can't do this now; nothing was stored; try again later."""

    code = "unavailable"


class NoRoom(Unavailable):
    """The disk is full, or nearly: nothing was stored. Once there is room, the service goes on by itself."""

    code = "storage_full"


class IntegrityError(GraphsvcError):
    """Stored state contradicts itself."""

    code = "integrity"
