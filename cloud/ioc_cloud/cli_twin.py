"""`ioc twin ...`: seed the province, serve the twin alone, copy it to another Ditto."""

import sys
from pathlib import Path
from typing import Annotated

import psycopg
import typer
import uvicorn
from rich.console import Console
from rich.progress import Progress, TaskID

from ioc_cloud import log
from ioc_cloud.db import migrate
from ioc_cloud.ops import postgres, supervise
from ioc_cloud.ops.home import Home
from ioc_cloud.settings import Settings
from ioc_cloud.twin import app as twin
from ioc_cloud.twin.outside.export import export as copy
from ioc_cloud.twin.province.seed import sow
from ioc_ditto import Basic, DittoClient

app = typer.Typer(no_args_is_help=True, help="Bản sao số / the twin")
LOCAL = "127.0.0.1"


@app.command("seed")
def seed(
    *, demo: Annotated[bool, typer.Option(help="trạm mô phỏng / simulated stations")] = False
) -> None:
    """Tạo tỉnh, 64 xã phường, các lĩnh vực; chạy lại không đổi gì / idempotent."""
    home = Home.default()
    supervise.running(home)
    with psycopg.connect(postgres.url(home, postgres.OWNER), autocommit=True) as connection:
        done = sow(connection, Settings(home=home.root), demo=demo)
    Console(stderr=True).print(
        f"✓ {done.made} mới / new, {done.completed} bổ sung / completed, "
        f"{done.left_alone} giữ nguyên / left alone"
    )


@app.command("serve")
def serve(
    port: Annotated[int, typer.Option(min=1, max=65535)] = 8090,
    host: Annotated[str, typer.Option()] = LOCAL,
    database_url: Annotated[
        str | None, typer.Option(envvar="IOC_DATABASE_URL", help="một CSDL trống / an empty one")
    ] = None,
) -> None:
    """Chạy riêng bản sao số, không cần phần còn lại / the twin alone, on any database."""
    home = Home.default()
    if database_url is None:
        supervise.running(home)
        database_url = postgres.url(home, postgres.OWNER)
    migrate.migrate(database_url)
    settings = Settings(database_url=database_url, http_host=host, http_port=port)
    log.set_up("twin")
    Console(stderr=True).print(f"http://{host}:{port}/api/2   (Ctrl-C)")
    uvicorn.run(
        twin.alone(settings),
        host=host,
        port=port,
        log_config=None,
        access_log=False,
        server_header=False,
        timeout_graceful_shutdown=2,
    )


@app.command("export")
def export(
    to: Annotated[str, typer.Option(help="địa chỉ Ditto / URL of a Ditto, before /api/2")],
    user: Annotated[str, typer.Option(envvar="IOC_DITTO_USER")],
    password_file: Annotated[Path, typer.Option(envvar="IOC_DITTO_PASSWORD_FILE", exists=True)],
) -> None:
    """Chép chính sách và đối tượng sang một Ditto khác / copy policies and things; repeatable.

    Revisions, times and history stay here: a Ditto gives its own.
    """
    home = Home.default()
    supervise.running(home)
    client = DittoClient(to, Basic(user, password_file.read_text(encoding="utf-8").strip()))
    console = Console(stderr=True)
    with (
        psycopg.connect(postgres.url(home, postgres.OWNER)) as connection,
        Progress(console=console, disable=not console.is_terminal) as bar,
    ):
        tasks: dict[str, TaskID] = {}

        def tell(kind: str, done: int, total: int) -> None:
            if kind not in tasks:
                words = {"policy": "chính sách / policies", "thing": "đối tượng / things"}
                tasks[kind] = bar.add_task(words[kind], total=total)
            bar.update(tasks[kind], completed=done, total=total)

        report = copy(connection, client, tell)
    console.print(f"{report.policies} chính sách / policies, {report.things} đối tượng / things")
    for failure in report.failures:
        console.print(f"✗ {failure}", soft_wrap=True)
    if not report.complete:
        console.print(f"✗ {report.failed} không nhận / not taken {report.stopped}", soft_wrap=True)
        sys.exit(1)
