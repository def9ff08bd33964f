"""Acts carried by entries: whether one counts, and whether the entry says what was signed."""

from __future__ import annotations

from typing import Any

from graphsvc_verify.deeds import read_deed
from graphsvc_verify.errors import VerifyError
from graphsvc_verify.jws import read_act, verify_act
from graphsvc_verify.keychain import Keychain, Place, check_placed, once, said_of_key, signing_key
from graphsvc_verify.lines import READ
from graphsvc_verify.meaning import Said, check_said, mean, signed_facts
from graphsvc_verify.signedread import SIGNED_FACTS, check_signed_read, is_signed_read

CONTRADICTIONS = frozenset({"wrong_act", "wrong_fact", "wrong_read"})
"""The entry says something else than an act in it that holds, so it was made up. An act that does not hold is void."""


def check_carried(chain: Keychain, place: Place, raw: bytes, said: Said) -> tuple[dict[str, Any], frozenset[str]]:
    """Check an act that an entry carries; what it proves, and the names of the facts in ``said`` that follow from it.

    The first is {iss, person, via, kid, typ, jti, assurance}. Raises VerifyError: of :data:`CONTRADICTIONS`, or why the
    act does not count (``unknown_key``, ``key_not_enrolled``, ``key_revoked``, ``act_replayed``, ``bad_jws`` …).
    """
    try:
        text = raw.decode("ascii")
    except UnicodeDecodeError:
        raise VerifyError("bad_jws", "not an act") from None
    if is_signed_read(text):
        return check_signed_read(chain, place, text, said), SIGNED_FACTS
    if said.type == READ:
        # Else any act that was signed for something else would make a read look signed.
        raise VerifyError("wrong_read", "a read carries an act that is not the signed request")
    # 1. Whose key is it, does it count here, and does the signature hold?
    act = read_act(text)
    iss = str(act.payload.get("iss"))
    key = signing_key(chain, iss, act.kid, place.index)
    check_placed(act, place)
    verify_act(text, key.event.public, act.typ)
    # 2. What was decided, and does the entry say so (meaning)?
    deed = read_deed(act, text, key.event.person, key.event.roles)
    meaning = mean(deed)
    check_said(said, deed, meaning)
    # 3. Once for ever.
    once(chain.acts, act.payload)
    derived = frozenset(
        name for owner, facts in said.sections.items() for name in signed_facts(facts, deed, meaning, owner)
    )
    return said_of_key(key, {"iss": iss, "kid": act.kid, "typ": act.typ, "jti": act.payload["jti"]}), derived
