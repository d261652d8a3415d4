"""Google's lists of reviews: newest change first, paged by tokens, each review with the one answer of ours."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

from store.domain.mention import Author, Mention, MentionType, SentimentLabel
from store.domain.safetext import SafeText
from tests.servers import Reply, Seen, Server, json_reply

NOW = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
PACKAGE, PLACE = "com.example.acme", "accounts/1/locations/2"
PLAY_PATH = f"/androidpublisher/v3/applications/{PACKAGE}/reviews"
BUSINESS_PATH = f"/v4/{PLACE}/reviews"
TOKEN = "ya29.token"
Json = dict[str, Any]


def error(status: int, reason: str, message: str = "No.") -> Reply:
    """As https://google.aip.dev/193 has it."""
    details = [{"@type": "type.googleapis.com/google.rpc.ErrorInfo", "reason": reason, "domain": "googleapis.com"}]
    return json_reply({"error": {"code": status, "message": message, "status": reason, "details": details}}, status)


def stamp(at: datetime) -> str:
    return at.isoformat().replace("+00:00", "Z")


class FakeReviews:
    """What both have: reviews by name with the time of their last change."""

    def __init__(self, server: Server, page: int = 100) -> None:
        self.server, self.page = server, page
        self.reviews: dict[str, Json] = {}
        self.changed: dict[str, datetime] = {}
        self.posted: list[Seen] = []

    def some(self, token: str, most: str) -> tuple[list[Json], str]:
        newest = sorted(self.reviews, key=lambda one: (self.changed[one], one), reverse=True)
        start = newest.index(token) if token else 0
        end = start + min(self.page, int(most))
        return [self.reviews[one] for one in newest[start:end]], "".join(newest[end : end + 1])

    def remove(self, name: str) -> None:
        del self.reviews[name], self.changed[name]


class FakePlay(FakeReviews):
    def __init__(self, server: Server, page: int = 100) -> None:
        super().__init__(server, page)
        server.on(PLAY_PATH, self.list)

    def add(self, name: str, at: datetime, words: str = "acme crashes", rating: int = 2, **fields: Any) -> Json:
        said = {"text": words, "lastModified": self.time(at), "starRating": rating, "reviewerLanguage": "en"}
        self.reviews[name] = {"reviewId": name, "authorName": "Ana", "comments": [{"userComment": said | fields}]}
        self.changed[name] = at
        self.server.on(f"{PLAY_PATH}/{name}", self.get)
        self.server.on(f"{PLAY_PATH}/{name}:reply", self.reply)
        return self.reviews[name]

    def answer(self, name: str, words: str, at: datetime) -> None:
        """It does not count as a change of the review."""
        said = {"developerComment": {"text": words, "lastModified": self.time(at)}}
        self.reviews[name]["comments"] = [*self.reviews[name]["comments"][:1], said]

    def list(self, seen: Seen) -> Reply:
        found, below = self.some(seen.params.get("token", ""), seen.params["maxResults"])
        return json_reply(
            ({"reviews": found} if found else {}) | ({"tokenPagination": {"nextPageToken": below}} if below else {})
        )

    def get(self, seen: Seen) -> Reply:
        name = seen.path.rpartition("/")[2]
        return json_reply(self.reviews[name]) if name in self.reviews else error(404, "NOT_FOUND")

    def reply(self, seen: Seen) -> Reply:
        self.posted.append(seen)
        words = json.loads(seen.body)["replyText"]
        self.answer(seen.path.rpartition("/")[2].removesuffix(":reply"), words, NOW)
        return json_reply({"result": {"replyText": words, "lastEdited": self.time(NOW)}})

    @staticmethod
    def time(at: datetime) -> Json:
        return {"seconds": str(int(at.timestamp())), "nanos": 250_000_000}


class FakeBusiness(FakeReviews):
    def __init__(self, server: Server, page: int = 50, place: str = PLACE) -> None:
        super().__init__(server, page)
        self.place = place
        server.on(f"/v4/{place}/reviews", self.list)

    def add(self, name: str, at: datetime, words: str = "acme is closed", rating: str = "TWO", **fields: Any) -> Json:
        self.reviews[name] = {
            "name": f"{self.place}/reviews/{name}", "reviewId": name, "reviewer": {"displayName": "Ana"},
            "starRating": rating, "comment": words, "createTime": stamp(at), "updateTime": stamp(at),
        } | fields  # fmt: skip
        self.changed[name] = at
        self.server.on(f"/v4/{self.place}/reviews/{name}", self.get)
        self.server.on(f"/v4/{self.place}/reviews/{name}/reply", self.reply)
        return self.reviews[name]

    def answer(self, name: str, words: str, at: datetime, **fields: Any) -> None:
        self.reviews[name]["reviewReply"] = {"comment": words, "updateTime": stamp(at)} | fields

    def list(self, seen: Seen) -> Reply:
        assert seen.params["orderBy"] == "updateTime desc"
        found, below = self.some(seen.params.get("pageToken", ""), seen.params["pageSize"])
        return json_reply(({"reviews": found} if found else {}) | ({"nextPageToken": below} if below else {}))

    def get(self, seen: Seen) -> Reply:
        name = seen.path.rpartition("/")[2]
        return json_reply(self.reviews[name]) if name in self.reviews else error(404, "NOT_FOUND")

    def reply(self, seen: Seen) -> Reply:
        self.posted.append(seen)
        words = json.loads(seen.body)["comment"]
        self.answer(seen.path.split("/")[-2], words, NOW)
        return json_reply({"comment": words, "updateTime": stamp(NOW)})


def mention(network: str, external_id: str, native_id: str, **fields: Any) -> Mention:
    author = Author(1, network, SafeText("Ana"), SafeText("Ana"), "", None)
    plain: Json = {
        "id": 1, "case_id": 1, "source": "it", "network": network, "external_id": external_id, "native_id": native_id,
        "parent": "", "thread": external_id, "author": author, "type": MentionType.REVIEW, "title": SafeText(""),
        "text": SafeText("acme crashes"), "url": "", "language": "en", "sentiment": SentimentLabel.NEUTRAL,
        "score": 0.0, "intent": None, "urgency": 0, "reasons": (), "issue": None, "visibility": "public",
        "created_at": NOW - timedelta(hours=1), "seen_at": NOW, "edited_at": None, "deleted_at": None, "ours": False,
    }  # fmt: skip
    return Mention(**(plain | fields))
