"""The mappings that come with the product, each on a small table of its kind."""

from __future__ import annotations

from pathlib import Path

import pytest

from graphsvc.client.convert import Converted, Input, convert, ready_mapping
from graphsvc.model.drafts import Defaults
from graphsvc.model.labels import Handling
from graphsvc.model.principals import Organisation
from graphsvc.model.schema import load_schema

SCHEMA = load_schema()
CUSTOMS = Organisation("customs-cn", "customs", "CN", "Customs")
DEFAULTS = Defaults(handling=Handling("tlp-2.0", "GREEN"), legal_basis="statutory-duty", region="KE")
TABLES = {
    "cites-illegal-trade": (
        "CITES annual illegal trade report;;;;;;;;;;\n"
        "Species;Description of specimen;Quantity;Unit;Date;Location of incident;Detecting agency;Method of detection;"
        "Mode of transport;Country(ies) of transit;Alleged final destination\n"
        "Loxodonta africana;tusks;1,204.5;kg;2024-05-01;Mombasa;KWS;X-ray;Sea;UG, TZ;Viet Nam\n"
        ";;;;;;;;;;\n"
        "Manis javanica;scales;12;kg;2024;Port Klang;;;Air;-;-\n",
        [["seizure:customs-cn:2024-05-01 3", "specimen:customs-cn:2024-05-01 3", "taxon:name:Loxodonta africana"],
         ["seizure:customs-cn:2024 5", "specimen:customs-cn:2024 5", "taxon:name:Manis javanica"]],
        4, 0,
    ),
    "cites-trade-table": (
        "Year,App.,Taxon,Class,Order,Family,Genus,Importer,Exporter,Origin,Importer reported quantity,"
        "Exporter reported quantity,Term,Unit,Purpose,Source\n"
        "2022,II,Python regius,Reptilia,Serpentes,Pythonidae,Python,US,GH,,100,110,live,,T,R\n",
        [["specimen:customs-cn:2022 Python regius US GH 2", "taxon:name:Python regius"]],
        0, 0,
    ),
    "call-records": (
        "caller;called;started_at;seconds;kind;imei;imsi\n"
        "0712345678;+254 722 345678;2025-03-01 22:14:05;65;MOC;49015420323751;639020123456789\n"
        "0712345678;12345;2025-03-01 22:20:00;5;SMS;;\n",
        [["phone:e164:+254712345678", "phone:e164:+254722345678", "device:imei:490154203237518",
          "device:imsi:639020123456789"],
         ["phone:e164:+254712345678"]],
        4, 1,
    ),
    "money-transfers": (
        "provider,sender_account,receiver_account,amount,currency,paid_at,sender_phone,reference\n"
        'mpesa,A1,B2,"1,500.00",KES,2025-03-01 22:14:05,0712345678,goods\n',
        [["paymentaccount:app:mpesa/A1", "paymentaccount:app:mpesa/B2", "phone:e164:+254712345678"]],
        2, 0,
    ),
    "seizures": (
        "seizure_no,seized_on,country,description,species,quantity,unit,courier,waybill,container,phone\n"
        "S-1,2025-03-01,KE,tusks,Loxodonta africana,3,pcs,,,CSQU3054383,0712345678 / 0722345678\n",
        [["seizure:customs-cn:S-1", "specimen:customs-cn:S-1/2", "taxon:name:Loxodonta africana",
          "container:iso6346:CSQU3054383", "phone:e164:+254712345678", "phone:e164:+254722345678"]],
        5, 0,
    ),
    "chat-messages": (
        "platform,chat_id,chat_name,sender_id,sender_name,sent_at,text\n"
        "wechat,g1,老店,w1,Li,2025-03-01 22:14:05,象牙\n",
        [["account:wechat:w1", "account:wechat:g1"]],
        1, 0,
    ),
}  # fmt: skip


def made(tmp_path: Path, name: str, text: str) -> Converted:
    (tmp_path / "t.csv").write_text(text, encoding="utf-8")
    return convert(Input(tmp_path / "t.csv", ready_mapping(name), DEFAULTS, CUSTOMS), SCHEMA)


@pytest.mark.parametrize("name", sorted(TABLES))
def test_a_ready_mapping_reads_its_table(tmp_path: Path, name: str) -> None:
    text, keys, links, unlinked = TABLES[name]
    found = made(tmp_path, name, text)
    assert [[entity.key for entity in draft.entities] for draft in found.drafts] == keys
    assert (found.rejected, found.links, len([one for one in found.unlinked if "/key" in one.pointer])) == (
        0, links, unlinked,
    )  # fmt: skip


def test_what_the_report_says_of_a_seizure(tmp_path: Path) -> None:
    found = made(tmp_path, "cites-illegal-trade", TABLES["cites-illegal-trade"][0])
    seizure = found.drafts[0].entities[0].attributes
    assert seizure["operational"] == {
        "seizedOn": "2024-05-01", "place": "Mombasa", "agency": "KWS", "method": "x-ray", "transport": "maritime",
    }  # fmt: skip
    assert seizure["content"] == {"transit": ["UG", "TZ"], "destination": "VN"}
    assert found.drafts[0].links[0].attributes["content"] == {"quantity": "1204.5", "unit": "kg"}
