"""Names of species and higher taxa, read from ``schema/taxa.yaml``: synonyms and trade names lead to the accepted name.

A scientific name that is not listed is taken as it is. A trade name that is not listed is kept and never linked.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from types import MappingProxyType
from typing import Any

import msgspec

from graphsvc.model.catalogues import bad_file
from graphsvc.model.datafiles import read_yaml
from graphsvc.model.scalars import CleanContext, ValueProblem, as_text, fold

_NAME = re.compile(r"[a-zà-öø-ÿœ]+(?:[ \-×][a-zà-öø-ÿœ×\-]+)*(?: × ?[a-z\-]+)?")
_AUTHOR = re.compile(r"\s*[(,&].*$|\s+\d{4}\)?$")
_RANK = re.compile(r"\s+(?:ssp|subsp|subspecies|var|f|cf|aff)\.?(?=\s)", re.I)
_GENUS = re.compile(r"\s+(?:spp|sp|species)\.?$", re.I)


class _TaxonFile(msgspec.Struct, forbid_unknown_fields=True):
    source: str
    synonyms: list[str] = []
    names: list[str] = []


class _TaxaFile(msgspec.Struct, forbid_unknown_fields=True):
    noTaxa: list[str]  # noqa: N815 - as the file writes it
    taxa: dict[str, _TaxonFile]


@dataclass(frozen=True, slots=True, eq=False)
class Taxa:
    """Accepted names by every other name, without case. Equal only to itself, so that it may be a cache's key."""

    names: Mapping[str, str]
    others: frozenset[str]
    """Words that name no taxon of their own."""

    def clean(self, value: Any, context: CleanContext | None = None) -> str:
        """The accepted scientific name: genus with a capital, the rest in small letters, one space between.

        Authors and years are left out. Raises ValueProblem ``invalid_taxon`` for what is no scientific name and no
        listed other name.
        """
        return _clean(self, value if isinstance(value, str) else as_text(value))


@lru_cache(maxsize=1 << 12)
def _clean(taxa: Taxa, value: str) -> str:
    raw = re.sub(r"\s+", " ", fold(value)).replace("’", "'")
    if (known := taxa.names.get(raw.casefold())) is not None:
        return known
    if raw.casefold() in taxa.others:
        raise ValueProblem(
            "no_taxon", "this word names goods or many species, not one taxon: write the scientific name"
        )
    name = _RANK.sub("", _GENUS.sub("", _AUTHOR.sub("", raw))).strip()
    words = name.split(" ")
    if any(word[:1].isupper() for word in words[1:]) and not name.isupper():
        # An author after the name: whatever begins with a capital, and what follows it.
        first = next(place for place, word in enumerate(words) if place and word[:1].isupper())
        name = " ".join(words[:first])
        if first < 2 and name.casefold() not in taxa.names:
            raise _strange()
    low = name.lower()
    if (known := taxa.names.get(low)) is not None:
        return known
    if low in taxa.others or not _NAME.fullmatch(low) or len(low) > 200:
        raise _strange()
    return low.capitalize()


def _strange() -> ValueProblem:
    message = "write the scientific name without author or year, as Loxodonta africana"
    return ValueProblem("invalid_taxon", message)


def load_taxa(path: Path) -> Taxa:
    """``taxa.yaml``; InvalidInput where one name leads to two taxa."""
    read = read_yaml(path, _TaxaFile)
    names: dict[str, str] = {}
    for accepted, taxon in read.taxa.items():
        for word in [accepted, *taxon.synonyms, *taxon.names]:
            if names.setdefault(fold(word).casefold(), accepted) != accepted:
                raise bad_file(path, f"{word} names two taxa")
    others = frozenset(fold(word).casefold() for word in read.noTaxa)
    if both := others & names.keys():
        raise bad_file(path, f"{min(both)} is said to name a taxon, and none")
    return Taxa(MappingProxyType(names), others)
