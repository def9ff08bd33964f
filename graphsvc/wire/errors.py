"""Errors as GraphQL answers carry them."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec


class Place(msgspec.Struct):
    """A place in a document, from 1."""

    line: int
    column: int


class Extensions(msgspec.Struct, omit_defaults=True):
    """For programs: ``code``, ``where`` the problem is, and what is left of a budget where that is the problem."""

    code: str
    where: str
    budget: Mapping[str, object] | None = None


class AnswerError(msgspec.Struct, omit_defaults=True):
    """One error of an answer: words for people, and where in the answer or the document."""

    message: str
    extensions: Extensions
    path: list[str | int] | None = None
    locations: list[Place] | None = None
