"""A small world to write and read: labels, drafts and scopes made by hand."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from graphsvc.graph.facts import IDENTIFIED, Node
from graphsvc.graph.marks import Marks
from graphsvc.model.drafts import CleanDraft, CleanEntity, CleanLink, Grading
from graphsvc.model.labels import GROUPS, Handling, Label
from graphsvc.model.principals import Footing, Organisation, Principal
from graphsvc.policy.scope import Scope

NOW = 1_750_000_000
"""Any moment; 2025-06-15."""


SECRET = b"what marks and lots are drawn under"
MARKS = Marks(SECRET)


def node(key: str, world: str = IDENTIFIED) -> Node:
    """What a reader knows the entity with a key as."""
    return Node(MARKS.entity(key), world)


def label(owner: str = "pasar", code: str = "GREEN", **more: object) -> Label:
    return Label(owner, "company", "ID", Handling("tlp-2.0", code), "GREEN", "consent", **more)  # type: ignore[arg-type]


def entity(key: str, **groups: Mapping[str, object]) -> CleanEntity:
    kinds = {"account": "Account", "phone": "Phone", "parcel": "Parcel", "person": "Person"}
    return CleanEntity(kinds[key.split(":")[0]], key, {group: dict(values) for group, values in groups.items()})


def draft(
    row: int, label: Label, keys: Iterable[str], links: Iterable[tuple[str, int, int]] = (), **more: object
) -> CleanDraft:
    return CleanDraft(
        row=row,
        label=label,
        entities=[entity(key, identity={"raw": key}) for key in keys],
        links=[
            CleanLink(kind, source, target, {"operational": {"n": str(n)}})
            for n, (kind, source, target) in enumerate(links)
        ],
        **{"grading": Grading("admiralty", "B", "2"), **more},  # type: ignore[arg-type]
    )


def scope(
    labels: Mapping[int, Label],
    view: Iterable[int] | None = None,
    match: Iterable[int] | None = None,
    groups: Mapping[str, Iterable[int]] | None = None,
    hidden: Iterable[int] = (),
) -> Scope:
    """A scope that views all labels and groups, or just those named."""
    seen = tuple(sorted(labels if view is None else view))
    lids = {"view": seen, "match": tuple(sorted(seen if match is None else match)), "analyse": seen, "export": seen}
    for group in GROUPS:
        lids[group] = tuple(sorted((groups or {}).get(group, seen)))
    principal = Principal(Organisation("ke-police", "police", "KE", "Police"), "officer")
    return Scope(
        principal,
        Footing("investigation", "law", "c-1"),
        0,
        "sha256:0",
        NOW + 60.0,
        lids,
        dict(labels),
        {},
        tuple(hidden),
    )
