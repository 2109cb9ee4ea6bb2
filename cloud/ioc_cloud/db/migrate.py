"""Numbered plain-SQL migrations on three storage tiers, by a small runner.

`NNNN_name.sql` runs on every tier; its siblings `NNNN_name.native.sql`, `.ts.sql`
(both TimescaleDB editions) and `.tsl.sql` (community edition) run after it where
they belong. A file whose first line is `-- ioc: no-transaction` runs statement by
statement, split at blank lines.
"""

import hashlib
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal, NoReturn, cast, get_args

import psycopg
from psycopg import sql
from psycopg.types.json import Json

from ioc_cloud.errors import (
    MigrationChanged,
    MigrationMissing,
    ServerTooOld,
    TierLowered,
    TierUnavailable,
)

Tier = Literal["native", "ts-apache", "ts-community"]
Connection = psycopg.Connection[tuple[object, ...]]

FOLDER: Final = Path(__file__).with_name("migrations")
OLDEST_SERVER: Final = 150_000
NO_TRANSACTION: Final = "-- ioc: no-transaction"
SUFFIXES: Final[dict[Tier, tuple[str, ...]]] = {
    "native": ("", "native"),
    "ts-apache": ("", "ts"),
    "ts-community": ("", "ts", "tsl"),
}
_NAME: Final = re.compile(r"(?P<version>\d{4})_(?P<name>[a-z0-9_]+)(?:\.(?P<suffix>[a-z]+))?\.sql")
# Any fixed number: whoever migrates this database waits behind it.
_LOCK: Final = 0x10C_0001


@dataclass(frozen=True, slots=True, order=True)
class Migration:
    """One file, ordered as it must run: by number, common part first."""

    version: int
    rank: int
    name: str
    text: str

    @property
    def sha256(self) -> str:
        """Hash of the text as stored in `schema_migration`."""
        return hashlib.sha256(self.text.encode()).hexdigest()

    @property
    def statements(self) -> list[str]:
        """What to send in one go: the whole file, or its statements."""
        if not self.text.startswith(NO_TRANSACTION):
            return [self.text]
        return [part for part in re.split(r"\n\s*\n", self.text) if part.strip()]


def migrate(url: str, *, tier: Tier | Literal["auto"] = "auto", folder: Path = FOLDER) -> Tier:
    """Bring the database to this version's schema and say on which tier it stands.

    Safe to run from many processes at once, and again at every start.

    Raises:
        MigrationChanged: An applied file has other content now.
        MigrationMissing: The database knows files that this program lacks.
        TierLowered: The server offers less than the tier that the database was made on.
        ServerTooOld: PostgreSQL below 15.
    """
    with psycopg.connect(url, autocommit=True) as connection:
        if connection.info.server_version < OLDEST_SERVER:
            raise ServerTooOld(connection.info.server_version, OLDEST_SERVER)
        connection.execute("select pg_advisory_lock(%s)", (_LOCK,))
        connection.execute(_BOOKS)
        settled = _settle_tier(connection, tier)
        known = known_migrations(settled, folder)
        for migration in _pending(connection, known):
            _apply(connection, migration)
        return settled


def known_migrations(tier: Tier, folder: Path = FOLDER) -> list[Migration]:
    """The files that belong to a tier, in the order in which they run."""
    ranks = {suffix: rank for rank, suffix in enumerate(SUFFIXES[tier])}
    found = []
    for path in folder.glob("*.sql"):
        part = _NAME.fullmatch(path.name)
        if part is None:
            raise MigrationMissing([path.name])
        suffix = part["suffix"] or ""
        if suffix in ranks:
            name = path.name.removesuffix(".sql")
            text = path.read_text(encoding="utf-8")
            found.append(Migration(int(part["version"]), ranks[suffix], name, text))
    return sorted(found)


def probe_tier(connection: Connection) -> Tier:
    """The best tier that this server offers, without touching the schema.

    Asks for the preload first: where the extension's files lie on disk but are not
    preloaded, CREATE EXTENSION is FATAL and takes the connection with it.
    """
    preloaded = _text(connection, _PRELOADED)
    if "timescaledb" not in {name.strip() for name in preloaded.split(",")}:
        return "native"
    offered = connection.execute(
        "select from pg_available_extensions where name = 'timescaledb'"
    ).fetchone()
    if offered is None:
        return "native"
    connection.execute("create extension if not exists timescaledb")
    licence = _text(connection, "select coalesce(current_setting('timescaledb.license', true), '')")
    return "ts-community" if licence == "timescale" else "ts-apache"


def recorded_tier(connection: Connection) -> Tier | None:
    """The tier that the database was made on; None before its first migration."""
    row = connection.execute("select value from ioc_meta where key = 'storage_tier'").fetchone()
    return cast("Tier", row[0]) if row else None


def _settle_tier(connection: Connection, wanted: Tier | Literal["auto"]) -> Tier:
    recorded = recorded_tier(connection)
    if recorded == "native":
        return recorded
    found = probe_tier(connection) if wanted != "native" or recorded else "native"
    order = get_args(Tier)
    if recorded is None:
        if wanted != "auto" and order.index(wanted) > order.index(found):
            raise TierUnavailable(wanted, found)
        _record_tier(connection, found if wanted == "auto" else wanted)
        return found if wanted == "auto" else wanted
    if order.index(found) < order.index(recorded):
        _refuse_lowering(connection, recorded, found)
    if found != recorded:
        _record_tier(connection, found)
    return found


def _refuse_lowering(connection: Connection, recorded: Tier, found: Tier) -> NoReturn:
    """Say what stands in the way: migrations of the higher tier cannot be taken back."""
    if found == "native":
        raise TierLowered(recorded, found, "its tables are hypertables; preload timescaledb again")
    row = connection.execute(
        "select count(*) from timescaledb_information.chunks where is_compressed"
    ).fetchone()
    # Apache edition reads compressed chunks without an error and returns wrong rows
    # (timescale/timescaledb#7787).
    raise TierLowered(recorded, found, f"{row[0] if row else 0} compressed chunks exist")


def _record_tier(connection: Connection, tier: Tier) -> None:
    connection.execute(
        "insert into ioc_meta (key, value) values ('storage_tier', %s)"
        " on conflict (key) do update set value = excluded.value",
        (Json(tier),),
    )


def _pending(connection: Connection, known: list[Migration]) -> list[Migration]:
    rows = connection.execute("select name, sha256 from schema_migration").fetchall()
    applied = {str(name): str(sha256) for name, sha256 in rows}
    by_name = {migration.name: migration for migration in known}
    if unknown := sorted(applied.keys() - by_name.keys()):
        raise MigrationMissing(unknown)
    for name, sha256 in applied.items():
        if by_name[name].sha256 != sha256:
            raise MigrationChanged(name, sha256, by_name[name].sha256)
    return [migration for migration in known if migration.name not in applied]


def _apply(connection: Connection, migration: Migration) -> None:
    book = (
        "insert into schema_migration (name, version, sha256) values (%s, %s, %s)",
        (migration.name, migration.version, migration.sha256),
    )
    if migration.text.startswith(NO_TRANSACTION):
        for statement in migration.statements:
            connection.execute(sql.SQL(statement))
        connection.execute(*book)
        return
    with connection.transaction():
        connection.execute(sql.SQL(migration.text))
        connection.execute(*book)


def _text(connection: Connection, query: str) -> str:
    row = connection.execute(sql.SQL(query)).fetchone()
    return str(row[0]) if row else ""


# Only superusers are shown the preload list; the loader's own settings are there for
# everybody, and only where it is loaded.
_PRELOADED: Final = """
select coalesce(
    (select setting from pg_settings where name = 'shared_preload_libraries'),
    (select 'timescaledb' from pg_settings where name like 'timescaledb.%' limit 1),
    ''
)
"""
_BOOKS: Final = """
create table if not exists ioc_meta (key text primary key, value jsonb not null);
create table if not exists schema_migration (
    name text primary key,
    version int not null,
    sha256 text not null,
    applied_at timestamptz not null default now()
);
"""
