# ruff: noqa: E501 - lines of files, as they are
"""Layouts of single operators and registers: lines as their published files have them, their titles and traps."""

from __future__ import annotations

from pathlib import Path

import pytest

from graphsvc.client.convert import Converted, Input, convert, ready_mapping
from graphsvc.model.drafts import Defaults
from graphsvc.model.labels import Handling
from graphsvc.model.principals import Organisation
from graphsvc.model.schema import load_schema

SCHEMA = load_schema()
POLICE = Organisation("police-in", "police", "IN", "Police")
DEFAULTS = Defaults(handling=Handling("tlp-2.0", "AMBER"), legal_basis="statutory-duty")
AIRTEL = """BHARTI AIRTEL LIMITED

PAN India

Call Details of Mobile No '9714499703' from '01-Jun-2025' to '05-Jun-2026'

Target No,Call Type,TOC,B Party No,LRN No,LRN TSP-LSA,Date,Time,Dur(s),First CGI Lat/Long,First CGI,SMSC No,Service Type,IMEI,IMSI,Call Fow No
'9714499703',SMT,Post,'AD-Airtel-S',,-,'15/04/2026',08:26:10,0,21.29669/72.8915,404-98-8331,'919892341012',SMS,'490154203237510','404980531580367',-
'9714499703',OUT,Post,'8128778750',4106,VODA-GJ,'15/04/2026',09:42:17,41,21.29327/72.88987,404-98-8331,,Voice,'490154203237518','404980531580367',-
'9714499703',IN,Post,'8128778750',4106,VODA-GJ,'05/04/2026',23:42:17,7,21.29327/72.88987,404-98-8331,,Voice,'490154203237518','404980531580367',-
"""
VI = """VODAFONE IDEA CALL DATA RECORDS
MSISDN : - 8980261614
Report Type :- ALLINDIA Report
--------------------------------------------------------------------------------
Target /A PARTY NUMBER,CALL_TYPE,Type of Connection,B PARTY NUMBER,LRN- B Party Number,Call date,Call Initiation Time,Call Duration,Service Type,IMEI,IMSI,In TG ,Out TG
--------------------------------------------------------------------------------
08980261614,Incoming,POSTPAID,06352663530,4106,01-02-2026,10:08:37,26,Voice,490154203237510,404051650035282,MTB,BSCRJ8O
08980261614,Outgoing,PREPAID,09772303390,3099,01-02-2026,11:00:00,1,SMS,8.68964E+14,404051650035282,-,-
"""
JIO = """Ticket Number :,LEA00000000000000000001
Input Value (MSISDN/B PARTY/IMEI/IMSI/CELL ID) :,'919877535365'
Total Records :,2
Calling Party Telephone Number,Called Party Telephone Number,Call Forwarding,LRN Called No,Call Date,Call Time,Call Termination Time,Call Duration,First Cell ID,Last Cell ID,Call Type,SMS Center Number,IMEI,IMSI,Roaming Circle Name
'JP-JioPay-S','919877535365','-','-','01/02/2026','01:11:49','01:11:49','0','40585703AD319','40585703AD319','A2P_SMSIN','917019075010','490154203237518','405857032190100','JIO-PB'
'919877535365','918264264964','-','4106','01/02/2026','10:15:30','10:16:15','45','40585703AD319','40585703AD323','a_out','-','490154203237518','405857032190100','JIO-PB'
"""
LEMIS = """control_number,species_code,genus,species,description,quantity,unit,country_origin,purpose,source,action,disposition,disposition_date,shipment_date,import_export,port
2009001,LOXA,Loxodonta,africana,IVC,3,NO,ZW,P,W,R,S,2009-03-02,2009-02-28,I,MI
2009001,LOXA,Loxodonta,africana,IVP,1.5,KG,XX,P,W,R,S,2009-03-02,2009-02-28,I,MI
2009002,PYTR,Python,regius,LIV,120,NO,GH,T,R,C,C,2009-03-03,2009-03-01,I,LA
2009003,UNKN,NA,NA,JWL,1,NO,NA,P,W,R,S,2009-03-04,2009-03-01,I,NY
"""
HANDSET, TARGET = "device:imei:490154203237518", "phone:e164:+919714499703"


def made(folder: Path, name: str, text: str) -> Converted:
    (folder / "t.csv").write_text(text, encoding="utf-8")
    return convert(Input(folder / "t.csv", ready_mapping(name), DEFAULTS, POLICE), SCHEMA)


def contacts(found: Converted) -> list[tuple[str, str, str, str | None]]:
    return [
        (draft.entities[link.source].key, draft.entities[link.target].key, link.attributes["operational"]["channel"], link.since)
        for draft in found.drafts
        for link in draft.links
        if link.kind == "CONTACTED"
    ]  # fmt: skip


def test_airtel(tmp_path: Path) -> None:
    found = made(tmp_path, "cdr-airtel", AIRTEL)
    other = "phone:e164:+918128778750"
    assert contacts(found) == [
        (TARGET, other, "call", "2026-04-15T04:12:17Z"), (other, TARGET, "call", "2026-04-05T18:12:17Z"),
    ]  # fmt: skip
    assert (found.accepted, found.rejected) == (3, 0), "who sends under a name is kept and not linked"
    assert [one.code for one in found.unlinked] == ["invalid_phone"]
    uses = {
        (draft.entities[link.source].key, draft.entities[link.target].key)
        for draft in found.drafts
        for link in draft.links
        if link.kind == "USES"
    }
    assert (HANDSET, TARGET) in uses and (HANDSET, other) not in uses


def test_vodafone_idea(tmp_path: Path) -> None:
    found = made(tmp_path, "cdr-vodafone-idea", VI)
    target = "phone:e164:+918980261614"
    assert contacts(found) == [
        ("phone:e164:+916352663530", target, "call", "2026-02-01T04:38:37Z"),
        (target, "phone:e164:+919772303390", "sms", "2026-02-01T05:30:00Z"),
    ]  # fmt: skip
    assert "digits_lost" in [one.code for one in found.unlinked], "what a spreadsheet cut is no key"


def test_jio(tmp_path: Path) -> None:
    found = made(tmp_path, "cdr-jio", JIO)
    assert contacts(found) == [("phone:e164:+919877535365", "phone:e164:+918264264964", "call", "2026-02-01T04:45:30Z")]
    used = [draft.entities[link.target].key for draft in found.drafts for link in draft.links
            if link.kind == "USES" and draft.entities[link.source].key == HANDSET]  # fmt: skip
    assert used.count("phone:e164:+919877535365") == 2, "of both rows the target's"


def test_lemis_reads_what_was_seized(tmp_path: Path) -> None:
    found = made(tmp_path, "lemis", LEMIS)
    assert [[one.key for one in draft.entities] for draft in found.drafts] == [
        ["seizure:police-in:2009001", "specimen:police-in:2009001/2", "taxon:name:Loxodonta africana"],
        ["seizure:police-in:2009001", "specimen:police-in:2009001/3", "taxon:name:Loxodonta africana"],
        ["seizure:police-in:2009003", "specimen:police-in:2009003/5"],
    ]  # fmt: skip
    first = found.drafts[0].entities
    assert first[0].attributes["operational"]["seizedOn"] == "2009-03-02" and first[0].attributes["content"] == {
        "origin": "ZW"
    }
    assert first[1].attributes["content"]["unit"] == "no." and first[1].attributes["content"]["quantity"] == "3"


@pytest.mark.parametrize(("name", "text"), [("cdr-airtel", VI), ("cdr-jio", AIRTEL), ("lemis", JIO)])
def test_another_s_layout_is_refused(tmp_path: Path, name: str, text: str) -> None:
    from graphsvc.model.errors import InvalidInput

    with pytest.raises(InvalidInput) as caught:
        made(tmp_path, name, text)
    assert caught.value.code == "missing_column"
