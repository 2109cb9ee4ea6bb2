"""The twin's live side put together: the hub, its lines, messages and WebSockets."""

import asyncio
from dataclasses import dataclass

from ioc_cloud.twin.push.acks import AckedThings, Acks
from ioc_cloud.twin.push.commands import Commands
from ioc_cloud.twin.push.hub import Hub
from ioc_cloud.twin.push.live import Live
from ioc_cloud.twin.push.messages import MessagesApi
from ioc_cloud.twin.push.stream import StreamApi
from ioc_cloud.twin.push.websocket import WebSocketApi
from ioc_cloud.twin.service import Twin
from ioc_cloud.twin.web.api import Handler, Request
from ioc_cloud.twin.web.callers import Callers
from ioc_cloud.twin.web.lines import Lines


@dataclass
class Wires:
    """Everything that reaches clients without being asked each time."""

    hub: Hub
    live: Live
    lines: Lines
    streams: StreamApi
    messages: MessagesApi
    web_socket: WebSocketApi
    _things: Handler

    async def things(self, request: Request) -> None:
        """Serve `/things`: streams, messages and the live channel here, all else behind."""
        if self.streams.wants(request):
            await self.streams.handle(request)
        elif self.messages.wants(request):
            await self.messages.handle(request)
        else:
            await self._things(request)

    def start(self, loop: asyncio.AbstractEventLoop) -> None:
        """Listen to the database, and beat. On the loop."""
        self.hub.start(loop)
        self.lines.start(loop)

    def close(self) -> None:
        """End every line, so that a server that stops need not wait for them. On the loop."""
        self.lines.close()

    def stop(self) -> None:
        """Listen no longer. Blocks; not on the loop."""
        self.hub.stop()


def wires(
    twin: Twin,
    callers: Callers,
    lines: Lines,
    *,
    things: Handler,
    policies: Handler,
    search: Handler,
) -> Wires:
    """The live side of a twin whose handlers over HTTP are these."""
    hub, live, acks = Hub(twin), Live(twin), Acks()
    messages = MessagesApi(live)
    acked = AckedThings(things, acks).handle
    commands = Commands({"things": acked, "policies": policies, "search": search})
    return Wires(
        hub=hub,
        live=live,
        lines=lines,
        streams=StreamApi(twin, hub, live, lines),
        messages=messages,
        web_socket=WebSocketApi(twin, hub, live, messages, commands, callers, acks),
        _things=acked,
    )
