"""Events as a box would write them."""

import json
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from typing import Any
from uuid import UUID, uuid4

from ioc_models import topics
from ioc_models.events import new_id

CA_MAU_CITY = {"lon": 105.1524, "lat": 9.1769}


def now() -> datetime:
    return datetime.now(timezone.utc)


def plate_data(text: str = "69A12345") -> dict[str, Any]:
    return {
        "plate": {
            "text": text,
            "raw": text,
            "confidence": 0.97,
            "characters": [0.9] * len(text),
            "legal": True,
            "lines": 1,
            "runner_up": text[:-1] + "6",
            "margin": 0.3,
            "votes": 5,
        },
        "vehicle": {"label": "car", "confidence": 0.9},
    }


def violation_data(text: str = "69A12345", **over: Any) -> dict[str, Any]:
    """A vehicle that ran a red light, without the case."""
    at = "2026-11-24T03:00:00Z"
    return {
        "rule": "red_light",
        "rule_version": "168/2024/NĐ-CP",
        "clause": {
            "reference": "6.9.b",
            "version": "168/2024/NĐ-CP",
            "title_vi": "Không chấp hành hiệu lệnh của đèn tín hiệu giao thông",
            "fine_vnd": None,
            "points": None,
        },
        "before_at": at,
        "at": at,
        "after_at": at,
        "evidence": [{"role": "event", "at": 1.79e9}],
        "vehicle": "car",
        "vehicle_confidence": 0.93,
        "track": 7,
        "plate": {"text": text, "confidence": 0.98, "margin": 0.9},
        "scene_sha256": "cd" * 32,
        **over,
    }


@dataclass
class BoxSim:
    """Makes the events of one spool, seq by seq."""

    box: str = "box-01"
    camera: str = "cam-01"
    epoch: UUID = field(default_factory=uuid4)
    boot: UUID = field(default_factory=uuid4)
    seq: int = 0

    def event(
        self, kind: str = "plate", *, ago: timedelta = timedelta(), **over: Any
    ) -> dict[str, Any]:
        """The next event; keyword arguments replace fields of the envelope."""
        self.seq += 1
        seen_at = over.pop("seen_at", now() - ago)
        body: dict[str, Any] = {
            "v": 1,
            "id": str(new_id(seen_at)),
            "box": self.box,
            "epoch": str(self.epoch),
            "seq": self.seq,
            "boot": str(self.boot),
            "kind": kind,
            "camera": self.camera,
            "seen_at": seen_at.isoformat(),
            "clock": {"synced": True, "offset_ms": 1.5},
            "simulated": True,
            "location": CA_MAU_CITY,
            "data": plate_data(),
            "evidence": [],
            "models": [{"name": "reader", "sha256": "ab" * 32}],
        }
        return body | over

    def topic(self, kind: str = "plate") -> str:
        return topics.event(self.box, kind)


def wire(body: dict[str, Any]) -> bytes:
    return json.dumps(body, ensure_ascii=False).encode()
