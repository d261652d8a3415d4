"""The Bot API's side of a bot: updates that are forgotten once a higher offset is asked for."""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from typing import Any

from sources.adapters.telegram import Telegram
from sources.http import Http
from sources.protocol import Page, Setup
from store.domain.desk import SourceConfig
from store.domain.poll import Cursor
from store.domain.secret import Secret
from tests.factories import NOW
from tests.servers import Reply, Seen, Server, json_reply

TOKEN = "4242:s3cret-part"
ANA = {"id": 77, "is_bot": False, "first_name": "Ana", "last_name": "Pop", "username": "anapop"}
BOT = {"id": 4242, "is_bot": True, "first_name": "Acme", "username": "AcmeBot"}
PRIVATE = {"id": 77, "type": "private", "first_name": "Ana", "username": "anapop"}
GROUP = {"id": -1001111, "type": "supergroup", "title": "Acme users", "username": "acmeusers"}


class FakeTelegram:
    def __init__(self, server: Server, first: int = 1000) -> None:
        self.updates: list[dict[str, Any]] = []
        self.confirmed: list[int] = []
        self.next, self.posts = first, list[Seen]()
        server.on(f"/bot{TOKEN}/getUpdates", self.get_updates)
        server.on(f"/bot{TOKEN}/getMe", json_reply({"ok": True, "result": BOT}))
        server.on(f"/bot{TOKEN}/sendMessage", self.send)

    def add(self, words: str | None = "acme is down", kind: str = "message", **fields: Any) -> dict[str, Any]:
        message = {
            "message_id": self.next - 900,
            "date": int((NOW - timedelta(hours=1)).timestamp()) + self.next,
            "chat": PRIVATE,
            "from": ANA,
        } | ({"text": words} if words else {})
        message |= fields
        self.updates.append({"update_id": self.next, kind: message})
        self.next += 1
        return message

    def get_updates(self, seen: Seen) -> Reply:
        offset = int(seen.params.get("offset", 0))
        self.confirmed += [one["update_id"] for one in self.updates if one["update_id"] < offset]
        self.updates = [one for one in self.updates if one["update_id"] >= offset]
        return json_reply({"ok": True, "result": self.updates[: int(seen.params["limit"])]})

    def send(self, seen: Seen) -> Reply:
        self.posts.append(seen)
        body = json.loads(seen.body)
        result = {"message_id": 5000, "date": int(NOW.timestamp()), "chat": {"id": body["chat_id"]}, "from": BOT}
        return json_reply({"ok": True, "result": result | {"text": body["text"]}})


def adapter(server: Server, http: Http, **fields: Any) -> Telegram:
    config = SourceConfig("telegram", "t", url=server.url(), token="env:T", **({"backfill": None} | fields))
    return Telegram(Setup(config, http, Secret(TOKEN, "env:T")))


async def poll(
    source: Telegram, bookmark: dict[str, Any] | None = None, now: datetime = NOW, last: datetime | None = None
) -> list[Page]:
    cursor = Cursor("t", "updates", json.loads(json.dumps(bookmark or {})), now, 0, last, "", "ok")
    return [page async for page in source.pages(cursor, now=now)]
