"""Answers on YouTube (https://developers.google.com/youtube/v3/docs/comments/insert).

There is one level of answers: what answers an answer goes under the thread's first comment too. YouTube knows no
identity of ours for a post, so an uncertain end is settled by reading the thread.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sources.adapters import fields, posting
from sources.adapters.google_login import Params
from sources.adapters.posting import IN_LETTERS, Said
from sources.adapters.youtube_api import POST_COST, Missing, YouTubeApi
from sources.adapters.youtube_comment import author_of
from sources.errors import Refused, Uncertain
from sources.protocol import ReadBack, Receipt
from store.domain.clock import utcnow
from store.domain.delivery import Delivery
from store.domain.mention import JsonObject, Mention, MentionType

LIMIT = 10_000
MOST_PAGES = 20


class YouTubeAnswers:
    """The channel of the source type "youtube"."""

    def __init__(self, api: YouTubeApi) -> None:
        self._api = api

    async def length(self, text: str, *, handle: str) -> tuple[int, int]:
        return len(text), LIMIT

    def compose(self, mention: Mention) -> str:
        """Who wrote an answer is told of another one only by name; who began the thread is told anyway."""
        return f"{mention.author.name} " if mention.parent and mention.author.name.startswith("@") else ""

    async def send(self, delivery: Delivery, parent: Mention) -> Receipt:
        if not self._api.google.can_answer:
            raise Refused("an API key can only read; give this source an account (refresh_token) to answer with")
        self._api.budget.spend(POST_COST, utcnow())
        if parent.type is MentionType.POST:
            words = {"snippet": {"textOriginal": delivery.text}}
            snippet: JsonObject = {"videoId": posting.place(parent), "topLevelComment": words}
            if parent.author.handle.startswith("UC"):
                snippet["channelId"] = parent.author.handle
            what = "commentThreads"
        else:
            posting.place(parent)
            snippet, what = {"parentId": _top(parent), "textOriginal": delivery.text}, "comments"
        told = await self._api.google.post(f"/youtube/v3/{what}", (("part", "snippet"),), json={"snippet": snippet})
        name = fields.identifier(told.get("id"))
        if not name:
            raise Uncertain("answered without a comment; it may be there all the same")
        return _receipt(name, parent)

    async def read_back(self, delivery: Delivery, parent: Mention) -> ReadBack:
        """Among what is under the parent."""
        now, since = utcnow(), posting.since(delivery)
        own = await self._api.own(now=now)
        comments, whole = await self._since(parent, since, now)
        said = [
            Said(_words(one), _written(one), _receipt(name, parent), author_of(one) in own if own else None)
            for one in comments
            if (name := fields.identifier(one.get("id")))
        ]
        return posting.found(delivery.text, said, since, whole=whole and bool(own), surely=IN_LETTERS)

    async def _since(self, parent: Mention, since: datetime, now: datetime) -> tuple[list[JsonObject], bool]:
        """(comments under the parent, whether all since then are among them)."""
        found: list[JsonObject] = []
        token = ""
        where: Params
        for _ in range(MOST_PAGES):
            paging = (("maxResults", "100"), ("textFormat", "plainText"), *((("pageToken", token),) if token else ()))
            try:
                if parent.type is MentionType.POST:
                    where = (("part", "snippet"), ("videoId", parent.native_id), ("order", "time"))
                    told = await self._api.list("commentThreads", where + paging, now=now)
                    page = [_first(one) for one in told["items"]]
                else:
                    where = (("part", "snippet"), ("parentId", _top(parent)))
                    told = await self._api.list("comments", where + paging, now=now)
                    page = told["items"]
            except Missing:
                return found, True  # what it would stand under is gone
            found += [one for one in page if isinstance(one, dict)]
            token = fields.place(told.get("nextPageToken"))
            old_enough = parent.type is MentionType.POST and any(_written(one) < since for one in page)
            if not token or old_enough:
                return found, True
        return found, False


def _top(parent: Mention) -> str:
    """The thread's first comment: an answer's id begins with it."""
    return parent.parent or parent.native_id.partition(".")[0]


def _receipt(name: str, parent: Mention) -> Receipt:
    page = parent.url.partition("&lc=")[0]
    return Receipt(name, name, f"{page}&lc={name}" if page else "")


def _first(thread: Any) -> Any:
    snippet = thread.get("snippet") if isinstance(thread, dict) else None
    return snippet.get("topLevelComment") if isinstance(snippet, dict) else None


def _words(comment: JsonObject) -> str:
    snippet = comment.get("snippet")
    return (
        fields.text(snippet.get("textOriginal")) or fields.text(snippet.get("textDisplay"))
        if isinstance(snippet, dict)
        else ""
    )


def _written(comment: Any) -> datetime:
    try:
        return fields.moment(comment["snippet"]["publishedAt"])
    except (ValueError, KeyError, TypeError):
        return fields.LATEST
