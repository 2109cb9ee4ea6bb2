"""`ioc up`: from a prepared machine to live events on the wall."""

import json
import os
import signal
import sys
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

import httpx
import psycopg
from rich.console import Console
from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from ioc_cloud.auth import users
from ioc_cloud.db import migrate
from ioc_cloud.errors import CloudError
from ioc_cloud.ops import boundaries, broker, demo, postgres, wall_build
from ioc_cloud.ops.home import Home, Ports, runs_as, write_private
from ioc_cloud.ops.supervise import Program, Supervisor

OPERATOR = "operator"
FIRST_EVENT_S = 180.0
API_S = 60.0


class NotAnswering(CloudError):
    """A started process does not do its work."""


@dataclass(frozen=True)
class Options:
    """What the command line may choose."""

    ports: Ports
    video: str | None
    tls: dict[str, Path]
    boundaries: Path | None


class Steps:
    """Progress on the terminal: one line a step, bilingual, plain when nobody watches."""

    def __init__(self) -> None:
        """Show on standard error, so that what is asked for stays alone on output."""
        self.console = Console(stderr=True, highlight=False)
        self._began = time.monotonic()

    @contextmanager
    def step(self, title: str) -> Iterator[None]:
        """Show a step while it runs and how long it took."""
        began = time.monotonic()
        if self.console.is_terminal:
            with self.console.status(title):
                yield
        else:
            yield
        self.console.print(f"  [green]✓[/] {title} [dim]{time.monotonic() - began:.1f} s[/]")

    def elapsed_s(self) -> float:
        """Seconds since the command began."""
        return time.monotonic() - self._began


def programs(home: Home, options: Options, box_names: Sequence[str]) -> list[Program]:
    """Every process of one machine, in the order in which they start."""
    environment = cloud_environment(home, options)
    python = sys.executable
    return [
        Program(
            "postgres",
            postgres.command(home),
            user=runs_as("postgres") if os.geteuid() == 0 else None,
            stop_signal="INT",
            stop_wait_s=60,
        ),
        Program("mosquitto", broker.command(home)),
        Program("ingest", [python, "-m", "ioc_cloud.ingest"], environment),
        Program("api", [python, "-m", "ioc_cloud.app"], environment),
        *(
            Program(name, [python, "-m", "ioc_edge", "run", str(home.boxes / f"{name}.yaml")])
            for name in box_names
        ),
    ]


def cloud_environment(home: Home, options: Options) -> dict[str, str]:
    """Settings of ingest and API; each gets the database roles of both, files stay private."""
    ports = options.ports
    home.secret("mqtt-ingest")
    environment = {
        "IOC_HOME": str(home.root),
        "IOC_DATABASE_URL": postgres.url(home, postgres.OWNER),
        "IOC_INGEST_DATABASE_URL": postgres.url(home, "ioc_ingest"),
        "IOC_API_DATABASE_URL": postgres.url(home, "ioc_api"),
        "IOC_MQTT_HOST": ports.mqtt_host,
        "IOC_MQTT_PORT": str(ports.mqtt),
        "IOC_MQTT_USER": broker.INGEST,
        "IOC_MQTT_PASSWORD_FILE": str(home.secrets / "mqtt-ingest"),
        "IOC_HTTP_HOST": ports.http_host,
        "IOC_HTTP_PORT": str(ports.http),
        "IOC_WALL_DIR": str(wall_build.DIST),
        "IOC_EVIDENCE_DIR": str(home.evidence),
    }
    if "cafile" in options.tls:
        environment["IOC_MQTT_CA_FILE"] = str(options.tls["cafile"])
    return environment


def run(home: Home, options: Options) -> None:
    """Start everything, say where it is, and stop it all at Ctrl-C.

    Raises:
        CloudError: Any part that will not start, with what to do about it.
    """
    steps = Steps()
    steps.console.print("[bold]Cà Mau IOC[/] — Trung tâm điều hành / operations centre")
    home.open()
    options.ports.claim()
    definitions = demo.definitions()[:1] if options.video else demo.definitions()
    with steps.step("Dựng trang màn hình / building the wall's page"):
        wall_build.build()
    with steps.step("Chuẩn bị cơ sở dữ liệu và bộ chuyển tin / preparing database and broker"):
        postgres.prepare(home)
        broker.prepare(home, options.ports, options.tls)
        write_private(home.root / "ports.json", json.dumps(asdict(options.ports)))
    supervisor = Supervisor(home, programs(home, options, [box.box for box in definitions]))
    _stop_on_signals()
    try:
        _start(home, options, steps, supervisor, definitions)
        _watch(supervisor)
    except KeyboardInterrupt:
        steps.console.print("\nDừng lại / stopping ...")
    finally:
        supervisor.stop()
    steps.console.print("Đã dừng; dữ liệu được giữ lại / stopped; the data is kept.")


def _stop_on_signals() -> None:
    def interrupt(_number: int, _frame: object) -> None:
        raise KeyboardInterrupt

    signal.signal(signal.SIGTERM, interrupt)
    signal.signal(signal.SIGHUP, interrupt)


def _start(
    home: Home,
    options: Options,
    steps: Steps,
    supervisor: Supervisor,
    definitions: Sequence[demo.DemoBox],
) -> None:
    with steps.step("PostgreSQL"):
        supervisor.start("postgres")
        postgres.wait_until_up(home, 60)
        postgres.make_roles(home)
    with steps.step("Lược đồ / schema"):
        tier = migrate.migrate(postgres.url(home, postgres.OWNER))
    with steps.step("Ranh giới, tài khoản / boundaries, accounts"):
        outlines = _fill(home, options, definitions)
    with steps.step("Mosquitto, ingest, API"):
        for name in ("mosquitto", "ingest", "api"):
            supervisor.start(name)
        _await_api(options.ports, supervisor)
    if options.video is None:
        _render(home, steps, definitions)
    with steps.step("Hộp biên / edge boxes"):
        for box in definitions:
            supervisor.start(box.box)
    with steps.step("Sự kiện đầu tiên / first event"):
        _await_event(home, supervisor)
    _announce(home, options, steps, tier=tier, outlines=outlines)


def _fill(home: Home, options: Options, definitions: Sequence[demo.DemoBox]) -> str:
    """Put outlines, the operator and the demo boxes into the database."""
    if options.boundaries is not None:
        boundaries.keep(home, options.boundaries)
    with psycopg.connect(postgres.url(home, postgres.OWNER)) as connection:
        users.create(connection, OPERATOR, home.secret("operator"), ["wall:read", "status:read"])
        for box in definitions:
            enrolled = demo.enrol(home, options.ports, connection, box.box)
            demo.write_configuration(home, box, enrolled, options.video)
        return boundaries.load(home, connection)


def _await_api(ports: Ports, supervisor: Supervisor) -> None:
    end = time.monotonic() + API_S
    while time.monotonic() < end:
        try:
            if httpx.get(f"http://{ports.http_host}:{ports.http}/api/health").is_success:
                return
        except httpx.TransportError:
            pass
        time.sleep(0.2)
    raise NotAnswering(f"API không trả lời / does not answer\n{supervisor.last_words('api')}")


def _await_event(home: Home, supervisor: Supervisor) -> None:
    end = time.monotonic() + FIRST_EVENT_S
    with psycopg.connect(postgres.url(home, postgres.OWNER), autocommit=True) as connection:
        while time.monotonic() < end:
            if connection.execute(
                "SELECT 1 FROM event WHERE received_at > now() - interval '1 minute' LIMIT 1"
            ).fetchone():
                return
            time.sleep(0.3)
    words = "\n".join(supervisor.last_words(name) for name in ("ingest", "demo-1"))
    raise NotAnswering(
        f"Không có sự kiện nào trong / no event within {FIRST_EVENT_S:.0f} s\n{words}"
    )


def _render(home: Home, steps: Steps, definitions: Sequence[demo.DemoBox]) -> None:
    cameras = [camera for box in definitions for camera in box.cameras]
    if all(demo.video_path(home, camera).exists() for camera in cameras):
        return
    title = "Vẽ camera mô phỏng / rendering the simulated cameras"
    bar = Progress(
        SpinnerColumn(),
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.percentage:>3.0f}%"),
        TimeElapsedColumn(),
        console=steps.console,
        transient=True,
    )
    with steps.step(title) if not steps.console.is_terminal else bar, ThreadPoolExecutor() as pool:

        def one(camera: demo.DemoCamera) -> None:
            task = bar.add_task(camera.title_vi, total=1.0)
            demo.render(home, camera, lambda share: bar.update(task, completed=share))

        list(pool.map(one, cameras))


def _announce(home: Home, options: Options, steps: Steps, *, tier: str, outlines: str) -> None:
    ports = options.ports
    show = steps.console.print
    show(f"\n[bold green]Đã chạy / running[/] sau {steps.elapsed_s():.0f} s")
    show(f"  Màn hình / wall    [bold]http://{ports.http_host}:{ports.http}/[/]")
    show(f"  Đăng nhập / login  {OPERATOR}  {home.secret('operator')}", soft_wrap=True)
    show(f"  API                http://{ports.http_host}:{ports.http}/api/docs")
    show(f"  MQTT               {ports.mqtt_host}:{ports.mqtt}   (./ioc box add ID)")
    show(f"  Lưu trữ / storage  {tier}; {home.root}", soft_wrap=True)
    if outlines == boundaries.APPROXIMATE:
        show("  Ranh giới gần đúng / approximate boundaries   (./ioc maps boundaries)")
    show("Ctrl-C để dừng / to stop.\n")


def _watch(supervisor: Supervisor) -> None:
    while supervisor.alive():
        time.sleep(1)
    raise NotAnswering("supervisord đã dừng / has stopped")
