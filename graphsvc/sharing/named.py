"""Which own records an act of sharing names: by handle or by submission."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import select

from graphsvc.core import Core
from graphsvc.graph.handles import RECORD
from graphsvc.ledger import tables
from graphsvc.ledger.own import owners_of
from graphsvc.model.errors import InvalidInput, NotFound
from graphsvc.model.places import ROW_BITS
from graphsvc.wire.acts import MAX_NAMED, Target

WHERE = "act body target"


def named_records(core: Core, org: str, target: Target) -> list[int]:
    """The organisation's own records that a target names, ascending. Blocks.

    Raises InvalidInput for a target that is empty or of another kind; NotFound for what is absent or another's.
    """
    if (target.records is None) == (target.submission is None) or target.select is not None or target.case is not None:
        message = "name one of: records by handle, submission (with rows or without)"
        raise InvalidInput(message, code="bad_act", where=WHERE)
    if target.records is not None:
        if target.rows is not None:
            raise InvalidInput("say of which submission the rows are", code="bad_act", where=WHERE)
        return records_of_handles(core, org, org, target.records)
    assert target.submission is not None
    return [(target.submission << ROW_BITS) | row for row in _rows(core, org, target.submission, target.rows)]


def records_of_handles(core: Core, org: str, holder: str, named: Sequence[str]) -> list[int]:
    """Records of ``holder`` by the handles that ``org`` knows them by. Raises NotFound for anything else."""
    opened = [core.handles(org).open(handle) for handle in named]
    records = sorted({found[1] for found in opened if found is not None and found[0] == RECORD})
    owners = owners_of(core.ledger, {record >> ROW_BITS for record in records})
    strange = any(found is None or found[0] != RECORD for found in opened)
    if strange or any(owners.get(record >> ROW_BITS) != holder for record in records):
        raise NotFound("there is no such record")
    return records


def _rows(core: Core, org: str, submission: int, rows: Sequence[int] | None) -> Sequence[int]:
    table = tables.submissions
    chosen = select(table.c.rows).where(table.c["index"] == submission, table.c.org == org)
    with core.ledger.reading() as connection:
        count = connection.execute(chosen).scalar()
    if count is None:
        raise NotFound("there is no such submission")
    named = range(count) if rows is None else rows
    if len(named) > MAX_NAMED:
        message = f"one act moves at most {MAX_NAMED} rows; name them in parts"
        raise InvalidInput(message, code="too_large", where=f"{WHERE} rows")
    return sorted({row for row in named if row < count})
