"""The broker's side of ingest: messages in, acknowledged by hand, never across connections."""

import contextlib
import select
import socket
import ssl
import time
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, NamedTuple
from uuid import UUID

import structlog
from paho.mqtt.client import Client, ConnectFlags, DisconnectFlags, MQTTMessage
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode
from paho.mqtt.subscribeoptions import SubscribeOptions

from ioc_cloud.ingest.publishes import Publish, is_publish, is_whole, whole_publishes
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
CONNECT_EVERY_S: Final = 1.0
LAST_WORDS_S: Final = 2.0
# A flood must not keep the thread from what else it has to do.
READ_AT_ONCE: Final = 50
PEEK_BYTES: Final = 64 * 1024
REST_OF_PACKET_S: Final = 0.001


@dataclass(frozen=True, slots=True)
class Broker:
    """Where the broker is and who we are to it."""

    host: str
    port: int
    username: str | None = None
    password: str | None = None
    ca_file: Path | None = None
    client_id: str = "ioc-ingest"

    def client(self) -> Client:
        """A client that knows who we are and acknowledges only what it is told to."""
        client = Client(
            CallbackAPIVersion.VERSION2,
            client_id=self.client_id,
            protocol=MQTTProtocolVersion.MQTTv5,
            manual_ack=True,
        )
        if self.username is not None:
            client.username_pw_set(self.username, self.password)
        if self.ca_file is not None:
            client.tls_set(ca_certs=str(self.ca_file))
        return client


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

    It has no thread: whoever calls `take` or `attend` drives the connection, so messages
    are read and acknowledged without a lock or a hand-over; but for `post`, all of it is
    for that one thread. A message id means something on its own connection alone: after a
    reconnect the broker delivers again, perhaps other messages under the same ids.
    """

    def __init__(self, broker: Broker) -> None:
        self.overflowed = 0
        self._broker = broker
        self._waiting: deque[Received] = deque()
        self._waiting_since = 0.0
        self._arrived = 0
        self._paho_reads = False
        self._connection = 0
        self._connected = False
        self._subscribed = False
        self._unacknowledged: dict[int, float] = {}
        self._posted: deque[Callable[[], None]] = deque()
        self._bell, self._rope = socket.socketpair()
        self._bell.settimeout(0)
        self._connect_at = 0.0
        self._client = self._make_client()

    @property
    def subscribed(self) -> bool:
        """Whether the broker has confirmed our subscriptions on the line that stands."""
        return self._subscribed

    def start(self) -> None:
        """Get ready to connect, and to keep trying for ever."""
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

    def stop(self) -> None:
        """Leave in good order; what was not acknowledged comes again."""
        until = time.monotonic() + LAST_WORDS_S
        if self._client.is_connected():
            self._client.disconnect()
        else:
            self.reconnect()
        while self._client.socket() is not None and time.monotonic() < until:
            self._exchange(0.1)
        self._bell.close()
        self._rope.close()

    def take(self, most: int, within_s: float) -> list[Received]:
        """Up to `most` messages: those that come `within_s` of the first one.

        Waits a moment for the first; an empty list means that nothing came.
        """
        if not self._waiting:
            self.attend()
        while 0 < len(self._waiting) < most:
            left_s = self._waiting_since + within_s - time.monotonic()
            if left_s <= 0:
                break
            self._attend(left_s)
        # Those that stay behind have waited for a whole batch: their time is up.
        return [self._waiting.popleft() for _ in range(min(most, len(self._waiting)))]

    def attend(self) -> None:
        """Serve the connection for a moment, or until something has come."""
        self._attend(FIRST_WAIT_S)

    def post(self, action: Callable[[], None]) -> None:
        """Have something done by the thread that drives the connection, from any other."""
        self._posted.append(action)
        self._rope.send(b"!")

    def acknowledge(self, messages: Iterable[Received]) -> None:
        """Tell the broker that these are safe; those of older connections are left out."""
        for message in messages:
            if message.qos and message.connection == self._connection:
                self._client.ack(message.mid, message.qos)
                self._unacknowledged.pop(message.mid, None)
        self._write()

    def tell(self, receipts: Sequence[Receipt]) -> None:
        """Tell boxes what is committed. A word that is lost is said again at redelivery."""
        for receipt in receipts:
            ack = Ack(
                epoch=UUID(receipt.spool.epoch),
                ok=ranges(receipt.ok),
                rej=receipt.rejections(),
            )
            topic = topics.ack(receipt.spool.box)
            self._client.publish(topic, ack.model_dump_json().encode(), qos=1)

    def oldest_wait_s(self) -> float:
        """How long the oldest unacknowledged message has waited, in seconds."""
        first = next(iter(self._unacknowledged.values()), None)
        return 0.0 if first is None else time.monotonic() - first

    def is_idle(self) -> bool:
        """Whether nothing waits to be taken."""
        return not self._waiting

    def reconnect(self) -> None:
        """Drop the line; the broker delivers what is unacknowledged again."""
        sock = self._client.socket()
        if isinstance(sock, socket.socket):
            # Not close(): paho would then go on without telling us that the line was cut.
            with contextlib.suppress(OSError):
                sock.shutdown(socket.SHUT_RDWR)

    def _attend(self, wait_s: float) -> None:
        if self._client.socket() is None:
            wait_s = self._connect(wait_s)
        self._exchange(wait_s)
        while self._posted:
            self._posted.popleft()()

    def _connect(self, wait_s: float) -> float:
        """Try again when it is time to; how long to wait for what happens next."""
        left_s = self._connect_at - time.monotonic()
        if left_s > 0:
            return min(left_s, wait_s)
        self._connect_at = time.monotonic() + CONNECT_EVERY_S
        with contextlib.suppress(OSError):
            self._client.reconnect()
        return wait_s

    def _exchange(self, wait_s: float) -> None:
        """Wait for the socket or the bell; read, write, and do paho's own chores."""
        sock: Any = self._client.socket()
        sockets = [self._bell] if sock is None else [self._bell, sock]
        writing = [sock] if sock is not None and self._client.want_write() else []
        # What TLS has deciphered already does not make a socket readable.
        ready = isinstance(sock, ssl.SSLSocket) and sock.pending() > 0
        readable, writable, _ = select.select(sockets, writing, [], 0 if ready else wait_s)
        if self._bell in readable:
            self._bell.recv(4096)
        if sock in readable or ready:
            self._read()
        if writable:
            self._write()
        self._client.loop_misc()

    def _read(self) -> None:
        """The messages that are there, a part of them where they are many."""
        for _ in range(READ_AT_ONCE):
            before = self._arrived
            if self._paho_reads or not self._take_publishes():
                self._client.loop_read()
            if self._arrived == before:
                return

    def _take_publishes(self) -> bool:
        """Take publishes off the line before paho, which needs ten times as long for one.

        TLS has no peeking: there paho reads all. So it does from a publish that is not all
        there until that is read; other packets it gets whole. So we never take the second
        half of something for a beginning.
        """
        sock: Any = self._client.socket()
        if sock is None or isinstance(sock, ssl.SSLSocket):
            return False
        try:
            seen = sock.recv(PEEK_BYTES, socket.MSG_PEEK)
        except OSError:
            # Nothing there, or a line that broke: paho will find out.
            return False
        found, taken = whole_publishes(seen)
        for one in found:
            self._receive(one)
        while taken:
            taken -= len(sock.recv(taken))
        if not found and is_publish(seen):
            # Longer than our look, or only begun.
            self._paho_reads = True
        elif not found and seen and not is_whole(seen):
            time.sleep(REST_OF_PACKET_S)
            return True
        return bool(found)

    def _write(self) -> None:
        """All that paho has to send. It sends each ack apart; corked they leave together."""
        sock: Any = self._client.socket()
        if sock is None:
            return
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_CORK, 1)
        self._client.loop_write()
        if self._client.socket() is not None:
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_CORK, 0)

    def _make_client(self) -> Client:
        client = self._broker.client()
        client.max_inflight_messages_set(1_000)
        client.on_connect = self._on_connect
        client.on_disconnect = self._on_disconnect
        client.on_subscribe = self._on_subscribe
        client.on_message = self._on_message
        # Without this paho would send each packet as it is queued.
        client.on_socket_register_write = _do_nothing
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
        self._connection += 1
        self._unacknowledged.clear()
        self._paho_reads = False
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
        self._paho_reads = False
        payload = bytes(message.payload)
        self._receive(
            Publish(message.mid, message.qos, message.topic, payload, retained=message.retain)
        )

    def _receive(self, one: Publish) -> None:
        self._arrived += 1
        if one.qos == 0 and len(self._waiting) > MAX_WAITING:
            self.overflowed += 1
            return
        now = time.monotonic()
        if one.qos:
            self._unacknowledged[one.mid] = now
        if not self._waiting:
            self._waiting_since = now
        self._waiting.append(Received(self._connection, *one))


def _do_nothing(*_: object) -> None:
    """Paho has something to write; `_exchange` asks it each time."""
