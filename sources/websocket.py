"""Reading a websocket (RFC 6455), checked and bounded: the address that was checked is dialled, no redirect is
followed, opening has a deadline, a message a size, and a batch of messages both. Nothing is compressed: a server that
pushes could blow up a small frame as it likes.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from sources.addresses import shown
from sources.errors import BadAnswer, SourceError, Unreachable
from sources.http import Answer, Http, trust, user_agent
from sources.network import CONNECT_SECONDS

if TYPE_CHECKING:
    from websockets.asyncio.client import ClientConnection

PORTS = {"ws": 80, "wss": 443}
OPEN_SECONDS = 15.0
CLOSE_SECONDS = 0.5
BATCH_BYTES = 4 * 1024 * 1024
LINGER = 0.05  # seconds that a batch waits for more once it has something
WAITING = 256  # messages that may wait to be read; then the sender waits


class Declined(SourceError):
    """The server answered by plain HTTP instead of opening the socket."""

    def __init__(self, answer: Answer) -> None:
        super().__init__(f"{shown(answer.url)} answered {answer.status} instead of opening a websocket")
        self.answer = answer


class Ended(SourceError):
    """The server closed the socket as one does that has no more to say."""


def is_websocket(url: str) -> bool:
    """Whether it is a whole ws(s) address, with a host and no impossible port."""
    try:
        parts = urlsplit(url)
        _ = parts.port
    except ValueError:
        return False
    return parts.scheme in PORTS and bool(parts.hostname) and "@" not in parts.netloc


class Socket:
    """An open socket. Made by `opened`."""

    def __init__(self, connection: ClientConnection, where: str, limit: int) -> None:
        self._connection, self._where, self._limit = connection, where, limit

    async def batch(self, *, quiet: float, most: int) -> list[bytes]:
        """The next messages, up to `most`, as they are there; empty where none came for `quiet` seconds. A message lost
        to a cancellation is none that was read.

        Raises Ended, Unreachable (the connection broke) or BadAnswer (a message is too large).
        """
        from websockets.exceptions import ConnectionClosed, ConnectionClosedOK

        clock = asyncio.get_running_loop().time
        found: list[bytes] = []
        size = 0
        try:
            async with asyncio.timeout(quiet) as limit:
                while len(found) < most and size < BATCH_BYTES:
                    found.append(await self._connection.recv(decode=False))
                    size += len(found[-1])
                    if len(found) == 1:
                        limit.reschedule(clock() + LINGER)
        except TimeoutError:
            pass
        except ConnectionClosed as closed:
            if not found:  # else it is said of the next batch
                if closed.sent is not None and closed.sent.code == 1009 and closed.rcvd is None:
                    raise BadAnswer(f"{self._where}: a message of more than {self._limit:,} bytes") from None
                if isinstance(closed, ConnectionClosedOK):
                    raise Ended(f"{self._where} closed the socket") from None
                raise Unreachable(f"{self._where}: the connection broke") from None
        return found


@asynccontextmanager
async def opened(http: Http, url: str, *, subprotocol: str = "", limit: int = 1024 * 1024) -> AsyncIterator[Socket]:
    """A socket for as long as the block lasts. `limit` is the size of a message in bytes.

    Raises Unreachable, BadAnswer (what is there does not speak websocket) or Declined.
    """
    where = shown(url)
    try:
        async with asyncio.timeout(OPEN_SECONDS):
            connection = await _dialled(http, url, subprotocol, where, limit)
    except TimeoutError:
        raise Unreachable(f"{where}: not open within {OPEN_SECONDS:g} s") from None
    try:
        yield Socket(connection, where, limit)
    finally:
        with suppress(TimeoutError):
            async with asyncio.timeout(CLOSE_SECONDS):
                await connection.close()
        connection.transport.abort()  # one that goes on sending is not waited for


async def _dialled(http: Http, url: str, subprotocol: str, where: str, limit: int) -> ClientConnection:
    from websockets.asyncio.client import ClientConnection
    from websockets.client import ClientProtocol
    from websockets.exceptions import InvalidHandshake, InvalidMessage, InvalidStatus
    from websockets.typing import Subprotocol
    from websockets.uri import parse_uri

    if not is_websocket(url):
        raise Unreachable(f"{where}: not a websocket address")
    parts = urlsplit(url)
    host, port = str(parts.hostname), parts.port or PORTS[parts.scheme]
    wanted = [Subprotocol(subprotocol)] if subprotocol else None
    secure = await asyncio.to_thread(trust) if parts.scheme == "wss" else None

    def speaking() -> ClientConnection:
        protocol = ClientProtocol(parse_uri(url), subprotocols=wanted, max_size=limit)
        return ClientConnection(protocol, close_timeout=CLOSE_SECONDS, max_queue=WAITING)

    addresses = await http.addresses(host, port)
    for address in addresses:
        try:
            async with asyncio.timeout(CONNECT_SECONDS / len(addresses)):
                transport, connection = await asyncio.get_running_loop().create_connection(
                    speaking, address, port, ssl=secure, server_hostname=host if secure else None
                )
            break
        except ssl.SSLCertVerificationError:
            raise Unreachable(f"{where}: the certificate is not trusted") from None
        except (OSError, TimeoutError):
            continue
    else:
        raise Unreachable(f"{where}: no connection")
    try:
        await connection.handshake(user_agent_header=user_agent())
    except InvalidStatus as refused:
        response = refused.response
        headers = {name.lower(): value for name, value in response.headers.raw_items()}
        raise Declined(Answer(response.status_code, url, headers, bytes(response.body or b""))) from None
    except (InvalidHandshake, InvalidMessage):
        raise BadAnswer(f"{where}: does not speak websocket") from None
    except (OSError, EOFError):
        raise Unreachable(f"{where}: the connection broke") from None
    finally:
        if connection.protocol.handshake_exc is not None or connection.response is None:
            transport.abort()
    return connection
