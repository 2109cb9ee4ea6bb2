"""What waits to be sent to one WebSocket, within bounds."""

import asyncio
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

MAX_EVENTS: Final = 2_000
MAX_EVENT_BYTES: Final = 4 * 1024 * 1024
MAX_ANSWERS: Final = 256


@dataclass(eq=False)
class Sending:
    """What waits to be sent: answers all, of events the newest."""

    dropped: int = 0
    _answers: deque[bytes] = field(default_factory=deque)
    _events: deque[bytes] = field(default_factory=deque)
    _event_bytes: int = 0
    _ready: asyncio.Event = field(default_factory=asyncio.Event)
    _room: asyncio.Event = field(default_factory=asyncio.Event)

    def answer(self, text: bytes) -> None:
        """Something that its receiver waits for."""
        self._answers.append(text)
        self._ready.set()

    def events(self, texts: Sequence[bytes]) -> None:
        """Something that goes lost when the client is too slow; oldest first, counted."""
        self._events.extend(texts)
        self._event_bytes += sum(map(len, texts))
        while len(self._events) > MAX_EVENTS or self._event_bytes > MAX_EVENT_BYTES:
            self._event_bytes -= len(self._events.popleft())
            self.dropped += 1
        self._ready.set()

    async def room(self) -> None:
        """Wait until the client has taken its answers."""
        while len(self._answers) >= MAX_ANSWERS:
            self._room.clear()
            await self._room.wait()

    async def take(self) -> bytes:
        """The next text to send."""
        while not self._answers and not self._events:
            self._ready.clear()
            await self._ready.wait()
        if self._answers:
            self._room.set()
            return self._answers.popleft()
        text = self._events.popleft()
        self._event_bytes -= len(text)
        return text
