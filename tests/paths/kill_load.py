"""Mixed load on a service that is killed again and again: what real clients do, retries included.

Each thread does one thing after the other and drains when it is told to: it goes on with what it has in hand, through
any number of lives of the service, until it is acknowledged or refused, and then waits.
"""

from __future__ import annotations

import random
import threading
import time
import traceback
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx2
import pytest

from graphsvc.client import Client
from graphsvc.client.acts import form_of, head_of, sign_act
from graphsvc.client.errors import Refused, Unreachable
from graphsvc.client.keys import SigningKey
from graphsvc.client.manifest import sign_manifest
from graphsvc.client.questions import GROUPS, REQUEST, VERSIONS
from graphsvc.model.principals import Footing
from graphsvc.wire.acts import field_of
from graphsvc.wire.shapes import selection
from graphsvc_verify.canonical import digest
from tests.paths.kill_world import CASE, WATCHDOG, KillWorld, Sent, Withdrawal
from tests.paths.wire import SEARCH, account_key, file_of, phone, post, row

FOOTING = Footing("investigation", "statutory-duty", CASE)
OFFICER, ASKER = "pasar.officer", "police-ke.investigator"
SETTLED = {"act_replayed", "already_exists", "not_asked_for", "object_changed", "wrong_state"}
"""What an act is refused with that came again, or too late: whether it was taken the log says."""
OWN = "orgs/pasar.cedar"
RULE = """@id("pasar-no-%s")
forbid (
  principal,
  action == Action::"submit",
  resource
)
when { resource.code == "RED" };
"""


def is_passing(error: Refused) -> bool:
    """Whether a client would simply ask again."""
    return error.status in (401, 429) or error.status >= 500 or error.code in ("in_flight", "scope_moved")


class Load:
    """Threads that submit, read, act and propose until they are told to end."""

    def __init__(self, world: KillWorld, seed: int) -> None:
        self.world, self.figures = world, world.figures
        self._gate = threading.Condition()
        self._paused, self._ended, self._busy = True, False, 0
        self.errors: list[str] = []
        self._local = threading.local()
        self._clients: list[Client] = []
        works: list[Callable[[random.Random], None]] = [
            *(lambda rng, org=org: self._submit(rng, org) for org in ("pasar", "swiftline")),  # type: ignore[misc]
            *[self._read] * 4,
            *(self._take_back, self._disclose, self._govern, self._found),
        ]
        self._threads = [
            threading.Thread(target=self._run, args=(work, random.Random(f"{seed}/{n}")), daemon=True)
            for n, work in enumerate(works)
        ]
        for thread in self._threads:
            thread.start()

    def resume(self) -> None:
        with self._gate:
            self._paused = False
            self._gate.notify_all()

    def drain(self) -> None:
        """Return when every thread has finished what it had in hand."""
        with self._gate:
            self._paused = True
            drained = self._gate.wait_for(lambda: not self._busy, WATCHDOG)
        for error in self.errors:
            pytest.fail(error)
        assert drained, "a request never came to an end"

    def end(self) -> None:
        with self._gate:
            self._ended = True
            self._gate.notify_all()
        for thread in self._threads:
            thread.join(WATCHDOG)
        for client in self._clients:
            client.close()

    def wait_for(self, count: int) -> None:
        """Return after so many more acknowledgements of any kind, or when they take long."""
        until = len(self.world.receipts) + count
        deadline = time.monotonic() + 20
        while len(self.world.receipts) < until and time.monotonic() < deadline and not self.errors:
            time.sleep(0.01)

    def _run(self, work: Callable[[random.Random], None], rng: random.Random) -> None:
        while True:
            with self._gate:
                self._gate.wait_for(lambda: not self._paused or self._ended)
                if self._ended:
                    return
                self._busy += 1
            try:
                work(rng)
            except Exception:
                self.errors.append(traceback.format_exc()[-1_500:])
                with self._gate:
                    self._ended = True
            with self._gate:
                self._busy -= 1
                self._gate.notify_all()
            time.sleep(rng.random() * 0.05)

    def _client(self, name: str) -> Client:
        """A client of this thread at the service's present life."""
        up = self.world.up
        known: dict[str, tuple[Any, Client]] = self._local.__dict__.setdefault("clients", {})
        if name not in known or known[name][0] is not up:
            known[name] = up, self.world.client(name)
            self._clients.append(known[name][1])
        return known[name][1]

    # Submissions

    def _submit(self, rng: random.Random, org: str) -> None:
        world = self.world
        rows = rng.choice([1, 3, 20, 20, 150, 700] + [6_000] * (rng.random() < 0.05))
        name = f"{org}-{rng.getrandbits(48):012x}"
        path = world.folder / "files" / f"{name}.ndjson"
        outgoing = file_of(path, (row(f"{name}-{number}", rng.randrange(500)) for number in range(rows)))
        signed = sign_manifest(outgoing, world.up.service.origin, org, world.members[org].working)
        attempts = 0
        while True:
            up, attempts = world.up, attempts + 1
            try:
                answer = post(up.service.url, up.token(f"{org}.feed"), outgoing, signed)
            except (httpx2.TransportError, Unreachable, Refused, OSError, ValueError):
                time.sleep(0.1)
                continue
            if answer.status_code in (200, 201):
                break
            code = answer.json().get("code")
            assert answer.status_code in (401, 429) or answer.status_code >= 500 or code == "in_flight", answer.text
            time.sleep(0.1)
        world.keep(answer.json()["receipt"])
        with world.lock:
            world.sent.append(Sent(org, name, int(answer.json()["index"]), rows, outgoing, signed))
            world.acted.add(digest(signed.manifest.encode()))
        self.figures["submissions"] += 1
        self.figures["rows"] += rows
        self.figures["sent again"] += attempts > 1
        self.figures["answers lost, found again"] += answer.status_code == 200

    # Reads

    def _read(self, rng: random.Random) -> None:
        sent = self._some(rng, "swiftline", "pasar")
        if sent is None:
            return time.sleep(0.1)
        number = rng.randrange(sent.rows)
        after = sent.index if rng.random() < 0.5 else None
        try:
            answer = self._client(ASKER).query(SEARCH, account_key(f"{sent.name}-{number}"), FOOTING, after)
        except Unreachable:
            return time.sleep(0.1)
        except Refused as error:
            assert is_passing(error) or error.code == "not_applied_yet", (error.status, error.code, error.message)
            self.figures["reads refused"] += 1
            return time.sleep(0.1)
        self.world.keep(answer.receipt)
        self.figures["reads"] += 1
        found = [one["handle"] for entity in answer.data["search"] for one in entity["records"]]
        assert len(found) <= 1, "a record is there twice"
        if sent.org == "swiftline" and after is not None:
            assert found, f"row {number} of entry {sent.index} of {sent.rows} rows was acknowledged and is not found"
        return None

    def _some(self, rng: random.Random, *orgs: str) -> Sent | None:
        with self.world.lock:
            found = [one for one in self.world.sent if one.org in orgs]
        return rng.choice(found[-20:]) if found else None

    # Acts

    def _take_back(self, rng: random.Random) -> None:
        """A recall, an erasure, or a hold of rows that nothing else concerns."""
        sent = self._some(rng, "pasar")
        kind = rng.choice(["recall", "recall", "erase", "hold"])
        if sent is None:
            return time.sleep(0.1)
        free = sorted(set(range(sent.rows)) - sent.named)
        rows = frozenset(rng.sample(free, min(len(free), rng.choice([1, 2, 10]))))
        if not rows:
            return time.sleep(0.1)
        sent.named |= rows
        body = {"target": {"submission": sent.index, "rows": sorted(rows)}, "reason": "sent by mistake"}

        def named(compact: str) -> None:
            if kind != "hold":
                with self.world.lock:
                    self.world.withdrawals.append(Withdrawal(digest(compact.encode()), sent.index, rows))

        self._act(OFFICER, kind, "records", body, named=named)
        return time.sleep(rng.random() * 0.3)

    def _disclose(self, rng: random.Random) -> None:
        """A request of the police, and a grant of its holder's."""
        sent = self._some(rng, "pasar")
        if sent is None:
            return time.sleep(0.1)
        body = {
            "holder": "pasar",
            "identifiers": [{"kind": "Phone", "parts": {"value": phone(rng.randrange(500))}}],
            **{
                "purpose": FOOTING.purpose,
                "legalBasis": FOOTING.legal_basis,
                "case": CASE,
                "fieldGroups": ["identity"],
            },
            **{"deadline": _later(3), "justification": "the phone is on a seized parcel"},
        }
        made = self._act(ASKER, "request-disclosure", "pasar", body)
        if made is None:
            return None
        held = self._ask(OFFICER, REQUEST.document, {"id": made["id"]})["informationRequest"]
        handles = [record["handle"] for record in held["records"]][:3]
        decision: dict[str, Any] = {"decision": "refuse", "reason": "nothing is held"}
        if handles:
            decision = {
                "decision": "grant",
                "fieldGroups": ["identity"],
                "until": _later(30),
                "target": {"records": handles},
            }
        if self._act(OFFICER, "decide-disclosure", made["id"], decision) is not None and handles:
            self.figures["grants"] += 1
        return time.sleep(rng.random() * 0.5)

    def _govern(self, rng: random.Random) -> None:
        """Two officers bring a version of their own file into force."""
        versions = self._ask(OFFICER, VERSIONS.document, {"part": "pasar", "first": 100})["policyVersions"]
        base = next(one for one in versions if one["state"] == "in-force")["version"]
        body = {"base": base, "files": {OWN: RULE % f"{rng.getrandbits(32):08x}"}, "note": ""}
        if self._act(OFFICER, "propose-policy", "pasar", body) is not None:
            self._act(OFFICER, "approve-policy", "pasar", body, key=self.world.second)
        time.sleep(0.5 + rng.random())

    def _found(self, rng: random.Random) -> None:
        """The police found a group."""
        body = {"purpose": "ivory on the route", "rulebook": "task-force"}
        name = f"group-{rng.getrandbits(40):010x}"
        self._act(ASKER, "create-group", name, body)
        assert name in [one["id"] for one in self._ask(ASKER, GROUPS.document, {})["sharingGroups"]], "a group is lost"
        time.sleep(0.5 + rng.random())

    def _act(
        self, name: str, kind: str, sub: str, body: dict[str, Any], *,
        key: SigningKey | None = None, named: Callable[[str], None] = lambda _compact: None,
    ) -> dict[str, Any] | None:  # fmt: skip
        """Sign an act once and hand it in until there is an answer; None where only the log knows what became of it."""
        org, _, part = name.partition(".")
        field = field_of(form_of(kind))
        document = f"mutation($act: String!) {{ {field}(act: $act) {selection(form_of(kind).answer)} }}"
        place, compact, attempts = (self.world.up.service.origin, org), "", 0
        while True:
            try:
                client = self._client(name)
                if not compact:
                    key = key or self.world.members[org].people[part]
                    compact = sign_act(key, place, kind, sub, body, head_of(client))
                    named(compact)
                attempts += 1
                answer = client.query(document, {"act": compact})
            except (Unreachable, OSError, ValueError):
                time.sleep(0.1)
                continue
            except Refused as error:
                if is_passing(error):
                    time.sleep(0.1)
                    continue
                assert error.code in SETTLED, (kind, error.status, error.code, error.message)
                self.figures["acts left to the log"] += 1
                return None
            self.world.keep(answer.receipt)
            with self.world.lock:
                self.world.acted.add(digest(compact.encode()))
            self.figures["acts"] += 1
            self.figures["sent again"] += attempts > 1
            made: dict[str, Any] = answer.data[field]
            return made

    def _ask(self, name: str, document: str, variables: dict[str, Any]) -> dict[str, Any]:
        while True:
            try:
                answer = self._client(name).query(document, variables)
            except (Unreachable, OSError, ValueError):
                time.sleep(0.1)
            except Refused as error:
                assert is_passing(error), (error.status, error.code, error.message)
                time.sleep(0.1)
            else:
                self.world.keep(answer.receipt)
                return answer.data


def _later(days: int) -> str:
    return (datetime.now(UTC) + timedelta(days=days)).strftime("%Y-%m-%dT%H:%M:%SZ")
