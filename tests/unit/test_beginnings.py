"""How identifiers begin: what is written is brought near to canonical keys, and every key is found by its lead."""

from __future__ import annotations

from collections.abc import Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st

from graphsvc.model.beginnings import LEADS, Beginning, beginning_of, lead_of
from graphsvc.model.errors import InvalidQuery
from graphsvc.model.schema import load_schema

SCHEMA = load_schema()


def of(kind: str, parts: Mapping[str, str]) -> Beginning:
    return beginning_of(SCHEMA, kind, parts, "police-ke")


@pytest.mark.parametrize(
    ("kind", "parts", "whole"),
    [
        ("Phone", {"value": "00254 710-00"}, "phone:e164:+254710000001"),
        ("Phone", {"value": "＋２５４ (71) 00"}, "phone:e164:+254710000001"),
        ("Account", {"site": "Pasar", "id": "u3143"}, "account:pasar:u3143470"),
        ("Parcel", {"courier": "swiftline", "waybill": "swf 12"}, "parcel:swiftline:SWF123456"),
        ("Vehicle", {"country": "KE", "plate": "kda 12"}, "vehicle:ke:KDA123X"),
        ("PaymentAccount", {"iban": "gb82 west"}, "paymentaccount:iban:GB82WEST12345698765432"),
        ("Organisation", {"country": "KE", "number": "PVT-9"}, "organisation:register:KE/PVT-9XY"),
        ("Case", {"ref": "KE-2026"}, "case:police-ke:KE-2026-17"),
    ],
)
def test_a_beginning_is_one_of_the_key(kind: str, parts: Mapping[str, str], whole: str) -> None:
    found = of(kind, parts)
    assert any(whole.startswith(key) for key in found.keys) and lead_of(whole) in found.leads


@given(st.sampled_from(["phone:e164:", "account:x:", "person:org:"]), st.text(min_size=1), st.integers(8, 30))
def test_a_key_and_its_beginnings_have_one_lead(head: str, rest: str, size: int) -> None:
    key = head + rest
    begins = key[: len(head) + size]
    assert key.startswith(lead_of(key)) and lead_of(begins) == lead_of(key)


@pytest.mark.parametrize(
    ("kind", "parts", "code"),
    [
        ("Phone", {"value": "+25471"}, "too_short"),
        ("Phone", {"value": "0710000001"}, "bad_phone"),
        ("Phone", {"value": "+2547100*"}, "bad_phone"),
        ("Account", {"site": "pasar", "id": "u314"}, "too_short"),
        ("Account", {"site": "pasar", "id": "  u1   "}, "too_short"),
        ("Account", {"site": "pasar", "id": "x" * 101}, "out_of_range"),
        ("Account", {"url": "https://pasar.example/u"}, "no_beginning"),
        ("Account", {"id": "u31434"}, "no_beginning"),
        ("Fone", {"value": "+2547100"}, "unknown_kind"),
    ],
)
def test_what_is_no_beginning_says_why(kind: str, parts: Mapping[str, str], code: str) -> None:
    with pytest.raises(InvalidQuery) as caught:
        of(kind, parts)
    assert caught.value.code == code and "7100" not in caught.value.message


def test_kinds_with_longer_leads_exist() -> None:
    assert LEADS.keys() <= SCHEMA.kinds.keys()
