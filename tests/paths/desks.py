"""People at their own machines: the command line of four desks, each through the real service."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from graphsvc.cli.output import DONE
from graphsvc.client.profile import ProfileFile, write_profile
from graphsvc.demo.company import Members
from graphsvc.local.run import LocalService
from tests.commands import Done, Run, running
from tests.paths.conftest import CASE, FOOTING
from tests.paths.test_disclosure import STRICT, later, suspect
from tests.paths.wire import DEFAULTS, file_of, phone

NUMBERS = iter(range(930_000, 931_000, 10))
ON = ("--purpose", FOOTING.purpose, "--legal-basis", FOOTING.legal_basis, "--case", CASE)


@dataclass
class Person:
    """A person of an organisation at its own machine: profile, token and key."""

    run: Run
    profile: Path
    token: str
    key: Path

    def types(self, *words: str) -> Done:
        """Run a command as this person; for one that signs, ``SIGN`` stands for the person's own key."""
        spelt = [part for word in words for part in (("--sign", str(self.key)) if word == "SIGN" else (word,))]
        return self.run(*spelt, "--profile", str(self.profile), GRAPHSVC_TOKEN=self.token)

    def get(self, *words: str) -> dict[str, Any]:
        """The JSON object that a command printed."""
        done = self.types(*words, "--json")
        assert done.returncode == DONE and not done.stderr, done
        value: dict[str, Any] = json.loads(done.stdout)
        return value

    def refused(self, *words: str) -> tuple[int, str]:
        """Exit code and error code of a command that does not do it, told the same to people."""
        told, plain = self.types(*words, "--json"), self.types(*words)
        code = str(json.loads(told.stdout)["error"]["code"])
        assert plain.returncode == told.returncode and plain.stderr.startswith(code) and not plain.stdout, plain
        return told.returncode, code


@dataclass
class Desks:
    """The police's investigator, customs' officer and a marketplace's officer; customs hold a record on ``phone``."""

    police: Person
    customs: Person
    pasar: Person
    folder: Path
    members: Members
    phone: str
    index: int

    def body(self, **said: Any) -> tuple[str, str]:
        """The options for an act that says this."""
        path = self.folder / "body.json"
        path.write_text(json.dumps(said))
        return "--body", str(path)

    def asks(self, **changes: Any) -> tuple[str, str]:
        """The body of a request, less what ``changes`` leaves out (None)."""
        said = {
            "holder": "customs-cn",
            "identifiers": [{"kind": "Phone", "parts": {"value": self.phone}}],
            "purpose": FOOTING.purpose,
            "legalBasis": FOOTING.legal_basis,
            "case": CASE,
            "deadline": later(days=3),
            "justification": "the phone is on a seized parcel",
            "fieldGroups": ["identity", "personal"],
        } | changes
        return self.body(**{name: value for name, value in said.items() if value is not None})

    def request(self) -> str:
        """The id of a new disclosure request by the police."""
        asked = self.police.get("act", "request-disclosure", "--sub", "customs-cn", *self.asks(), "SIGN")
        return str(asked["id"])


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Run:
    return running(monkeypatch, capfd)


@pytest.fixture
def desks(local_service: LocalService, members: Members, run: Run, tmp_path: Path) -> Desks:
    def person(org: str, part: str) -> Person:
        profile = ProfileFile(url=local_service.url, org=org, trust=str(members.trust_file), defaults=DEFAULTS)
        write_profile(tmp_path / org / "profile.json", profile)
        key = members.folder / org / f"{part}.pem"
        return Person(run, tmp_path / org / "profile.json", members.token(f"{org}.{part}"), key)

    number = next(NUMBERS)
    outgoing = file_of(
        tmp_path / "suspects.ndjson", [suspect(number, "Wu Lan"), suspect(number + 1, "Qi Fang")], STRICT
    )
    working = members.by_name["customs-cn"].working
    index = members.client("customs-cn.feed").submit(outgoing, "customs-cn", working).index
    people = person("police-ke", "investigator"), person("customs-cn", "officer"), person("pasar", "officer")
    return Desks(*people, tmp_path, members, phone(number), index)
