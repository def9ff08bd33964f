"""Lines: what ties the list that a requester gets to the sections that owners open.

Every section of an entry stands beside a *line* of 32 bytes, which everyone can read and which tells nothing::

    of an owner in the header   SHA-256("graphsvc line v1" ‖ JCS{facts, owner, root})
    of any other section        HMAC-SHA-256(header key, "line" ‖ tag)

The requester accounts for every line, so the entry has no section for an owner that its header does not list, and just
one for each that it does. The owner finds its line from what it opens. So both see one list, one root and the same
facts, or one of them refuses. The facts of a read all stand in the header; the salt that hides them is ::

    HMAC-SHA-256(header key, "facts" ‖ owner)

so the requester also sees that each owner was told of this very reader, purpose, legal basis, case and policy.

Hits that a rule of policy lets their owner be told late, or never, stand in the body of a read's header under ``later``
(:mod:`graphsvc_verify.telling`). Their line is an owner's, beside a section that the owner can't find yet.
"""

from __future__ import annotations

import hmac
from collections.abc import Mapping
from hashlib import sha256
from typing import Any

from graphsvc_verify.canonical import b64u, encode, unb64u
from graphsvc_verify.disclosures import facts_root
from graphsvc_verify.errors import VerifyError
from graphsvc_verify.meaning import read_facts
from graphsvc_verify.telling import later_of

READ = "read"
_LINE = b"graphsvc line v1"


def owner_line(owner: str, root: str, facts: str) -> bytes:
    """The line of an owner's section; ``root`` and ``facts`` are the base64url of its two roots."""
    return sha256(_LINE + encode({"facts": facts, "owner": owner, "root": root})).digest()


def other_line(header_key: bytes, tag: bytes) -> bytes:
    """The line of a section that no owner in the header has: of the requester, of oversight, a dummy."""
    return hmac.digest(header_key, b"line" + tag, "sha256")


def read_salt(header_key: bytes, owner: str) -> bytes:
    """The salt of the facts that an owner is told of a read."""
    return hmac.digest(header_key, b"facts" + owner.encode(), "sha256")


def later_salt(header_key: bytes, owner: str) -> bytes:
    """The same for what an owner is told later: it may be told something at once by the same entry."""
    return hmac.digest(header_key, b"later" + owner.encode(), "sha256")


def check_lines(header: Mapping[str, Any], key: bytes, sections: Mapping[str, Mapping[str, str]], type_: str) -> None:
    """Account for every section's line by an opened header; for a read also check what its owners were told.

    ``sections`` are by base64url tag. Raises VerifyError ``wrong_line``, ``missing_owner``, ``wrong_fact``.
    """
    owners, later = header["owners"], later_of(header) if type_ == READ else []
    listed = [*owners, *(item for item, _ in later)]
    left = {b64u(owner_line(item["owner"], item["root"], item["facts"])) for item in listed}
    if any(len({item["owner"] for item in some}) != len(some) for some in (owners, [item for item, _ in later])):
        raise VerifyError("missing_owner", "an owner is named twice")
    for tag, part in sections.items():
        if part["line"] in left:
            left.remove(part["line"])
        elif part["line"] != b64u(other_line(key, unb64u(tag, 16))):
            raise VerifyError("wrong_line", "the entry has a section for an owner that its header does not list so")
    if left:
        raise VerifyError("missing_owner", "an owner that the header lists has no section in the entry")
    if type_ != READ:
        return
    for item, late in [*((item, None) for item in owners), *later]:
        told = read_facts(header, late)
        salt = read_salt(key, item["owner"]) if late is None else later_salt(key, item["owner"])
        if b64u(facts_root(told, salt)) != item["facts"]:
            raise VerifyError("wrong_fact", "an owner is told of another reader, footing or policy than the requester")
