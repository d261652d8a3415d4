"""YouTube: comments on the videos of channels and on single videos; with `search` also videos that speak of a watch,
and their comments; with an account also answers (https://developers.google.com/youtube/v3/docs).

Each stream spends what the day's units allow: youtube_api counts, youtube_threads and youtube_search read.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from copy import deepcopy
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from sources.adapters import fields
from sources.adapters.google_login import ACCOUNT_OPTIONS, login_problems, next_day
from sources.adapters.youtube_answer import YouTubeAnswers
from sources.adapters.youtube_api import SCOPE, URL, CommentsOff, YouTubeApi
from sources.adapters.youtube_comment import NETWORK, comment, video
from sources.adapters.youtube_search import Search, begin_search
from sources.adapters.youtube_threads import TEXT, Threads, Where, start
from sources.asks import asks
from sources.errors import BadAnswer
from sources.protocol import Option, Page, Setup, SourceType
from store.domain.desk import SourceConfig
from store.domain.mention import JsonObject, Mention, MentionType, NewMention
from store.domain.poll import Cursor

CHANNEL, VIDEO, SEARCH = "channel:", "video:", "search:"
COMMENTS_OFF = timedelta(hours=6)
BATCH = 50
LISTS = ("channels", "follow", "videos")


class YouTube(YouTubeAnswers):
    kind = SourceType(
        "youtube",
        NETWORK,
        "Comments on your channels, on other channels and on single videos; videos that speak of a watch",
        posts_at="youtube.com",
        default_url=URL,
        login=f"an API key to read, or an access token with the scope {SCOPE} to read and answer",
        without_account="nothing",
        with_account="with an API key comments and search; with an account answers as well",
        can_answer=True,
        length="10,000 characters",
        quota="10,000 units and 100 searches a day; a poll costs 1 or a few a stream, an answer 50",
        guide=(
            "Google Cloud console: new project, switch on the YouTube Data API v3, Credentials, create an API key.",
            'To read: export YOUTUBE_KEY=..., token = "env:YOUTUBE_KEY".',
            f"To answer: create an OAuth client there, log in once as the channel with the scope {SCOPE},",
            'and give refresh_token = "env:YOUTUBE_REFRESH_TOKEN" with client_id and client_secret.',
            "A channel's id begins with UC: About, Share channel, Copy channel ID.",
        ),
        options=(
            Option("channels", "ids of your own channels: all comments there land", example='["UC123..."]'),
            Option("follow", "ids of other channels: comments that a watch matches", example='["UC456..."]'),
            Option("videos", "ids of single videos", example='["F1UP7wRCPH8"]'),
            Option("search", "also search for every watch (default false)", example="true"),
            Option("units", "what Google grants the project a day, where it is not 10,000", example="10000"),
            *ACCOUNT_OPTIONS,
        ),
    )

    @staticmethod
    def problems(config: SourceConfig) -> list[str]:
        found = []
        for name in LISTS:
            values = config.options.get(name, [])
            if not all(isinstance(one, str) and one for one in values):
                found.append(f"`{name}` is a list of ids, for example {name} = {_EXAMPLES[name]}")
            elif name != "videos":
                wrong = [one for one in values if one.startswith("@")]
                found += [f"`{name}` takes ids, which begin with UC, and not the handle {one}" for one in wrong]
        if not any(config.options.get(name) for name in (*LISTS, "search")):
            found.append('`channels`, `follow`, `videos` or `search` is needed, for example channels = ["UC123..."]')
        return found + login_problems(config)

    @staticmethod
    def obstacle(config: SourceConfig) -> str:
        return "" if not login_problems(config) else f"the source {config.name} has no login, so it can only read"

    def __init__(self, setup: Setup) -> None:
        config = setup.config
        self._backfill, self._every = config.backfill, config.every
        api = YouTubeApi(setup)
        super().__init__(api)
        self._channels = frozenset(map(str, config.options.get("channels", ())))
        self._places = {
            f"{CHANNEL}{name}": Where("allThreadsRelatedToChannelId", str(name), direct=name in self._channels)
            for name in (*config.options.get("channels", ()), *config.options.get("follow", ()))
        } | {f"{VIDEO}{name}": Where("videoId", str(name)) for name in config.options.get("videos", ())}
        questions = {f"{SEARCH}{one.name}": asks(one.query) for one in setup.watches if config.options.get("search")}
        self._questions = {stream: found for stream, found in questions.items() if found}

    def streams(self) -> Sequence[str]:
        return [*self._places, *self._questions]

    async def pages(self, cursor: Cursor, *, now: datetime) -> AsyncIterator[Page]:
        budget = self._api.budget
        mark: JsonObject = deepcopy(cursor.bookmark)
        period, spare = budget.pace(self._every, len(self.streams()), now)
        own = self._channels | await self._api.own(now=now)
        where = self._places.get(cursor.stream)
        if where is None:
            mark = mark or begin_search(now, self._backfill)
            count = sum(map(len, self._questions.values()))
            search = Search(self._api, self._questions[cursor.stream], mark, own)
            found = search.pages(now, spare=spare, all_questions=count)
        else:
            mark = mark or start(now, self._backfill)
            found = Threads(self._api, where, mark, own, now).pages(spare)
        told = False
        try:
            async for page in found:
                told = True
                yield await self._paced(page, mark, period, now)
        except CommentsOff:
            yield Page(f"comments of {where}: switched off", next_poll_at=now + COMMENTS_OFF)
            return
        finally:
            await asyncio.to_thread(budget.save)
        if not told:
            yield await self._paced(Page(f"nothing due in {cursor.stream}"), mark, period, now)

    async def recheck(self, mentions: Sequence[Mention], *, now: datetime) -> Page | None:
        own = await self._api.own(now=now)
        changed: list[NewMention] = []
        deleted: list[str] = []
        comments = [one for one in mentions if one.type is not MentionType.POST]
        videos = [one for one in mentions if one.type is MentionType.POST]
        for what, those in (("comments", comments), ("videos", videos)):
            for begun in range(0, len(those), BATCH):
                some = those[begun : begun + BATCH]
                there = await self._originals(what, some, now)
                if there is None:
                    return None
                for mention in some:
                    if mention.native_id not in there:
                        deleted.append(mention.external_id)
                        continue
                    again = _again(there[mention.native_id], mention, own)
                    if again is not None:
                        changed.append(again)
        return Page(f"{len(mentions)} originals", changed, deleted=deleted)

    async def _paced(self, page: Page, mark: JsonObject, period: timedelta, now: datetime) -> Page:
        left = self._api.budget.left(now)
        at = page.next_poll_at or (now + period if left else next_day(now))
        await asyncio.to_thread(self._api.budget.save)
        return replace(page, bookmark=deepcopy(mark), quota_left=left, next_poll_at=at)

    async def _originals(self, what: str, mentions: Sequence[Mention], now: datetime) -> dict[str, Any] | None:
        """Those that are still there, by id; what is asked for by id and not among them is gone. None where it is not
        YouTube that answers."""
        params = (("part", "snippet"), ("id", ",".join(one.native_id for one in mentions)))
        try:
            told = await self._api.list(what, params + (TEXT if what == "comments" else ()), now=now)
        except BadAnswer:
            return None
        if not fields.text(told.get("kind")).startswith("youtube#"):
            return None
        return {fields.identifier(one.get("id")): one for one in told["items"] if isinstance(one, dict)}


_EXAMPLES = {option.name: option.example for option in YouTube.kind.options}


def _again(resource: Any, mention: Mention, own: frozenset[str]) -> NewMention | None:
    """The original as it is now, where it was edited since."""
    try:
        if mention.type is MentionType.POST:
            again = video(resource, own=own)
            return again if (again.title, again.text) != (str(mention.title), str(mention.text)) else None
        again = comment(resource, own=own, thread=mention.parent, direct=False)
    except ValueError:
        return None  # what cannot be read is neither changed nor gone
    newer = again.edited_at is not None and again.edited_at > (mention.edited_at or mention.created_at)
    return replace(again, url=mention.url) if newer else None
