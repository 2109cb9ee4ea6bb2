"""`ioc up`: from a prepared machine to live events on the wall."""

import os
import signal
import sys
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
import psycopg
from rich.console import Console
from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn

from ioc_cloud.auth import users
from ioc_cloud.db import migrate
from ioc_cloud.errors import CloudError
from ioc_cloud.feeds import landing
from ioc_cloud.feeds.catalogue import Catalogue
from ioc_cloud.ops import boundaries, broker, demo, postgres, wall_build
from ioc_cloud.ops.home import LOOPBACK, Access, Home, Ports, free_port, runs_as
from ioc_cloud.ops.supervise import Program, Supervisor
from ioc_cloud.settings import Settings
from ioc_cloud.twin.province.seed import sow

OPERATOR = "operator"
STEWARD = "steward"
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
    settings: Settings
    # The systems that feeds ask: a URL, or None for simulated ones.
    sources: str | None = None

    @property
    def access(self) -> Access:
        """How boxes reach us."""
        return Access(self.ports, self.tls.get("cafile"))


class Steps:
    """Progress on the terminal: one line a step, bilingual, plain when nobody watches."""

    def __init__(self) -> None:
        """Show on standard error, so that what is asked for stays alone on output."""
        self.console = Console(stderr=True, highlight=False)
        self._began = time.monotonic()

    @contextmanager
    def step(self, title: str, *, quiet: bool = False) -> Iterator[None]:
        """Show a step while it runs (unless it shows itself) and how long it took."""
        began = time.monotonic()
        if self.console.is_terminal and not quiet:
            with self.console.status(title):
                yield
        else:
            yield
        took = f"[dim]{time.monotonic() - began:.1f} s[/]"
        self.console.print(f"  [green]✓[/] {title} {took}", soft_wrap=True)

    def elapsed_s(self) -> float:
        """Seconds since the command began."""
        return time.monotonic() - self._began


def programs(home: Home, options: Options, box_names: Sequence[str]) -> list[Program]:
    """Every process of one machine, in the order in which they start."""
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
        Program(
            "ingest",
            [python, "-m", "ioc_cloud.ingest"],
            cloud_environment(home, options, "ioc_ingest"),
        ),
        Program(
            "api", [python, "-m", "ioc_cloud.app"], cloud_environment(home, options, "ioc_api")
        ),
        *_feeds(home, options),
        *(
            Program(name, [python, "-m", "ioc_edge", "run", str(home.boxes / f"{name}.yaml")])
            for name in box_names
        ),
    ]


def _feeds(home: Home, options: Options) -> Iterator[Program]:
    """The worker of the feeds, and what it asks where nobody named the real systems."""
    environment = cloud_environment(home, options, "ioc_feeds")
    url = options.sources
    if url is None:
        # Both sides of a simulated source are ours: its keys are made here.
        for feed in Catalogue.of_province(home.feeds / "contracts").feeds.values():
            if feed.pull is not None and feed.pull.sign_in.secret:
                home.secret(feed.pull.sign_in.secret)
        port = free_port()
        url = f"http://{LOOPBACK}:{port}"
        module = [sys.executable, "-m", "ioc_cloud.feeds.simulate"]
        told = ["--port", str(port), "--home", str(home.root)]
        own = ["--contracts", str(home.feeds / "contracts")]
        yield Program("sources", [*module, *told, *own])
    environment["IOC_SOURCES_URL"] = url
    yield Program("feeds", [sys.executable, "-m", "ioc_cloud.feeds"], environment)


def cloud_environment(home: Home, options: Options, role: str) -> dict[str, str]:
    """Settings of ingest or API; each knows the password of its own database role alone."""
    ports = options.ports
    home.secret("mqtt-ingest")
    environment = {
        "IOC_HOME": str(home.root),
        f"{role.upper()}_DATABASE_URL": postgres.url(home, role),
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
    return environment | options.settings.of_twin()


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
        options.access.keep(home)
    renders = Renders(home, () if options.video else definitions)
    supervisor = Supervisor(home, programs(home, options, [box.box for box in definitions]))
    _stop_on_signals()
    try:
        _start(home, options, steps, supervisor, definitions, renders)
        _watch(supervisor)
    except KeyboardInterrupt:
        steps.console.print("\nDừng lại / stopping ...")
    finally:
        renders.stop()
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
    renders: "Renders",
) -> None:
    with steps.step("PostgreSQL"):
        supervisor.start("postgres")
        postgres.wait_until_up(home, 60)
        postgres.make_roles(home)
    with steps.step("Lược đồ / schema"):
        tier = migrate.migrate(postgres.url(home, postgres.OWNER))
    with (
        steps.step("Bản sao số, hợp đồng dữ liệu / the province's twin, contracts"),
        psycopg.connect(postgres.url(home, postgres.OWNER), autocommit=True) as connection,
    ):
        sow(connection, options.settings, demo=options.video is None)
        landing.apply(connection, Catalogue.of_province(options.settings.contracts_folder))
    with steps.step("Ranh giới, tài khoản / boundaries, accounts"):
        outlines = _fill(home, options, definitions)
    with steps.step("Mosquitto, ingest, API, số liệu / feeds"):
        simulated = ["sources"] if options.sources is None else []
        for name in ("mosquitto", "ingest", "api", *simulated, "feeds"):
            supervisor.start(name)
        _await_api(options.ports, supervisor)
    with steps.step("Camera / cameras", quiet=True):
        renders.wait(steps.console)
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
        users.create(
            connection,
            OPERATOR,
            home.secret("operator"),
            ["wall:read", "status:read", "twin", "feeds:read", "alerts"],
            roles=["operator"],
        )
        users.create(
            connection,
            STEWARD,
            home.secret("steward"),
            ["status:read", "feeds:read", "feeds:write", "feeds:steward", "alerts"],
            roles=["steward"],
            feeds=["*"],
        )
        for box in definitions:
            enrolled = demo.enrol(home, options.access, connection, box.box)
            demo.write_configuration(home, box, enrolled, options.video)
        return boundaries.load(home, connection)


def _await_api(ports: Ports, supervisor: Supervisor) -> None:
    end = time.monotonic() + API_S
    while time.monotonic() < end:
        try:
            if httpx.get(f"{ports.url}/api/health").is_success:
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


class Renders:
    """The simulated cameras, drawn while the rest of the machine starts."""

    def __init__(self, home: Home, definitions: Sequence[demo.DemoBox]) -> None:
        """Begin to draw what is not there yet, one process a camera."""
        cameras = [camera for box in definitions for camera in box.cameras]
        self._renderings = [demo.Rendering(home, camera) for camera in cameras]

    def stop(self) -> None:
        """Give up on what is not done."""
        for rendering in self._renderings:
            rendering.stop()

    def wait(self, console: Console) -> None:
        """Show how far each is until all are done.

        Raises:
            RenderFailed: One could not be drawn.
        """
        bar = Progress(
            SpinnerColumn(),
            TextColumn("  {task.description}"),
            BarColumn(),
            TextColumn("{task.percentage:>3.0f}%"),
            console=console,
            transient=True,
            disable=not console.is_terminal,
        )
        with bar, ThreadPoolExecutor() as pool:
            jobs = [pool.submit(rendering.follow) for rendering in self._renderings]
            tasks = [bar.add_task(one.camera.title_vi, total=1.0) for one in self._renderings]
            while not all(job.done() for job in jobs):
                for rendering, task in zip(self._renderings, tasks, strict=True):
                    bar.update(task, completed=rendering.share)
                time.sleep(0.2)
        for job in jobs:
            job.result()


def _announce(home: Home, options: Options, steps: Steps, *, tier: str, outlines: str) -> None:
    ports = options.ports
    show = steps.console.print
    show(f"\n[bold green]Đã chạy / running[/] sau {steps.elapsed_s():.0f} s")
    show(f"  Màn hình / wall    [bold]{ports.url}/[/]")
    show(f"  Đăng nhập / login  {OPERATOR}  {home.secret('operator')}", soft_wrap=True)
    show(f"  Số liệu / feeds    [bold]{ports.url}/so-lieu/[/]")
    show(f"  Đăng nhập / login  {STEWARD}  {home.secret('steward')}", soft_wrap=True)
    show(f"  API                {ports.url}/api/docs")
    show(f"  Bản sao số / twin  {ports.url}/api/2   (./ioc user add TÊN --basic)")
    show(f"  MQTT               {ports.mqtt_host}:{ports.mqtt}   (./ioc box add ID)")
    show(f"  Lưu trữ / storage  {tier}; {home.root}", soft_wrap=True)
    if outlines == boundaries.APPROXIMATE:
        show("  Ranh giới gần đúng / approximate boundaries   (./ioc maps boundaries)")
    show("Ctrl-C để dừng / to stop.\n")


def _watch(supervisor: Supervisor) -> None:
    while supervisor.alive():
        time.sleep(1)
    # `ioc down` ends it in good order; anything else is news.
    if supervisor.exit_code() != 0:
        raise NotAnswering("supervisord đã chết / has died")
