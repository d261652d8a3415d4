"""An atproto server and a Jetstream that keep posts, sessions and records as real ones do, and what is needed to ask
them."""

from __future__ import annotations

import base64
import hashlib
import json
import socket
import struct
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

from sources.adapters.bluesky import Bluesky
from sources.http import Http
from sources.keep import Keep
from sources.protocol import Page, Setup
from store.domain.desk import SourceConfig, Watch
from store.domain.poll import Cursor
from store.domain.secret import Secret
from tests.servers import Reply, Seen, Send, Server, json_reply

NOW = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
HANDLE, PASSWORD, OWN = "brand.example", "abcd-efgh-ijkl-mnop", "did:plc:brand"
SEARCH = "search:acme"
SEARCH_PATH, NOTED_PATH = "/xrpc/app.bsky.feed.searchPosts", "/xrpc/app.bsky.notification.listNotifications"
PUT_PATH, GET_PATH = "/xrpc/com.atproto.repo.putRecord", "/xrpc/com.atproto.repo.getRecord"
OPEN_PATH, REFRESH_PATH = "/xrpc/com.atproto.server.createSession", "/xrpc/com.atproto.server.refreshSession"
STREAM, STREAM_2 = "/subscribe", "/xrpc/network.bsky.jetstream.subscribeEvents"
Json = dict[str, Any]


def zulu(at: datetime) -> str:
    return at.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def micros(at: datetime) -> int:
    return int(at.timestamp() * 1_000_000)


def record(text: str, at: datetime = NOW, **fields: Any) -> Json:
    return {"$type": "app.bsky.feed.post", "text": text, "createdAt": zulu(at), "langs": ["en"]} | fields


def reference(uri: str, cid: str = "") -> Json:
    return {"uri": uri, "cid": cid or f"cid-of-{uri.rpartition('/')[2]}"}


def link(text: str, shown: str, uri: str) -> Json:
    """A facet over `shown` in `text`."""
    start = len(text[: text.index(shown)].encode())
    index = {"byteStart": start, "byteEnd": start + len(shown.encode())}
    return {"index": index, "features": [{"$type": "app.bsky.richtext.facet#link", "uri": uri}]}


class FakeBluesky:
    """`posts` are postViews by address. Access tokens are numbered; only the newest pair is taken."""

    def __init__(self, server: Server, per_page: int = 100) -> None:
        self.server, self.per_page = server, per_page
        self.posts: dict[str, Json] = {}
        self.reasons: dict[str, str] = {}
        self.records: dict[str, Json] = {}
        self.pair = 0
        self.logins = True
        self.knows_until = True
        for path, script in {
            SEARCH_PATH: self.search,
            NOTED_PATH: self.noted,
            OPEN_PATH: self.open,
            REFRESH_PATH: self.refresh,
            PUT_PATH: self.put,
            GET_PATH: self.get,
            "/xrpc/app.bsky.feed.getPosts": self.views,
            "/xrpc/com.atproto.identity.resolveHandle": self.resolve,
        }.items():
            server.on(path, script)

    def add(self, key: str | int, at: datetime, text: str = "", reason: str = "", **fields: Any) -> str:
        """A post by ana; with a `reason` we are notified of it. Returns its address."""
        did = fields.pop("did", "did:plc:ana")
        indexed = fields.pop("indexed", at)
        uri = f"at://{did}/app.bsky.feed.post/{key}"
        self.posts[uri] = {
            "uri": uri,
            "cid": f"cid-of-{key}",
            "author": {"did": did, "handle": "ana.example", "displayName": "Ana"},
            "record": record(text or f"acme {key}", at, **fields),
            "indexedAt": zulu(indexed),
        }
        if reason:
            self.reasons[uri] = reason
        return uri

    def search(self, seen: Seen) -> Reply:
        if not self.known(seen):
            return expired()
        since, until = seen.params.get("since", ""), seen.params.get("until", "")
        found = []
        for post in self.posts.values():
            at = min(post["record"]["createdAt"], post["indexedAt"])
            if at >= since and (not until or not self.knows_until or at < until):
                found.append((at, post))
        found.sort(key=lambda one: one[0], reverse=True)
        return self.page(seen, "posts", [post for _, post in found])

    def noted(self, seen: Seen) -> Reply:
        if not self.known(seen):
            return expired()
        items = sorted((self.posts[uri] for uri in self.reasons), key=lambda one: one["indexedAt"], reverse=True)
        items = [one for one in items if one["indexedAt"] < seen.params.get("cursor", "9")]
        told = [one | {"reason": self.reasons[one["uri"]], "isRead": False} for one in items[: self.per_page]]
        more = {"cursor": told[-1]["indexedAt"]} if len(items) > self.per_page else {}
        return json_reply({"notifications": told, **more})

    def page(self, seen: Seen, name: str, items: list[Json]) -> Reply:
        start = int(seen.params.get("cursor", 0))
        end = start + self.per_page
        return json_reply({name: items[start:end], **({"cursor": str(end)} if end < len(items) else {})})

    def open(self, seen: Seen) -> Reply:
        asked = json.loads(seen.body)
        if not self.logins or (asked["identifier"], asked["password"]) != (HANDLE, PASSWORD):
            return json_reply({"error": "AuthenticationRequired", "message": "Invalid identifier or password"}, 401)
        return self.new_pair()

    def refresh(self, seen: Seen) -> Reply:
        if seen.headers.get("authorization") != f"Bearer refresh-{self.pair}" or seen.body:
            return expired()
        return self.new_pair()

    def new_pair(self) -> Reply:
        self.pair += 1
        pair = {"accessJwt": f"access-{self.pair}", "refreshJwt": f"refresh-{self.pair}"}
        return json_reply({"did": OWN, "handle": HANDLE, **pair})

    def put(self, seen: Seen) -> Reply:
        """swapRecord null: only where nothing is; the same again is no change."""
        if not self.known(seen):
            return expired()
        asked = json.loads(seen.body)
        uri = f"at://{asked['repo']}/{asked['collection']}/{asked['rkey']}"
        if len(asked["record"]["text"]) > 300:
            words = "Invalid record: must not be longer than 300 graphemes"
            return json_reply({"error": "InvalidRequest", "message": words}, 400)
        if uri in self.records and self.records[uri] != asked["record"]:
            return json_reply({"error": "InvalidSwap", "message": "Record was at cid-x"}, 400)
        self.records[uri] = asked["record"]
        return json_reply({"uri": uri, "cid": "cid-new"})

    def get(self, seen: Seen) -> Reply:
        uri = f"at://{seen.params['repo']}/{seen.params['collection']}/{seen.params['rkey']}"
        if uri in self.records:
            return json_reply({"uri": uri, "cid": "cid-new", "value": self.records[uri]})
        if uri in self.posts:
            return json_reply({"uri": uri, "cid": self.posts[uri]["cid"], "value": self.posts[uri]["record"]})
        return json_reply({"error": "RecordNotFound", "message": f"Could not locate record: {uri}"}, 400)

    def views(self, seen: Seen) -> Reply:
        asked = [value for name, value in seen.all_params if name == "uris"]
        return json_reply({"posts": [self.posts[uri] for uri in asked if uri in self.posts]})

    def resolve(self, seen: Seen) -> Reply:
        known = {"ana.example": "did:plc:ana", HANDLE: OWN}
        did = known.get(seen.params["handle"])
        return json_reply({"did": did}) if did else json_reply({"error": "InvalidRequest"}, 400)

    def known(self, seen: Seen) -> bool:
        return seen.headers.get("authorization") == f"Bearer access-{self.pair}"


def expired() -> Reply:
    return json_reply({"error": "ExpiredToken", "message": "Token has expired"}, 400)


class FakeJetstream:
    """Events by time, replayed from the cursor that is asked for. `hold`: the socket stays open when all are told.
    `heeds` false: everything is told whatever the cursor."""

    def __init__(self, server: Server, path: str = STREAM) -> None:
        self.server, self.path = server, path
        self.events: list[tuple[int, bytes]] = []
        self.hold = False
        self.heeds = True
        self.oldest = 0
        self.after: Callable[[Send], None] = closed
        self.cursors: list[int] = []
        server.on(path, self.subscribe)

    def post(self, key: str | int, at: datetime, text: str = "acme", operation: str = "create", **fields: Any) -> str:
        """An event of a post of ana's. Returns its address."""
        did = fields.pop("did", "did:plc:ana")
        commit: Json = {"rev": "r", "operation": operation, "collection": "app.bsky.feed.post", "rkey": str(key)}
        if operation != "delete":
            commit |= {"record": record(text, at, **fields), "cid": f"cid-of-{key}"}
        self.tell(at, {"did": did, "time_us": micros(at), "kind": "commit", "commit": commit})
        return f"at://{did}/app.bsky.feed.post/{key}"

    def tell(self, at: datetime, event: Json) -> None:
        if self.path == STREAM_2:
            payload = {"$type": f"{STREAM_2[6:]}#commit", "seq": len(self.events) + 1, "did": event["did"]}
            payload |= {"time": at.isoformat().replace("+00:00", "Z"), **event["commit"]}
            event = {"$type": "message", "payload": payload}
        self.events.append((micros(at), json.dumps(event).encode()))

    def subscribe(self, seen: Seen) -> Reply:
        cursor = int(seen.params["cursor"])
        self.cursors.append(cursor)
        told = []
        if cursor < 10**15:  # a place of version 2
            if cursor <= self.oldest:
                return json_reply({"error": "CursorTooOld", "message": "cursor below lookback floor"}, 400)
            told = [message for number, (_, message) in enumerate(self.events, 1) if number >= cursor]
        else:
            told = [message for at, message in self.events[self.oldest :] if at >= cursor or not self.heeds]
        return websocket(seen, told, self.after, hold=self.hold)


def websocket(seen: Seen, messages: list[bytes], after: Callable[[Send], None], *, hold: bool = False) -> Reply:
    """The upgrade, the messages, and what comes then."""

    def play(send: Send, connection: socket.socket) -> None:
        key = seen.headers["sec-websocket-key"].encode() + b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
        accept = base64.b64encode(hashlib.sha1(key).digest())
        send(
            b"HTTP/1.1 101 x\r\nupgrade: websocket\r\nconnection: Upgrade\r\nsec-websocket-accept: "
            + accept
            + b"\r\n\r\n"
        )
        for message in messages:
            send(frame(message))
        if not hold:
            after(send)
        connection.settimeout(0.05)
        for _ in range(200 if hold else 20):
            try:
                connection.recv(65_536)
                return  # the client closes, or is gone
            except TimeoutError:
                continue

    return Reply(play=play)


def frame(message: bytes, kind: int = 1) -> bytes:
    size = len(message)
    if size < 126:
        head = struct.pack("!BB", 0x80 | kind, size)
    elif size < 65_536:
        head = struct.pack("!BBH", 0x80 | kind, 126, size)
    else:
        head = struct.pack("!BBQ", 0x80 | kind, 127, size)
    return head + message


def closed(send: Send) -> None:
    send(frame(struct.pack("!H", 1000), kind=8))


def broken(send: Send) -> None:
    """A frame that never comes whole."""
    send(b"\x81\x7e")
    raise ConnectionError


def adapter(server: Server, http: Http, token: str = PASSWORD, keep: Keep | None = None, **fields: Any) -> Bluesky:
    options = ({"handle": HANDLE} if token == PASSWORD else {}) | fields.pop("options", {})
    watch = Watch("acme", fields.pop("query", "acme"))
    config = SourceConfig("bluesky", "b", url=server.url(), options=options, **({"backfill": None} | fields))
    return Bluesky(Setup(config, http, Secret(token) if token else None, (watch,), keep=keep or Keep()))


async def poll(
    source: Bluesky,
    bookmark: Json | None = None,
    now: datetime = NOW,
    stream: str = SEARCH,
    *,
    most: int = 10_000,
    into: list[Page] | None = None,
) -> list[Page]:
    """`most` pages of a poll; it is broken off then. `into` has what came before an error."""
    cursor = Cursor("b", stream, json.loads(json.dumps(bookmark or {})), now, 0, None, "", "ok")
    answers, pages = source.pages(cursor, now=now), [] if into is None else into
    async for page in answers:
        pages.append(page)
        if len(pages) == most:
            break
    await answers.aclose()  # type: ignore[attr-defined]
    return pages


def keys(pages: list[Page]) -> list[str]:
    """The record keys of what came."""
    return [mention.external_id.rpartition("/")[2] for page in pages for mention in page.mentions]


def minutes(number: float) -> timedelta:
    return timedelta(minutes=number)
