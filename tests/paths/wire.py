"""What path tests send by hand: rows of their own, and requests as no well-behaved client would send them."""

from __future__ import annotations

import json
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import httpx2
from joserfc import jwt

from graphsvc.client import Client, Outgoing
from graphsvc.client.acts import head_of
from graphsvc.client.manifest import Signed
from graphsvc.client.questions import CASES
from graphsvc.local.identity import DevelopmentClient, DevelopmentIdentity
from graphsvc.model.drafts import Defaults
from graphsvc.model.labels import Handling
from graphsvc_verify.canonical import b64u

NDJSON = "application/x-ndjson"
DEFAULTS = Defaults(handling=Handling("tlp-2.0", "GREEN"), legal_basis="statutory-duty", pap="GREEN")
SITE = "shopee"
SEARCH = """query($kind: String!, $parts: [KeyPart!]!, $after: Int) {
  search(kind: $kind, parts: $parts, after: $after) {
    handle key records { owner handle handling { code } submission row } } }"""


class MintingIdentity(DevelopmentIdentity):
    """A development provider that also signs tokens that it should not."""

    def mint(self, client: DevelopmentClient, typ: str = "at+jwt", **changes: Any) -> str:
        """A token of ``client`` with some claims changed, under the provider's own key."""
        token = jwt.decode(self.token(client), self._key, algorithms=["Ed25519"])
        header = {"alg": "Ed25519", "typ": typ, "kid": self._key.kid}
        return jwt.encode(header, {**token.claims, **changes}, self._key, algorithms=["Ed25519"])


def phone(number: int) -> str:
    """A mobile number of Kenya."""
    return f"+25471{number % 10_000_000:07d}"


def row(account: str, number: int, **said: Any) -> bytes:
    """A draft: an account uses a phone; ``said`` is what else the row says, as its origin."""
    entities = [
        {"ref": "a", "kind": "Account", "key": {"site": SITE, "id": account}},
        {"ref": "p", "kind": "Phone", "key": {"value": phone(number)}},
    ]
    return json.dumps({"entities": entities, "links": [{"kind": "USES", "from": "a", "to": "p"}], **said}).encode()


def file_of(path: Path, rows: Iterable[bytes], defaults: Defaults = DEFAULTS) -> Outgoing:
    """A file of drafts, ready to be sent."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"".join(line + b"\n" for line in rows))
    return Outgoing(path, NDJSON, None, defaults)


def account_key(account: str) -> dict[str, Any]:
    """The variables of :data:`SEARCH` for an account."""
    return {"kind": "Account", "parts": [{"name": "site", "value": SITE}, {"name": "id", "value": account}]}


def post(
    url: str, token: str, outgoing: Outgoing, signed: Signed, key: str | None = None, query: str = ""
) -> httpx2.Response:
    """Send a submission once, exactly as told; ``key`` stands in for the manifest's own idempotency key."""
    with outgoing.path.open("rb") as file:
        parts: list[tuple[str, Any]] = [
            ("manifest", (None, signed.manifest.encode())),
            ("seed", (None, b64u(signed.seed).encode())),
            ("body", ("rows", file, outgoing.media_type)),
        ]
        headers = {"idempotency-key": key or signed.idempotency_key, "authorization": f"Bearer {token}"}
        return httpx2.post(f"{url}/v1/submissions{query}", files=parts, headers=headers, timeout=60)


def caught_up(client: Client, seconds: float = 60.0) -> int:
    """The last index that the caller can know of, once all entries up to it are in the graph, whosever they are."""
    head, until = head_of(client), time.monotonic() + seconds
    while client.ask(CASES)[1].applied_index < head:
        assert time.monotonic() < until, "the applier does not catch up"
        time.sleep(0.02)
    return head
