"""Batches over MQTT: `ioc/1/{box}/feed/{feed}`, acknowledged when they are committed.

A message stays the broker's until its rows are stored or it is parked with its reason; then its
sender hears on `ioc/1/{box}/feed-ack` what became of it.
"""

import contextlib
import hashlib
import json
import threading
import time
from collections import deque
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, Final, NamedTuple

import psycopg
import structlog
from paho.mqtt.client import Client, ConnectFlags, DisconnectFlags, MQTTMessage
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode
from paho.mqtt.subscribeoptions import SubscribeOptions

from ioc_cloud.db import ingest_sql
from ioc_cloud.db.pool import Connection
from ioc_cloud.events.evidence import EvidenceStore
from ioc_cloud.feeds import originals
from ioc_cloud.feeds.batch import Batch, Receipt
from ioc_cloud.feeds.catalogue import Catalogue
from ioc_cloud.feeds.deliver import deliver
from ioc_cloud.feeds.doors import said
from ioc_cloud.feeds.doors.errors import AnswerUnreadable
from ioc_cloud.feeds.doors.machine import deliver_once
from ioc_cloud.feeds.errors import KeyReused
from ioc_cloud.ingest.mqtt import Broker
from ioc_models import topics

log = structlog.get_logger()

DOOR: Final = "mqtt"
LARGEST: Final = 1024 * 1024
SESSION_EXPIRY_S: Final = 7 * 24 * 3600
# Each may be a megabyte, and each is a transaction of its own.
RECEIVE_MAXIMUM: Final = 50
KEEPALIVE_S: Final = 30
LOOK_S: Final = 0.25
CONNECT_EVERY_S: Final = 1.0
LONGEST_RETRY_S: Final = 5.0
MOST_WORDS: Final = 500
MOST_PROBLEMS: Final = 20


class Message(NamedTuple):
    """A message as the broker hands it over."""

    mid: int
    topic: str
    payload: bytes
    retained: bool


class _Parked(Exception):
    """A message that is put aside."""

    def __init__(self, reason: str, vi: str, en: str) -> None:
        super().__init__(en)
        self.reason = reason
        self.vi = vi
        self.en = en


@dataclass(frozen=True, slots=True)
class BatchDoor:
    """What is done with one message, whatever brought it.

    Attributes:
        senders: Boxes that may speak of a feed, by feed; a feed that is not named may be
            spoken of by every box that the broker lets in.
    """

    catalogue: Catalogue
    store: EvidenceStore
    senders: Mapping[str, Collection[str]] = field(default_factory=dict)

    def take(self, connection: Connection, message: Message, now: datetime) -> dict[str, Any]:
        """Deliver a message, or park it; says what its sender is to hear.

        Raises:
            psycopg.OperationalError: The database is away; call again.
        """
        answer: dict[str, Any] = {"sha256": hashlib.sha256(message.payload).hexdigest()}
        address = topics.parse(message.topic)
        box, answer["feed"] = (address.box, address.name) if address is not None else ("", "")
        try:
            batch, key = self._batch(address, message)
            answer["key"] = key
            receipt = self._deliver(connection, batch, box, key, now)
        except _Parked as parked:
            _park(connection, message, box, parked)
            return {
                **answer, "status": "parked", "reason": parked.reason,
                "vi": parked.vi, "en": parked.en[:MOST_WORDS],
            }  # fmt: skip
        return {**answer, **_told(receipt)}

    def _batch(self, address: topics.Address | None, message: Message) -> tuple[Batch, str | None]:
        if address is None or address.channel != "feed":
            raise _Parked("topic", "sai chủ đề", "no topic of a feed")
        contract = self.catalogue.feeds.get(address.name)
        if contract is None:
            raise _Parked("feed_unknown", "không có nguồn này", f"no feed {address.name!r}")
        if contract.mode != "mqtt":
            raise _Parked(
                "feed_mode", "nguồn này không nhận qua MQTT", f"{contract.id} is not fed by MQTT"
            )
        allowed = self.senders.get(contract.id)
        if allowed is not None and address.box not in allowed:
            raise _Parked("sender", "thiết bị không được phép", f"{address.box} may not")
        if message.retained:
            raise _Parked("retained", "không được lưu giữ", "a batch must not be retained")
        if len(message.payload) > LARGEST:
            raise _Parked("oversize", "quá lớn", f"more than {LARGEST} bytes")
        original = originals.keep(
            self.store, message.payload, f"{address.box}.json", "application/json"
        )
        try:
            found = said.said(said.read(message.payload.decode("utf-8")))
            tables = found.of(contract)
        except UnicodeDecodeError as error:
            raise _Parked("not_json", "không phải UTF-8", f"not UTF-8: {error}") from error
        except AnswerUnreadable as error:
            raise _Parked("schema", error.vi, error.en) from error
        batch = Batch(
            feed=contract.id,
            tables=tables,
            door=DOOR,
            provenance="simulated" if found.simulated else "api",
            sent_by=address.box,
            original=original,
            changed_at=found.changed_at,
            controls=found.controls,
            note=found.note,
        )
        return batch, found.key

    def _deliver(
        self, connection: Connection, batch: Batch, box: str, key: str | None, now: datetime
    ) -> Receipt:
        try:
            if key is None:
                with connection.transaction():
                    return deliver_once(
                        connection, self.catalogue, batch, f"{DOOR}:{box}:", now=now
                    )
            named = replace(batch, idempotency_key=f"{DOOR}:{box}/{key}")
            return deliver(connection, self.catalogue, named, now=now)
        except KeyReused as error:
            raise _Parked("key_conflict", "khóa đã dùng cho nội dung khác", str(error)) from error
        except psycopg.DataError as error:
            raise _Parked("database", "cơ sở dữ liệu từ chối", f"{error.sqlstate}") from error


def _park(connection: Connection, message: Message, box: str, why: _Parked) -> None:
    detail = why.en.replace("\0", "\\0").encode("utf-8", "backslashreplace").decode()
    with connection.transaction():
        connection.execute(
            ingest_sql.PARK,
            {
                "topic": message.topic,
                "box": box or None,
                "reason": why.reason,
                "detail": detail[:MOST_WORDS],
                "payload": message.payload,
                "epoch": None,
                "seq": None,
            },
        )
        connection.execute(
            ingest_sql.COUNT_AT_DOOR,
            {"door": "feed-mqtt", "reasons": [why.reason], "counts": [1]},
        )


def _told(receipt: Receipt) -> dict[str, Any]:
    return {
        "status": receipt.status,
        "batch": receipt.batch,
        "rows_new": receipt.rows_new,
        "rows_changed": receipt.rows_changed,
        "rows_same": receipt.rows_same,
        "rows_parked": receipt.rows_parked,
        "errors": receipt.errors,
        "warnings": receipt.warnings,
        "problems": [
            {"row": one.row, "field": one.field, "rule": one.rule, "vi": one.vi, "en": one.en}
            for one in receipt.problems[:MOST_PROBLEMS]
        ],
    }


class MqttDoor:
    """The broker's side; `run` is a thread's whole life.

    Args:
        broker: Where it is, and who we are to it: another client id than ingest's.
        connect: Opens a connection of a role that may deliver.
        door: What is done with a message.
        clock: What time it is.
        stop: Ends `run`.
    """

    def __init__(
        self,
        broker: Broker,
        connect: Callable[[], Connection],
        door: BatchDoor,
        clock: Callable[[], datetime],
        stop: threading.Event,
    ) -> None:
        self._broker = broker
        self._connect = connect
        self._door = door
        self._clock = clock
        self._stop = stop
        self._waiting: deque[Message] = deque()
        self._connection: Connection | None = None
        self._connected = False
        self._subscribed = threading.Event()
        self._connect_at = 0.0
        self._retry_at = 0.0
        self._retry_s = 0.0
        self._client = self._make_client()

    @property
    def subscribed(self) -> threading.Event:
        """Set while the broker has confirmed our subscription."""
        return self._subscribed

    def run(self) -> None:
        """Take messages until `stop` is set."""
        opening = Properties(PacketTypes.CONNECT)  # type: ignore[no-untyped-call]
        opening.SessionExpiryInterval = SESSION_EXPIRY_S
        opening.ReceiveMaximum = RECEIVE_MAXIMUM
        self._client.connect_async(
            self._broker.host, self._broker.port, keepalive=KEEPALIVE_S,
            clean_start=False, properties=opening,
        )  # fmt: skip
        try:
            while not self._stop.is_set():
                self._exchange()
                self._work()
        finally:
            self._client.disconnect()
            self._exchange()
            self._close()

    def _exchange(self) -> None:
        if self._client.socket() is None:
            if time.monotonic() < self._connect_at:
                self._stop.wait(LOOK_S)
                return
            self._connect_at = time.monotonic() + CONNECT_EVERY_S
            with contextlib.suppress(OSError):
                self._client.reconnect()
        self._client.loop(0.0 if self._ready() else LOOK_S)

    def _ready(self) -> bool:
        return bool(self._waiting) and time.monotonic() >= self._retry_at

    def _work(self) -> None:
        """One message: between two the broker is listened to, or it would think us gone."""
        if not self._ready():
            return
        message = self._waiting[0]
        try:
            answer = self._door.take(self._open(), message, self._clock())
        except psycopg.OperationalError as error:
            self._rest(error)
            return
        except Exception as error:
            # A fault of ours must not turn one message into a loop of restarts.
            log.exception("feed_message_failed", topic=message.topic)
            parked = self._set_aside(message, error)
            if parked is None:
                return
            answer = parked
        self._retry_s = self._told_back()
        self._waiting.popleft()
        self._client.ack(message.mid, 1)
        self._tell(message, answer)

    def _set_aside(self, message: Message, error: Exception) -> dict[str, Any] | None:
        address = topics.parse(message.topic)
        parked = _Parked("internal", "lỗi hệ thống", repr(error))
        try:
            _park(self._open(), message, address.box if address else "", parked)
        except psycopg.Error as failure:
            self._rest(failure)
            return None
        return {"status": "parked", "reason": "internal"}

    def _tell(self, message: Message, answer: Mapping[str, Any]) -> None:
        address = topics.parse(message.topic)
        if address is not None:
            body = json.dumps(answer, ensure_ascii=False).encode()
            self._client.publish(topics.feed_ack(address.box), body, qos=1)

    def _rest(self, error: psycopg.Error) -> None:
        self._close()
        if not self._retry_s:
            log.warning("database_lost", error=str(error), waiting=len(self._waiting))
        self._retry_s = min(max(self._retry_s * 2, LOOK_S), LONGEST_RETRY_S)
        self._retry_at = time.monotonic() + self._retry_s

    def _told_back(self) -> float:
        if self._retry_s:
            log.info("database_back")
        return 0.0

    def _open(self) -> Connection:
        if self._connection is None or self._connection.closed:
            self._connection = self._connect()
        return self._connection

    def _close(self) -> None:
        if self._connection is not None:
            self._connection.close()
        self._connection = None

    def _make_client(self) -> Client:
        client = self._broker.client()
        client.on_connect = self._on_connect
        client.on_disconnect = self._on_disconnect
        client.on_subscribe = self._on_subscribe
        client.on_message = self._on_message
        return client

    def _on_connect(
        self,
        client: Client,
        _userdata: object,
        _flags: ConnectFlags,
        reason: ReasonCode,
        _properties: Properties | None,
    ) -> None:
        if reason.is_failure:
            log.warning("broker_refused", reason=str(reason))
            return
        self._connected = True
        log.info("broker_connected")
        client.subscribe(topics.FEEDS, options=SubscribeOptions(qos=1, retainAsPublished=True))

    def _on_disconnect(
        self,
        _client: Client,
        _userdata: object,
        _flags: DisconnectFlags,
        reason: ReasonCode,
        _properties: Properties | None,
    ) -> None:
        # Message ids mean something on their own line alone; what waits comes again.
        self._waiting.clear()
        self._subscribed.clear()
        if self._connected and not self._stop.is_set():
            log.warning("broker_lost", reason=str(reason))
        self._connected = False

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
        else:
            self._subscribed.set()

    def _on_message(self, _client: Client, _userdata: object, message: MQTTMessage) -> None:
        if message.qos == 0:
            # Nobody would deliver it again: a sender that does not care is told so.
            self._tell(
                Message(0, message.topic, b"", retained=False),
                {
                    "status": "parked",
                    "reason": "qos",
                    "en": "deliver with QoS 1",
                    "vi": "gửi QoS 1",
                },
            )
            return
        self._waiting.append(
            Message(message.mid, message.topic, bytes(message.payload), bool(message.retain))
        )
