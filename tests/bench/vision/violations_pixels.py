"""The whole product on rendered film: decode, detect, track, read signals and heads, judge."""

import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
from tests.bench.vision.violations import NEAR, POSITIVES, quotas, rule_of, table, tally
from tests.support.staged import Outcome, casts, film_spec, scene_of

from ioc_edge import scene_file
from ioc_edge.scene.camera import mounted
from ioc_edge.scene.situations import SITUATIONS
from ioc_edge.scene.spec import Header
from ioc_edge.scene.video import write_video
from ioc_models.violations import RULES
from ioc_models.violations.contract import Finding

OVERLAP = 0.3


def pixels(clips: int, seed: int, only: Sequence[str] = ()) -> None:
    """Some clips for each rule; they are few, so this shows that it works, not how well."""
    began, outcomes = time.monotonic(), []
    for number, rule in enumerate(only or RULES):
        rng = np.random.default_rng([seed, number])
        for index, names in enumerate(chosen(rule, clips, rng)):
            outcomes.append(filmed(names, seed + 100 * number + index, rule))
            print(f"  {rule}: {names} -> {[found[:3] for found in outcomes[-1].found]}", flush=True)
    staged = sum(len(outcome.staged) for outcome in outcomes)
    table(
        f"violations, PIXELS through the whole product: {staged} situations in {len(outcomes)} "
        f"films, {time.monotonic() - began:.0f} s",
        tally(outcomes),
    )


def chosen(rule: str, clips: int, rng: np.random.Generator) -> list[list[str]]:
    """Situations of one rule over some clips, broken and tempting ones mixed."""
    names = [name for name in quotas(clips / POSITIVES) if rule_of(name) == rule]
    broken = [name for name in names if SITUATIONS[name].broken]
    tempting = [name for name in names if not SITUATIONS[name].broken]
    rng.shuffle(tempting)
    picked = casts([*broken, *tempting], rng)
    picked.sort(key=lambda clip: -sum(SITUATIONS[name].broken for name in clip))
    return picked[:clips]


def filmed(names: Sequence[str], seed: int, rule: str) -> Outcome:
    """Render, run the product over the film, and match what it told with the truth."""
    banned = "lorry" in names
    view = "plates" if rule in NEAR else "approach"
    spec = film_spec(names, seed, banned=banned, view=view)
    with tempfile.TemporaryDirectory(dir="/var/tmp") as folder:
        film = Path(folder) / "film.mp4"
        write_video(spec, film, film.with_suffix(".jsonl"))
        mount = np.random.default_rng(np.random.SeedSequence(seed).spawn(6)[0])
        scene = Path(folder) / "scene.yaml"
        scene_file.save(scene_of(spec, mounted(spec, mount)), scene)
        events = Path(folder) / "events.jsonl"
        subprocess.run(
            [
                sys.executable, "-m", "ioc_edge", "run", str(film), "--scene", str(scene),
                "--events", str(events), "--no-publish", "--began", spec.clock.isoformat(),
                "--fps", "10",
            ],
            check=True, capture_output=True,
        )  # fmt: skip
        told = [json.loads(line) for line in events.read_text().splitlines()]
        header, *frames = film.with_suffix(".jsonl").read_text().splitlines()
    truth = [json.loads(line) for line in frames]
    staged = {each.track: each.name for each in Header.model_validate_json(header).staged}
    outcome = Outcome(staged=staged, banned=banned)
    outcome.lorries = {
        box["track"] for frame in truth for box in frame["boxes"] if box["label"] == "truck"
    }
    for event in told:
        if event["kind"] == "violation":
            owner = owner_of(event["data"], truth, spec.clock.timestamp(), spec.fps)
            finding = Finding.model_construct(**event["data"])
            rule_told = event["data"]["rule"]
            outcome.found.append((rule_told, owner, staged.get(owner, ""), finding))
    return outcome


def owner_of(data: dict[str, Any], truth: list[dict[str, Any]], began: float, fps: float) -> int:
    """The true track whose boxes lie best on those of the accused path; 0 when none does."""
    poses = ((data.get("case") or {}).get("path") or {}).get("poses", [])
    overlaps: dict[int, list[float]] = {}
    for pose in poses:
        index = round((pose["at"] - began) * fps)
        if not 0 <= index < len(truth):
            continue
        for box in truth[index]["boxes"]:
            if box["label"] not in {"person", "plate"}:
                overlaps.setdefault(box["track"], []).append(_iou(pose["box_px"], box["xyxy"]))
    best = max(overlaps, key=lambda track: median(overlaps[track]), default=0)
    return best if best and median(overlaps[best]) > OVERLAP else 0


def _iou(a: Sequence[float], b: Sequence[float]) -> float:
    wide, tall = min(a[2], b[2]) - max(a[0], b[0]), min(a[3], b[3]) - max(a[1], b[1])
    common = max(0.0, wide) * max(0.0, tall)
    return common / max(1.0, (a[2] - a[0]) * (a[3] - a[1]) + (b[2] - b[0]) * (b[3] - b[1]) - common)


if __name__ == "__main__":
    pixels(int(sys.argv[1]), int(sys.argv[2]), sys.argv[3:])
