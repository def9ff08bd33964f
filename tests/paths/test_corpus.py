"""The kept corpus: requests that once were answered wrongly, or show a form of request, are sent in every run.

``make soak`` adds what it finds to ``corpus.jsonl``. The description of the routes has each of them.
"""

from __future__ import annotations

from graphsvc.demo.company import Members
from graphsvc.local.run import LocalService
from tests.paths.corpus import BUSY, kept, sent
from tests.paths.described import description
from tests.paths.test_hostile import FEED, works

KEPT = kept()


def test_every_route_is_described(local_service: LocalService) -> None:
    assert local_service.parts is not None
    described = description(local_service.parts.app.router.routes)
    methods = [(method, path) for path, said in described["paths"].items() for method in said]
    assert ("post", "/v1/submissions") in methods and ("patch", "/v1/uploads/{name}") in methods
    assert {one.target.partition("?")[0].split("/")[2] for one in KEPT} <= {path.split("/")[2] for _, path in methods}


def test_kept_requests_are_no_faults(local_service: LocalService, members: Members) -> None:
    for token in (members.token(FEED), members.token("operator.operator"), ""):
        for one in KEPT:
            answer = sent(local_service.url, token, one)
            assert answer.status in BUSY or answer.status < 500, (one, answer)
            assert b'"internal"' not in answer.body
    works(local_service, members)
