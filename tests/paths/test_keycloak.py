"""A service set up by docs/production.md alone, with a real Keycloak: machines, people, new keys, who is shut out."""

from __future__ import annotations

import html
import json
import re
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx2
import pytest

from graphsvc.client import BoundCredentials, ClientCredentials
from graphsvc.graph.driver import Graph
from graphsvc.local.neo4j import Neo4jChild
from graphsvc.model.jwkfiles import read_jwk
from graphsvc_verify.canonical import unb64u
from tests.databases import free_port
from tests.keycloak import Keycloak, home, keycloak
from tests.paths.pages import File, Step, Terminal, parts
from tests.paths.process import until

PAGE = "docs/production.md"
FIRST_PASSWORD, PASSWORD = "given-out-1", "her-own-2"


@dataclass
class Setup:
    """A service that the page has set up: ``url``, and the folder in which its commands were typed."""

    keycloak: Keycloak
    url: str
    folder: Path
    processes: list[subprocess.Popen[str]] = field(default_factory=list)

    @property
    def token_endpoint(self) -> str:
        return f"{self.keycloak.url}/realms/graphsvc/protocol/openid-connect/token"

    def credentials(self, kind: type[ClientCredentials] = BoundCredentials) -> Any:
        return kind(self.token_endpoint, "harbour.desk", key=read_jwk(self.folder / "harbour" / "client.jwk"))


@pytest.fixture(scope="module")
def setup(neo4j_server: Neo4jChild, graph_session: Graph, wipe: Callable[[Graph], None],
          tmp_path_factory: pytest.TempPathFactory) -> Iterator[Setup]:  # fmt: skip
    """The page, followed to its end on the session's Neo4j."""
    folder = tmp_path_factory.mktemp("production")
    with keycloak(folder) as provider:
        wipe(graph_session)
        setup = Setup(provider, f"http://127.0.0.1:{free_port()}", folder / "here")
        setup.folder.mkdir()
        user, password = neo4j_server.auth
        neo4j = {"URI": neo4j_server.uri, "USER": user, "PASSWORD": password}
        said = {f"GRAPHSVC_NEO4J_{name}": value for name, value in neo4j.items()}
        said |= {"ADMIN_PASSWORD": provider.password, "FIRST_PASSWORD": FIRST_PASSWORD}
        try:
            _follow(setup, folder, said)
            yield setup
        finally:
            for process in setup.processes:
                process.terminate()
                assert process.wait(90) == 0


def _follow(setup: Setup, folder: Path, variables: Mapping[str, str]) -> None:
    around = {
        "https://graph.example.org": setup.url,
        "https://login.example.org": setup.keycloak.url,
        "0.0.0.0": "127.0.0.1",
        "8443": setup.url.rpartition(":")[2],
        "kcadm.sh ": f"{home() / 'bin' / 'kcadm.sh'} ",
    }
    terminal = Terminal(setup.folder, folder / "aside", variables)
    steps = parts(PAGE, around)
    assert len(steps) > 10
    for step in steps:
        if isinstance(step, File):
            terminal.write(step)
        elif step.command.startswith("graphsvc up "):
            _start(setup, terminal, step)
        else:
            terminal.follow(step)


def _start(setup: Setup, terminal: Terminal, step: Step) -> None:
    """What serves until it is stopped runs beside the terminal, in its environment."""
    command = f". {terminal.state}\nexec {step.command}"
    with (setup.folder / "up.log").open("w") as log:
        process = subprocess.Popen(
            ["/bin/sh", "-c", command], cwd=setup.folder, env=terminal.variables, stdout=log, stderr=log, text=True,
            stdin=subprocess.DEVNULL,
        )  # fmt: skip
    setup.processes.append(process)
    until(lambda: _answers(setup.url) or process.poll() is not None, "the service does not start", 240)
    assert process.poll() is None, (setup.folder / "up.log").read_text()


def _answers(url: str) -> bool:
    try:
        return httpx2.get(f"{url}/health/live", timeout=5).status_code == 200
    except httpx2.HTTPError:
        return False


class Browser:
    """What a browser does of it: cookies by host, forms, redirects; each step of a login can be looked at."""

    def __init__(self) -> None:
        self.jars: dict[str, dict[str, str]] = {}

    def send(self, method: str, url: str, **options: Any) -> httpx2.Response:
        jar = self.jars.setdefault(urlsplit(url).netloc, {})
        headers = {"cookie": "; ".join(f"{name}={value}" for name, value in jar.items()), **options.pop("headers", {})}
        response = httpx2.request(method, url, headers=headers, timeout=60, **options)
        for line in response.headers.get_list("set-cookie"):
            name, _, value = line.partition(";")[0].partition("=")
            jar[name] = value.strip('"')
            if not jar[name] or "max-age=0" in line.lower():
                del jar[name]
        return response

    def form(self, page: httpx2.Response, **values: str) -> httpx2.Response:
        """Fill in the page's only form and send it."""
        found = re.search(r'<form[^>]*action="([^"]+)"', page.text)
        assert found, page.text[:2000]
        return self.send("POST", html.unescape(found[1]), data=values)

    def log_in(self, service: str, person: str, *passwords: str) -> httpx2.Response:
        """Log in at a service; the page on which that ends. A second password is chosen where one is asked for."""
        begun = self.send("GET", f"{service}/session/login?return=/health/live")
        assert begun.status_code == 303, begun.text
        page = self.send("GET", begun.headers["location"])
        page = self.form(page, username=person, password=passwords[0], credentialId="")
        while page.status_code in {302, 303} and not page.headers["location"].startswith(service):
            page = self.send("GET", page.headers["location"])
        if page.status_code == 200:
            page = self.form(page, **{"password-new": passwords[1], "password-confirm": passwords[1]})
        while page.status_code in {302, 303}:
            page = self.send("GET", page.headers["location"])
        return page


def _ask(setup: Setup, browser: Browser, **headers: str) -> httpx2.Response:
    body = {"query": "{ __typename }"}
    return browser.send("POST", f"{setup.url}/graphql", json=body, headers={"origin": setup.url, **headers})


def test_a_machine_proves_who_it_is_and_its_stolen_token_is_worth_nothing(setup: Setup) -> None:
    machine = setup.credentials()
    token, path = machine(), f"{setup.url}/graphql"
    body = {"query": "{ __typename }"}
    proof = machine.proof("POST", path, token)
    good = httpx2.post(path, json=body, headers={"authorization": f"DPoP {token}", "dpop": proof})
    assert good.status_code == 200 and "errors" not in good.json(), good.text
    again = httpx2.post(path, json=body, headers={"authorization": f"DPoP {token}", "dpop": proof})
    assert again.status_code == 401 and again.json()["errors"][0]["extensions"]["code"] == "invalid_dpop_proof"
    bare = httpx2.post(path, json=body, headers={"authorization": f"Bearer {token}"})
    assert bare.status_code == 401 and bare.json()["errors"][0]["extensions"]["code"] == "invalid_token"
    other = setup.credentials()
    by_another = {"authorization": f"DPoP {token}", "dpop": other.proof("POST", path, token)}
    assert httpx2.post(path, json=body, headers=by_another).status_code == 401
    with pytest.raises(Exception, match="gave no token"):
        setup.credentials(ClientCredentials)()


def test_a_person_logs_in_and_her_browser_never_gets_a_token(setup: Setup) -> None:
    browser = Browser()
    page = browser.log_in(setup.url, "amina", FIRST_PASSWORD, PASSWORD)
    assert page.status_code == 200 and "Logged in" in page.text, page.text
    state = browser.send("GET", f"{setup.url}/session").json()
    assert (state["org"], state["roles"]) == ("harbour", ["investigator"])
    assert _ask(setup, browser, **{"graphsvc-csrf": state["csrf"]}).status_code == 200
    assert _ask(setup, browser).status_code == 403, "without the guard"
    assert _ask(setup, browser, **{"graphsvc-csrf": state["csrf"], "origin": "https://evil.example"}).status_code == 403
    seen = page.text + json.dumps(state) + json.dumps(browser.jars[urlsplit(setup.url).netloc])
    assert "eyJ" not in seen, "a token is in what the browser has"
    ended = browser.send("POST", f"{setup.url}/session/logout", headers={"graphsvc-csrf": state["csrf"]})
    assert ended.status_code == 204
    assert browser.send("GET", f"{setup.url}/session").status_code == 401


def test_a_new_key_counts_at_once_and_the_old_one_until_it_is_withdrawn(setup: Setup) -> None:
    def asked() -> tuple[int, str]:
        machine = setup.credentials()
        token, path = machine(), f"{setup.url}/graphql"
        kid = json.loads(unb64u(token.partition(".")[0]))["kid"]
        while True:
            headers = {"authorization": f"DPoP {token}", "dpop": machine.proof("POST", path, token)}
            answer = httpx2.post(path, json={"query": "{ __typename }"}, headers=headers, timeout=60)
            if answer.status_code != 503:
                return answer.status_code, kid
            # Keys were fetched a moment ago: nobody is called a liar for that.
            time.sleep(int(answer.headers["retry-after"]))

    status, before = asked()
    assert status == 200
    realm = setup.keycloak.admin("GET", "/graphsvc").json()["id"]
    key = {"name": "next", "providerId": "ecdsa-generated", "providerType": "org.keycloak.keys.KeyProvider",
           "parentId": realm, "config": {"priority": ["200"], "enabled": ["true"], "active": ["true"],
                                         "ecdsaEllipticCurveKey": ["P-256"]}}  # fmt: skip
    setup.keycloak.admin("POST", "/graphsvc/components", json=key)
    answered = [asked() for _ in range(3)]
    assert {kid for _, kid in answered} - {before} and {status for status, _ in answered} == {200}


def test_a_person_who_is_shut_out_is_refused_within_a_minute(setup: Setup) -> None:
    browser = Browser()
    page = browser.log_in(setup.url, "amina", PASSWORD if "own" in _used(setup) else FIRST_PASSWORD, PASSWORD)
    assert "Logged in" in page.text, page.text
    guard = {"graphsvc-csrf": browser.send("GET", f"{setup.url}/session").json()["csrf"]}
    assert _ask(setup, browser, **guard).status_code == 200
    person = setup.keycloak.admin("GET", "/graphsvc/users", params={"username": "amina"}).json()[0]
    setup.keycloak.admin("PUT", f"/graphsvc/users/{person['id']}", json={**person, "enabled": False})
    shut = time.monotonic()
    try:
        until(lambda: _ask(setup, browser, **guard).status_code == 401 or time.sleep(1), "she is still let in", 60)
    finally:
        setup.keycloak.admin("PUT", f"/graphsvc/users/{person['id']}", json={**person, "enabled": True})
    assert time.monotonic() - shut < 60
    assert _ask(setup, browser, **guard).status_code == 401, "the session has ended for good"


def _used(setup: Setup) -> str:
    """Whether the person has chosen a password of her own."""
    person = setup.keycloak.admin("GET", "/graphsvc/users", params={"username": "amina"}).json()[0]
    return "first" if person.get("requiredActions") else "own"
