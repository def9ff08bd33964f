"""graphsvc-verify: checks receipts and evidence of a graphsvc ledger, offline, from pinned keys alone.

Depends on ``cryptography`` only. The formats (canonical JSON, boxes, disclosure roots, signed notes, proofs) live
here, and the service imports them from here, so that what is written and what is checked cannot drift apart.
"""

from __future__ import annotations

from graphsvc_verify.errors import VerifyError

__all__ = ["VerifyError"]
__version__ = "0.1.0"
