"""Corrections: records that were taken back because rows of a newer submission supersede them.

No act of its own stands behind such a withdrawal. It follows from the entry of the submission, which says what its rows
supersede; where both were opened, the one is held against the other.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from graphsvc_verify.errors import VerifyError

WITHDRAWAL, CORRECTED = "withdrawal", "corrected"
"""The type of entry, and the cause in it, that follow from a submission."""


def check_corrections(opened: Mapping[int, tuple[str, Mapping[str, Any]]]) -> None:
    """Check entries by their index: type and opened header. Raises VerifyError ``wrong_fact``."""
    for index, (kind, header) in opened.items():
        body = header["body"]
        if kind != WITHDRAWAL or body["cause"] != CORRECTED:
            continue
        by = body["by"]
        if by not in opened:
            # Left out of the evidence, or not opened: the operator's word, and told as that.
            continue
        type_, newer = opened[by]
        superseded = {(old, row) for _, old, row in newer["body"].get("supersedes", ())}
        count = sum(last - first + 1 for _, first, last in body["ranges"])
        if type_ != "submission" or by >= index or newer["who"]["org"] != header["who"]["org"]:
            raise VerifyError("wrong_fact", f"entry {index} corrects by what is no submission of its owner")
        # Counted first: ranges may be of any length. What was taken back in between is not taken back again.
        if count > len(superseded) or not superseded >= {
            (old, row) for old, first, last in body["ranges"] for row in range(first, last + 1)
        }:
            raise VerifyError("wrong_fact", f"entry {index} takes back what submission {by} does not supersede")
