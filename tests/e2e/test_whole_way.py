"""A camera's video becomes an event on the REST API and a point on the wall."""

import hashlib
import json
import os
import shutil
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import httpx
import pytest
from playwright.sync_api import Browser, Page, expect
from tests.e2e.product import REPOSITORY, Product

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(600)]
PLATE_S = 120_000
EVIDENCE_S = 60


def log_in(page: Page, product: Product) -> None:
    """Open the wall as the operator."""
    page.goto(product.url)
    form = page.get_by_test_id("login")
    form.locator('input[name="user"]').fill("operator")
    form.locator('input[name="password"]').fill(product.password)
    form.locator('button[type="submit"]').click()


def event_with_evidence(client: httpx.Client, event_id: str) -> dict[str, Any]:
    """The event once its pictures have arrived; they travel apart from it."""
    end = time.monotonic() + EVIDENCE_S
    while True:
        answer = client.get(f"/api/events/{event_id}")
        assert answer.status_code == 200, answer.text
        event: dict[str, Any] = answer.json()
        if all(picture["stored"] for picture in event["evidence"]) or time.monotonic() > end:
            return event
        time.sleep(0.5)


def test_a_plate_of_the_demo_camera_reaches_wall_and_rest_with_its_evidence(
    product: Product, browser: Browser
) -> None:
    outside: list[str] = []
    page = browser.new_page(viewport={"width": 1920, "height": 1080})
    page.on(
        "request",
        lambda request: (
            None
            if request.url.startswith((product.url, "data:", "blob:"))
            else outside.append(request.url)
        ),
    )
    log_in(page, product)
    plate = page.locator('[data-testid="event"][data-kind="plate"]').first
    expect(plate).to_be_visible(timeout=PLATE_S)
    event_id = plate.get_attribute("data-event-id")
    assert event_id
    token = product.ioc("key", "add", "e2e", "--scope", "events:read", "--scope", "evidence:read")
    assert token.returncode == 0, token.stderr
    headers = {"Authorization": f"Bearer {token.stdout.strip()}"}
    with httpx.Client(base_url=product.url, headers=headers) as client:
        event = event_with_evidence(client, event_id)
        assert event["id"] == event_id
        assert event["kind"] == "plate"
        assert event["simulated"] is True
        assert event["signature"] == "valid"
        assert event["commune"] is not None
        assert event["evidence"]
        for picture in event["evidence"]:
            assert picture["stored"]
            content = client.get(picture["url"]).content
            assert hashlib.sha256(content).hexdigest() == picture["sha256"]
            assert content.startswith(b"\xff\xd8")
        everywhere = page.content()
        for known in client.get("/api/events", params={"kind": "plate"}).json()["items"]:
            assert known["plate"] not in everywhere
    expect(page.get_by_test_id("simulated")).to_be_visible()
    assert outside == []
    page.wait_for_timeout(4_000)
    _keep_screenshot(page)
    page.close()


def _keep_screenshot(page: Page) -> None:
    """Save the README's picture; it replaces the one in the repository only when asked to."""
    target = REPOSITORY / "var" / "wall.png"
    target.parent.mkdir(exist_ok=True)
    page.screenshot(path=target)
    if os.environ.get("IOC_SAVE_SCREENSHOT"):
        shutil.copy(target, REPOSITORY / "docs" / "wall.png")


def test_nothing_is_lost_or_parked_in_an_undisturbed_run(product: Product) -> None:
    found = product.status()
    assert found["events"]["total"] > 0
    assert found["lost"]["missing_seqs"] == 0
    assert found["parked"]["total"] == 0, found["parked"]
    assert {process["state"] for process in found["processes"]} == {"running"}


def test_an_outsider_becomes_a_box_with_a_plain_paho_script(
    product: Product, tmp_path: Path
) -> None:
    added = product.ioc("box", "add", "tram-song-doc", "--json")
    assert added.returncode == 0, added.stderr
    credentials = tmp_path / "station.json"
    credentials.write_text(added.stdout)
    before = product.status()["events"]["by_kind"].get("water_level", 0)
    station = REPOSITORY / "docs" / "examples" / "station.py"
    done = subprocess.run(
        [sys.executable, station, credentials, "1.42"],
        capture_output=True, text=True, check=False, timeout=60,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["ok"] == [[1, 1]]
    assert product.status()["events"]["by_kind"]["water_level"] == before + 1


def test_a_taken_port_is_a_clear_error(home: Path) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        taken = Product(home / "taken", http=other.getsockname()[1])
        done = taken.ioc("up")
    assert done.returncode == 1
    assert f"port {taken.http} on 127.0.0.1 is taken" in done.stderr
    assert "--http-port" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_second_start_finds_its_data_and_the_first_left_nothing_running(
    product: Product,
) -> None:
    before = product.status()
    assert product.ioc("down").returncode == 0
    assert product.process is not None
    assert product.process.wait(60) == 0
    for process in before["processes"]:
        assert not Path(f"/proc/{process['pid']}").exists(), process["name"]
    assert product.ioc("status").returncode == 1
    product.up()
    assert product.status()["events"]["total"] >= before["events"]["total"]
