"""The project's own PostgreSQL: Debian's binaries, our data folder, a socket and no port."""

import os
import subprocess
from pathlib import Path
from urllib.parse import quote

import psycopg
from psycopg import sql
from psycopg.conninfo import make_conninfo
from tenacity import Retrying, retry_if_exception_type, stop_after_delay, wait_fixed

from ioc_cloud.errors import CloudError
from ioc_cloud.ops.home import Home, give, runs_as, write_private

DATABASE = "ioc"
OWNER = "ioc"
# Login roles of the processes; what each may do is granted by the migrations.
LOGINS = ("ioc_ingest", "ioc_api", "ioc_feeds")
OLDEST = 15

SETTINGS = """\
# Written by `ioc up` at every start; put your own settings into postgres.local.conf
# in the folder above.
listen_addresses = ''
unix_socket_directories = '{sockets}'
unix_socket_permissions = 0777
password_encryption = 'scram-sha-256'
max_connections = 60
shared_buffers = '256MB'
wal_compression = on
max_wal_size = '2GB'
jit = off
log_timezone = 'UTC'
timezone = 'UTC'
shared_preload_libraries = '{preload}'
timescaledb.telemetry_level = 'off'
include_if_exists = '{local}'
"""


class PostgresMissing(CloudError):
    """No PostgreSQL with PostGIS on this machine."""


class PostgresFailed(CloudError):
    """PostgreSQL would not do as told."""


def binaries() -> Path:
    """Folder of the newest PostgreSQL that has PostGIS.

    Raises:
        PostgresMissing: None is new enough.
    """
    found = [
        (int(folder.parent.name), folder)
        for folder in Path("/usr/lib/postgresql").glob("*/bin")
        if folder.parent.name.isdigit() and (folder / "initdb").exists()
    ]
    fit = [
        folder
        for version, folder in sorted(found, reverse=True)
        if version >= OLDEST and extension_offered(version, "postgis")
    ]
    if not fit:
        raise PostgresMissing(
            f"Cần PostgreSQL {OLDEST}+ có PostGIS / needs PostgreSQL {OLDEST}+ with PostGIS; "
            f"found: {[version for version, _ in found]}"
        )
    return fit[0]


def extension_offered(version: int, name: str) -> bool:
    """Whether an extension's files are installed for a PostgreSQL version."""
    return Path(f"/usr/share/postgresql/{version}/extension/{name}.control").exists()


def prepare(home: Home) -> None:
    """Make the cluster at first start and write its settings at every one."""
    folder = binaries()
    version = int(folder.parent.name)
    if not (home.postgres / "PG_VERSION").exists():
        _initdb(home, folder)
    made_with = (home.postgres / "PG_VERSION").read_text().strip()
    if int(made_with) != version:
        raise PostgresFailed(
            f"Dữ liệu thuộc PostgreSQL {made_with}, máy có {version} / the data folder is of "
            f"PostgreSQL {made_with}, this machine has {version}: install postgresql-{made_with} "
            "or move the data with pg_upgrade"
        )
    preload = "timescaledb" if extension_offered(version, "timescaledb") else ""
    text = SETTINGS.format(
        sockets=home.sockets, preload=preload, local=home.root / "postgres.local.conf"
    )
    if not preload:
        text = "".join(
            line for line in text.splitlines(keepends=True) if not line.startswith("timescaledb")
        )
    _write_as_postgres(home.postgres / "conf.d.ioc.conf", text)


def _initdb(home: Home, folder: Path) -> None:
    password = home.root / "run-initdb-password"
    write_private(password, home.secret("postgres-superuser"))
    if os.geteuid() == 0:
        give(password, "postgres")
    try:
        _run(
            [
                folder / "initdb",
                "-D",
                home.postgres,
                "-U",
                "postgres",
                "-E",
                "UTF8",
                "--locale=C.UTF-8",
                "--auth=scram-sha-256",
                f"--pwfile={password}",
                "--data-checksums",
            ]
        )
    finally:
        password.unlink()
    with (home.postgres / "postgresql.conf").open("a") as file:
        file.write("include 'conf.d.ioc.conf'\n")


def _write_as_postgres(path: Path, text: str) -> None:
    write_private(path, text)
    if os.geteuid() == 0:
        give(path, "postgres")


def _run(command: list[str | Path]) -> None:
    dropped = ["runuser", "-u", runs_as("postgres"), "--"] if os.geteuid() == 0 else []
    done = subprocess.run(  # noqa: S603 our own binaries, our own paths
        [*dropped, *map(str, command)], capture_output=True, text=True, check=False, cwd="/"
    )
    if done.returncode:
        raise PostgresFailed(
            f"{Path(command[0]).name}: {done.stderr.strip() or done.stdout.strip()}"
        )


def command(home: Home) -> list[str]:
    """The server in the foreground, as a supervisor wants it."""
    return [str(binaries() / "postgres"), "-D", str(home.postgres)]


def url(home: Home, role: str, database: str = DATABASE) -> str:
    """Connection URL of a role; it carries the password: hand it to processes, never to logs."""
    name = "postgres-superuser" if role == "postgres" else f"postgres-{role}"
    return (
        f"postgresql://{role}:{quote(home.secret(name), safe='')}@/{database}"
        f"?host={quote(str(home.sockets), safe='')}"
    )


def wait_until_up(home: Home, seconds: float) -> None:
    """Return once the server answers.

    Raises:
        psycopg.OperationalError: It did not within `seconds`.
    """
    for attempt in Retrying(
        retry=retry_if_exception_type(psycopg.OperationalError),
        stop=stop_after_delay(seconds),
        wait=wait_fixed(0.2),
        reraise=True,
    ):
        with attempt:
            psycopg.connect(url(home, "postgres", "postgres"), connect_timeout=5).close()


def make_roles(home: Home) -> None:
    """Create the database, its owner and the login roles; set their passwords anew."""
    with psycopg.connect(url(home, "postgres", "postgres"), autocommit=True) as server:
        for role in (OWNER, *LOGINS):
            known = server.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", [role]).fetchone()
            verb = sql.SQL("ALTER" if known else "CREATE")
            server.execute(
                sql.SQL("{} ROLE {} LOGIN PASSWORD {}").format(
                    verb, sql.Identifier(role), sql.Literal(home.secret(f"postgres-{role}"))
                )
            )
        # The migrations ask what is preloaded before they dare to use TimescaleDB.
        server.execute(sql.SQL("GRANT pg_read_all_settings TO {}").format(sql.Identifier(OWNER)))
        if not server.execute(
            "SELECT 1 FROM pg_database WHERE datname = %s", [DATABASE]
        ).fetchone():
            server.execute(
                sql.SQL("CREATE DATABASE {} OWNER {}").format(
                    sql.Identifier(DATABASE), sql.Identifier(OWNER)
                )
            )
    with psycopg.connect(make_conninfo(url(home, "postgres")), autocommit=True) as database:
        # PostGIS is not a trusted extension: only a superuser may add it.
        database.execute("CREATE EXTENSION IF NOT EXISTS postgis")
