"""A corpus of hostile inputs against the real service: each gets its 4xx, and the next good request works."""

from __future__ import annotations

import itertools
import json
import os
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from graphql import GraphQLEnumType, GraphQLInputObjectType, GraphQLList, GraphQLNonNull, build_schema

from graphsvc.client.manifest import Outgoing, payload, sign_manifest
from graphsvc.demo.company import Members
from graphsvc.local.run import LocalService
from graphsvc_verify.canonical import b64u
from graphsvc_verify.deeds import SUBMISSION
from tests.contents import spooled
from tests.paths.conftest import CASE
from tests.paths.rawhttp import Answer, Line, ask, request
from tests.paths.wire import DEFAULTS, NDJSON, file_of, post, row

CORPUS: dict[str, list[dict[str, Any]]] = yaml.safe_load(Path(__file__).with_name("hostile.yaml").read_text())
ORG, FEED, READER = "swiftline", "swiftline.feed", "police-ke.investigator"
GROWTH = 400 << 20
"""Bytes by which the process may grow over the whole corpus."""


def cases(section: str) -> Any:
    """The cases of a section of the corpus, by name."""
    named = [pytest.param(one, id=one["name"].replace(" ", "-")) for one in CORPUS[section]]
    return pytest.mark.parametrize("case", named)


_count = itertools.count()


def resident() -> int:
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


@pytest.fixture(scope="module")
def before(local_service: LocalService, members: Members) -> int:
    """Bytes that the process had before the first of it all."""
    works(local_service, members)
    return resident()


@pytest.fixture(autouse=True)
def bounded(local_service: LocalService, members: Members, before: int) -> Iterator[None]:
    """After each input: a good request works, and memory has not grown beyond bounds."""
    yield
    # A question is a durable entry of the ledger: after every tenth input one that needs none would not do.
    if next(_count) % 10 == 0:
        works(local_service, members)
    else:
        answer = ask(
            local_service.url, request("POST", "/graphql", graphql(members, READER), b'{"query": "{ __typename }"}')
        )
        assert (answer.status, answer.body) == (200, b'{"data":{"__typename":"Query"}}')
    assert resident() - before < GROWTH


def works(service: LocalService, members: Members) -> None:
    asked = b'{"query": "{ cases { reference } }"}'
    answer = ask(service.url, request("POST", "/graphql", graphql(members, READER), asked))
    assert answer.status == 200 and CASE.encode() in answer.body


def _repeated(match: re.Match[str]) -> str:
    """A text so many times; ``{n}`` in it counts them."""
    text, times = match.group(1), int(match.group(2))
    return "".join(text.replace("{n}", str(n)) for n in range(times)) if "{n}" in text else text * times


@pytest.fixture
def filled(members: Members) -> Callable[[str], str]:
    """Texts of the corpus with their repetitions and tokens."""

    def named(match: re.Match[str]) -> str:
        kind, name = match.group(1), match.group(2)
        return f"Authorization: Bearer {members.token(name)}\r\n" if kind == "auth" else members.token(name)

    def fill(text: str) -> str:
        text = re.sub(r"\[\[(auth|token) ([a-z.-]+)\]\]", named, text)
        text = text.replace("[[whole]]", WHOLE)
        return re.sub(r"\[\[(.+?)\*(\d+)\]\]", _repeated, text, flags=re.DOTALL)

    return fill


def _part(name: str, content: str, more: str = "") -> str:
    return f'--b\r\nContent-Disposition: form-data; name="{name}"\r\n{more}\r\n{content}\r\n'


WHOLE = (
    _part("manifest", "x.y.z") + _part("seed", "x" * 32) + _part("body", "{}", f"Content-Type: {NDJSON}\r\n") + "--b--"
)


def graphql(members: Members, name: str) -> dict[str, Any]:
    return {
        "authorization": f"Bearer {members.token(name)}",
        "content-type": "application/json",
        "accept": "application/graphql-response+json",
        "graphsvc-purpose": "investigation",
        "graphsvc-legal-basis": "statutory-duty",
        "graphsvc-case": CASE,
    }


def holds(case: dict[str, Any], answer: Answer) -> None:
    """The answer is the one that the corpus wants."""
    wanted = case.get("status", 400)
    assert answer.status in (wanted if isinstance(wanted, list) else [wanted]), answer
    if "code" in case:
        assert answer.code in (case["code"] if isinstance(case["code"], list) else [case["code"]]), answer


@cases("raw")
def test_bytes(local_service: LocalService, filled: Callable[[str], str], case: dict[str, Any]) -> None:
    holds(case, ask(local_service.url, filled(case["send"]).encode("latin-1")))


@cases("paths")
def test_paths(
    local_service: LocalService, members: Members, filled: Callable[[str], str], case: dict[str, Any]
) -> None:
    headers = {"authorization": f"Bearer {members.token(case['token'])}"} if "token" in case else {}
    sent = request("GET", filled(case["path"]), headers)
    holds({"status": 404, **case}, ask(local_service.url, sent))


@cases("tokens")
def test_tokens(local_service: LocalService, filled: Callable[[str], str], case: dict[str, Any]) -> None:
    authorization = filled(case["authorization"])
    for path in ("/graphql", "/v1/submissions", "/v1/keys"):
        answer = ask(local_service.url, request("POST", path, {"authorization": authorization}, b"{}"))
        holds({"status": 401, **case}, answer)
        assert answer.status != 401 or answer.headers["www-authenticate"].startswith("Bearer ")


@cases("bodies")
def test_bodies(
    local_service: LocalService, members: Members, filled: Callable[[str], str], case: dict[str, Any]
) -> None:
    given = _filled(case.get("headers", {}), filled)
    sent = request("POST", "/graphql", {**graphql(members, READER), **given}, filled(case["body"]).encode("latin-1"))
    holds(case, ask(local_service.url, sent))


@cases("documents")
def test_documents(
    local_service: LocalService, members: Members, filled: Callable[[str], str], case: dict[str, Any]
) -> None:
    body = json.dumps({"query": filled(case["query"]), "variables": case.get("variables")}).encode()
    answer = ask(local_service.url, request("POST", "/graphql", graphql(members, case.get("token", READER)), body))
    holds(case, answer)


@cases("routes")
def test_routes(
    local_service: LocalService, members: Members, filled: Callable[[str], str], case: dict[str, Any]
) -> None:
    headers = {"authorization": f"Bearer {members.token(case['token'])}"}
    holds(case, ask(local_service.url, request("POST", case["path"], headers, filled(case["body"]).encode("latin-1"))))


@cases("forms")
def test_forms(
    local_service: LocalService, members: Members, filled: Callable[[str], str], case: dict[str, Any]
) -> None:
    headers: dict[str, Any] = {
        "authorization": f"Bearer {members.token(case.get('token', FEED))}",
        "content-type": "multipart/form-data; boundary=b",
        "idempotency-key": "hostile",
        **_filled(case.get("headers", {}), filled),
    }
    path = f"/v1/submissions{case.get('query', '')}"
    holds(case, ask(local_service.url, request("POST", path, headers, filled(case["body"]).encode("latin-1"))))
    assert not spooled(local_service.data)


@cases("submissions")
def test_submissions(
    local_service: LocalService,
    members: Members,
    filled: Callable[[str], str],
    tmp_path: Path,
    case: dict[str, Any],
) -> None:
    rows = filled(case["rows"]).encode("latin-1") if "rows" in case else row("hostile", 1) + b"\n"
    path = tmp_path / "rows"
    path.write_bytes(rows)
    mapping = filled(case["mapping"]).encode("latin-1") if "mapping" in case else None
    kind = case.get("type", NDJSON)
    outgoing = Outgoing(path, kind if kind in (NDJSON, "text/csv") else NDJSON, mapping, DEFAULTS)
    key = members.by_name[ORG].working
    signed = sign_manifest(outgoing, local_service.origin, ORG, key)
    said = payload(outgoing, signed.measured, local_service.origin, ORG)
    said |= {"mediaType": kind, **case.get("manifest", {})}
    form = (
        _part("manifest", key.sign_act(SUBMISSION, said))
        + _part("seed", b64u(signed.seed))
        + ("" if mapping is None else _part("mapping", mapping.decode("latin-1")))
        + _part("body", rows.decode("latin-1"), f"Content-Type: {kind}\r\n")
        + "--b--\r\n"
    )
    headers = {
        "authorization": f"Bearer {members.token(FEED)}",
        "content-type": "multipart/form-data; boundary=b",
        "idempotency-key": said["jti"],
    }
    answer = ask(local_service.url, request("POST", "/v1/submissions", headers, form.encode("latin-1")))
    holds(case, answer)


def test_every_argument_of_every_field(local_service: LocalService, members: Members) -> None:
    """Each argument in turn by a variable of null, of another type, empty, negative, huge: never more than a 4xx."""
    sdl = (Path(__file__).parents[2] / "schema" / "api.graphql").read_text()
    schema = build_schema(sdl)
    values = [None, "", "x" * 5_000, -1, 2**31 - 1, 2**63, True, [None], {"a": 1}]
    count = 0
    for word, root in (("query", schema.query_type), ("mutation", schema.mutation_type)):
        assert root is not None
        for name, field in root.fields.items():
            if list(field.args) == ["act"] and name != "recall":
                continue  # all acts come in by one function
            for hostile in field.args:
                given = {arg: _plausible(one.type) for arg, one in field.args.items()}
                head = ", ".join(f"${arg}: {one.type}" for arg, one in field.args.items())
                arguments = ", ".join(f"{arg}: ${arg}" for arg in field.args)
                query = f"{word}({head}) {{ {name}({arguments}) {{ __typename }} }}"
                with Line(local_service.url) as line:
                    for value in values:
                        body = json.dumps({"query": query, "variables": {**given, hostile: value}}).encode()
                        line.send(request("POST", "/graphql", graphql(members, "police-ke.analyst"), body))
                        answer = line.answer()
                        assert answer.status == 200 or 400 <= answer.status < 500, (name, hostile, value, answer)
                        assert b'"internal"' not in answer.body, (name, hostile, value, answer)
                        count += 1
    assert count > 300


def _plausible(kind: Any) -> Any:
    """A value of a type, that leads somewhere."""
    if isinstance(kind, GraphQLNonNull):
        return _plausible(kind.of_type)
    if isinstance(kind, GraphQLList):
        return [_plausible(kind.of_type)]
    if isinstance(kind, GraphQLEnumType):
        return next(iter(kind.values))
    if isinstance(kind, GraphQLInputObjectType):
        return {name: _plausible(one.type) for name, one in kind.fields.items() if isinstance(one.type, GraphQLNonNull)}
    return {"Int": 1, "Boolean": True, "Float": 1.0}.get(kind.name, "x")


def _filled(headers: dict[str, Any], fill: Callable[[str], str]) -> dict[str, Any]:
    return {
        name: [fill(one) for one in said] if isinstance(said, list) else fill(said) for name, said in headers.items()
    }


def test_a_good_submission_after_all_that(local_service: LocalService, members: Members, tmp_path: Path) -> None:
    outgoing = file_of(tmp_path / "rows.ndjson", [row("after all that", 1)])
    signed = sign_manifest(outgoing, local_service.origin, ORG, members.by_name[ORG].working)
    assert post(local_service.url, members.token(FEED), outgoing, signed).status_code == 201
