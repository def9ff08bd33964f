"""A profile: how one organisation's client reaches a service, in a JSON file, so that commands stay short.

::

    {"url": …, "org": …, "trust": FILE, "tokenEndpoint": …, "clientId": …, "secretFile": FILE, "defaults": {…},
     "signingKey": FILE, "signed": true | false, "clientKey": FILE, "bound": true | false}

``signed``: every question is signed with ``signingKey``, a working key of the organisation. The client proves who it is
by ``clientKey``, a private JWK, or else by the secret; ``bound``: its tokens are bound to a key of the process.
Relative paths start at the profile's folder. ``GRAPHSVC_TOKEN`` replaces the client credentials.
"""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from pathlib import Path

import msgspec

from graphsvc.client import BoundCredentials, Client, ClientCredentials, TokenProvider, fixed_token
from graphsvc.client.keys import load_signing_key
from graphsvc.client.signing import ReadSigner
from graphsvc.model.drafts import Defaults
from graphsvc.model.errors import InvalidInput
from graphsvc.model.files import write_durably
from graphsvc.model.jwkfiles import read_jwk
from graphsvc.model.principals import Organisation
from graphsvc.model.yamlfiles import load_yaml
from graphsvc_verify.canonical import parse
from graphsvc_verify.errors import VerifyError
from graphsvc_verify.trust import Trust, parse_trust

VARIABLE = "GRAPHSVC_PROFILE"
HEADS = "log-heads.db"
"""File beside the profile with the last head seen of each log. If it is deleted, a fork can go unnoticed once."""


class ProfileFile(msgspec.Struct, rename="camel", forbid_unknown_fields=True, omit_defaults=True):
    """The file's members."""

    url: str
    org: str
    trust: str
    token_endpoint: str = ""
    client_id: str = ""
    secret_file: str = ""
    kind: str = ""
    jurisdiction: str = ""
    defaults: Defaults = Defaults()
    signing_key: str = ""
    signed: bool = False
    client_key: str = ""
    bound: bool = False


@dataclass(frozen=True, slots=True)
class Profile:
    """A profile as read, with the folder it lies in."""

    file: ProfileFile
    folder: Path

    def client(self, trust: Trust | None = None, signed: bool = False) -> Client:
        """A client of the service, under the profile's own pinned keys or others; ``signed`` signs questions.

        Raises InvalidInput when the credentials or keys for that are missing.
        """
        pinned = self.trust() if trust is None else trust
        signer = None
        if signed or self.file.signed:
            if not self.file.signing_key:
                raise InvalidInput("name a working key as signingKey in the profile", code="no_key")
            key = load_signing_key(self.folder / self.file.signing_key)
            signer = ReadSigner(self.file.org, pinned.origin, key)
        heads = self.folder / HEADS
        return Client(self.file.url, self.tokens(), pinned, signer=signer, org=self.file.org, heads=heads)

    def trust(self) -> Trust:
        """The pinned keys."""
        return read_trust(self.folder / self.file.trust)

    def tokens(self) -> TokenProvider:
        """The provider of access tokens. Raises InvalidInput when there are no credentials."""
        if ready := os.environ.get("GRAPHSVC_TOKEN"):
            return fixed_token(ready)
        said = self.file
        if not (said.token_endpoint and said.client_id and (said.client_key or said.secret_file)):
            message = "set GRAPHSVC_TOKEN, or tokenEndpoint, clientId and clientKey or secretFile in the profile"
            raise InvalidInput(message, code="no_credentials")
        kind = BoundCredentials if said.bound else ClientCredentials
        if said.client_key:
            return kind(said.token_endpoint, said.client_id, key=read_jwk(self.folder / said.client_key))
        try:
            secret = (self.folder / self.file.secret_file).read_text().strip()
        except OSError as error:
            raise InvalidInput(f"the secret can't be read: {error.strerror}", code="no_credentials") from None
        return kind(said.token_endpoint, said.client_id, secret)


def read_profile(path: Path | None) -> Profile:
    """The profile in ``path``, or in the file that ``GRAPHSVC_PROFILE`` names. Raises InvalidInput."""
    if path is None:
        if not os.environ.get(VARIABLE):
            raise InvalidInput(f"name a profile with --profile or {VARIABLE}", code="no_profile")
        path = Path(os.environ[VARIABLE])
    try:
        return Profile(msgspec.json.decode(path.read_bytes(), type=ProfileFile), path.parent)
    except OSError as error:
        raise InvalidInput(
            f"the profile can't be read: {error.strerror}", code="bad_profile", where=str(path)
        ) from None
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise InvalidInput(f"not a profile: {error}", code="bad_profile", where=str(path)) from None


def read_defaults(path: Path) -> Defaults:
    """What holds for all rows of a submission, from a YAML or JSON file. Raises InvalidInput."""
    try:
        return msgspec.convert(load_yaml(path.read_bytes(), where=str(path)), Defaults)
    except OSError as error:
        raise InvalidInput(f"can't be read: {error.strerror}", code="unreadable", where=str(path)) from None
    except msgspec.ValidationError as error:
        first = str(error).splitlines()[0]
        raise InvalidInput(f"these are no defaults: {first}", code="bad_defaults", where=str(path)) from None


def local_organisation(profile: Profile | None) -> Organisation:
    """For whom a file is checked without the service: the profile's organisation, or one that stands for any."""
    if profile is None:
        return Organisation("local", "company", "ZZ", "local check")
    said = profile.file
    return Organisation(said.org, said.kind or "company", said.jurisdiction or "ZZ", said.org)


def write_profile(path: Path, profile: ProfileFile) -> None:
    """Write a profile; it names files, it holds no secret."""
    write_durably(path, (json.dumps(msgspec.to_builtins(profile), indent=2) + "\n").encode(), 0o644)


def read_trust(path: Path) -> Trust:
    """The trust file in ``path``. Raises InvalidInput, or VerifyError when its content is wrong."""
    try:
        return parse_trust(parse(path.read_bytes()))
    except OSError as error:
        raise InvalidInput(
            f"the trust file can't be read: {error.strerror}", code="no_trust", where=str(path)
        ) from None
    except VerifyError as error:
        raise InvalidInput(error.message, code=error.code, where=str(path)) from None
