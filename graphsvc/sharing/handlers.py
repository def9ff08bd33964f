"""What carries out the acts of sharing."""

from __future__ import annotations

from graphsvc.acts.signed import Handler, handlers_of
from graphsvc.core import Core
from graphsvc.sharing.desk import Desk
from graphsvc.sharing.disclosures import Disclosures
from graphsvc.sharing.groups import Groups
from graphsvc.sharing.kept import Kept
from graphsvc.sharing.moves import Mover
from graphsvc.sharing.preservations import Preservations


def sharing_handlers(core: Core, kept: Kept) -> dict[str, Handler]:
    """The handlers of all acts of sharing, by kind."""
    desk, mover = Desk(core.ledger, core.applier.notify), Mover(core, kept)
    disclosures = Disclosures(desk, mover)
    return handlers_of(disclosures, Groups(desk, mover), Preservations(desk, disclosures, kept))
