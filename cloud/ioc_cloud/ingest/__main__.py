"""`python -m ioc_cloud.ingest`: broker to database, until SIGTERM."""

import argparse
import gc
import signal
import sys
import threading
from datetime import timedelta
from functools import partial
from typing import Final

import structlog

from ioc_cloud import log
from ioc_cloud.db.pool import connect
from ioc_cloud.ingest.mqtt import Broker, Inbox
from ioc_cloud.ingest.upkeep import Upkeep
from ioc_cloud.ingest.worker import Worker
from ioc_cloud.settings import Settings
from ioc_cloud.twin.models import WotModels
from ioc_cloud.twin.province.mirror import Mirror
from ioc_cloud.twin.service import Writer
from ioc_models.wot import Catalogue

SWITCH_INTERVAL_S: Final = 0.0001
COLLECT_EVERY: Final = 50_000


def main() -> int:
    """Exit code 0 after SIGTERM or SIGINT."""
    parser = argparse.ArgumentParser(prog="ioc_cloud.ingest")
    parser.add_argument("--client-id", default="ioc-ingest", help="another one a worker")
    arguments = parser.parse_args()
    settings = Settings()
    log.set_up("ingest")
    _tune_interpreter()
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    opener = partial(
        connect, settings.ingest_database_url or settings.database_url, application="ioc-ingest"
    )
    upkeep = Upkeep(opener, settings.retention_days, stop)
    threading.Thread(target=upkeep.run, name="upkeep", daemon=True).start()
    models = WotModels(Catalogue(settings.twin_models_url))
    writer = Writer(series_of=models.series_of, outbox=settings.twin_engine == "ditto")
    mirror = Mirror(opener, writer, models, stop)
    threading.Thread(target=mirror.run, name="mirror", daemon=True).start()
    broker = Broker(
        host=settings.mqtt_host,
        port=settings.mqtt_port,
        username=settings.mqtt_user,
        password=settings.mqtt_password,
        ca_file=settings.mqtt_ca_file,
        client_id=arguments.client_id,
    )
    structlog.get_logger().info("ingest_started", broker=f"{broker.host}:{broker.port}")
    Worker(
        inbox=Inbox(broker),
        connect=opener,
        retention=timedelta(days=settings.retention_days),
        stop=stop,
    ).run()
    return 0


def _tune_interpreter() -> None:
    """Two threads that take turns, and many short-lived objects without cycles."""
    # The thread that talks to the database must not wait the default 5 ms for each answer;
    # at 0.5 ms the waits still made a tenth of a batch.
    sys.setswitchinterval(SWITCH_INTERVAL_S)
    # A full collection of what was imported took 40 ms, as long as a batch takes to store.
    gc.freeze()
    gc.set_threshold(COLLECT_EVERY)


if __name__ == "__main__":
    sys.exit(main())
