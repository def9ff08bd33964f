"""Signed acts, made where the signing key is: a decision of a person, as the ledger will keep it."""

from __future__ import annotations

import secrets
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from graphsvc.client.keys import SigningKey
from graphsvc.model.errors import InvalidInput
from graphsvc.model.times import written
from graphsvc_verify.canonical import digest, encode

if TYPE_CHECKING:
    from graphsvc.client.service import Client

VALID = timedelta(hours=1)
HEAD = "{ cases { reference } }"
"""A question that anyone may ask: its receipt tells where the ledger stands."""

_REQUEST = """id kind asker holder state overdue index lastIndex askedAt deadline until urgency purpose legalBasis case
  groups identifiers { kind key } records justification question reason reminders answeredBy
  grant { id state owner grantee case purpose legalBasis groups uses conditions until records index revokedIndex }"""
_VERSION = """object part state returns version base note missing index since until
  proposer { org person index } approvals { org person index }"""
_GROUP = "id founder purpose rulebook foundedAt state members { org state until }"

MUTATIONS = {
    "disclosure-request": ("requestDisclosure", _REQUEST),
    "disclosure-decision": ("decideDisclosure", _REQUEST),
    "disclosure-answer": ("answerQuestion", _REQUEST),
    "request-remind": ("remindRequest", _REQUEST),
    "request-withdraw": ("withdrawRequest", _REQUEST),
    "grant-revoke": ("revokeGrant", _REQUEST),
    "preservation-request": ("requestPreservation", _REQUEST),
    "preservation-acknowledge": ("acknowledgePreservation", _REQUEST),
    "preservation-extend": ("extendPreservation", _REQUEST),
    "preservation-lift": ("liftPreservation", _REQUEST),
    "production-request": ("requestProduction", _REQUEST),
    "group-create": ("createGroup", _GROUP),
    "group-invite": ("inviteToGroup", _GROUP),
    "group-accept": ("acceptInvitation", _GROUP),
    "group-leave": ("leaveGroup", _GROUP),
    "group-remove": ("removeFromGroup", _GROUP),
    "records-share": ("shareRecords", "index group records"),
    "records-unshare": ("unshareRecords", "index group records"),
    "recall": ("recall", "index records organisations"),
    "recall-ack": ("acknowledgeRecall", "index notice outcome"),
    "hold": ("hold", "index records case"),
    "release": ("release", "index records case"),
    "erase": ("erase", "index records organisations"),
    "update-organisation": ("updateOrganisation", "index org name contact"),
    "policy-propose": ("proposePolicy", _VERSION),
    "policy-approve": ("approvePolicy", _VERSION),
    "policy-rollback": ("rollBackPolicy", _VERSION),
}
"""By kind of act: the mutation that takes it, and what is asked of the answer."""

REQUESTS = f"""query($role: Role!, $state: String, $first: Int!, $before: Int) {{
  disclosureRequests(role: $role, state: $state, first: $first, before: $before) {{ {_REQUEST} }} }}"""
PRESERVATIONS = REQUESTS.replace("disclosureRequests", "preservationRequests")
REQUEST = f"""query($id: ID!) {{
  disclosureRequest(id: $id) {{
    request {{ {_REQUEST} }} history {{ index at action org person text }} truncated
    records {{
      handle submission row groups handling {{ scheme code }}
      entities {{ handle kind key records {{ handle owner attributes {{ name group value }} }} }} }} }} }}"""
GRANTS = """query($role: Role!, $first: Int!, $before: Int) {
  grants(role: $role, first: $first, before: $before) {
    id request owner grantee state case purpose legalBasis groups uses conditions until records index revokedIndex
  } }"""
VERSIONS = f"""query($part: String, $first: Int!) {{
  policyVersions(part: $part, first: $first) {{ {_VERSION} body files {{ name text }} }} }}"""
WHY = """query($record: ID, $submission: Int, $row: Int, $reader: ReaderInput) {
  explainAccess(record: $record, submission: $submission, row: $row, reader: $reader) {
    policy owner actions { action allowed allowedByRules rule rules { id file } invariant } } }"""
GROUPS = f"{{ sharingGroups {{ {_GROUP} }} }}"


def sign_act(
    key: SigningKey, place: tuple[str, str], kind: str, sub: str, body: dict[str, Any], after: int, *,
    valid: timedelta = VALID,
) -> str:  # fmt: skip
    """A compact JWS by which the holder of ``key`` decides ``kind`` (as ``recall``) about ``sub``.

    ``place`` is the log's origin and the signer's organisation; ``after`` the last ledger index that the signer has
    seen: the service refuses the act if what it decides on has changed since.
    """
    return key.sign_act(f"graphsvc-{kind}+jws", act_payload(place, sub, ("body", body), after, valid))


def act_payload(
    place: tuple[str, str], sub: str, said: tuple[str, dict[str, Any]], after: int, valid: timedelta
) -> dict[str, Any]:
    """What an act's signature covers; ``said`` is what it says, with the name of the member that holds it."""
    now = datetime.now(UTC)
    return {
        "v": 1,
        "aud": place[0],
        "iss": place[1],
        "sub": sub,
        "jti": secrets.token_urlsafe(18),
        "iat": written(now),
        "exp": written(now + valid),
        "object": digest(encode(said[1])),
        "after": after,
        said[0]: said[1],
    }


def carry_out(client: Client, kind: str, compact: str) -> dict[str, Any]:
    """Hand a signed act in; what it made. Raises Refused, Unreachable, VerifyError when its receipt does not hold.

    An unknown ``kind`` is an InvalidInput.
    """
    if kind not in MUTATIONS:
        raise InvalidInput(f"kinds are: {', '.join(MUTATIONS)}", code="unknown_kind", where="kind")
    field, selection = MUTATIONS[kind]
    document = f"mutation($act: String!) {{ {field}(act: $act) {{ {selection} }} }}"
    made: dict[str, Any] = client.query(document, {"act": compact}).data[field]
    return made


def head_of(client: Client) -> int:
    """The last ledger index that the caller can know of: that of a question asked now."""
    return client.query(HEAD).proof.index
