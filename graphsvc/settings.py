"""Settings of a service process, read once from a file and the environment and handed on; nothing reads either later.

The file, named by ``GRAPHSVC_SETTINGS``, has a line ``NAME=value`` for each setting, and comments that begin with
``#``: a form that process managers read as well. What the environment says wins over it.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

from graphsvc.model.accelerator import AUTO
from graphsvc.model.errors import InvalidInput

PREFIX = "GRAPHSVC_"
_OPTIONS = frozenset(("data", "host", "port"))
"""Settings that come from the command line, not from variables."""
_OTHERS = frozenset(("GRAPHSVC_PROFILE", "GRAPHSVC_TOKEN", "GRAPHSVC_CACHE", "GRAPHSVC_REQUIRE_TEST_DATA",
                     "GRAPHSVC_WRITE_VECTORS"))  # fmt: skip
"""Variables of clients, of the cache and of the tests: no settings of a service."""
FILE = "GRAPHSVC_SETTINGS"
"""Names the file of settings."""
_FILES = frozenset(("provider", "client_key", "client_secret_file", "witnesses", "retention"))
"""Settings that name files: in a file of settings they start at its folder."""
_TESTS = "GRAPHSVC_TEST_"
_FILE = "_FILE"
_SECRETS = ("neo4j_password", "database")
"""Settings that hold a secret: the variable with ``_FILE`` behind it names a file that has it."""
_SECRET_BYTES = 4096
_DIGITS = 15
_WEB = r"(?:https://[^\s/@]+|http://(?:localhost|127\.0\.0\.1|\[::1\])(?::\d+)?)(?:/\S*)?"
_PAGES = r"(?:https://[a-z0-9.-]+(?::\d{1,5})?|http://(?:localhost|127\.0\.0\.1|\[::1\])(?::\d{1,5})?)"
_FORMS: Mapping[str, tuple[re.Pattern[str], str]] = MappingProxyType(
    {
        name: (re.compile(form), message)
        for names, form, message in (
            ("accelerator", r"auto|off", "write auto or off"),
            ("environment", r"development|production", "write development or production"),
            ("explorer", r"auto|on|off", "write auto, on or off"),
            ("log_form", r"text|json", "write text or json"),
            ("metrics", r"(?:[\w.-]+|\[[0-9a-fA-F:.]+\]):\d{1,5}", "write address and port, as 127.0.0.1:9464"),
            ("documents_only", r"on|off", "write on or off"),
            ("cors_origins", rf"{_PAGES}(?: +{_PAGES})*",
             "write origins of web pages, as https://app.example.org, with spaces between"),
            ("origin", r"[a-z0-9](?:[a-z0-9.-]*[a-z0-9])?(?::\d{1,5})?(?:/[\w.~-]+)*",
             "write the log's name as a URL without scheme, as graph.example.org/log"),
            ("issuer jwks public_url", _WEB, "write an https URL (http on loopback only), without user or password"),
            ("token_algorithms", r"(?:Ed25519|EdDSA|ES256|RS256)(?: +(?:Ed25519|EdDSA|ES256|RS256))*",
             "write some of Ed25519 EdDSA ES256 RS256, with spaces between"),
            ("token_types", r"(?:at\+jwt|JWT)(?: +(?:at\+jwt|JWT))*", "write at+jwt, JWT or both"),
            ("revocation", r"expiry|introspection", "write expiry or introspection"),
            ("client_id", r"[\x21-\x7e]{1,200}", "write the client's id, without spaces"),
            ("tsa s3_endpoint traces", r"https?://[^\s/@]+(?:/\S*)?", "write a URL, without user or password"),
            ("neo4j_uri", r"(?:neo4j|bolt)(?:\+s(?:sc)?)?://[^\s/@]+/?", "write a Bolt URL, as neo4j://db.example.org:7687"),
            ("neo4j_reader", r"bolt|driver", "write bolt or driver"),
            ("neo4j_heap neo4j_pagecache", r"[1-9]\d{0,6}[kmgKMG]", "write a size as Neo4j has it, as 512m"),
            ("database", r"postgresql://\S+", "write postgresql://user:password@host/name"),
            ("payloads", r"s3://[a-z0-9][a-z0-9.-]{1,61}[a-z0-9](?:/\S*)?", "write s3://bucket/prefix"),
        )
        for name in names.split()
    }
)  # fmt: skip
"""The form that a setting's text must have, and the advice for a text without it. An empty text is the default."""


@dataclass(frozen=True, slots=True)
class Settings:
    """All that can be set. Sizes are bytes, times seconds; ``neo4j_uri`` empty means: run an own Neo4j child.

    ``database`` is the URL of a PostgreSQL database for the ledger, ``payloads`` an ``s3://bucket/prefix``; both empty:
    SQLite and files below ``data``. ``standby`` is how long to wait while another process leads. ``witnesses`` is the
    file that names who cosigns the log's checkpoints; empty: nobody. ``retention`` is a file of rules (empty: the
    product's own), ``purge_every`` the time between two purges.
    """

    data: Path
    host: str = "127.0.0.1"
    port: int = 8443
    origin: str = "graphsvc.local/log"
    audience: str = "graphsvc"
    issuer: str = ""
    jwks: str = ""
    token_algorithms: str = "Ed25519 EdDSA ES256"  # noqa: S105 - names of algorithms
    token_types: str = "at+jwt"  # noqa: S105 - a media type
    """How access tokens may be signed, and the ``typ`` that they may have: words with spaces between."""
    provider: str = ""
    """File that says how the issuer writes its tokens; empty: as RFC 9068 says, with the two settings above."""
    public_url: str = ""
    """The service's address as callers know it, https; for proofs of possession and for logging in."""
    client_id: str = ""
    client_key: str = ""
    client_secret_file: str = ""
    """The service's own client at the issuer, with a file that holds its private key (JWK) or its secret."""
    revocation: str = "expiry"
    """Whether tokens end when they expire, or the issuer is asked about them as well (``introspection``)."""
    session_idle: int = 1800
    session_seconds: int = 28_800
    """A person's session ends after so long without a request, and in any case."""
    neo4j_uri: str = ""
    neo4j_user: str = "neo4j"
    neo4j_password: str = ""
    neo4j_database: str = "neo4j"
    neo4j_reader: str = "bolt"
    """Who reads for questions: ``bolt``, the client of our own, or ``driver``, Neo4j's official one."""
    neo4j_heap: str = ""
    neo4j_pagecache: str = ""
    """Memory of the own Neo4j; empty: by the size of its store and the memory of the machine."""
    max_body: int = 2 << 30
    max_row: int = 1 << 20
    identifiers_a_day: int = 0
    """At most this many identifiers an organisation may ask for in a day; 0: as budget.yaml in force says."""
    environment: str = "development"
    database: str = ""
    standby: int = 0
    payloads: str = ""
    s3_endpoint: str = ""
    retention: str = ""
    purge_every: int = 3600
    forget_days: int = 7
    """A start this many days after an erasure rebuilds the service's own graph: its files may hold what was erased."""
    max_lag: int = 60
    """Seconds that the graph may be behind the log before readiness says ``lagging``; 0: any time."""
    witnesses: str = ""
    tsa: str = ""
    tsa_every: int = 3600
    """URL of a time-stamping authority (RFC 3161), and seconds between its time-stamps."""
    connections: int = 4096
    """At most this many HTTP connections at once, if the system allows as many descriptors."""
    connections_a_peer: int = 0
    """At most this many connections from one address; 0: half of all, since all callers behind a proxy share one."""
    head_seconds: int = 15
    """A request's head must arrive within this time."""
    idle_seconds: int = 30
    """A connection may be idle for this long between two requests."""
    stall_seconds: int = 15
    slowest_rate: int = 512
    """In every ``stall_seconds`` of a body or an answer, this many bytes a second must move."""
    transfer_seconds: int = 14_400
    """No body and no answer may take longer."""
    disk_reserve: int = 256 << 20
    """Bytes to keep free on the ledger's disk: with less, no submission is received."""
    uploads_an_organisation: int = 16
    """At most this many submissions of an organisation are received or worked on at once."""
    spool_an_organisation: int = 8 << 30
    """At most this many bytes of an organisation's bodies lie in the spool at once."""
    intake_nice: int = 15
    """How far the processes that take submissions in stand back behind all else, from 0 (not at all) to 19."""
    submissions_a_minute: int = 600
    """At most this many submissions of one organisation; 0: no limit."""
    acts_a_minute: int = 600
    """At most this many signed acts of one person; 0: no limit."""
    questions_a_minute: int = 0
    """At most this many GraphQL requests of one person; 0: no limit."""
    questions_an_organisation: int = 0
    """At most this many GraphQL requests of one organisation in a minute; 0: no limit."""
    metrics: str = ""
    """Address and port where Prometheus reads metrics, apart from what callers reach; empty: nowhere."""
    traces: str = ""
    """URL of an OpenTelemetry collector's OTLP/HTTP traces; empty: requests are not traced."""
    log_form: str = "text"
    """How the process logs: ``text`` for people, ``json`` for programs."""
    webhooks: str = ""
    """File of the receivers that organisations are told at; empty: none."""
    documents: str = ""
    """File of the GraphQL documents that are known beforehand, by hash; empty: none is."""
    documents_only: str = "off"
    """``on``: no GraphQL document is executed but those."""
    batch: int = 10
    """At most this many GraphQL requests in one body; 0: no batches. More than 10 counts as 10."""
    cors_origins: str = ""
    """Origins of web pages elsewhere that may ask, with spaces between; empty: none may."""
    explorer: str = "auto"
    """Whether ``/explorer`` is served: ``on``, ``off``, or ``auto``: in development only."""
    accelerator: str = AUTO
    """Whether the accelerator seals entries and handles where it is installed (``auto``), or never (``off``)."""

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

    Raises InvalidInput that names the variable: one that is unknown, or whose value is not of its form.
    """
    if named := environment.get(FILE):
        environment = {**read_settings_file(Path(named)), **environment}
    fields = {f"{PREFIX}{name.upper()}": name for name in Settings.__annotations__ if name not in _OPTIONS}
    values: dict[str, str | int] = {}
    for variable, text in environment.items():
        if not variable.startswith(PREFIX) or variable in _OTHERS or variable == FILE or variable.startswith(_TESTS):
            continue
        name = variable.removesuffix(_FILE).removeprefix(PREFIX).lower()
        if variable.endswith(_FILE) and name in _SECRETS:
            if environment.get(variable.removesuffix(_FILE)):
                message = "say the secret here or name its file, not both"
                raise InvalidInput(message, code="setting", where=variable)
            values[name] = _value(variable, name, _secret(variable, Path(text)))
            continue
        if variable not in fields:
            raise InvalidInput(f"there is no such setting; {_near(variable, fields)}", code="setting", where=variable)
        values.setdefault(fields[variable], _value(variable, fields[variable], text.strip()))
    values.update(overrides)
    return Settings(data=data, **values)  # type: ignore[arg-type]


def _secret(variable: str, path: Path) -> str:
    try:
        with path.open("rb") as file:
            content = file.read(_SECRET_BYTES + 1)
        if 0 < len(content) <= _SECRET_BYTES:
            return content.decode().strip()
    except (OSError, UnicodeDecodeError):
        pass
    message = f"no text of at most {_SECRET_BYTES} bytes can be read from the file that this names"
    raise InvalidInput(message, code="setting", where=variable)


def read_settings_file(path: Path) -> dict[str, str]:
    """The variables in a file of settings. Raises InvalidInput that says which line is none, or twice there."""
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError):
        raise InvalidInput("the file of settings can't be read", code="setting", where=str(path)) from None
    found: dict[str, str] = {}
    for number, line in enumerate(lines, 1):
        name, equals, value = (part.strip() for part in line.partition("="))
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        if not equals or not name.startswith(PREFIX) or name in found or name == FILE:
            message = "write GRAPHSVC_NAME=value, each name once"
            raise InvalidInput(message, code="setting", where=f"{path} line {number}")
        if value[:1] in {"'", '"'}:
            raise InvalidInput("write the value without quotes", code="setting", where=f"{path} line {number}")
        is_file = value and name.removeprefix(PREFIX).lower() in _FILES
        found[name] = str(path.parent.absolute() / value) if is_file else value
    return found


def check_together(settings: Settings) -> None:
    """Raise InvalidInput where one setting needs another one, before anything starts."""
    own = bool(settings.client_id)
    for wanted, variable, message in (
        (bool(settings.database) and not settings.neo4j_uri, "GRAPHSVC_NEO4J_URI",
         "a shared database needs a shared Neo4j: name it"),
        (settings.environment == "production" and not settings.issuer, "GRAPHSVC_ISSUER",
         "development identities do not run in production: name the issuer of access tokens"),
        (bool(settings.issuer) and not settings.jwks, "GRAPHSVC_JWKS", "say where the issuer's signing keys are"),
        (settings.revocation != "expiry" and not own, "GRAPHSVC_CLIENT_ID",
         "the issuer answers questions about tokens to a client: name the service's own"),
        (own and not settings.client_key and not settings.client_secret_file, "GRAPHSVC_CLIENT_KEY",
         "a client needs a key, or a secret in GRAPHSVC_CLIENT_SECRET_FILE"),
        (own and settings.environment == "production" and not settings.public_url, "GRAPHSVC_PUBLIC_URL",
         "people log in at this service: say under which address browsers reach it"),
    ):  # fmt: skip
        if wanted:
            raise InvalidInput(message, code="setting", where=variable)


def _value(variable: str, name: str, text: str) -> str | int:
    if Settings.__annotations__[name] == "int":
        if not (text.isascii() and text.isdigit() and len(text) <= _DIGITS):
            raise InvalidInput("write a whole number, without unit or sign", code="setting", where=variable)
        return int(text)
    form, message = _FORMS.get(name, (None, ""))
    if text and form is not None and not form.fullmatch(text):
        raise InvalidInput(message, code="setting", where=variable)
    return text


def _near(variable: str, known: Iterable[str]) -> str:
    near = difflib.get_close_matches(variable, known, 1)
    return f"did you mean {near[0]}?" if near else "docs/operations.md lists them"
