"""The fetch function, against a real server that misbehaves."""

from __future__ import annotations

import asyncio
import gzip
import logging
import resource
import socket
import time
import traceback
from collections.abc import AsyncIterator, Iterator
from contextlib import suppress
from datetime import UTC, datetime, timedelta

import pytest
import pytest_asyncio
from hypothesis import given
from hypothesis import strategies as st

from sources.addresses import is_public
from sources.errors import BadAnswer, SourceError, Unauthorised, Uncertain, Unreachable
from sources.http import Http, Request, retry_after
from store.domain.secret import Secret
from tests.servers import (
    Reply,
    Server,
    cut_off,
    drip,
    endless,
    free_port,
    gzip_bomb,
    gzipped,
    header_flood,
    json_reply,
    redirect,
    reset,
    silence,
    text,
)

NOW = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
CANARY = "canary-71f3"


@pytest.fixture
def server() -> Iterator[Server]:
    with Server() as running:
        yield running


@pytest.fixture
def elsewhere() -> Iterator[Server]:
    with Server() as running:
        yield running


@pytest_asyncio.fixture
async def http(server: Server) -> AsyncIterator[Http]:
    async with Http({server.host}, pause=0) as client:
        yield client


def get(url: str, **options: object) -> Request:
    return Request("GET", url, **options)  # type: ignore[arg-type]


async def test_gives_any_status_with_lower_case_headers_and_the_whole_body(server: Server, http: Http) -> None:
    server.on("/a", text("hello", status=404, X_Thing="One"))

    answer = await http.fetch(get(server.url("/a"), params=(("q", "ä b"), ("types[]", "mention"))))

    assert (answer.status, answer.body, answer.headers["x-thing"]) == (404, b"hello", "One")
    assert server.seen[0].all_params == [("q", "ä b"), ("types[]", "mention")]
    assert server.seen[0].headers["accept-encoding"] == "gzip"
    assert server.seen[0].headers["user-agent"].startswith("earful/")


async def test_posts_a_form_and_json(server: Server, http: Http) -> None:
    server.on("/p", json_reply({"ok": True}))

    answer = await http.fetch(
        Request("POST", server.url("/p"), form=(("status", "grüezi & co"), ("visibility", "direct")))
    )
    await http.fetch(Request("POST", server.url("/p"), json={"text": "x"}))

    assert answer.json() == {"ok": True}
    assert server.seen[0].form == {"status": "grüezi & co", "visibility": "direct"}
    assert server.seen[0].headers["content-type"] == "application/x-www-form-urlencoded"
    assert server.seen[1].body == b'{"text":"x"}'


@pytest.mark.parametrize("body", [b"<html>", b'{"a": ', b'{"a": NaN}', b"[" * 100_000, b"\xff"])
async def test_json_that_is_none_is_a_bad_answer(server: Server, http: Http, body: bytes) -> None:
    server.on("/j", text(body, "text/html"))

    answer = await http.fetch(get(server.url("/j")))

    with pytest.raises(BadAnswer, match="not with whole JSON"):
        answer.json()


# Private addresses.

FORMS = [
    "127.0.0.1",
    "localhost",
    "0x7f.1",
    "2130706433",
    "127.1",
    "0177.0.0.1",
    "[::ffff:127.0.0.1]",
    "[::1]",
    "0.0.0.0",
]


@pytest.mark.parametrize("host", FORMS)
async def test_a_private_address_is_refused_in_every_spelling(server: Server, host: str) -> None:
    async with Http(pause=0) as http:
        with pytest.raises(Unreachable, match=r"private or reserved|not an address"):
            await http.fetch(get(f"http://{host}:{server.port}/"))
    assert server.connections == 0


async def test_a_named_host_may_be_private_but_only_on_its_port(server: Server, elsewhere: Server, http: Http) -> None:
    server.on("/", text("in"))

    assert (await http.fetch(get(server.url("/")))).body == b"in"
    with pytest.raises(Unreachable, match="private or reserved"):
        await http.fetch(get(elsewhere.url("/")))
    assert elsewhere.connections == 0


async def test_a_redirect_to_a_private_address_is_refused(server: Server, elsewhere: Server, http: Http) -> None:
    server.on("/", redirect(elsewhere.url("/admin")))

    with pytest.raises(Unreachable, match="private or reserved"):
        await http.fetch(get(server.url("/")))
    assert elsewhere.connections == 0


async def test_a_public_name_that_resolves_to_loopback_is_refused(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = socket.getaddrinfo

    def rebound(host: object, *rest: object, **more: object) -> object:
        return real("127.0.0.1" if host in ("rebound.example", b"rebound.example") else host, *rest, **more)  # type: ignore[arg-type]

    monkeypatch.setattr(socket, "getaddrinfo", rebound)
    async with Http(pause=0) as http:
        with pytest.raises(Unreachable, match="private or reserved"):
            await http.fetch(get(server.url("/", host="rebound.example")))
    assert server.connections == 0
    async with Http({"rebound.example"}, pause=0) as http:
        server.on("/", text("named"))
        assert (await http.fetch(get(server.url("/", host="rebound.example")))).body == b"named"


@given(st.integers(0, 2**32 - 1))
def test_a_hidden_ipv4_address_is_judged_as_itself(number: int) -> None:
    dotted = ".".join(str(number >> shift & 255) for shift in (24, 16, 8, 0))
    assert is_public(f"::ffff:{dotted}") == is_public(dotted)
    assert is_public(f"64:ff9b::{number >> 16:x}:{number & 65535:x}") == is_public(dotted)


@pytest.mark.parametrize(
    ("address", "public"),
    [
        ("10.0.0.1", False), ("172.16.0.1", False), ("192.168.1.1", False), ("169.254.169.254", False),
        ("100.64.0.1", False), ("0.0.0.0", False), ("224.0.0.1", False), ("255.255.255.255", False),
        ("fe80::1%eth0", False), ("fc00::1", False), ("fec0::1", False), ("ff02::1", False), ("2002:7f00:1::", False),
        ("192.0.0.8", False), ("3fff::1", False), ("2001:4860::5efe:7f00:1", False),
        ("2001:4860::200:5efe:a00:1", False),
        ("::127.0.0.1", False), ("64:ff9b:1::7f00:1", False), ("8.8.8.8", True), ("2606:4700::1111", True),
    ],
)  # fmt: skip
def test_public_addresses(address: str, public: bool) -> None:
    assert is_public(address) is public


@pytest.mark.parametrize("url", ["file:///etc/passwd", "gopher://x/", "http://", "not a url", "http://u:p@127.0.0.1/"])
async def test_only_web_addresses_without_a_login_are_asked(url: str) -> None:
    async with Http(pause=0) as http:
        with pytest.raises(Unreachable):
            await http.fetch(get(url))


# Redirects.


async def test_follows_redirects_and_tells_a_permanent_move(server: Server, http: Http) -> None:
    server.on("/old", redirect("/older", 301))
    server.on("/older", redirect(server.url("/new?x=1"), 308))
    server.on("/for-now", redirect("/old", 302))
    server.on("/new", text("here"))

    moved = await http.fetch(get(server.url("/old")))
    borrowed = await http.fetch(get(server.url("/for-now")))

    assert (moved.body, moved.url, moved.permanent_url) == (b"here", server.url("/new?x=1"), server.url("/new?x=1"))
    assert (borrowed.body, borrowed.permanent_url) == (b"here", "")


async def test_a_redirect_loop_ends(server: Server, http: Http) -> None:
    server.on("/loop", redirect("/loop"))

    with pytest.raises(BadAnswer, match="more than 5 redirects"):
        await http.fetch(get(server.url("/loop")))
    assert len(server.seen) == 6


@pytest.mark.parametrize("target", ["file:///etc/passwd", "javascript:alert(1)", "http://[::bad/", "//:x/"])
async def test_a_redirect_to_nowhere_is_a_bad_answer(server: Server, http: Http, target: str) -> None:
    server.on("/", redirect(target))

    with pytest.raises(SourceError):
        await http.fetch(get(server.url("/")))


async def test_secrets_never_cross_to_another_host(server: Server, elsewhere: Server) -> None:
    server.on("/", Reply(302, b"", {"location": elsewhere.url("/there"), "set-cookie": f"s={CANARY}"}))
    server.on("/back", text("home"))
    elsewhere.on("/there", redirect(server.url("/back")))
    request = get(
        server.url("/"),
        headers={"Cookie": CANARY, "If-None-Match": "tag"},
        secret_headers={"Authorization": Secret(f"Bearer {CANARY}"), "X-Api-Key": Secret(CANARY)},
    )
    async with Http({server.host, elsewhere.host}, pause=0) as http:
        answer = await http.fetch(request)
        await http.fetch(get(server.url("/back")))

    assert answer.body == b"home"
    assert server.seen[0].headers["authorization"] == f"Bearer {CANARY}"
    assert CANARY not in repr(elsewhere.seen)
    assert CANARY not in repr(server.seen[1:]), "once left, not even back at home; and no cookie is kept"
    assert elsewhere.seen[0].headers["if-none-match"] == "tag"


async def test_secrets_stay_on_a_redirect_within_the_host(server: Server, http: Http) -> None:
    server.on("/", redirect("/inside", 301))
    server.on("/inside", text("in"))

    await http.fetch(get(server.url("/"), secret_headers={"Authorization": Secret("Bearer x")}))

    assert server.at("/inside")[0].headers["authorization"] == "Bearer x"


@pytest.mark.parametrize(("status", "repeated"), [(301, False), (302, False), (303, False), (307, True), (308, True)])
async def test_a_post_is_repeated_only_where_it_was_and_only_when_told(
    server: Server, elsewhere: Server, status: int, repeated: bool
) -> None:
    server.on("/p", redirect("/q", status))
    server.on("/q", text("done"))
    server.on("/away", redirect(elsewhere.url("/x"), status))
    async with Http({server.host, elsewhere.host}, pause=0) as http:
        near = await http.fetch(Request("POST", server.url("/p"), form=(("a", "b"),)))
        far = await http.fetch(Request("POST", server.url("/away"), form=(("a", "b"),)))

    assert near.status == (200 if repeated else status)
    assert [(seen.method, seen.form) for seen in server.at("/q")] == ([("POST", {"a": "b"})] if repeated else [])
    assert far.status == status
    assert elsewhere.connections == 0


# Size and time.


async def test_inflates_gzip_also_in_several_members(server: Server, http: Http) -> None:
    server.on("/one", gzipped(b"a" * 300_000))
    server.on("/two", Reply(200, gzip.compress(b"left ") + gzip.compress(b"right"), {"content-encoding": "gzip"}))

    assert (await http.fetch(get(server.url("/one")))).body == b"a" * 300_000
    assert (await http.fetch(get(server.url("/two")))).body == b"left right"


async def test_a_bomb_ends_at_the_limit_and_not_in_memory(server: Server, http: Http) -> None:
    bomb = gzip_bomb(500)
    server.on("/bomb", bomb)
    server.on("/twice", Reply(200, gzip.compress(bomb.body), {"content-encoding": "gzip, gzip"}))
    server.on("/br", Reply(200, b"x", {"content-encoding": "br"}))
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss

    with pytest.raises(BadAnswer, match="more than"):
        await http.fetch(get(server.url("/bomb")))
    for path in ("/twice", "/br"):
        with pytest.raises(BadAnswer, match="not asked for"):
            await http.fetch(get(server.url(path)))

    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 64 * 1024, "kilobytes"


async def test_an_endless_body_is_cut(server: Server, http: Http) -> None:
    server.on("/", endless())

    with pytest.raises(BadAnswer, match="more than 1,000,000 bytes"):
        await http.fetch(get(server.url("/"), limit=1_000_000))


async def test_a_flood_of_headers_is_refused(server: Server, http: Http) -> None:
    server.on("/", header_flood())

    with pytest.raises(Uncertain):
        await http.fetch(get(server.url("/")))


async def test_a_drip_and_a_silence_end_at_the_deadline(server: Server, http: Http) -> None:
    server.on("/drip", drip(server))
    server.on("/silence", silence(server))
    for path in ("/drip", "/silence"):
        started = time.monotonic()
        with pytest.raises(Uncertain, match="no whole answer within"):
            await http.fetch(get(server.url(path), deadline=0.5))
        assert 0.4 < time.monotonic() - started < 15


async def test_tells_what_surely_did_not_leave_from_what_may_have(server: Server, http: Http) -> None:
    post = Request("POST", server.url("/"), form=(("status", "hello"),))
    whole = json_reply({"id": "1", "text": "x" * 100})
    for fault in (reset(), cut_off(whole, 10), cut_off(gzipped(b"x" * 5000), 20)):
        server.on("/", fault)
        with pytest.raises(Uncertain):
            await http.fetch(post)
    # Gzip that ends too early although the length is right.
    cut = gzip.compress(b"x" * 5000)[:-6]
    server.on("/", Reply(200, cut, {"content-encoding": "gzip"}))
    with pytest.raises(Uncertain, match="cut off"):
        await http.fetch(post)
    nobody = f"127.0.0.1:{free_port()}"
    async with Http({nobody, "nowhere.invalid"}, pause=0) as other:
        for host in (nobody, "nowhere.invalid"):
            with pytest.raises(Unreachable):
                await other.fetch(Request("POST", f"http://{host}/", form=()))


@pytest.mark.parametrize("ends", ["at the next request", "when idle"])
async def test_a_post_is_in_no_doubt_because_of_a_connection_that_the_server_ended(ends: str) -> None:
    """Servers end idle connections whenever they like, also just as the next request is under way to them."""
    taken: list[bytes] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(asyncio.IncompleteReadError, ConnectionError):
            head = await reader.readuntil(b"\r\n\r\n")
            taken.append(head.split()[0])
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: keep-alive\r\n\r\n{}")
            await writer.drain()
            if ends == "at the next request":
                await reader.readuntil(b"\r\n\r\n")  # and not done
        writer.transport.abort()

    listener = await asyncio.start_server(serve, "127.0.0.1", 0)
    host = f"127.0.0.1:{listener.sockets[0].getsockname()[1]}"
    async with listener, Http({host}, pause=0) as http:
        for _ in range(3):
            assert (await http.fetch(Request("POST", f"http://{host}/", form=(("status", "hello"),)))).status == 200
        assert (await http.fetch(Request("GET", f"http://{host}/"))).status == 200
        assert (await http.fetch(Request("POST", f"http://{host}/", json={}))).status == 200
    assert taken == [b"POST"] * 3 + [b"GET", b"POST"]


async def test_a_cancelled_fetch_lets_go_of_its_place(server: Server, http: Http) -> None:
    server.on("/silence", silence(server))
    server.on("/", text("in"))
    waiting = [asyncio.create_task(http.fetch(get(server.url("/silence")))) for _ in range(2)]
    while len(server.seen) < 2:
        await asyncio.sleep(0.01)
    for task in waiting:
        task.cancel()
    await asyncio.gather(*waiting, return_exceptions=True)

    assert (await http.fetch(get(server.url("/"), deadline=20.0))).body == b"in"


async def test_at_most_two_requests_a_host_and_a_pause_between(server: Server) -> None:
    at_once, most = 0, 0

    def slow(_: object) -> Reply:
        nonlocal at_once, most
        at_once += 1
        most = max(most, at_once)
        time.sleep(0.05)
        at_once -= 1
        return text("in")

    server.on("/", slow)
    async with Http({server.host}, pause=0.1) as http:
        started = time.monotonic()
        await asyncio.gather(*(http.fetch(get(server.url("/"))) for _ in range(6)))

    assert most <= 2
    assert time.monotonic() - started >= 0.5


# Secrets.


@pytest.mark.parametrize("token", [f"{CANARY}\n", f"{CANARY}ä", f"{CANARY}\0", ""])
async def test_a_secret_that_no_header_can_carry_is_not_shown(server: Server, http: Http, token: str) -> None:
    with pytest.raises(Unauthorised) as caught:
        await http.fetch(get(server.url("/"), secret_headers={"Authorization": Secret(token)}))
    assert CANARY not in "".join(traceback.format_exception(caught.value))
    assert not server.seen


async def test_no_error_and_no_log_holds_a_secret(server: Server, http: Http, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    logging.getLogger("httpx").setLevel(logging.WARNING)
    logging.getLogger("httpcore").setLevel(logging.WARNING)
    faults = [
        reset(),
        cut_off(text("x" * 99), 5),
        header_flood(),
        redirect("/?key=" + CANARY),
        text("<html>"),
        silence(server),
    ]
    for fault in faults:
        server.on("/", fault)
        request = get(
            server.url("/"),
            params=(("access_token", CANARY),),
            headers={"X-Other": "1"},
            secret_headers={"Authorization": Secret(f"Bearer {CANARY}")},
            deadline=1.0,
        )
        with pytest.raises(SourceError) as caught:
            (await http.fetch(request)).json()
        assert CANARY not in "".join(traceback.format_exception(caught.value))
        assert CANARY not in repr(caught.value.__context__)
    assert CANARY not in caplog.text
    assert CANARY not in repr(request.secret_headers)


async def test_a_secret_path_is_called_by_its_label(server: Server, http: Http) -> None:
    server.on(f"/{CANARY}", reset())

    with pytest.raises(Uncertain, match="the webhook of billing: ") as caught:
        await http.fetch(Request("POST", server.url(f"/{CANARY}"), json={}, label="the webhook of billing"))
    assert CANARY not in "".join(traceback.format_exception(caught.value))


# Retry-After.


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("120", 120), ("0", 0), ("1.5", 1.5), ("Sat, 21 Nov 2026 12:05:00 GMT", 300),
        ("Sat, 21 Nov 2026 11:00:00 GMT", 0),
        ("999999999999", 366 * 86400), ("soon", None), ("-5", None), ("", None), ("Sat, 99 Nov", None),
    ],
)  # fmt: skip
def test_retry_after(value: str, seconds: float | None) -> None:
    expected = None if seconds is None else NOW + timedelta(seconds=seconds)
    assert retry_after({"retry-after": value}, now=NOW) == expected


async def test_importing_the_module_does_not_load_the_client() -> None:
    import subprocess
    import sys

    code = "import sys, sources.http, sources.registry; assert not {'httpx', 'httpcore'} & set(sys.modules)"
    await asyncio.to_thread(subprocess.run, [sys.executable, "-c", code], check=True)
