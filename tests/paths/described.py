"""An OpenAPI 3.1 description of ``/v1/*`` made from the routes of a running application, and requests made from it.

Which routes and methods there are is read off the application. What a request of each may hold is said here; a route
that nothing is said of makes the description fail, so a new one can't be forgotten.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from hypothesis import strategies as st
from starlette.routing import BaseRoute, Route

_TEXT: Mapping[str, Any] = {"type": "string"}
_WHOLE: Mapping[str, Any] = {"type": "integer"}
_FLAG: Mapping[str, Any] = {"type": "boolean"}
_ACT: Mapping[str, Any] = {"type": "object", "properties": {"act": _TEXT}}
_OCTETS = "application/offset+octet-stream"
_TUS = {"tus-resumable": {"const": "1.0.0"}, "upload-offset": _WHOLE, "upload-length": _WHOLE,
        "upload-checksum": {"enum": ["sha256 AAAA", "md5 x", ""]}, "upload-metadata": _TEXT}  # fmt: skip
_FORM = {
    "multipart/form-data; boundary=b": {
        "type": "object",
        "properties": dict.fromkeys(("manifest", "seed", "mapping", "body", "upload"), _TEXT),
    }
}


def _json(**members: Any) -> dict[str, Any]:
    return {"application/json": {"type": "object", "properties": members}}


_ORGANISATION = dict.fromkeys(("org", "kind", "jurisdiction", "name", "contact", "rootKey"), _TEXT)
BODIES: Mapping[tuple[str, str], Mapping[str, Any]] = {
    ("POST", "/v1/submissions"): _FORM,
    ("POST", "/v1/submissions/preview"): _json(
        body={"enum": ["", "YSxiCjEsMgo=", "e30K", "UEsDBA==", "?"]},
        ending={"enum": [".csv", ".xlsx", ".ndjson", "", "../x"]},
        delimiter={"enum": ["", ",", ";"]},
        holds={"type": "object", "properties": {"a": {"enum": ["phone", "", "date", "colour"]}, "b": _TEXT}},
        answers={"type": "object", "properties": dict.fromkeys(("region", "handling", "timezone", "site"), _TEXT)},
        defaults={"type": "object", "properties": {"legalBasis": _TEXT, "handling": _TEXT}},
    ),
    ("POST", "/v1/uploads"): {_OCTETS: _TEXT},
    ("PATCH", "/v1/uploads/{name}"): {_OCTETS: _TEXT},
    ("DELETE", "/v1/uploads/{name}"): {},
    ("OPTIONS", "/v1/uploads"): {},
    ("POST", "/v1/organisations"): _json(**_ORGANISATION),
    ("POST", "/v1/organisations/{org}"): _json(name=_TEXT, contact=_TEXT),
    ("POST", "/v1/organisations/{org}/departure"): _json(records={"enum": ["keep", "recall", ""]}, reason=_TEXT),
    ("POST", "/v1/keys"): {"application/json": _ACT},
    ("POST", "/v1/evidence"): _json(indexes={"type": "array", "items": _WHOLE}, since=_WHOLE),
    # Nothing may really be purged: other tests have records here.
    ("POST", "/v1/purge"): _json(dryRun=_FLAG, confirm={"enum": [False, None, "yes"]}),
    ("POST", "/v1/reclean"): _json(entry=_WHOLE, pack=_WHOLE, apply=_FLAG),
    ("POST", "/v1/reapply"): _json(entry=_WHOLE, rows={"type": "array", "items": _WHOLE}),
}
HEADERS: Mapping[str, Mapping[str, Any]] = {
    "/v1/submissions": {"idempotency-key": _TEXT, "content-digest": _TEXT},
    "/v1/submissions/outcome": {"idempotency-key": _TEXT},
    "/v1/uploads": _TUS,
    "/v1/uploads/{name}": _TUS,
}
QUERIES: Mapping[str, Mapping[str, Any]] = {
    "/v1/submissions": {"dryRun": {"enum": ["true", "false", "1", ""]}},
    "/v1/log/consistency": {"old": _WHOLE, "new": _WHOLE},
}
READING = frozenset(("GET", "HEAD"))


def description(routes: Iterable[BaseRoute]) -> dict[str, Any]:
    """The description. Raises KeyError for a route that takes a body and nothing is said of here."""
    paths: dict[str, Any] = {}
    for one in routes:
        if not isinstance(one, Route) or not one.path.startswith("/v1/"):
            continue
        for method in one.methods or ():
            named = [("path", name, _TEXT) for name in re.findall(r"{(\w+)", one.path)]
            named += [("query", name, form) for name, form in QUERIES.get(one.path, {}).items()]
            named += [("header", name, form) for name, form in HEADERS.get(one.path, {}).items()]
            parameters = [
                {"in": place, "name": name, "schema": form, "required": place == "path" or "const" in form}
                for place, name, form in named
            ]
            bodies = {} if method in READING else BODIES[method, one.path]
            content = {kind: {"schema": form} for kind, form in bodies.items()}
            paths.setdefault(one.path, {})[method.lower()] = {
                "parameters": parameters,
                **({"requestBody": {"content": content}} if content else {}),
            }
    return {"openapi": "3.1.0", "info": {"title": "graphsvc", "version": "1"}, "paths": paths}


@dataclass(frozen=True)
class Sent:
    """A request: method, target, headers, body."""

    method: str
    target: str
    headers: tuple[tuple[str, str], ...]
    body: bytes


_LETTERS = st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=40)
_ODD = st.sampled_from(
    ["", "0", "-1", "1e9", "9" * 25, "null", "../..", "A" * 22, "sha256:" + "0" * 64, "x" * 300, "k1."]
)
_ANY = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=30),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)


def value_of(form: Mapping[str, Any]) -> st.SearchStrategy[Any]:
    """Values of a form, now and then of another one."""
    match form:
        case {"enum": words}:
            fit: st.SearchStrategy[Any] = st.sampled_from(words)
        case {"type": "integer"}:
            fit = st.integers(-2, 400) | st.integers()
        case {"type": "boolean"}:
            fit = st.booleans()
        case {"type": "array", "items": inner}:
            fit = st.lists(value_of(inner), max_size=5)
        case {"type": "object", "properties": members}:
            fit = st.fixed_dictionaries({}, optional={name: value_of(inner) for name, inner in members.items()})
        case _:
            fit = st.text(max_size=60) | _ODD
    return st.integers(0, 9).flatmap(lambda chance: _ANY if chance == 0 else fit)


def _plain(form: Mapping[str, Any]) -> st.SearchStrategy[str]:
    """Values of a form as they stand in a header or an address."""
    if "const" in form:
        return st.just(form["const"])
    fit = st.sampled_from(form["enum"]).map(str) if "enum" in form else _LETTERS
    return fit | _ODD | (st.integers(-2, 400).map(str) if form.get("type") == "integer" else _LETTERS)


def _body(kind: str, form: Mapping[str, Any]) -> st.SearchStrategy[bytes]:
    if kind.startswith("multipart"):
        parts = {name: st.binary(max_size=80) | _ODD.map(str.encode) for name in form["properties"]}
        return st.fixed_dictionaries({}, optional=parts).map(_form) | st.binary(max_size=200)
    if kind == "application/json":
        whole = value_of(form).map(lambda value: json.dumps(value).encode("utf-8", "surrogatepass"))
        return whole | st.binary(max_size=60)
    return st.binary(max_size=200)


def _form(parts: Mapping[str, bytes]) -> bytes:
    said = b"".join(
        b'--b\r\ncontent-disposition: form-data; name="%s"\r\ncontent-type: text/csv\r\n\r\n%s\r\n'
        % (name.encode(), value)
        for name, value in parts.items()
    )
    return said + b"--b--\r\n"


def requests_of(described: Mapping[str, Any]) -> st.SearchStrategy[Sent]:
    """Requests that the description allows, and some that are near to those."""
    every = [(path, method, one) for path, said in described["paths"].items() for method, one in said.items()]
    return st.sampled_from(every).flatmap(lambda one: _request(*one))


def _request(path: str, method: str, one: Mapping[str, Any]) -> st.SearchStrategy[Sent]:
    places: dict[str, dict[str, st.SearchStrategy[str]]] = {"path": {}, "query": {}, "header": {}}
    needed = {parameter["name"] for parameter in one["parameters"] if parameter["required"]}
    for parameter in one["parameters"]:
        places[parameter["in"]][parameter["name"]] = _plain(parameter["schema"])
    headers = places["header"]
    contents = list(one.get("requestBody", {}).get("content", {}).items())
    bodies = [st.tuples(st.just(kind), _body(kind, said["schema"])) for kind, said in contents]

    def made(steps: dict[str, str], asked: dict[str, str], said: dict[str, str], body: tuple[str, bytes]) -> Sent:
        target = path
        for name, value in steps.items():
            target = re.sub(rf"{{{name}(?::\w+)?}}", quote(value or "x", safe=""), target)
        if asked:
            target += "?" + "&".join(f"{name}={quote(value)}" for name, value in asked.items())
        kind, data = body
        more = {**said, **({"content-type": kind} if kind else {})}
        return Sent(method.upper(), target, tuple(more.items()), data)

    return st.builds(
        made,
        st.fixed_dictionaries(places["path"]),
        st.fixed_dictionaries({}, optional=places["query"]),
        st.fixed_dictionaries(
            {name: form for name, form in headers.items() if name in needed},
            optional={name: form for name, form in headers.items() if name not in needed},
        ),
        st.one_of(st.just(("", b"")), *bodies),
    )
