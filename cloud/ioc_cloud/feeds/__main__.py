"""`python -m ioc_cloud.feeds`: the worker of the feeds, until SIGTERM."""

import signal
import sys
import threading
import time
from collections.abc import Collection, Mapping
from datetime import datetime, timezone
from functools import partial
from pathlib import Path

import structlog
import yaml
from pydantic import TypeAdapter, ValidationError

from ioc_cloud import log
from ioc_cloud.db.pool import connect
from ioc_cloud.events.evidence import Folder
from ioc_cloud.feeds.alerts.sop import Sops
from ioc_cloud.feeds.calendar import Calendar
from ioc_cloud.feeds.catalogue import Catalogue
from ioc_cloud.feeds.doors.asking import Line
from ioc_cloud.feeds.doors.events import EventsDoor
from ioc_cloud.feeds.doors.folder import WatchedFolders
from ioc_cloud.feeds.doors.mqtt import BatchDoor, MqttDoor
from ioc_cloud.feeds.doors.pull import Puller
from ioc_cloud.feeds.doors.secret_files import SecretFiles
from ioc_cloud.feeds.doors.sftp import SftpDoor, read_sources
from ioc_cloud.feeds.errors import ContractBroken
from ioc_cloud.feeds.post import Mail
from ioc_cloud.feeds.publish import Twin
from ioc_cloud.feeds.worker import Worker
from ioc_cloud.ingest.mqtt import Broker
from ioc_cloud.settings import Settings
from ioc_cloud.twin.models import WotModels
from ioc_cloud.twin.service import Writer
from ioc_models.wot import Catalogue as Models

SENDERS = TypeAdapter(dict[str, frozenset[str]])


def utc_now() -> datetime:
    """The real clock."""
    return datetime.now(timezone.utc)


def main() -> int:
    """Exit code 0 after SIGTERM or SIGINT."""
    settings = Settings()
    log.set_up("feeds")
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    catalogue = Catalogue.of_province(settings.contracts_folder)
    originals = Folder(settings.originals_folder)
    worker, door = build(settings, catalogue, originals), BatchDoor(
        catalogue, originals, senders(settings.feeds_folder / "senders.yaml", catalogue)
    )  # fmt: skip
    broker = Broker(
        host=settings.mqtt_host,
        port=settings.mqtt_port,
        username=settings.mqtt_user,
        password=settings.mqtt_password,
        ca_file=settings.mqtt_ca_file,
        client_id="ioc-feeds",
    )
    listener = MqttDoor(broker, worker.connect, door, utc_now, stop)
    threading.Thread(target=listener.run, name="mqtt", daemon=True).start()
    structlog.get_logger().info(
        "feeds_started", feeds=len(catalogue.feeds), sources=settings.sources_url
    )
    worker.run(stop)
    return 0


def build(settings: Settings, catalogue: Catalogue, originals: Folder) -> Worker:
    """The worker of an installation.

    Raises:
        ContractBroken: The calendar cannot be read.
        DoorMisconfigured: The list of SFTP servers cannot be read.
    """
    opener = partial(
        connect, settings.feeds_database_url or settings.database_url, application="ioc-feeds"
    )
    models = WotModels(Models(settings.twin_models_url))
    writer = Writer(series_of=models.series_of, outbox=settings.twin_engine == "ditto")
    secrets = SecretFiles(settings.home / "secrets")
    folders = WatchedFolders(opener, catalogue, originals, settings.inbox_folder)
    return Worker(
        connect=opener,
        catalogue=catalogue,
        calendar=Calendar.load(settings.calendar_file),
        puller=Puller(
            opener,
            catalogue,
            originals,
            Line(secrets=secrets, pause=time.sleep, base=settings.sources_url),
            settings.feeds_folder / "scratch",
        ),
        folders=folders,
        sftp=SftpDoor(
            opener,
            folders,
            secrets,
            settings.feeds_folder,
            read_sources(settings.feeds_folder / "sftp.yaml"),
        ),
        events=EventsDoor(opener, catalogue),
        twin=Twin(writer, models),
        originals=originals,
        sops=Sops.load(settings.feeds_folder / "sop"),
        clock=utc_now,
        post=Mail.of(settings),
    )


def senders(path: Path, catalogue: Catalogue) -> Mapping[str, Collection[str]]:
    """Which boxes may deliver to which feeds over MQTT; a feed that is not named is nobody's.

    Raises:
        ContractBroken: The file says something else.
    """
    named: dict[str, frozenset[str]] = {}
    if path.exists():
        try:
            named = SENDERS.validate_python(yaml.safe_load(path.read_text(encoding="utf-8")) or {})
        except (OSError, yaml.YAMLError, ValidationError) as error:
            raise ContractBroken(path, str(error)) from error
    return {feed: named.get(feed, frozenset()) for feed in catalogue.feeds}


if __name__ == "__main__":
    sys.exit(main())
