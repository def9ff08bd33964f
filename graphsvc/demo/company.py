"""The organisations of the story with their keys and clients: what each would have on its own machines."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from graphsvc.client import Client, ClientCredentials
from graphsvc.client.acts import Said, carry_out, head_of, sign_act
from graphsvc.client.enrol import Enroller
from graphsvc.client.keys import HpkeKey, SigningKey, save_hpke_key, save_signing_key, write_private
from graphsvc.client.profile import ProfileFile, write_profile
from graphsvc.demo.cast import feed_of, people_of
from graphsvc.model.drafts import Defaults
from graphsvc.model.principals import Organisation
from graphsvc_verify.canonical import b64u
from graphsvc_verify.trust import Trust, parse_trust

if TYPE_CHECKING:
    from graphsvc.local.run import LocalService


@dataclass(frozen=True, slots=True)
class Member:
    """One organisation: its offline root key, its working key and the key it receives day keys under."""

    organisation: Organisation
    folder: Path
    root: SigningKey
    working: SigningKey
    recipient: HpkeKey
    people: dict[str, SigningKey]
    """Each person's own key, by its part: ``officer``, ``investigator``, …"""

    @classmethod
    def new(cls, organisation: Organisation, folder: Path) -> Member:
        """Make an organisation's keys and write them below ``folder``; raises FileExistsError where there are some."""
        people = {part: SigningKey.new() for part in people_of(organisation.org)}
        member = cls(organisation, folder, SigningKey.new(), SigningKey.new(), HpkeKey.new(), people)
        for part, key in people.items():
            save_signing_key(folder / f"{part}.pem", key)
        save_signing_key(folder / "root.pem", member.root)
        save_signing_key(folder / "working.pem", member.working)
        save_hpke_key(folder / "recipient.json", member.recipient)
        return member

    def enrol(self, client: Client, origin: str, person: str) -> int:
        """Enrol all keys under the root key, each person's with its roles; returns the last event's ledger index.

        ``person`` is who holds the working key, which submits.
        """
        enroller = Enroller(self.organisation.org, origin, self.root)
        last = client.enrol(enroller.signing(self.working, person, ("submitter",), None)).index
        for part, one in people_of(self.organisation.org).items():
            last = client.enrol(enroller.signing(self.people[part], one.person, one.roles, last)).index
        return client.enrol(enroller.recipient(self.recipient, last)).index


class Members:
    """All organisations of the story at one service, with the keys that a verifier pins."""

    def __init__(self, service: LocalService, organisations: tuple[Organisation, ...], folder: Path) -> None:
        self._service = service
        known = msgspec.json.decode(service.clients_file.read_bytes(), type=dict[str, Any])["clients"]
        self._secrets = {str(entry["clientId"]): str(entry["clientSecret"]) for entry in known}
        self._open: dict[str, Client] = {}
        self.folder = folder
        self.by_name = {one.org: Member.new(one, folder / one.org) for one in organisations}
        self.trust_file = folder / "trust.json"
        self.trust_file.write_bytes(msgspec.json.format(msgspec.json.encode(self._trust_value()), indent=2))

    def client(self, name: str) -> Client:
        """A client that acts as a development identity, as ``police-ke.investigator``."""
        if name not in self._open:
            self._open[name] = Client(self._service.url, self.tokens(name), self.trust())
        return self._open[name]

    def separate_client(self, name: str) -> Client:
        """A client with a connection of its own, as another thread needs one; the caller closes it."""
        return Client(self._service.url, self.tokens(name), self.trust())

    def act(self, name: str, kind: str, sub: str, body: Said, after: int | None = None) -> dict[str, Any]:
        """Sign a decision with the key of the person behind a development identity, and hand it in.

        Returns what the act made, in the API's form. ``after`` is the last ledger index that the person knows of; None
        takes the newest.
        """
        compact = self.sign(name, kind, sub, body, head_of(self.client(name)) if after is None else after)
        made: dict[str, Any] = msgspec.to_builtins(carry_out(self.client(name), kind, compact))
        return made

    def sign(self, name: str, kind: str, sub: str, body: Said, after: int) -> str:
        """Sign the same decision without handing it in; returns the compact JWS."""
        org, _, part = name.partition(".")
        member = self.by_name[org]
        key = member.people.get(part, member.working)
        return sign_act(key, (self._service.origin, org), kind, sub, body, after)

    def token(self, name: str) -> str:
        """A ready-made token of a development identity."""
        return self.tokens(name)()

    def trust(self) -> Trust:
        """The pinned keys."""
        return parse_trust(self._trust_value())

    def write_profile(self, name: str, defaults: Defaults) -> Path:
        """Write the profile by which the command line acts as a development identity: ``police-ke/analyst.json``.

        It names the key that the identity signs with, if it has one. The profile of the client that submits is also
        written as the organisation's own: ``pasar/profile.json``.
        """
        org, _, part = name.partition(".")
        folder = self.folder / org
        folder.mkdir(exist_ok=True, mode=0o700)
        secret = f"{part}.secret"
        (folder / secret).unlink(missing_ok=True)
        write_private(folder / secret, self._secrets[name].encode())
        member = self.by_name.get(org)
        key = "" if member is None else f"{part if part in member.people else 'working'}.pem"
        profile = ProfileFile(
            url=self._service.url,
            org=org,
            trust="../trust.json",
            token_endpoint=f"{self._service.identity_url}/token",
            client_id=name,
            secret_file=secret,
            kind="" if member is None else member.organisation.kind,
            jurisdiction="" if member is None else member.organisation.jurisdiction,
            defaults=defaults,
            signing_key=key,
        )
        write_profile(folder / f"{part}.json", profile)
        if name == feed_of(org):
            write_profile(folder / "profile.json", profile)
        return folder / f"{part}.json"

    def close(self) -> None:
        """Close all connections."""
        for client in self._open.values():
            client.close()

    def tokens(self, name: str) -> ClientCredentials:
        """The provider of a development identity's tokens, each used until shortly before it expires."""
        return ClientCredentials(f"{self._service.identity_url}/token", name, self._secrets[name])

    def _trust_value(self) -> dict[str, Any]:
        return {
            "v": 1,
            "origin": self._service.origin,
            "log": self._service.log_vkey,
            "organisations": {org: b64u(member.root.public) for org, member in self.by_name.items()},
            "checkpoint": None,
        }
