"""From groups that stand alone to facts about rings: what is shared by whom, since when, and which records say so."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction

import numpy as np

from graphsvc.detect.arrays import Flags, Ints, Reals, first_of_each, spans, starts_of
from graphsvc.detect.explain import Facts, Shared
from graphsvc.detect.names import Ranks
from graphsvc.detect.search import visible_ranks
from graphsvc.detect.standing import Standing

Records = dict[int, tuple[int, ...]]


@dataclass(frozen=True, slots=True)
class Judged:
    """What is known of each group as a whole, by its number."""

    spread: Sequence[Fraction]
    log_e: Reals
    significant: Flags
    tag: Sequence[str]
    hubs: Mapping[int, Records]
    between: Mapping[int, Records]
    brokers: Mapping[int, set[int]]


class Assembly:
    """The groups of a search, told one by one."""

    def __init__(self, standing: Standing, ranks: Ranks) -> None:
        self._standing = standing
        graph, groups = standing.found.graph, standing.found.groups
        self._claims = standing.claims
        self._starts = starts_of(groups.group, groups.count)
        width = int(graph.identifier.max(initial=0)) + 1
        self._link = np.searchsorted(
            graph.member * width + graph.identifier, groups.member * width + groups.identifier
        )  # fmt: skip
        self._uses = np.argsort(graph.link, kind="stable")
        self._use_starts = starts_of(graph.link, len(graph.member))
        members, identifiers = np.arange(len(graph.members)), np.arange(len(graph.identifiers))
        place = visible_ranks(graph, members, identifiers, lambda ids: ranks(self._claims.entity(ids)))
        self._member_place, self._identifier_place = place[: len(members)], place[len(members) :]
        self._entity = self._claims.entity(graph.members)

    def facts(self, number: int, judged: Judged) -> Facts:
        """All that is known of group ``number``."""
        groups = self._standing.found.groups
        at = slice(int(self._starts[number]), int(self._starts[number + 1]))
        member, identifier, core = groups.member[at], groups.identifier[at], groups.core[at]
        # 1. Its members in the order of their names.
        who, first = np.unique(member, return_index=True)
        order = np.argsort(self._member_place[who], kind="stable")
        accounts = tuple(self._entity[who[order]].tolist())
        fringe = tuple(self._entity[who[order][~core[first[order]]]].tolist())
        # 2. Each use with its records.
        counts = self._use_starts[self._link[at] + 1] - self._use_starts[self._link[at]]
        use = self._uses[spans(self._use_starts[self._link[at]], counts)]
        return Facts(
            spread=judged.spread[number],
            accounts=accounts,
            fringe=fringe,
            shared=self._shared(np.repeat(member, counts), np.repeat(identifier, counts), use),
            links=len(member),
            log_e=float(judged.log_e[number]),
            significant=bool(judged.significant[number]),
            tag=judged.tag[number],
            by_account=self._by_account(np.repeat(member, counts), use),
            brokers=tuple(one for one in accounts if one in judged.brokers.get(number, ())),
            hubs=judged.hubs.get(number, {}),
            between=judged.between.get(number, {}),
        )

    def _shared(self, member: Ints, identifier: Ints, use: Ints) -> tuple[Shared, ...]:
        graph = self._standing.found.graph
        order = np.lexsort((self._member_place[member], self._identifier_place[identifier]))
        member, identifier, use = member[order], identifier[order], use[order]
        heads = np.flatnonzero(first_of_each(identifier)).tolist()
        found = list[Shared]()
        for low, high in zip(heads, [*heads[1:], len(identifier)], strict=True):
            node = int(identifier[low])
            entity, code = int(graph.identifiers[node]), int(graph.code[node])
            uses = use[low:high]
            found.append(
                Shared(
                    None if entity < 0 else int(self._claims.entity(np.array([entity]))[0]),
                    self._verb(uses) if code < 0 else self._claims.words[code],
                    tuple(dict.fromkeys(self._entity[member[low:high]].tolist())),
                    int(graph.uses.since[uses].min()),
                    int(graph.uses.until[uses].max()),
                    self._records(uses),
                )
            )
        return tuple(sorted(found, key=lambda one: -len(one.accounts)))

    def _verb(self, uses: Ints) -> str:
        claim = int(self._standing.found.graph.uses.claim[uses].min())
        return self._claims.words[int(self._claims.kind[claim])]

    def _by_account(self, member: Ints, use: Ints) -> Records:
        order = np.argsort(member, kind="stable")
        heads = np.flatnonzero(first_of_each(member[order])).tolist()
        return {
            int(self._entity[member[order[low]]]): self._records(use[order[low:high]])
            for low, high in zip(heads, [*heads[1:], len(order)], strict=True)
        }

    def _records(self, uses: Ints) -> tuple[int, ...]:
        graph = self._standing.found.graph
        claim, via = graph.uses.claim[uses], graph.uses.via[uses]
        return tuple(np.unique(self._claims.rec[np.concatenate([claim, via[via >= 0]])]).tolist())
