"""Migrations: once each, unchanged for ever, on the tier that the database was born on."""

import threading
from pathlib import Path
from urllib.parse import urlsplit

import psycopg
import pytest
from tests.support.postgres import Server

from ioc_cloud.db.migrate import (
    FOLDER,
    Tier,
    known_migrations,
    migrate,
    probe_tier,
    recorded_tier,
)
from ioc_cloud.errors import MigrationChanged, MigrationMissing, TierLowered, TierUnavailable


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Small migrations of our own, to be tampered with."""
    path = tmp_path / "migrations"
    path.mkdir()
    (path / "0001_one.sql").write_text("create table one (n int);")
    (path / "0002_two.sql").write_text("create table two (n int);")
    (path / "0002_two.native.sql").write_text("insert into two values (1);")
    (path / "0002_two.ts.sql").write_text("insert into two values (2);")
    (path / "0002_two.tsl.sql").write_text("insert into two values (3);")
    return path


def rows(url: str, query: str) -> list[tuple[object, ...]]:
    with psycopg.connect(url) as connection:
        return connection.execute(query).fetchall()  # type: ignore[call-overload,no-any-return]


def test_migrating_twice_changes_nothing(empty_database: str) -> None:
    tier = migrate(empty_database)
    first = rows(empty_database, "select * from schema_migration order by name")
    assert migrate(empty_database) == tier
    assert rows(empty_database, "select * from schema_migration order by name") == first
    assert len(first) == len(known_migrations(tier))


def test_the_probe_asks_for_the_preload_before_it_creates_the_extension(
    empty_database: str,
) -> None:
    """CREATE EXTENSION without the preload is FATAL and ends the connection."""
    with psycopg.connect(empty_database, autocommit=True) as connection:
        tier = probe_tier(connection)
        preloaded = connection.execute("show shared_preload_libraries").fetchone()
        assert preloaded is not None
        assert (tier == "native") == ("timescaledb" not in preloaded[0])
        assert connection.execute("select 1").fetchone() == (1,)


def test_many_processes_may_migrate_at_once(empty_database: str) -> None:
    tiers: list[Tier] = []
    threads = [
        threading.Thread(target=lambda: tiers.append(migrate(empty_database))) for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(tiers) == 4
    assert len(set(tiers)) == 1


def test_a_changed_migration_is_refused(empty_database: str, folder: Path) -> None:
    migrate(empty_database, tier="native", folder=folder)
    (folder / "0001_one.sql").write_text("create table one (n bigint);")
    with pytest.raises(MigrationChanged, match="0001_one"):
        migrate(empty_database, folder=folder)


def test_a_database_from_the_future_is_refused(empty_database: str, folder: Path) -> None:
    migrate(empty_database, tier="native", folder=folder)
    (folder / "0002_two.native.sql").unlink()
    with pytest.raises(MigrationMissing, match=r"0002_two\.native"):
        migrate(empty_database, folder=folder)


def test_a_file_that_is_no_migration_is_refused(empty_database: str, folder: Path) -> None:
    (folder / "3_oops.sql").write_text("select 1")
    with pytest.raises(MigrationMissing, match="3_oops"):
        migrate(empty_database, tier="native", folder=folder)


@pytest.mark.parametrize(
    ("tier", "files"),
    [
        ("native", ["0001_one", "0002_two", "0002_two.native"]),
        ("ts-apache", ["0001_one", "0002_two", "0002_two.ts"]),
        ("ts-community", ["0001_one", "0002_two", "0002_two.ts", "0002_two.tsl"]),
    ],
)
def test_each_tier_takes_its_own_files_in_order(tier: Tier, files: list[str], folder: Path) -> None:
    assert [migration.name for migration in known_migrations(tier, folder)] == files


def test_a_failing_migration_leaves_nothing_of_itself(empty_database: str, folder: Path) -> None:
    (folder / "0003_three.sql").write_text("create table three (n int); select 1/0;")
    with pytest.raises(psycopg.errors.DivisionByZero):
        migrate(empty_database, tier="native", folder=folder)
    assert rows(empty_database, "select to_regclass('three')") == [(None,)]
    (folder / "0003_three.sql").write_text("create table three (n int);")
    migrate(empty_database, folder=folder)
    assert rows(empty_database, "select to_regclass('three')::text") == [("three",)]


def test_a_file_without_transaction_runs_statement_by_statement(
    empty_database: str, folder: Path
) -> None:
    (folder / "0003_index.sql").write_text(
        "-- ioc: no-transaction\ncreate index concurrently a on one (n);\n\n"
        "create index concurrently b on one (n);\n"
    )
    migrate(empty_database, tier="native", folder=folder)
    assert rows(empty_database, "select to_regclass('b')::text") == [("b",)]


def test_a_tier_that_the_server_lacks_is_never_lowered_quietly(
    empty_database: str, folder: Path
) -> None:
    with psycopg.connect(empty_database, autocommit=True) as connection:
        offered = probe_tier(connection)
    if offered == "ts-community":
        pytest.skip("this server offers all that could be recorded")
    with pytest.raises(TierUnavailable):
        migrate(empty_database, tier="ts-community", folder=folder)
    migrate(empty_database, tier="native", folder=folder)
    with psycopg.connect(empty_database, autocommit=True) as connection:
        connection.execute("update ioc_meta set value = '\"ts-apache\"'")
    if offered == "native":
        with pytest.raises(TierLowered, match="hypertables"):
            migrate(empty_database, folder=folder)


def test_a_native_database_stays_native_whatever_the_server_learns(
    empty_database: str, folder: Path
) -> None:
    assert migrate(empty_database, tier="native", folder=folder) == "native"
    assert migrate(empty_database, folder=folder) == "native"
    with psycopg.connect(empty_database) as connection:
        assert recorded_tier(connection) == "native"


def test_the_owner_needs_no_superuser_once_roles_and_postgis_are_there(
    postgres: Server, template: str, empty_database: str
) -> None:
    """`template` made the login roles; an owner of a database makes the rest."""
    assert template
    name = urlsplit(empty_database).path.removeprefix("/")
    with psycopg.connect(empty_database, autocommit=True) as connection:
        connection.execute("create extension if not exists postgis")
    postgres.run(
        "do $$ begin if not exists (select from pg_roles where rolname = 'ioc_plain_owner') then"
        " create role ioc_plain_owner login password 'plain'; end if; end $$",
        f"alter database {name} owner to ioc_plain_owner",
    )
    try:
        tier = migrate(postgres.url(name, user="ioc_plain_owner"))
        assert rows(empty_database, "select count(*) from event") == [(0,)]
        assert tier
    finally:
        postgres.run(f"alter database {name} owner to current_user")


def test_the_shipped_files_are_named_for_their_tier() -> None:
    names = {path.name for path in FOLDER.glob("*.sql")}
    tiers: tuple[Tier, ...] = ("native", "ts-apache", "ts-community")
    used = {f"{one.name}.sql" for tier in tiers for one in known_migrations(tier)}
    assert names == used
