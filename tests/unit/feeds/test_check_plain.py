"""The quick way to read a row says what the model says, or nothing."""

import json
from datetime import date, datetime, timezone
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError
from tests.support.feed_parts import FEED, catalogue_with

from ioc_cloud.db.copying import number, text
from ioc_cloud.feeds.batch import written
from ioc_cloud.feeds.rows import Plain, cells_model
from ioc_models.feeds import TableSpec


@pytest.fixture(scope="module")
def tables(tmp_path_factory: pytest.TempPathFactory) -> list[TableSpec]:
    catalogue = catalogue_with(tmp_path_factory.mktemp("contracts"))
    return list(catalogue.feed(FEED).tables)


CELL = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-3, 2_003),
    st.integers(),
    st.floats(),
    st.sampled_from(["thap", "cao", "Cao", "1", "", "-", "x", "12,5"]),
)
CODES = ["visits", "paid", "amount", "patients", "level", "open_day", "note", "goal", "plan"]


@settings(max_examples=400, deadline=None)
@given(raw=st.dictionaries(st.sampled_from(CODES), CELL))
def test_plain_cells_are_the_models_cells_in_type_as_well(
    tables: list[TableSpec], raw: dict[str, Any]
) -> None:
    for table in tables:
        plain = Plain.of(table).cells(raw)
        if plain is None:
            continue
        untidy: list[Any] = []
        row = cells_model(table).model_validate(raw, context=untidy)
        assert row.__dict__ == plain
        assert [type(value) for value in row.__dict__.values()] == [
            type(value) for value in plain.values()
        ]
        assert list(row.__dict__) == list(plain)
        assert untidy == []


def test_rows_as_systems_send_them_are_plain(tables: list[TableSpec]) -> None:
    daily = {"visits": 40, "paid": 2, "amount": 3, "level": "cao", "open_day": True}
    assert Plain.of(tables[0]).cells(daily) is not None
    assert Plain.of(tables[1]).cells({"goal": 1, "plan": 50.0, "done": 2}) is not None


def test_a_row_without_its_key_is_looked_at(tables: list[TableSpec]) -> None:
    assert Plain.of(tables[1]).cells({"plan": 50.0, "done": 2}) is None
    with pytest.raises(ValidationError):
        cells_model(tables[1]).model_validate({"plan": 50.0, "done": 2})


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


@given(st.dictionaries(st.text(), JSON, max_size=4))
def test_what_is_written_is_json_that_a_database_takes(value: dict[str, Any]) -> None:
    def forbidden(name: str) -> None:
        raise AssertionError(name)

    said = written(value)
    read = json.loads(said, parse_constant=forbidden)
    assert read.keys() == value.keys()
    assert written(read) == said


def test_times_and_decimals_are_written_as_they_are_stored() -> None:
    at = datetime(2026, 11, 24, 3, tzinfo=timezone.utc)
    said = written({"b": at, "a": date(2026, 11, 24), "c": Decimal("1.5"), "d": 2**70})
    assert json.loads(said) == {
        "a": "2026-11-24", "b": "2026-11-24T03:00:00+00:00", "c": 1.5, "d": 2**70,
    }  # fmt: skip


@given(st.text())
def test_a_text_is_one_field_of_one_line(value: str) -> None:
    assert not set("\t\n\r") & set(text(value))


def test_nothing_is_the_databases_null() -> None:
    assert text(None) == number(None) == r"\N"
    assert text("\\N") == r"\\N"
    assert (number(0.1), number(1e300), number(7)) == ("0.1", "1e+300", "7")
