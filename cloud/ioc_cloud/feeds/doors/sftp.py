"""Files on other houses' SFTP servers: fetched into a feed's inbox, put away there afterwards.

The remote file is moved or removed after its delivery is committed here, never before. A
server whose key is not in the known hosts file is not talked to.
"""

import asyncio
import posixpath
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Annotated, Final, Literal

import asyncssh
import yaml
from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError

from ioc_cloud.db.pool import Connection
from ioc_cloud.feeds.doors import sources
from ioc_cloud.feeds.doors.errors import (
    AnswerTooLarge,
    DoorMisconfigured,
    NotLetIn,
    SourceTrouble,
    SourceUnreachable,
)
from ioc_cloud.feeds.doors.folder import DONE, LARGEST, REFUSED, Taken, WatchedFolders
from ioc_cloud.feeds.doors.secret_files import Secrets
from ioc_cloud.feeds.doors.stillness import Look, Stillness
from ioc_models.feeds.contract import Slug

CONNECT_S: Final = 15
READ_BYTES: Final = 256 * 1024
# However many lie there, a round comes to its end.
MOST_FILES: Final = 200
SOON: Final = timedelta(seconds=10)


class SftpSource(BaseModel):
    """One folder on one server; these stand in `IOC_HOME/feeds/sftp.yaml`, as a list.

    Attributes:
        key: Name of the installation's secret with a private key; or else `password`.
        password: Name of the installation's secret with a password.
        known_hosts: File in `IOC_HOME/feeds`, as OpenSSH writes it.
        folder: Where files lie for us on the server.
        after: `move` puts taken files into `done` and `refused` below that folder.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    feed: Slug
    host: Annotated[str, StringConstraints(min_length=1, max_length=253)]
    port: int = Field(default=22, ge=1, le=65_535)
    user: Annotated[str, StringConstraints(min_length=1, max_length=100)]
    key: str = ""
    password: str = ""
    known_hosts: str = "known_hosts"
    folder: str = "."
    after: Literal["move", "remove"] = "move"
    every: timedelta = timedelta(minutes=5)

    @property
    def name(self) -> str:
        """As the standing of sources lists it."""
        return f"{self.feed}/sftp/{self.user}@{self.host}:{self.port}/{self.folder}"


def read_sources(path: Path) -> list[SftpSource]:
    """The servers that an installation fetches from; no file means none.

    Raises:
        DoorMisconfigured: The file says something else.
    """
    if not path.exists():
        return []
    try:
        listed = yaml.safe_load(path.read_text(encoding="utf-8")) or []
        return [SftpSource.model_validate(one) for one in listed]
    except (OSError, UnicodeDecodeError, yaml.YAMLError, ValidationError, TypeError) as error:
        raise DoorMisconfigured(f"{path.name}: {error}", f"{path.name}: {error}") from error


@dataclass(frozen=True, slots=True)
class _Round:
    """What a round came to.

    Attributes:
        more: Whether something lies there that was not whole yet.
    """

    taken: list[Taken]
    too_large: list[str]
    more: bool


class SftpDoor:
    """Fetches from servers in their rhythm.

    Args:
        connect: Opens a connection of a role that may deliver.
        folders: Where fetched files are taken.
        secrets: Keys and passwords.
        known_hosts: Folder of the known hosts files: `IOC_HOME/feeds`.
        servers: What to fetch.
    """

    def __init__(
        self,
        connect: Callable[[], Connection],
        folders: WatchedFolders,
        secrets: Secrets,
        known_hosts: Path,
        servers: Sequence[SftpSource],
    ) -> None:
        self._connect = connect
        self._folders = folders
        self._secrets = secrets
        self._known_hosts = known_hosts
        self._servers = {one.name: one for one in servers}
        self._stillness = {name: Stillness() for name in self._servers}

    def due(self, now: datetime) -> list[SftpSource]:
        """Servers to be asked now."""
        with self._connect() as connection:
            return [self._servers[name] for name in sources.due(connection, self._servers, now)]

    def fetch(self, server: SftpSource, now: datetime) -> list[Taken]:
        """Fetch and deliver what is whole on a server since the last look.

        A server in trouble is noted in `feed_source`, with when it is asked next.

        Raises:
            psycopg.OperationalError: The database is away; remote files stay.
        """
        with self._connect() as connection, sources.held(connection, server.name) as ours:
            return self._asked(connection, server, now) if ours else []

    def _asked(self, connection: Connection, server: SftpSource, now: datetime) -> list[Taken]:
        before = sources.standing(connection, server.name)
        try:
            # In a thread of its own: whoever calls may have a running loop already.
            with ThreadPoolExecutor(1) as aside:
                found = aside.submit(asyncio.run, self._fetch(server, now)).result()
        except SourceTrouble as trouble:
            sources.failed(connection, before, str(trouble), every=server.every, now=now)
            return []
        next_at = now + (SOON if found.more else server.every)
        remark = "; ".join(found.too_large)
        sources.answered(
            connection, before, cursor=None, next_at=next_at, now=now, remark=remark or None
        )
        sources.told_back(before)
        return found.taken

    async def _fetch(self, server: SftpSource, now: datetime) -> _Round:
        try:
            async with (
                asyncssh.connect(
                    server.host,
                    server.port,
                    username=server.user,
                    known_hosts=self._trusted(server),
                    client_keys=self._keys(server),
                    password=self._secrets(server.password) if server.password else None,
                    agent_path=None,
                    config=None,
                    connect_timeout=CONNECT_S,
                    login_timeout=CONNECT_S,
                    keepalive_interval=CONNECT_S,
                ) as line,
                line.start_sftp_client() as remote,
            ):
                return await self._round(server, remote, now)
        except (asyncssh.PermissionDenied, asyncssh.HostKeyNotVerifiable) as error:
            raise NotLetIn(f"{type(error).__name__}: {error.reason}") from error
        except asyncssh.Error as error:
            raise SourceUnreachable(f"{type(error).__name__}: {error.reason}") from error
        except OSError as error:
            raise SourceUnreachable(f"{type(error).__name__}: {error}") from error

    def _trusted(self, server: SftpSource) -> str:
        path = self._known_hosts / Path(server.known_hosts).name
        if not path.is_file():
            # asyncssh would take any server's word where no file is named.
            raise DoorMisconfigured(
                f"thiếu tệp khóa máy chủ {path.name}", f"no known hosts file {path.name}"
            )
        return str(path)

    def _keys(self, server: SftpSource) -> list[asyncssh.SSHKey]:
        if not server.key:
            return []
        try:
            return [asyncssh.import_private_key(self._secrets(server.key))]
        except (asyncssh.KeyImportError, ValueError) as error:
            raise DoorMisconfigured(
                f"khóa {server.key!r} không đọc được", f"{server.key!r} is no private key"
            ) from error

    async def _round(
        self, server: SftpSource, remote: asyncssh.SFTPClient, now: datetime
    ) -> _Round:
        looks = await _listed(remote, server.folder)
        whole = self._stillness[server.name].whole(looks)
        # What was seen for the first time is looked at again soon.
        more = self._stillness[server.name].waiting() > len(whole) or len(whole) > MOST_FILES
        found = _Round([], [], more)
        for look in whole[:MOST_FILES]:
            if look.size > LARGEST:
                found.too_large.append(f"{look.name}: {look.size} > {LARGEST} byte")
            elif (one := await self._one(server, remote, look, now)) is not None:
                found.taken.append(one)
        return found

    async def _one(
        self, server: SftpSource, remote: asyncssh.SFTPClient, look: Look, now: datetime
    ) -> Taken | None:
        source = posixpath.join(server.folder, look.name)
        local = await _downloaded(remote, source, self._folders.inbox(server.feed))
        taken = await asyncio.to_thread(
            self._folders.take, server.feed, local, now, "sftp", f"sftp:{server.user}@{server.host}"
        )
        if taken is None or taken.path is None:
            return None
        await _put_away(server, remote, look.name, REFUSED if taken.refused else DONE)
        return taken


async def _listed(remote: asyncssh.SFTPClient, folder: str) -> list[Look]:
    found = []
    for entry in await remote.readdir(folder):
        attributes = entry.attrs
        if attributes.type != asyncssh.FILEXFER_TYPE_REGULAR:
            continue
        name = entry.filename
        text = name if isinstance(name, str) else name.decode("utf-8", "replace")
        if "/" not in text and "\0" not in text:
            found.append(Look(text, attributes.size or 0, float(attributes.mtime or 0)))
    return found


async def _downloaded(remote: asyncssh.SFTPClient, source: str, inbox: Path) -> Path:
    """The file in the inbox: under another name until all of it is on disk."""
    target = _free(inbox, posixpath.basename(source))
    part = target.with_name(f".{target.name}.part")
    size = 0
    async with remote.open(source, "rb") as file:
        with part.open("wb") as copy:
            while chunk := await file.read(READ_BYTES):
                size += len(chunk)
                if size > LARGEST:
                    raise AnswerTooLarge(LARGEST)
                copy.write(chunk.encode() if isinstance(chunk, str) else chunk)
    part.replace(target)
    return target


def _free(inbox: Path, name: str) -> Path:
    """A name that nobody's file has: what lies there is not ours to write over."""
    target = inbox / name.lstrip(".")
    number = 0
    while target.exists():
        number += 1
        target = inbox / f"{Path(name).stem}.{number}{Path(name).suffix}"
    return target


async def _put_away(server: SftpSource, remote: asyncssh.SFTPClient, name: str, where: str) -> None:
    source = posixpath.join(server.folder, name)
    if server.after == "remove":
        await remote.remove(source)
    else:
        folder = posixpath.join(server.folder, where)
        await remote.makedirs(folder, exist_ok=True)
        target = posixpath.join(folder, name)
        number = 0
        while await remote.exists(target):
            number += 1
            target = posixpath.join(folder, f"{Path(name).stem}.{number}{Path(name).suffix}")
        await remote.rename(source, target)
    mark = f"{source}.ok"
    if await remote.exists(mark):
        await remote.remove(mark)
