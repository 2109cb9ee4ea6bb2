"""A Debian 13 root, made once and kept: where PostgreSQL 17 with TimescaleDB comes from apt.

Debian ships TimescaleDB's Apache edition from this release on, so this is the one way to
run the `ts-apache` tier as its users get it on a machine that is not Debian 13 itself.
"""

import contextlib
import fcntl
import hashlib
import os
import platform
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from urllib.parse import quote

import psycopg

SUITE = "trixie"
PACKAGES = ("postgresql-17", "postgresql-17-postgis-3", "postgresql-17-timescaledb")
BINARIES = "/usr/lib/postgresql/17/bin"
KEYRING = Path("/usr/share/keyrings/debian-archive-keyring.gpg")
ENVIRONMENT = {
    "PATH": "/usr/sbin:/usr/bin:/sbin:/bin",
    "LC_ALL": "C.UTF-8",
    "DEBIAN_FRONTEND": "noninteractive",
}
FILES: Mapping[str, str] = {
    # No service may start in the root while packages are being installed.
    "usr/sbin/policy-rc.d": "#!/bin/sh\nexit 101\n",
    "etc/postgresql-common/createcluster.d/ioc.conf": "create_main_cluster = false\n",
    # A half-made root is thrown away, so dpkg need not wait for the disk.
    "etc/dpkg/dpkg.cfg.d/ioc": (
        "force-unsafe-io\npath-exclude=/usr/share/doc/*\npath-exclude=/usr/share/man/*\n"
    ),
}
INSTALL = f"""
apt-get update -q
apt-get install -y -q --no-install-recommends {" ".join(PACKAGES)}
apt-get clean
rm -rf /var/lib/apt/lists/*
"""
SETTINGS = {
    "listen_addresses": "",
    "max_connections": "60",
    "shared_buffers": "64MB",
    "jit": "off",
    "fsync": "off",
    # The root has no /dev/shm of its own; files need no mount.
    "dynamic_shared_memory_type": "mmap",
    "log_min_messages": "fatal",
    "timezone": "UTC",
}
TIMESCALE = {
    "shared_preload_libraries": "timescaledb",
    "timescaledb.telemetry_level": "off",
    # Its scheduler connects to every database, also to the template of which a test is just
    # making its copy, and a template in use cannot be copied. This tier has no jobs.
    "timescaledb.max_background_workers": "0",
}


class Debian13Unavailable(Exception):
    """This machine cannot make the root; the message says what it lacks."""


@contextlib.contextmanager
def timescale_server(*, preload: bool = True) -> Iterator[str]:
    """Superuser URL of a fresh PostgreSQL 17 with PostGIS and TimescaleDB on offer.

    Args:
        preload: False leaves TimescaleDB's files on disk and out of
            `shared_preload_libraries`, as an installation that nobody finished.

    Raises:
        Debian13Unavailable: Not root, no debootstrap, no mirror or no network.
    """
    with serve(prepare(), TIMESCALE if preload else {}) as url:
        yield url


# --- the root -------------------------------------------------------------------


def prepare() -> Path:
    """The root's folder; makes it if need be, which takes a minute or two of network."""
    if os.geteuid() != 0:
        raise Debian13Unavailable("not root: a root of another Debian needs chroot")
    recipe = repr((SUITE, platform.machine(), dict(FILES), INSTALL))
    name = f"debian13-{hashlib.sha256(recipe.encode()).hexdigest()[:12]}"
    cache = Path(os.environ.get("IOC_CACHE") or Path.home() / ".cache" / "ioc")
    cache.mkdir(parents=True, exist_ok=True)
    root = cache / name
    with (cache / "debian13.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not root.exists():
            part = cache / f"{name}.part"
            shutil.rmtree(part, ignore_errors=True)
            _make(part)
            part.rename(root)
    return root


def _make(root: Path) -> None:
    mirror = _mirror()
    _require_network(mirror)
    log = root.with_suffix(".log")
    log.unlink(missing_ok=True)
    with _step("debootstrap"):
        _bootstrap(root, mirror, log)
    for name, text in {**FILES, "etc/apt/apt.conf.d/90host": _apt_network()}.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    (root / "usr/sbin/policy-rc.d").chmod(0o755)
    shutil.copyfile("/etc/resolv.conf", root / "etc/resolv.conf")
    with _step(f"apt-get install {' '.join(PACKAGES)}"):
        _logged(["chroot", str(root), "sh", "-ec", INSTALL], log)
    # What the host knew about its network was for apt alone.
    (root / "etc/apt/apt.conf.d/90host").unlink()
    log.unlink()


def _bootstrap(root: Path, mirror: str, log: Path) -> None:
    command = ["debootstrap", "--variant=minbase", f"--keyring={KEYRING}"]
    if mirror.startswith("https:"):
        command.append("--include=ca-certificates")
    command += [SUITE, str(root), mirror]
    # debootstrap mounts /proc in the root: in a namespace of its own nothing of that
    # stays behind, not even after kill -9.
    apart = ["unshare", "--mount"]
    if subprocess.run([*apart, "true"], capture_output=True, check=False).returncode == 0:
        command = [*apart, *command]
    _logged(command, log, _proxies())


def _mirror() -> str:
    """The mirror that this machine's own apt uses, as apt reads its sources."""
    if mirror := os.environ.get("IOC_DEBIAN_MIRROR"):
        return mirror
    if platform.freedesktop_os_release().get("ID") != "debian":
        raise Debian13Unavailable("no Debian mirror: set IOC_DEBIAN_MIRROR on this system")
    command = ["apt-get", "indextargets", "--format", "$(REPO_URI) $(RELEASE)"]
    lines = _output([*command, "Created-By: Packages"]).splitlines()
    for uri, release in (line.split() for line in lines):
        # `trixie-updates`, `trixie-security` and backports hang on the plain suite's mirror.
        if uri.startswith("http") and "-" not in release and "/" not in release:
            return uri
    raise Debian13Unavailable("no Debian mirror among apt's sources: set IOC_DEBIAN_MIRROR")


def _require_network(mirror: str) -> None:
    for program in ("debootstrap", "chroot", "setpriv"):
        if shutil.which(program) is None:
            raise Debian13Unavailable(f"no {program}: install debootstrap")
    if not KEYRING.exists():
        raise Debian13Unavailable(f"no {KEYRING}: install debian-archive-keyring")
    release = f"{mirror.rstrip('/')}/dists/{SUITE}/InRelease"
    options = ["-o", "Acquire::Retries=0", "-o", "Acquire::http::Timeout=20"]
    with tempfile.TemporaryDirectory() as folder:
        fetch = ["/usr/lib/apt/apt-helper", *options, "download-file", release, f"{folder}/r"]
        done = subprocess.run(fetch, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise Debian13Unavailable(f"no network: {done.stderr.strip()[-300:]}")


def _apt_network() -> str:
    """How this machine's apt reaches its mirrors: proxies, clocks that are off, retries."""
    kept = ("Acquire::http", "Acquire::https", "Acquire::Check-", "Acquire::Retries")
    lines = _output(["apt-config", "dump"]).splitlines()
    # A script that finds the proxy lies outside the root; its answer is taken below.
    plain = [one for one in lines if one.startswith(kept) and "Auto-Detect" not in one]
    found = [f'Acquire::{name[:-6]}::Proxy "{url}";' for name, url in _proxies().items()]
    return "\n".join([*plain, *found, 'Acquire::Languages "none";', ""])


def _proxies() -> dict[str, str]:
    """`http_proxy` and `https_proxy` as apt sees them, else as the environment has them."""
    found = {}
    for scheme in ("http", "https"):
        line = _output(["apt-config", "shell", "value", f"Acquire::{scheme}::Proxy"])
        value = shlex.split(line.partition("=")[2])
        url = value[0] if value else os.environ.get(f"{scheme}_proxy", "")
        if url and url != "DIRECT":
            found[f"{scheme}_proxy"] = url
    return found


def _output(command: list[str]) -> str:
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


def _logged(command: list[str], log: Path, more: Mapping[str, str] | None = None) -> None:
    """Run to the end; a failure carries the last lines of what was said."""
    with log.open("ab") as file:
        done = subprocess.run(
            command,
            stdin=subprocess.DEVNULL,
            stdout=file,
            stderr=subprocess.STDOUT,
            env={**ENVIRONMENT, **(more or {})},
            check=False,
        )
    if done.returncode != 0:
        tail = "\n".join(log.read_text(errors="replace").splitlines()[-15:])
        raise RuntimeError(f"{command[0]} ended with {done.returncode}:\n{tail}")


@contextlib.contextmanager
def _step(what: str) -> Iterator[None]:
    print(f"debian13: {what} ...", file=sys.stderr, flush=True)
    began = time.monotonic()
    yield
    print(f"debian13: done in {time.monotonic() - began:.0f} s", file=sys.stderr, flush=True)


# --- a server in it -------------------------------------------------------------


@contextlib.contextmanager
def serve(root: Path, settings: Mapping[str, str]) -> Iterator[str]:
    """Run PostgreSQL inside a root on fresh data, reached from here by a socket."""
    with contextlib.ExitStack() as stack:
        folder = Path(tempfile.mkdtemp(prefix="ioc-", dir=root / "srv"))
        stack.callback(shutil.rmtree, folder, ignore_errors=True)
        outside = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="ioc-pg17-")))
        # A socket's path ends at 107 bytes; the cache may lie deeper than that.
        sockets = outside / "s"
        sockets.symlink_to(folder)
        _own(root, folder)
        _initdb(root, folder)
        server = _start(root, folder, settings)
        stack.callback(_stop, server)
        url = f"postgresql://postgres@/postgres?host={quote(str(sockets), safe='')}"
        _wait_until_up(server, url, folder / "log")
        yield url


def _own(root: Path, folder: Path) -> None:
    # The root's postgres may have another number than this machine's.
    home = (root / "var/lib/postgresql").stat()
    os.chown(folder, home.st_uid, home.st_gid)


def _as_postgres(root: Path) -> list[str]:
    # If the tests are killed, the server goes with them.
    step_down = "setpriv --reuid=postgres --regid=postgres --init-groups --pdeathsig=INT"
    return ["chroot", str(root), *step_down.split()]


def _initdb(root: Path, folder: Path) -> None:
    options = ["-U", "postgres", "--auth=trust", "--encoding=UTF8", "--locale=C.UTF-8", "--no-sync"]
    data = f"/srv/{folder.name}/data"
    _logged([*_as_postgres(root), f"{BINARIES}/initdb", "-D", data, *options], folder / "log")


def _start(root: Path, folder: Path, settings: Mapping[str, str]) -> subprocess.Popen[bytes]:
    inside = f"/srv/{folder.name}"
    every = {**SETTINGS, "unix_socket_directories": inside, **settings}
    options = [f"--{name}={value}" for name, value in every.items()]
    with (folder / "log").open("ab") as log:
        return subprocess.Popen(
            [*_as_postgres(root), f"{BINARIES}/postgres", "-D", f"{inside}/data", *options],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            env=ENVIRONMENT,
        )


def _wait_until_up(server: subprocess.Popen[bytes], url: str, log: Path) -> None:
    deadline = time.monotonic() + 60
    while server.poll() is None and time.monotonic() < deadline:
        with contextlib.suppress(psycopg.OperationalError):
            psycopg.connect(url, connect_timeout=5).close()
            return
        time.sleep(0.1)
    raise RuntimeError(f"PostgreSQL did not start:\n{log.read_text(errors='replace')[-2000:]}")


def _stop(server: subprocess.Popen[bytes]) -> None:
    server.send_signal(signal.SIGINT)
    try:
        server.wait(timeout=30)
    except subprocess.TimeoutExpired:
        server.send_signal(signal.SIGQUIT)
        server.wait(timeout=30)
