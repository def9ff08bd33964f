"""Twin worlds: two small networks that differ only in what a reader may not see.

A world is drawn by Hypothesis as data and written as submissions twice, once for each twin. What is common is written
row for row under the same numbers in both; what is secret differs between the twins, or is there in one only. Many
worlds live in one service side by side: each has identifiers of its own, so none touches another.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Any

from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st

SITE = "shopee"
ACCOUNTS, PHONES, WALLETS = ("a0", "a1", "a2", "a3"), ("p0", "p1", "p2"), ("w0",)
THINGS = (*ACCOUNTS, *PHONES, *WALLETS)
VEILED = ("p8", "p9")
"""Phones whose identity is withheld: the first twin has one of them, the second twin the other."""
ALIKE = ("p6", "p7")
"""Two phones whose identity is withheld; all else about them is the same."""
GUESSES = ("a1", "p2", *ALIKE, *VEILED, "e8", "e9")
"""What the police name in rows of their own, to find out whether others hold it."""
TIED = ("a9", "p5")
"""An account and a phone that the police name in many rows that say the same."""
ROOT = 0
"""The namespace of rows that belong to no world."""

SHOWN = {
    "pasar": ("GREEN", "AMBER"),
    "swiftline": ("GREEN", "AMBER"),
    "customs-cn": ("GREEN", "AMBER"),
    "police-ke": ("AMBER", "RED"),
    "tide": ("GREEN",),
}
"""By owner: TLP codes that the police may see."""

MASKED = {"pasar": "financial", "swiftline": "personal", "tide": "identity"}
"""By owner: the field group that its own file keeps back from the police."""

HIDDEN: dict[str, tuple[dict[str, Any], ...]] = {
    "pasar": (
        {"handling": {"scheme": "tlp-2.0", "code": "RED"}},
        {"handling": {"scheme": "tlp-2.0", "code": "AMBER+STRICT"}},
        {"handling": {"scheme": "europol", "code": "H2"}},
        {"handling": {"scheme": "tlp-2.0", "code": "GREEN"}, "purposes": ["prosecution"]},
        {"handling": {"scheme": "tlp-2.0", "code": "GREEN"}, "expires": "2021-05-01T00:00:00Z"},
        {"handling": {"scheme": "tlp-2.0", "code": "AMBER"}, "groups": [], "moved": True},
    ),
    "customs-cn": (
        {"handling": {"scheme": "europol", "code": "H3"}},
        {"handling": {"scheme": "tlp-2.0", "code": "GREEN"}, "purposes": ["prosecution"]},
        {"handling": {"scheme": "tlp-2.0", "code": "GREEN"}, "expires": "2021-05-01T00:00:00Z"},
    ),
    "tide": (
        {"handling": {"scheme": "tlp-2.0", "code": "RED"}},
        {"handling": {"scheme": "uk-3x5x2", "code": "C"}},
    ),
}
"""By owner: what neither the police nor a courier may see, nor learn of by a match."""


@dataclass(frozen=True)
class Row:
    """A claim that both twins hold: an account uses something. ``masked``: the withheld value in each twin."""

    owner: str
    code: str
    source: str
    target: str
    value: int
    masked: tuple[int, int]


@dataclass(frozen=True)
class Secret:
    """A claim of one twin only; ``hidden`` is a place in :data:`HIDDEN`."""

    owner: str
    hidden: int
    source: str
    target: str
    value: int


@dataclass(frozen=True)
class Hit:
    """A claim of customs that only a match may tell of: ``linked`` and ``values`` differ by twin."""

    source: str
    target: str
    linked: tuple[bool, bool]
    values: tuple[int, int]


@dataclass(frozen=True)
class World:
    """One world with both its twins. ``early``: secrets are submitted before what is common.

    ``bare``: the second twin is what is left once all that the reader may not see is taken away. ``veiled``: values of
    Tide's claims that link an account to the veiled phone. ``alike``: Tide claims the same of two phones and withholds
    their identity; whatever is hidden, one comes before the other. ``ring``: two accounts of Drift, which shows no
    identities, share a veiled thing and another one; one of them uses two more, of which Drift says the same.
    """

    rows: tuple[Row, ...]
    secrets: tuple[tuple[Secret, ...], tuple[Secret, ...]]
    hits: tuple[Hit, ...]
    early: bool
    bare: bool
    veiled: tuple[int, ...] = ()
    alike: bool = False
    ring: bool = False


accounts, targets = st.sampled_from(ACCOUNTS), st.sampled_from((*ACCOUNTS, *PHONES, *PHONES, *WALLETS))
hidden_targets = st.sampled_from((*ACCOUNTS, *PHONES, *ALIKE, *WALLETS))


@st.composite
def worlds(draw: Callable[..., Any]) -> World:
    """Up to ten common claims, up to six secrets in each twin, up to two hits."""
    early, bare = draw(st.booleans()), draw(st.booleans())
    values = st.integers(0, 2)
    rows = []
    for _ in range(draw(st.integers(1, 10))):
        owner = draw(st.sampled_from(sorted(SHOWN)))
        source, target = _ends(draw)
        masked = draw(st.tuples(st.integers(0, 9), st.integers(0, 9)))
        rows.append(Row(owner, draw(st.sampled_from(SHOWN[owner])), source, target, draw(values), masked))
    first = _secrets(draw)
    second = () if bare else _secrets(draw)
    flags = st.tuples(st.booleans(), st.booleans())
    hits = tuple(
        Hit(*_ends(draw), draw(flags), draw(st.tuples(values, values))) for _ in range(draw(st.integers(0, 2)))
    )
    veiled = draw(st.sampled_from([(), (7,), (8, 9)]))
    return World(tuple(rows), (first, second), hits, early, bare, veiled, draw(st.booleans()))


def _ends(draw: Callable[..., Any], things: st.SearchStrategy[str] = targets) -> tuple[str, str]:
    source = draw(accounts)
    target = draw(things)
    return source, target if target != source else "p0"


def _secrets(draw: Callable[..., Any]) -> tuple[Secret, ...]:
    found = []
    for _ in range(draw(st.integers(1, 6))):
        owner = draw(st.sampled_from(sorted(HIDDEN)))
        hidden = draw(st.integers(0, len(HIDDEN[owner]) - 1))
        found.append(Secret(owner, hidden, *_ends(draw, hidden_targets), draw(st.integers(0, 2))))
    return tuple(found)


def draw_worlds(count: int, start: int) -> list[World]:
    """``count`` worlds; ``start`` is the seed that draws them again."""
    found: list[World] = []

    @seed(start)
    @settings(
        max_examples=count,
        phases=[Phase.generate],
        database=None,
        deadline=None,
        suppress_health_check=list(HealthCheck),
    )
    @given(world=worlds())
    def collect(world: World) -> None:
        found.append(world)

    collect()
    return found


def key_of(space: int, thing: str) -> tuple[str, dict[str, str]]:
    """Kind and key parts of a thing in a world's namespace."""
    number = int(thing[1:])
    if thing[0] == "a":
        return "Account", {"site": SITE, "id": f"w{space:06d}{thing}"}
    if thing[0] == "p":
        return "Phone", {"value": f"+25471{space:06d}{number}"}
    if thing[0] == "e":
        return "Email", {"value": f"w{space:06d}{thing}@example.com"}
    return "PaymentAccount", {"provider": "m-pesa", "account": f"w{space:06d}{thing}"}


def common_rows(space: int, world: World, twin: int) -> Iterator[tuple[str, bytes]]:
    """Owner and text of each row that both twins hold."""
    for row in world.rows:
        group = MASKED.get(row.owner, "")
        # A bare twin holds no withheld values.
        kept_back = None if world.bare and twin else row.masked[twin]
        ends = [_entity(space, thing, row.value, group, kept_back) for thing in (row.source, row.target)]
        more = {"handling": {"scheme": "tlp-2.0", "code": row.code}}
        yield row.owner, _draft(ends, row.value, more)
    nameless = [(VEILED[twin], value) for value in world.veiled] + [(thing, 5) for thing in ALIKE if world.alike]
    for thing, value in nameless:
        ends = [_entity(space, one, value, "identity", None) for one in ("a0", thing)]
        yield "tide", _draft(ends, value, {"handling": {"scheme": "tlp-2.0", "code": "GREEN"}})
    if world.ring:
        alike = [("a0", "e6"), ("a0", "e7")]
        for account, thing in [*product(("a0", "a1"), (f"e{VEILED[twin][1:]}", "e5")), *alike]:
            ends = [_entity(space, one, 3, "", None) for one in (account, thing)]
            yield "drift", _draft(ends, 3, {"handling": {"scheme": "tlp-2.0", "code": "GREEN"}})
    for hit in world.hits:
        bare = world.bare and twin
        value = None if bare else hit.values[twin]
        ends = [_entity(space, thing, value, "", None) for thing in (hit.source, hit.target)]
        more = {"handling": {"scheme": "tlp-2.0", "code": "AMBER+STRICT"}}
        yield "customs-cn", _draft(ends, value if hit.linked[twin] and not bare else None, more)


def secret_rows(space: int, world: World, twin: int) -> Iterator[tuple[str, bytes, bool]]:
    """Owner and text of each row that this twin alone holds, and whether it is hidden by a later move."""
    for secret in world.secrets[twin]:
        ends = [_entity(space, thing, secret.value, "", None) for thing in (secret.source, secret.target)]
        more = dict(HIDDEN[secret.owner][secret.hidden])
        moved = bool(more.pop("moved", False))
        yield secret.owner, _draft(ends, secret.value, more), moved


def guess_rows(space: int) -> list[bytes]:
    """Rows of the police about things that they guess others hold."""
    more = {"handling": {"scheme": "tlp-2.0", "code": "RED"}}
    return [_draft([_entity(space, one, None, "", None) for one in ("a0", guess)], 1, more) for guess in GUESSES]


def tied_rows(count: int) -> list[bytes]:
    """Rows of the police that all say the same."""
    more = {"handling": {"scheme": "tlp-2.0", "code": "RED"}}
    return [_draft([_entity(ROOT, one, 1, "", None) for one in TIED], 1, more)] * count


def filler(number: int) -> bytes:
    """A row that belongs to no world, so that no submission is empty."""
    ends = [_entity(ROOT, thing, number, "", None) for thing in ("a0", "p0")]
    return _draft(ends, number, {"handling": {"scheme": "tlp-2.0", "code": "RED"}})


def _draft(ends: Sequence[dict[str, Any]], linked: int | None, more: dict[str, Any]) -> bytes:
    refs = [{"ref": ref, **end} for ref, end in zip("st", ends, strict=True)]
    links = []
    if linked is not None:
        observed = {"since": f"2026-01-{linked % 28 + 1:02d}"}
        more = {"grading": {"scheme": "admiralty", **_GRADES[linked % len(_GRADES)]}, **more}
        links = [{"kind": "USES", "from": "s", "to": "t", "attributes": {"count": linked}, "observed": observed}]
    return json.dumps({"entities": refs, "links": links, **more}).encode()


def _entity(space: int, thing: str, value: int | None, group: str, kept_back: int | None) -> dict[str, Any]:
    """An entity with a value in each of its groups; those of ``group`` hold ``kept_back``, or are left out."""
    kind, parts = key_of(space, thing)
    attributes: dict[str, Any] = {}
    for name, (belongs, form) in _ATTRIBUTES[kind].items():
        said = kept_back if belongs == group else value
        if said is not None:
            attributes[name] = form(said)
    return {"kind": kind, "key": parts, "attributes": attributes}


_GRADES = tuple({"source": source, "information": information} for source, information in ("A1", "B2", "D4"))
_ATTRIBUTES: dict[str, dict[str, tuple[str, Callable[[int], Any]]]] = {
    "Account": {
        "displayName": ("identity", lambda n: f"user {n}"),
        "verifiedName": ("personal", lambda n: f"Person {n}"),
        "about": ("content", lambda n: f"text {n}"),
        "followers": ("operational", lambda n: n),
    },
    "Phone": {
        "subscriber": ("personal", lambda n: f"Subscriber {n}"),
        "carrier": ("operational", lambda n: f"Carrier {n}"),
    },
    "Email": {},
    "PaymentAccount": {
        "holder": ("personal", lambda n: f"Holder {n}"),
        "provider": ("financial", lambda n: f"Provider {n}"),
        "balance": ("financial", lambda n: f"{n}.5"),
    },
}
