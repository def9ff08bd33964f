"""The fields of a row as a whole, cleaned: its label, grading, origin, own reference and times."""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache
from typing import Any

from graphsvc.model.drafts import Defaults, Draft, Grading, Observed, Origin
from graphsvc.model.hints import hint
from graphsvc.model.labels import Handling, Label
from graphsvc.model.principals import Organisation
from graphsvc.model.references import own_reference
from graphsvc.model.scalars import ValueProblem, as_text, first_moment, fold, last_moment
from graphsvc.model.schema import Schema
from graphsvc.model.slugs import FORM, SLUG

MAX_VALUES = 200
"""At most this many values of one attribute, and purposes or groups of one row."""
MAX_REFERENCE = 200
"""At most this many characters in an origin's reference."""
NO_GRADING = Grading()

_CAREFUL_PAP = "RED"


class Rejected(Exception):
    """Ends the cleaning of one row; carries its problem."""

    def __init__(self, code: str, pointer: str, message: str) -> None:
        super().__init__(code)
        self.problem = (code, pointer, message)


def label_of(draft: Draft, schema: Schema, defaults: Defaults, organisation: Organisation) -> Label:
    """The label of a row. Raises Rejected."""
    handling = draft.handling or defaults.handling
    if handling is None:
        raise Rejected("handling_missing", "/handling", "give a handling code in the row or the submission's defaults")
    purposes = draft.purposes if draft.purposes is not None else defaults.purposes
    groups = draft.groups if draft.groups is not None else defaults.groups
    if max(len(purposes or ()), len(groups or ())) > MAX_VALUES:
        raise Rejected("too_many", "/groups", f"at most {MAX_VALUES} groups and as many purposes")
    pap = draft.pap or defaults.pap or _CAREFUL_PAP
    basis = draft.legal_basis or defaults.legal_basis or ""
    given = (handling.scheme, handling.code, pap, basis, tuple(purposes or ()), tuple(groups or ()))
    return _interned(schema, organisation, given)


_LabelWords = tuple[str, str, str, str, tuple[str, ...], tuple[str, ...]]


@lru_cache(maxsize=1 << 12)
def _interned(schema: Schema, organisation: Organisation, given: _LabelWords) -> Label:
    """The checked label for one combination of words, shared by all rows with it. Without purposes it serves any."""
    scheme, code, pap, legal_basis, purposes, groups = given
    if f"handling-{scheme}" not in schema.codelists:
        schemes = [name.removeprefix("handling-") for name in schema.codelists if name.startswith("handling-")]
        raise Rejected("unknown_scheme", "/handling/scheme", f"handling schemes are: {', '.join(schemes)}")
    if not legal_basis:
        raise Rejected("legal_basis_missing", "/legalBasis", "say on which legal basis the row is given")
    return Label(
        owner=organisation.org,
        owner_kind=organisation.kind,
        jurisdiction=organisation.jurisdiction,
        handling=Handling(scheme, _code(schema, f"handling-{scheme}", code, "/handling/code")),
        pap=_code(schema, "pap", pap, "/pap"),
        legal_basis=_code(schema, "legal-bases", legal_basis, "/legalBasis"),
        purposes=tuple(sorted({_code(schema, "purposes", one, f"/purposes/{i}") for i, one in enumerate(purposes)})),
        groups=tuple(sorted({_slug(one, f"/groups/{i}") for i, one in enumerate(groups)})),
    )


@lru_cache(maxsize=1 << 10)
def grading_of(grading: Grading, schema: Schema) -> Grading:
    """The grading with its codes as the scheme writes them; both codes must be given, or nothing at all."""
    if grading == NO_GRADING:
        return NO_GRADING
    scheme = grading.scheme
    if f"{scheme}-source" not in schema.codelists or f"{scheme}-information" not in schema.codelists:
        known = [name.removesuffix("-information") for name in schema.codelists if name.endswith("-information")]
        raise Rejected("bad_grading", "/grading/scheme", suggested("grading scheme", scheme, known))
    return Grading(
        scheme,
        _code(schema, f"{scheme}-source", grading.source, "/grading/source", "bad_grading"),
        _code(schema, f"{scheme}-information", grading.information, "/grading/information", "bad_grading"),
    )


def origin_of(given: Origin | None, default: Origin | None, organisation: Organisation) -> Origin | None:
    """The origin with its organisation's slug; None where it only repeats who the owner is.

    A row that gives only a reference takes the organisation from the submission's defaults.
    """
    origin = given or default
    if origin is None:
        return None
    if default is not None and not origin.organisation:
        origin = Origin(default.organisation, origin.reference)
    named, reference = fold(origin.organisation).casefold(), fold(origin.reference)
    if named and SLUG.fullmatch(named) is None:
        raise Rejected("bad_origin", "/origin/organisation", f"an organisation is named by its slug: {FORM}")
    if len(reference) > MAX_REFERENCE:
        raise Rejected("bad_origin", "/origin/reference", f"a reference has at most {MAX_REFERENCE} characters")
    if not reference and named in ("", organisation.org):
        return None
    return Origin(named or organisation.org, reference)


def reference_of(draft: Draft) -> str | None:
    """The owner's own reference of a row, None without one. Raises Rejected."""
    try:
        return own_reference(draft.supersedes)
    except ValueProblem as problem:
        where = "/supersedes" if problem.code == "bad_supersedes" else "/supersedes/reference"
        raise Rejected(problem.code, where, problem.message) from problem


def interval_of(observed: Observed | None, pointer: str) -> tuple[str | None, str | None]:
    """The first and the last moment of an interval. Raises Rejected at ``pointer``."""
    if observed is None:
        return None, None
    since = moment_of(observed.since, f"{pointer}/since", first_moment) if observed.since else None
    until = moment_of(observed.until, f"{pointer}/until", last_moment) if observed.until else None
    if since is not None and until is not None and since[:19] > until[:19]:
        raise Rejected("bad_interval", pointer, "since lies after until")
    return since, until


def moment_of(value: str, pointer: str, rule: Any) -> str:
    """A time as ``rule`` reads it. Raises Rejected at ``pointer``."""
    try:
        when: str = rule(value)
    except ValueProblem as problem:
        raise Rejected(problem.code, pointer, problem.message) from problem
    return when


def _code(schema: Schema, codelist: str, value: str, pointer: str, code: str | None = None) -> str:
    try:
        return schema.codelists[codelist].clean(value)
    except ValueProblem as problem:
        raise Rejected(code or problem.code, pointer, problem.message) from problem


def _slug(value: str, pointer: str) -> str:
    slug = as_text(value).strip().casefold()
    if SLUG.fullmatch(slug) is None:
        raise Rejected("bad_group", pointer, f"a sharing group is named by its slug: {FORM}")
    return slug


def suggested(what: str, given: str, known: Iterable[str]) -> str:
    """What to say of a name that the schema does not have, with names that are like it."""
    return f"the schema has no such {what}; {hint(given[:100], known)}"
