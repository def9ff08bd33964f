"""How to call everything that the service exposes, in a world: an entry for each GraphQL field and each route.

A field or route without an entry fails ``test_surface``. An entry is a function from what is known of a world
(:class:`Seen`) to the calls to make there, or :class:`Untouched` with the reason why no record can show through it.
Fields are asked with every field of their type, which are found by walking the schema.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import Any

import orjson
from graphql import GraphQLField, GraphQLObjectType, get_named_type

from graphsvc.api.fields import COST
from graphsvc.api.limits import DEFINITION, MAX_COST, MAX_FIELDS
from graphsvc.api.schema import core_of
from graphsvc.app import api_schema
from tests.leaks.worlds import SITE, THINGS, VEILED, key_of

Arguments = Mapping[str, Any]
INVENTED = "A" * 55
"""Looks like a handle, but was given to nobody."""
FAR = "2099-01-01T00:00:00Z"
_PAGE = {"first": 20, "before": 2**30}
_WINDOW = {"since": "2026-01-02T00:00:00Z", "until": "2026-01-20T00:00:00Z", "undated": True}
_LEAST = {"scheme": "admiralty", "source": "B", "information": "2"}
_NAMED_KINDS = ["Phone", "PaymentAccount"]
_READER = {"org": "police-ke", "kind": "police", "roles": ["investigator"]}


@dataclass(frozen=True)
class Indexes:
    """Ledger indexes of submissions: the reader's own, one of another, one with secrets, one of none."""

    own: int = 0
    common: int = 0
    secret: int = 0
    none: int = 0


@dataclass
class Seen:
    """What a reader knows of a world: its namespace, and the handles that it was given there, by thing or record."""

    space: int
    at: Indexes
    handles: dict[str, str] = field(default_factory=dict)

    def handle(self, thing: str) -> str:
        return self.handles.get(thing, INVENTED)

    def identifier(self, thing: str) -> Arguments:
        """An identifier, as kind and parts."""
        kind, parts = key_of(self.space, thing)
        return {"kind": kind, "parts": [{"name": name, "value": value} for name, value in parts.items()]}


@dataclass(frozen=True)
class Untouched:
    """An entry for a field or route that shows nothing of any record."""

    reason: str


Calls = Callable[[Seen], Iterable[Arguments]]
"""The arguments of each call by name, as JSON; the same number of calls, with the same names, in every world."""


@dataclass(frozen=True)
class Request:
    """A call of a route: as :meth:`tests.leaks.side.Side.send` takes it."""

    method: str
    path: str
    who: str
    options: dict[str, Any] = field(default_factory=dict)


def _entity(seen: Seen) -> Iterator[Arguments]:
    for thing in ("a0", "p0"):
        yield {"handle": seen.handle(thing)}
    yield {"handle": seen.handle("w0"), "grading": _LEAST}


def _search(seen: Seen) -> Iterator[Arguments]:
    for thing in ("a1", VEILED[0]):
        yield seen.identifier(thing)
    yield {**seen.identifier("p1"), "grading": _LEAST}
    yield {**seen.identifier("a0"), "owners": ["pasar", "tide"], "during": {"since": "2026-01-01T12:00:00Z"}}


def _expand(seen: Seen) -> Iterator[Arguments]:
    yield {"start": seen.handle("a0"), "hops": 2, "limit": 300}
    yield {"start": seen.handle("p0"), "hops": 3, "limit": 2}
    yield {"start": seen.handle("a1"), "hops": 1, "limit": 3, "linkKinds": ["USES"], "grading": _LEAST}
    hub = {"hubCap": 2, "stop": [seen.handle("p1")], "owners": ["pasar", "customs-cn"]}
    yield {"starts": [seen.handle("a1"), seen.handle("w0")], "hops": 3, **hub, "during": _WINDOW}


def _paths(seen: Seen) -> Iterator[Arguments]:
    yield {"source": seen.handle("a0"), "target": seen.handle("p0"), "maxHops": 4, "k": 3}
    yield {"source": seen.handle("a0"), "target": seen.handle("a2"), "maxHops": 5, "k": 2}
    yield {"source": seen.handle("p1"), "target": seen.handle("a1"), "maxHops": 4, "k": 2, "grading": _LEAST}
    only = {"owners": ["pasar", "swiftline"], "during": _WINDOW, "linkKinds": ["USES"]}
    yield {"source": seen.handle("a0"), "target": seen.handle("p1"), **only}


def _timeline(seen: Seen) -> Iterator[Arguments]:
    yield {"entities": [seen.handle("a0"), seen.handle("p0")], "first": 3}
    yield {"entities": [seen.handle(thing) for thing in THINGS], "first": 500, "linkKinds": ["USES"]}
    yield {"entities": [seen.handle("a1")], "owners": ["pasar"], "during": _WINDOW, "grading": _LEAST}


def _common(seen: Seen) -> Iterator[Arguments]:
    yield {"entities": [seen.handle(thing) for thing in THINGS[:4]], "limit": 300}
    yield {"entities": [seen.handle("a0"), seen.handle("a1")], "limit": 2, "linkKinds": ["USES"]}
    yield {"entities": [seen.handle("p0"), seen.handle("a2")], "owners": ["tide"], "during": _WINDOW, "grading": _LEAST}


def _search_names(seen: Seen) -> Iterator[Arguments]:
    # Names span all worlds. What fills up submissions of the police has other numbers in each twin, 0 and 1.
    others = ["customs-cn", "pasar", "swiftline", "tide"]
    yield {"text": "person 2"}
    yield {"text": "subsc", "beginning": True, "first": 2, "kinds": ["Phone"], "owners": others}
    yield {"text": "user", "owners": ["pasar", "tide"], "during": _WINDOW, "grading": _LEAST}


def _search_identifiers(seen: Seen) -> Iterator[Arguments]:
    begins = f"w{seen.space:06d}"
    yield {"kind": "Account", "parts": [{"name": "site", "value": SITE}, {"name": "id", "value": begins}], "first": 2}
    number = {"kind": "Phone", "parts": [{"name": "value", "value": f"+25471{seen.space:06d}"}]}
    yield {**number, "first": 10}
    yield {**number, "first": 1, "owners": ["pasar", "tide"], "during": _WINDOW, "grading": _LEAST}


def _match(seen: Seen) -> Iterator[Arguments]:
    yield {"identifiers": [seen.identifier(thing) for thing in THINGS]}


def _explain(seen: Seen) -> Iterator[Arguments]:
    yield {"record": seen.handle("a0/0")}


def _explain_places(seen: Seen) -> Iterator[Arguments]:
    # A place is a number that anyone can write: what stands there is another's.
    for index in (seen.at.own, seen.at.common, seen.at.secret):
        yield {"submission": index, "row": 1, "reader": _READER}


def _preview(seen: Seen) -> Iterator[Arguments]:
    # Of the police's own request, of one of others', and of none.
    for request in ("own request", "foreign request", "none"):
        asked = {"records": [seen.handle("a0/0")], "fieldGroups": ["identity", "content"], "uses": ["export"]}
        yield {"request": seen.handle(request), **asked, "legalBasis": "court-order"}


def _kept_rings(seen: Seen) -> Iterator[Arguments]:
    run, ring = seen.handle("own run"), seen.handle("own ring")
    yield {"run": run, "first": 100}
    few = {"tag": "none", "significant": False, "verdict": "open"}
    yield {"run": run, "filter": few, "first": 5, "afterRing": ring}
    yield {"filter": {"kinds": _NAMED_KINDS, "agencies": ["pasar", "tide", "drift"]}, "first": 100}


def _ring(seen: Seen) -> Iterator[Arguments]:
    for ring in ("own ring", "another ring", "last ring"):
        account = seen.handles.get("a0", INVENTED)
        yield {"id": seen.handle(ring), "run": seen.handle("own run"), "removed": [account], "hoursFromUtc": 3}


def _compared(seen: Seen) -> Iterator[Arguments]:
    run, before = seen.handle("own run"), seen.handle("run before")
    yield {"earlier": before, "later": run, "first": 100}
    yield {"earlier": run, "later": before, "first": 5, "afterRing": seen.handle("own ring")}


QUERIES: dict[str, Calls | Untouched] = {
    "entity": _entity,
    "search": _search,
    "expand": _expand,
    "paths": _paths,
    "timeline": _timeline,
    "common": _common,
    "searchIdentifiers": _search_identifiers,
    "match": _match,
    "explainAccess": _explain,
}
"""Asked in every world."""

ONCE: dict[str, Calls | Untouched] = {
    "searchNames": _search_names,
    "explainAccess": _explain_places,
    "rings": lambda seen: [{"parameters": {"minAccounts": 2, "hubCap": 50, "identifierKinds": _NAMED_KINDS}}],
    "submissions": lambda seen: [{"first": 50, "before": 2**30}],
    "cases": lambda seen: [{}],
    "accessLog": lambda seen: [
        {"first": 20, "since": "2020-01-01T00:00:00Z", "until": FAR, "before": 2**30},
        *({"first": 20, "submission": index} for index in (seen.at.own, seen.at.secret)),
    ],
    "budget": lambda seen: [{}],
    "disclosureRequests": lambda seen: [{"role": "ASKED", "state": "open"}, {"role": "HELD", **_PAGE}],
    "preservationRequests": lambda seen: [{"role": "ASKED", "state": "open"}, {"role": "HELD", **_PAGE}],
    "informationRequest": lambda seen: [{"id": seen.handle(name)} for name in ("own request", "foreign request")],
    "previewGrant": _preview,
    "grants": lambda seen: [{"role": "ASKED"}, {"role": "HELD", **_PAGE}],
    "sharingGroups": lambda seen: [{}],
    "recalls": lambda seen: [_PAGE],
    "recallNotices": lambda seen: [{"open": False, **_PAGE}],
    "holds": lambda seen: [{**_PAGE, "open": False}],
    "ringRuns": lambda seen: [_PAGE],
    "keptRings": _kept_rings,
    "ring": _ring,
    "compareRuns": _compared,
    "subjectAccess": lambda seen: [seen.identifier(thing) for thing in ("a0", VEILED[0])],
    "policyDifference": lambda seen: [{"object": f"sha256:{'0' * 64}"}],
    "policyVersions": lambda seen: [{}, {"part": "tide", "first": 5, "before": 2**30}],
}
"""Asked once for all worlds: they span whatever the reader may see."""

WAITING = "the entry to wait for; all of a world is applied before it is asked, and the wait itself is bounded"
READ = ("entity", "search", "expand", "paths", "timeline", "common", "searchNames", "searchIdentifiers", "match")
ARGUMENTS: dict[str, str] = {f"{name}.after": WAITING for name in READ}
FOLLOWED = ("expand", "paths", "timeline", "common", "searchIdentifiers")
"""Lists whose parts are followed in every world, from the cursors that the answers have."""
PLACE = "a place in an answer that was given: Twins.follow gives it"
ARGUMENTS |= {f"{name}.cursor": PLACE for name in FOLLOWED}
OPENED = "a place in an answer that was given; parts are followed in tests/paths"
ARGUMENTS |= {"searchNames.cursor": OPENED, "rings.cursor": OPENED}
ARGUMENTS |= {"rings.after": WAITING, "submissions.after": WAITING}
"""Arguments that no call gives, each with the reason why."""

ROUTES: dict[tuple[str, str], Callable[[Indexes], Sequence[Request]] | Untouched] = {
    ("POST", "/graphql"): Untouched("called by all entries above"),
    ("POST", "/v1/submissions"): Untouched("takes in; answers from the body and the submitter's own keys alone"),
    ("POST", "/v1/submissions/preview"): Untouched("reads the body alone, under the policies; asks for no record"),
    ("GET", "/v1/submissions/{index}/errors"): lambda at: [
        Request("GET", f"/v1/submissions/{index}/errors", "police-ke.feed") for index in (at.own, at.secret, at.none)
    ],
    ("GET", "/v1/submissions/{index}/notes"): lambda at: [
        Request("GET", f"/v1/submissions/{index}/notes", "police-ke.feed") for index in (at.own, at.secret, at.none)
    ],
    ("OPTIONS", "/v1/uploads"): Untouched("says what of tus is spoken; the same for everybody"),
    ("POST", "/v1/uploads"): Untouched("opens an upload of the caller's own; reads no record"),
    ("HEAD", "/v1/uploads/{name}"): Untouched("how much of the caller's own upload is there; reads no record"),
    ("PATCH", "/v1/uploads/{name}"): Untouched("takes in a piece of the caller's own upload; reads no record"),
    ("DELETE", "/v1/uploads/{name}"): Untouched("removes the caller's own upload; reads no record"),
    ("GET", "/v1/submissions/outcome"): Untouched("answers by the submitter's own idempotency key alone"),
    ("POST", "/v1/organisations"): Untouched("admits an organisation; reads no record"),
    ("GET", "/v1/organisations"): lambda at: [Request("GET", "/v1/organisations", "police-ke.investigator")],
    ("POST", "/v1/organisations/{org}"): Untouched("changes how a member is called; operators only, reads no record"),
    ("POST", "/v1/organisations/{org}/departure"): Untouched("ends a membership; operators only, who are told counts"),
    ("POST", "/v1/purge"): Untouched("erases what is due; operators only, who are told counts"),
    ("POST", "/v1/reapply"): lambda at: [
        Request("POST", "/v1/reapply", "police-ke.investigator", {"content": orjson.dumps({"entry": index})})
        for index in (at.own, at.secret, at.none)
    ],
    ("POST", "/v1/reclean"): lambda at: [
        Request("POST", "/v1/reclean", "police-ke.investigator", {"content": orjson.dumps({"entry": index})})
        for index in (at.own, at.secret, at.none)
    ],
    ("GET", "/v1/doctor"): lambda at: [Request("GET", "/v1/doctor", "police-ke.investigator")],
    ("POST", "/v1/keys"): Untouched("logs a key event; reads no record"),
    ("POST", "/v1/evidence"): lambda at: [
        Request("POST", "/v1/evidence", "police-ke.investigator", {"content": orjson.dumps(asked)})
        for asked in ({}, {"indexes": [at.own]}, {"indexes": [at.secret]}, {"indexes": [at.none]})
    ],
    ("GET", "/session"): Untouched("says to a person who is logged in; reads no record"),
    ("GET", "/session/login"): Untouched("sends a browser to the identity provider; reads no record"),
    ("GET", "/session/callback"): Untouched("begins a person's session; reads no record"),
    ("POST", "/session/logout"): Untouched("ends a person's session; reads no record"),
    ("GET", "/log/checkpoint"): Untouched("public by design: the log's head"),
    ("GET", "/log/tile/{path:path}"): Untouched("public by design: types, times and size classes of sealed entries"),
    ("GET", "/log/object/{digest}"): Untouched("public by design: sealed parts by digest"),
    ("GET", "/v1/log/consistency"): Untouched("public by design: hashes of the log"),
    ("GET", "/console"): Untouched("leads to the pages, which ask by the routes above"),
    ("GET", "/console/service.json"): Untouched("the log's key and code lists, the same for everybody"),
    ("GET", "/console/assets/{name}"): Untouched("the files of the pages"),
    ("GET", "/console/{path:path}"): Untouched("the page, the same for everybody"),
    ("GET", "/explorer"): Untouched("a page that is the same for everybody and asks by the routes above"),
    ("GET", "/explorer/{name}"): Untouched("the files of that page"),
    ("GET", "/health/live"): Untouched("says that the process runs"),
    ("GET", "/health/ready"): Untouched("says which parts run, how far behind, what is set aside, by index and code"),
}


@dataclass(frozen=True)
class Document:
    """A query with its variables. The text is the same in every world, so the service reads it once."""

    text: str
    variables: dict[str, Any]


def cost_of(name: str) -> int:
    """What a root field costs."""
    query = core_of(api_schema()).query_type
    assert query is not None
    return int(query.fields[name].extensions[DEFINITION].metadata[COST])


def documents(entries: Mapping[str, Calls | Untouched], seen: Seen, names: Sequence[str] = ()) -> Iterator[Document]:
    """The entries' calls (of ``names`` only, where given) as query documents within the service's limits."""
    asked: list[tuple[str, Arguments]] = []
    cost = fields = 0
    for name, entry in entries.items():
        if isinstance(entry, Untouched) or (names and name not in names):
            continue
        _, size = selection_of("Query", name)
        for arguments in entry(seen):
            if asked and (cost + cost_of(name) > MAX_COST or fields + size > MAX_FIELDS):
                yield document(asked)
                asked, cost, fields = [], 0, 0
            asked.append((name, arguments))
            cost, fields = cost + cost_of(name), fields + size
    if asked:
        yield document(asked)


def mutation(name: str, compact: str) -> Document:
    """A mutation that hands a signed act in."""
    return Document(
        f"mutation($act: String!) {{ {name}(act: $act) {selection_of('Mutation', name)[0]} }}", {"act": compact}
    )


def finding(seen: Seen) -> Document:
    """The query that finds the handles of a world's things and of their records."""
    asked = [("search", seen.identifier(thing)) for thing in THINGS]
    return document(asked, "{ handle records { handle } }")


def document(asked: Sequence[tuple[str, Arguments]], selection: str = "") -> Document:
    """A query of root fields with their arguments; ``selection`` is asked of each, or else every field."""
    variables = {f"v{n}_{name}": value for n, (_, given) in enumerate(asked) for name, value in given.items()}
    return Document(_text(tuple((name, tuple(given)) for name, given in asked), selection), variables)


@cache
def _text(asked: tuple[tuple[str, tuple[str, ...]], ...], selection: str) -> str:
    """A query of root fields, each with the arguments named, all of them by variables."""
    declared, calls = [], []
    for n, (name, arguments) in enumerate(asked):
        known = root_fields("Query")[name].args
        declared += [f"$v{n}_{argument}: {known[argument].type}" for argument in arguments]
        given = ", ".join(f"{argument}: $v{n}_{argument}" for argument in arguments)
        calls.append(f"{name}_{n}: {name}{f'({given})' if given else ''} {selection or selection_of('Query', name)[0]}")
    variables = f"({', '.join(declared)})" if declared else ""
    return f"query{variables} {{ {' '.join(calls)} }}"


def root_fields(root: str) -> dict[str, GraphQLField]:
    """The fields of a root type; none when the schema has no such type."""
    kind = core_of(api_schema()).type_map.get(root)
    return kind.fields if isinstance(kind, GraphQLObjectType) else {}


@cache
def selection_of(root: str, name: str) -> tuple[str, int]:
    """Every field of a root field's type, to the leaves, and how many fields that are."""
    text, size = _selection(get_named_type(root_fields(root)[name].type))
    return text, size + 1


def _selection(kind: Any) -> tuple[str, int]:
    if not isinstance(kind, GraphQLObjectType):
        return "", 0
    parts = []
    total = 0
    for name, one in kind.fields.items():
        text, size = _selection(get_named_type(one.type))
        parts.append(f"{name} {text}".strip())
        total += size + 1
    return f"{{ {' '.join(parts)} }}", total
