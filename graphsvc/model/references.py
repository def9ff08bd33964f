"""An organisation's own references of its records: the number of an advert, waybill or case line. They are secret.

A later row with the same reference supersedes the record. Outside the sealed row only a digest of it is kept, under a
key of that organisation alone, so nobody without the key can guess a reference or compare two.
"""

from __future__ import annotations

import hmac
import unicodedata

from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from graphsvc.model.drafts import Superseded
from graphsvc.model.scalars import ValueProblem
from graphsvc.model.spreadsheets import restored

MAX_OWN_REFERENCE = 200
"""At most this many characters in an own reference."""
MAX_REFERENCES = 100_000
"""At most this many rows of one submission have a reference: each is written within the entry's transaction."""
BAD, TWICE = "bad_reference", "double_reference"
_KEY = 32


def reference_key(secret: bytes, org: str) -> bytes:
    """The key of an organisation's references, from the service's secret (HKDF-SHA-256): 32 bytes."""
    info = b"graphsvc references v1|" + org.encode()
    return HKDF(algorithm=SHA256(), length=_KEY, salt=None, info=info).derive(secret)


def own_reference(superseded: Superseded | None) -> str | None:
    """The reference by which a row supersedes, in the form that is compared: NFC, upper and lower case told apart.

    Raises ValueProblem for one that is empty, too long, not printable or spoilt by a spreadsheet, and where a row
    supersedes by neither reference nor place.
    """
    if superseded is None:
        return None
    if (superseded.submission is None) != (superseded.row is None):
        raise ValueProblem("bad_supersedes", "name the older record by submission and row, both")
    if superseded.reference is None:
        if superseded.submission is None:
            raise ValueProblem("bad_supersedes", "give reference, or submission and row")
        return None
    found = unicodedata.normalize("NFC", str(restored(superseded.reference))).strip()
    if not found:
        raise ValueProblem(BAD, "the reference is empty: fill it in, or leave supersedes out of this row")
    if len(found) > MAX_OWN_REFERENCE:
        raise ValueProblem(BAD, f"a reference has at most {MAX_OWN_REFERENCE} characters: shorten it")
    if not found.isprintable():
        # Invisible characters would make two references of one, and leave two records where one supersedes the other.
        raise ValueProblem(BAD, "a reference is printable: remove line breaks, control and invisible characters")
    return found


class References:
    """The references of one file, as digests under a key: each names one row."""

    def __init__(self, key: bytes) -> None:
        self._key = key
        self._rows: dict[bytes, int] = {}

    def take(self, row: int, reference: str) -> bytes:
        """The digest of a row's reference, 32 bytes. Raises ValueProblem where an earlier row has the same."""
        digest = hmac.digest(self._key, reference.encode(), "sha256")
        first = self._rows.setdefault(digest, row)
        if first != row:
            message = (
                f"row {first} of the file has the same reference: leave one of them out, or send it by itself later"
            )
            raise ValueProblem(TWICE, message)
        return digest
