"""Lobsters (https://lobste.rs) and what runs its software (https://github.com/lobsters/lobsters, config/routes.rb): the
newest stories and comments, all of them; the watches pick. There is no search for programs, and no way to answer.

Stories come in pages of 25 (/newest.json, /newest/page/N.json), comments only as a feed of the newest 20
(/comments.rss): where none of them is known any more, the time between is a gap.
"""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Sequence
from copy import deepcopy
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from urllib.parse import quote

from sources.adapters import fields, gaps
from sources.adapters.lobsters_item import from_comment, from_feed, from_story, items_of
from sources.errors import BadAnswer, SourceError, Unreachable
from sources.http import Answer, Request
from sources.protocol import Option, Page, Setup, SourceType
from sources.status import whole
from sources.text.clean import clean
from store.domain import query
from store.domain.desk import SourceConfig
from store.domain.mention import JsonObject, Mention, NewMention
from store.domain.poll import Cursor, Rejected
from store.domain.words import folded_words

DEFAULT_URL = "https://lobste.rs"
PER_PAGE = 25
PAGES_A_POLL = 8  # of lobste.rs, which allows 30 requests a minute and 100 in ten minutes
OVERLAP = int(timedelta(hours=6).total_seconds())
SLOWEST = timedelta(minutes=2)  # for so long lobste.rs keeps its lists, and it asks to be left in peace
LOOKED_UP = 5
FEED_KNOWN = 60


class Lobsters:
    kind = SourceType(
        "lobsters",
        "lobsters",
        "Stories and comments on Lobsters (or a site that runs its software) that hold the words of a watch",
        default_url=DEFAULT_URL,
        without_account="everything: all new stories and comments",
        with_account="the same; Lobsters has no way to answer by program: earful opens the page",
        quota="30 requests a minute, 400 an hour; a poll costs 2, every two minutes at most",
        options=(
            Option("comments", "also comments (default true)", example="true"),
            Option(
                "domains",
                "also every story that links to these, from the first day on, whether or not a watch matches it",
                example='["acme.example"]',
            ),
        ),
    )

    @staticmethod
    def problems(config: SourceConfig) -> list[str]:
        domains = config.options.get("domains", [])
        if not all(isinstance(domain, str) and re.fullmatch(r"[\w.-]+", domain) for domain in domains):
            return ['`domains` is a list of host names, for example domains = ["acme.example"]']
        return []

    def __init__(self, setup: Setup) -> None:
        config = setup.config
        self._http = setup.http
        self._url = (config.url or DEFAULT_URL).rstrip("/")
        self._backfill = config.backfill
        self._public = not config.url
        self._slow = SLOWEST if config.every < SLOWEST and self._public else None
        nodes = [query.parse(watch.query) for watch in setup.watches]
        self._words = {word for node in nodes if node is not None for word in query.words_of(node)}
        self._lists = {"stories": "/newest"} | {
            f"domain:{domain}": f"/domains/{quote(domain)}" for domain in config.options.get("domains", ())
        }
        self._comments = bool(config.options.get("comments", True))

    def streams(self) -> Sequence[str]:
        return [*self._lists, *(["comments"] if self._comments else [])]

    async def pages(self, cursor: Cursor, *, now: datetime) -> AsyncIterator[Page]:
        wish = now + self._slow if self._slow else None
        if cursor.stream == "comments":
            yield replace(await self._newest_comments(cursor, now), next_poll_at=wish)
            return
        place = gaps.opened(cursor.bookmark or None, gaps.floor(self._backfill, now), OVERLAP)
        path, left = self._lists[cursor.stream], PAGES_A_POLL

        async def ask(window: gaps.Window) -> gaps.Got:
            return await self._stories(path, window, place["floor"], now)

        for gap in list(place["gaps"]):
            async for page in gaps.closed(place, gap, ask, deepest=gaps.ENDLESS, overlap=0, latest=gaps.seconds(now)):
                left -= 1
                cut = self._public and left == 0 and bool(place["gaps"])
                yield replace(page, bookmark=deepcopy(place), next_poll_at=now + SLOWEST if cut else wish)
                if cut:
                    return

    async def recheck(self, mentions: Sequence[Mention], *, now: datetime) -> Page | None:
        changed: list[NewMention] = []
        deleted: list[str] = []
        for mention in mentions:
            kind, _, name = mention.native_id.partition("/")
            answer = await self._http.fetch(Request("GET", f"{self._url}/{kind}/{quote(name, safe='')}.json"))
            if _is_gone(answer):
                deleted.append(mention.external_id)
                continue
            item = whole(answer, now=now).json()
            try:
                gone = bool(item.get("is_deleted") or item.get("is_moderated"))
                again = from_comment(item, self._url) if kind == "c" else from_story(item, self._url)
            except (ValueError, AttributeError):
                raise BadAnswer(f"{self._url} gave an item that is none") from None
            if gone:
                deleted.append(mention.external_id)
            elif again.native_id == mention.native_id and clean(again) != (mention.title, mention.text):
                changed.append(replace(again, thread=mention.thread, edited_at=again.edited_at or now))
        if mentions and len(deleted) == len(mentions):
            whole(await self._http.fetch(Request("GET", f"{self._url}/newest.json")), now=now).json()
        return Page(f"{len(mentions)} originals", changed, deleted=deleted)

    async def _stories(self, path: str, window: gaps.Window, floor: int, now: datetime) -> gaps.Got:
        path = f"{path}.json" if window.page == 1 else f"{path}/page/{window.page}.json"
        stories = (await self._get(path, now)).json()
        if not isinstance(stories, list):
            raise BadAnswer(f"{self._url}{path} answered with something that is no list")
        mentions: list[NewMention] = []
        rejected: list[Rejected] = []
        orders: dict[str, int] = {}
        for story in reversed(stories):
            name = fields.identifier(story.get("short_id")) if isinstance(story, dict) else ""
            try:
                mention = from_story(story, self._url)
            except ValueError as error:
                rejected.append(Rejected(name or "a story", str(error), fields.raw(story)))
                continue
            orders[name] = gaps.seconds(mention.created_at)
            if orders[name] >= floor:
                mentions.append(replace(mention, direct=path.startswith("/domains/")))
        return gaps.Got(Page(path, mentions, rejected), orders, more=len(stories) >= PER_PAGE)

    async def _newest_comments(self, cursor: Cursor, now: datetime) -> Page:
        """The feed says neither the story nor the parent of a comment: those of what a watch may want are looked up."""
        mark: JsonObject = dict(cursor.bookmark)
        try:
            body = (await self._get("/comments.rss", now)).body
        except (BadAnswer, Unreachable):
            if mark:
                raise
            return Page("/comments.rss", note="there is no list of comments here")
        floor = mark.get("floor", gaps.floor(self._backfill, now))
        known = set(mark.get("known", ()))
        mentions: list[NewMention] = []
        rejected: list[Rejected] = []
        names: list[str] = []
        for item in items_of(body, f"{self._url}/comments.rss"):
            try:
                mention = from_feed(item, self._url)
            except ValueError as error:
                rejected.append(Rejected(item.get("guid") or "a comment", str(error), fields.raw(item)))
                continue
            names.append(mention.native_id)
            if mention.native_id not in known and gaps.seconds(mention.created_at) >= floor:
                mentions.append(mention)
        times = [gaps.seconds(one.created_at) for one in mentions if one.created_at <= now]
        newest = max(times, default=mark.get("newest", floor))
        oldest = min((one.created_at for one in mentions), default=now)
        since = datetime.fromtimestamp(mark["newest"], UTC) if mark.get("newest") else None
        missed = since is not None and mentions and not known & set(names) and oldest > since
        bookmark = {
            "floor": floor,
            "newest": max(newest, mark.get("newest", 0)),
            "known": [*names, *(name for name in mark.get("known", ()) if name not in set(names))][:FEED_KNOWN],
        }
        return Page(
            "/comments.rss",
            await self._placed(mentions[::-1], now),
            rejected,
            bookmark=bookmark,
            gap_seconds=(oldest - since).total_seconds() if missed and since else 0.0,
        )

    async def _placed(self, mentions: Sequence[NewMention], now: datetime) -> list[NewMention]:
        """With thread and parent where it can be told; a comment is none the less one without."""
        placed: list[NewMention] = []
        left = LOOKED_UP
        for mention in mentions:
            if left and self._words & set(folded_words(clean(mention)[1])):
                left -= 1
                try:
                    found = from_comment((await self._get(f"/{mention.native_id}.json", now)).json(), self._url)
                    mention = replace(mention, parent=found.parent, thread=found.thread)
                except (SourceError, ValueError):
                    left = 0
            placed.append(mention)
        return placed

    async def _get(self, path: str, now: datetime) -> Answer:
        """Raises SourceError; RateLimited with the server's own time, which is one of the clock or seconds."""
        answer = await self._http.fetch(Request("GET", f"{self._url}{path}"))
        told = fields.count(answer.headers.get("ratelimit-reset")) or 0
        wait = told - gaps.seconds(now) if told > 10**9 else told
        reset = now + timedelta(seconds=max(0, min(wait, 86_400)))
        return whole(answer, now=now, reset=reset if told and answer.status == 429 else None)


def _is_gone(answer: Answer) -> bool:
    return answer.status in (404, 410) or (answer.status == 400 and b"can't find comment" in answer.body)
