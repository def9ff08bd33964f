"""Code lists of the schema, and what sites and couriers have in common with them."""

from __future__ import annotations

import difflib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

import msgspec

from graphsvc.model.datafiles import read_yaml
from graphsvc.model.errors import InvalidInput
from graphsvc.model.scalars import CleanContext, ValueProblem, as_text, fold

RESERVED = frozenset(("s10",))
"""Words that no courier may be called, because they are key schemes."""


class _CodelistFile(msgspec.Struct, forbid_unknown_fields=True):
    name: str
    title: str
    source: str
    codes: dict[str, str]
    verified: bool = True
    prefix: str = ""
    aliases: dict[str, str] = {}
    spelledOut: bool = False  # noqa: N815 - as the file writes it


@dataclass(frozen=True, slots=True)
class Codelist:
    """A controlled vocabulary: code → meaning, in the list's order. ``verified``: the source itself was seen."""

    name: str
    title: str
    source: str
    verified: bool
    codes: Mapping[str, str]
    folded: Mapping[str, str]
    prefix: str = ""

    def clean(self, value: Any, context: CleanContext | None = None) -> str:
        """The code as the list writes it, in upper or lower case. Raises ValueProblem ``not_in_list``."""
        word = as_text(value).strip()
        if word in self.codes:
            return word
        found = self.folded.get(word.casefold().removeprefix(self.prefix))
        if found is None:
            raise ValueProblem("not_in_list", f"this code is not in the list {self.name}; {self.hint(word)}")
        return found

    def hint(self, word: str) -> str:
        """Advice on an unknown word: the code that was probably meant, or the first few of the list."""
        near = difflib.get_close_matches(word.casefold(), self.folded, 1, 0.7)
        return f"did you mean {self.folded[near[0]]}?" if near else f"take one of: {self._some()}"

    def _some(self) -> str:
        shown = list(self.codes)
        return ", ".join(shown[:12]) + (f", … (schema/codelists/{self.name}.yaml)" if len(shown) > 12 else "")


def load_codelist(path: Path) -> Codelist:
    """One file of ``codelists/``; InvalidInput where it contradicts itself."""
    read = read_yaml(path, _CodelistFile)
    if read.name != path.stem:
        raise bad_file(path, f"the list calls itself {read.name}")
    folded: dict[str, str] = {}
    meanings = {meaning: code for code, meaning in read.codes.items()} if read.spelledOut else {}
    for written, code in [*((code, code) for code in read.codes), *read.aliases.items(), *meanings.items()]:
        if code not in read.codes:
            raise bad_file(path, f"alias {written} names the unknown code {code}")
        if folded.setdefault(written.casefold(), code) != code:
            raise bad_file(path, f"{written} differs from another code by case only")
    codes = MappingProxyType(read.codes)
    return Codelist(
        read.name, read.title, read.source, read.verified, codes, MappingProxyType(folded), read.prefix.casefold()
    )


def bad_file(path: Path, what: str) -> InvalidInput:
    """The error for a file of the schema that contradicts itself."""
    return InvalidInput(f"{path.name}: {what}", code="bad_file", where=path.name)


def slug(word: str, what: str) -> str:
    """A name as it stands in keys. Raises ValueProblem ``invalid_site`` or ``invalid_courier``."""
    written = re.sub(r"[\s_]+", "-", fold(word).casefold())
    if not re.fullmatch(r"[\w](?:[\w.&-]{0,98}[\w])?", written) or written in RESERVED:
        raise ValueProblem(f"invalid_{what}", f"write the {what}'s name or host: letters, digits, dots and hyphens")
    return written
