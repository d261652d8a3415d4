"""Hacker News: full-text search by Algolia (https://hn.algolia.com/api), originals by Firebase
(https://github.com/HackerNews/API). Nobody can answer there by program.

A stream is a watch; its query becomes a few questions, each with its own place in the bookmark: `newest`, the time of
the newest hit that is stored, and `gaps` below it, newest first: what is from `since` up to `until` is not stored yet.
A poll opens a gap above all others, reads it from the top down, and then goes on with what earlier polls left open, so
that old posts never keep new ones waiting. Nothing younger than an hour before `newest` is taken for known, because
the search index lags; nothing before `floor` (first contact minus `backfill`) is asked for.
"""

from __future__ import annotations

import html
from collections.abc import AsyncIterator, Sequence
from copy import deepcopy
from dataclasses import replace
from datetime import datetime, timedelta
from types import NoneType
from typing import Any

from sources.adapters import fields
from sources.asks import Ask, asks
from sources.errors import BadAnswer
from sources.http import Request
from sources.protocol import Option, Page, Setup, SourceType
from sources.status import whole
from sources.text.clean import clean
from store.domain.mention import UNKNOWN_AUTHOR, JsonObject, Mention, MentionType, NewAuthor, NewMention
from store.domain.poll import Cursor, Rejected

SEARCH_URL = "https://hn.algolia.com"
ITEMS_URL = "https://hacker-news.firebaseio.com"
SITE = "https://news.ycombinator.com"
PER_PAGE = 100
OVERLAP = int(timedelta(hours=1).total_seconds())
PREFIX = "search:"
GAPS = 8


class HackerNews:
    kind = SourceType(
        "hackernews",
        "hackernews",
        "Stories and comments on Hacker News that hold the words of a watch",
        posts_at="news.ycombinator.com",
        default_url=SEARCH_URL,
        without_account="everything: full text of stories and comments",
        with_account="the same; Hacker News has no way to answer by program",
        quota="10,000 requests an hour; a poll costs 1 or 2 a question of a watch",
        options=(
            Option(
                "items_url",
                "where originals are looked up again",
                example='"https://hacker-news.firebaseio.com"',
                address=True,
            ),
        ),
    )

    def __init__(self, setup: Setup) -> None:
        self._http = setup.http
        self._search = (setup.config.url or SEARCH_URL).rstrip("/")
        self._items = str(setup.config.options.get("items_url") or setup.config.url or ITEMS_URL).rstrip("/")
        self._backfill = setup.config.backfill
        self._asks = {f"{PREFIX}{watch.name}": asks(watch.query) for watch in setup.watches}

    def streams(self) -> Sequence[str]:
        """One a watch that looks for words."""
        return [stream for stream, questions in self._asks.items() if questions]

    async def pages(self, cursor: Cursor, *, now: datetime) -> AsyncIterator[Page]:
        stored: JsonObject = cursor.bookmark.get("asks", {})
        questions = self._asks[cursor.stream]
        places = {ask.text: self._place(stored.get(ask.text), now) for ask in questions}
        new = [(ask, places[ask.text], places[ask.text]["gaps"][0]) for ask in questions]
        old = [(ask, places[ask.text], gap) for ask in questions for gap in places[ask.text]["gaps"][1:]]
        for ask, place, gap in new + old:
            async for page in self._close(ask, place, gap, now):
                yield replace(page, bookmark={"asks": deepcopy(places)})

    async def recheck(self, mentions: Sequence[Mention], *, now: datetime) -> Page | None:
        changed: list[NewMention] = []
        deleted: list[str] = []
        for mention in mentions:
            answer = await self._http.fetch(Request("GET", f"{self._items}/v0/item/{mention.external_id}.json"))
            item = whole(answer, now=now).json()
            if not isinstance(item, dict | NoneType):
                raise BadAnswer(f"{self._items} gave an item that is none")
            if item is None or item.get("deleted") or item.get("dead"):
                deleted.append(mention.external_id)
                continue
            try:
                again = _from_item(item)
            except (ValueError, KeyError, TypeError):
                raise BadAnswer(f"{self._items} gave an item that is none") from None
            if clean(again) != (mention.title, mention.text):
                changed.append(replace(again, thread=mention.thread, edited_at=now))
        if deleted and len(deleted) == len(mentions):  # this API says null of whatever it does not know
            newest = whole(await self._http.fetch(Request("GET", f"{self._items}/v0/maxitem.json")), now=now).json()
            if not isinstance(newest, int):
                raise BadAnswer(f"{self._items} knows no item at all: not taken for deletions")
        return Page(f"{len(mentions)} originals", changed, deleted=deleted)

    def _place(self, stored: JsonObject | None, now: datetime) -> JsonObject:
        """Where a question stands, with a gap above all that is stored."""
        floor = 0 if self._backfill is None else int((now - self._backfill).timestamp())
        place: JsonObject = {"floor": floor, "newest": floor} | (stored or {})
        left = [dict(gap) for gap in place.get("gaps", ()) if gap["until"]]
        if len(left) > GAPS:  # read some twice rather than keep a list that grows
            left = [*left[: GAPS - 1], {"since": left[-1]["since"], "until": left[GAPS - 1]["until"]}]
        since = max(place["newest"] - OVERLAP, place["floor"])
        return {"floor": place["floor"], "newest": place["newest"], "gaps": [{"since": since, "until": 0}, *left]}

    async def _close(self, ask: Ask, place: JsonObject, gap: JsonObject, now: datetime) -> AsyncIterator[Page]:
        """Read a gap from its newer end down, moving `place` with every page.

        The search gives 1,000 hits at most: where there are more, it is asked again for those before the last one.
        """
        seen: set[str] = set()
        number, in_window, until = 0, 0, gap["until"]
        while True:
            asked, answer = await self._hits(ask, gap["since"], until, number, now)
            mentions, rejected, times = _read(answer["hits"])
            names = {*(mention.external_id for mention in mentions), *(item.where for item in rejected)}
            fresh, seen = names - seen, seen | names
            in_window += len(answer["hits"])
            place["newest"] = max([place["newest"], *(at for at in times if at <= now.timestamp())])
            if times:
                gap["until"] = min([*times, gap["until"] or times[0]])
            number += 1
            if fresh and number >= answer["pages"] and answer["all"] > in_window:
                # The oldest second is asked again: not all of its hits need have been among the first 1,000.
                number, in_window, until = 0, 0, gap["until"] - (gap["until"] == until)
            elif not fresh or number >= answer["pages"]:
                break
            yield Page(asked, mentions, rejected)
        place["gaps"].remove(gap)
        yield Page(asked, mentions, rejected)

    async def _hits(self, ask: Ask, since: int, until: int, number: int, now: datetime) -> tuple[str, dict[str, Any]]:
        times = [f"created_at_i>={since}", *([f"created_at_i<={until}"] if until else [])]
        params = (
            ("query", ask.text),
            ("tags", "(story,comment)"),
            ("numericFilters", ",".join(times)),
            ("hitsPerPage", str(PER_PAGE)),
            ("page", str(number)),
            ("typoTolerance", "true" if ask.fuzzy else "false"),
        )
        request = Request("GET", f"{self._search}/api/v1/search_by_date", params)
        answer = whole(await self._http.fetch(request), now=now).json()
        if not isinstance(answer, dict) or not isinstance(answer.get("hits"), list):
            raise BadAnswer(f"{self._search} answered without hits")
        pages, found = fields.count(answer.get("nbPages")), fields.count(answer.get("nbHits"))
        known = {"hits": answer["hits"], "pages": number + 2 if pages is None else pages, "all": found or 0}
        return f"{ask.text} {' '.join(times)} page {number}", known


def _read(hits: list[Any]) -> tuple[list[NewMention], list[Rejected], list[int]]:
    """Hits as mentions, oldest first, so that a thread's beginning comes before its answers."""
    mentions: list[NewMention] = []
    rejected: list[Rejected] = []
    for hit in reversed(hits):
        try:
            mentions.append(_from_hit(hit))
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            name = fields.identifier(hit.get("objectID")) if isinstance(hit, dict) else ""
            rejected.append(Rejected(name or "a hit", f"not a hit ({type(error).__name__})", fields.raw(hit)))
    return mentions, rejected, [int(mention.created_at.timestamp()) for mention in mentions]


def _from_hit(hit: JsonObject) -> NewMention:
    comment = hit.get("comment_text") is not None
    kept = {name: value for name, value in hit.items() if name != "_highlightResult"}
    return _mention(
        name=fields.identifier(hit["objectID"]),
        author=fields.identifier(hit.get("author")),
        created_at=fields.moment(hit["created_at_i"]),
        title="" if comment else fields.text(hit.get("title")),
        link="" if comment else fields.web_url(hit.get("url")),
        body=fields.text(hit["comment_text"] if comment else hit.get("story_text")),
        comment=comment,
        parent=fields.identifier(hit.get("parent_id")) if comment else "",
        thread=fields.identifier(hit.get("story_id") if comment else hit["objectID"]),
        raw=fields.raw(kept),
    )


def _from_item(item: JsonObject) -> NewMention:
    """An item of the Firebase API; it does not say which story a comment belongs to."""
    return _mention(
        name=fields.identifier(item["id"]),
        author=fields.identifier(item.get("by")),
        created_at=fields.moment(item["time"]),
        title=fields.text(item.get("title")),
        link=fields.web_url(item.get("url")),
        body=fields.text(item.get("text")),
        comment=item.get("type") == "comment",
        parent=fields.identifier(item.get("parent")),
        thread="",
        raw=fields.raw(item),
    )


def _mention(
    *,
    name: str,
    author: str,
    created_at: datetime,
    title: str,
    link: str,
    body: str,
    comment: bool,
    parent: str,
    thread: str,
    raw: bytes,
) -> NewMention:
    if not name or not (title or body):
        raise ValueError("neither a name nor words")
    escaped = html.escape(link)
    pointer = f'<p><a href="{escaped}">{escaped}</a></p>' if link else ""
    return NewMention(
        network="hackernews",
        external_id=name,
        author=NewAuthor(author or UNKNOWN_AUTHOR, url=f"{SITE}/user?id={author}" if author else ""),
        created_at=created_at,
        html=pointer + body or None,
        title=html.unescape(title),
        url=f"{SITE}/item?id={name}",
        type=MentionType.COMMENT if comment else MentionType.POST,
        native_id=name,
        parent=parent,
        thread=thread,
        raw=raw,
    )
