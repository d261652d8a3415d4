"""YouTube's side: threads and videos that are listed, paged, answered and counted as the Data API does."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

from sources.adapters.youtube import YouTube
from sources.http import Http
from sources.keep import Keep
from sources.protocol import Page, Setup
from store.domain.desk import SourceConfig, Watch
from store.domain.mention import Author, Mention, MentionType, SentimentLabel
from store.domain.poll import Cursor
from store.domain.safetext import SafeText
from store.domain.secret import Secret
from tests.servers import Reply, Seen, Server, json_reply

NOW = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
KEY, TOKEN, OWN, VIDEO = "AIzaTheKey", "ya29.token", "UCown", "F1UP7wRCPH8"
STREAM = f"channel:{OWN}"
Json = dict[str, Any]


def error(status: int, reason: str, message: str = "No.") -> Reply:
    """As Google says it (https://developers.google.com/youtube/v3/docs/errors)."""
    told = {"code": status, "message": message, "errors": [{"message": message, "domain": "x", "reason": reason}]}
    return json_reply({"error": told}, status)


def stamp(at: datetime) -> str:
    return at.isoformat().replace("+00:00", "Z")


class FakeYouTube:
    """`page`: how many a list gives at most; `embedded`: how many answers come along with a thread."""

    def __init__(self, server: Server, page: int = 100, embedded: int = 2) -> None:
        self.page, self.embedded = page, embedded
        self.threads: dict[str, Json] = {}
        self.answers: dict[str, list[Json]] = {}
        self.videos: list[Json] = []
        self.posted: list[Seen] = []
        self.own = OWN
        for what in ("commentThreads", "comments", "search", "videos", "channels"):
            server.on(f"/youtube/v3/{what}", getattr(self, what if what != "videos" else "videos_"))

    def comment(self, name: str, at: datetime, words: str, author: str = "UCana", **fields: Any) -> Json:
        snippet = {
            "authorDisplayName": f"@{author.lower()}", "authorChannelId": {"value": author}, "videoId": VIDEO,
            "textDisplay": words, "publishedAt": stamp(at), "updatedAt": stamp(at),
        }  # fmt: skip
        return {"kind": "youtube#comment", "id": name, "snippet": snippet | fields}

    def add(self, name: str, at: datetime, words: str = "acme is down", **fields: Any) -> Json:
        self.threads[name] = self.comment(name, at, words, **fields)
        self.answers[name] = []
        return self.threads[name]

    def answer(self, thread: str, name: str, at: datetime, words: str = "mine too", **fields: Any) -> Json:
        made = self.comment(f"{thread}.{name}", at, words, **({"parentId": thread} | fields))
        self.answers[thread].append(made)
        return made

    def commentThreads(self, seen: Seen) -> Reply:
        params = seen.params
        if seen.method == "POST":
            return self._post(seen)
        if "id" in params:
            return self._listed([self._thread(one) for one in params["id"].split(",") if one in self.threads])
        newest = sorted(self.threads, key=lambda one: self.threads[one]["snippet"]["publishedAt"], reverse=True)
        return self._paged(params, [self._thread(one) for one in newest])

    def comments(self, seen: Seen) -> Reply:
        if seen.method == "POST":
            return self._post(seen)
        if "parentId" in seen.params:
            found = [json.loads(json.dumps(one)) for one in self.answers.get(seen.params["parentId"], [])]
            for one in found:
                del one["snippet"]["videoId"]
            return self._paged(seen.params, found)
        everything = {**self.threads, **{one["id"]: one for some in self.answers.values() for one in some}}
        return self._listed([everything[one] for one in seen.params["id"].split(",") if one in everything])

    def search(self, seen: Seen) -> Reply:
        hits = [
            {
                "id": {"kind": "youtube#video", "videoId": one["id"]},
                "snippet": one["snippet"] | {"description": "acm..."},
            }
            for one in self.videos
        ]
        return self._paged(seen.params, hits)

    def videos_(self, seen: Seen) -> Reply:
        return self._listed([one for one in self.videos if one["id"] in seen.params["id"].split(",")])

    def channels(self, seen: Seen) -> Reply:
        return self._listed([{"id": self.own}] if "authorization" in seen.headers else [])

    def _post(self, seen: Seen) -> Reply:
        self.posted.append(seen)
        snippet = json.loads(seen.body)["snippet"]
        return json_reply(
            {"kind": "youtube#comment", "id": f"{snippet.get('parentId', 'Ugnew')}.our", "snippet": snippet}
        )

    def _thread(self, name: str) -> Json:
        snippet = {
            "videoId": VIDEO, "channelId": OWN, "topLevelComment": self.threads[name], "canReply": True,
            "totalReplyCount": len(self.answers[name]),
        }  # fmt: skip
        some = self.answers[name][-self.embedded :]
        return {"id": name, "snippet": snippet, **({"replies": {"comments": some}} if some else {})}

    def _paged(self, params: dict[str, str], found: list[Json]) -> Reply:
        """A token is the id above which a page begins, so that it holds while new ones come in on top."""
        size = min(self.page, int(params["maxResults"]))
        ids = [one["id"] if isinstance(one["id"], str) else one["id"]["videoId"] for one in found]
        start = ids.index(params["pageToken"]) if params.get("pageToken") else 0
        below = {"nextPageToken": ids[start + size]} if start + size < len(found) else {}
        return self._listed(found[start : start + size], **below)

    def _listed(self, found: list[Json], **more: Any) -> Reply:
        return json_reply({"kind": "youtube#someListResponse", "items": found, **more})


def adapter(server: Server, http: Http, token: str = KEY, keep: Keep | None = None, **fields: Any) -> YouTube:
    options = fields.pop("options", {"channels": [OWN]})
    given: Json = {"url": server.url(), "token": "env:YT", "backfill": None, "options": options} | fields
    config = SourceConfig("youtube", "yt", **given)
    watches = (Watch("acme", "acme"),)
    return YouTube(Setup(config, http, Secret(token), watches, {}, keep or Keep()))


async def poll(source: YouTube, bookmark: Json | None = None, now: datetime = NOW, stream: str = STREAM) -> list[Page]:
    cursor = Cursor("yt", stream, json.loads(json.dumps(bookmark or {})), now, 0, None, "", "ok")
    return [page async for page in source.pages(cursor, now=now)]


def names(pages: list[Page]) -> list[str]:
    return [one.external_id for page in pages for one in page.mentions]


def mention(name: str = "Ug1", **fields: Any) -> Mention:
    author = Author(1, "youtube", SafeText("UCana"), SafeText(fields.pop("author", "@ana")), "", None)
    plain: Json = {
        "id": 1, "case_id": 1, "source": "yt", "network": "youtube", "external_id": name, "native_id": name,
        "parent": "", "thread": name, "author": author, "type": MentionType.COMMENT, "title": SafeText(""),
        "text": SafeText("acme is down"), "url": f"https://www.youtube.com/watch?v={VIDEO}&lc={name}", "language": "en",
        "sentiment": SentimentLabel.NEUTRAL, "score": 0.0, "intent": None, "urgency": 0, "reasons": (), "issue": None,
        "visibility": "public", "created_at": NOW - timedelta(hours=1), "seen_at": NOW, "edited_at": None,
        "deleted_at": None, "ours": False,
    }  # fmt: skip
    return Mention(**(plain | fields))
