"""A small HTTP/1.1 server for a webhook: bounded in everything that a stranger can send, because anybody may knock.

It speaks plain HTTP: in front of it, on the open internet, stands a web server that speaks TLS.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl, unquote, urlsplit

from sources.errors import Unreachable

if TYPE_CHECKING:
    import h11

HEAD_LIMIT = 16 * 1024
BODY_LIMIT = 1024 * 1024
REQUEST_SECONDS = 10.0  # for a whole request to come in
CONNECTIONS = 64
CHUNK = 64 * 1024
GRACE = 0.4
FULL = b"HTTP/1.1 503 Full\r\nretry-after: 10\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"


@dataclass(frozen=True, slots=True)
class Call:
    """One request. Header names are lower case; `body` is as it came, which is what signatures are over."""

    method: str
    target: str
    headers: Mapping[str, str]
    body: bytes

    @property
    def path(self) -> str:
        """Of a target that is no address: none that anybody listens at."""
        try:
            return unquote(urlsplit(self.target).path) or "/"
        except ValueError:
            return ""

    @property
    def params(self) -> dict[str, str]:
        return dict(parse_qsl(urlsplit(self.target).query, keep_blank_values=True))


@dataclass(frozen=True, slots=True)
class Told:
    """What is answered. `refused`: why, for the ledger; "" where it was taken."""

    status: int
    body: str = ""
    refused: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)


Handle = Callable[[Call], Awaitable[Told]]
Refused = Callable[[str], None]


@asynccontextmanager
async def serving(host: str, port: int, handle: Handle, refused: Refused) -> AsyncIterator[int]:
    """Answer for the length of the block; the port, for one that was given as 0. What is being stored at its end is
    still answered, if that takes no longer than GRACE. Raises Unreachable where it cannot listen there."""
    open_now: dict[asyncio.Task[None], _Visitor] = {}

    def meet(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if len(open_now) >= CONNECTIONS:
            refused("too many at once")
            writer.write(FULL)
            writer.close()
            return
        visitor = _Visitor(reader, writer, handle, refused)
        task = asyncio.create_task(visitor.serve())
        open_now[task] = visitor
        task.add_done_callback(open_now.pop)

    try:
        server = await asyncio.start_server(meet, host, port, limit=CHUNK)
    except (OSError, OverflowError) as error:
        why = getattr(error, "strerror", None) or type(error).__name__
        raise Unreachable(f"cannot listen at {host}:{port} ({why}); choose another `listen`") from None
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
        try:
            if storing := [task for task, visitor in open_now.items() if visitor.storing]:
                await asyncio.wait(storing, timeout=GRACE)
        finally:
            left = list(open_now)
            for task in left:
                task.cancel()
            await asyncio.gather(*left, return_exceptions=True)


class _TooLarge(Exception):
    pass


class _Visitor:
    """One connection: request after request, until it ends, idles or breaks a rule."""

    def __init__(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, handle: Handle, refused: Refused
    ) -> None:
        import h11

        self._reader, self._writer, self._handle, self._refused = reader, writer, handle, refused
        self._http = h11.Connection(h11.SERVER, max_incomplete_event_size=HEAD_LIMIT)
        self.storing = False

    async def serve(self) -> None:
        import h11

        try:
            while await self._one():
                self._http.start_next_cycle()
        except (OSError, h11.LocalProtocolError):
            pass  # gone before it was answered
        finally:
            self._writer.close()

    async def _one(self) -> bool:
        """Read and answer one request. Whether another may come on this connection."""
        import h11

        try:
            async with asyncio.timeout(REQUEST_SECONDS):
                call = await self._read()
        except TimeoutError:
            if self._http.their_state is not h11.IDLE:  # it had begun
                await self._say(Told(408, refused="too slow"))
            return False
        except _TooLarge:
            await self._say(Told(413, refused="too large"))
            await self._let_it_read()
            return False
        except h11.RemoteProtocolError as error:
            await self._say(Told(error.error_status_hint, refused="not HTTP"))
            return False
        if call is None:
            return False
        self.storing = True
        try:
            told = await self._handle(call)
        except Exception:  # whatever it tripped over: it was not stored, so it must come again
            told = Told(503, refused="unexpected trouble")
        await self._say(told)
        self.storing = False
        return self._http.our_state is h11.DONE and self._http.their_state is h11.DONE

    async def _read(self) -> Call | None:
        """The next request; None where there is none any more."""
        import h11

        request: h11.Request | None = None
        body = bytearray()
        while True:
            event = self._http.next_event()
            if event is h11.NEED_DATA:
                if self._http.they_are_waiting_for_100_continue:
                    await self._send(h11.InformationalResponse(status_code=100, headers=[]))
                self._http.receive_data(await self._reader.read(CHUNK))
            elif isinstance(event, h11.Request):
                request = event
                if any(int(value) > BODY_LIMIT for name, value in event.headers if name == b"content-length"):
                    raise _TooLarge
            elif isinstance(event, h11.Data):
                body += event.data
                if len(body) > BODY_LIMIT:
                    raise _TooLarge
            elif isinstance(event, h11.EndOfMessage) and request is not None:
                headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in request.headers}
                target = request.target.decode("latin-1")
                return Call(request.method.decode("latin-1"), target, headers, bytes(body))
            else:
                return None

    async def _say(self, told: Told) -> None:
        import h11

        if told.refused:
            self._refused(told.refused)
        if self._http.our_state not in (h11.IDLE, h11.SEND_RESPONSE):
            return
        body = told.body.encode()
        headers = {
            "content-type": "text/plain; charset=utf-8",
            "content-length": str(len(body)),
            "x-content-type-options": "nosniff",
            **told.headers,
        }
        await self._send(
            h11.Response(status_code=told.status, headers=list(headers.items())),
            h11.Data(data=body),
            h11.EndOfMessage(),
        )

    async def _let_it_read(self) -> None:
        """Who is still sending when we close would not see our answer."""
        with suppress(TimeoutError, OSError):
            self._writer.write_eof()
            async with asyncio.timeout(1):
                while await self._reader.read(CHUNK):
                    pass

    async def _send(self, *events: h11.Event) -> None:
        for event in events:
            self._writer.write(self._http.send(event) or b"")
        async with asyncio.timeout(REQUEST_SECONDS):
            await self._writer.drain()
