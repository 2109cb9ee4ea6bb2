"""From spool to broker: sends until the cloud, not the broker, says it has the event."""

import queue
import random
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

import paho.mqtt.client as mqtt
import structlog
from paho.mqtt.enums import CallbackAPIVersion, MQTTErrorCode, MQTTProtocolVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode
from pydantic import ValidationError

from ioc_edge.errors import BrokerUnreachable
from ioc_edge.spool import Spool, Stored, as_replayed
from ioc_models import topics
from ioc_models.events import Ack, BoxStatus, CameraTelemetry

log = structlog.get_logger(__name__)

WINDOW: Final = 2000
IN_FLIGHT: Final = 500
PAGE: Final = 200
NO_SUBSCRIBERS: Final = 0x10
FAILED: Final = 0x80
WILL_DELAY_S: Final = 10
# Longer than the will delay, or the will goes out at once (MQTT 5, 3.1.3.2.2).
SESSION_EXPIRY_S: Final = 30
TELEMETRY_EXPIRY_S: Final = 60
KEEPALIVE_S: Final = 15
HANDSHAKE_S: Final = 10.0
# Fixed header, topic length, packet id and properties around topic and body.
PACKET_OVERHEAD_BYTES: Final = 16


@dataclass(frozen=True, slots=True)
class Broker:
    """Where to publish and as whom; `ca_file` switches TLS on."""

    host: str
    port: int
    username: str
    password: str
    ca_file: Path | None = None


@dataclass(frozen=True, slots=True)
class Pace:
    """How patient the publisher is, in seconds; tests hurry it."""

    stall_s: float = 4.0
    longest_stall_s: float = 15.0
    first_retry_s: float = 0.2
    longest_retry_s: float = 30.0


@dataclass(slots=True)
class Counts:
    """What this run did; read by health, written by the publisher's thread alone."""

    sent: int = 0
    resent: int = 0
    acknowledged: int = 0
    rejected: int = 0
    no_subscribers: int = 0
    refused: int = 0
    over_broker_limit: int = 0
    foreign_acks: int = 0
    bad_acks: int = 0
    telemetry_dropped: int = 0


@dataclass(frozen=True, slots=True)
class _Said:
    """One thing paho's thread saw; `link` tells which connection it belongs to."""

    what: Literal["connack", "suback", "puback", "ack", "lost", "wake", "telemetry", "birth"]
    link: int = 0
    mid: int = 0
    code: int = 0
    body: bytes = b""
    topic: str = ""
    limits: tuple[int, int] = (0, 0)


class Publisher:
    """Drains a spool to the broker from a thread of its own.

    That thread alone reads the spool and publishes; paho's callbacks only put words
    on a queue, because `on_publish` runs under paho's own lock and any other lock
    taken there can deadlock. Each connection gets a fresh paho client: its memory
    queue then never resends on its own, and packet ids of a dead link mean nothing.
    """

    def __init__(
        self,
        spool: Spool,
        broker: Broker,
        box: str,
        *,
        birth: Callable[[], BoxStatus],
        pace: Pace | None = None,
    ) -> None:
        self.counts = Counts()
        self.spool = spool
        self._broker = broker
        self._box = box
        self._birth = birth
        self._pace = pace or Pace()
        self._said: queue.SimpleQueue[_Said] = queue.SimpleQueue()
        self._stopping = threading.Event()
        self._connected = threading.Event()
        self._client: mqtt.Client | None = None
        self._link = 0
        self._retry_s = self._pace.first_retry_s
        # Whatever an earlier run may have sent is a resend now.
        self._sent_up_to = spool.last_seq
        self._hold_s = self._pace.first_retry_s
        self._forget()
        self._thread = threading.Thread(target=self._run, name="publisher", daemon=True)

    @property
    def connected(self) -> bool:
        """Whether the broker holds our connection and our ack subscription."""
        return self._connected.is_set()

    def start(self) -> None:
        """Begin to connect and drain; returns at once."""
        self.spool.on_append(self._wake)
        self._thread.start()

    def stop(self, flush_s: float = 5.0) -> None:
        """Wait up to `flush_s` for the cloud's word on what is waiting, then say offline."""
        until = time.monotonic() + flush_s
        while self.connected and self.spool.backlog and time.monotonic() < until:
            time.sleep(0.05)
        self._stopping.set()
        self._wake()
        if self._thread.is_alive():
            self._thread.join()

    def telemetry(self, camera: str, figures: CameraTelemetry) -> None:
        """Send short-lived figures, now or never; any thread may call."""
        self._said.put(
            _Said(
                "telemetry",
                topic=topics.telemetry(self._box, camera),
                body=figures.model_dump_json().encode(),
            )
        )

    def announce(self) -> None:
        """Publish the retained birth again, after something in it changed."""
        self._said.put(_Said("birth"))

    def on_puback(self, seq: int) -> None:
        """The broker took an event. That means "in its memory", so nothing follows.

        Only the cloud's ack frees the spool. The kill test overrides this to show
        what trusting the broker would lose.
        """

    def _wake(self) -> None:
        self._said.put(_Said("wake"))

    # --- the publisher's thread ---

    def _run(self) -> None:
        while not self._stopping.is_set():
            try:
                self._connect()
                self._serve()
            except BrokerUnreachable as error:
                log.warning("broker_unreachable", reason=error.reason)
            except Exception:
                log.exception("publisher_failed")
            self._hang_up()
            self._rest()
        log.info("publisher_stopped", backlog=self.spool.backlog)

    def _rest(self) -> None:
        """Exponential pause with full jitter: after a blackout 400 boxes come back at once."""
        self._retry_s = min(self._retry_s * 2, self._pace.longest_retry_s)
        pause = random.SystemRandom().uniform(self._pace.first_retry_s, self._retry_s)
        self._stopping.wait(pause)

    def _connect(self) -> None:
        """Connect, subscribe to acks, say hello; only then may events go out."""
        self._link += 1
        self._forget()
        client = self._client = self._new_client(self._link)
        try:
            client.connect(
                self._broker.host,
                self._broker.port,
                keepalive=KEEPALIVE_S,
                clean_start=False,
                properties=_properties(PacketTypes.CONNECT, SessionExpiryInterval=SESSION_EXPIRY_S),
            )
        except (OSError, ValueError) as error:
            raise self._unreachable(f"{type(error).__name__}: {error}") from error
        client.loop_start()
        hello = self._expect("connack")
        packet, receive = hello.limits
        self._packet_limit = packet or 2**28
        self._in_flight_limit = min(IN_FLIGHT, receive or IN_FLIGHT)
        client.subscribe(topics.ack(self._box), qos=1)
        self._expect("suback")
        self._say_birth()
        self._connected.set()
        self._retry_s = self._pace.first_retry_s
        log.info("broker_connected", host=self._broker.host, backlog=self.spool.backlog)

    def _expect(self, what: str) -> _Said:
        """Wait for one word of the handshake."""
        until = time.monotonic() + HANDSHAKE_S
        while (left := until - time.monotonic()) > 0 and not self._stopping.is_set():
            try:
                said = self._said.get(timeout=min(left, 0.2))
            except queue.Empty:
                continue
            if said.link != self._link:
                continue
            if said.what == what and said.code < FAILED:
                return said
            if said.what in {what, "lost"}:
                raise self._unreachable(f"{said.what} code {said.code:#04x}")
            self._hear(said)
        raise self._unreachable(f"no {what} within {HANDSHAKE_S} s")

    def _serve(self) -> None:
        """Listen and send until the link is lost or we stop."""
        while not self._stopping.is_set():
            try:
                said = self._said.get(timeout=self._patience())
            except queue.Empty:
                said = None
            while said is not None:
                if said.what == "lost" and said.link == self._link:
                    log.warning("broker_lost", code=said.code, backlog=self.spool.backlog)
                    return
                self._hear(said)
                said = self._next_word()
            self._drain()

    def _next_word(self) -> _Said | None:
        try:
            return self._said.get_nowait()
        except queue.Empty:
            return None

    def _patience(self) -> float:
        """Seconds until something is due even if nobody speaks."""
        now = time.monotonic()
        due = min(self._hold_until if self._held else now + 1.0, self._restart_at)
        return min(1.0, max(0.01, due - now))

    def _hear(self, said: _Said) -> None:
        if said.what == "telemetry":
            self._say_telemetry(said)
        elif said.what == "birth":
            self._say_birth()
        elif said.link != self._link:
            return
        elif said.what == "puback":
            self._hear_puback(said)
        elif said.what == "ack":
            self._hear_ack(said.body)

    def _hear_puback(self, said: _Said) -> None:
        stored = self._in_flight.pop(said.mid, None)
        if stored is None:
            return
        if said.code == NO_SUBSCRIBERS:
            # The broker threw it away: nobody listens. Pause; it will be sent again.
            self.counts.no_subscribers += 1
            self._outstanding.pop(stored.seq, None)
            self._hold()
        elif said.code >= FAILED:
            self.counts.refused += 1
            self._outstanding.pop(stored.seq, None)
            self._complain("broker_refused", stored.kind, code=said.code)
        else:
            self.on_puback(stored.seq)

    def _hear_ack(self, body: bytes) -> None:
        try:
            ack = Ack.model_validate_json(body)
        except ValidationError:
            self.counts.bad_acks += 1
            return
        if ack.epoch != self.spool.epoch:
            self.counts.foreign_acks += 1
            return
        if ack.ok:
            self.spool.acknowledge(ack.ok)
        for rejection in ack.rej:
            log.warning("event_rejected", seq=rejection.seq, code=rejection.code)
            self.spool.quarantine(rejection.seq, rejection.code)
        self.counts.rejected += len(ack.rej)
        self._settle([*ack.ok, *((rejection.seq, rejection.seq) for rejection in ack.rej)])

    def _settle(self, ranges: list[tuple[int, int]]) -> None:
        """Take confirmed seqs off the window; progress makes us patient again."""
        settled = [
            seq for seq in self._outstanding if any(first <= seq <= last for first, last in ranges)
        ]
        for seq in settled:
            del self._outstanding[seq]
        if settled:
            self.counts.acknowledged += len(settled)
            self._stall_s = self._pace.stall_s
            self._hold_s = self._pace.first_retry_s * 2
            self._restart_at = time.monotonic() + self._stall_s
            self._held = False

    def _drain(self) -> None:
        """Send what the window allows; start over when nothing has moved for long."""
        now = time.monotonic()
        if self._held and now < self._hold_until:
            return
        self._held = False
        if now >= self._restart_at or self._one_is_missing(now):
            self._start_over()
        while room := self._room():
            page = self.spool.unacknowledged(after=self._cursor, limit=min(PAGE, room))
            if not page or not all(self._send(stored) for stored in page):
                return

    def _one_is_missing(self, now: float) -> bool:
        """While others are confirmed, one event has waited past all patience."""
        oldest = next(iter(self._outstanding.values()), now)
        return now - oldest > self._pace.longest_stall_s

    def _room(self) -> int:
        return max(
            0,
            min(WINDOW - len(self._outstanding), self._in_flight_limit - len(self._in_flight)),
        )

    def _send(self, stored: Stored) -> bool:
        """Publish one event; False when paho would not take it."""
        topic = topics.event(self._box, stored.kind)
        replay = stored.seq <= self._sent_up_to
        body = as_replayed(stored.body) if replay else stored.body
        if len(body) + len(topic) + PACKET_OVERHEAD_BYTES > self._packet_limit:
            # The broker would hang up on it, again and again, and block all behind it.
            self._cursor = stored.seq
            self.counts.over_broker_limit += 1
            self._complain("event_over_broker_limit", stored.kind, limit=self._packet_limit)
            return True
        sent = self._require_client().publish(topic, body, qos=1)
        if sent.rc != MQTTErrorCode.MQTT_ERR_SUCCESS:
            return False
        now = time.monotonic()
        if not self._outstanding:
            self._restart_at = now + self._stall_s
        self._in_flight[sent.mid] = stored
        self._outstanding[stored.seq] = now
        self._cursor = stored.seq
        self._sent_up_to = max(self._sent_up_to, stored.seq)
        self.counts.sent += 1
        self.counts.resent += replay
        return True

    def _start_over(self) -> None:
        """From the oldest unacknowledged again: an event or its ack went missing."""
        if self.spool.backlog:
            log.info("resending", backlog=self.spool.backlog, stall_s=self._stall_s)
            self._stall_s = min(self._stall_s * 2, self._pace.longest_stall_s)
        self._outstanding.clear()
        self._cursor = 0
        self._restart_at = time.monotonic() + self._stall_s

    def _hold(self) -> None:
        """Pause sending, longer each time, until somebody listens."""
        now = time.monotonic()
        if not self._held:
            self._held = True
            self._hold_until = now + self._hold_s
            self._hold_s = min(self._hold_s * 2, self._pace.longest_stall_s)
            self._restart_at = self._hold_until

    def _forget(self) -> None:
        """A new connection knows nothing of the one before."""
        now = time.monotonic()
        self._cursor = 0
        # seq -> when it was sent; passes go upwards, so the first is the oldest
        self._outstanding: dict[int, float] = {}
        self._in_flight: dict[int, Stored] = {}
        self._stall_s = self._pace.stall_s
        self._restart_at = now + self._stall_s
        self._held = False
        self._hold_s = self._pace.first_retry_s * 2
        self._hold_until = now
        self._packet_limit = 2**28
        self._in_flight_limit = IN_FLIGHT
        self._complained: set[tuple[str, str]] = set()

    def _complain(self, event: str, kind: str, **fields: int) -> None:
        """Once for each kind and connection, not once for each event."""
        if (event, kind) not in self._complained:
            self._complained.add((event, kind))
            log.error(event, kind=kind, **fields)

    def _say_birth(self) -> None:
        if self._client is not None:
            self._client.publish(topics.status(self._box), _wire(self._birth()), qos=1, retain=True)

    def _say_telemetry(self, said: _Said) -> None:
        if not self.connected:
            self.counts.telemetry_dropped += 1
            return
        expiry = _properties(PacketTypes.PUBLISH, MessageExpiryInterval=TELEMETRY_EXPIRY_S)
        self._require_client().publish(said.topic, said.body, qos=0, properties=expiry)

    def _hang_up(self) -> None:
        """Leave the broker; when we stop by our own will, say so."""
        client, self._client = self._client, None
        if client is None:
            return
        if self._connected.is_set() and self._stopping.is_set():
            offline = BoxStatus(online=False, box=self._box)
            client.publish(
                topics.status(self._box), _wire(offline), qos=1, retain=True
            ).wait_for_publish(2.0)
        self._connected.clear()
        client.disconnect()
        client.loop_stop()

    def _require_client(self) -> mqtt.Client:
        if self._client is None:
            raise self._unreachable("not connected")
        return self._client

    def _unreachable(self, reason: str) -> BrokerUnreachable:
        return BrokerUnreachable(self._broker.host, self._broker.port, reason)

    # --- paho's thread: words onto the queue, nothing else ---

    def _new_client(self, link: int) -> mqtt.Client:
        client = mqtt.Client(
            CallbackAPIVersion.VERSION2,
            client_id=self._box,
            protocol=MQTTProtocolVersion.MQTTv5,
            reconnect_on_failure=False,
        )
        client.username_pw_set(self._broker.username, self._broker.password)
        if self._broker.ca_file is not None:
            client.tls_set(ca_certs=str(self._broker.ca_file))
        client.max_inflight_messages_set(IN_FLIGHT + 100)
        delay = _properties(PacketTypes.WILLMESSAGE, WillDelayInterval=WILL_DELAY_S)
        client.will_set(
            topics.status(self._box), b'{"v":1,"online":false}', 1, retain=True, properties=delay
        )
        self._listen(client, link)
        return client

    def _listen(self, client: mqtt.Client, link: int) -> None:
        put = self._said.put

        def on_connect(
            _c: mqtt.Client, _u: object, _f: object, code: ReasonCode, properties: Properties | None
        ) -> None:
            limits = (
                int(getattr(properties, "MaximumPacketSize", 0)),
                int(getattr(properties, "ReceiveMaximum", 0)),
            )
            put(_Said("connack", link, code=code.value, limits=limits))

        def on_subscribe(
            _c: mqtt.Client, _u: object, mid: int, codes: list[ReasonCode], _p: object
        ) -> None:
            put(_Said("suback", link, mid=mid, code=max(code.value for code in codes)))

        def on_publish(_c: mqtt.Client, _u: object, mid: int, code: ReasonCode, _p: object) -> None:
            put(_Said("puback", link, mid=mid, code=code.value))

        def on_message(_c: mqtt.Client, _u: object, message: mqtt.MQTTMessage) -> None:
            put(_Said("ack", link, body=bytes(message.payload)))

        def on_disconnect(
            _c: mqtt.Client, _u: object, _f: object, code: ReasonCode, _p: object
        ) -> None:
            put(_Said("lost", link, code=code.value))

        client.on_connect = on_connect
        client.on_subscribe = on_subscribe
        client.on_publish = on_publish
        client.on_message = on_message
        client.on_disconnect = on_disconnect


def _wire(status: BoxStatus) -> bytes:
    return status.model_dump_json(exclude_none=True).encode()


def _properties(packet: int, **values: int) -> Properties:
    properties = Properties(packet)  # type: ignore[no-untyped-call] # paho ships it untyped
    for name, value in values.items():
        setattr(properties, name, value)
    return properties
