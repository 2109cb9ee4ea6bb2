"""The contracts that ship: whole, coherent, and enough to build everything else from."""

import random
import unicodedata
from collections import Counter
from pathlib import Path
from typing import Any

import jmespath
import pytest

from ioc_cloud.feeds.catalogue import Area, Catalogue
from ioc_cloud.feeds.errors import ContractBroken, NoSuchFeed
from ioc_models import things
from ioc_models.feeds import Cadence, Contract, FieldSpec, TableSpec
from ioc_models.feeds.contract import PERIOD_NO, FieldType, Severity
from ioc_models.things import access
from ioc_models.wot import Catalogue as Models

FEEDS = Catalogue.of_province()
TABLES = [(feed, table) for feed in FEEDS.feeds.values() for table in feed.tables]
PULLED = [feed for feed in FEEDS.feeds.values() if feed.pull is not None]
IN_ORDER = [
    "kinh-te-xa-hoi",
    "hanh-chinh-cong",
    "van-ban-dien-tu",
    "phan-anh-kien-nghi",
    "can-bo-cong-chuc",
    "y-te",
    "giao-duc",
    "dat-dai",
    "nong-nghiep",
    "moi-truong",
    "tai-nguyen-nuoc",
    "thuy-san-tau-ca",
    "camera-giao-thong",
]
INDICATORS = {
    "KTXH": "GRDP THU_NS GIAI_NGAN CPI IIP XUAT_KHAU DN_MOI HO_NGHEO",
    "HCC": (
        "TIEP_NHAN DA_GIAI_QUYET DUNG_HAN TRE_HAN TRUC_TUYEN SO_HOA THANH_TOAN HAI_LONG HO_TICH"
    ),
    "VB": "DEN DI KY_SO XU_LY_DUNG_HAN NHIEM_VU_QUA_HAN HOP_KHONG_GIAY",
    "PAKN": "TIEP_NHAN DA_XU_LY TON QUA_HAN TG_TB HAI_LONG CUOC_GOI",
    "CCVC": "BIEN_CHE TY_LE_SD SAP_NGHI DAO_TAO KY_LUAT HO_SO_SACH",
    "YT": "KHAM NOI_TRU GIUONG SXH TCM TIEM_CHUNG BHYT HSSK",
    "GD": "HOC_SINH VANG CHUAN_QG BO_HOC HS_GV TOT_NGHIEP KHONG_TIEN_MAT",
    "DD": "HO_SO DUNG_HAN GCN SO_HOA BIEN_DONG",
    "NN": "TS_SL TOM_SL TOM_DT TOM_BENH GIA_TOM LUA_DT OCOP NTM CHAY_RUNG",
    "MT": "AQI PM25 TRAM_ONLINE VUOT_QC RAC TY_LE_RAC",
    "TNN": "MAN MUC_NUOC MUA KHAI_THAC GIAY_PHEP SAT_LO NUOC_SACH",
    "TC": "TONG TREN_BIEN MAT_KET_NOI VUOT_RANH GAN_RANH HET_HAN_DK CAP_CANG SAN_LUONG",
    "CAM": "ONLINE VP VP_XAC_NHAN LUU_LUONG BIEN_THEO_DOI TRE",
}


def named(one: Any) -> str:
    return f"{one[0].id}/{one[1].id}" if isinstance(one, tuple) else str(one.id)


def test_thirteen_domains_ship_in_the_order_of_screens() -> None:
    assert list(FEEDS.feeds) == IN_ORDER
    assert list(FEEDS.domains) == IN_ORDER


def test_every_indicator_has_its_definition_in_one_feed_alone() -> None:
    listed = [f"{prefix}.{name}" for prefix, names in INDICATORS.items() for name in names.split()]
    assert len(listed) == 92
    assert sorted(FEEDS.indicators) == sorted(listed)
    assert all(len(feed.prefixes) == 1 for feed in FEEDS.feeds.values())


def test_a_percentage_keeps_its_numerator_and_denominator() -> None:
    # The statistics office publishes these four as they are, without their parts.
    published = {"KTXH.GRDP", "KTXH.CPI", "KTXH.IIP"}
    for code, (_, one) in FEEDS.indicators.items():
        if one.unit == "%" and code not in published:
            assert one.numerator, code
            assert one.denominator, code
            assert one.scale == 100, code


def test_no_field_speaks_of_a_person() -> None:
    assert not [
        f"{feed.id}/{table.id}/{field.code}"
        for feed, table in TABLES
        for field in table.fields
        if field.pii
    ]


def test_small_counts_of_people_are_hidden_where_people_are_counted() -> None:
    counting = {code for code, (_, one) in FEEDS.indicators.items() if one.persons}
    assert {"HCC.HO_TICH", "CCVC.KY_LUAT", "YT.SXH", "YT.TCM", "GD.BO_HOC"} <= counting
    assert {FEEDS.indicators[code][0].k_min for code in counting} == {5}


def test_watch_list_hits_alone_are_restricted_and_stand_on_no_wall() -> None:
    restricted = {code for code, (_, one) in FEEDS.indicators.items() if one.restricted}
    assert restricted == {"CAM.BIEN_THEO_DOI"}

    resources = things.policies()[access.DOMAIN_TRAFFIC]["entries"]["outline"]["resources"]
    on_walls = {path.rpartition("/")[2] for path in resources if "/values/" in path}
    assert on_walls == {code for code in FEEDS.indicators if code.startswith("CAM.")} - restricted


def test_what_is_written_is_composed_unicode() -> None:
    for feed in FEEDS.feeds.values():
        text = feed.model_dump_json()
        assert unicodedata.normalize("NFC", text) == text


def test_a_word_that_people_say_means_one_indicator() -> None:
    said = Counter(word for _, one in FEEDS.indicators.values() for word in one.said)
    assert [word for word, times in said.items() if times > 1] == []
    unsaid = {code for code, (_, one) in FEEDS.indicators.items() if not one.said}
    assert unsaid == {"CAM.BIEN_THEO_DOI"}


def test_no_owner_is_confirmed_before_the_province_decides() -> None:
    assert not [feed.id for feed in FEEDS.feeds.values() if feed.confirmed]
    for feed in FEEDS.feeds.values():
        assert len({feed.owner.post.vi, feed.deputy.post.vi, feed.head.post.vi}) == 3


@pytest.mark.parametrize("one", TABLES, ids=named)
def test_areas_and_expected_keys_are_there(one: tuple[Contract, TableSpec]) -> None:
    _, table = one
    assert set(FEEDS.areas_of(table)) <= set(FEEDS.areas)
    known = [key for key in table.grid.keys if key.expected is not None]
    # Where any part of the key is open, nobody can know how many rows there will be.
    if len(known) < len(table.grid.keys) and not known:
        assert table.grid.expected is False


def test_api_tables_are_due_by_an_hour_and_files_by_the_agreed_hours() -> None:
    for feed, table in TABLES:
        pulled = {source.table for source in feed.pull.tables} if feed.pull else set()
        if table.grid.period.is_short:
            assert table.schedule.window is not None, (feed.id, table.id)
        elif table.id in pulled:
            assert table.schedule.by is not None, (feed.id, table.id)
        assert (feed.sla.working.total_seconds(), feed.sla.off.total_seconds()) == (43_200, 86_400)
    unhurried = {
        f"{feed.id}/{table.id}"
        for feed, table in TABLES
        if table.schedule.by is None and not table.grid.period.is_short
    }
    assert unhurried == {
        "van-ban-dien-tu/hop",
        "nong-nghiep/benh_tom",
        "nong-nghiep/gia_tom",
        "moi-truong/rac",
        "tai-nguyen-nuoc/sat_lo",
    }


def cell(field: FieldSpec, chance: random.Random) -> Any:
    """Something that the field may hold; small numbers often, so that sums may agree."""
    if field.type is FieldType.CODE:
        return chance.choice(field.choices).code
    if not field.type.is_number:
        return field.example or "một"
    low = 0.0 if field.min is None else field.min
    high = low + 1000 if field.max is None else field.max
    if chance.random() < 0.7:
        return int(max(low, 0)) + chance.randint(0, min(3, int(high - max(low, 0))))
    whole = field.type is FieldType.INTEGER
    value = chance.uniform(low, high)
    return int(value) if whole else round(value, field.decimals)


@pytest.mark.parametrize("one", TABLES, ids=named)
def test_rules_and_indicators_can_be_asked_of_any_row(one: tuple[Contract, TableSpec]) -> None:
    feed, table = one
    chance = random.Random(7)
    rules = [table.expression(rule.expr) for rule in table.rules]
    measured = [one for one in feed.indicators if one.table == table.id]
    verdicts: list[set[Any]] = [set() for _ in rules]
    for _ in range(1000):
        row = {field.code: cell(field, chance) for field in table.fields}
        before = {field.code: cell(field, chance) for field in table.fields}
        row[PERIOD_NO] = chance.randint(1, 12)
        for verdict, rule in zip(verdicts, rules, strict=True):
            verdict.add(rule(row, before))
        for indicator in measured:
            for text in (indicator.value, indicator.numerator, indicator.denominator):
                said = table.expression(text)(row) if text else 0
                assert isinstance(said, (int, float)), (indicator.code, text)
            if indicator.where:
                assert table.expression(indicator.where)(row) in {True, False}
    for verdict, spec in zip(verdicts, table.rules, strict=True):
        assert verdict <= {True, False, None}, spec.id
        assert True in verdict, f"{spec.id} never holds"


@pytest.mark.parametrize("one", TABLES, ids=named)
def test_a_quiet_period_breaks_no_rule_that_keeps_rows_out(
    one: tuple[Contract, TableSpec],
) -> None:
    _, table = one
    quiet: dict[str, Any] = {PERIOD_NO: 2}
    for field in table.fields:
        if field.type.is_number:
            quiet[field.code] = max(0, field.min or 0)
        else:
            quiet[field.code] = field.choices[0].code if field.choices else "một"
    for rule in table.rules:
        if rule.severity is Severity.ERROR:
            assert table.expression(rule.expr)(quiet, quiet) is not False, rule.id


@pytest.mark.parametrize("one", TABLES, ids=named)
def test_a_rule_points_at_the_cells_that_it_judges(one: tuple[Contract, TableSpec]) -> None:
    _, table = one
    for rule in table.rules:
        assert rule.fields, rule.id
        assert set(rule.fields) <= table.expression(rule.expr).fields, rule.id


@pytest.mark.parametrize("feed", PULLED, ids=named)
def test_a_source_is_named_by_a_path_below_the_sources_address(feed: Contract) -> None:
    assert feed.pull is not None
    assert "://" not in feed.pull.url
    assert not feed.pull.url.startswith("/")
    assert feed.pull.sign_in.style == "none" or feed.pull.sign_in.secret
    if feed.pull.sign_in.style == "oauth2":
        assert feed.pull.sign_in.token_url
        assert feed.pull.sign_in.client_id
    if feed.pull.paging.style == "cursor":
        assert feed.pull.paging.cursor_path


def test_no_two_sources_share_an_address() -> None:
    urls = [feed.pull.url for feed in PULLED if feed.pull]
    assert len(urls) == len(set(urls)) == 12
    assert [feed.id for feed in FEEDS.feeds.values() if feed.pull is None] == ["nong-nghiep"]


def test_sources_differ_as_the_provinces_systems_do() -> None:
    pulls = [feed.pull for feed in PULLED if feed.pull]
    assert {one.format for one in pulls} == {"json", "xml", "csv"}
    assert {one.sign_in.style for one in pulls} == {"basic", "bearer", "oauth2", "gateway"}
    assert {one.paging.style for one in pulls} == {"none", "page", "offset", "cursor", "link"}
    columns = [column for one in pulls for rows in one.tables for column in rows.columns.values()]
    assert any(column.scale for column in columns)
    assert any(column.codes for column in columns)
    assert any(column.time_format for column in columns)


@pytest.mark.parametrize("feed", PULLED, ids=named)
def test_paths_into_json_can_be_read(feed: Contract) -> None:
    assert feed.pull is not None
    if feed.pull.format != "json":
        return
    paths = [feed.pull.cursor, feed.pull.paging.cursor_path]
    for source in feed.pull.tables:
        paths += [source.rows, *source.controls.values()]
        paths += [column.path for column in source.columns.values()]
    for path in filter(None, paths):
        jmespath.compile(path)


FOURTEENTH = """
id: du-lich
domain: du-lich
version: 1
order: 14
title: {vi: Du lịch, en: Tourism}
about: {vi: Khách đến Đất Mũi., en: Guests at Đất Mũi.}
unit: {vi: "Sở Văn hóa, Thể thao và Du lịch", en: "Department of Culture, Sports and Tourism"}
owner: {post: {vi: Trưởng phòng Du lịch, en: Head of Tourism}}
deputy: {post: {vi: Phó phòng Du lịch, en: Deputy head of Tourism}}
head: {post: {vi: Giám đốc Sở, en: Director}}
mode: file
likely_source: Báo cáo của cơ sở lưu trú
tables:
  - id: tuan
    title: {vi: Khách trong tuần, en: Weekly guests}
    grid: {areas: communes, period: week}
    fields:
      - {code: guests, title: {vi: Lượt khách, en: Guests}, type: integer, unit: lượt, min: 0}
indicators:
  - {code: DL.KHACH, title: {vi: Lượt khách, en: Guests}, unit: lượt, table: tuan,
     value: guests, space: sum, time: sum, direction: up, said: [khách du lịch]}
"""


def test_a_fourteenth_domain_is_one_file(tmp_path: Path) -> None:
    (tmp_path / "du-lich.yaml").write_text(FOURTEENTH, encoding="utf-8")

    feeds = Catalogue.of_province(tmp_path)

    assert list(feeds.domains) == [*IN_ORDER, "du-lich"]
    assert feeds.indicator("DL.KHACH")[0].id == "du-lich"
    assert len(feeds.areas_of(feeds.table("du-lich"))) == 64
    models = Models()
    thing = things.domain(models, *feeds.domains["du-lich"])
    assert thing["thingId"] == "vn.camau.domain:du-lich"
    assert thing["attributes"]["cadence"] == "weekly"
    assert models.validate(thing) == {}


def test_an_installation_names_an_owner_without_repeating_the_contract(tmp_path: Path) -> None:
    (tmp_path / "y-te.yaml").write_text(
        'owner: {name: Trần Văn Bình, phone: "0290 000 000"}\n'
        "confirmed: true\ndecision: 12/QĐ-UBND\n",
        encoding="utf-8",
    )

    mine, theirs = Catalogue.of_province(tmp_path).feed("y-te"), FEEDS.feed("y-te")

    assert mine.owner.name == "Trần Văn Bình"
    assert mine.owner.post == theirs.owner.post
    assert mine.tables == theirs.tables
    assert mine.rules_sha256 == theirs.rules_sha256
    assert mine.sha256 != theirs.sha256


@pytest.mark.parametrize(
    ("name", "text", "why"),
    [
        ("du-lich", "- một\n- hai\n", "no mapping"),
        ("du-lich", "id: [", "while parsing"),
        ("khac", FOURTEENTH, "name the file after it"),
        ("du-lich", FOURTEENTH.replace("DL.KHACH", "YT.KHAM"), "belongs to the feed 'y-te'"),
        ("du-lich", FOURTEENTH.replace("value: guests", "value: gusts"), "'gusts'"),
        ("du-lich", FOURTEENTH.replace("mode: file\n", ""), "mode: Field required"),
        ("y-te", "k_min: 500\n", "k_min"),
    ],
)
def test_a_contract_with_a_fault_is_refused_with_its_file(
    tmp_path: Path, name: str, text: str, why: str
) -> None:
    (tmp_path / f"{name}.yaml").write_text(text, encoding="utf-8")
    with pytest.raises(ContractBroken, match=why) as refused:
        Catalogue.of_province(tmp_path)
    assert refused.value.path == tmp_path / f"{name}.yaml"


def test_what_is_not_there_is_refused_with_what_is() -> None:
    with pytest.raises(NoSuchFeed, match="y-te"):
        FEEDS.feed("y-ta")
    with pytest.raises(NoSuchFeed, match="ngay"):
        FEEDS.table("y-te", "nam")
    with pytest.raises(NoSuchFeed, match=r"YT\.SXH"):
        FEEDS.indicator("YT.SHX")
    assert FEEDS.table("y-te").id == FEEDS.table("y-te", "ngay").id


def test_the_province_and_its_communes_are_told_apart_by_their_codes() -> None:
    feeds = Catalogue.load([Area("96", "Tỉnh Cà Mau"), Area("31825", "Phường Bạc Liêu")])
    assert feeds.communes == ("31825",)
    assert feeds.areas_of(feeds.table("kinh-te-xa-hoi", "thang")) == ("96",)
    assert feeds.areas_of(feeds.table("y-te")) == ("31825",)
    assert "32047" in feeds.areas_of(feeds.table("nong-nghiep", "rung"))


def test_periods_of_stations_are_short_and_those_of_statistics_are_long() -> None:
    assert FEEDS.table("tai-nguyen-nuoc", "tram").grid.period is Cadence.QUARTER_HOUR
    assert FEEDS.table("kinh-te-xa-hoi", "quy").grid.period is Cadence.QUARTER
