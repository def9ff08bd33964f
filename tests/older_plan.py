"""A schema as it was before the mobile numbers of Viet Nam were renumbered: what it can't read, today's can."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from graphsvc.model.cleaning import clean_draft
from graphsvc.model.drafts import CleanDraft, Defaults, Draft, DraftEntity, DraftLink
from graphsvc.model.labels import Handling
from graphsvc.model.principals import Organisation
from graphsvc.model.product import product_data
from graphsvc.model.schema import Schema, load_schema

DEFAULTS = Defaults(handling=Handling("tlp-2.0", "GREEN"), legal_basis="statutory-duty", pap="GREEN", region="VN")


def older_schema(folder: Path) -> Schema:
    """Today's schema without the renumbering of Viet Nam, laid out in ``folder``."""
    there = shutil.copytree(product_data("schema"), folder / "older-schema")
    file = there / "numbering.yaml"
    said = file.read_text(encoding="utf-8")
    first, others = said.index("ranges:\n"), said.index('  - region: "CI"')
    file.write_text(said[:first] + "ranges:\n" + said[others:], encoding="utf-8")
    return load_schema(there)


def old_number(number: int) -> str:
    """A mobile number of Viet Nam as it was written until 2018, unknown to the older plan's library; below 10^5."""
    return f"0168 23{number:05d}"


def new_key(number: int) -> str:
    """The key of the same line today."""
    return f"phone:e164:+843823{number:05d}"


def seller(account: str, phones: Sequence[str], *, row: int = 0, **more: Any) -> Draft:
    """A row: an account that uses telephones, and links between them."""
    entities = [DraftEntity("a", "Account", {"site": "shopee", "id": account})]
    entities += [DraftEntity(f"p{n}", "Phone", {"value": phone}) for n, phone in enumerate(phones)]
    links = [DraftLink("USES", "a", f"p{n}") for n in range(len(phones))]
    return Draft(entities=entities, links=links, row=row, **more)


def cleaned(drafts: Sequence[Draft], schema: Schema, org: Organisation) -> list[CleanDraft]:
    """The drafts as a service with ``schema`` would have sealed them."""
    made = [clean_draft(draft, schema, DEFAULTS, org) for draft in drafts]
    assert all(isinstance(one, CleanDraft) for one in made), made
    return [one for one in made if isinstance(one, CleanDraft)]
