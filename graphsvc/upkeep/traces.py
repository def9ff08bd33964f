"""Traces by OpenTelemetry, sent to a collector by OTLP over HTTP; an extra, since few need it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from opentelemetry.trace import Tracer

from graphsvc.model.errors import InvalidInput

NAME = "graphsvc"


@contextmanager
def tracing(endpoint: str) -> Iterator[Tracer]:
    """A tracer whose spans go to ``endpoint`` (a URL, as ``…/v1/traces``) during the block; at its end all are sent.

    Raises InvalidInput when the packages are not there.
    """
    try:
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
        from opentelemetry.sdk.resources import Resource
        from opentelemetry.sdk.trace import TracerProvider
        from opentelemetry.sdk.trace.export import BatchSpanProcessor
    except ImportError:
        raise InvalidInput("install graphsvc[traces] for this", code="setting", where="GRAPHSVC_TRACES") from None
    # The resource says what the service is and nothing of the machine or the process.
    provider = TracerProvider(resource=Resource({"service.name": NAME}), shutdown_on_exit=False)
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter(endpoint=endpoint)))
    try:
        yield provider.get_tracer(NAME)
    finally:
        provider.shutdown()
