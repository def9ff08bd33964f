"""Both sides at once: load worlds into them, ask them the same, and say where the answers differ."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar

import orjson

from graphsvc.graph.prepare import record_int
from graphsvc.model.principals import Footing
from tests.leaks.acts import KINDS, MUTATIONS, Deed, Known, grant_until, others_act, search_rings
from tests.leaks.masks import HEADERS, difference, masked, renamed
from tests.leaks.moves import guess, mask, mask_kept, tie
from tests.leaks.side import FOOTING, Side
from tests.leaks.surface import (
    FOLLOWED,
    ONCE,
    QUERIES,
    ROUTES,
    Arguments,
    Calls,
    Document,
    Indexes,
    Seen,
    Untouched,
    document,
    documents,
    finding,
    mutation,
)
from tests.leaks.worlds import THINGS, World, common_rows, filler, secret_rows

T = TypeVar("T")
INVESTIGATOR, ANALYST = "police-ke.investigator", "police-ke.analyst"
READERS: tuple[tuple[str, Footing, tuple[str, ...]], ...] = (
    (INVESTIGATOR, FOOTING, ()),
    (INVESTIGATOR, Footing(), ("entity", "search", "match")),
    ("harbour.feed", Footing(), ("search", "match")),
)
"""Who asks, on what footing, and which fields (none named: all)."""
OWNERS = ("customs-cn", "pasar", "tide", "police-ke", "drift", "swiftline")
PARTS = 3
"""So many parts of one list are asked for."""
FEW = 10


@dataclass(frozen=True)
class Leak:
    """Two twins whose answers differ."""

    space: int
    world: World | None
    what: str
    where: str

    def __str__(self) -> str:
        return f"{self.what}\n  at {self.where}\n  in world {self.space}: {self.world}"


@dataclass
class Twins:
    """Two sides, of which the first holds the first twin of each world. ``compared`` counts answers.

    ``tied`` is the submission of the rows that all say the same, once they are there.
    """

    sides: tuple[Side, Side]
    spaces: int = 0
    compared: int = 0
    at: Indexes = field(default_factory=Indexes)
    requests: list[tuple[str, str]] = field(default_factory=list)
    tied: int = 0
    _pool: ThreadPoolExecutor = field(default_factory=lambda: ThreadPoolExecutor(2))

    def load(self, worlds: Sequence[World]) -> list[tuple[int, World]]:
        """Write both twins of every world, each side alike but for its secrets; returns the worlds' namespaces."""
        placed = [(self.spaces + number + 1, world) for number, world in enumerate(worlds)]
        self.spaces += len(worlds)
        self.level()
        indexes = self.both(lambda twin, side: self._load(side, twin, placed))
        assert indexes[0] == indexes[1], "both sides must number their entries alike"
        self.at = Indexes(*indexes[0], indexes[0][-1] + 1_000_000)
        if not self.requests:
            tomorrow = (datetime.now(UTC) + timedelta(days=1)).strftime("%Y-%m-%dT%H:%M:%SZ")
            self.both(lambda _, side: grant_until(side, tomorrow))
            self.requests = self.both(lambda twin, side: others_act(side, twin))
        return placed

    def ask(self, placed: Sequence[tuple[int, World]]) -> Iterator[Leak]:
        """Everything that the service exposes, in every world; yields what differs."""
        for space, world in placed:
            seen = self.both(lambda _, side, space=space: self._handles(side, space))
            for who, footing, names in READERS:
                for pair in self._pairs(who, footing, QUERIES, seen, names):
                    yield from self.compare(pair, f"{who} asks", space, world)
            yield from self.follow(seen, space, world)
        yield from self.once()
        yield from mask(self)
        yield from mask_kept(self)

    def follow(self, seen: Sequence[Seen], space: int, world: World) -> Iterator[Leak]:
        """Every list of a world that is asked for in small parts, part by part; yields what differs."""
        for name in FOLLOWED:
            entry = QUERIES[name]
            assert not isinstance(entry, Untouched)
            for asked in zip(*map(entry, seen), strict=True):
                if max(asked[0].get(size, 0) for size in ("limit", "first")) > FEW:
                    continue
                cursors: list[str | None] = [None, None]
                for _ in range(PARTS):

                    def part(
                        twin: int, side: Side, name: str = name, asked: Sequence[Arguments] = asked,
                        cursors: Sequence[str | None] = tuple(cursors),
                    ) -> dict[str, Any]:  # fmt: skip
                        given = {**asked[twin], **({} if cursors[twin] is None else {"cursor": cursors[twin]})}
                        return side.ask(INVESTIGATOR, FOOTING, document([(name, given)]))

                    pair = self.both(part)
                    cursors = [_next(answer) for answer in pair]
                    yield from self.compare(pair, f"{INVESTIGATOR} follows {name}", space, world)
                    if None in cursors:
                        break

    def warm(self, footing: Footing) -> None:
        """Have the investigator ask something on ``footing`` first, so that its decisions are cached."""
        for side in self.sides:
            asked = documents({"match": QUERIES["match"]}, Seen(0, self.at))
            side.ask(INVESTIGATOR, footing, next(asked))

    def once(self) -> Iterator[Leak]:
        """Ask once what spans all worlds; yields what differs."""
        first = self.both(lambda _, side: self._handles(side, 1))
        for seen, requests in zip(first, self.requests, strict=True):
            seen.handles |= dict(zip(("own request", "foreign request"), requests, strict=True))
        self.level()
        for seen, ids in zip(first, self.both(lambda _, side: search_rings(side)), strict=True):
            seen.handles |= ids
        for who in (INVESTIGATOR, ANALYST):
            for pair in self._pairs(who, FOOTING, ONCE, first):
                yield from self.compare(pair, f"{who} asks", 0, None)
        for entry in ROUTES.values():
            for request in () if isinstance(entry, Untouched) else entry(self.at):
                sent = [side.send(request.method, request.path, request.who, **request.options) for side in self.sides]
                yield from self.compare(sent, f"{request.method} {request.path}", 0, None)
        yield from self._deeds(first)

    def _deeds(self, seen: Sequence[Seen]) -> Iterator[Leak]:
        """Every act, about what the police may not know of."""
        known = [Known(*ids, one.handle("a0/0"), self.at.secret) for ids, one in zip(self.requests, seen, strict=True)]
        after = self.at.secret
        for name, entry in MUTATIONS.items():
            if isinstance(entry, Untouched):
                continue
            for deeds in zip(*map(entry, known), strict=True):
                self.level()

                def act(twin: int, side: Side, name: str = name, deeds: Sequence[Deed] = deeds) -> dict[str, Any]:
                    deed = deeds[twin]
                    compact = side.members.sign(deed.by, KINDS[name], deed.sub, deed.body, after)
                    return side.ask(deed.by, FOOTING, mutation(name, compact))

                yield from self.compare(self.both(act), f"{deeds[0].by}: {name}", 0, None)

    def _pairs(
        self,
        who: str,
        footing: Footing,
        entries: Mapping[str, Calls | Untouched],
        seen: Sequence[Seen],
        names: Sequence[str] = (),
    ) -> Iterator[list[dict[str, Any]]]:
        asked = [documents(dict(entries), one, names) for one in seen]
        for pair in zip(*asked, strict=True):
            yield self.both(lambda twin, side, pair=pair: side.ask(who, footing, pair[twin]))

    def level(self) -> None:
        """Bring both ledgers to one head: a side that was busy and was asked again has an entry more."""
        asked = Document("{ budget { limit } }", {})
        heads = self.both(lambda _, side: int(side.ask(ANALYST, FOOTING, asked)["extensions"]["receipt"]["index"]))
        for side, head in zip(self.sides, heads, strict=True):
            for _ in range(max(heads) - head):
                side.ask(ANALYST, FOOTING, asked)

    def both(self, work: Callable[[int, Side], T]) -> list[T]:
        """What ``work`` gives for each side; the sides work at the same time."""
        return list(self._pool.map(work, range(2), self.sides))

    def compare(
        self, pair: Sequence[dict[str, Any]], what: str, space: int, world: World | None, nameless: bool = False
    ) -> Iterator[Leak]:
        """A leak where two answers differ. ``nameless``: all things in them are masked; see :func:`renamed`."""
        self.compared += 1
        for answer in pair:
            for name in HEADERS:
                answer["headers"].pop(name, None)
        bytes_of = renamed if nameless else masked
        first, second = (bytes_of(answer) for answer in pair)
        if first != second:
            where = difference(orjson.loads(first), orjson.loads(second))
            yield Leak(space, world, what, where or "the order of members")

    def leak(self, what: str, where: str) -> Leak:
        """A leak that one side shows by itself."""
        return Leak(0, None, what, where)

    def _handles(self, side: Side, space: int) -> Seen:
        """The handles that the investigator finds in a world."""
        seen = Seen(space, self.at)
        found = side.ask(INVESTIGATOR, FOOTING, finding(seen))["data"]
        for thing, entities in zip(THINGS, found.values(), strict=True):
            for entity in entities or ():
                seen.handles[thing] = entity["handle"]
                seen.handles |= {f"{thing}/{n}": record["handle"] for n, record in enumerate(entity["records"])}
        return seen

    def _load(self, side: Side, twin: int, placed: Sequence[tuple[int, World]]) -> tuple[int, int, int]:
        """Secrets that come early, what is common, secrets that come late; what moves, moves at the end."""
        moves: dict[str, list[int]] = {}
        own = common = last = 0
        for early in (True, False):
            if not early:
                for owner, rows in _by_owner((common_rows(space, world, twin) for space, world in placed)).items():
                    last = side.submit(owner, [filler(twin), *rows])
                    own = last if owner == "police-ke" else own
                    common = last if owner == "swiftline" else common
            chosen = [(space, world) for space, world in placed if world.early == early]
            secret: dict[str, list[tuple[bytes, bool]]] = {owner: [] for owner in ("customs-cn", "pasar", "tide")}
            for space, world in chosen:
                for owner, text, moved in secret_rows(space, world, twin):
                    secret[owner].append((text, moved))
            for owner, rows in secret.items():
                last = side.submit(owner, [filler(twin), *(text for text, _ in rows)])
                numbers = [number for number, (_, moved) in enumerate(rows, start=1) if moved]
                moves.setdefault(owner, []).extend(record_int(last, number) for number in (0, *numbers))
        side.move("pasar", moves["pasar"])
        side.ask(INVESTIGATOR, FOOTING, Document(f"{{ submissions(first: 1, after: {last + 1}) {{ index }} }}", {}))
        return own, common, last


def _next(answer: Mapping[str, Any]) -> str | None:
    """The cursor of an answer about one list."""
    found = next(iter((answer.get("data") or {}).values()), None)
    return None if found is None else found["next"]


def _by_owner(worlds: Iterator[Iterator[tuple[str, bytes]]]) -> dict[str, list[bytes]]:
    found: dict[str, list[bytes]] = {owner: [] for owner in OWNERS}
    for rows in worlds:
        for owner, text in rows:
            found[owner].append(text)
    return found


def check(
    twins: Twins, worlds: Sequence[World], batch: int, tell: Callable[[str], None] = lambda _: None
) -> list[Leak]:
    """Load and ask worlds in batches; returns the leaks found (at most a handful, so that people can read them)."""
    found: list[Leak] = []
    for start in range(0, len(worlds), batch):
        placed = twins.load(worlds[start : start + batch])
        found += [*twins.ask(placed), *guess(twins, placed), *tie(twins)]
        tell(f"{min(start + batch, len(worlds))} worlds, {twins.compared} answers compared, {len(found)} leaks")
        if len(found) >= 5:
            break
    return found
