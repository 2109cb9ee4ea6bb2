"""From frame to wall: how long each hop takes, over the demo boxes and a real wall page.

Database, broker, ingest, API and the boxes run as `ioc up` runs them; the boxes carry
clocks (`probed`), the database says when each row was committed, and a wall in headless
Chromium when it was painted. All on one machine, so all on one clock.
"""

import json
import os
import shutil
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from statistics import quantiles
from typing import Any

import httpx
import yaml
from playwright.sync_api import Page, sync_playwright
from tests.bench.load import cpu_of_tree
from tests.bench.table import show
from tests.chaos.plant import Plant, eventually, plant

from ioc_cloud.auth import users
from ioc_cloud.ops import boundaries, demo, up, wall_build
from ioc_cloud.ops.supervise import Program
from ioc_edge import settings

HOPS = {
    "capture": ("frame", "taken"),
    "detect": ("taken", "detected"),
    "track, read, seal": ("detected", "drafted"),
    "spool (durable)": ("drafted", "spooled"),
    "publish": ("spooled", "sent"),
    "broker, ingest takes": ("sent", "received"),
    "ingest commits": ("received", "committed"),
    "server-sent event": ("committed", "streamed"),
    "wall paints": ("streamed", "painted"),
    "frame to wall": ("frame", "painted"),
}
WATCH_S = 120
COUNT_EVERY_S = 2.0
COMMITTED = """
select epoch::text, seq, id::text, extract(epoch from received_at)::float8,
    extract(epoch from pg_xact_commit_timestamp(xmin))::float8
from event
"""
PAINTED = """() => Object.fromEntries(
    [...document.querySelectorAll('[data-testid="event"][data-rendered-at]')]
        .map(item => [item.dataset.eventId, Number(item.dataset.renderedAt) / 1000]))"""


def main() -> None:
    boxes = demo.definitions()
    with plant(*(box.box for box in boxes), settings="track_commit_timestamp = on\n") as built:
        wall_build.build()
        detector = ready(built, boxes)
        streamed: dict[str, float] = {}
        with wall(built) as page:
            threading.Thread(target=listen, args=(built, streamed), daemon=True).start()
            for box in boxes:
                built.services[box.box].start()
            before, began = usage(built), time.monotonic()
            painted = watch(page)
            seconds = time.monotonic() - began
            cores = {name: (cpu - before[name]) / seconds for name, cpu in usage(built).items()}
        for box in boxes:
            built.services[box.box].stop()
        events = list(joined(built, streamed, painted))
    for kind in ("plate", "traffic"):
        chosen = [event for event in events if event["kind"] == kind]
        report(f"hops, {kind} events, detector {detector}", chosen)
    rows = [(name, f"{used:.2f}") for name, used in cores.items()]
    show("cores used meanwhile", ("", "cores"), rows)


def usage(built: Plant) -> dict[str, float]:
    """CPU seconds of each part so far; the browser is what else we started."""
    parts = {
        name: cpu_of_tree(service.process.pid)
        for name, service in built.services.items()
        if service.process
    }
    return parts | {"browser, this bench": cpu_of_tree(os.getpid()) - sum(parts.values())}


def ready(built: Plant, boxes: Sequence[demo.DemoBox]) -> str:
    """Everything but the boxes runs; each box has its video and its probed program."""
    with built.database() as database:
        built.home.secret("operator")
        scopes = ["wall:read", "status:read"]
        users.create(database, up.OPERATOR, built.home.secret("operator"), scopes)
        boundaries.load(built.home, database)
    for name in ("ingest", "api"):
        built.services[name].start()
    detector = "own"
    for box in boxes:
        for camera in box.cameras:
            demo.Rendering(built.home, camera).follow()
        path = demo.write_configuration(built.home, box, built.enrol(box.box), None)
        config = yaml.safe_load(path.read_text()) | {"count_every_s": COUNT_EVERY_S}
        if not settings.BUILT_IN_DETECTOR.exists():
            config["detector"] = detector = "motion"
        path.write_text(yaml.safe_dump(config))
        out = built.home.boxes / f"{box.box}.jsonl"
        command = [sys.executable, "-m", "tests.bench.probed", str(path), str(out)]
        built.add(Program(box.box, command))
    eventually(lambda: answers(built), within_s=60)
    return detector


def answers(built: Plant) -> bool:
    try:
        return httpx.get(f"{url(built)}/api/health").is_success
    except httpx.TransportError:
        return False


def url(built: Plant) -> str:
    return built.ports.url


def listen(built: Plant, streamed: dict[str, float]) -> None:
    """Note when each event arrives on the live line, until the API goes away."""
    with httpx.Client(base_url=url(built), timeout=60) as client:
        login = {"user": up.OPERATOR, "password": built.home.secret("operator")}
        client.post("/api/session", json=login).raise_for_status()
        name = ""
        try:
            with client.stream("GET", "/api/stream") as answer:
                for line in answer.iter_lines():
                    if line.startswith("event:"):
                        name = line.removeprefix("event:").strip()
                    elif line.startswith("data:") and name == "event":
                        body = json.loads(line.removeprefix("data:"))
                        streamed.setdefault(body["id"], time.time())
        except httpx.TransportError:
            return


@contextmanager
def wall(built: Plant) -> Iterator[Page]:
    """A wall page, signed in."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=shutil.which("chromium"),
            args=["--no-sandbox", "--use-angle=swiftshader", "--enable-unsafe-swiftshader"],
        )
        page = browser.new_page(viewport={"width": 1280, "height": 720})
        page.goto(url(built))
        form = page.get_by_test_id("login")
        form.locator('input[name="user"]').fill(up.OPERATOR)
        form.locator('input[name="password"]').fill(built.home.secret("operator"))
        form.locator('button[type="submit"]').click()
        page.get_by_test_id("events").wait_for(timeout=60_000)
        yield page
        browser.close()


def watch(page: Page) -> dict[str, float]:
    """When each event was painted; the list keeps the newest, so look often."""
    painted: dict[str, float] = {}
    until = time.monotonic() + WATCH_S
    while time.monotonic() < until:
        page.wait_for_timeout(2_000)
        painted = page.evaluate(PAINTED) | painted
    return painted


def joined(
    built: Plant, streamed: dict[str, float], painted: dict[str, float]
) -> Iterator[dict[str, Any]]:
    """Events that came the whole way, with every mark."""
    with built.database() as database:
        rows = database.execute(COMMITTED).fetchall()
    cloud = {(epoch, seq): marks for epoch, seq, *marks in rows}
    for path in Path(built.home.boxes).glob("*.jsonl"):
        for event in map(json.loads, path.read_text().splitlines()):
            identifier, received, committed = cloud.get((event["epoch"], event["seq"]), (0, 0, 0))
            if identifier in painted and identifier in streamed and "frame" in event:
                event |= {"received": received, "committed": committed}
                event |= {"streamed": streamed[identifier], "painted": painted[identifier]}
                yield event


def report(title: str, events: Sequence[dict[str, Any]]) -> None:
    if len(events) < 2:
        print(f"\n{title}: {len(events)} events, too few to say anything")
        return
    rows = []
    whole = sum(event["painted"] - event["frame"] for event in events)
    for name, (begin, end) in HOPS.items():
        spans = [(event[end] - event[begin]) * 1e3 for event in events]
        cuts = quantiles(spans, n=20, method="inclusive")
        share = sum(spans) / 1e3 / whole
        rows.append((name, f"{cuts[9]:.0f}", f"{cuts[18]:.0f}", f"{share:.0%}"))
    show(f"{title}: {len(events)} events", ("", "p50 ms", "p95 ms", "share"), rows)
