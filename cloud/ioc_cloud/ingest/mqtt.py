"""The broker's side of ingest: messages in, acknowledged by hand, never across connections."""

import contextlib
import queue
import socket
import threading
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, NamedTuple

import structlog
from paho.mqtt.client import Client, ConnectFlags, DisconnectFlags, MQTTMessage
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode
from paho.mqtt.subscribeoptions import SubscribeOptions

from ioc_cloud.ingest.store import Receipt
from ioc_models import topics
from ioc_models.events import Ack, ranges

log = structlog.get_logger()

# The broker keeps our unacknowledged messages this long while we are away.
SESSION_EXPIRY_S: Final = 7 * 24 * 3600
# Unacknowledged messages stop the broker at this number: the back-pressure.
RECEIVE_MAXIMUM: Final = 2_000
# QoS 0 knows no back-pressure; beyond this telemetry falls away, counted.
MAX_WAITING: Final = 20_000
KEEPALIVE_S: Final = 20
FIRST_WAIT_S: Final = 0.25


@dataclass(frozen=True, slots=True)
class Broker:
    """Where the broker is and who we are to it."""

    host: str
    port: int
    username: str | None = None
    password: str | None = None
    ca_file: Path | None = None
    client_id: str = "ioc-ingest"


class Received(NamedTuple):
    """A message with the connection that it came on."""

    connection: int
    mid: int
    qos: int
    topic: str
    payload: bytes
    retained: bool


class Inbox:
    """A subscriber whose messages stay the broker's until `acknowledge`.

    paho's thread fills a queue; one worker takes from it, stores, and acknowledges.
    A message id means something on its own connection alone: after a reconnect the
    broker delivers again, perhaps other messages under the same ids.
    """

    def __init__(self, broker: Broker) -> None:
        self.overflowed = 0
        self._broker = broker
        self._waiting: queue.SimpleQueue[Received] = queue.SimpleQueue()
        self._connection = 0
        self._connected = False
        self._subscribed = False
        # Guards the pair (connection number, acknowledgement on the wire): without
        # it an old id could go out between a lost connection and the next one.
        self._lock = threading.Lock()
        self._unacknowledged: dict[int, float] = {}
        self._client = self._make_client()

    @property
    def subscribed(self) -> bool:
        """Whether the broker has confirmed our subscriptions on the line that stands."""
        return self._subscribed

    def start(self) -> None:
        """Connect in the background and keep trying for ever."""
        opening = Properties(PacketTypes.CONNECT)  # type: ignore[no-untyped-call]
        opening.SessionExpiryInterval = SESSION_EXPIRY_S
        opening.ReceiveMaximum = RECEIVE_MAXIMUM
        # paho's default cleans the session at the first connect of each process, and
        # with it every message that waited for us.
        self._client.connect_async(
            self._broker.host,
            self._broker.port,
            keepalive=KEEPALIVE_S,
            clean_start=False,
            properties=opening,
        )
        self._client.loop_start()

    def stop(self) -> None:
        """Leave in good order; what was not acknowledged comes again."""
        self._client.disconnect()
        self._client.loop_stop()

    def take(self, most: int, within_s: float) -> list[Received]:
        """Up to `most` messages: those that come `within_s` of the first one.

        Waits a moment for the first; an empty list means that nothing came.
        """
        try:
            taken = [self._waiting.get(timeout=FIRST_WAIT_S)]
        except queue.Empty:
            return []
        deadline = time.monotonic() + within_s
        with contextlib.suppress(queue.Empty):
            while len(taken) < most:
                left_s = deadline - time.monotonic()
                taken.append(self._waiting.get(block=left_s > 0, timeout=max(left_s, 0)))
        return taken

    def acknowledge(self, messages: Iterable[Received]) -> None:
        """Tell the broker that these are safe; those of older connections are left out."""
        with self._lock:
            for message in messages:
                if message.qos and message.connection == self._connection:
                    self._client.ack(message.mid, message.qos)
                    self._unacknowledged.pop(message.mid, None)

    def tell(self, receipts: Sequence[Receipt]) -> None:
        """Tell boxes what is committed. A word that is lost is said again at redelivery."""
        for receipt in receipts:
            ack = Ack(
                epoch=receipt.spool.epoch,
                ok=ranges(list(receipt.ok)),
                rej=receipt.rejections(),
            )
            topic = topics.ack(receipt.spool.box)
            self._client.publish(topic, ack.model_dump_json().encode(), qos=1)

    def oldest_wait_s(self) -> float:
        """How long the oldest unacknowledged message has waited, in seconds."""
        with self._lock:
            first = next(iter(self._unacknowledged.values()), None)
        return 0.0 if first is None else time.monotonic() - first

    def is_idle(self) -> bool:
        """Whether nothing waits to be taken."""
        return self._waiting.empty()

    def reconnect(self) -> None:
        """Drop the line; the broker delivers what is unacknowledged again."""
        sock = self._client.socket()
        if isinstance(sock, socket.socket):
            # Not close(): paho would then go on without telling us that the line was cut.
            with contextlib.suppress(OSError):
                sock.shutdown(socket.SHUT_RDWR)

    def _make_client(self) -> Client:
        client = Client(
            CallbackAPIVersion.VERSION2,
            client_id=self._broker.client_id,
            protocol=MQTTProtocolVersion.MQTTv5,
            manual_ack=True,
        )
        if self._broker.username is not None:
            client.username_pw_set(self._broker.username, self._broker.password)
        if self._broker.ca_file is not None:
            client.tls_set(ca_certs=str(self._broker.ca_file))
        client.reconnect_delay_set(min_delay=1, max_delay=5)
        client.max_inflight_messages_set(1_000)
        client.on_connect = self._on_connect
        client.on_disconnect = self._on_disconnect
        client.on_subscribe = self._on_subscribe
        client.on_message = self._on_message
        return client

    def _on_connect(
        self,
        client: Client,
        _userdata: object,
        flags: ConnectFlags,
        reason: ReasonCode,
        _properties: Properties | None,
    ) -> None:
        if reason.is_failure:
            log.warning("broker_refused", reason=str(reason))
            return
        self._connected = True
        log.info("broker_connected", session_present=flags.session_present)
        # Retain-as-published shows the retain flag of live messages too: an event
        # that a box retains is refused at once, not at our next start.
        options = SubscribeOptions(qos=1, retainAsPublished=True)
        client.subscribe(
            [
                (topics.EVENTS, options),
                (topics.STATUSES, options),
                (topics.TELEMETRY, SubscribeOptions(qos=0)),
            ]
        )

    def _on_disconnect(
        self,
        _client: Client,
        _userdata: object,
        _flags: DisconnectFlags,
        reason: ReasonCode,
        _properties: Properties | None,
    ) -> None:
        with self._lock:
            self._connection += 1
            self._unacknowledged.clear()
        if self._connected:
            log.warning("broker_lost", reason=str(reason))
        self._connected = False
        self._subscribed = False

    def _on_subscribe(
        self,
        _client: Client,
        _userdata: object,
        _mid: int,
        reasons: list[ReasonCode],
        _properties: Properties | None,
    ) -> None:
        if any(reason.is_failure for reason in reasons):
            log.error("subscription_refused", reasons=[str(reason) for reason in reasons])
            return
        self._subscribed = True

    def _on_message(self, _client: Client, _userdata: object, message: MQTTMessage) -> None:
        if message.qos == 0 and self._waiting.qsize() > MAX_WAITING:
            self.overflowed += 1
            return
        number = self._connection
        if message.qos:
            self._unacknowledged[message.mid] = time.monotonic()
        self._waiting.put(
            Received(
                number,
                message.mid,
                message.qos,
                message.topic,
                bytes(message.payload),
                message.retain,
            )
        )
