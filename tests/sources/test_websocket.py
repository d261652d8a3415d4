"""The websocket client: what it refuses, and what it bounds."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator

import pytest
import pytest_asyncio

from sources import websocket as client
from sources.errors import BadAnswer, SourceError, Unreachable
from sources.http import Http
from sources.worker import _named_hosts
from store.domain.desk import Desk, SourceConfig
from tests.servers import Reply, Send, Server, drip, free_port, header_flood, redirect, reset, silence, text
from tests.sources.fake_bluesky import broken, closed, frame, websocket


@pytest.fixture
def server() -> Iterator[Server]:
    with Server() as running:
        yield running


@pytest_asyncio.fixture
async def http(server: Server) -> AsyncIterator[Http]:
    async with Http({server.host}, pause=0) as opened:
        yield opened


def speaks(server: Server, *messages: bytes, after: object = closed, hold: bool = False) -> str:
    server.on("/s", lambda seen: websocket(seen, list(messages), after, hold=hold))  # type: ignore[arg-type]
    return f"ws://{server.host}/s"


async def read(http: Http, url: str, *, limit: int = 1_000_000, quiet: float = 5.0, most: int = 100) -> list[bytes]:
    found: list[bytes] = []
    async with client.opened(http, url, limit=limit) as socket:
        while batch := await socket.batch(quiet=quiet, most=most):
            found += batch
    return found


async def test_messages_come_in_batches_and_in_order(server: Server, http: Http) -> None:
    messages = [b"x" * size for size in (1, 125, 126, 70_000)] * 100
    url = speaks(server, *messages, hold=True)
    async with client.opened(http, url) as socket:
        found: list[bytes] = []
        while batch := await socket.batch(quiet=0.3, most=50):
            assert len(batch) <= 50
            found += batch
    assert found == messages


async def test_a_cancelled_wait_loses_no_message(server: Server, http: Http) -> None:
    messages = [b"%d" % number for number in range(2_000)]
    found: list[bytes] = []
    async with client.opened(http, speaks(server, *messages, hold=True)) as socket:
        while len(found) < 2_000:
            found += await socket.batch(quiet=0.001, most=7)
    assert found == messages


async def test_what_was_said_before_the_end_is_read(server: Server, http: Http) -> None:
    async with client.opened(http, speaks(server, b"a", b"b")) as socket:
        assert await socket.batch(quiet=5, most=100) == [b"a", b"b"]
        with pytest.raises(client.Ended):
            await socket.batch(quiet=5, most=100)


async def test_a_connection_that_breaks(server: Server, http: Http) -> None:
    with pytest.raises(Unreachable, match="broke"):
        await read(http, speaks(server, b"a", after=broken))


async def test_a_message_that_is_too_large(server: Server, http: Http) -> None:
    with pytest.raises(BadAnswer, match="1,000 bytes"):
        await read(http, speaks(server, b"x" * 1_001), limit=1_000)
    huge = b"\x81\x7f" + (2**62).to_bytes(8, "big") + b"x" * 1_000
    with pytest.raises(BadAnswer, match="1,000 bytes"):
        await read(http, speaks(server, after=lambda send: send(huge)), limit=1_000)


async def test_one_that_never_stops_is_left_at_once(server: Server, http: Http) -> None:
    def flood(send: Send) -> None:
        while True:
            send(frame(b"x" * 10_000))

    begun = asyncio.get_running_loop().time()
    async with client.opened(http, speaks(server, after=flood)) as socket:
        batch = await socket.batch(quiet=5, most=100_000)
    assert sum(map(len, batch)) < 2 * client.BATCH_BYTES
    assert asyncio.get_running_loop().time() - begun < 30


@pytest.mark.parametrize("reply", [Reply(503), redirect("/elsewhere"), text("hello")])
async def test_plain_http_is_told_as_it_is(server: Server, http: Http, reply: Reply) -> None:
    server.on("/s", reply)
    with pytest.raises(client.Declined) as declined:
        await read(http, f"ws://{server.host}/s?secret=1")
    assert (declined.value.answer.status, declined.value.answer.body) == (reply.status, reply.body)
    assert "secret" not in str(declined.value)
    assert len(server.seen) == 1, "no redirect is followed"


@pytest.mark.parametrize("fault", ["silence", "drip", "flood", "reset", "garbage", "wrong key"])
async def test_opening_is_bounded(server: Server, http: Http, fault: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client, "OPEN_SECONDS", 1.0)
    wrong = b"HTTP/1.1 101 x\r\nupgrade: websocket\r\nconnection: Upgrade\r\nsec-websocket-accept: AAAA\r\n\r\n"
    server.on("/s", {
        "silence": silence(server), "drip": drip(server), "flood": header_flood(), "reset": reset(),
        "garbage": Reply(play=lambda send, _: send(b"\0" * 100_000)),
        "wrong key": Reply(play=lambda send, _: send(wrong)),
    }[fault])  # fmt: skip
    with pytest.raises(SourceError) as raised:
        await read(http, f"ws://{server.host}/s")
    assert isinstance(raised.value, Unreachable | BadAnswer)


async def test_only_hosts_of_the_configuration_may_be_private(server: Server) -> None:
    url = speaks(server, b"a")
    async with Http(pause=0) as stranger:
        with pytest.raises(Unreachable, match="private"):
            await read(stranger, url)
    assert not server.seen

    config = SourceConfig("bluesky", "b", options={"jetstream_url": url})
    async with Http(_named_hosts(Desk(sources=(config,))), pause=0) as named, client.opened(named, url) as socket:
        assert await socket.batch(quiet=5, most=1) == [b"a"]


@pytest.mark.parametrize("url", ["http://127.0.0.1/s", "ws://", "ws://u:p@127.0.0.1/s", "ws://127.0.0.1:99999/", "x"])
async def test_what_is_no_address_is_not_dialled(http: Http, url: str) -> None:
    with pytest.raises(Unreachable):
        await read(http, url)
    assert not client.is_websocket(url)


async def test_nobody_there(server: Server) -> None:
    async with Http({"127.0.0.1"}, pause=0) as http:
        with pytest.raises(Unreachable, match="no connection"):
            await read(http, f"ws://127.0.0.1:{free_port()}/s")
