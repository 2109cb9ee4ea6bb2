"""From a source's answer to rows: paths, codes, units, times; what cannot be placed is told."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ioc_cloud.feeds.catalogue import Catalogue
from ioc_cloud.feeds.doors import bodies
from ioc_cloud.feeds.doors.errors import AnswerUnreadable
from ioc_cloud.feeds.doors.json_body import JsonBody, named
from ioc_cloud.feeds.doors.mapping import Mapped, mapped, scaled
from ioc_models.feeds import Contract
from ioc_models.feeds.contract import Pull

CATALOGUE = Catalogue.of_province()
HEALTH = CATALOGUE.feed("y-te")


def pulled(feed: Contract = HEALTH, **over: Any) -> Pull:
    assert feed.pull is not None
    return Pull.model_validate({**feed.pull.model_dump(), **over})


def record(**over: Any) -> dict[str, Any]:
    whole = {"commune": "31825", "date": "2026-11-23", "luot_kham": 120, "noi_tru": 30,
             "giuong": 60, "benh": {"A97": 2}}  # fmt: skip
    return {**whole, **over}


def answer(*daily: Any, **over: Any) -> dict[str, Any]:
    return {"data": {"daily": list(daily), "monthly": [], **over}}


def of_json(*documents: Any, feed: Contract = HEALTH, **over: Any) -> Mapped:
    return mapped(feed, pulled(feed, **over), [JsonBody(one) for one in documents])


def test_a_record_becomes_a_row_in_our_words() -> None:
    found = of_json(answer(record()))

    assert found.tables["ngay"].cells == [
        {"area": "31825", "period": "2026-11-23", "visits": 120, "inpatients": 30, "beds": 60,
         "dengue": 2, "hfmd": 0}
    ]  # fmt: skip
    assert not found.drifted


def test_a_silent_table_is_no_part_of_the_delivery() -> None:
    assert set(of_json(answer(record())).tables) == {"ngay"}
    assert of_json(answer()).tables == {}


def test_a_renamed_column_is_told_once_with_what_there_is_now() -> None:
    lost = [{**record(), "kham": 1} for _ in range(3)]
    for one in lost:
        del one["luot_kham"]

    found = of_json(answer(*lost))

    (problem,) = found.tables["ngay"].problems
    assert (problem.rule, problem.field, problem.value) == ("schema_drift", "visits", "luot_kham")
    assert "kham" in problem.vi
    assert "benh.A97" in problem.en
    assert found.drifted


def test_a_column_that_any_record_has_is_there() -> None:
    sparse = record()
    del sparse["giuong"]

    assert not of_json(answer(sparse, record(giuong=None))).drifted


def test_a_default_of_the_path_says_that_the_end_of_it_may_be_missing() -> None:
    assert not of_json(answer(record(benh={}))).drifted
    gone = record()
    del gone["benh"]
    assert [one.field for one in of_json(answer(gone)).tables["ngay"].problems] == [
        "dengue",
        "hfmd",
    ]


def test_a_lost_list_is_told_and_an_empty_one_is_not() -> None:
    (problem,) = of_json({"data": {"daily": [record()]}}).tables["thang"].problems
    assert (problem.rule, problem.severity, problem.value) == (
        "schema_drift", "error", "data.monthly",
    )  # fmt: skip
    assert not of_json(answer()).drifted


@pytest.mark.parametrize("odd", ["???", 7, None, [1], True])
def test_a_record_of_another_shape_is_a_problem_of_its_own(odd: Any) -> None:
    rows = of_json(answer(record(), odd, record(commune="31834"))).tables["ngay"]

    (problem,) = rows.problems
    assert (problem.row, problem.rule, problem.severity) == (1, "shape", "error")
    assert [one.get("area") for one in rows.cells] == ["31825", None, "31834"]
    assert json.loads(rows.cells[1]["record"]) == odd


def test_totals_come_from_the_last_page_that_has_them() -> None:
    first, second = answer(record()), answer(record(commune="31834"))
    second["data"]["totals"] = {"visits": 240}

    assert of_json(first, second).controls == {"ngay": {"visits": 240.0}}


def column(**said: Any) -> dict[str, Any]:
    tables = pulled().model_dump()["tables"]
    tables[0]["columns"]["beds"] = {"path": "giuong", **said}
    return {"tables": tables}


@pytest.mark.parametrize(
    ("said", "raw", "cell"),
    [
        ({"scale": 0.001}, 60_000, 60),
        ({"scale": 0.1}, 3, 0.3),
        ({"scale": 24}, 41.666666667, 1000),
        ({"scale": 0.001}, "1.234,5", 1.2345),
        ({"scale": 0.001}, "nhiều", "nhiều"),
        ({}, "12.5", 12.5),
        ({}, "1e2", 100),
        ({}, "1.234.567", "1.234.567"),
        ({}, "1" * 50, "1" * 50),
        ({"codes": {"A": "7"}}, "A", 7),
        ({}, {"so": 3}, '{"so":3}'),
        ({}, None, None),
        ({}, "6\u00000", "6\ufffd0"),
    ],
)
def test_a_cell_is_read_as_its_column_says(said: dict[str, Any], raw: Any, cell: Any) -> None:
    found = of_json(answer(record(giuong=raw)), **column(**said))

    assert found.tables["ngay"].cells[0]["beds"] == cell


@pytest.mark.parametrize(
    ("form", "raw", "period"),
    [
        ("%d/%m/%Y", "23/11/2026", "2026-11-23"),
        ("%Y%m%d", "20261123", "2026-11-23"),
        ("%Y-%m-%dT%H:%M:%S%z", "2026-11-22T18:00:00+0000", "2026-11-23"),
        ("%d/%m/%Y", "hôm qua", "hôm qua"),
    ],
)
def test_a_period_is_read_as_the_source_writes_it(form: str, raw: str, period: str) -> None:
    tables = pulled().model_dump()["tables"]
    tables[0]["columns"]["period"] = {"path": "date", "time_format": form}

    found = of_json(answer(record(date=raw)), tables=tables)

    assert found.tables["ngay"].cells[0]["period"] == period


@given(st.integers(-(10**6), 10**6), st.sampled_from([0.001, 0.0001, 24.0, 0.1, 1000.0]))
def test_a_scaled_number_is_what_a_person_would_write(value: int, scale: float) -> None:
    assert scaled(value, scale) == pytest.approx(value * scale, rel=1e-9, abs=1e-6)
    assert len(str(scaled(value, scale))) <= 20


def file(tmp_path: Path, body: str | bytes) -> Path:
    path = tmp_path / "body"
    path.write_bytes(body if isinstance(body, bytes) else body.encode())
    return path


LAND = CATALOGUE.feed("dat-dai")
LAND_HEAD = (
    "Mã xã;Ngày;Loại hồ sơ;Tiếp nhận;Đã giải quyết;Đúng hạn;Quá hạn;GCN cấp mới;Biến động;"
    "Diện tích (m²);Nghĩa vụ tài chính (nghìn đồng)"
)
LAND_ROW = "31825;23/11/2026;CN;12;10;9;1;2;3;12500,5;1234"


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_csv_is_read_by_its_headings(tmp_path: Path, encoding: str) -> None:
    body = bodies.read("csv", file(tmp_path, f"{LAND_HEAD}\r\n{LAND_ROW}\r\n".encode(encoding)))

    (cells,) = mapped(LAND, pulled(LAND), [body]).tables["ngay"].cells

    assert (cells["area"], cells["period"], cells["kind"]) == (
        "31825", "2026-11-23", "chuyen-quyen",
    )  # fmt: skip
    assert (cells["received"], cells["area_ha"], cells["dues"]) == ("12", 1.25005, 1.234)


def test_a_line_that_is_longer_or_shorter_than_its_headings_is_parked(tmp_path: Path) -> None:
    text = f"{LAND_HEAD}\n{LAND_ROW}\n{LAND_ROW};thừa\nhỏng\n"

    rows = mapped(LAND, pulled(LAND), [bodies.read("csv", file(tmp_path, text))]).tables["ngay"]

    assert [(one.row, one.rule) for one in rows.problems] == [(1, "shape"), (2, "shape")]


PAPERS = CATALOGUE.feed("van-ban-dien-tu")
PAPER = """<?xml version="1.0" encoding="UTF-8"?>
<x:KetQua xmlns:x="urn:qlvb"><x:ThongTin><x:DenNgay>2026-11-23T10:00:00Z</x:DenNgay>
<x:TongVanBanDen>120</x:TongVanBanDen></x:ThongTin><x:DanhSach><x:DonVi><x:MaTinh>96</x:MaTinh>
<x:Ngay>23/11/2026</x:Ngay><x:MaDinhDanh>H12.09</x:MaDinhDanh><x:VanBanDen><x:Tong>120</x:Tong>
<x:DenHan>90</x:DenHan><x:DungHan>88</x:DungHan></x:VanBanDen><x:VanBanDi><x:Tong>60</x:Tong>
<x:KySo>60</x:KySo></x:VanBanDi><x:NhiemVu><x:DangThucHien>12</x:DangThucHien>
<x:QuaHan>1</x:QuaHan></x:NhiemVu></x:DonVi></x:DanhSach></x:KetQua>"""


def test_xml_is_read_by_its_elements(tmp_path: Path) -> None:
    body = bodies.read("xml", file(tmp_path, PAPER))

    found = mapped(PAPERS, pulled(PAPERS), [body])

    (cells,) = found.tables["ngay"].cells
    assert (cells["agency"], cells["period"], cells["incoming"]) == ("y-te", "2026-11-23", 120)
    assert found.controls == {"ngay": {"incoming": 120.0}}
    assert body.value("ThongTin/DenNgay") == "2026-11-23T10:00:00Z"
    assert not found.drifted


def test_a_renamed_element_is_told(tmp_path: Path) -> None:
    text = PAPER.replace("KySo>", "DaKySo>")

    found = mapped(PAPERS, pulled(PAPERS), [bodies.read("xml", file(tmp_path, text))])

    (problem,) = found.tables["ngay"].problems
    assert (problem.field, problem.value) == ("signed", "VanBanDi/KySo")
    assert "VanBanDi/DaKySo" in problem.vi


@pytest.mark.parametrize(
    ("form", "body"),
    [
        ("json", "<html>"),
        ("json", "{"),
        ("json", b"\xff"),
        ("json", "[" * 100_000),
        ("xml", "{}"),
        ("xml", '<!DOCTYPE x [<!ENTITY a "a">]><x>&a;</x>'),
        ("xml", '<!DOCTYPE x SYSTEM "file:///etc/passwd"><x/>'),
        ("csv", b"a;b\n\x00;\x01"),
    ],
)
def test_what_is_in_no_form_is_unreadable(tmp_path: Path, form: str, body: str | bytes) -> None:
    with pytest.raises(AnswerUnreadable):
        bodies.read(form, file(tmp_path, body))


def test_numbers_that_no_database_holds_stay_text(tmp_path: Path) -> None:
    text = '{"a": 1e999, "b": NaN, "c": 1' + "0" * 5000 + "}"

    body = bodies.read("json", file(tmp_path, text))

    assert (body.value("a"), body.value("b")) == ("1e999", "NaN")
    assert isinstance(body.value("c"), str)


@pytest.mark.parametrize(
    ("path", "chains", "defaulted"),
    [
        ("a", (("a",),), False),
        ("a.b.c", (("a", "b", "c"),), False),
        ("a.b || `0`", (("a", "b"),), True),
        ("a || b", (("a",), ("b",)), False),
        ("to_number(a.b)", (("a", "b"),), False),
        ("a[0].b", (("a",),), False),
        ("a[?c=='1'].b", (("a",),), False),
        ('"x-y".z', (("x-y", "z"),), False),
        ("@", (), False),
    ],
)
def test_the_names_that_a_path_speaks_of(
    path: str, chains: tuple[tuple[str, ...], ...], *, defaulted: bool
) -> None:
    assert named(path) == (chains, defaulted)
