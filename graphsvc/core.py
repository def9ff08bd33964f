"""The running parts that all paths through the service share. It knows neither those paths nor anyone's powers."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

from graphsvc.columns.store import Columns
from graphsvc.graph.handles import Handles
from graphsvc.graph.holdings import Holdings
from graphsvc.graph.read import Reader
from graphsvc.ledger.log import Ledger
from graphsvc.model.labels import Label
from graphsvc.model.principals import Entitlements, Footing, Principal
from graphsvc.model.schema import Schema
from graphsvc.policy.decide import Decider
from graphsvc.policy.scope import Scope
from graphsvc.projection.apply import Applier, Payloads


@dataclass(frozen=True, slots=True)
class Core:
    """The parts of one service. ``handles`` gives an organisation's handles, ``entitled`` what a reader was given."""

    ledger: Ledger
    payloads: Payloads
    applier: Applier
    reader: Reader
    holdings: Holdings
    columns: Columns
    decider: Decider
    schema: Schema
    handles: Callable[[str], Handles]
    entitled: Callable[..., Entitlements]

    def scope(self, principal: Principal, footing: Footing, at_hand: bool = False) -> Scope:
        """The caller's scope now, without records whose withdrawal or move is logged but not yet applied.

        ``at_hand``: raises NotAtHand where something for it would have to be read first.
        """
        at = self.ledger.head - 1
        registered = bool(footing.case) and self.ledger.has_case(principal.org, footing.case)
        entitlements = self.entitled(principal, footing, time.time(), at_hand)
        scope = self.decider.scope(principal, footing, registered, entitlements, self.applier.labels, at)

        def alike(before: Label, label: Label) -> bool:
            return self.decider.alike(principal, footing, registered, entitlements, (before, label))

        hidden, hidden_in = self.applier.hidden(at, alike, at_hand)
        return replace(scope, hidden=hidden, hidden_in=hidden_in) if hidden or hidden_in else scope

    def labels_of(self, org: str) -> Mapping[int, Label]:
        """An owner's labels by number."""
        return {lid: label for lid, label in self.applier.labels.items() if label.owner == org}
