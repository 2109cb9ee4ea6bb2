"""Ready-made things of the edge tests; the camera and the detector are the only fakes."""

from datetime import datetime, timezone

from ioc_edge.spool import Draft, Quota

BOX = "box-01"
NOON = datetime(2026, 11, 24, 5, 0, tzinfo=timezone.utc)
ANY_QUOTA = Quota(keep_free_bytes=0)


def traffic(frames: int = 1) -> Draft:
    return Draft(
        kind="traffic",
        seen_at=NOON,
        camera="cam-1",
        data={
            "from_at": "2026-11-24T04:59:00Z",
            "to_at": "2026-11-24T05:00:00Z",
            "counts": {"car": 1},
            "frames": frames,
        },
    )
