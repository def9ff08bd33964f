"""Evidence over HTTP, checked against pinned keys and one older checkpoint."""

from __future__ import annotations

import asyncio
import json
import stat
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import msgspec
import pytest
from witness_server import served

from graphsvc.anchoring.witness import Witness
from graphsvc.anchoring.witnesses import Witnessing, WitnessPolicy
from graphsvc.answers.ask import Asking, Released
from graphsvc.answers.budget import Budget
from graphsvc.answers.questions import Means, Reading
from graphsvc.client import Client, Refused
from graphsvc.client.keys import load_signing_key
from graphsvc.columns.store import Columns
from graphsvc.demo.company import Members
from graphsvc.graph.handles import Handles
from graphsvc.graph.read import Reader
from graphsvc.local.run import LocalService
from graphsvc.model.errors import Unavailable
from graphsvc.model.principals import Principal
from graphsvc.model.product import product_data
from graphsvc.model.schema import load_schema
from graphsvc.policy.decide import Decider
from graphsvc.policy.limits import Limits
from graphsvc.policy.rules import load_policies
from graphsvc.sharing.entitlements import Entitled
from graphsvc_verify.archive import read_archive
from graphsvc_verify.errors import VerifyError
from graphsvc_verify.evidence import check_evidence
from graphsvc_verify.jws import verify_act
from graphsvc_verify.note import verify_checkpoint
from graphsvc_verify.receipt import check_receipt
from tests.paths.conftest import CASE, FOOTING
from tests.paths.process import environment
from tests.paths.wire import file_of, phone, row

CASES = "{ cases { reference } }"


def test_evidence_proves_that_the_log_has_grown_from_a_pinned_checkpoint(
    local_service: LocalService, members: Members
) -> None:
    plain = members.trust()
    pinned = verify_checkpoint(members.client("pasar.officer").checkpoint(), plain.log)
    members.client("police-ke.investigator").query(CASES)
    trust = replace(plain, checkpoint=pinned)
    with Client(local_service.url, lambda: members.token("pasar.officer"), trust) as officer:
        evidence = officer.evidence(key=members.by_name["pasar"].recipient)
    report = check_evidence(evidence, trust)
    assert report.checkpoint.size > pinned.size
    with pytest.raises(VerifyError):
        check_evidence(evidence, replace(plain, checkpoint=replace(pinned, root=bytes(32))))


def run(*words: str, profile: Path, expect: int = 0) -> str:
    """One command of the command line as a process of its own."""
    command = [sys.executable, "-m", "graphsvc", *words]
    variables = {**environment(), "GRAPHSVC_PROFILE": str(profile), "COLUMNS": "200"}
    done = subprocess.run(command, env=variables, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == expect, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def desks(members: Members, local_service: LocalService, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Profiles of an officer and of an investigator, with ready-made tokens."""
    folder = tmp_path_factory.mktemp("desks")
    profiles = {}
    known = msgspec.json.decode(local_service.clients_file.read_bytes())["clients"]
    secrets = {entry["clientId"]: entry["clientSecret"] for entry in known}
    for name in ("pasar.officer", "police-ke.investigator"):
        (folder / f"{name}.secret").write_text(secrets[name])
        reach = {
            "tokenEndpoint": f"{local_service.identity_url}/token",
            "clientId": name,
            "secretFile": f"{name}.secret",
        }
        value = {"url": local_service.url, "org": name.partition(".")[0], "trust": str(members.trust_file), **reach}
        (folder / f"{name}.json").write_text(json.dumps(value))
        profiles[name] = folder / f"{name}.json"
    return profiles


FOR_A_FILE = msgspec.structs.replace(FOOTING, export=True)
SEARCH = """query($value: String!, $after: Int) {
  search(kind: "Phone", parts: [{name: "value", value: $value}], after: $after) {
    records { owner handle attributes { fieldGroup name value } } } }"""
ACCESS = """{ accessLog(first: 50) { nextBefore
  entries { index reader person purpose legalBasis case records { submission row } } } }"""


def test_a_court_gets_one_zip_and_the_owner_scans_the_log(
    members: Members, local_service: LocalService, desks: dict[str, Path], tmp_path: Path
) -> None:
    # A record of the marketplace, seen by the police.
    outgoing = file_of(tmp_path / "rows.ndjson", [row("evidence-1", 77_001)])
    pasar = members.by_name["pasar"]
    submitted = members.client("pasar.feed").submit(outgoing, "pasar", pasar.working)
    assert submitted.accepted == 1
    police = members.client("police-ke.investigator")
    answer = police.query(SEARCH, {"value": phone(77_001)}, FOR_A_FILE, submitted.index)
    assert answer.proof.records == 1, answer.data
    kept = tmp_path / "answer.json"
    kept.write_bytes(answer.body)
    trust = ["--trust", str(members.trust_file)]

    # The investigator's package: the answer as it came, its entry, proofs and keys.
    case = tmp_path / "case.zip"
    run("evidence", "--answer", str(kept), "--out", str(case), profile=desks["police-ke.investigator"])
    said = json.loads(run("verify", str(case), *trust, "--json", profile=case))
    assert said["kind"] == "package" and said["answers"][0]["recordsChecked"] == 1
    assert said["entries"][0]["assurance"] == "asserted by the operator"
    assert answer.data["search"][0]["records"][0]["handle"].encode() in read_archive(case.read_bytes())["summary.html"]

    assert stat.S_IMODE(case.stat().st_mode) == 0o600
    _nameless(police, submitted.index, desks, trust, tmp_path)

    # The officer's: its own sections, opened on its own machine, and the submission that it signed.
    own, key = tmp_path / "own.zip", str(members.folder / "pasar" / "recipient.json")
    run("evidence", "--key", key, "--out", str(own), profile=desks["pasar.officer"])
    told = run("verify", str(own), *trust, profile=own)
    assert "graphsvc-submission+jws by machine of pasar: signed by the organisation" in told
    run("evidence", "--key", key, "--out", str(own), profile=desks["pasar.officer"], expect=2)

    # The same from the log itself, compared with what the service says.
    listed = tmp_path / "access.json"
    listed.write_bytes(members.client("pasar.officer").query(ACCESS).body)
    mirror = tmp_path / "mirror"
    words = ["scan", "--org", "pasar", "--key", key, *trust, "--answer", str(listed)]
    text = run(*words, "--log", local_service.url, "--keep", str(mirror), profile=own)
    assert "HOLDS" in text and "the answer says the same as the log" in text and CASE in text
    scanned = json.loads(run(*words, "--log", str(mirror), "--json", profile=own))
    assert scanned["ok"] and scanned["differences"] == []
    assert [entry for entry in scanned["entries"] if entry["index"] == answer.receipt["index"]]

    # A list that hides a read is found out; so is a copy of the log in which a byte was changed.
    (tile,) = [path for path in (mirror / "tile" / "entries").rglob("*") if path.is_file()][-1:]
    content = bytearray(tile.read_bytes())
    content[len(content) // 2] ^= 1
    tile.write_bytes(content)
    assert "code" in run(*words, "--log", str(mirror), "--json", profile=own, expect=1)
    with pytest.raises(Refused):
        police.evidence([submitted.index])


def _nameless(police: Client, after: int, desks: dict[str, Path], trust: list[str], folder: Path) -> None:
    """An answer that shows a record without saying whose and which it is: no package unless that is wanted."""
    desk, kept, out = desks["police-ke.investigator"], folder / "nameless.json", folder / "nameless.zip"
    question = SEARCH.replace("owner handle attributes { fieldGroup name value }", "attributes { value }")
    kept.write_bytes(police.query(question, {"value": phone(77_001)}, FOR_A_FILE, after).body)
    words = ["evidence", "--answer", str(kept), "--out", str(out), "--json"]
    assert "no_records" in run(*words, profile=desk, expect=2) and not out.exists()
    assert "none of the 1 records" in run(*words, "--without-records", profile=desk)
    told = run("verify", str(out), *trust, profile=out).splitlines()
    assert told[0].startswith("HOLDS") and told[1].startswith("  ATTENTION: answers/0001.json: the answer names none")
    assert json.loads(run("verify", str(kept), *trust, "--json", profile=out))["attention"]
    asked, answer = folder / "question.graphql", folder / "asked.json"
    asked.write_text("{ cases { reference } }")
    run("ask", str(asked), "--out", str(answer), profile=desk)
    assert stat.S_IMODE(answer.stat().st_mode) == 0o600


def test_the_root_key_signs_offline_and_the_act_is_carried(
    members: Members, local_service: LocalService, desks: dict[str, Path], tmp_path: Path
) -> None:
    desk, folder = desks["pasar.officer"], members.folder / "pasar"
    listed = json.loads(run("keys", "list", "--org", "pasar", "--json", profile=desk))
    assert {key["assurance"] for key in listed["keys"]} == {"signed by the organisation"}
    named = ["--org", "pasar", "--origin", local_service.origin]
    new, asked, act = tmp_path / "new.pem", tmp_path / "request.json", tmp_path / "enrol.jws"
    run("keys", "new", str(new), profile=desk)
    run("keys", "request", str(new), *named, "--person", "second", "--out", str(asked), profile=desk)
    prev = str(listed["lastKeyEvent"]["pasar"])
    root = ["--root", str(folder / "root.pem")]
    run("keys", "enrol", str(asked), *root, "--role", "submitter", "--prev", prev, "--out", str(act), profile=desk)
    index = json.loads(run("keys", "send", str(act), "--json", profile=desk))["index"]
    assert "key_event_moved" in run("keys", "send", str(act), "--json", profile=desk, expect=3), "once only"
    kid = json.loads(run("keys", "show", str(new), "--json", profile=desk))["kid"]
    gone = tmp_path / "revoke.jws"
    run("keys", "revoke", kid, *root, *named, "--prev", str(index), "--out", str(gone), profile=desk)
    run("keys", "send", str(gone), profile=desk)
    after = json.loads(run("keys", "list", "--org", "pasar", "--json", profile=desk))
    (second,) = [key for key in after["keys"] if key["kid"] == kid]
    assert second["person"] == "second" and second["enrolled"] == index < second["revoked"]
    # An act signed by hand is the same JWS that a client makes.
    body = tmp_path / "body.json"
    body.write_text('{"reason": "withdrawn"}')
    words = ["--body", str(body), "--subject", "x", "--after", "3", "--key", str(new), *named]
    signed = verify_act(
        run("sign", "recall", *words, profile=desk).strip(), load_signing_key(new).public, "graphsvc-recall+jws"
    )
    assert signed.payload["body"] == {"reason": "withdrawn"} and signed.payload["after"] == 3


def test_a_key_is_added_by_one_command_where_the_root_key_is(
    members: Members, local_service: LocalService, desks: dict[str, Path], tmp_path: Path
) -> None:
    desk, root = desks["pasar.officer"], ["--root", str(members.folder / "pasar" / "root.pem")]
    new, words = tmp_path / "third.pem", ["--person", "third", "--role", "submitter", "--json"]
    assert "unknown_role" in run("keys", "add", str(new), *root, *words, "--role", "oficer", profile=desk, expect=2)
    assert not new.exists(), "nothing is made in vain"
    added = json.loads(run("keys", "add", str(new), *root, *words, profile=desk))
    # Another one, whose holder is elsewhere: what it follows is asked for.
    asked, act = tmp_path / "request.json", tmp_path / "enrol.jws"
    run("keys", "new", str(tmp_path / "fourth.pem"), profile=desk)
    named = ["--org", "pasar", "--origin", local_service.origin, "--person", "fourth", "--out", str(asked)]
    run("keys", "request", str(tmp_path / "fourth.pem"), *named, profile=desk)
    enrol = ["keys", "enrol", str(asked), *root, "--role", "submitter", "--out", str(act), "--profile", str(desk)]
    run(*enrol, "--prev", "3", profile=desk, expect=2)
    run(*enrol, profile=desk)
    sent = json.loads(run("keys", "send", str(act), "--json", profile=desk))["index"]
    listed = json.loads(run("keys", "list", "--org", "pasar", "--json", profile=desk))
    persons = {key["enrolled"]: (key["kid"], key["person"]) for key in listed["keys"]}
    assert persons[added["index"]] == (added["kid"], "third") and persons[sent][1] == "fourth"


def test_an_answer_waits_for_its_witnesses(members: Members, local_service: LocalService, tmp_path: Path) -> None:
    parts = local_service.parts
    assert parts is not None
    schema, decider = load_schema(), Decider(load_policies(product_data("policies")))
    police = members.by_name["police-ke"].organisation
    budget = Budget(tmp_path / "budget.db", bytes(32), lambda: Limits(10))
    principal = Principal(police, "officer", ("investigator",))

    async def work(reading: Reading) -> bytes:
        return b"{}"

    def ask(witnessing: Witnessing) -> Released:
        handles = Handles(b".".ljust(64, b"."))
        columns = Columns(tmp_path / "columns")
        reader = Reader(parts.graph)
        own = {"reader": reader, "columns": columns, "decider": decider, "schema": schema}
        core = replace(parts.core, **own, handles=lambda org: handles, entitled=Entitled(parts.ledger))
        return asyncio.run(Asking(Means(core, budget), witnessing).run(principal, FOOTING, b"question", work))

    witness = Witness(tmp_path / "witness", "witness.example/w", [parts.ledger.log_key])
    with served(witness) as url:
        witnessing = Witnessing(parts.ledger, WitnessPolicy(((witness.key, url),), 1, True, 20.0), tmp_path)
        witnessing.start()
        released = ask(witnessing)
        witnessing.stop()
    trust = replace(members.trust(), witnesses=(witness.key,), needed=1)
    assert len(check_receipt(json.loads(released.receipt), trust, released.data).witnesses) == 1
    gone = Witnessing(parts.ledger, WitnessPolicy(((witness.key, url),), 1, True, 0.5), tmp_path)
    gone.start()
    with pytest.raises(Unavailable) as caught:
        ask(gone)
    assert caught.value.code == "not_witnessed"
    gone.stop()
    budget.close()
