"""`python -m ioc_cloud.ingest`: broker to database, until SIGTERM."""

import argparse
import signal
import sys
import threading
from datetime import timedelta
from functools import partial

import structlog

from ioc_cloud import log
from ioc_cloud.db.pool import connect
from ioc_cloud.ingest.mqtt import Broker, Inbox
from ioc_cloud.ingest.upkeep import Upkeep
from ioc_cloud.ingest.worker import Worker
from ioc_cloud.settings import Settings


def main() -> int:
    """Exit code 0 after SIGTERM or SIGINT."""
    parser = argparse.ArgumentParser(prog="ioc_cloud.ingest")
    parser.add_argument("--client-id", default="ioc-ingest", help="another one a worker")
    arguments = parser.parse_args()
    settings = Settings()
    log.set_up("ingest")
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    opener = partial(
        connect, settings.ingest_database_url or settings.database_url, application="ioc-ingest"
    )
    upkeep = Upkeep(opener, settings.retention_days, stop)
    threading.Thread(target=upkeep.run, name="upkeep", daemon=True).start()
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


if __name__ == "__main__":
    sys.exit(main())
