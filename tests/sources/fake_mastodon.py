"""A Mastodon server that pages, limits and posts as Mastodon does, and what is needed to ask it."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

from sources.adapters.mastodon import Mastodon
from sources.adapters.mastodon_status import order
from sources.http import Http
from sources.protocol import Page, Setup
from store.domain.clock import utcnow
from store.domain.delivery import Delivery, DeliveryKind, DeliveryState
from store.domain.desk import SourceConfig, Watch
from store.domain.mention import Author, Mention, MentionType, SentimentLabel
from store.domain.poll import Cursor
from store.domain.safetext import SafeText
from store.domain.secret import Secret
from tests.servers import Reply, Seen, Server, json_reply

NOW = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
TOKEN = "t0ken"
TAG, TAG_PATH = "tag:acme", "/api/v1/timelines/tag/acme"
Status = dict[str, Any]


class FakeMastodon(dict[str, Status]):
    """The server's side: statuses by id, and the rules of docs.joinmastodon.org for what it gives of them."""

    def __init__(self, server: Server, limit: int = 40) -> None:
        super().__init__()
        self.server, self.limit = server, limit
        self.link = True
        self.posts: list[Seen] = []
        self.batch = True
        server.on(TAG_PATH, self.timeline)
        server.on("/api/v1/accounts/verify_credentials", self.me)
        server.on("/api/v1/notifications", self.notifications)
        server.on("/api/v1/statuses", self.statuses)

    def add(self, number: int, at: datetime, **fields: Any) -> Status:
        name = str(number)
        status = {
            "id": name,
            "uri": f"https://far.example/statuses/{name}",
            "url": f"https://far.example/@ana/{name}",
            "created_at": at.isoformat().replace("+00:00", "Z"),
            "edited_at": None,
            "in_reply_to_id": None,
            "content": f"<p>acme {name}</p>",
            "spoiler_text": "",
            "language": "en",
            "visibility": "public",
            "account": {"id": "1", "acct": "ana@far.example", "display_name": "Ana", "followers_count": 12},
        } | fields
        self[name] = status
        self.server.on(f"/api/v1/statuses/{name}", json_reply(status))
        return status

    def page(self, seen: Seen, items: list[Status]) -> Reply:
        """min_id: the page just above; max_id: the page just below; nothing: the newest. Newest first, always."""
        params, size = seen.params, min(self.limit, int(seen.params["limit"]))
        ordered = sorted(items, key=lambda one: order(one["id"]))
        if "min_id" in params:
            found = [one for one in ordered if order(one["id"]) > order(params["min_id"])][:size]
        elif "max_id" in params:
            found = [one for one in ordered if order(one["id"]) < order(params["max_id"])][-size:]
        else:
            found = ordered[-size:]
        link = {}
        if found and self.link:
            link["link"] = (
                f'<{self.server.url(seen.path)}?limit=40&max_id={found[0]["id"]}>; rel="next", '
                f'<{self.server.url(seen.path)}?limit=40&min_id={found[-1]["id"]}>; rel="prev"'
            )
        return json_reply(found[::-1], **link)

    def timeline(self, seen: Seen) -> Reply:
        return self.page(seen, list(self.values()))

    def notifications(self, seen: Seen) -> Reply:
        if not self.known(seen):
            return json_reply({"error": "The access token is invalid"}, 401)
        items = [
            {"id": str(int(one["id"]) + 5000), "type": "mention", "created_at": one["created_at"], "status": one}
            for one in self.values()
        ]
        return self.page(seen, items)

    def me(self, seen: Seen) -> Reply:
        return json_reply({"id": "99", "acct": "brand"}) if self.known(seen) else json_reply({"error": "no"}, 401)

    def statuses(self, seen: Seen) -> Reply:
        if seen.method == "POST":
            self.posts.append(seen)
            return json_reply({"id": "777", "uri": "https://here/777", "url": "https://here/@brand/777"})
        if not self.batch:
            return json_reply({"error": "not found"}, 404)
        return json_reply([self[value] for name, value in seen.all_params if name == "id[]" and value in self])

    @staticmethod
    def known(seen: Seen) -> bool:
        return seen.headers.get("authorization") == f"Bearer {TOKEN}"


def adapter(server: Server, http: Http, token: str = "", **fields: Any) -> Mastodon:
    options = {"tags": ["acme"]} | fields.pop("options", {})
    config = SourceConfig("mastodon", "m", url=server.url(), options=options, **({"backfill": None} | fields))
    return Mastodon(Setup(config, http, Secret(token) if token else None, (Watch("acme", '"acme cloud" OR acme~1'),)))


async def poll(
    source: Mastodon, bookmark: dict[str, Any] | None = None, now: datetime = NOW, stream: str = TAG
) -> list[Page]:
    cursor = Cursor("m", stream, json.loads(json.dumps(bookmark or {})), now, 0, None, "", "ok")
    return [page async for page in source.pages(cursor, now=now)]


def mention(name: str = "7", **fields: Any) -> Mention:
    author = Author(1, "mastodon", SafeText(fields.pop("handle", "ana@far.example")), SafeText("Ana"), "", None)
    plain: dict[str, Any] = {
        "id": 1, "case_id": 1, "source": "m", "network": "mastodon",
        "external_id": f"https://far.example/statuses/{name}", "native_id": name, "parent": "", "thread": "",
        "author": author, "type": MentionType.POST, "title": SafeText(""),
        "text": SafeText("acme"), "url": "", "language": "en", "sentiment": SentimentLabel.NEUTRAL, "score": 0.0,
        "intent": None, "urgency": 0, "reasons": (), "issue": None, "visibility": "public", "created_at": NOW,
        "seen_at": NOW, "edited_at": None, "deleted_at": None, "ours": False,
    }  # fmt: skip
    return Mention(**(plain | fields))


def delivery(words: str = "Sorry!", **fields: Any) -> Delivery:
    plain: dict[str, Any] = {
        "id": 1, "case_id": 1, "kind": DeliveryKind.REPLY, "state": DeliveryState.SENDING, "source": "m",
        "to": SafeText("ana@far.example"), "target": "7", "text": words, "identity": "born-with-the-draft",
        "agent": "kim", "created_at": utcnow(), "due_at": utcnow(), "attempts": 1, "absences": 0, "tried_at": utcnow(),
        "error": SafeText(""), "remote_id": "", "url": "", "mention_id": 1, "visibility": "", "version": 1,
    }  # fmt: skip
    return Delivery(**(plain | fields))
