"""Plates per vehicle pass on rendered streets, through `ioc-edge run` as anybody would call it.

A pass is a vehicle whose plate a person could read in three frames or more. It is read when
an event tells its text while it is in view; an event that tells any other text is wrong.
"""

import contextlib
import io
import json
import tempfile
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from pathlib import Path

from tests.bench.table import show
from tests.bench.vision.rendered import Clip, clip, specs

from ioc_edge import settings
from ioc_edge.main import main as ioc_edge

BEGAN = datetime(2026, 1, 15, 2, tzinfo=timezone.utc)
LEAST_FRAMES = 3
# An event's time is that of the best look; the plate may have been in view a little around it.
AROUND = timedelta(seconds=1)
GOALS = {False: "goal: read >= 0.97, wrong <= 0.005", True: "goal: read >= 0.90, wrong <= 0.01"}


@dataclass
class Tally:
    """Of all clips of one kind."""

    passes: int = 0
    read: int = 0
    wrong: int = 0
    again: int = 0
    unread: list[str] = field(default_factory=list)
    mistaken: list[str] = field(default_factory=list)

    def row(self, name: str) -> list[object]:
        """For the table."""
        shares = (f"{n / max(1, self.passes):.3f}" for n in (self.read, self.wrong))
        return [name, self.passes, self.read, self.wrong, *shares, self.again]


def main() -> None:
    ways: dict[str, list[str]] = {"shipped models": []}
    if settings.built_in_reader() != "ppocr":
        ways["PP-OCR and the grammar"] = ["--reader", "ppocr"]
    for dusk_rain in (False, True):
        clips = [clip(one) for one in specs("plates", dusk_rain=dusk_rain)]
        tallies = {name: total(clips, options) for name, options in ways.items()}
        when = "at dusk in rain" if dusk_rain else "by day"
        heads = ("", "passes", "read", "wrong", "read rate", "wrong rate", "told twice")
        show(
            f"passes {when}: {len(clips)} clips of 30 s ({GOALS[dusk_rain]}; UFPR/SSIG published "
            "0.935 per vehicle)",
            heads,
            [tally.row(name) for name, tally in tallies.items()],
        )
        for name, tally in tallies.items():
            for what, texts in (("not read", tally.unread), ("wrong", tally.mistaken)):
                if texts:
                    print(f"  {name}, {what}: {' '.join(sorted(texts))}")


def total(clips: Sequence[Clip], options: Sequence[str]) -> Tally:
    """Every clip through the command, judged."""
    tally = Tally()
    for one in clips:
        judge(one, events(one.path, options), tally)
    return tally


def events(video: Path, options: Sequence[str]) -> list[tuple[datetime, str]]:
    """Time and text of every plate that the command tells of a film."""
    with tempfile.TemporaryDirectory(dir="/var/tmp") as folder:
        out = Path(folder) / "events.jsonl"
        command = ["run", str(video), "--events", str(out), "--no-publish"]
        with contextlib.redirect_stderr(io.StringIO()) as told:
            code = ioc_edge([*command, "--began", BEGAN.isoformat(), *options])
        if code:
            raise RuntimeError(told.getvalue())
        lines = [json.loads(line) for line in out.read_text(encoding="utf-8").splitlines()]
    return [
        (datetime.fromisoformat(line["seen_at"]), line["data"]["plate"]["text"])
        for line in lines
        if line["kind"] == "plate"
    ]


def judge(one: Clip, told: Sequence[tuple[datetime, str]], tally: Tally) -> None:
    """Count what was told of a clip against what it shows."""
    legible: Counter[str] = Counter()
    shown: list[tuple[datetime, str]] = []
    for truth in one.truth:
        at = BEGAN + timedelta(seconds=truth.t_s)
        for box in truth.boxes:
            if box.label != "plate" and box.plate is not None and box.plate_xyxy is not None:
                legible[box.plate] += box.plate_legible
                shown.append((at, box.plate))
    passes = {text for text, frames in legible.items() if frames >= LEAST_FRAMES}
    right: Counter[str] = Counter()
    for at, text in told:
        if any(text == plate and abs(at - then) <= AROUND for then, plate in shown):
            right[text] += 1
        else:
            tally.mistaken.append(text)
    tally.passes += len(passes)
    tally.read += len(passes & right.keys())
    tally.wrong += len(told) - right.total()
    tally.again += right.total() - len(right)
    tally.unread += sorted(passes - right.keys())


if __name__ == "__main__":
    main()
