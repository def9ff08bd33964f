"""The formats that an export can be written in: each with its name, its ending, its writer and what it can't hold."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from types import MappingProxyType

from graphsvc.exchange.anx import write_anx
from graphsvc.exchange.case import write_case
from graphsvc.exchange.content import Content, Losses
from graphsvc.exchange.drafts import write_ndjson
from graphsvc.exchange.ftm import write_ftm
from graphsvc.exchange.graphs import write_gexf, write_graphml
from graphsvc.exchange.misp import write_misp
from graphsvc.exchange.stix import write_stix
from graphsvc.exchange.tables import write_csv, write_xlsx
from graphsvc.model.errors import InvalidInput
from graphsvc.model.hints import hint

Write = Callable[[Content, Losses], bytes]


@dataclass(frozen=True, slots=True)
class Form:
    """A format. ``lost`` are sentences for ``docs/exports.md``; ``again`` whether an importer here reads it."""

    name: str
    title: str
    ending: str
    write: Write
    stamped: str
    lost: tuple[str, ...]
    again: bool = True


_MERGED = (
    "which record says which attribute of an entity, its grading, origin, times and expiry: what all say is together"
)
_ALL = (
    Form("ndjson", "NDJSON drafts", ".ndjson", write_ndjson, "the first line", ("entities whose key is withheld",)),
    Form("csv", "CSV, a line a claim", ".csv", write_csv, "the lines that begin with `#`",
         ("where one of several values ends, if it has ` | ` in it",)),
    Form("xlsx", "Excel, a line a claim", ".xlsx", write_xlsx, "the sheet `stamp`, the page's header, the properties",
         ("what is longer than a cell (32,767 characters), or more than a sheet has rows",
          "where one of several values ends, if it has ` | ` in it"), again=False),
    Form("graphml", "GraphML", ".graphml", write_graphml, "the graph's data", (_MERGED,)),
    Form("gexf", "GEXF 1.2, for Gephi", ".gexf", write_gexf, "creator and description", (_MERGED,), again=False),
    Form("stix", "STIX 2.1", ".stix.json", write_stix, "a statement marking of every object",
         ("read back, an object is one row: what several records say of it is together, under the strictest code",)),
    Form("misp", "MISP event", ".misp.json", write_misp, "a comment, and the tags", (_MERGED,)),
    Form("ftm", "FollowTheMoney", ".ftm.json", write_ftm, "the first line, a document", (_MERGED,)),
    Form("anx", "i2 Analyst's Notebook", ".anx", write_anx, "the chart's summary and classification", (_MERGED,),
         again=False),
    Form("case", "CASE/UCO JSON-LD", ".case.jsonld", write_case, "a marking of every object",
         ("read back, an object is one row: what several records say of it is together, under the strictest code",)),
)  # fmt: skip
FORMS = MappingProxyType({form.name: form for form in _ALL})
"""All formats by name."""
WITHHELD = "a withheld field group"


def form_of(name: str) -> Form:
    """A format by its name. Raises InvalidInput."""
    found = FORMS.get(name)
    if found is None:
        raise InvalidInput(
            f"there is no such format; {hint(name[:40], FORMS)}", code="unknown_format", where="--format"
        )
    return found


def written(content: Content, form: Form) -> tuple[bytes, dict[str, int]]:
    """The file, and what it can't hold or has not been shown: how often, by what it is."""
    losses: Losses = Counter(content.losses)
    data = form.write(content, losses)
    for group in content.withheld():
        losses[f"{WITHHELD}: {group}"] += 1
    return data, dict(sorted(losses.items(), key=lambda one: (-one[1], one[0])))
