"""Time-stamp tokens (RFC 3161): when an authority, which is neither operator nor member, saw a checkpoint.

A token is CMS SignedData (RFC 5652) over a TSTInfo with the SHA-256 of what was stamped. The authority is pinned by
certificate: that of the signer, or the one that issued it. Whether a certificate was revoked is not asked: nobody is.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.x509 import (
    Certificate,
    DuplicateExtension,
    ExtendedKeyUsage,
    ExtensionNotFound,
    InvalidVersion,
    load_der_x509_certificate,
)
from cryptography.x509.oid import ExtendedKeyUsageOID

from graphsvc_verify.der import INTEGER, OCTETS, SEQUENCE, SET, TIME, Element, read_der
from graphsvc_verify.errors import VerifyError

LONGEST = 32_768
"""Bytes of a token."""
_SIGNED_DATA, _TST_INFO = "1.2.840.113549.1.7.2", "1.2.840.113549.1.9.16.1.4"
_CONTENT_TYPE, _MESSAGE_DIGEST = "1.2.840.113549.1.9.3", "1.2.840.113549.1.9.4"
_SIGNING_CERTIFICATE = {"1.2.840.113549.1.9.16.2.12": 1, "1.2.840.113549.1.9.16.2.47": 2}
_SHA256 = "2.16.840.1.101.3.4.2.1"
_HASHES: dict[str, hashes.HashAlgorithm] = {
    _SHA256: hashes.SHA256(),
    "2.16.840.1.101.3.4.2.2": hashes.SHA384(),
    "2.16.840.1.101.3.4.2.3": hashes.SHA512(),
}
MALFORMED = (IndexError, ValueError, TypeError, OverflowError, InvalidVersion, DuplicateExtension, UnsupportedAlgorithm)
"""What readers raise over bytes that are not what they should be."""
_RSA = {"1.2.840.113549.1.1.1", *(f"1.2.840.113549.1.1.{n}" for n in (11, 12, 13))}
_ECDSA = {f"1.2.840.10045.4.3.{n}" for n in (2, 3, 4)}


@dataclass(frozen=True, slots=True)
class Stamp:
    """What a token says: when (by the authority's clock), and whose certificate signed it, by name."""

    time: datetime
    by: str


@dataclass(frozen=True, slots=True)
class _Token:
    """A token taken apart; nothing is checked yet."""

    info: bytes
    certificates: list[Certificate]
    issuer: bytes
    serial: int
    digest: hashes.HashAlgorithm
    attributes: Element
    algorithm: str
    signature: bytes


def parse_certificates(values: Sequence[bytes]) -> tuple[Certificate, ...]:
    """Certificates from DER. Raises VerifyError ``bad_trust``."""
    try:
        return tuple(load_der_x509_certificate(value) for value in values)
    except MALFORMED:
        raise VerifyError("bad_trust", "a time-stamping authority's certificate is malformed") from None


def check_token(token: bytes, stamped: bytes, pinned: Sequence[Certificate]) -> Stamp:
    """Check that a pinned authority time-stamped exactly the bytes ``stamped``.

    Raises VerifyError ``bad_timestamp``, ``unknown_authority``, ``bad_der``.
    """
    try:
        # 1. What it says.
        parsed = _taken_apart(token)
        time, imprint, _ = _read_info(parsed.info)
        if imprint != hashlib.sha256(stamped).digest():
            raise VerifyError("bad_timestamp", "a time-stamp is of something else")
        # 2. Who signed it: a pinned certificate, or one that a pinned certificate issued; good for this and then.
        signer = _signer(parsed, pinned, time)
        # 3. The signature is over the attributes, and these name content and certificate.
        _check_attributes(parsed, signer)
        _check_signature(parsed, signer)
    except MALFORMED:
        raise VerifyError("bad_timestamp", "a time-stamp is malformed") from None
    return Stamp(time, signer.subject.rfc4514_string())


def read_reply(reply: bytes, imprint: bytes, nonce: int) -> bytes:
    """The token in an authority's reply to a request with this SHA-256 and nonce; its signature is not checked.

    Raises VerifyError ``bad_timestamp`` or ``bad_der``.
    """
    try:
        status, *tokens = read_der(reply).expect(SEQUENCE).parts()
        if status.parts()[0].number not in (0, 1) or len(tokens) != 1:
            raise VerifyError("bad_timestamp", "the authority granted no time-stamp")
        token = tokens[0].whole
        _, *said = _read_info(_taken_apart(token).info)
    except MALFORMED:
        raise VerifyError("bad_timestamp", "the authority's reply is malformed") from None
    if said != [imprint, nonce]:
        raise VerifyError("bad_timestamp", "the time-stamp is of something else than was sent")
    return token


def _taken_apart(token: bytes) -> _Token:
    if len(token) > LONGEST:
        raise VerifyError("bad_timestamp", "a time-stamp is too long")
    kind, content = read_der(token).expect(SEQUENCE).parts()
    if kind.oid != _SIGNED_DATA:
        raise VerifyError("bad_timestamp", "a time-stamp is CMS SignedData")
    _, _, encapsulated, *rest = read_der(content.content).expect(SEQUENCE).parts()
    inner, info = encapsulated.expect(SEQUENCE).parts()
    if inner.oid != _TST_INFO:
        raise VerifyError("bad_timestamp", "what is signed is not a TSTInfo")
    certificates = [
        load_der_x509_certificate(one.whole)
        for part in rest
        if part.tag == 0xA0
        for one in part.parts()
        if one.tag == SEQUENCE
    ]
    (signer,) = rest[-1].expect(SET).parts()
    _, sid, digest, attributes, algorithm, signature, *_ = signer.expect(SEQUENCE).parts()
    if attributes.tag != 0xA0 or sid.tag != SEQUENCE:
        raise VerifyError("bad_timestamp", "a time-stamp names its signer by issuer and number, and signs attributes")
    issuer, serial = sid.parts()
    method = digest.parts()[0].oid
    if method not in _HASHES:
        raise VerifyError("bad_timestamp", "the time-stamp's digest algorithm is not known here")
    return _Token(
        info=read_der(info.content).expect(OCTETS).content,
        certificates=certificates,
        issuer=issuer.whole,
        serial=serial.number,
        digest=_HASHES[method],
        attributes=attributes,
        algorithm=algorithm.parts()[0].oid,
        signature=signature.expect(OCTETS).content,
    )


def _read_info(info: bytes) -> tuple[datetime, bytes, int | None]:
    """The time, the imprint and the nonce of a TSTInfo."""
    version, _, imprint, _, time, *rest = read_der(info).expect(SEQUENCE).parts()
    algorithm, value = imprint.expect(SEQUENCE).parts()
    if version.number != 1 or algorithm.parts()[0].oid != _SHA256:
        raise VerifyError("bad_timestamp", "a time-stamp is of version 1 and over SHA-256")
    text = time.expect(TIME).content.decode("ascii")
    whole, _, fraction = text.removesuffix("Z").partition(".")
    if not text.endswith("Z") or len(whole) != 14 or not (whole + fraction).isdigit():
        raise VerifyError("bad_timestamp", "a time-stamp's time is malformed")
    moment = datetime.strptime(whole, "%Y%m%d%H%M%S").replace(tzinfo=UTC)
    moment = moment.replace(microsecond=int(fraction[:6].ljust(6, "0")) if fraction else 0)
    nonce = next((one.number for one in rest if one.tag == INTEGER), None)
    return moment, value.expect(OCTETS).content, nonce


def _signer(token: _Token, pinned: Sequence[Certificate], time: datetime) -> Certificate:
    named = [
        one
        for one in [*pinned, *token.certificates]
        if one.serial_number == token.serial and one.issuer.public_bytes() == token.issuer
    ]
    for one in named:
        if one not in pinned and not any(_issued(one, authority) for authority in pinned):
            continue
        if not one.not_valid_before_utc <= time <= one.not_valid_after_utc:
            raise VerifyError("bad_timestamp", "the authority's certificate was not valid at that time")
        try:
            use = one.extensions.get_extension_for_class(ExtendedKeyUsage).value
        except ExtensionNotFound:
            use = ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH])
        if list(use) != [ExtendedKeyUsageOID.TIME_STAMPING]:
            raise VerifyError("bad_timestamp", "the authority's certificate is for something else than time-stamping")
        return one
    raise VerifyError("unknown_authority", "a time-stamp is not of an authority that is pinned")


def _issued(one: Certificate, authority: Certificate) -> bool:
    try:
        one.verify_directly_issued_by(authority)
    except (InvalidSignature, *MALFORMED):
        return False
    return True


def _check_attributes(token: _Token, signer: Certificate) -> None:
    found: dict[str, Element] = {}
    for attribute in token.attributes.parts():
        name, values = attribute.expect(SEQUENCE).parts()
        if name.oid in found:
            raise VerifyError("bad_timestamp", "an attribute is there twice")
        (found[name.oid],) = values.expect(SET).parts()
    computed = hashes.Hash(token.digest)
    computed.update(token.info)
    if _CONTENT_TYPE not in found or found[_CONTENT_TYPE].oid != _TST_INFO:
        raise VerifyError("bad_timestamp", "the signature is over another kind of content")
    if _MESSAGE_DIGEST not in found or found[_MESSAGE_DIGEST].expect(OCTETS).content != computed.finalize():
        raise VerifyError("bad_timestamp", "the signature is over another content")
    for kind, version in _SIGNING_CERTIFICATE.items():
        if kind in found:
            first = found[kind].parts()[0].parts()[0].parts()
            if _named(first, version) != _fingerprint(signer, first, version):
                raise VerifyError("bad_timestamp", "the signature names another certificate")
            return
    raise VerifyError("bad_timestamp", "the signature names no certificate")


def _named(certificate: list[Element], version: int) -> bytes:
    """The hash in an ESSCertID (RFC 2634) or ESSCertIDv2 (RFC 5035)."""
    has_method = version == 2 and certificate[0].tag == SEQUENCE
    return certificate[1 if has_method else 0].expect(OCTETS).content


def _fingerprint(signer: Certificate, certificate: list[Element], version: int) -> bytes:
    if version == 1:
        return signer.fingerprint(hashes.SHA1())  # noqa: S303 -- which certificate it is, the pin decides
    if certificate[0].tag != SEQUENCE:
        return signer.fingerprint(hashes.SHA256())
    return signer.fingerprint(_HASHES.get(certificate[0].parts()[0].oid, hashes.SHA256()))


def _check_signature(token: _Token, signer: Certificate) -> None:
    # What is signed is the set of attributes with its own tag, not the one that it has within (RFC 5652 section 5.4).
    signed, key = bytes([SET]) + token.attributes.whole[1:], signer.public_key()
    try:
        if isinstance(key, rsa.RSAPublicKey) and token.algorithm in _RSA and key.key_size >= 2048:
            key.verify(token.signature, signed, padding.PKCS1v15(), token.digest)
        elif isinstance(key, ec.EllipticCurvePublicKey) and token.algorithm in _ECDSA:
            key.verify(token.signature, signed, ec.ECDSA(token.digest))
        else:
            raise VerifyError("bad_timestamp", "the time-stamp's signature algorithm is not known here")
    except InvalidSignature:
        raise VerifyError("bad_timestamp", "the time-stamp's signature does not hold") from None
