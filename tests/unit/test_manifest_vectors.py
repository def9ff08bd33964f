"""Manifests byte by byte: what a second implementation that submits, as the console's, holds itself against."""

from __future__ import annotations

import json
import random
from base64 import b64encode
from hashlib import sha256
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from graphsvc.client.keys import SigningKey
from graphsvc.client.manifest import Outgoing, Signed, measure, payload
from graphsvc.model.drafts import Defaults
from graphsvc.model.labels import Handling
from graphsvc_verify.canonical import b64u, encode
from graphsvc_verify.deeds import SUBMISSION
from graphsvc_verify.jws import verify_act

VECTOR = Path(__file__).parents[1] / "vectors" / "manifests.json"
ORIGIN, ORG = "graphsvc.example/log", "pasar"
KEY = SigningKey(Ed25519PrivateKey.from_private_bytes(sha256(b"act key").digest()))
SEED = sha256(b"a submission's seed").digest()
CSV, NDJSON = "text/csv", "application/x-ndjson"
BODIES: tuple[tuple[str, str, bytes], ...] = (
    ("lines", CSV, b"user id,phone\nu1,+62\n\nu2,+63\n"),
    ("quotes that hold line ends", CSV, b'a,b\r\n"x\r\ny ""z""",1\r\n"2",3'),
    ("a mark, then a quoted heading", CSV, b'\xef\xbb\xbf"a\nb",c\n1,2\n'),
    ("line ends of old", CSV, b"a,b\r1,2\r3,4\r"),
    ("quotes that open nothing", CSV, b'a;b\n5" x;"7"" y"\n"o"p"q;1\n'),
    ("a return at the very end", CSV, b"a,b\n1,2\r"),
    ("GB18030", CSV, "用户,电话\n张三,1\n".encode("gb18030")),
    ("nothing", CSV, b""),
    ("objects", NDJSON, '{"a": "«\\"»"}\r\n\n{"b": "\u2028"}'.encode()),
)
MAPPING = "format: csv\n# «كل»\n".encode()


def made_anew(folder: Path) -> dict[str, Any]:
    """The vectors as the client makes them; nothing in them is drawn at random anew."""
    defaults = Defaults(
        handling=Handling("tlp-2.0", "AMBER"), legal_basis="legitimate-interest", purposes=["investigation"]
    )
    cases = [_case(folder, *one, MAPPING if one[1] == CSV else None, defaults) for one in BODIES]
    drawn = random.Random(7)
    pieces = [b"a", b",", b";", b'"', b'"', b"\n", b"\n", b"\r", b"\t", b"|", b" "]
    strange = []
    for _ in range(150):
        body = b"".join(drawn.choices(pieces, k=drawn.randint(1, 24)))
        found = _measured(folder, CSV, body)
        strange.append({"body": b64encode(body).decode(), "rows": found.rows, "rowsRoot": found.rows_root})
    place = {"origin": ORIGIN, "org": ORG}
    return {"v": 1, "place": place, "seed": b64u(SEED), "mapping": MAPPING.decode(), "cases": cases, "strange": strange}


def _measured(folder: Path, media_type: str, body: bytes) -> Any:
    (folder / "body").write_bytes(body)
    return measure(folder / "body", media_type, SEED)


def _case(
    folder: Path, name: str, media_type: str, body: bytes, mapping: bytes | None, defaults: Defaults
) -> dict[str, Any]:
    measured = _measured(folder, media_type, body)
    said = payload(Outgoing(folder / "body", media_type, mapping, defaults), measured, ORIGIN, ORG)
    said |= {"jti": f"manifest {name}", "iat": "2026-03-01T10:00:00Z", "exp": "2026-03-08T10:00:00Z"}
    act = KEY.sign_act(SUBMISSION, said)
    return {
        **{"name": name, "mediaType": media_type, "body": b64encode(body).decode(), "defaults": said["defaults"]},
        **{"now": said["iat"], "jti": said["jti"], "payload": encode(said).decode(), "act": act},
        "idempotencyKey": Signed(act, SEED, measured).idempotency_key,
    }


def test_manifests_are_what_they_were_and_the_verifier_takes_them(tmp_path: Path) -> None:
    vector = json.loads(VECTOR.read_text())
    assert vector == made_anew(tmp_path)
    for one in vector["cases"]:
        assert encode(verify_act(one["act"], KEY.public, SUBMISSION).payload).decode() == one["payload"]
    assert len({one["rowsRoot"] for one in vector["strange"]}) > 100
