"""The SFTP door against a real server on this machine."""

import asyncio
import json
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from functools import partial
from pathlib import Path
from typing import Any

import asyncssh
import pytest

from ioc_cloud.db.pool import Connection, connect
from ioc_cloud.events.evidence import Folder
from ioc_cloud.feeds.catalogue import Catalogue
from ioc_cloud.feeds.doors.errors import DoorMisconfigured
from ioc_cloud.feeds.doors.folder import Taken, WatchedFolders
from ioc_cloud.feeds.doors.secret_files import SecretFiles
from ioc_cloud.feeds.doors.sftp import SftpDoor, SftpSource, read_sources

NOON = datetime(2026, 11, 24, 5, 0, tzinfo=timezone.utc)
HEALTH = "y-te"


class Logins(asyncssh.SSHServer):
    """One user, with a password or a key."""

    key: asyncssh.SSHKey | None = None

    def begin_auth(self, username: str) -> bool:
        del username
        return True

    def password_auth_supported(self) -> bool:
        return True

    def validate_password(self, username: str, password: str) -> bool:
        return (username, password) == ("ioc", "mat-khau")

    def public_key_auth_supported(self) -> bool:
        return True

    def validate_public_key(self, username: str, key: asyncssh.SSHKey) -> bool:
        return username == "ioc" and self.key is not None and key == self.key


@dataclass
class Host:
    """An SFTP server in a thread; its files lie under `root`."""

    root: Path
    host_key: asyncssh.SSHKey = field(
        default_factory=lambda: asyncssh.generate_private_key("ssh-ed25519")
    )
    port: int = 0
    cut_after: int | None = None
    _loop: asyncio.AbstractEventLoop = field(default_factory=asyncio.new_event_loop)

    def run(self, ready: threading.Event) -> None:
        asyncio.set_event_loop(self._loop)
        server = self._loop.run_until_complete(
            asyncssh.create_server(
                Logins, "127.0.0.1", 0, server_host_keys=[self.host_key],
                sftp_factory=partial(_Files, host=self),
            )
        )  # fmt: skip
        self.port = server.get_port()
        ready.set()
        self._loop.run_forever()
        server.close()
        self._loop.run_until_complete(server.wait_closed())
        pending = asyncio.all_tasks(self._loop)
        for task in pending:
            task.cancel()
        self._loop.run_until_complete(asyncio.gather(*pending, return_exceptions=True))
        self._loop.close()

    def stop(self) -> None:
        if not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._loop.stop)


class _Files(asyncssh.SFTPServer):
    """Serves the folder; ends the line inside a file where it is told to."""

    def __init__(self, channel: Any, host: Host) -> None:
        super().__init__(channel, chroot=str(host.root))
        self._host = host
        self._line = channel

    def read(self, file_obj: object, offset: int, size: int) -> bytes:
        if self._host.cut_after is not None and offset >= self._host.cut_after:
            self._host.cut_after = None
            self._line.get_connection().abort()
            raise asyncssh.SFTPConnectionLost("cut")
        most = size if self._host.cut_after is None else self._host.cut_after
        return bytes(super().read(file_obj, offset, min(size, most)))  # type: ignore[arg-type]


@pytest.fixture
def host(tmp_path: Path) -> Iterator[Host]:
    root = tmp_path / "remote"
    (root / "so-lieu").mkdir(parents=True)
    one = Host(root)
    ready = threading.Event()
    thread = threading.Thread(target=one.run, args=(ready,))
    thread.start()
    assert ready.wait(20)
    yield one
    one.stop()
    thread.join(20)


@dataclass
class Surroundings:
    host: Host
    home: Path
    url: str
    catalogue: Catalogue
    owner: Connection
    now: datetime = NOON
    said: dict[str, Any] = field(default_factory=dict)
    _door: SftpDoor | None = None

    def server(self) -> SftpSource:
        said = {"password": "sftp-mat-khau", **self.said}
        return SftpSource(
            feed=HEALTH, host="127.0.0.1", port=self.host.port, user="ioc", folder="so-lieu", **said
        )

    def door(self) -> SftpDoor:
        if self._door is None:
            opener = partial(connect, self.url, application="test")
            store = Folder(self.home / "evidence")
            folders = WatchedFolders(opener, self.catalogue, store, self.home / "inbox")
            folders.open()
            secrets = SecretFiles(self.home / "secrets")
            self._door = SftpDoor(opener, folders, secrets, self.home, [self.server()])
        return self._door

    def fetch(self, looks: int = 2) -> list[Taken]:
        taken: list[Taken] = []
        for _ in range(looks):
            taken = self.door().fetch(self.server(), self.now)
        return taken

    def put(self, name: str, body: str) -> Path:
        path = self.host.root / "so-lieu" / name
        path.write_text(body, encoding="utf-8")
        return path

    def remote(self) -> list[str]:
        root = self.host.root / "so-lieu"
        return sorted(str(path.relative_to(root)) for path in root.rglob("*") if path.is_file())

    def standing(self) -> tuple[int, str | None, datetime | None]:
        row = self.owner.execute("select failures, failure, next_at from feed_source").fetchone()
        assert row is not None
        return row

    def count(self, what: str = "select count(*) from feed_row") -> int:
        row = self.owner.execute(what).fetchone()  # type: ignore[call-overload]
        return int(row[0])


@pytest.fixture
def around(
    host: Host, tmp_path: Path, feeds_url: str, catalogue: Catalogue, owner: Connection
) -> Surroundings:
    secrets = tmp_path / "secrets"
    secrets.mkdir()
    (secrets / "sftp-mat-khau").write_text("mat-khau\n", encoding="utf-8")
    public = host.host_key.export_public_key().decode().strip()
    (tmp_path / "known_hosts").write_text(f"[127.0.0.1]:{host.port} {public}\n", encoding="utf-8")
    return Surroundings(host, tmp_path, feeds_url, catalogue, owner)


def rows(n: int = 1, **cells: Any) -> str:
    whole = {"visits": 100, "inpatients": 10, "beds": 40, "dengue": 1, "hfmd": 0, **cells}
    areas = ("31825", "31834", "31840", "31843")
    return json.dumps(
        [{"area": areas[at % 4], "period": f"2026-11-{at // 4 + 1:02}", **whole} for at in range(n)]
    )


def test_a_file_is_fetched_delivered_and_put_away_there(around: Surroundings) -> None:
    around.put("a.json", rows())

    (taken,) = around.fetch()

    assert taken.receipt is not None
    assert taken.receipt.status == "accepted"
    assert around.remote() == ["done/a.json"]
    assert around.count("select count(*) from feed_batch where door = 'sftp'") == 1
    assert around.standing()[0] == 0


def test_a_file_is_removed_where_that_is_agreed(around: Surroundings) -> None:
    around.said = {"after": "remove"}
    around.put("a.json", rows())

    around.fetch()

    assert around.remote() == []
    assert around.count() == 1


def test_a_remote_file_that_still_grows_waits(around: Surroundings) -> None:
    path = around.put("a.json", "[")
    around.fetch(1)
    path.write_text(rows(), encoding="utf-8")
    assert around.fetch(1) == []
    assert around.standing()[2] == around.now + timedelta(seconds=10)

    (taken,) = around.fetch(1)

    assert taken.receipt is not None


def test_a_file_under_another_name_until_it_is_whole_is_left_alone(around: Surroundings) -> None:
    around.put("a.json.filepart", rows())

    assert around.fetch(3) == []
    assert around.remote() == ["a.json.filepart"]


def test_a_marked_file_is_fetched_at_once_and_its_mark_goes(around: Surroundings) -> None:
    around.put("a.json", rows())
    around.put("a.json.ok", "")

    around.fetch(1)

    assert around.remote() == ["done/a.json"]


def test_a_line_that_ends_inside_a_file_costs_nothing(around: Surroundings) -> None:
    around.put("a.json", rows(90))
    around.fetch(1)
    around.host.cut_after = 1000

    assert around.fetch(1) == []

    failures, failure, next_at = around.standing()
    assert failures == 1
    assert failure is not None
    assert next_at is not None
    assert next_at > around.now
    assert around.remote() == ["a.json"]
    assert around.count() == 0
    (taken,) = around.fetch(1)
    assert taken.receipt is not None
    assert taken.receipt.rows_new == around.count() == 90
    assert around.standing()[0] == 0


def test_a_file_that_came_but_was_not_put_away_there_is_no_second_delivery(
    around: Surroundings,
) -> None:
    around.put("a.json", rows())
    around.fetch()
    (around.host.root / "so-lieu" / "done" / "a.json").rename(
        around.host.root / "so-lieu" / "a.json"
    )

    # It lies there as it did at the last look: nobody has touched it since.
    (taken,) = around.fetch(1)

    assert taken.receipt is not None
    assert taken.receipt.status == "repeated"
    assert around.count() == 1
    assert around.remote() == ["done/a.json"]


def test_a_bad_file_lies_in_refused_there_and_here(around: Surroundings) -> None:
    around.put("a.json", "{")

    (taken,) = around.fetch()

    assert taken.receipt is None
    assert around.remote() == ["refused/a.json"]
    assert taken.path is not None
    assert taken.path.with_name("a.json.reason.txt").exists()


def test_one_bad_row_does_not_block_the_others(around: Surroundings) -> None:
    body = json.loads(rows(92))
    body[7]["beds"] = "???"
    around.put("a.json", json.dumps(body))

    (taken,) = around.fetch()

    assert taken.receipt is not None
    assert (taken.receipt.status, taken.receipt.rows_new) == ("partial", 91)


def test_a_key_opens_the_door_too(around: Surroundings, tmp_path: Path) -> None:
    key = asyncssh.generate_private_key("ssh-ed25519")
    Logins.key = key.convert_to_public()
    (tmp_path / "secrets" / "sftp-khoa").write_bytes(key.export_private_key())
    around.said = {"password": "", "key": "sftp-khoa"}
    around.put("a.json", rows())

    assert len(around.fetch()) == 1


def test_a_server_with_another_key_is_not_talked_to(around: Surroundings, tmp_path: Path) -> None:
    other = asyncssh.generate_private_key("ssh-ed25519").export_public_key().decode()
    (tmp_path / "known_hosts").write_text(
        f"[127.0.0.1]:{around.host.port} {other}", encoding="utf-8"
    )
    around.put("a.json", rows())

    assert around.fetch() == []

    assert "HostKeyNotVerifiable" in str(around.standing()[1])
    assert around.remote() == ["a.json"]


def test_no_known_hosts_file_means_no_talk_at_all(around: Surroundings, tmp_path: Path) -> None:
    (tmp_path / "known_hosts").unlink()

    assert around.fetch() == []

    assert "known_hosts" in str(around.standing()[1])


def test_a_wrong_password_is_named_and_not_shown(around: Surroundings, tmp_path: Path) -> None:
    (tmp_path / "secrets" / "sftp-mat-khau").write_text("sai", encoding="utf-8")

    assert around.fetch(1) == []

    assert "PermissionDenied" in str(around.standing()[1])


def test_a_server_that_is_away_is_asked_ever_more_seldom(around: Surroundings) -> None:
    around.host.stop()
    around.said = {"every": timedelta(minutes=1)}
    rests = []
    for _ in range(4):
        around.fetch(1)
        next_at = around.standing()[2]
        assert next_at is not None
        rests.append(next_at - around.now)

    assert rests == sorted(rests)
    assert around.door().due(around.now) == []


def test_servers_stand_in_a_file(tmp_path: Path) -> None:
    path = tmp_path / "sftp.yaml"
    assert read_sources(path) == []
    path.write_text(
        "- {feed: y-te, host: sftp.soyte.example, user: ioc, key: sftp-y-te, folder: out}\n",
        encoding="utf-8",
    )
    (one,) = read_sources(path)
    assert (one.port, one.after, one.known_hosts) == (22, "move", "known_hosts")
    path.write_text("- {feed: y-te, hots: x}\n", encoding="utf-8")
    with pytest.raises(DoorMisconfigured, match="hots"):
        read_sources(path)
