"""What is counted and traced of requests: routes, methods, statuses, times, root fields and codes of errors.

None of it is chosen by a caller: a label is a word of the program's own (the template of a route, never its path), so
neither metrics nor traces can hold an identifier, and there are never more series than the program has words.
"""

from __future__ import annotations

import time
from collections.abc import Iterable
from contextlib import AbstractContextManager, nullcontext

from graphql import FieldNode
from opentelemetry.context import Context
from opentelemetry.trace import Span, SpanKind, Status, StatusCode, Tracer
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator
from prometheus_client import CollectorRegistry, Counter, Histogram
from starlette.datastructures import Headers
from starlette.routing import Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from graphsvc.api.documents import Prepared

SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)
"""Upper bounds of the histogram of times."""
_PARENT = "traceparent"


class Observed:
    """Counts requests, and traces them where there is a tracer. One instance a service."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.tracer: Tracer | None = None
        self._requests = Counter(
            "graphsvc_requests", "HTTP requests answered.", ("method", "route", "status"), registry=self.registry
        )
        self._seconds = Histogram(
            "graphsvc_request_seconds",
            "From a request's head to the end of its answer.",
            ("method", "route"),
            buckets=SECONDS,
            registry=self.registry,
        )
        self._fields = Counter(
            "graphsvc_fields", "Root fields asked for by GraphQL.", ("operation", "field"), registry=self.registry
        )
        self._errors = Counter(
            "graphsvc_errors", "GraphQL requests that were not answered.", ("code",), registry=self.registry
        )

    def routes(self, routes: Iterable[Route]) -> None:
        """Count what these routes answer."""
        for one in routes:
            one.app = self._observed(one.path, one.app)

    def asked(self, prepared: Prepared) -> None:
        """Count the root fields of a document that is valid, so their names are those of the schema."""
        operation = prepared.operation.operation.value
        for node in prepared.operation.selection_set.selections:
            if isinstance(node, FieldNode):
                self._fields.labels(operation, node.name.value).inc()

    def failed(self, code: str) -> None:
        """Count a GraphQL request that was answered by an error with this code alone."""
        self._errors.labels(code).inc()

    def _observed(self, path: str, inner: ASGIApp) -> ASGIApp:
        async def answer(scope: Scope, receive: Receive, send: Send) -> None:
            began, status = time.perf_counter(), 0
            method = scope["method"]

            async def sent(message: Message) -> None:
                nonlocal status
                if message["type"] == "http.response.start":
                    status = message["status"]
                await send(message)

            with self._span(method, path, scope) as span:
                try:
                    await inner(scope, receive, sent)
                finally:
                    # Status 0: nobody was there any more to be answered.
                    self._requests.labels(method, path, status).inc()
                    self._seconds.labels(method, path).observe(time.perf_counter() - began)
                    if span is not None:
                        _end(span, status)

        return answer

    def _span(self, method: str, path: str, scope: Scope) -> AbstractContextManager[Span | None]:
        if self.tracer is None:
            return nullcontext()
        return self.tracer.start_as_current_span(
            f"{method} {path}",
            context=_parent(scope),
            kind=SpanKind.SERVER,
            attributes={"http.request.method": method, "http.route": path},
            # The words of an exception may hold values.
            record_exception=False,
            set_status_on_exception=False,
        )


def _end(span: Span, status: int) -> None:
    span.set_attribute("http.response.status_code", status)
    if status >= 500:
        span.set_status(Status(StatusCode.ERROR))


def _parent(scope: Scope) -> Context | None:
    """The span of the caller's own trace, where it sends one. What else it says of its trace is left where it is."""
    said = Headers(scope=scope).get(_PARENT)
    return None if said is None else TraceContextTextMapPropagator().extract({_PARENT: said})
