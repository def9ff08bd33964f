"""Evidence over HTTP, checked against pinned keys and one older checkpoint."""

from __future__ import annotations

from dataclasses import replace

import pytest

from graphsvc.app import LocalService
from graphsvc.client import Client
from graphsvc.local.company import Members
from graphsvc_verify.errors import VerifyError
from graphsvc_verify.evidence import check_evidence
from graphsvc_verify.note import verify_checkpoint

CASES = "{ cases { reference } }"


def test_evidence_proves_that_the_log_has_grown_from_a_pinned_checkpoint(
    local_service: LocalService, members: Members
) -> None:
    plain = members.trust()
    pinned = verify_checkpoint(members.client("pasar.officer").checkpoint(), plain.log)
    members.client("police-ke.investigator").query(CASES)
    trust = replace(plain, checkpoint=pinned)
    with Client(local_service.url, lambda: members.token("pasar.officer"), trust) as officer:
        evidence = officer.evidence(key=members.by_name["pasar"].recipient)
    report = check_evidence(evidence, trust)
    assert report.checkpoint.size > pinned.size
    with pytest.raises(VerifyError):
        check_evidence(evidence, replace(plain, checkpoint=replace(pinned, root=bytes(32))))
