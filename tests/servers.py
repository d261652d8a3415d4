"""A scripted web server on loopback, in a thread of its own: for adapters, fetching and the command line alike.

    with Server() as server:
        server.on("/feed", Reply(304), text("<rss/>"))      # one after the other, the last again and again
        server.on("/search", lambda seen: json_reply(...))  # or made from the request
        ...  server.url("/feed")  ...
        server.seen        # every request that came

A path nobody scripted gets 404. What can go wrong on the way is a Reply too: see the functions at the end.
"""

from __future__ import annotations

import gzip
import json
import socket
import socketserver
import struct
import threading
import zlib
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from email.utils import format_datetime
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit


@dataclass(frozen=True)
class Seen:
    """A request as it came. Header names are lower case."""

    method: str
    target: str
    headers: dict[str, str]
    body: bytes

    @property
    def path(self) -> str:
        return unquote(urlsplit(self.target).path)

    @property
    def params(self) -> dict[str, str]:
        return dict(parse_qsl(urlsplit(self.target).query, keep_blank_values=True))

    @property
    def all_params(self) -> list[tuple[str, str]]:
        return parse_qsl(urlsplit(self.target).query, keep_blank_values=True)

    @property
    def form(self) -> dict[str, str]:
        return dict(parse_qsl(self.body.decode(), keep_blank_values=True))


Send = Callable[[bytes], None]


@dataclass(frozen=True)
class Reply:
    """`play` writes by hand instead: it gets a function that sends bytes, and the socket; the connection ends after."""

    status: int = 200
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)
    play: Callable[[Send, socket.socket], None] | None = None


Script = Reply | Callable[[Seen], Reply]


class Server:
    def __init__(self) -> None:
        self.seen: list[Seen] = []
        self.connections = 0
        self._scripts: dict[str, list[Script]] = {}
        self._lock = threading.Lock()
        self._ending = threading.Event()
        self._server = _Listener(("127.0.0.1", 0), _handler(self))
        self.port: int = self._server.server_address[1]
        self.host = f"127.0.0.1:{self.port}"

    def on(self, path: str, *scripts: Script) -> None:
        """Answer `path` (without query) by these, in order; replaces what was said before."""
        with self._lock:
            self._scripts[path] = list(scripts)

    def url(self, path: str = "", host: str = "127.0.0.1") -> str:
        return f"http://{host}:{self.port}{path}"

    def at(self, path: str) -> list[Seen]:
        return [seen for seen in self.seen if seen.path == path]

    def answer(self, seen: Seen) -> Reply:
        with self._lock:
            self.seen.append(seen)
            queue = self._scripts.get(seen.path)
            if not queue:
                return json_reply({"error": "Record not found"}, status=404)
            script = queue.pop(0) if len(queue) > 1 else queue[0]
        return script if isinstance(script, Reply) else script(seen)

    def wait(self, seconds: float) -> None:
        """Like sleep, but over at once when the server ends."""
        self._ending.wait(seconds)

    def __enter__(self) -> Server:
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
        return self

    def __exit__(self, *exc: object) -> None:
        self._ending.set()
        self._server.shutdown()
        self._server.server_close()


class _Listener(socketserver.ThreadingTCPServer):
    allow_reuse_address = True
    daemon_threads = True
    request_queue_size = 128

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that hangs up in the middle is what many tests are about."""


def _handler(server: Server) -> type[socketserver.StreamRequestHandler]:
    class Handler(socketserver.StreamRequestHandler):
        disable_nagle_algorithm = True

        def handle(self) -> None:
            server.connections += 1
            while (seen := _read(self.rfile)) is not None:
                reply = server.answer(seen)
                if reply.play is not None:
                    reply.play(self.wfile.write, self.request)
                    return
                self.wfile.write(_head(reply, {"content-length": str(len(reply.body))}) + reply.body)

    return Handler


def _read(stream: Any) -> Seen | None:
    line = stream.readline(65_536).decode("latin-1").split()
    if len(line) != 3:
        return None
    headers: dict[str, str] = {}
    while header := stream.readline(65_536).decode("latin-1").strip():
        name, _, value = header.partition(":")
        headers[name.lower()] = value.strip()
    return Seen(line[0], line[1], headers, stream.read(int(headers.get("content-length", 0))))


def _head(reply: Reply, more: dict[str, str]) -> bytes:
    lines = [f"HTTP/1.1 {reply.status} x", *(f"{name}: {value}" for name, value in (more | reply.headers).items())]
    return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1")


def text(body: str | bytes, kind: str = "text/plain", status: int = 200, **headers: str) -> Reply:
    data = body.encode() if isinstance(body, str) else body
    return Reply(status, data, {"content-type": kind} | {name.replace("_", "-"): v for name, v in headers.items()})


def json_reply(value: Any, status: int = 200, **headers: str) -> Reply:
    return text(json.dumps(value), "application/json", status, **headers)


def redirect(to: str, status: int = 302) -> Reply:
    return Reply(status, b"", {"location": to})


def rate_limited(dialect: str, at: datetime | None = None, seconds: int = 0) -> Reply:
    """429 as the networks say it: "seconds" and "date" (Retry-After), "iso" and "epoch" (X-RateLimit-Reset), "bare"."""
    headers = {
        "seconds": lambda: {"retry-after": str(seconds)},
        "date": lambda: {"retry-after": format_datetime(at, usegmt=True)},  # type: ignore[arg-type]
        "iso": lambda: {"x-ratelimit-remaining": "0", "x-ratelimit-reset": at.strftime("%Y-%m-%dT%H:%M:%S.%fZ")},  # type: ignore[union-attr]
        "epoch": lambda: {"x-ratelimit-remaining": "0", "x-ratelimit-reset": str(int(at.timestamp()))},  # type: ignore[union-attr]
        "bare": dict,
    }[dialect]()
    return Reply(429, b'{"error": "Too many requests"}', {"content-type": "application/json"} | headers)


def gzipped(body: bytes, **headers: str) -> Reply:
    return Reply(200, gzip.compress(body), {"content-encoding": "gzip"} | headers)


def cut_off(reply: Reply, keep: int) -> Reply:
    """Promises the whole body, sends `keep` bytes of it and hangs up."""

    def play(send: Send, _: socket.socket) -> None:
        send(_head(reply, {"content-length": str(len(reply.body))}) + reply.body[:keep])

    return Reply(play=play)


def reset() -> Reply:
    """The request was read; the connection is reset instead of an answer."""

    def play(_: Send, connection: socket.socket) -> None:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        connection.close()

    return Reply(play=play)


def silence(server: Server, seconds: float = 30.0) -> Reply:
    """The request was read; no answer comes."""
    return Reply(play=lambda send, connection: server.wait(seconds))


def drip(server: Server, every: float = 0.05) -> Reply:
    """A body that comes byte by byte and never ends."""

    def play(send: Send, _: socket.socket) -> None:
        send(b"HTTP/1.1 200 x\r\ncontent-type: text/plain\r\n\r\n")
        while not server._ending.is_set():
            send(b"x")
            server.wait(every)

    return Reply(play=play)


def endless(chunk: bytes = b"x" * 65_536) -> Reply:
    def play(send: Send, _: socket.socket) -> None:
        send(b"HTTP/1.1 200 x\r\ncontent-type: text/plain\r\n\r\n")
        while True:
            send(chunk)

    return Reply(play=play)


def header_flood(lines: int = 20_000) -> Reply:
    def play(send: Send, _: socket.socket) -> None:
        send(b"HTTP/1.1 200 x\r\n")
        for number in range(lines):
            send(b"x-%d: %s\r\n" % (number, b"y" * 100))
        send(b"content-length: 0\r\n\r\n")

    return Reply(play=play)


def gzip_bomb(megabytes: int = 200) -> Reply:
    return Reply(200, _bomb(megabytes), {"content-type": "application/json", "content-encoding": "gzip"})


def _bomb(megabytes: int) -> bytes:
    squeeze = zlib.compressobj(9, zlib.DEFLATED, 31)
    block = b"\0" * 1024 * 1024
    return b"".join(squeeze.compress(block) for _ in range(megabytes)) + squeeze.flush()


def free_port() -> int:
    """A port on which nobody listens."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
