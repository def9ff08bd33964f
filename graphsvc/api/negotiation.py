"""Media types of GraphQL over HTTP: what is accepted, and what is answered."""

from __future__ import annotations

from functools import lru_cache

GRAPHQL = "application/graphql-response+json"
JSON = "application/json"


@lru_cache(maxsize=256)
def answer_type(accept: str) -> str | None:
    """The media type to answer in for an ``Accept`` header (empty: none was sent); None where none fits.

    Ranges that accept anything get ``application/json``, as GraphQL over HTTP advises for clients that don't say.
    """
    if not accept.strip():
        return JSON
    offers: list[tuple[float, int, str]] = []
    for position, item in enumerate(accept.split(",")):
        name, *parameters = (part.strip().lower() for part in item.split(";"))
        kind = {GRAPHQL: GRAPHQL, JSON: JSON, "application/*": JSON, "*/*": JSON}.get(name)
        quality = _quality(parameters)
        if kind is not None and quality > 0 and _utf8(parameters):
            offers.append((-quality, position, kind))
    return min(offers)[2] if offers else None


@lru_cache(maxsize=256)
def takes_json(content_type: str) -> bool:
    """Whether a ``Content-Type`` is JSON in UTF-8."""
    name, *parameters = (part.strip().lower() for part in content_type.split(";"))
    return name == JSON and _utf8(parameters)


def _quality(parameters: list[str]) -> float:
    for parameter in parameters:
        if parameter.startswith("q="):
            try:
                return min(max(float(parameter[2:]), 0.0), 1.0)
            except ValueError:
                return 0.0
    return 1.0


def _utf8(parameters: list[str]) -> bool:
    for parameter in parameters:
        name, _, value = parameter.partition("=")
        if name.strip() == "charset" and value.strip().strip('"') not in {"utf-8", "utf8"}:
            return False
    return True
