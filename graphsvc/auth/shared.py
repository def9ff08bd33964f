"""What the processes of a service share about callers: sessions, used proofs, how often who asks (ADR 0297).

It lies in one small database beside the ledger's. A session is sealed under a key of its own, and that key is kept
wrapped under the session's name, which the browser alone has: neither the database nor the service's secrets open it
without the cookie. What is lost with the database is that somebody was logged in.
"""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import secrets
import threading
import time
from collections.abc import Callable
from typing import Any, NamedTuple, TypeVar

import msgspec
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from sqlalchemy import (
    Column,
    Engine,
    Float,
    Integer,
    LargeBinary,
    MetaData,
    Table,
    case,
    create_engine,
    func,
    insert,
    select,
    update,
)
from sqlalchemy import delete as deleting
from sqlalchemy.exc import DBAPIError, IntegrityError
from sqlalchemy.pool import StaticPool

from graphsvc.model.errors import Unavailable

T = TypeVar("T")
SWEPT = 60.0
"""Seconds between two removals of what has ended."""
FULL = 60.0
"""Seconds after which a bucket is full, whatever was in it."""
_NONCE = 12

metadata = MetaData()
proofs = Table("used_proofs", metadata, Column("name", LargeBinary(32), primary_key=True), Column("until", Float))
rates = Table(
    "caller_rates",
    metadata,
    Column("who", LargeBinary(32), primary_key=True),
    Column("left_over", Float, nullable=False),
    Column("at", Float, nullable=False),
)
sessions = Table(
    "sessions",
    metadata,
    Column("id", LargeBinary(16), primary_key=True),
    Column("person", LargeBinary(32), nullable=False, index=True),
    Column("began", Float, nullable=False),
    Column("used", Float, nullable=False),
    Column("named", Float, nullable=False),
    Column("version", Integer, nullable=False),
    Column("renewing", Float, nullable=False),
    Column("sealed", LargeBinary, nullable=False),
)
names = Table(
    "session_names",
    metadata,
    Column("digest", LargeBinary(32), primary_key=True),
    Column("session", LargeBinary(16), nullable=False, index=True),
    Column("until", Float, nullable=False),
    Column("wrapped", LargeBinary, nullable=False),
)


class Sealed(msgspec.Struct, frozen=True):
    """What is sealed of a session: tokens, whose it is, and its guard."""

    access: str
    refresh: str
    identity: str
    org: str
    person: str
    guard: str

    def __repr__(self) -> str:
        return "Sealed(…)"


class Opened(NamedTuple):
    """A session as it stands: times in seconds since the epoch; ``version`` grows whenever its tokens are renewed."""

    id: bytes
    key: bytes
    began: float
    used: float
    named: float
    version: int
    content: Sealed


class Shared:
    """The shared database. Thread-safe, also between processes. Raises Unavailable when it can't be had."""

    def __init__(self, engine: Engine, secret: bytes) -> None:
        self._engine = engine
        self._secret = secret
        self._rate_key, self._person_key = self.derived(b"rate"), self.derived(b"person")
        self._lock = threading.Lock()
        self._swept = float("-inf")
        try:
            metadata.create_all(engine)
        except DBAPIError:
            # Another process was making them at the same moment.
            self._do(lambda: metadata.create_all(engine))

    @classmethod
    def alone(cls) -> Shared:
        """In the memory of one process."""
        engine = create_engine("sqlite://", connect_args={"check_same_thread": False}, poolclass=StaticPool)
        return cls(engine, secrets.token_bytes(32))

    def close(self) -> None:
        """Close all connections."""
        self._engine.dispose()

    def derived(self, purpose: bytes) -> bytes:
        """A key of 32 bytes that all processes have, for one purpose."""
        return HKDF(algorithm=SHA256(), length=32, salt=None, info=b"graphsvc auth v1|" + purpose).derive(self._secret)

    async def once(self, name: bytes, until: float, now: float) -> bool:
        """Note a proof as used, to be remembered until then; False: it was used before, here or elsewhere."""

        def note() -> bool:
            try:
                with self._engine.begin() as connection:
                    connection.execute(insert(proofs), {"name": name, "until": until})
            except IntegrityError:
                return False
            return True

        await self._sweep(now)
        return await self._soon(note)

    async def take(self, who: str, a_minute: int, /) -> float:
        """As :meth:`graphsvc.api.turns.Counting.take` says: a bucket of ``a_minute`` that fills up within a minute."""
        now, name = time.time(), hmac.digest(self._rate_key, who.encode(), "sha256")
        filled = rates.c.left_over + (now - rates.c.at) * a_minute / 60.0
        mine, filled = rates.c.who == name, case((filled > a_minute, float(a_minute)), else_=filled)
        taken = update(rates).where(mine, filled >= 1.0).values(left_over=filled - 1.0, at=now)

        def write() -> float:
            with self._engine.begin() as connection:
                if connection.execute(taken).rowcount:
                    return 0.0
                left = connection.execute(select(filled).where(mine)).scalar()
            if left is not None:
                return max((1.0 - float(left)) * 60 / a_minute, 0.001)
            try:
                with self._engine.begin() as connection:
                    connection.execute(insert(rates), {"who": name, "left_over": a_minute - 1.0, "at": now})
            except IntegrityError:
                return write()  # another process was quicker
            return 0.0

        await self._sweep(now)
        return await self._soon(write)

    async def add(self, content: Sealed, now: float) -> str:
        """Keep a new session; returns its name."""
        one, key, name = secrets.token_bytes(16), secrets.token_bytes(32), secrets.token_urlsafe(32)
        row = {"id": one, "person": self._person(content), "began": now, "used": now, "named": now, "version": 0}
        row |= {"renewing": 0.0, "sealed": _seal(key, msgspec.json.encode(content), one)}

        def write() -> None:
            with self._engine.begin() as connection:
                connection.execute(insert(sessions), row)
                connection.execute(insert(names), self._named(one, key, name))

        await self._soon(write)
        return name

    async def find(self, name: str, now: float) -> Opened | None:
        """The session of a name that is good now."""
        joined = select(names.c.wrapped, sessions).join(sessions, sessions.c.id == names.c.session)
        asked = joined.where(names.c.digest == _digest(name), names.c.until > now)

        def read() -> Any:
            with self._engine.connect() as connection:
                return connection.execute(asked).mappings().first()

        row = await self._soon(read)
        if row is None:
            return None
        try:
            key = _open(self._name_key(name), row["wrapped"], row["id"])
            content = msgspec.json.decode(_open(key, row["sealed"], row["id"]), type=Sealed)
        except (InvalidTag, msgspec.DecodeError):
            return None
        return Opened(row["id"], key, row["began"], row["used"], row["named"], row["version"], content)

    async def touch(self, session: Opened, now: float) -> None:
        """Note that a session was used."""
        await self._run(update(sessions).where(sessions.c.id == session.id).values(used=now))

    async def rename(self, session: Opened, now: float, good: float) -> str | None:
        """Another name for a session; older ones are good until ``good``. None: another request was quicker."""
        name = secrets.token_urlsafe(32)

        def write() -> str | None:
            mine = (sessions.c.id == session.id) & (sessions.c.named == session.named)
            with self._engine.begin() as connection:
                if connection.execute(update(sessions).where(mine).values(named=now)).rowcount != 1:
                    return None
                old = (names.c.session == session.id) & (names.c.until > good)
                connection.execute(update(names).where(old).values(until=good))
                connection.execute(insert(names), self._named(session.id, session.key, name))
            return name

        return await self._soon(write)

    async def claim(self, session: Opened, now: float, until: float) -> bool:
        """Take it on to renew a session's tokens; False: they are renewed already, or another process is at it."""
        free = (sessions.c.id == session.id) & (sessions.c.version == session.version) & (sessions.c.renewing <= now)
        return await self._run(update(sessions).where(free).values(renewing=until)) == 1

    async def renew(self, session: Opened, content: Sealed) -> None:
        """Keep renewed tokens."""
        sealed = _seal(session.key, msgspec.json.encode(content), session.id)
        values = {"sealed": sealed, "version": session.version + 1, "renewing": 0.0}
        await self._run(update(sessions).where(sessions.c.id == session.id).values(**values))

    async def drop(self, one: bytes) -> None:
        """End a session for all processes."""

        def write() -> None:
            with self._engine.begin() as connection:
                connection.execute(deleting(names).where(names.c.session == one))
                connection.execute(deleting(sessions).where(sessions.c.id == one))

        await self._soon(write)

    async def of_person(self, content: Sealed) -> list[bytes]:
        """The sessions of a person, the oldest first."""
        asked = select(sessions.c.id).where(sessions.c.person == self._person(content)).order_by(sessions.c.began)

        def read() -> list[bytes]:
            with self._engine.connect() as connection:
                return list(connection.execute(asked).scalars())

        return await self._soon(read)

    async def end(self, began: float, used: float) -> int:
        """End all sessions that began or were used last before; returns how many are left."""
        late = (sessions.c.began <= began) | (sessions.c.used <= used)

        def write() -> int:
            with self._engine.begin() as connection:
                connection.execute(deleting(names).where(names.c.session.in_(select(sessions.c.id).where(late))))
                connection.execute(deleting(sessions).where(late))
                return int(connection.execute(select(func.count()).select_from(sessions)).scalar_one())

        return await self._soon(write)

    async def _sweep(self, now: float) -> None:
        if now - self._swept >= SWEPT:
            self._swept = now
            await self._run(deleting(proofs).where(proofs.c.until <= now))
            await self._run(deleting(names).where(names.c.until <= now))
            await self._run(deleting(rates).where(rates.c.at <= now - FULL))

    def _named(self, one: bytes, key: bytes, name: str) -> dict[str, Any]:
        wrapped = _seal(self._name_key(name), key, one)
        return {"digest": _digest(name), "session": one, "until": float(1 << 50), "wrapped": wrapped}

    def _name_key(self, name: str) -> bytes:
        return self.derived(b"session|" + name.encode())

    def _person(self, content: Sealed) -> bytes:
        return hmac.digest(self._person_key, f"{content.org}|{content.person}".encode(), "sha256")

    async def _run(self, statement: Any) -> int:
        def write() -> int:
            with self._engine.begin() as connection:
                return int(connection.execute(statement).rowcount)

        return await self._soon(write)

    async def _soon(self, work: Callable[[], T]) -> T:
        return await asyncio.to_thread(self._do, work)

    def _do(self, work: Callable[[], T]) -> T:
        try:
            with self._lock:
                return work()
        except DBAPIError as error:
            message = f"the store of sessions can't be had: {type(error).__name__}"
            raise Unavailable(message, code="sessions_down") from None


def _digest(name: str) -> bytes:
    return hashlib.sha256(name.encode()).digest()


def _seal(key: bytes, plain: bytes, bound: bytes) -> bytes:
    nonce = secrets.token_bytes(_NONCE)
    return nonce + AESGCM(key).encrypt(nonce, plain, bound)


def _open(key: bytes, sealed: bytes, bound: bytes) -> bytes:
    return AESGCM(key).decrypt(sealed[:_NONCE], sealed[_NONCE:], bound)
