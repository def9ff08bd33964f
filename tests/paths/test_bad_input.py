"""Bad input: each time a clear error of the documented shape, nothing stored by halves, and the service goes on."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from datetime import datetime, timedelta, timezone
from pathlib import Path
from time import time
from typing import Any

import httpx2
import pytest

from graphsvc.client import SigningKey
from graphsvc.client.errors import Refused
from graphsvc.client.manifest import Outgoing, Signed, payload, sign_manifest
from graphsvc.demo.cast import CLIENTS
from graphsvc.demo.company import Members
from graphsvc.local.run import LocalService
from graphsvc.settings import read_settings
from graphsvc_verify.deeds import DRY_RUN, SUBMISSION
from tests.contents import spooled
from tests.disks import mounted
from tests.paths.conftest import STRANGER
from tests.paths.process import wait_ready
from tests.paths.wire import MintingIdentity, file_of, post, row

ORG, FEED = "swiftline", "swiftline.feed"
JAKARTA = timezone(timedelta(hours=7))
PROBLEM = {"type", "title", "status", "detail", "code", "where"}
GOOD = row("good", 1)
BAD_ROWS = {
    "unknown_kind": row("bad", 2).replace(b'"Phone"', b'"Telephone"'),
    "missing_key_part": row("bad", 3).replace(b'"value": "+254710000003"', b""),
    "broken_utf8": row("bad", 4).replace(b'"bad"', b'"b\xff\xfed"'),
    "bad_json": row("bad", 5)[:-1],
    "bad_draft": b'{"entities": [], "surprise": 1}',
}
Tables = ("entries", "acts", "submissions", "idempotency", "rejections", "objects")


@pytest.fixture
def stored(local_service: LocalService, members: Members) -> Callable[[], dict[str, Any]]:
    """What the service holds of submissions, read from its state directory."""

    def look() -> dict[str, Any]:
        data = local_service.data
        held: dict[str, Any] = {
            name: sorted(str(path) for path in (data / name).rglob("*") if path.is_file())
            for name in ("spool", "payloads")
        }
        for path, names in ((data / "ledger" / "ledger.db", Tables), (data / "keys" / "rows.db", ("wrapped",))):
            with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as database:
                held |= {name: database.execute(f"SELECT count(*) FROM {name}").fetchone() for name in names}
        return held

    return look


@pytest.fixture
def sender(local_service: LocalService, members: Members, tmp_path: Path) -> Sender:
    return Sender(local_service, members, tmp_path)


class Sender:
    """Swiftline's submissions as they should be, or nearly."""

    def __init__(self, service: LocalService, members: Members, folder: Path) -> None:
        self.service, self.members, self.folder = service, members, folder
        self.working = members.by_name[ORG].working

    def file(self, *rows: bytes) -> Outgoing:
        return file_of(self.folder / "rows.ndjson", rows or (GOOD,))

    def sign(self, outgoing: Outgoing, key: SigningKey | None = None) -> Signed:
        return sign_manifest(outgoing, self.service.origin, ORG, key or self.working)

    def restated(self, outgoing: Outgoing, **changes: Any) -> Signed:
        """A manifest that is signed properly and says something else."""
        signed = self.sign(outgoing)
        said = payload(outgoing, signed.measured, self.service.origin, ORG)
        return replace(signed, manifest=self.working.sign_act(SUBMISSION, {**said, **changes}))

    def post(
        self, outgoing: Outgoing, signed: Signed, key: str | None = None, token: str | None = None
    ) -> httpx2.Response:
        return post(self.service.url, token or self.members.token(FEED), outgoing, signed, key)

    def applied(self) -> None:
        """Wait until all that was taken is in the graph, so that nothing reads the state directory any more."""
        asked = "query($after: Int) { submissions(first: 1, after: $after) { applied } }"
        answer = self.members.client(FEED).query(asked, after=1 << 30)
        assert answer.data["submissions"][0]["applied"]

    def works(self) -> None:
        """The service is there and takes a good submission."""
        wait_ready(self.service.url)
        outgoing = self.file()
        assert self.post(outgoing, self.sign(outgoing)).status_code == 201


def is_problem(answer: httpx2.Response, status: int, code: str) -> dict[str, Any]:
    assert (answer.status_code, answer.headers["content-type"]) == (status, "application/problem+json"), answer.text
    said: dict[str, Any] = answer.json()
    assert said.keys() >= PROBLEM and all(isinstance(said[name], str) for name in PROBLEM - {"status"})
    assert (said["status"], said["code"], said["type"]) == (status, code, f"urn:graphsvc:problem:{code}")
    assert said["title"] and said["detail"]
    return said


@pytest.mark.parametrize("code", BAD_ROWS)
def test_a_submission_without_a_good_row_stores_nothing(sender: Sender, stored: Callable[[], Any], code: str) -> None:
    outgoing, before = sender.file(BAD_ROWS[code]), stored()
    said = is_problem(sender.post(outgoing, sender.sign(outgoing)), 422, "no_row_accepted")
    assert [(one["row"], one["code"]) for one in said["errors"]] == [(0, code)] and said["errors"][0]["message"]
    assert stored() == before


def test_bad_rows_are_told_and_do_not_stop_good_ones(sender: Sender, members: Members) -> None:
    outgoing = sender.file(GOOD, *BAD_ROWS.values(), b"", GOOD)
    answer = sender.post(outgoing, sender.sign(outgoing))
    assert answer.status_code == 201
    said = answer.json()
    assert (said["rows"], said["accepted"], said["rejected"]) == (8, 2, 5)
    listed = [(problem.row, problem.code) for problem in members.client(FEED).problems(said["index"])]
    assert listed == list(enumerate(BAD_ROWS, 1)) == [(one["row"], one["code"]) for one in said["errors"]]
    with pytest.raises(Refused) as refused:
        list(members.client("pasar.feed").problems(said["index"]))
    assert (refused.value.status, refused.value.code) == (404, "not_found"), "another organisation's are as if absent"


def test_a_very_long_line_is_one_rejected_row(sender: Sender, local_service: LocalService) -> None:
    limit = read_settings(local_service.data, {}).max_row
    outgoing = sender.file(GOOD)
    with outgoing.path.open("ab") as file:
        for _ in range(64):
            file.write(b"x" * (1 << 20))
        file.write(b"\n" + row("long", 6).ljust(limit) + b"\n" + row("long", 7).ljust(limit + 1) + b"\n")
    said = sender.post(outgoing, sender.sign(outgoing)).json()
    assert (said["rows"], said["accepted"], said["rejected"]) == (4, 2, 2)
    assert [(one["row"], one["code"]) for one in said["errors"]] == [(1, "row_too_long"), (3, "row_too_long")]
    assert not spooled(local_service.data)


def _other_body(sender: Sender, outgoing: Outgoing) -> Signed:
    signed = sender.sign(outgoing)
    outgoing.path.write_bytes(outgoing.path.read_bytes().replace(b"good", b"gooD"))
    return signed


def _broken_signature(sender: Sender, outgoing: Outgoing) -> Signed:
    signed = sender.sign(outgoing)
    start, _, signature = signed.manifest.rpartition(".")
    other = "B" if signature[9] == "A" else "A"
    return replace(signed, manifest=f"{start}.{signature[:9]}{other}{signature[10:]}")


MANIFESTS: dict[str, tuple[Callable[[Sender, Outgoing], Signed], str, str]] = {
    "signature": (_broken_signature, "bad_signature", "manifest"),
    "never enrolled": (lambda s, o: s.sign(o, SigningKey.new()), "unknown_key", ""),
    "another's key": (lambda s, o: s.sign(o, s.members.by_name["pasar"].working), "unknown_key", ""),
    "root key": (lambda s, o: s.sign(o, s.members.by_name[ORG].root), "unknown_key", ""),
    "body": (_other_body, "invalid_manifest", "manifest digest"),
    "rows": (lambda s, o: s.restated(o, rows=2), "invalid_manifest", "manifest rows"),
    "rows root": (lambda s, o: s.restated(o, rowsRoot="sha256:" + "0" * 64), "invalid_manifest", "manifest rowsRoot"),
    "another log": (lambda s, o: s.restated(o, aud="elsewhere/log"), "invalid_manifest", "manifest aud"),
    "another issuer": (lambda s, o: s.restated(o, iss="pasar"), "invalid_manifest", "manifest iss"),
    "old": (lambda s, o: s.restated(o, iat="2020-01-01T00:00:00Z"), "invalid_manifest", "manifest iat"),
    "an offset": (
        lambda s, o: s.restated(o, iat=f"{datetime.now(JAKARTA):%Y-%m-%dT%H:%M:%S}+07:00"),
        "bad_time",
        "manifest",
    ),
    "too long": (lambda s, o: s.restated(o, exp="2099-01-01T00:00:00Z"), "invalid_manifest", "manifest exp"),
    "of a dry run": (
        lambda s, o: sign_manifest(o, s.service.origin, ORG, s.working, typ=DRY_RUN),
        "bad_jws",
        "manifest",
    ),
    "unknown member": (lambda s, o: s.restated(o, extra=1), "invalid_manifest", "manifest"),
    "no JWS": (lambda s, o: replace(s.sign(o), manifest="a.b"), "bad_jws", "manifest"),
}


def test_what_may_be_entered_is_not_taken_for_a_dry_run(sender: Sender, stored: Callable[[], Any]) -> None:
    """Who only wants rows checked hands nobody a manifest that would be a submission for a week."""
    outgoing, before = sender.file(), stored()
    token = sender.members.token(FEED)
    real, dry = sender.sign(outgoing), sign_manifest(outgoing, sender.service.origin, ORG, sender.working, typ=DRY_RUN)
    is_problem(post(sender.service.url, token, outgoing, real, query="?dryRun=true"), 422, "bad_jws")
    checked = post(sender.service.url, token, outgoing, dry, query="?dryRun=true").json()
    assert checked["dryRun"] and checked["accepted"] == 1 and stored() == before


@pytest.mark.parametrize("name", MANIFESTS)
def test_a_manifest_that_does_not_hold(sender: Sender, stored: Callable[[], Any], name: str) -> None:
    make, code, where = MANIFESTS[name]
    outgoing, before = sender.file(), stored()
    said = is_problem(sender.post(outgoing, make(sender, outgoing)), 422, code)
    assert said["where"] == where and stored() == before


def wide_rows(name: str, count: int) -> list[bytes]:
    """Rows of 12 KiB."""
    about = b'"attributes": {"about": "%s"}, "key": {"site"' % (b"ivory " * 2_000)
    return [row(f"{name}-{number}", number).replace(b'"key": {"site"', about) for number in range(count)]


def test_packs_of_a_manifest_that_does_not_hold_are_removed(sender: Sender, stored: Callable[[], Any]) -> None:
    outgoing, before = sender.file(*wide_rows("wide", 400)), stored()
    is_problem(sender.post(outgoing, sender.restated(outgoing, rows=401)), 422, "invalid_manifest")
    assert stored() == before


def test_replays(sender: Sender, stored: Callable[[], Any]) -> None:
    outgoing = sender.file(row("replay", 8))
    signed = sender.sign(outgoing)
    first, before = sender.post(outgoing, signed), stored()
    assert (first.status_code, first.json()["accepted"]) == (201, 1)
    again = sender.post(outgoing, signed)
    assert (again.status_code, again.json()["index"]) == (200, first.json()["index"])
    is_problem(sender.post(outgoing, signed, key="another-key"), 409, "act_replayed")
    other = sender.file(row("replay", 9))
    is_problem(sender.post(other, sender.sign(other), key=signed.idempotency_key), 422, "idempotency_key_reused")
    assert stored() == before


TOKENS: dict[str, tuple[Callable[[MintingIdentity], str], str]] = {
    "unknown organisation": (lambda i: i.token(STRANGER), "invalid_token"),
    "expired": (lambda i: i.mint(CLIENTS[2], exp=int(time()) - 3600), "invalid_token"),
    "not yet": (lambda i: i.mint(CLIENTS[2], nbf=int(time()) + 3600), "invalid_token"),
    "typ": (lambda i: i.mint(CLIENTS[2], typ="JWT"), "invalid_token"),
    "aud": (lambda i: i.mint(CLIENTS[2], aud="elsewhere"), "invalid_token"),
    "iss": (lambda i: i.mint(CLIENTS[2], iss="https://elsewhere.example"), "invalid_token"),
    "signature": (lambda i: i.token(CLIENTS[2])[:-8] + "AAAAAAAA", "invalid_token"),
    "no token": (lambda i: "x", "invalid_token"),
}


@pytest.mark.parametrize("name", TOKENS)
def test_a_token_that_does_not_hold(
    sender: Sender, identity: MintingIdentity, stored: Callable[[], Any], name: str
) -> None:
    make, code = TOKENS[name]
    token, outgoing, before = make(identity), sender.file(), stored()
    answers = [sender.post(outgoing, sender.sign(outgoing), token=token)]
    asked = {"query": "{ cases { reference } }"}
    headers = {"authorization": f"Bearer {token}"}
    answers += [httpx2.post(f"{sender.service.url}/v1/evidence", json={"indexes": None}, headers=headers)]
    for answer in answers:
        is_problem(answer, 401, code)
        assert answer.headers["www-authenticate"].startswith("Bearer ")
    answer = httpx2.post(f"{sender.service.url}/graphql", json=asked, headers=headers)
    assert answer.status_code == 401 and "reference" not in answer.text
    assert stored() == before


def test_minted_tokens_are_good_but_for_what_is_changed(sender: Sender, identity: MintingIdentity) -> None:
    assert CLIENTS[2].client_id == FEED
    outgoing = sender.file()
    assert sender.post(outgoing, sender.sign(outgoing), token=identity.mint(CLIENTS[2])).status_code == 201


@contextmanager
def small_disk(folder: Path) -> Iterator[None]:
    """A file system of 1 MiB over a folder of the service, until the end."""
    with mounted(folder, "1m"):
        yield
        assert not [path for path in folder.rglob("*") if path.is_file()], "something was left on the full disk"


@pytest.mark.parametrize("folder", ["spool", "payloads"])
def test_the_disk_is_full_while_receiving(sender: Sender, stored: Callable[[], Any], folder: str) -> None:
    outgoing = sender.file(*wide_rows(f"full-{folder}", 150))
    sender.applied()
    signed, before = sender.sign(outgoing), stored()
    with small_disk(sender.service.data / folder):
        answer = sender.post(outgoing, signed)
        is_problem(answer, 507, "storage_full")
        assert int(answer.headers["retry-after"]) > 0
    assert stored() == before
    again = sender.post(outgoing, signed)
    assert (again.status_code, again.json()["accepted"]) == (201, 150), "the same again goes through once there is room"
    sender.works()


def test_after_all_that_the_service_takes_submissions(sender: Sender) -> None:
    sender.works()
