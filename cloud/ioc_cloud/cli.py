"""The `ioc` command line, behind the shell script that prepares the machine."""

import json
import os
import secrets
import sys
from pathlib import Path
from typing import Annotated

import psycopg
import typer
from rich.console import Console
from rich.table import Table

from ioc_cloud import status as figures
from ioc_cloud.auth import keys, users
from ioc_cloud.cli_feeds import app as feeds_app
from ioc_cloud.cli_twin import app as twin_app
from ioc_cloud.errors import CloudError
from ioc_cloud.ops import boundaries, demo, postgres, supervise, up
from ioc_cloud.ops.home import Access, Home, Ports
from ioc_cloud.settings import Settings

app = typer.Typer(no_args_is_help=True, add_completion=False, help="Cà Mau IOC")
box_app = typer.Typer(no_args_is_help=True, help="Thiết bị biên / boxes")
key_app = typer.Typer(no_args_is_help=True, help="Khoá API / API keys")
user_app = typer.Typer(no_args_is_help=True, help="Người dùng / users")
maps_app = typer.Typer(no_args_is_help=True, help="Bản đồ / maps")
app.add_typer(box_app, name="box")
app.add_typer(key_app, name="key")
app.add_typer(user_app, name="user")
app.add_typer(twin_app, name="twin")
app.add_typer(feeds_app, name="feeds")
app.add_typer(maps_app, name="maps")

LOCAL = "127.0.0.1"


@app.command("up")
def start(
    video: Annotated[str | None, typer.Option(help="tệp hoặc rtsp:// / file or rtsp://")] = None,
    http_port: Annotated[int, typer.Option(envvar="IOC_HTTP_PORT", min=1, max=65535)] = 8080,
    http_host: Annotated[str, typer.Option(envvar="IOC_HTTP_HOST")] = LOCAL,
    mqtt_port: Annotated[int, typer.Option(envvar="IOC_MQTT_PORT", min=1, max=65535)] = 18830,
    mqtt_host: Annotated[str, typer.Option(envvar="IOC_MQTT_HOST")] = LOCAL,
    mqtt_cert: Annotated[Path | None, typer.Option(envvar="IOC_MQTT_CERT", exists=True)] = None,
    mqtt_key: Annotated[Path | None, typer.Option(envvar="IOC_MQTT_KEY", exists=True)] = None,
    mqtt_ca: Annotated[Path | None, typer.Option(envvar="IOC_MQTT_CA", exists=True)] = None,
    sources: Annotated[
        str | None,
        typer.Option(
            envvar="IOC_SOURCES_URL",
            help="các hệ thống nguồn; bỏ trống là mô phỏng / real sources; simulated without",
        ),
    ] = None,
) -> None:
    """Chạy tất cả trên máy này / run everything on this machine."""
    tls = {"certfile": mqtt_cert, "keyfile": mqtt_key, "cafile": mqtt_ca}
    home = Home.default()
    options = up.Options(
        ports=Ports(http_host, http_port, mqtt_host, mqtt_port),
        video=_absolute(video),
        tls={name: path.resolve() for name, path in tls.items() if path is not None},
        boundaries=boundaries.chosen_file(),
        settings=Settings(home=home.root),
        sources=sources,
    )
    up.run(home, options)


def _absolute(video: str | None) -> str | None:
    """A file by its full path (the box runs elsewhere); a URL as it is."""
    if video is None or "://" in video:
        return video
    path = Path(video).resolve()
    if not path.is_file():
        raise typer.BadParameter(f"không có tệp / no such file: {path}", param_hint="--video")
    return str(path)


@app.command()
def down() -> None:
    """Dừng / stop what `ioc up` started."""
    supervise.stop(Home.default())


@app.command()
def status(*, as_json: Annotated[bool, typer.Option("--json")] = False) -> None:
    """Đang chạy gì, bao nhiêu sự kiện / what runs, with how many events, parked and lost."""
    home = Home.default()
    processes = [
        {
            "name": process["name"],
            "state": process["statename"].lower(),
            "pid": process["pid"],
            "log": process["stdout_logfile"],
        }
        for process in supervise.running(home).getAllProcessInfo()
    ]
    with psycopg.connect(postgres.url(home, postgres.OWNER)) as connection:
        found = {"home": str(home.root), "processes": processes, **figures.collect(connection)}
    if as_json:
        sys.stdout.write(json.dumps(found, ensure_ascii=False, indent=2, default=str) + "\n")
    else:
        _show(found)


def _show(found: dict[str, object]) -> None:
    table = Table("", "", show_header=False, box=None)
    for name, value in found.items():
        text = (
            value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)
        )
        table.add_row(f"[bold]{name}[/]", text)
    Console().print(table)


@box_app.command("add")
def box_add(box: str, *, as_json: Annotated[bool, typer.Option("--json")] = False) -> None:
    """Cấp tài khoản cho một thiết bị / credentials with which any MQTT client can be a box."""
    home = Home.default()
    supervisor = supervise.running(home)
    access = Access.of(home)
    with psycopg.connect(postgres.url(home, postgres.OWNER)) as connection:
        enrolled = demo.enrol(home, access, connection, box)
    supervisor.signalProcess("mosquitto", "HUP")
    shown = {
        "host": access.ports.mqtt_host,
        "port": access.ports.mqtt,
        "username": box,
        "password": Path(enrolled["broker"]["password_file"]).read_text(),
        "topic": f"ioc/1/{box}/ev/KIND",
        "evidence_url": f"{enrolled['api']['url']}/api/evidence/SHA256",
        "evidence_key": Path(enrolled["api"]["key_file"]).read_text(),
        "signing_key_file": enrolled["signing_key_file"],
    }
    if as_json:
        sys.stdout.write(json.dumps(shown, indent=2) + "\n")
    else:
        for name, value in shown.items():
            sys.stdout.write(f"{name:17} {value}\n")


@key_app.command("add")
def key_add(
    name: str,
    scope: Annotated[list[str], typer.Option(help="events:read, evidence:read, twin ...")],
    role: Annotated[list[str] | None, typer.Option(help="operator, police, developer ...")] = None,
    feed: Annotated[list[str] | None, typer.Option(help="y-te ... (* = mọi / every)")] = None,
) -> None:
    """Cấp khoá API; chỉ hiện một lần / an API key, shown once."""
    home = Home.default()
    supervise.running(home)
    with psycopg.connect(postgres.url(home, postgres.OWNER)) as connection:
        token = keys.create(connection, name, scope, roles=role or (), feeds=feed or ())
    sys.stdout.write(token + "\n")


@user_app.command("add")
def user_add(
    name: str,
    *,
    basic: Annotated[
        bool, typer.Option("--basic", help="HTTP Basic cho /api/2 / HTTP Basic for /api/2")
    ] = False,
    scope: Annotated[
        list[str] | None, typer.Option(help="wall:read, status:read, twin ...")
    ] = None,
    role: Annotated[list[str] | None, typer.Option(help="operator, police, developer ...")] = None,
    feed: Annotated[list[str] | None, typer.Option(help="y-te ... (* = mọi / every)")] = None,
    password_stdin: Annotated[
        bool, typer.Option("--password-stdin", help="đọc mật khẩu / read the password")
    ] = False,
    database_url: Annotated[
        str | None,
        typer.Option(envvar="IOC_DATABASE_URL", help="của `ioc twin serve` / of a twin alone"),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json")] = False,
) -> None:
    """Thêm người dùng; mật khẩu chỉ hiện một lần / a user, whose password is shown once.

    With --basic the user may use the twin: HTTP Basic, known to policies as `nginx:NAME`.
    """
    if ":" in name or not name.isprintable() or not name.strip():
        raise typer.BadParameter("tên không có dấu hai chấm / a name has no colon")
    scopes = [*(scope or ()), *(["twin"] if basic else [])]
    if not scopes:
        raise typer.BadParameter("cần --basic hoặc --scope / needs --basic or --scope")
    shown = {"user": name, "subject": f"nginx:{name}"}
    if database_url is None:
        home = Home.default()
        supervise.running(home)
        database_url = postgres.url(home, postgres.OWNER)
        shown["url"] = f"{Access.of(home).ports.url}/api/2"
    password = sys.stdin.readline().rstrip("\n") if password_stdin else secrets.token_urlsafe(18)
    if not password:
        raise typer.BadParameter("mật khẩu trống / an empty password")
    with psycopg.connect(database_url) as connection:
        users.create(connection, name, password, scopes, roles=role or (), feeds=feed or ())
    if not password_stdin:
        shown["password"] = password
    if as_json:
        sys.stdout.write(json.dumps(shown, indent=2) + "\n")
    else:
        for key, value in shown.items():
            sys.stdout.write(f"{key:9} {value}\n")


@maps_app.command("boundaries")
def maps_boundaries(
    file: Annotated[
        Path | None, typer.Option(exists=True, help="dùng tệp này / use this file")
    ] = None,
) -> None:
    """Tải ranh giới 64 xã, phường / fetch the outlines of the 64 communes, or take a file."""
    home = Home.default()
    home.open()
    path = boundaries.download(home) if file is None else file
    boundaries.keep(home, path)
    if supervise.connect(home) is not None:
        with psycopg.connect(postgres.url(home, postgres.OWNER)) as connection:
            boundaries.load(home, connection)
    Console(stderr=True).print(f"✓ {path}")


def main() -> None:
    """Run a command; what a person can mend is one clear line, not a traceback."""
    try:
        app()
    except CloudError as error:
        Console(stderr=True).print(f"[bold red]ioc:[/] {error}", highlight=False, soft_wrap=True)
        sys.exit(1)


if __name__ == "__main__":
    os.umask(0o077)
    main()
