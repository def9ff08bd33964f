"""Which act of sharing is carried out by what."""

from __future__ import annotations

from typing import TYPE_CHECKING

from graphsvc.sharing.desk import Desk
from graphsvc.sharing.disclosures import Disclosures
from graphsvc.sharing.groups import Groups
from graphsvc.sharing.moves import Mover
from graphsvc.sharing.preservations import Preservations

if TYPE_CHECKING:
    from graphsvc.acts.signed import Handler
    from graphsvc.core import Core
    from graphsvc.sharing.kept import Kept


def sharing_handlers(core: Core, kept: Kept) -> dict[str, Handler]:
    """The handlers of all acts of sharing, by kind."""
    desk, mover = Desk(core.ledger, core.applier.notify), Mover(core, kept)
    disclosures, groups = Disclosures(desk, mover), Groups(desk, mover)
    preservations = Preservations(desk, disclosures, kept)
    return {
        "disclosure-request": disclosures.request,
        "disclosure-decision": disclosures.decide,
        "disclosure-answer": disclosures.answer,
        "request-remind": disclosures.remark,
        "request-withdraw": disclosures.remark,
        "grant-revoke": disclosures.revoke,
        "preservation-request": preservations.request,
        "preservation-acknowledge": preservations.acknowledge,
        "preservation-extend": preservations.extend,
        "preservation-lift": preservations.lift,
        "production-request": preservations.produce,
        "group-create": groups.create,
        "group-invite": groups.invite,
        "group-accept": groups.accept,
        "group-leave": groups.leave,
        "group-remove": groups.remove,
        "records-share": groups.share,
        "records-unshare": groups.unshare,
    }
