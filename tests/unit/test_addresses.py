"""Addresses of profiles and adverts: at least 500 of profiles are read right, and a page of a site is no profile."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from graphsvc.model.scalars import CleanContext, ValueProblem
from graphsvc.model.schema import load_schema

SCHEMA = load_schema()
CONTEXT = CleanContext("CN", "pasar")
TABLES = Path(__file__).parent.parent / "tables"
NAMES = ("ivoryshop", "li2wei", "shop7days")


def lines(name: str) -> list[list[str]]:
    text = (TABLES / name).read_text(encoding="utf-8")
    return [line.split("\t") for line in text.splitlines() if line and not line.startswith("#")]


def written(address: str) -> Iterator[str]:
    """The ways in which people copy one address."""
    yield address
    yield address.replace("https://", "http://", 1)
    yield address.removeprefix("https://")
    yield f" {address}{'' if '?' in address or address.endswith('/') else '/'} "
    mark = "&" if "?" in address else "?"
    yield f"{address}{mark}utm_source=share&fbclid=abc#top"
    scheme, rest = address.split("://")
    host, slash, path = rest.partition("/")
    yield f"{scheme.upper()}://{host.upper()}{slash}{path}"


def profiles() -> list[tuple[str, str]]:
    rows = []
    for address, right in lines("profiles.tsv"):
        for name in NAMES if "NAME" in address else ("",):
            rows += [(one, right.replace("NAME", name)) for one in written(address.replace("NAME", name))]
    return rows


def test_profiles_are_read_right() -> None:
    rows = profiles()
    assert len({address for address, _ in rows}) >= 500 and len({right.split(":")[0] for _, right in rows}) >= 60
    wrong = [(address, right, found) for address, right in rows if (found := profile(address)) != right]
    assert not wrong, wrong[:10]


def profile(address: str) -> str | None:
    try:
        return str(SCHEMA.clean("profile-url", address, CONTEXT))
    except ValueProblem:
        return None


@pytest.mark.parametrize("address", [row[0] for row in lines("pages.tsv")])
def test_a_page_of_a_site_is_no_profile(address: str) -> None:
    assert profile(address) is None


@pytest.mark.parametrize(
    ("address", "right"),
    [
        ("https://item.taobao.com/item.htm?spm=a.1&id=778899&ns=1", "taobao:778899"),
        ("https://h5.m.taobao.com/awp/core/detail.htm?id=778899", "taobao:778899"),
        ("https://detail.tmall.com/item.htm?id=778899&skuId=1", "tmall:778899"),
        ("https://www.goofish.com/item?id=778899", "xianyu:778899"),
        ("https://item.jd.com/100012345678.html", "jd:100012345678"),
        ("https://item.m.jd.com/product/100012345678.html", "jd:100012345678"),
        ("https://mobile.yangkeduo.com/goods.html?goods_id=123456", "pinduoduo:123456"),
        ("https://detail.1688.com/offer/612345678901.html", "1688:612345678901"),
        ("https://www.alibaba.com/product-detail/Some-Thing_1600123456789.html", "alibaba:1600123456789"),
        ("https://www.aliexpress.com/item/1005001234567890.html", "aliexpress:1005001234567890"),
        ("https://www.xiaohongshu.com/explore/65abcdef0123456789abcdef", "xiaohongshu:65abcdef0123456789abcdef"),
        ("https://weibo.com/1234567890/NaBcDeFgH", "weibo:1234567890/NaBcDeFgH"),
        ("https://www.ebay.com/itm/Old-Thing/123456789012?hash=x", "ebay:123456789012"),
        ("https://www.amazon.co.uk/Some-Thing/dp/B000ABCDEF/ref=sr_1", "amazon:B000ABCDEF"),
        ("https://www.etsy.com/uk/listing/123456789/thing", "etsy:123456789"),
        ("https://shopee.vn/Thing-i.123456.789012", "shopee-vn:123456.789012"),
        ("https://shopee.co.id/product/123456/789012", "shopee-id:123456/789012"),
        ("https://www.lazada.co.th/products/thing-i123456-s789.html", "lazada-th:123456"),
        ("https://www.tokopedia.com/someshop/some-thing", "tokopedia:someshop/some-thing"),
        ("https://www.chotot.com/mua-ban-chim/123456789.htm", "chotot:123456789"),
        ("https://www.olx.ua/d/uk/obyavlenie/thing-IDAbC12.html", "olx-ua:AbC12"),
        ("https://www.carousell.sg/p/some-thing-1234567890/", "carousell:1234567890"),
        ("https://articulo.mercadolibre.com.ar/MLA-1234567890-thing-_JM", "mercadolibre:MLA/1234567890"),
        ("https://www.kleinanzeigen.de/s-anzeige/thing/2712345678-139-4567", "kleinanzeigen:2712345678"),
        ("https://www.avito.ru/moskva/koshki/thing_1234567890", "avito:1234567890"),
        ("https://www.facebook.com/marketplace/item/123456789012345/?ref=search", "facebook:123456789012345"),
        ("https://www.instagram.com/p/CabcDEF1234/?igshid=x", "instagram:CabcDEF1234"),
        ("https://x.com/someone/status/1234567890123456789?s=20", "x:1234567890123456789"),
        ("https://www.tiktok.com/@some/video/7123456789012345678", "tiktok:7123456789012345678"),
        ("https://youtu.be/abcdefghijk?t=12", "youtube:abcdefghijk"),
        ("https://m.youtube.com/watch?app=desktop&v=abcdefghijk", "youtube:abcdefghijk"),
        ("https://t.me/somechannel/123?single", "telegram:somechannel/123"),
        ("https://vk.com/wall-12345_678", "vk:-12345_678"),
        ("https://www.reddit.com/r/reptiles/comments/abc123/title/", "reddit:abc123"),
        ("https://shop.example/item/1?id=2&utm_source=x", "shop.example:item/1?id=2"),
    ],
)
def test_adverts_are_read_right(address: str, right: str) -> None:
    assert SCHEMA.clean("listing-url", address, CONTEXT) == right


@pytest.mark.parametrize("address", ["https://bit.ly/abc", "https://www.ebay.com/", "https://shop.example/"])
def test_what_names_no_advert_is_none(address: str) -> None:
    with pytest.raises(ValueProblem):
        SCHEMA.clean("listing-url", address, CONTEXT)


def account(site: str, user: str) -> str:
    return SCHEMA.key_of("Account", {"site": site, "id": user}, "o")


def test_a_name_is_one_key_however_it_is_given() -> None:
    by_address = SCHEMA.key_of("Account", {"url": "https://t.me/IvoryShop"}, "o")
    assert by_address == account("Telegram", "@ivoryshop") == account("tg", "https://t.me/ivoryshop")
    assert account("fb", "Li.Wei") == account("Facebook", "liwei") == "account:facebook:liwei"
    assert account("youtube", "UCabcdefghijklmnopqrsTUV") == "account:youtube:UCabcdefghijklmnopqrsTUV"
    assert account("taobao", "AbC") == "account:taobao:AbC" != account("taobao", "abc")
    assert account("pasar", "AbC") == "account:pasar:AbC", "nothing is known of the case on an unlisted site"
    assert account("抖音", "x1") != account("tiktok", "x1"), "two services, each with users of its own"


@pytest.mark.parametrize(
    ("site", "user"), [("facebook", "profile.php"), ("telegram", "joinchat"), ("facebook", "https://t.me/ivoryshop")]
)
def test_a_site_s_page_or_another_site_s_address_is_no_user(site: str, user: str) -> None:
    with pytest.raises(ValueProblem):
        account(site, user)


def test_every_site_has_a_source_and_distinct_names() -> None:
    raw = (Path(__file__).parents[2] / "schema" / "sites.yaml").read_text(encoding="utf-8")
    rows = [line for line in raw.splitlines() if line[:1] not in ("#", " ", "")]
    assert len(rows) - 1 >= 60 and all("{source: " in row for row in rows[1:])


@given(st.sampled_from(sorted(SCHEMA.sites.sites)), st.text(max_size=20))
def test_an_account_s_key_comes_again_from_its_own_parts(site: str, user: str) -> None:
    try:
        key = account(site, user)
    except ValueProblem:
        return
    name = key.removeprefix(f"account:{site}:")
    assert account(site, name) == key
