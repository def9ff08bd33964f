"""Comparing gradings: which codes of which schemes are at least as good as a minimum.

Within a scheme the order of its code list decides; between schemes, the levels in ``schema/gradings.yaml`` do: 1 is
best, 6 means that it can't be judged. A 6 is at least as good as another 6, and as no other level.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import msgspec

from graphsvc.model.catalogues import Codelist
from graphsvc.model.datafiles import read_yaml
from graphsvc.model.errors import InvalidInput
from graphsvc.model.hints import hint
from graphsvc.model.scalars import ValueProblem

UNGRADED = ""
"""Stands for a claim without a grading in what :meth:`Gradings.at_least` returns."""
_UNJUDGED = 6
_SIDES = ("source", "information")


class Scale(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The levels of one scheme's codes, code → 1 to 6."""

    source: dict[str, int]
    information: dict[str, int]


class _GradingsFile(msgspec.Struct, forbid_unknown_fields=True):
    schemes: dict[str, Scale]


@dataclass(frozen=True, slots=True)
class Minimum:
    """The least that a grading must reach: codes of ``scheme``, None where that side does not matter.

    Without a scheme any grading will do. ``ungraded``: claims without a grading pass too.
    """

    scheme: str | None = None
    source: str | None = None
    information: str | None = None
    ungraded: bool = False


@dataclass(frozen=True, slots=True, eq=False)
class Gradings:
    """All grading schemes, with their code lists."""

    scales: Mapping[str, Scale]
    codelists: Mapping[str, Codelist]

    def at_least(self, minimum: Minimum) -> tuple[str, ...]:
        """Every grading that passes, as ``scheme source information``, and :data:`UNGRADED` where that does.

        Raises ValueProblem ``bad_grading``, which says which member is wrong.
        """
        passing = {
            side: self._codes(side, minimum.scheme, getattr(minimum, side)) for side in _SIDES
        }  # by scheme: the codes that pass on this side
        found = [
            f"{scheme} {source} {information}"
            for scheme in self.scales
            for source in passing["source"][scheme]
            for information in passing["information"][scheme]
        ]
        return (*sorted(found), UNGRADED) if minimum.ungraded else tuple(sorted(found))

    def _codes(self, side: str, scheme: str | None, code: str | None) -> dict[str, list[str]]:
        levels: dict[str, Mapping[str, int]] = {name: getattr(scale, side) for name, scale in self.scales.items()}
        if scheme is not None and scheme not in levels:
            raise ValueProblem("bad_grading", f"scheme: there is no such scheme; {hint(scheme, levels)}")
        if code is None:
            return {name: list(codes) for name, codes in levels.items()}
        if scheme is None:
            raise ValueProblem("bad_grading", f"scheme: say in which scheme the {side}'s code is")
        try:
            least = self.codelists[f"{scheme}-{side}"].clean(code)
        except ValueProblem as problem:
            raise ValueProblem("bad_grading", f"{side}: {problem.message}") from None
        order = list(self.codelists[f"{scheme}-{side}"].codes)
        most = levels[scheme][least]
        return {
            name: order[: order.index(least) + 1]
            if name == scheme
            else [one for one, level in codes.items() if level <= most]
            for name, codes in levels.items()
        }


def load_gradings(path: Path, codelists: Mapping[str, Codelist]) -> Gradings:
    """``gradings.yaml``; InvalidInput where a scheme, a code or a level is missing, unknown or out of range."""
    scales = read_yaml(path, _GradingsFile).schemes
    known = {name.removesuffix("-information") for name in codelists if name.endswith("-information")}
    if set(scales) != known:
        raise _bad(path, f"the schemes must be those of the code lists: {', '.join(sorted(known))}")
    for scheme, scale in scales.items():
        for side in _SIDES:
            levels: dict[str, int] = getattr(scale, side)
            if set(levels) != set(codelists[f"{scheme}-{side}"].codes):
                raise _bad(path, f"{scheme}: {side}: the codes must be those of codelists/{scheme}-{side}.yaml")
            if not all(1 <= level <= _UNJUDGED for level in levels.values()):
                raise _bad(path, f"{scheme}: {side}: a level is 1 to {_UNJUDGED}")
    return Gradings(scales, codelists)


def _bad(path: Path, what: str) -> InvalidInput:
    return InvalidInput(f"{path.name}: {what}", code="bad_file", where=path.name)
