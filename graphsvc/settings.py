"""Settings of a service process, read once from the environment and handed on; nothing reads the environment later."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Settings:
    """All that can be set. Sizes are bytes, times seconds; ``neo4j_uri`` empty means: run an own Neo4j child.

    ``database`` is the URL of a PostgreSQL database for the ledger, ``payloads`` an ``s3://bucket/prefix``; both empty:
    SQLite and files below ``data``. ``standby`` is how long to wait while another process leads. ``witnesses`` is the
    file that names who cosigns the log's checkpoints; empty: nobody. ``retention`` is a file of rules (empty: the
    product's own), ``purge_every`` how long it is from one purge to the next.
    """

    data: Path
    host: str = "127.0.0.1"
    port: int = 8443
    origin: str = "graphsvc.local/log"
    audience: str = "graphsvc"
    issuer: str = ""
    jwks: str = ""
    neo4j_uri: str = ""
    neo4j_user: str = "neo4j"
    neo4j_password: str = ""
    neo4j_database: str = "neo4j"
    neo4j_heap: str = "512m"
    neo4j_pagecache: str = "256m"
    max_body: int = 2 << 30
    max_row: int = 1 << 20
    identifiers_a_day: int = 0
    """Identifiers that any organisation may ask for in a day; 0: as budget.yaml of the policies in force has it."""
    environment: str = "development"
    database: str = ""
    standby: int = 0
    payloads: str = ""
    s3_endpoint: str = ""
    retention: str = ""
    purge_every: int = 3600
    witnesses: str = ""
    tsa: str = ""
    tsa_every: int = 3600
    """URL of a time-stamping authority (RFC 3161), and seconds between its time-stamps."""
    connections: int = 4096
    """HTTP connections at once, if there are descriptors for so many."""
    connections_a_peer: int = 0
    """Those from one address; 0: half of all, since behind a proxy all callers have its address."""
    head_seconds: int = 15
    """A request's head must be there within this time."""
    idle_seconds: int = 30
    """A connection may be idle so long between two requests."""
    stall_seconds: int = 15
    slowest_rate: int = 512
    """In every ``stall_seconds`` of a body or an answer, this many bytes a second must move."""
    transfer_seconds: int = 14_400
    """No body and no answer takes longer."""
    disk_reserve: int = 256 << 20
    """Bytes that stay free on the ledger's disk: below, no submission is received."""
    uploads_an_organisation: int = 16
    """Submissions of an organisation that are received or worked on at once."""
    spool_an_organisation: int = 8 << 30
    """Bytes of an organisation's bodies that lie in the spool at once."""
    submissions_a_minute: int = 600
    """Of one organisation; 0: as many as it likes."""
    acts_a_minute: int = 600
    """Signed acts of one person; 0: as many as the person likes."""

    @property
    def payload_location(self) -> str:
        """Where sealed payloads lie: a directory, or ``s3://…``."""
        return self.payloads or str(self.data / "payloads")

    @property
    def spool(self) -> Path:
        """Where bodies are received, before they are checked."""
        return self.data / "spool"


def read_settings(data: Path, environment: Mapping[str, str], **overrides: str | int) -> Settings:
    """Settings for the state directory ``data``; ``GRAPHSVC_*`` variables fill in, ``overrides`` win.

    Raises ValueError that names the variable when a number can't be read.
    """
    fields = {name: value for name, value in Settings.__annotations__.items() if name != "data"}
    values: dict[str, str | int] = {}
    for name, kind in fields.items():
        variable = f"GRAPHSVC_{name.upper()}"
        if variable not in environment:
            continue
        text = environment[variable]
        if kind == "int":
            if not text.isdigit():
                raise ValueError(f"{variable} must be a whole number")
            values[name] = int(text)
        else:
            values[name] = text
    values.update(overrides)
    return Settings(data=data, **values)  # type: ignore[arg-type]


def product_data(name: str) -> Path:
    """The folder ``schema`` or ``policies``: beside the package in a checkout, inside it in a wheel."""
    package = Path(__file__).parent
    checkout = package.parent / name
    return checkout if checkout.is_dir() else package / "_data" / name
