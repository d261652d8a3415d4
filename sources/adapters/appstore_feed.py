"""The public feed of an app's reviews in one storefront. It has no documentation; the newest 500 are in it, 50 a page.

A bookmark: `floor` is first contact minus backfill, `newest` the highest review id up to which all is stored, `base`
(where the feed says no times) the lowest that is wanted, `blank` how many polls in a row ended in an empty answer. The
feed gives one at random, so it is not the end until it came several times. A review that is edited comes again under
its old id, so every poll reads the first page.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from sources.adapters import fields
from sources.adapters.reviews import starred
from sources.errors import BadAnswer, Uncertain, Unreachable
from sources.http import Http, Request
from sources.protocol import Page
from sources.status import whole
from store.domain.mention import UNKNOWN_AUTHOR, JsonObject, MentionType, NewAuthor, NewMention
from store.domain.poll import Cursor, Rejected

NETWORK = "appstore"
PAGES, PER_PAGE = 10, 50
AGAIN = timedelta(minutes=2)
BLANKS = 3


@dataclass(frozen=True, slots=True)
class Reviews:
    """One page, oldest first. `names` are its review ids, newest first; `oldest` is the time of the last one, None
    where the feed does not say times; `last` the number of the last page, 0 where it does not say."""

    asked: str
    mentions: list[NewMention]
    rejected: list[Rejected]
    names: list[int]
    oldest: datetime | None
    last: int


class Feed:
    def __init__(self, http: Http, url: str, app: str, backfill: timedelta | None, every: timedelta) -> None:
        self._http, self._url, self._app, self._backfill, self._every = http, url, app, backfill, every

    async def pages(self, country: str, cursor: Cursor, *, now: datetime) -> AsyncIterator[Page]:
        mark: JsonObject = dict(cursor.bookmark)
        if "floor" not in mark:
            floor = "" if self._backfill is None else (now.replace(microsecond=0) - self._backfill).isoformat()
            mark = {"floor": floor, "newest": 0, "base": 0, "blank": 0}
        start, known, top = _time(mark["floor"]), mark["newest"], mark["newest"]
        seen: set[int] = set()
        full = True
        for number in range(1, PAGES + 1):
            try:
                got = await self._read(country, number, now)
            except (BadAnswer, Uncertain, Unreachable) as error:
                if number == 1:
                    raise
                # The newest are stored; the next poll comes by here again.
                yield Page(f"{country} page {number} not read: {error}", bookmark=dict(mark))
                return
            if not got.names and full and (number == 1 or not got.last or number <= got.last):
                mark["blank"] += 1
                if number == 1 or mark["blank"] <= BLANKS:
                    yield self._blank(got, mark, now)
                    return
            top = max([top, *got.names])
            if got.names and got.oldest is None and start is not None and not (known or mark["base"]):
                # Nobody knows how old these are: one page of them is enough, and where nothing old is wanted, none.
                mark["base"] = min(got.names) if self._backfill else top + 1
            fresh = set(got.names) - seen
            seen |= fresh
            reached = self._reached(got, fresh, known, start)
            short = not got.last and len(got.names) < PER_PAGE - 1  # one place may be the app's own
            last = reached or short or number in (PAGES, got.last)
            gap = _gap(got, cursor, known, start, now) if number == PAGES and not (reached or short) else 0.0
            if last:
                mark |= {"newest": top} | ({"blank": 0} if got.names else {})
            mentions = [one for one in got.mentions if _wanted(one, got, start, mark["base"])]
            yield Page(got.asked, mentions, got.rejected, bookmark=dict(mark), gap_seconds=gap)
            if last:
                return
            full = len(got.names) >= PER_PAGE - 1

    def _blank(self, got: Reviews, mark: JsonObject, now: datetime) -> Page:
        asked = f"{got.asked}: an empty answer, which this feed gives at random"
        soon = now + min(self._every, AGAIN) if mark["blank"] <= BLANKS else None
        return Page(asked, rejected=got.rejected, bookmark=dict(mark), next_poll_at=soon)

    def _reached(self, got: Reviews, fresh: Iterable[int], known: int, start: datetime | None) -> bool:
        """Whether what is below this page is stored, or older than what is asked for."""
        if not any(name > known for name in fresh):
            return True
        if known or start is None:
            return False
        return got.oldest is None or got.oldest < start

    async def _read(self, country: str, number: int, now: datetime) -> Reviews:
        got = await self._ask(country, number, now)
        return got if got.names else await self._ask(country, number, now)

    async def _ask(self, country: str, number: int, now: datetime) -> Reviews:
        path = f"/{country}/rss/customerreviews/page={number}/id={self._app}/sortby=mostrecent/json"
        answer = await self._http.fetch(Request("GET", self._url + path))
        if number > 1 and answer.status in (400, 404):
            return Reviews(f"{country} page {number}", [], [], [], None, number - 1)
        document = whole(answer, now=now).json()
        feed = document.get("feed") if isinstance(document, dict) else None
        if not isinstance(feed, dict):
            raise BadAnswer(f"{self._url} answered without a feed")
        got = _understood(feed, country, self._app, now)
        return replace(got, asked=f"{country} page {number}")


def _understood(feed: JsonObject, country: str, app: str, now: datetime) -> Reviews:
    entries = feed.get("entry", [])
    mentions: list[NewMention] = []
    rejected: list[Rejected] = []
    names: list[int] = []
    oldest: datetime | None = None
    for entry in entries if isinstance(entries, list) else [entries]:
        if isinstance(entry, dict) and "im:name" in entry and "im:rating" not in entry:
            continue  # older feeds begin with the app itself
        name = fields.identifier(_label(entry.get("id"))) if isinstance(entry, dict) else ""
        number = fields.count(name)
        names += [number] if number else []
        try:
            mentions.insert(0, _from_entry(entry, name, country, app, now))
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            why = str(error) if isinstance(error, ValueError) else "not a review"
            rejected.append(Rejected(name or "an entry", why, fields.raw(entry)))
            continue
        oldest = mentions[0].created_at if "updated" in entry else oldest
    return Reviews("", mentions, rejected, names, oldest, _last(feed))


def _from_entry(entry: JsonObject, name: str, country: str, app: str, now: datetime) -> NewMention:
    if not fields.count(name):
        raise ValueError("a review without a number")
    author = entry["author"]
    handle = fields.identifier(_label(author.get("name")))
    link = entry.get("link")
    attributes = link.get("attributes") if isinstance(link, dict) else None
    page = fields.web_url(attributes.get("href")) if isinstance(attributes, dict) else ""
    return NewMention(
        network=NETWORK,
        external_id=name,
        author=NewAuthor(handle or UNKNOWN_AUTHOR, handle, fields.web_url(_label(author.get("uri")))),
        created_at=fields.moment(_label(entry["updated"])) if "updated" in entry else now,
        text=_label(entry.get("content")),
        title=starred(_label(entry.get("im:rating")), _label(entry.get("title"))),
        url=page or f"https://apps.apple.com/{country}/app/id{app}?see-all=reviews",
        type=MentionType.REVIEW,
        native_id=name,
        thread=name,
        direct=True,
        raw=fields.raw(entry),
    )


def _wanted(one: NewMention, page: Reviews, start: datetime | None, base: int) -> bool:
    if page.oldest is None:
        return int(one.external_id) >= base
    return start is None or one.created_at >= start


def _label(value: Any) -> str:
    """{"label": "..."}; of a list, which some feeds have for the text and its HTML, the first."""
    if isinstance(value, list):
        value = value[0] if value else None
    return fields.text(value.get("label")) if isinstance(value, dict) else ""


def _last(feed: JsonObject) -> int:
    """The number of the last page by the link that says so; its target itself is XML even here."""
    links = feed.get("link")
    for link in links if isinstance(links, list) else []:
        told = link.get("attributes") if isinstance(link, dict) else None
        if isinstance(told, dict) and told.get("rel") == "last":
            number = fields.text(told.get("href")).partition("/page=")[2].partition("/")[0]
            return fields.count(number) or 0
    return 0


def _gap(got: Reviews, cursor: Cursor, known: int, start: datetime | None, now: datetime) -> float:
    """The time for which the feed was too short: before the oldest review that it still has."""
    since = max(filter(None, [start, cursor.last_success_at if known else None]), default=None)
    oldest = got.oldest or now
    return 0.0 if since is None else max((oldest - since).total_seconds(), 0.0)


def _time(text: str) -> datetime | None:
    return datetime.fromisoformat(text) if text else None
