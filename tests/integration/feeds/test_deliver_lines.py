"""Lines of COPY that we write ourselves are what the database reads."""

from datetime import datetime, timedelta, timezone

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.support.feed_parts import NOW

from ioc_cloud.db.copying import LINES, copy_lines, moment, number, text
from ioc_cloud.db.pool import Connection

# PostgreSQL's text holds every character but NUL, and surrogates are no characters.
TEXT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"))
ROW = st.tuples(
    st.none() | TEXT,
    st.none() | st.floats(allow_nan=False),
    st.none() | st.datetimes(datetime(1900, 1, 1), timezones=st.just(timezone.utc)),  # noqa: DTZ001 hypothesis adds the zone
)
MAKE = "create temp table if not exists line (n bigint, said text, value float8, at timestamptz)"
COPY = "copy line (n, said, value, at) from stdin"


def lines(rows: list[tuple[str | None, float | None, datetime | None]]) -> list[str]:
    return [
        f"{n}\t{text(said)}\t{number(value)}\t{moment(at)}"
        for n, (said, value, at) in enumerate(rows)
    ]


@settings(
    max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(rows=st.lists(ROW, max_size=5))
def test_what_is_written_is_read_back(
    owner: Connection, rows: list[tuple[str | None, float | None, datetime | None]]
) -> None:
    owner.execute(MAKE)
    owner.execute("truncate line")
    with owner.cursor() as cursor:
        copy_lines(cursor, COPY, lines(rows))
    assert owner.execute("select said, value, at from line order by n").fetchall() == rows


def test_more_lines_than_one_piece_all_arrive(owner: Connection) -> None:
    owner.execute(MAKE)
    rows = [("x", float(n), NOW + timedelta(seconds=n)) for n in range(2 * LINES + 1)]
    with owner.cursor() as cursor:
        copy_lines(cursor, COPY, lines(list(rows)))
    assert owner.execute("select count(*), max(value) from line").fetchone() == (
        2 * LINES + 1,
        2.0 * LINES,
    )
