"""``graphsvc submit`` at a running service: what is wrong is shown, nothing is stored twice, no answer is lost."""

from __future__ import annotations

import stat
from collections.abc import Callable
from itertools import count
from json import loads
from pathlib import Path

import httpx2
import pytest

from graphsvc.client import Outgoing, Refused
from graphsvc.client.keys import save_signing_key
from graphsvc.client.manifest import sign_manifest
from graphsvc.client.service import OUTCOME
from graphsvc.demo.company import Members
from graphsvc.local.run import LocalService
from graphsvc.model.principals import Principal
from tests.commands import Desk, Done, running
from tests.paths.wire import DEFAULTS, file_of, phone, post, row

FEED = "swiftline.feed"
MAPPING = """format: csv
rows:
  - entities:
      - {ref: a, kind: Account, key: {site: {const: shopee}, id: row}, attributes: {lastSeenAt: seen}}
      - {ref: x, kind: Phone, key: {value: value}}
    links: [{kind: USES, from: a, to: x}]
"""
SAID = '{"handling":{"scheme":"tlp-2.0","code":"GREEN"},"legalBasis":"statutory-duty"}'
BAD = '=cmd|" "!A1'
NUMBERS = count(4_400_000)


class Sender:
    """Swiftline's person who submits tables."""

    def __init__(self, desk: Desk, folder: Path, members: Members) -> None:
        self.desk, self.folder = desk, folder
        (folder / "map.yaml").write_text(MAPPING)
        (folder / "said.json").write_text(SAID)
        save_signing_key(folder / "key.pem", members.by_name["swiftline"].working)

    def file(self, *lines: str, ending: str = "\n") -> Path:
        path = self.folder / "rows.csv"
        path.write_bytes("".join(line + ending for line in ("row,value,seen", *lines)).encode())
        return path

    def __call__(self, *words: str, json: bool = True, sign: bool = True) -> Done:
        given = ["submit", str(self.folder / "rows.csv"), "--map", str(self.folder / "map.yaml")]
        given += ["--defaults", str(self.folder / "said.json")]
        given += ["--sign", str(self.folder / "key.pem")] if sign else []
        return self.desk(FEED, *given, *words, json=json)


@pytest.fixture
def sender(
    local_service: LocalService,
    members: Members,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
    tmp_path: Path,
) -> Sender:
    return Sender(Desk(running(monkeypatch, capfd), local_service, members, tmp_path), tmp_path, members)


def good() -> str:
    number = next(NUMBERS)
    return f"acc{number},{phone(number)},2026-01-02"


def test_where_no_row_is_accepted_what_is_wrong_is_shown(sender: Sender) -> None:
    sender.file("r1,,", "r2,,")
    shown = sender(json=False)
    assert shown.returncode == 1 and "value is empty" in shown.stderr and "nothing was stored" in shown.stderr
    said = sender()
    value = loads(said.stdout)
    assert (said.returncode, value["accepted"], value["rejected"], value["index"]) == (1, 0, 2, -1)
    assert [problem["row"] for problem in value["problems"]] == [1, 2]


def test_values_that_cannot_be_linked_are_told_with_place_and_reason(sender: Sender, members: Members) -> None:
    sender.file(good(), f"bad{next(NUMBERS)},+62812345678XX,27/06/2025", "x,,")
    told = {(2, "invalid_phone", "/entities/1/key"), (2, "invalid_date", "/entities/0/attributes/lastSeenAt")}
    for words in (["--dry-run"], []):
        done = sender(*words, json=False)
        assert "2 values can't be linked" in done.stderr and "lastSeenAt" in done.stderr, done.stderr
    value = sender("--again").value
    assert value["unlinked"] == 2
    assert {(note["row"], note["code"], note["pointer"]) for note in value["notes"]} == told
    assert all(note["message"] for note in value["notes"])
    feed = members.client(FEED)
    assert {(note.row, note.code, note.pointer) for note in feed.notes(value["index"])} == told
    assert [problem.row for problem in feed.problems(value["index"])] == [3], "errors are told apart from notes"
    with pytest.raises(Refused) as refused:
        list(members.client("pasar.feed").notes(value["index"]))
    assert refused.value.status == 404


def test_it_says_how_many_older_records_are_superseded(sender: Sender) -> None:
    (sender.folder / "map.yaml").write_text(MAPPING + "    supersedes: {reference: row}\n")
    lines = [good(), good()]
    sender.file(*lines)
    assert sender().value["superseded"] == 0
    sender.file(*lines, good())
    assert "2 older records would be superseded" in sender("--dry-run", json=False).stderr
    assert sender("--dry-run").value["superseded"] == 2
    assert "2 older records superseded" in sender(json=False).stderr
    sender.file(lines[0])
    assert "1 older record superseded" in sender(json=False).stderr
    assert sender("--again").value["superseded"] == 1


def test_the_same_content_is_not_stored_twice_unless_asked_for(sender: Sender) -> None:
    path = sender.file(good(), "x,,")
    first = sender().value
    sent = sender()
    assert (sent.value["index"], sent.value["alreadySent"], sent.value["accepted"]) == (first["index"], True, 1)
    assert f"already sent as {first['index']}" in sender(json=False).stderr
    (sender.folder / "map.yaml").write_text(MAPPING + "# read otherwise\n")
    other = sender().value
    assert other["index"] > first["index"] and "alreadySent" not in other
    again = sender("--again").value
    assert again["index"] > other["index"] and sender().value["index"] == again["index"]
    path.write_bytes(path.read_bytes() + good().encode() + b"\n")
    assert sender().value["accepted"] == 2, "one row more is another content"
    kept = next(sender.folder.glob(".graphsvc-sent.*"))
    assert stat.S_IMODE(kept.stat().st_mode) == 0o600 and phone(0)[:6].encode() not in kept.read_bytes()


@pytest.mark.parametrize("words", [["--dry-run"], []])
@pytest.mark.parametrize("sign", [True, False])
def test_rejected_rows_are_written_as_they_were_given(sender: Sender, words: list[str], sign: bool) -> None:
    if not (sign or words):
        pytest.skip("a submission is signed")
    sender.file(good(), f"{BAD},,", good(), 'b,"",', ending="\r\n")
    out = sender.folder / "out.csv"
    done = sender(*words, "--rejected", str(out), sign=sign)
    assert done.returncode == (1 if words else 0), done.stderr
    assert out.read_bytes() == f'row,value,seen\r\n{BAD},,\r\nb,"",\r\n'.encode()
    assert stat.S_IMODE(out.stat().st_mode) == 0o600
    assert sender("--again", "--rejected", str(out)).code == (2, "exists")
    sender.file("r1,,", "", f"{BAD},,")
    done = sender("--rejected", str(sender.folder / "all.csv"))
    assert done.returncode == 1
    assert (sender.folder / "all.csv").read_bytes() == f"row,value,seen\nr1,,\n{BAD},,\n".encode()


def test_what_became_of_a_submission_is_told_to_its_organisation(
    local_service: LocalService, members: Members, tmp_path: Path
) -> None:
    number = next(NUMBERS)
    outgoing = file_of(tmp_path / "rows.ndjson", [row(f"acc{number}", number)], DEFAULTS)
    signed = sign_manifest(outgoing, local_service.origin, "swiftline", members.by_name["swiftline"].working)

    def asked(name: str) -> httpx2.Response:
        headers = {"authorization": f"Bearer {members.token(name)}", "idempotency-key": signed.idempotency_key}
        return httpx2.get(f"{local_service.url}{OUTCOME}", headers=headers)

    assert asked(FEED).status_code == 404
    _while_worked_on(local_service, members, outgoing, lambda: asked(FEED), signed.idempotency_key)
    made = post(local_service.url, members.token(FEED), outgoing, signed).json()
    told = asked(FEED)
    assert (told.status_code, told.json()["index"]) == (200, made["index"]) and told.json()["receipt"]
    assert asked("pasar.feed").status_code == 404 and asked("swiftline.officer").status_code == 403


def _while_worked_on(
    service: LocalService, members: Members, outgoing: Outgoing, ask: Callable[[], httpx2.Response], key: str
) -> None:
    """A key that is claimed: who asks is told to come back, who sends is refused before its body is read."""
    assert service.parts is not None
    principal = Principal(members.by_name["swiftline"].organisation, FEED, ("submitter",))
    with service.parts.submitting.claim(principal, key):
        for answer in (
            ask(),
            httpx2.post(
                f"{service.url}/v1/submissions",
                content=b"",
                headers={
                    "authorization": f"Bearer {members.token(FEED)}",
                    "idempotency-key": key,
                    "content-type": "multipart/form-data; boundary=x",
                },
            ),
        ):
            assert (answer.status_code, answer.json()["code"]) == (409, "in_flight"), answer.text
            assert answer.headers["retry-after"] == "1"
    assert ask().status_code == 404
