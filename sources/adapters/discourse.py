"""A Discourse forum (https://docs.discourse.org): search for the words of a watch, or everything that is written; with
an account also what is addressed to it, and answers (discourse_answer).

Search gives ten pages of 50, newest first, by the day, and only a blurb of a post: what is new is looked up whole.
/posts.json gives everything, by id. Each is read as `gaps` says.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from copy import deepcopy
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from sources.adapters import fields, gaps
from sources.adapters.discourse_answer import DiscourseAnswers
from sources.adapters.discourse_inbox import addressed
from sources.adapters.discourse_post import from_post, rejected_post
from sources.adapters.discourse_server import Server, checked
from sources.asks import Ask, asks
from sources.errors import BadAnswer, SourceError
from sources.protocol import Option, Page, Setup, SourceType
from sources.text.clean import clean
from store.domain.desk import SourceConfig
from store.domain.mention import JsonObject, Mention, NewMention
from store.domain.poll import Cursor, Rejected

PER_PAGE, DEEPEST = 50, 10  # app/controllers/search_controller.rb
OVERLAP = int(timedelta(hours=2).total_seconds())
ID_OVERLAP = 50  # a post that waited for approval comes late
EMPTY_WINDOWS = 6
A_DAY = timedelta(days=1)
EVERYTHING, INBOX = "everything", "notifications"


class Discourse(DiscourseAnswers):
    kind = SourceType(
        "discourse",
        "discourse",
        "Posts on a Discourse forum that hold the words of a watch, or all that is written there",
        login="an API key: of one user or of all (Admin, API), or a user API key (see `user_key`)",
        without_account="search and all posts of a public forum",
        with_account="the same where the account may read, what is addressed to it, answers",
        can_answer=True,
        length="32,000 characters, where the forum has not set another limit",
        quota="200 requests a minute, 60 with an API key, 20 with a user API key; a poll costs 1, and 1 a new post",
        guide=(
            "On the forum: Admin, API, New API key; user level: single user, the account that answers;"
            " scope: global, or read, posts and notifications.",
            'Keep it outside the configuration: export FORUM_KEY=..., token = "env:FORUM_KEY".',
        ),
        options=(
            Option("everything", "read every new post and let the watches pick (default false)", example="true"),
            Option("search", "search for every watch (default true; false with everything)", example="true"),
            Option("username", "who the API key speaks for (header Api-Username)", example='"acme_support"'),
            Option("user_key", "the token is a user API key (header User-Api-Key)", example="true"),
            Option(
                "notifications", "with a token: also what is addressed to the account (default true)", example="true"
            ),
        ),
    )

    @staticmethod
    def problems(config: SourceConfig) -> list[str]:
        if not config.url:
            return ['`url` is missing: the address of the forum, for example url = "https://meta.discourse.org"']
        return []

    def __init__(self, setup: Setup) -> None:
        config, options = setup.config, setup.config.options
        self._backfill = config.backfill
        everything = bool(options.get("everything"))
        username, user_key = fields.text(options.get("username")), bool(options.get("user_key"))
        super().__init__(Server(setup.http, config.url, setup.token, username, user_key=user_key))
        questions = {f"search:{watch.name}": asks(watch.query) for watch in setup.watches}
        search = bool(options.get("search", not everything))
        self._asks = {stream: found for stream, found in questions.items() if found and search}
        self._others = [EVERYTHING] if everything else []
        self._others += [INBOX] if setup.token is not None and options.get("notifications", True) else []

    def streams(self) -> Sequence[str]:
        return [*self._asks, *self._others]

    async def pages(self, cursor: Cursor, *, now: datetime) -> AsyncIterator[Page]:
        own = await self._server.account(now=now)
        if cursor.stream == EVERYTHING:
            found = self._everything(cursor.bookmark, own, now)
        elif cursor.stream == INBOX:
            found = addressed(self._server, cursor.bookmark, own, self._backfill, now)
        else:
            found = self._search(self._asks[cursor.stream], cursor.bookmark, own, now)
        async for page in found:
            yield page

    async def recheck(self, mentions: Sequence[Mention], *, now: datetime) -> Page | None:
        changed: list[NewMention] = []
        deleted: list[str] = []
        for mention in mentions:
            answer = await self._server.ask(f"/posts/{mention.external_id.rpartition('-')[2]}.json")
            if answer.status in (404, 410):
                deleted.append(mention.external_id)
                continue
            if answer.status == 403:  # deleted, or moved to where we may not look: it does not say which
                continue
            try:
                again = from_post(checked(answer, now).json(), self._server.url)
            except ValueError:
                raise BadAnswer(f"{self._server.url} gave a post that is none") from None
            if again.edited_at is not None and clean(again)[1] != mention.text:
                changed.append(replace(again, title=mention.title))
        if mentions and len(deleted) == len(mentions):
            await self._server.get("/posts.json", now=now)  # a forum that is not there has deleted nothing
        return Page(f"{len(mentions)} originals", changed, deleted=deleted)

    async def _search(
        self, questions: Sequence[Ask], bookmark: JsonObject, own: str, now: datetime
    ) -> AsyncIterator[Page]:
        stored: JsonObject = bookmark.get("asks", {})
        start = gaps.floor(self._backfill, now)
        places = {ask.text: gaps.opened(stored.get(ask.text), start, OVERLAP) for ask in questions}
        # Our share of requests may end in the middle: what has waited longest is asked first.
        turns = sorted(questions, key=lambda ask: places[ask.text].get("asked", 0))
        new = [(ask, places[ask.text]["gaps"][0]) for ask in turns]
        old = [(ask, gap) for ask in turns for gap in places[ask.text]["gaps"][1:]]
        for ask, gap in new + old:
            async for page in self._closed(ask, places[ask.text], gap, own, now):
                places[ask.text]["asked"] = gaps.seconds(now)
                yield replace(page, bookmark={"asks": deepcopy(places)})

    async def _closed(
        self, ask: Ask, place: JsonObject, gap: JsonObject, own: str, now: datetime
    ) -> AsyncIterator[Page]:
        async def hits(window: gaps.Window) -> gaps.Got:
            words = f"{ask.text} order:latest"
            if window.since:
                words += f" after:{_day(window.since) - A_DAY:%Y-%m-%d}"
            if window.until:
                words += f" before:{_day(window.until) + A_DAY:%Y-%m-%d}"
            params = (("q", words), ("page", str(window.page)))
            answer = await self._server.get("/search.json", params, now=now)
            return await self._found(answer, f"{words} page {window.page}", place, window, own, now)

        async for page in gaps.closed(place, gap, hits, deepest=DEEPEST, overlap=OVERLAP, latest=gaps.seconds(now)):
            yield page

    async def _found(
        self, answer: Any, asked: str, place: JsonObject, window: gaps.Window, own: str, now: datetime
    ) -> gaps.Got:
        """What is known is left out: a blurb would look like an edit of the whole post. No `posts` is no hit."""
        told: JsonObject = answer if isinstance(answer, dict) else {}
        grouped = told.get("grouped_search_result")
        if not isinstance(told.get("posts", []), list) or not ("posts" in told or isinstance(grouped, dict)):
            raise BadAnswer(f"{self._server.url} answered a search without posts")
        grouped = grouped if isinstance(grouped, dict) else {}
        if grouped.get("error"):  # "The site is too busy to search": an empty answer that is none
            raise BadAnswer(f"{self._server.url} did not search: it is too busy")
        posts, topics = told.get("posts", []), told.get("topics")
        titles = {
            fields.identifier(topic.get("id")): fields.text(topic.get("title"))
            for topic in (topics if isinstance(topics, list) else [])
            if isinstance(topic, dict)
        }
        mentions: list[NewMention] = []
        rejected: list[Rejected] = []
        orders: dict[str, int] = {}
        there = True
        for post in reversed(posts):
            try:
                title = titles.get(fields.identifier(post.get("topic_id")), "") if isinstance(post, dict) else ""
                mention = from_post(post, self._server.url, own=own, title=title)
                orders[mention.external_id] = gaps.seconds(mention.created_at)
                if mention.external_id in place["known"] or orders[mention.external_id] < place["floor"]:
                    continue
                if there:
                    try:
                        full = await self._server.get(f"/posts/{post['id']}.json", now=now)
                        mention = from_post(full, self._server.url, own=own, title=title)
                    except (SourceError, ValueError):
                        there = False  # the blurb is better than nothing
                mentions.append(mention)
            except ValueError as error:
                rejected.append(rejected_post(post, error))
        more = bool(grouped.get("more_full_page_results", len(posts) >= PER_PAGE))
        # Search looks by the day: of one that has more than all its pages hold, the rest cannot be asked for.
        oldest = min(orders.values(), default=0)
        last_day = _day(window.until or gaps.seconds(now))
        stuck = more and window.page == DEEPEST and _day(oldest) == last_day
        gap = float(oldest - window.since) if stuck else 0.0
        return gaps.Got(Page(asked, mentions, rejected, gap_seconds=max(gap, 0.0)), orders, more and not stuck)

    async def _everything(self, bookmark: JsonObject, own: str, now: datetime) -> AsyncIterator[Page]:
        """By ids; `begin` is first contact minus `backfill`, where the ids of that time are not known."""
        begin = bookmark.get("begin", gaps.floor(self._backfill, now))
        place = gaps.opened(bookmark.get("place"), 0, ID_OVERLAP)

        async def posts(window: gaps.Window) -> gaps.Got:
            latest, below = await self._latest(window, now)
            mentions: list[NewMention] = []
            rejected: list[Rejected] = []
            orders: dict[str, int] = {}
            ages: list[int] = []
            for post in reversed(latest):
                try:
                    mention = from_post(post, self._server.url, own=own)
                except ValueError as error:
                    rejected.append(rejected_post(post, error))
                    continue
                orders[mention.external_id] = int(mention.external_id.rpartition("-")[2])
                ages.append(gaps.seconds(mention.created_at))
                if ages[-1] >= begin:
                    mentions.append(mention)
            page = Page(f"/posts.json before={window.until}", mentions, rejected)
            if not latest and below:  # nobody may see any of these ids: those before them are asked for next
                orders[f"none from {below}"] = below
            return gaps.Got(page, orders, more=bool(orders) and max(ages, default=begin) >= begin)

        for gap in list(place["gaps"]):
            async for page in gaps.closed(place, gap, posts, deepest=1, overlap=0):
                yield replace(page, bookmark={"begin": begin, "place": deepcopy(place)})

    async def _latest(self, window: gaps.Window, now: datetime) -> tuple[list[Any], int]:
        """A page of /posts.json, and where it goes on where that is empty (0: nowhere). Before 2026 a page was of 50
        ids, and empty where nobody may see any of them."""
        before = window.until
        for _ in range(EMPTY_WINDOWS):
            params = (("before", str(before)),) if before else ()
            answer = await self._server.get("/posts.json", params, now=now)
            latest = answer.get("latest_posts") if isinstance(answer, dict) else None
            if not isinstance(latest, list):
                raise BadAnswer(f"{self._server.url} answered without latest_posts")
            below = [post for post in latest if not before or _id(post) != before]  # some begin with `before` itself
            if below or before <= max(window.since, PER_PAGE):
                return below, 0
            before -= PER_PAGE
        return [], before


def _id(post: Any) -> int | None:
    return fields.count(post.get("id")) if isinstance(post, dict) else None


def _day(second: int) -> datetime:
    return datetime.fromtimestamp(second - second % 86_400, UTC)
