"""Checks of a stated footing: known codes, and a case that the caller's organisation has registered.

An unknown word would leave only the caller's own records in scope, and look like "nobody holds anything". The
code lists are public and the cases are the caller's own, so saying what is wrong tells nothing of anybody's records.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

from graphsvc.model.catalogues import Codelist
from graphsvc.model.errors import InvalidInput
from graphsvc.model.hints import hint
from graphsvc.model.principals import Footing

MEMBERS = {"purpose": "header graphsvc-purpose", "legal basis": "header graphsvc-legal-basis"}
"""The members of a footing that have a code list, and the header that states each."""
CASE = "header graphsvc-case"


def check_footing(
    footing: Footing,
    codelists: Mapping[str, Codelist],
    registered: Callable[[str], bool],
    cases: Callable[[], Iterable[str]],
) -> None:
    """Raise InvalidInput for a footing that is wrong or incomplete; one that states nothing at all is allowed.

    ``registered`` tells whether the caller's organisation has a case, ``cases`` lists them for a hint.
    """
    check_codes(footing, codelists)
    stated = {"purpose": footing.purpose, "legal basis": footing.legal_basis, "case": footing.case}
    lacking = [name for name, value in stated.items() if not value]
    if 0 < len(lacking) < len(stated):
        message = (
            f"the footing lacks the {' and the '.join(lacking)}: state purpose, legal basis and case, or none of them "
            "to ask of your own organisation's records only"
        )
        raise InvalidInput(message, code="incomplete_footing", where={**MEMBERS, "case": CASE}[lacking[0]])
    if footing.case and not registered(footing.case):
        known = list(cases())
        meant = hint(footing.case, known) if known else "register it first"
        raise InvalidInput(f"your organisation has no such case; {meant}", code="unknown_case", where=CASE)


def check_codes(footing: Footing, codelists: Mapping[str, Codelist], where: Mapping[str, str] | None = None) -> None:
    """Raise InvalidInput for a purpose or legal basis that is not written exactly as in its code list."""
    places = where or MEMBERS
    said = {"purpose": (footing.purpose, "purposes"), "legal basis": (footing.legal_basis, "legal-bases")}
    for name, (code, listing) in said.items():
        if code and code not in codelists[listing].codes:
            message = f"there is no such {name}; {codelists[listing].hint(code)}"
            raise InvalidInput(message, code=f"unknown_{name.replace(' ', '_')}", where=places[name])
