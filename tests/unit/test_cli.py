"""The command line: help, JSON, exit codes, and errors that say what to do."""

from __future__ import annotations

import json
import stat
import subprocess
import sys
from pathlib import Path

import msgspec
import pytest

from graphsvc.cli.targets import Named
from graphsvc.client import SigningKey
from graphsvc.client.profile import ProfileFile, read_profile, write_profile
from graphsvc.demo.scenario import Scenario, make_scenario
from graphsvc.model.errors import InvalidInput
from graphsvc.wire.acts import Target
from graphsvc_verify.canonical import b64u
from tests.commands import Run, running

COMMANDS = [
    [],
    ["up"],
    ["demo"],
    ["submit"],
    ["convert"],
    ["map"],
    ["template"],
    ["verify"],
    ["token"],
    ["match"],
    ["recall"],
    ["notices"],
    ["hold"],
    ["release"],
    ["erase"],
    ["purge"],
    ["subject-access"],
    ["members", "list"],
    ["members", "add"],
    ["members", "leave"],
    ["keys"],
    ["keys", "new"],
    ["keys", "show"],
]


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Run:
    """The command line in this process."""
    return running(monkeypatch, capfd)


@pytest.fixture(scope="module")
def scenario(tmp_path_factory: pytest.TempPathFactory) -> Scenario:
    return make_scenario(tmp_path_factory.mktemp("scenario"), accounts=700)


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_help(run: Run, command: list[str]) -> None:
    done = run(*command, "--help")
    assert done.returncode == 0 and "Usage" in done.stdout and not done.stderr
    if command and command != ["keys"]:
        assert "--json" in done.stdout


def test_keys_are_made_once_and_shown(run: Run, tmp_path: Path) -> None:
    for use in ("sig", "hpke"):
        path = tmp_path / f"{use}.key"
        made = run("keys", "new", str(path), "--use", use, "--json")
        assert made.returncode == 0, made.stderr
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        shown = run("keys", "show", str(path), "--use", use, "--json")
        assert json.loads(shown.stdout) == json.loads(made.stdout)
        again = run("keys", "new", str(path), "--use", use, "--json")
        assert again.returncode == 2 and json.loads(again.stdout)["error"]["code"] == "exists"


def _defaults(folder: Path, scenario: Scenario, piece: int) -> str:
    path = folder / "defaults.json"
    path.write_bytes(msgspec.json.encode(scenario.slices[piece].defaults))
    return str(path)


def test_dry_run_tells_each_bad_row(run: Run, scenario: Scenario, tmp_path: Path) -> None:
    piece = scenario.slices[0]
    words = (
        "submit",
        str(piece.path),
        "--map",
        str(piece.mapping),
        "--dry-run",
        "--defaults",
        _defaults(tmp_path, scenario, 0),
    )
    plain = run(*words)
    assert plain.returncode == 1 and f"{len(piece.rejected)} rejected" in plain.stderr, plain.stderr
    assert "account-states" in plain.stderr and "Traceback" not in plain.stderr
    report = json.loads(run(*words, "--json").stdout)
    assert {problem["row"] for problem in report["problems"]} == set(piece.rejected)
    assert (report["accepted"], report["marked"]) == (piece.accepted, list(piece.marked))


def test_dry_run_of_a_good_file_is_exit_code_0(run: Run, scenario: Scenario, tmp_path: Path) -> None:
    piece = scenario.slices[1]
    done = run("submit", str(piece.path), "--dry-run", "--defaults", _defaults(tmp_path, scenario, 1), "--json")
    assert done.returncode == 0 and json.loads(done.stdout)["rejected"] == 0


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (["submit", "FILE"], "no_key"),
        (["submit", "FILE", "--dry-run"], "mapping_missing"),
        (["submit", "FILE", "--dry-run", "--map", "FILE"], None),
        (["submit", "FILE", "--dry-run", "--defaults", "FILE"], "bad_defaults"),
        (["submit", "FILE", "--sign", "KEY"], "no_profile"),
        (["submit", "FILE", "--sign", "KEY", "--profile", "KEY"], "bad_profile"),
        (["token", "somebody", "--data", "."], "no_clients"),
    ],
)
def test_bad_input_is_one_json_error_and_exit_code_2(
    run: Run, tmp_path: Path, words: list[str], code: str | None
) -> None:
    (tmp_path / "f.csv").write_text("a,b\n1,2\n")
    (tmp_path / "key").write_text("{}")
    names = {"FILE": str(tmp_path / "f.csv"), "KEY": str(tmp_path / "key"), ".": str(tmp_path)}
    done = run(*(names.get(word, word) for word in words), "--json")
    assert done.returncode == 2, done.stdout + done.stderr
    error = json.loads(done.stdout)["error"]
    assert error["message"] and "Traceback" not in done.stderr
    if code is not None:
        assert error["code"] == code


def test_a_service_that_is_not_there_is_exit_code_4(run: Run, tmp_path: Path, scenario: Scenario) -> None:
    run("keys", "new", str(tmp_path / "key.pem"))
    _profile(tmp_path)
    piece = scenario.slices[1]
    words = (
        "submit",
        str(piece.path),
        "--sign",
        str(tmp_path / "key.pem"),
        "--profile",
        str(tmp_path / "profile.json"),
    )
    done = run(*words, "--json", GRAPHSVC_TOKEN="x.y.z")
    assert done.returncode == 4 and json.loads(done.stdout)["error"]["code"] == "unreachable", done.stderr


def _profile(folder: Path) -> None:
    from graphsvc_verify.note import NoteKey

    log = NoteKey("graphsvc.test/log", SigningKey.new().public)
    trust = {
        "v": 1,
        "origin": "graphsvc.test/log",
        "log": log.vkey,
        "organisations": {"pasar": b64u(SigningKey.new().public)},
    }
    (folder / "trust.json").write_text(json.dumps(trust))
    write_profile(folder / "profile.json", ProfileFile(url="http://127.0.0.1:9", org="pasar", trust="trust.json"))


def test_a_profile_comes_back_and_refuses_unknown_members(tmp_path: Path) -> None:
    _profile(tmp_path)
    profile = read_profile(tmp_path / "profile.json")
    assert profile.file.org == "pasar" and profile.trust().origin == "graphsvc.test/log"
    with pytest.raises(InvalidInput) as refused:
        profile.tokens()
    assert refused.value.code == "no_credentials"
    (tmp_path / "profile.json").write_text('{"url":"http://x","org":"a","trust":"t","secret":"s"}')
    with pytest.raises(InvalidInput):
        read_profile(tmp_path / "profile.json")


def test_verify_says_what_does_not_hold(run: Run, tmp_path: Path) -> None:
    _profile(tmp_path)
    (tmp_path / "evidence.json").write_text('{"v":1,"format":"graphsvc-evidence"}')
    done = run("verify", str(tmp_path / "evidence.json"), "--trust", str(tmp_path / "trust.json"), "--json")
    assert done.returncode == 1 and json.loads(done.stdout)["ok"] is False, done.stdout + done.stderr


def test_what_cannot_be_matched_is_said_before_a_service_is_asked(run: Run, tmp_path: Path) -> None:
    path = tmp_path / "asked.csv"
    for content, words, code in (
        ("", [], "nothing_asked"),
        ("value\n+254712345678\n", [str(path)], "no_kind"),
        ("kind,value\nPhone,1,2\n", [str(path)], "row_width"),
        ("kind,value\nPhone\n", [str(path)], "row_width"),
        ("kind,value,hit\nPhone,1,\n", [str(path)], "bad_csv"),
        ("kind,value\n", [str(path)], "nothing_asked"),
        ("kind,value\nPhone,1\n", [str(path), "--phone", "2", "--out", str(tmp_path / "out.csv")], "no_rows"),
        ("", ["--id", "Account"], "bad_identifier"),
        ("", ["--id", "Account:site"], "bad_identifier"),
        ("", ["--phone", "1"], "no_profile"),
    ):
        path.write_text(content)
        done = run("match", *words, "--json")
        assert done.returncode == 2 and json.loads(done.stdout)["error"]["code"] == code, (content, words, done.stdout)


@pytest.mark.parametrize(
    ("named", "target"),
    [
        (Named(submission=0), {"submission": 0}),
        (Named(submission=7, row=[1, 3]), {"submission": 7, "rows": [1, 3]}),
        (Named(record="H"), {"select": {"handle": "H"}}),
        (
            Named(about="Account:site=shopee,id=u17", legal_basis="consent"),
            {
                "select": {
                    "legalBasis": "consent",
                    "entity": {"kind": "Account", "parts": {"site": "shopee", "id": "u17"}},
                }
            },
        ),
        (
            Named(handling="tlp-2.0:RED", since="2026-01-01T00:00:00Z", until="2026-02-01T00:00:00Z"),
            {
                "select": {
                    "handling": {"scheme": "tlp-2.0", "code": "RED"},
                    "since": "2026-01-01T00:00:00Z",
                    "until": "2026-02-01T00:00:00Z",
                }
            },
        ),
        (Named(), "no_target"),
        (Named(row=[1]), "no_target"),
        (Named(submission=1, record="H"), "no_target"),
        (Named(row=[1], record="H"), "no_target"),
        (Named(handling="RED"), "bad_handling"),
        (Named(about="Phone"), "bad_identifier"),
    ],
)
def test_what_is_named_is_one_target(named: Named, target: dict[str, object] | str) -> None:
    if isinstance(target, str):
        with pytest.raises(InvalidInput) as refused:
            _ = named.target
        assert refused.value.code == target
    else:
        assert named.target == msgspec.convert(target, Target)


def test_a_command_does_not_wait_for_what_only_a_service_needs() -> None:
    heavy = ("sqlalchemy", "neo4j", "fastapi", "strawberry", "uvicorn", "pyarrow")
    code = f"import sys, graphsvc.cli; print([name for name in {heavy} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"
