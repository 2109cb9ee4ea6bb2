"""Typed views for people who think in SQL: `landing.<feed>_<table>`, one a table of a contract.

They show the rows that count, never a field that speaks of a person.
"""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final

from ioc_cloud.db import feeds_export_sql as sql
from ioc_cloud.db.pool import Connection
from ioc_cloud.feeds.catalogue import Catalogue
from ioc_models.feeds import Contract, FieldSpec, TableSpec

# PostgreSQL cuts names off behind this many bytes.
NAME_BYTES: Final = 63
# Columns that every view has beside its fields.
OWN: Final = frozenset(
    {"period", "period_start", "area", "key", "version", "as_of", "received_at", "provenance",
     "batch"}
)  # fmt: skip
# Raised when the views themselves change shape, so that they are made again.
SHAPE: Final = 1


@dataclass(slots=True)
class Applied:
    """What was done, by the views' names."""

    made: list[str] = field(default_factory=list)
    kept: list[str] = field(default_factory=list)
    dropped: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class View:
    """A view to be."""

    name: str
    feed: Contract
    table: TableSpec

    @property
    def fields(self) -> tuple[FieldSpec, ...]:
        """The columns that it shows."""
        return tuple(spec for spec in self.table.fields if not spec.pii)

    @property
    def wording(self) -> str:
        """What it is made from; another wording makes it anew."""
        said = f"{SHAPE}{self.feed.id}{self.table.model_dump_json()}"
        return hashlib.sha256(said.encode()).hexdigest()

    def columns(self) -> list[tuple[str, str, str]]:
        """Code, type and name of its own columns; a name that every view has gets a tail."""
        return [
            (spec.code, spec.type.value, f"{spec.code}_value" if spec.code in OWN else spec.code)
            for spec in self.fields
        ]


def views(catalogue: Catalogue) -> list[View]:
    """Every view that a catalogue asks for; no two share a name."""
    found: dict[str, View] = {}
    for feed in catalogue.feeds.values():
        for table in feed.tables:
            name = _name(feed, table)
            if name in found or len(name) > NAME_BYTES:
                mark = hashlib.sha256(f"{feed.id}/{table.id}".encode()).hexdigest()[:8]
                name = f"{name[: NAME_BYTES - 9]}_{mark}"
            found[name] = View(name, feed, table)
    return list(found.values())


def _name(feed: Contract, table: TableSpec) -> str:
    # Ids of feeds and tables are ASCII: letters, digits, hyphens and underscores.
    return f"{feed.id.replace('-', '_')}_{table.id}"


def apply(connection: Connection, catalogue: Catalogue) -> Applied:
    """Make the views that are wanted, leave those that stand, drop those of no contract.

    Call as the database's owner, at start; a second time changes nothing.

    Raises:
        psycopg.errors.DependentObjectsStillExist: Somebody built upon a view that must go.
    """
    applied = Applied()
    with connection.transaction():
        connection.execute(sql.MAKE_SCHEMA)
        connection.execute(sql.OPEN_SCHEMA)
        standing = dict(_standing(connection))
        wanted = {one.name: one for one in views(catalogue)}
        for name, said in standing.items():
            if name not in wanted or wanted[name].wording != said:
                connection.execute(sql.drop_view(name))
                applied.dropped.append(name)
        for name, one in wanted.items():
            if standing.get(name) == one.wording:
                applied.kept.append(name)
            else:
                _make(connection, one)
                applied.made.append(name)
    return applied


def _standing(connection: Connection) -> Iterator[tuple[str, str]]:
    """Our own views; others that people put into the schema are none of our business."""
    for name, comment in connection.execute(sql.LANDED, (sql.LANDING,)):
        if comment.startswith(sql.MARK):
            yield name, comment.removeprefix(sql.MARK)


def _make(connection: Connection, one: View) -> None:
    connection.execute(sql.view(one.name, one.feed.id, one.table.id, one.columns()))
    connection.execute(sql.mark_view(one.name, one.wording))
    for spec, (_, _, column) in zip(one.fields, one.columns(), strict=True):
        unit = f" ({spec.unit})" if spec.unit else ""
        words = f"{spec.title.vi} / {spec.title.en}{unit}"
        connection.execute(sql.explain_column(one.name, column, words))
    connection.execute(sql.open_view(one.name))
