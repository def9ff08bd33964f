"""Time-stamps (RFC 3161): at intervals an authority stamps the newest checkpoint, and its token goes into the log.

A crash between the authority's answer and the entry leaves nothing: the next round asks anew. An authority that can't
be reached, or answers something else, is passed over until the next round; nothing waits for it.
"""

from __future__ import annotations

import asyncio
import hashlib
import logging
import secrets
import threading

import httpx2

from graphsvc.ledger.entry import EntryDraft
from graphsvc.ledger.log import Ledger
from graphsvc.model.errors import InvalidInput, Unavailable
from graphsvc_verify.canonical import b64u, encode
from graphsvc_verify.errors import VerifyError
from graphsvc_verify.note import parse_checkpoint, split_note
from graphsvc_verify.stamps import TYPE
from graphsvc_verify.timestamp import read_reply

QUERY = "application/timestamp-query"
_log = logging.getLogger("graphsvc.timestamps")


class TimeStamping:
    """Has a ledger stamped by the authority at ``url``, every ``every`` seconds if something new was logged."""

    def __init__(self, ledger: Ledger, url: str, every: float) -> None:
        """Raises InvalidInput when ``url`` is no http(s) URL."""
        if httpx2.URL(url).scheme not in ("http", "https"):
            raise InvalidInput("GRAPHSVC_TSA must be the http(s) URL of a time-stamping authority", code="settings")
        self._ledger, self._url, self._every = ledger, url, every
        last = ledger.indexes(0, ledger.head, (TYPE,))
        self._stamped = last[-1][0] + 1 if last else 0
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._follow, name="timestamps", daemon=True)

    def start(self) -> None:
        """Stamp in a thread of its own."""
        self._thread.start()

    def stop(self) -> None:
        """End the thread; a request that is under way is waited for."""
        self._stopping.set()
        if self._thread.is_alive():
            self._thread.join(30)

    def stamp(self) -> int | None:
        """Have the newest checkpoint stamped and log the token; the entry's index, or None where nothing is new.

        Raises Unavailable when the authority gives no token for it.
        """
        if self._ledger.head <= self._stamped:
            return None
        # 1. The newest checkpoint, exactly as signed.
        note = self._ledger.checkpoint()
        size = parse_checkpoint(split_note(note)[0], note).size
        # 2. The authority's token over its SHA-256.
        token = self._token(note.encode())
        # 3. Logged, for everyone to read.
        content = encode({"v": 1, "checkpoint": note, "token": b64u(token)})
        draft = EntryDraft(type=TYPE, body={"size": size}, public=[content])
        index = self._ledger.append(draft).result().index
        self._stamped = index + 1
        return index

    def _token(self, stamped: bytes) -> bytes:
        imprint, nonce = hashlib.sha256(stamped).digest(), secrets.randbits(63) | 1 << 62
        try:
            answer = httpx2.post(
                self._url, content=_request(imprint, nonce), headers={"content-type": QUERY}, timeout=20.0
            )
            answer.raise_for_status()
            return read_reply(answer.content, imprint, nonce)
        except httpx2.HTTPError as error:
            raise Unavailable(f"no time-stamp was given: {type(error).__name__}", code="no_timestamp") from None
        except VerifyError as error:
            raise Unavailable(error.message, code="no_timestamp") from None

    def _follow(self) -> None:
        while not self._stopping.wait(self._every):
            try:
                self.stamp()
            except (Unavailable, asyncio.CancelledError) as error:
                _log.warning("no time-stamp this round: %s", error)


def _request(imprint: bytes, nonce: int) -> bytes:
    """A TimeStampReq (RFC 3161 section 2.4.1) in DER: version 1, SHA-256, an 8-byte nonce, the certificate wanted."""
    algorithm = bytes.fromhex("300d06096086480165030402010500")
    hashed = algorithm + b"\x04\x20" + imprint
    body = b"\x02\x01\x01" + bytes([0x30, len(hashed)]) + hashed
    body += b"\x02\x08" + nonce.to_bytes(8, "big") + b"\x01\x01\xff"
    return bytes([0x30, len(body)]) + body
