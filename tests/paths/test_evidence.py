"""Evidence over HTTP, checked against pinned keys and one older checkpoint."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import msgspec
import pytest

from graphsvc.app import LocalService
from graphsvc.client import Client, Outgoing, Refused
from graphsvc.local.company import Members
from graphsvc.model.drafts import Defaults
from graphsvc.model.labels import Handling
from graphsvc.model.principals import Footing
from graphsvc_verify.archive import read_archive
from graphsvc_verify.errors import VerifyError
from graphsvc_verify.evidence import check_evidence
from graphsvc_verify.note import verify_checkpoint
from tests.paths.conftest import CASE
from tests.paths.process import environment

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


SEARCH = """{ search(kind: "Phone", parts: [{name: "value", value: "+6281200000077"}]) {
  records { owner handle attributes { group name value } } } }"""
ACCESS = """{ accessLog(first: 50) { nextBefore
  entries { index reader person purpose legalBasis case records { submission row } } } }"""


def test_a_court_gets_one_zip_and_the_owner_scans_the_log(
    members: Members, local_service: LocalService, desks: dict[str, Path], tmp_path: Path
) -> None:
    # A record of the marketplace, seen by the police.
    file = tmp_path / "rows.ndjson"
    row = {"entities": [{"ref": "p", "kind": "Phone", "key": {"value": "+6281200000077"}}]}
    file.write_text(json.dumps(row) + "\n")
    pasar = members.by_name["pasar"]
    defaults = Defaults(handling=Handling("tlp-2.0", "AMBER"), purposes=["investigation"], region="ID")
    submitted = members.client("pasar.feed").submit(
        Outgoing(file, "application/x-ndjson", None, defaults), "pasar", pasar.working
    )
    assert submitted.accepted == 1
    police = members.client("police-ke.investigator")
    answer = police.query(SEARCH, None, Footing("investigation", "statutory-duty", CASE), submitted.index)
    assert answer.proof.records == 1
    kept = tmp_path / "answer.json"
    kept.write_bytes(answer.body)
    trust = ["--trust", str(members.trust_file)]

    # The investigator's package: the answer as it came, its entry, proofs and keys.
    case = tmp_path / "case.zip"
    run("evidence", "--answer", str(kept), "--out", str(case), profile=desks["police-ke.investigator"])
    said = json.loads(run("verify", str(case), *trust, "--json", profile=case))
    assert said["kind"] == "package" and said["answers"][0]["recordsChecked"] == 1
    assert said["entries"][0]["assurance"] == "asserted by the operator"
    assert b"+6281200000077" in read_archive(case.read_bytes())["summary.html"]

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
