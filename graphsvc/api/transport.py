"""How GraphQL is served, beside what it answers: known documents, batches, rates, other origins, the explorer."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from graphsvc.api.observed import Observed
from graphsvc.api.persisted import Persisted, read_persisted
from graphsvc.api.turns import Counting, QuestionTurns
from graphsvc.settings import Settings

MOST_IN_BATCH = 10
"""No setting allows more requests in one body."""


@dataclass(frozen=True, slots=True)
class Transport:
    """``batch``: so many requests in one body at most; 0: no batches. ``origins``: those of web pages that may ask."""

    persisted: Persisted = field(default_factory=Persisted)
    batch: int = MOST_IN_BATCH
    origins: tuple[str, ...] = ()
    explorer: bool = False
    turns: QuestionTurns = field(default_factory=QuestionTurns)
    observed: Observed = field(default_factory=Observed)


def transport_of(settings: Settings, shared: Counting | None = None, pages: Path | None = None) -> Transport:
    """What the settings say; ``shared`` counts rates.

    ``pages`` lists the documents of the service's own pages, which are always known. Raises InvalidInput when a list of
    documents is none.
    """
    documents = dict(read_persisted(pages)) if pages is not None and pages.is_file() else {}
    documents |= read_persisted(Path(settings.documents)) if settings.documents else {}
    return Transport(
        Persisted(documents, only=settings.documents_only == "on"),
        min(settings.batch, MOST_IN_BATCH),
        tuple(settings.cors_origins.split()),
        settings.explorer == "on" or (settings.explorer == "auto" and settings.environment == "development"),
        QuestionTurns(settings.questions_a_minute, settings.questions_an_organisation, shared),
    )
