"""What an owner opens of an entry: its section, held against the entry's line and the header that commits to it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from graphsvc_verify.canonical import b64u, unb64u
from graphsvc_verify.disclosures import HIT, commitments, disclosures_root, facts_root, hits_commitment
from graphsvc_verify.errors import VerifyError
from graphsvc_verify.lines import owner_line


def check_owner_section(section: Mapping[str, Any], line: str, header: Mapping[str, Any] | None) -> None:
    """Recompute both roots of an opened owner section; compare with its line in the entry, and with an opened header.

    Raises VerifyError ``wrong_line``, ``wrong_root``, ``missing_owner``.
    """
    check_section(section, line, None if header is None else header["owners"])


def check_section(section: Mapping[str, Any], line: str, listed: Sequence[Mapping[str, Any]] | None) -> None:
    """The same where an opened header lists these ({owner, root, facts}); None: no header is opened."""
    records = [(section["submissions"][place], row) for place, row, _, _ in section["leaves"]]
    seed = unb64u(section["seed"], 32)
    commits = commitments(seed, records)
    opened = [
        (c, str(handle), section["groups"][groups])
        for c, (_, _, handle, groups) in zip(commits, section["leaves"], strict=True)
    ]
    if "hits" in section:
        opened.append((hits_commitment(seed, len(records), hits_of(section), section["hits"]["more"]), "", [HIT]))
    found = (
        b64u(disclosures_root(opened)),
        b64u(facts_root(section["facts"], unb64u(section["factsSalt"], 32))),
    )
    if b64u(owner_line(section["owner"], *found)) != line:
        raise VerifyError("wrong_line", "the owner's section is not the one that the entry's header lists")
    if listed is None:
        return
    committed = [(item["root"], item["facts"]) for item in listed if item["owner"] == section["owner"]]
    if len(committed) != 1:
        raise VerifyError("missing_owner", "the header does not commit to this owner")
    if committed[0] != found:
        raise VerifyError("wrong_root", "the owner's section is not what the header commits to")


def records_of(section: Mapping[str, Any]) -> list[tuple[int, int, str, tuple[str, ...]]]:
    """What an opened owner section names, as (submission, row, handle, field groups).

    A record that was hit, and not shown, has no handle, and ``hit`` for its groups.
    """
    shown = [
        (section["submissions"][at], row, str(handle), tuple(section["groups"][groups]))
        for at, row, handle, groups in section["leaves"]
    ]
    return [*shown, *((submission, row, "", (HIT,)) for submission, row in hits_of(section))]


def hits_of(section: Mapping[str, Any]) -> list[tuple[int, int]]:
    """The (submission, row) that an opened owner section says were hit."""
    return [(section["submissions"][place], row) for place, row in section.get("hits", {"records": ()})["records"]]
