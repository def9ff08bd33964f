"""Payloads in an S3-compatible object store: one object per digest, put only where there is none.

Credentials come from the environment, a profile or the machine, as for every S3 client. The server checks a SHA-256 of
what it receives, and the digest is checked again whenever an object is read.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

from graphsvc.ledger.objects import PayloadStore
from graphsvc.model.errors import InvalidInput, Unavailable
from graphsvc_verify.canonical import digest

_ABSENT = ("404", "NoSuchKey", "NotFound")
_THERE = ("412", "PreconditionFailed", "409", "ConditionalRequestConflict")
_PREFIX = "sha256:"


class S3PayloadStore(PayloadStore):
    """Objects below ``s3://bucket/prefix``. All methods raise OSError when the store can't be reached or refuses."""

    def __init__(self, location: str, endpoint: str = "") -> None:
        try:
            from boto3.session import Session
            from botocore.config import Config
            from botocore.exceptions import BotoCoreError, ClientError
        except ImportError:
            raise Unavailable("install graphsvc[s3] to keep payloads in an object store", code="s3_missing") from None
        parts = urlsplit(location)
        if not parts.netloc:
            raise InvalidInput("an object store is named s3://bucket/prefix", code="settings")
        self._bucket = parts.netloc
        self._prefix = f"{parts.path.strip('/')}/" if parts.path.strip("/") else ""
        style = {"addressing_style": "path"} if endpoint else {}
        config = Config(signature_version="s3v4", s3=style, retries={"mode": "standard"}, max_pool_connections=16)
        self._client: Any = Session().client("s3", endpoint_url=endpoint or None, config=config)
        self._refused, self._failed = ClientError, BotoCoreError

    def put(self, data: bytes) -> str:
        """One conditional PUT; an object that is there already is no error."""
        name = digest(data)
        checksum = base64.b64encode(hashlib.sha256(data).digest()).decode()
        try:
            self._ask("put_object", Key=self._key(name), Body=data, IfNoneMatch="*", ChecksumSHA256=checksum)
        except _Refused as refused:
            if refused.code not in _THERE:
                raise
        return name

    def remove(self, name: str) -> None:
        """Delete the object."""
        self._ask("delete_object", Key=self._key(name))

    def names(self) -> Iterator[str]:
        """The keys below the prefix."""
        token: dict[str, str] = {}
        while True:
            page = self._ask("list_objects_v2", Prefix=self._prefix, **token)
            for found in page.get("Contents", ()):
                yield _PREFIX + found["Key"].rpartition("/")[2]
            if not page.get("IsTruncated"):
                return
            token = {"ContinuationToken": page["NextContinuationToken"]}

    def sweep(self) -> None:
        """Nothing to do: an object is there whole or not at all."""

    def _read(self, name: str) -> bytes | None:
        try:
            answer = self._ask("get_object", Key=self._key(name))
            return bytes(answer["Body"].read())
        except _Refused as refused:
            if refused.code in _ABSENT:
                return None
            raise
        except self._failed as error:
            raise OSError(f"the object store broke off: {type(error).__name__}") from None

    def _key(self, name: str) -> str:
        plain = name.removeprefix(_PREFIX)
        return f"{self._prefix}{plain[:2]}/{plain}"

    def _ask(self, operation: str, **parameters: Any) -> Any:
        try:
            return getattr(self._client, operation)(Bucket=self._bucket, **parameters)
        except self._refused as error:
            raise _Refused(str(error.response["Error"]["Code"])) from None
        except self._failed as error:
            raise OSError(f"the object store can't be reached: {type(error).__name__}") from None


class _Refused(OSError):
    """The store answered with an error."""

    def __init__(self, code: str) -> None:
        super().__init__(f"the object store refused: {code}")
        self.code = code
