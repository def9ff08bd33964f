"""Retention: how old records may become, as rules in a file, and which records are due to go."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import msgspec

from graphsvc.core import Core
from graphsvc.lifecycle.preserve import holds_now
from graphsvc.lifecycle.sealed import open_records
from graphsvc.lifecycle.store import book_of
from graphsvc.model import ranges
from graphsvc.model.errors import InvalidInput
from graphsvc.model.labels import Handling, Label
from graphsvc.model.places import ROW_BITS, record_int
from graphsvc.model.ranges import Ranges
from graphsvc.model.slugs import Slug
from graphsvc.model.times import seconds
from graphsvc.model.yamlfiles import load_yaml

DAY = 86_400.0


class Rule(msgspec.Struct, frozen=True, forbid_unknown_fields=True, rename="camel"):
    """Records under a label that fits are kept ``max_age_days`` days from their submission."""

    id: Slug
    max_age_days: Annotated[int, msgspec.Meta(ge=0)]
    owner: str | None = None
    handling: Handling | None = None
    legal_basis: str | None = None

    def fits(self, label: Label) -> bool:
        """Whether the rule applies to a label."""
        return (
            self.owner in (None, label.owner)
            and self.handling in (None, label.handling)
            and self.legal_basis in (None, label.legal_basis)
        )


class _File(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    rules: list[Rule]


@dataclass(frozen=True, slots=True)
class Due:
    """One owner's records that are due to go, by reason, and which of them stay because they are under a hold."""

    owner: str
    expired: Ranges
    over_age: Ranges
    recalled: Ranges
    held: Ranges
    holds: tuple[int, ...] = ()
    """The holds that keep it, by index."""

    @property
    def purged(self) -> Ranges:
        """What a purge takes."""
        return ranges.minus(ranges.union(self.expired, self.over_age, self.recalled), self.held)


def load_rules(path: Path) -> tuple[Rule, ...]:
    """The rules in a YAML file. Raises InvalidInput that names the file and what is wrong."""
    try:
        rules = msgspec.convert(load_yaml(path.read_bytes(), where=path.name), _File).rules
    except OSError as error:
        raise InvalidInput(f"can't be read: {error.strerror}", code="bad_retention", where=path.name) from None
    except msgspec.ValidationError as error:
        raise InvalidInput(str(error).splitlines()[0], code="bad_retention", where=path.name) from None
    if len({rule.id for rule in rules}) != len(rules):
        raise InvalidInput("two rules have the same id", code="bad_retention", where=path.name)
    return tuple(rules)


def due(core: Core, rules: Sequence[Rule], now: float | None = None) -> Iterator[Due]:
    """What is due at ``now`` (epoch seconds), owner by owner; owners with nothing due are left out. Blocks."""
    moment = time.time() if now is None else now
    for owner in sorted(core.ledger.organisations()):
        labels = core.labels_of(owner)
        ages = {lid: age for lid, label in labels.items() if (age := _age(rules, label)) is not None}
        expired, old = _of_owner(core, (owner, labels), ages, moment)
        more, older = _of_aside(core, owner, rules, moment)
        expired, old = ranges.union(expired, more), ranges.union(old, older)
        recalled = book_of(core).recalled(owner)
        all_of_it = ranges.union(expired, old, recalled)
        if all_of_it:
            holds = [hold for hold in holds_now(core, owner) if ranges.both(hold.ranges, all_of_it)]
            held = ranges.both(all_of_it, ranges.union(*(hold.ranges for hold in holds)))
            yield Due(owner, expired, old, recalled, held, tuple(hold.index for hold in holds))


def _age(rules: Sequence[Rule], label: Label) -> float | None:
    """The age in seconds that the strictest fitting rule allows; None without such a rule."""
    fitting = [rule.max_age_days for rule in rules if rule.fits(label)]
    return min(fitting) * DAY if fitting else None


def _of_owner(
    core: Core, own: tuple[str, Mapping[int, Label]], ages: Mapping[int, float], now: float
) -> tuple[Ranges, Ranges]:
    expired: list[int] = []
    over_age: list[int] = []
    for one in book_of(core).submissions(own[0]) if own[1] else ():
        age = now - seconds(one.t)
        old = [lid for lid, most in ages.items() if age > most]
        low = record_int(one.index, 0)
        for record, has_expired in core.holdings.due(list(own[1]), old, low, low + one.rows, now):
            (expired if has_expired else over_age).append(record)
    return ranges.of_records(expired), ranges.of_records(over_age)


def _of_aside(core: Core, owner: str, rules: Sequence[Rule], now: float) -> tuple[Ranges, Ranges]:
    """What is due of rows set aside (not in the graph). For one that can't be read, the strictest rule counts."""
    aside = book_of(core).set_aside(owner)
    if not aside:
        return (), ()
    received = {one.index: seconds(one.t) for one in book_of(core).submissions(owner)}
    strictest = min((rule.max_age_days * DAY for rule in rules if rule.owner in (None, owner)), default=None)
    ages = {submission: now - received.get(submission, now) for submission in ranges.submissions(aside)}
    expired: list[int] = []
    readable: list[int] = []
    over_age: list[int] = []
    for opened in open_records(core.ledger, core.payloads, aside):
        if opened.draft is None:
            continue
        readable.append(opened.record)
        most = _age(rules, opened.draft.label)
        if _expired(opened.draft.expires, now):
            expired.append(opened.record)
        elif most is not None and ages[opened.record >> ROW_BITS] > most:
            over_age.append(opened.record)
    closed = ranges.minus(aside, ranges.of_records(readable))
    old = [part for part in closed if strictest is not None and ages[part[0]] > strictest]
    return ranges.of_records(expired), ranges.union(ranges.of_records(over_age), ranges.ranges(old))


def _expired(expires: str | None, now: float) -> bool:
    try:
        return expires is not None and seconds(expires) <= now
    except (ValueError, OverflowError):
        return False
