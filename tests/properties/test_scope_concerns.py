"""No event that changes a reader's scope is missed by the rule of whom it concerns, whatever the order of acts.

The global rule (any scope event refuses any older read) misses nothing. Acts of all kinds that give or take are done in
random order by several organisations, through the real ledger, desk and decider. After each, every reader's scope is
taken anew: where it is another than before, a read under the old one must be refused. Nothing is applied meanwhile, so
what an act takes from view is what the ledger alone says, as in the moment after it.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import MappingProxyType, SimpleNamespace
from typing import Any

import msgspec
import pytest
from sqlalchemy import Connection, insert, update

from graphsvc.acts.signed import Acted, Acting, Handler, SignedAct, handlers_of
from graphsvc.client.acts import sign_act
from graphsvc.client.enrol import Enroller
from graphsvc.client.keys import SigningKey
from graphsvc.core import Core
from graphsvc.ledger import tables
from graphsvc.ledger.entry import EntryDraft
from graphsvc.ledger.log import Ledger
from graphsvc.lifecycle.recall import Decision, withdrawal_entry
from graphsvc.lifecycle.store import RECALLED
from graphsvc.model.errors import GraphsvcError, ScopeMoved
from graphsvc.model.labels import Handling, Label, Move
from graphsvc.model.places import ROW_BITS
from graphsvc.model.principals import Footing, Organisation, Principal
from graphsvc.model.product import product_data
from graphsvc.policy.decide import READS, Decider
from graphsvc.policy.rules import load_policies
from graphsvc.policy.scope import Scope
from graphsvc.projection.apply import Applier
from graphsvc.projection.changes import WITHDRAWAL
from graphsvc.projection.schedule import Progress
from graphsvc.sharing.desk import Desk, Effect, Told
from graphsvc.sharing.entitlements import Entitled
from graphsvc.sharing.groups import Groups
from graphsvc.sharing.moves import with_grant, with_group, without_group
from graphsvc.wire.deeds import ACTS
from graphsvc.wire.sharing import SharedRecords, SharingGroup
from graphsvc_verify.meaning import grant_id

ORIGIN = "concerns.test/log"
MEMBERS = {"pasar": "company", "swiftline": "courier", "customs-cn": "customs", "police-ke": "police"}
GROUPS = ("route", "ivory")
FOOTING = Footing("investigation", "court-order", "K-1")
STEPS = 40


class World:
    """Four organisations; each has a record under every label of its own. ``label_of`` is where a record is by now."""

    def __init__(self, folder: Path, seed: int) -> None:
        self.random = random.Random(seed)
        self.ledger = Ledger.open(folder, ORIGIN)
        self.enrollers: dict[str, tuple[Enroller, SigningKey]] = {}
        self.last_key: dict[str, int] = {}
        for org, kind in MEMBERS.items():
            root, key = SigningKey.new(), SigningKey.new()
            self.ledger.admit(Organisation(org, kind, "KE", org), root.public, "operator")
            self.enrollers[org] = Enroller(org, ORIGIN, root), key
            self.last_key[org] = self.ledger.enrol(self.enrollers[org][0].signing(key, f"p@{org}", ("officer",), None))
        self.placed: dict[int, int] = {}
        self.labels: dict[int, Label] = {}
        for org in MEMBERS:
            self._submit(org)
        self.label_of = {record: self.labels[lid] for record, lid in self.placed.items()}
        nothing: Any = SimpleNamespace(store=None, keys=None, writer=None)
        self.applier = Applier(self.ledger, nothing, nothing)  # it applies nothing
        self.applier.labels = MappingProxyType(self.labels)
        self.applier.progress = Progress(self.ledger.head)
        self.entitled = Entitled(self.ledger)
        unused: Any = None
        decider = Decider(load_policies(product_data("policies")))
        self.core = Core(
            *(self.ledger, unused, self.applier),
            reader=unused,
            holdings=unused,
            columns=unused,
            decider=decider,
            schema=unused,
            handles=unused,
            # Read anew each time: what is kept between questions hangs on the same rule.
            entitled=lambda *asked: Entitled(self.ledger)(*asked),
        )
        self.desk = Desk(self.ledger, lambda: None)
        groups = Groups(self.desk, unused)
        handlers = handlers_of(groups)
        self.members_acts = {kind: one for kind, one in handlers.items() if one.body.answer is SharingGroup}
        assert len(self.members_acts) == 5, "founding, inviting, accepting, leaving, removing"
        self.grants: list[tuple[str, str, str]] = []

    def _submit(self, org: str) -> None:
        def effects(connection: Connection, index: int, t: str) -> None:
            case = {"org": org, "reference": "K-1", "title": "x", "legal_basis": "court-order", "index": index, "t": t}
            connection.execute(insert(tables.cases), case)

        index = self.ledger.append(EntryDraft(type="submission", effects=effects)).result().index
        for row, (code, groups) in enumerate((c, g) for c in ("RED", "AMBER", "GREEN") for g in ((), ("route",))):
            lid = len(self.labels)
            handling = Handling("tlp-2.0", code)
            self.labels[lid] = Label(org, MEMBERS[org], "KE", handling, "GREEN", "court-order", (), groups)
            self.placed[index << ROW_BITS | row] = lid

    # What readers have

    def scopes(self) -> dict[tuple[str, bool], Scope]:
        """The scope of an investigator of each organisation, with a footing stated and without."""
        return {
            (org, stated): self.core.scope(
                Principal(self.ledger.organisations()[org], "p", ("investigator", "analyst")),
                FOOTING if stated else Footing(),
            )
            for org in MEMBERS
            for stated in (True, False)
        }

    def shown(self, scope: Scope) -> object:
        """All that the scope opens: per action the records, and when it ends."""
        whole = {record for record in self.placed if record >> ROW_BITS in scope.hidden_in}
        hidden = set(scope.hidden) | whole
        names = [action.removeprefix("view:") for action in READS]
        opened = {
            name: sorted(r for r, lid in self.placed.items() if lid in scope.allowed(name) and r not in hidden)
            for name in names
        }
        return opened, scope.policy, scope.valid_until

    def refused(self, scopes: dict[tuple[str, bool], Scope]) -> dict[tuple[str, bool], bool]:
        """Whether the sequencer refuses a read under each scope."""
        reads = {
            key: EntryDraft(type="read", requester=key[0], at=scope.at, read=True, sees=scope.owners)
            for key, scope in scopes.items()
        }
        outcomes = {key: self.ledger.append(read) for key, read in reads.items()}
        return {key: isinstance(outcome.exception(), ScopeMoved) for key, outcome in outcomes.items()}

    # What happens

    def step(self) -> str:
        """One act by somebody; its name, also where it is refused."""
        org = self.random.choice(list(MEMBERS))
        act = self.random.choice(
            (self.group_act, self.group_act, self.move, self.move, self.recall, self.grant, self.revoke, self.key)
        )
        with suppress(GraphsvcError):
            return act(org)
        return "refused"

    def act(self, org: str, kind: str, sub: str, body: dict[str, Any], handler: Handler) -> None:
        compact = sign_act(self.enrollers[org][1], (ORIGIN, org), kind, sub, body, self.ledger.head - 1)
        principal = Principal(self.ledger.organisations()[org], "p", ("officer",))
        asyncio.run(Acting(self.ledger, {kind: handler}).act(principal, kind, compact))

    def write(
        self, org: str, said: tuple[str, str, dict[str, Any]], told: Callable[[SignedAct], Told],
        effect: Effect = lambda *_: None,
    ) -> None:  # fmt: skip
        """The entry of an act that is ``said`` (kind, sub, body), by the desk itself."""

        async def carry_out(signed: SignedAct, _: Any) -> Acted:
            appended = await self.desk.write(signed, told(signed), effect)
            return Acted(SharedRecords(index=appended.index, sharing_group="", records=0), appended.encoded)

        self.act(org, *said, Handler(ACTS[said[0]], carry_out))

    def group_act(self, org: str) -> str:
        kind = self.random.choice(list(self.members_acts))
        other = self.random.choice([one for one in MEMBERS if one != org])
        until = (datetime.now(UTC) + timedelta(days=self.random.choice((1, 2)))).strftime("%Y-%m-%dT%H:%M:%SZ")
        body: dict[str, Any] = {
            "create-group": {"purpose": "x"},
            "invite-to-group": {"org": other, **self.random.choice(({}, {"until": until}))},
            "remove-from-group": {"org": other},
        }.get(kind, {})
        self.act(org, kind, self.random.choice(GROUPS), body, self.members_acts[kind])
        return kind

    def _own(self, org: str) -> tuple[int, Label]:
        record = self.random.choice([record for record, label in self.label_of.items() if label.owner == org])
        return record, self.label_of[record]

    def move(self, org: str) -> str:
        record, before = self._own(org)
        codes, group = ("RED", "AMBER", "GREEN"), self.random.choice(GROUPS)
        kind, to = self.random.choice(
            (
                ("share-records", with_group(before, group)),
                ("unshare-records", without_group(before, group)),
                ("", msgspec.structs.replace(before, handling=Handling("tlp-2.0", self.random.choice(codes)))),
            )
        )
        if to == before:
            return "unmoved"
        told = Told((org,), moves=[Move([record], to, before)])
        if kind:
            named = {"submission": record >> ROW_BITS, "rows": [record & ((1 << ROW_BITS) - 1)]}
            self.write(org, (kind, group, {"target": named}), lambda _: told)
        else:
            # No act reclassifies records; the entry is the operator's.
            body = {"moves": msgspec.to_builtins(list(told.moves))}
            self.ledger.append(EntryDraft(type="label", body=body, concerns=told.concerns)).result()
        self.label_of[record] = to
        return "move"

    def recall(self, org: str) -> str:
        record, _ = self._own(org)
        row = record & ((1 << ROW_BITS) - 1)
        decision = Decision(org, RECALLED, f"p@{org}", "no", "2099-01-01T00:00:00Z")
        self.ledger.append(withdrawal_entry(decision, ((record >> ROW_BITS, row, row),), WITHDRAWAL, {}, 1)).result()
        return "recall"

    def grant(self, org: str) -> str:
        record, before = self._own(org)
        grantee = self.random.choice([one for one in MEMBERS if one != org])
        until = "2099-01-01T00:00:00Z"
        row = {
            **{"request": "r", "owner": org, "grantee": grantee, "case": "K-1", "conditions": "", "until": until},
            **{"purpose": "investigation", "legal_basis": "", "actions": ["match", "view"], "records": 1},
        }
        moves: list[Move] = []

        def told(signed: SignedAct) -> Told:
            row["id"] = grant_id(signed.deed)
            moves.append(Move([record], with_grant(before, grant_id(signed.deed)), before))
            return Told((grantee, org), moves=moves, given=True)

        def enter(connection: Connection, index: int, _t: str) -> None:
            connection.execute(insert(tables.grants), {**row, "index": index})

        said = {"decision": "grant", "target": {"records": ["h"]}, "fieldGroups": [], "until": until}
        self.write(org, ("decide-disclosure", "r", said), told, enter)
        self.label_of[record] = moves[0].label
        self.grants.append((str(row["id"]), org, grantee))
        return "grant"

    def revoke(self, _org: str) -> str:
        if not self.grants:
            return "nothing to revoke"
        name, owner, grantee = self.grants.pop(self.random.randrange(len(self.grants)))

        def end(connection: Connection, index: int, _t: str) -> None:
            connection.execute(update(tables.grants).where(tables.grants.c.id == name).values(revoked=index))

        said = ("revoke-grant", name, {"reason": "over"})
        self.write(owner, said, lambda _: Told((grantee, owner), "r", given=True), end)
        return "revoke"

    def key(self, org: str) -> str:
        enroller, _ = self.enrollers[org]
        more = enroller.signing(SigningKey.new(), f"q@{org}", ("analyst",), self.last_key[org])
        self.last_key[org] = self.ledger.enrol(more)
        return "key"


@pytest.mark.parametrize("seed", range(3))
def test_no_event_that_changes_a_scope_is_missed(tmp_path: Path, seed: int) -> None:
    world = World(tmp_path, seed)
    seen = Counter[str]()
    before = world.scopes()
    for _ in range(STEPS):
        last = world.ledger.last_scope_event
        kind = world.step()
        moved = world.ledger.last_scope_event != last
        after = world.scopes()
        for who, scope in after.items():
            given = scope.principal, FOOTING, time.time()
            assert world.entitled(*given) == Entitled(world.ledger)(*given), f"{who} is decided by what it had before"
        refused, again = world.refused(before), world.refused(after)
        for who, old in before.items():
            changed = world.shown(old) != world.shown(after[who])
            assert refused[who] or not changed, f"{kind} was missed by {who}"
            assert moved or not refused[who], "nothing is refused that the global rule would let through"
            assert not again[who], "under the scope taken after it, the read goes through"
            seen["changed" if changed else "refused" if refused[who] else "spared" if moved else "still"] += 1
        seen[kind] += 1
        before = after
    world.ledger.close()
    assert min(seen[name] for name in ("changed", "spared", "move", "recall", "grant")) > 0, seen
