"""What runs, with how many events, parked and lost: for people, probes and the command line."""

from importlib.metadata import version
from typing import Any

from ioc_cloud.db import api_sql as sql
from ioc_cloud.db.feeds_read_sql import STATUS_ALERTS, STATUS_DELIVERIES, STATUS_SOURCES
from ioc_cloud.db.pool import Connection
from ioc_cloud.db.twin_outbox_sql import BACKLOG
from ioc_cloud.events.shown import iso


def collect(connection: Connection) -> dict[str, Any]:
    """State of the system as JSON values; no plate, no payload, no secret in it."""
    boxes = _rows(connection, sql.BOXES, {"boxes": None})
    total, any_simulated, simulated = _rows(connection, sql.STATUS_EVENTS)[0]
    last_received_at = _rows(connection, sql.STATUS_LAST)[0][0]
    pictures, picture_bytes = _rows(connection, sql.STATUS_EVIDENCE)[0]
    return {
        **_software(connection),
        "simulated": any_simulated,
        "events": {
            "total": total,
            "simulated": simulated,
            "by_kind": dict(_rows(connection, sql.STATUS_KINDS)),
            "last_received_at": _iso(last_received_at),
        },
        "parked": _parked(connection),
        "lost": _lost(connection),
        "doors": [
            {"door": door, "reason": reason, "n": n, "last_at": _iso(at)}
            for door, reason, n, at in _rows(connection, sql.STATUS_DOORS)
        ],
        "evidence": {"stored": pictures, "bytes": picture_bytes},
        "boxes": [
            {
                "id": row[0],
                "online": row[1],
                "status_at": _iso(row[2]),
                "last_seen_at": _iso(row[3]),
                "epoch": str(row[4]) if row[4] else None,
                "versions": row[5],
                "signs": row[6],
            }
            for row in boxes
        ],
        "cameras": _cameras(connection),
        "twin": _twin(connection),
        "feeds": _feeds(connection),
    }


def _feeds(connection: Connection) -> dict[str, Any]:
    """What was delivered and what was kept out, sources in trouble, and what is still to do."""
    deliveries, refused, rows, parked, waiting, last_at = _rows(connection, STATUS_DELIVERIES)[0]
    return {
        "deliveries": deliveries,
        "refused": refused,
        "rows": rows,
        "parked_rows": parked,
        "unsettled": waiting,
        "last_received_at": _iso(last_at),
        "open_alerts": _rows(connection, STATUS_ALERTS)[0][0],
        "sources_failing": {
            name: {"failures": n, "failure": why}
            for name, n, why in _rows(connection, STATUS_SOURCES)
        },
    }


def _twin(connection: Connection) -> dict[str, Any]:
    """Things and policies, and what still waits to go to a real Ditto."""
    things = dict(_rows(connection, sql.STATUS_THINGS))
    waiting, parked, oldest_at = _rows(connection, BACKLOG)[0]
    return {
        "things": sum(things.values()),
        "by_namespace": things,
        "policies": _rows(connection, sql.STATUS_POLICIES)[0][0],
        "outbox": {"waiting": waiting, "parked": parked, "oldest_at": _iso(oldest_at)},
    }


def _software(connection: Connection) -> dict[str, Any]:
    meta = dict(_rows(connection, sql.STATUS_META))
    server, postgis, timescaledb, schema = _rows(connection, sql.STATUS_VERSIONS)[0]
    return {
        "storage_tier": meta["storage_tier"],
        "boundaries": meta.get("communes"),
        "versions": {
            "ioc_cloud": version("ioc-cloud"),
            "schema": schema,
            "postgresql": server,
            "postgis": postgis,
            "timescaledb": timescaledb,
        },
    }


def _parked(connection: Connection) -> dict[str, Any]:
    rows = _rows(connection, sql.STATUS_PARKED)
    return {
        "total": sum(times for _, times, _, _ in rows),
        "by_reason": {reason: times for reason, times, _, _ in rows},
        "distinct": sum(distinct for _, _, distinct, _ in rows),
        "last_at": _iso(max((at for *_, at in rows), default=None)),
    }


def _lost(connection: Connection) -> dict[str, Any]:
    """Holes in the sequences that boxes number their events by."""
    rows = _rows(connection, sql.STATUS_SEQUENCES)
    holes = [
        {"box": box, "epoch": str(epoch), "last_seq": int(last), "missing": int(missing)}
        for box, epoch, last, missing in rows
    ]
    return {"missing_seqs": sum(int(row[3]) for row in rows), "boxes": holes}


def _cameras(connection: Connection) -> list[dict[str, Any]]:
    names = (
        "box", "id", "title_vi", "simulated", "state", "retired", "last_seen_at",
        "last_event_at", "fps", "skipped_frames", "spool_events", "evidence_pending", "counts",
    )  # fmt: skip
    shown = [dict(zip(names, row, strict=True)) for row in _rows(connection, sql.STATUS_CAMERAS)]
    for camera in shown:
        camera["last_seen_at"] = _iso(camera["last_seen_at"])
        camera["last_event_at"] = _iso(camera["last_event_at"])
    return shown


def _rows(
    connection: Connection, query: str, parameters: dict[str, Any] | None = None
) -> list[tuple[Any, ...]]:
    return connection.execute(query, parameters).fetchall()


def _iso(at: Any) -> str | None:  # noqa: ANN401 a column, or nothing
    return iso(at) if at is not None else None
