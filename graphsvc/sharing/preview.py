"""What the asker of a request would be shown of the holder's records, were they granted: read as it would be read.

A preview is a read of the holder's own records with the masks that the asker would have: each label is decided for the
asker, on the footing that it asked on, as if it had the grant already. Only what the holder shares counts of what else
the asker was given: its groups and grants elsewhere tell the holder nothing.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import TYPE_CHECKING

from graphsvc.answers.rendering import Shapes
from graphsvc.graph.handles import RECORD
from graphsvc.model.errors import InvalidInput
from graphsvc.model.labels import GROUPS
from graphsvc.model.principals import Entitlements, Footing, Principal
from graphsvc.policy.decide import Verdict, decide, profile_of
from graphsvc.policy.scope import ACTIONS, EXPORT, Scope
from graphsvc.sharing.moves import with_grant
from graphsvc.sharing.named import records_of_handles
from graphsvc.sharing.store import Request
from graphsvc.sharing.views import check_meant, meant, own_labels
from graphsvc.wire.answers import Link
from graphsvc.wire.sharing import GrantPreview
from graphsvc_verify.meaning import granted

if TYPE_CHECKING:
    from graphsvc.answers.questions import Reading
    from graphsvc.graph.facts import EntityFacts, LinkClaim

READER = ("investigator", "analyst")
"""The roles of whoever reads by a grant, as far as policies look at them."""
_GRANT = "preview"
"""The name of a grant that is not there; those of grants begin with a ``g`` and go on as a digest."""


@dataclass(frozen=True, slots=True)
class Offer:
    """What a holder thinks of granting: records by handle, field groups, further uses, the only legal basis or none."""

    records: Sequence[str]
    field_groups: Sequence[str]
    uses: Sequence[str] = ()
    legal_basis: str = ""


async def preview(reading: Reading, request: Request, offer: Offer) -> list[GrantPreview]:
    """What each record would show the asker of ``request``, in the order of their places.

    Raises NotFound for what is no record of the holder, InvalidInput for one that the request does not mean.
    """
    core, own = reading.core, own_labels(reading.scope)
    # 1. The holder's own records, each among those that the request means.
    org = reading.scope.principal.org
    named = await asyncio.to_thread(records_of_handles, core, org, org, offer.records)
    all_meant, _ = await meant(core.reader, own, request, reading.now)
    check_meant(named, all_meant, "records")
    lids = await core.reader.labels_of(own, named, reading.now)
    # 2. Each label as it would be with the grant, decided for the asker.
    asker, verdicts = await asyncio.to_thread(_decided, reading, request, offer, sorted(set(lids.values())))
    # 3. The same records read with the asker's masks, and told in its words; the handles are the holder's.
    scope = _masked(own, verdicts)
    facts = await core.reader.records(scope, named, reading.now)
    links = await core.reader.links_of_records(scope, facts, reading.now)
    for record, lid in lids.items():
        reading.shapes.note(record, lid)
    told = Shapes(replace(scope, principal=asker), reading.handles, core.schema, reading.shapes.room)

    def shapes() -> list[GrantPreview]:
        return [
            GrantPreview(
                record=reading.handles.seal(RECORD, record),
                rule=None if record in facts else verdicts[lid].rules.get("view", "default-deny"),
                uses=[use for use in ("analyse", EXPORT) if use in verdicts[lid].allowed],
                entities=told.entities(facts.get(record, [])).shapes(),
                links=_links(told, facts.get(record, []), links.get(record, [])),
            )
            for record, lid in sorted(lids.items())
        ]

    return await asyncio.to_thread(shapes)


def _links(told: Shapes, facts: Sequence[EntityFacts], links: Sequence[LinkClaim]) -> list[Link]:
    handles = {one.id: told.handle(one) for one in facts}
    return told.links([links], handles, {}).shapes()


def _decided(
    reading: Reading, request: Request, offer: Offer, lids: Sequence[int]
) -> tuple[Principal, Mapping[int, Verdict]]:
    """The asker as a reader, and what it may do with each label once it has the grant."""
    core, asked = reading.core, request.asked
    organisation = core.ledger.organisations().get(request.asker)
    if organisation is None:
        raise InvalidInput("the asker is no member any more", code="unknown_organisation", where="request")
    asker = Principal(organisation, "", READER)
    # A reader whose policy demands signed requests can sign them.
    footing = Footing(asked["purpose"], offer.legal_basis or asked["legalBasis"], asked["case"], signed=True)
    labels = [with_grant(reading.scope.labels[lid], _GRANT) for lid in lids]
    given = core.entitled(asker, footing, time.time())
    actions = tuple(granted({"fieldGroups": list(offer.field_groups), "uses": list(offer.uses)}))
    shared = {group for label in labels for group in label.groups}
    granted_here = {grant for label in labels for grant in label.grants}
    entitlements = Entitlements(
        groups=tuple(group for group in given.groups if group in shared),
        grants=(*(one for one in given.grants if one[0] in granted_here), (_GRANT, actions)),
    )
    policies, profile = core.decider.policies, profile_of(asker, footing, True, entitlements)
    verdicts = dict(zip(lids, decide(policies, profile, labels), strict=True))
    kept = [lid for lid, verdict in verdicts.items() if "view" not in verdict.allowed]
    for lid in kept:
        # Which rule keeps the whole record from it, grant or no grant.
        label = with_grant(reading.scope.labels[lid], _GRANT)
        rule = core.decider.explain(asker, footing, True, label, entitlements)["view"].rule
        verdicts[lid] = Verdict(verdicts[lid].allowed, MappingProxyType({"view": rule}))
    return asker, verdicts


def _masked(own: Scope, verdicts: Mapping[int, Verdict]) -> Scope:
    """The holder's own scope with the masks of another reader: nothing but labels that were decided."""
    lids = {name: list[int]() for name in (*ACTIONS, *GROUPS)}
    for lid, verdict in sorted(verdicts.items()):
        for action in verdict.allowed:
            lids[action.removeprefix("view:")].append(lid)
    rules = {(lid, group): rule for lid, verdict in verdicts.items() for group, rule in verdict.rules.items()}
    frozen = MappingProxyType({name: tuple(numbers) for name, numbers in lids.items()})
    return replace(own, lids=frozen, rules=MappingProxyType(rules), packed=None)
