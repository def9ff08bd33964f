"""Canonical JSON (RFC 8785, restricted to strings, integers, booleans, null, arrays, objects), digests, base64url.

Floats are refused, integers lie strictly between -2^53 and 2^53 (the range in which every JSON reader agrees).
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
from typing import Any

from graphsvc_verify.errors import VerifyError

LIMIT = 1 << 53
_URL = bytes.maketrans(b"+/", b"-_")
_quote = json.encoder.encode_basestring
_dumps = json.JSONEncoder(sort_keys=True, ensure_ascii=False, separators=(",", ":"), check_circular=False).encode


def encode(value: Any) -> bytes:
    """``value`` as RFC 8785 bytes; raises VerifyError ``not_canonical`` on anything that has no such form."""
    try:
        if type(value) is list and all(type(item) is str for item in value):
            text = f"[{','.join(map(_quote, value))}]"
        else:
            text = _dumps(value) if _plain(value) else _slow(value)
        return text.encode()
    except (UnicodeEncodeError, RecursionError) as error:
        raise VerifyError("not_canonical", f"value has no canonical form: {type(error).__name__}") from None


def quote(text: str) -> str:
    """One string as canonical JSON text (lone surrogates fail later, when the text is encoded)."""
    return _quote(text)


def decode(data: bytes) -> Any:
    """The value of canonical JSON bytes; raises VerifyError ``not_canonical`` unless ``data`` is its exact encoding."""
    value = parse(data)
    if encode(value) != data:
        raise VerifyError("not_canonical", "bytes are not the canonical encoding of their value")
    return value


def parse(data: bytes | str) -> Any:
    """The value of JSON that need not be canonical; doubled names, NaN and invalid UTF-8 are refused all the same."""
    try:
        text = data if isinstance(data, str) else data.decode()
        return json.loads(text, object_pairs_hook=_unique, parse_constant=_no_constant)
    except (ValueError, RecursionError) as error:
        raise VerifyError("not_json", f"not valid JSON: {type(error).__name__}") from None


def digest(data: bytes) -> str:
    """``sha256:<hex>`` of ``data``."""
    return "sha256:" + hashlib.sha256(data).hexdigest()


def b64u(data: bytes) -> str:
    """base64url without padding (RFC 4648 section 5)."""
    return binascii.b2a_base64(data, newline=False).translate(_URL).rstrip(b"=").decode("ascii")


def unb64u(text: str, size: int | None = None) -> bytes:
    """The bytes behind base64url without padding; only the one canonical spelling is taken.

    ``size`` is the number of bytes there must be. Raises VerifyError ``bad_base64``.
    """
    try:
        data = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
    except (binascii.Error, ValueError, TypeError):
        raise VerifyError("bad_base64", "not base64url without padding") from None
    if b64u(data) != text:
        raise VerifyError("bad_base64", "not the canonical base64url spelling")
    if size is not None and len(data) != size:
        raise VerifyError("bad_base64", f"{len(data)} bytes where {size} are needed")
    return data


def _plain(value: Any) -> bool:
    """Check all types; tell whether Python's own key order (by code point) is the order of RFC 8785 (by UTF-16)."""
    kind = type(value)
    if kind is str or value is None or kind is bool:
        return True
    if kind is int:
        if -LIMIT < value < LIMIT:
            return True
        raise VerifyError("not_canonical", "an integer is out of range")
    if kind is list or kind is tuple:
        plain = True
        for item in value:
            plain &= _plain(item)
        return plain
    if kind is dict:
        plain = True
        for name, item in value.items():
            if type(name) is not str:
                raise VerifyError("not_canonical", "an object's name is not a string")
            plain &= name.isascii() & _plain(item)
        return plain
    raise VerifyError("not_canonical", f"a {kind.__name__} has no canonical form here")


def _slow(value: Any) -> str:
    if isinstance(value, dict):
        names = sorted(value, key=lambda name: name.encode("utf-16-be"))
        return "{" + ",".join(f"{_quote(name)}:{_slow(value[name])}" for name in names) + "}"
    if isinstance(value, list | tuple):
        return "[" + ",".join(_slow(item) for item in value) + "]"
    return _dumps(value)


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a name is there twice")
    return found


def _no_constant(_: str) -> Any:
    raise ValueError("NaN and Infinity are no JSON")
