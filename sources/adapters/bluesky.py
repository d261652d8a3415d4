"""Bluesky, and what speaks AT Protocol (https://docs.bsky.app/docs/api): without an account every public post, from
Jetstream (bluesky_jetstream); with one search, what is addressed to it, and answers (bluesky_answer).

Search and notifications give the newest first and know no place to go on from: bluesky_walk reads them. The search
filters by the earlier of two times, when a post says that it was written and when it came; so a post that comes late
lands among older ones, and once a day two whole days are asked for again (`scanned`).
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from copy import deepcopy
from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial
from typing import Any
from urllib.parse import urlsplit

from sources.adapters import fields
from sources.adapters.bluesky_answer import BlueskyAnswers
from sources.adapters.bluesky_jetstream import Jetstream
from sources.adapters.bluesky_post import address, from_view
from sources.adapters.bluesky_service import Got, Service
from sources.adapters.bluesky_session import Session
from sources.adapters.bluesky_sieve import Sieve
from sources.adapters.bluesky_walk import Fetch, Listing, closed, opened
from sources.asks import Ask, asks
from sources.errors import BadAnswer
from sources.protocol import Option, Page, Setup, SourceType
from sources.text.clean import clean
from sources.websocket import is_websocket
from store.domain.desk import SourceConfig
from store.domain.mention import JsonObject, Mention, NewMention
from store.domain.poll import Cursor, Rejected

DEFAULT_URL = "https://bsky.social"
PUBLIC_URL = "https://public.api.bsky.app"
JETSTREAM_URL = "wss://jetstream1.us-east.bsky.network/subscribe"
LIMIT = "100"
OVERLAP = timedelta(minutes=15)
SCAN_EVERY, SCAN = timedelta(days=1), timedelta(days=2)
SEARCH, NOTIFICATIONS, JETSTREAM = "search:", "notifications", "jetstream"
REASONS = ("mention", "reply", "quote")


class Bluesky(BlueskyAnswers):
    kind = SourceType(
        "bluesky",
        "bluesky",
        "Public posts on Bluesky that hold the words or links of a watch; with an account also answers",
        posts_at="bsky.app",
        default_url=DEFAULT_URL,
        login="an app password of the account named by `handle`",
        without_account="every public post, read from Jetstream as it is written (36 hours back)",
        with_account="search for every watch, what is addressed to the account, answers",
        can_answer=True,
        length="300 graphemes and 3,000 bytes",
        quota="3,000 requests in 5 minutes; a poll costs 1 or 2 a question of a watch; Jetstream has no limit",
        guide=(
            "Without an account nothing is needed.",
            "With one: on bsky.app open Settings, Privacy and security, App passwords, Add app password.",
            'Keep it outside the configuration: export BLUESKY_PASSWORD=..., token = "env:BLUESKY_PASSWORD".',
            'Name the account: handle = "acme.bsky.social".',
        ),
        options=(
            Option("handle", "the account, without @", example='"acme.bsky.social"'),
            Option("search", "with a token: search for every watch (default true)", example="true"),
            Option("notifications", "with a token: what is addressed to the account (default true)", example="true"),
            Option("jetstream", "read every public post (default: only without a token)", example="true"),
            Option("jetstream_url", "where Jetstream is", example=f'"{JETSTREAM_URL}"'),
        ),
    )

    @staticmethod
    def problems(config: SourceConfig) -> list[str]:
        told = config.options
        found = []
        if told.get("jetstream_url") and not is_websocket(str(told["jetstream_url"])):
            found.append("`jetstream_url` is a whole address that begins with wss:// or ws://")
        if not config.token and told.get("jetstream") is False:
            found.append("without a token there is only Jetstream: take out `jetstream` = false, or give a token")
        return found

    def __init__(self, setup: Setup) -> None:
        config = setup.config
        told = config.options
        handle = str(told.get("handle", "")).strip().removeprefix("@")
        token = setup.token
        base = (config.url or (DEFAULT_URL if token else PUBLIC_URL)).rstrip("/")
        session = Session(setup.http, setup.keep, base, handle, token) if token else None
        super().__init__(Service(setup.http, base, session, handle))
        self._backfill = config.backfill
        self._notifications = bool(token and told.get("notifications", True))
        wanted = setup.watches if token and told.get("search", True) else ()
        questions = {f"{SEARCH}{watch.name}": asks(watch.query) for watch in wanted}
        self._asks = {stream: found for stream, found in questions.items() if found}
        sieve = Sieve(watch.query for watch in setup.watches)
        self._jetstream = None
        if told.get("jetstream", not token) and (sieve or handle):
            where = str(told.get("jetstream_url") or "") or (_beside(base) if config.url else JETSTREAM_URL)
            self._jetstream = Jetstream(setup.http, where, sieve, self._service, config.backfill)

    def streams(self) -> Sequence[str]:
        mine = [NOTIFICATIONS] if self._notifications else []
        return [*mine, *self._asks, *([JETSTREAM] if self._jetstream else [])]

    async def pages(self, cursor: Cursor, *, now: datetime) -> AsyncIterator[Page]:
        if cursor.stream == JETSTREAM:
            assert self._jetstream is not None
            found = self._jetstream.pages(cursor.bookmark, now=now)
        elif cursor.stream == NOTIFICATIONS:
            found = self._addressed(cursor.bookmark, now)
        else:
            found = self._search(self._asks[cursor.stream], cursor.bookmark, now)
        async for page in found:
            yield page
            if page.next_poll_at is not None:
                return

    async def recheck(self, mentions: Sequence[Mention], *, now: datetime) -> Page | None:
        own = await self._service.did()
        there = await self._service.posts([one.external_id for one in mentions], now=now)
        changed: list[NewMention] = []
        deleted: list[str] = []
        for mention in mentions:
            view = there.get(mention.external_id)
            if view is None:  # left out because it is gone, or because it is not for us to see
                if await self._service.record(address(mention.external_id), now=now) is None:
                    deleted.append(mention.external_id)
                continue
            try:
                again = from_view(view, own=own)
            except ValueError:
                continue  # what cannot be read is neither changed nor gone
            if clean(again) != (mention.title, mention.text):
                changed.append(replace(again, edited_at=now))
        return Page(f"{len(mentions)} originals", changed, deleted=deleted)

    async def _search(self, questions: Sequence[Ask], stored: JsonObject, now: datetime) -> AsyncIterator[Page]:
        own = await self._service.did()
        scanned = datetime.fromisoformat(stored.get("scanned") or now.isoformat())
        deep = now - scanned >= SCAN_EVERY
        places = {
            ask.text: opened(
                stored.get("asks", {}).get(ask.text),
                backfill=self._backfill,
                overlap=SCAN if deep else OVERLAP,
                now=now,
            )
            for ask in questions
        }
        mark: JsonObject = {"asks": places, "scanned": scanned.isoformat()}
        # A turn, or our share of requests, may end in the middle: what has waited longest is asked first.
        turns = sorted(questions, key=lambda ask: str(places[ask.text].get("asked", "")))
        new = [(ask, places[ask.text]["gaps"][0]) for ask in turns]
        old = [(ask, gap) for ask in turns for gap in places[ask.text]["gaps"][1:]]
        for ask, gap in new + old:
            place = places[ask.text]
            async for page in closed(place, gap, partial(self._hits, ask, place["floor"], own, now)):
                place["asked"] = now.isoformat()
                if deep and ask is turns[-1]:
                    mark["scanned"] = now.isoformat()
                yield replace(page, bookmark=deepcopy(mark))

    async def _addressed(self, stored: JsonObject, now: datetime) -> AsyncIterator[Page]:
        own = await self._service.did()
        place = opened(stored.get("place"), backfill=self._backfill, overlap=OVERLAP, now=now)
        fetch: Fetch = partial(self._notified, place["floor"], own, now)
        for gap in list(place["gaps"]):
            async for page in closed(place, gap, fetch):
                yield replace(page, bookmark=deepcopy({"place": place}))

    async def _hits(
        self, ask: Ask, floor: str, own: str, now: datetime, since: datetime | None, until: datetime | None, cursor: str
    ) -> Listing:
        """One page of app.bsky.feed.searchPosts. `until` is exclusive, and more than one post may be as old."""
        words = " ".join(f'"{term.words}"' if " " in term.words else term.words for term in ask.terms)
        params = [("q", words), ("sort", "latest"), ("limit", LIMIT)]
        params += [("since", _zulu(since))] if since else []
        params += [("until", _zulu(until + timedelta(milliseconds=1)))] if until else []
        params += [("cursor", cursor)] if cursor else []
        got = await self._service.get("app.bsky.feed.searchPosts", tuple(params), now=now)
        asked = f"search {words}" + "".join(f" {name}={value}" for name, value in params[3:])
        return _listing(got, "posts", asked, floor, own, now, direct=False)

    async def _notified(
        self, floor: str, own: str, now: datetime, since: datetime | None, until: datetime | None, cursor: str
    ) -> Listing:
        """One page of app.bsky.notification.listNotifications, whose cursor is a time."""
        cursor = cursor or (_zulu(until + timedelta(milliseconds=1)) if until else "")
        params = [("limit", LIMIT), *(("reasons", reason) for reason in REASONS)]
        params += [("cursor", cursor)] if cursor else []
        got = await self._service.get("app.bsky.notification.listNotifications", tuple(params), now=now)
        asked = f"notifications cursor={cursor}" if cursor else "notifications"
        return _listing(got, "notifications", asked, floor, own, now, direct=True)


def _listing(got: Got, name: str, asked: str, floor: str, own: str, now: datetime, *, direct: bool) -> Listing:
    """What an answer brings, oldest first. Raises BadAnswer."""
    items = got.data.get(name)
    if not isinstance(items, list):
        raise BadAnswer(f"answered {asked} without {name}")
    names: list[str] = []
    times: list[datetime] = []
    seen: list[datetime] = []
    mentions: list[NewMention] = []
    rejected: list[Rejected] = []
    for item in reversed(items):
        where = fields.identifier(item.get("uri")) if isinstance(item, dict) else ""
        names.append(where or fields.raw(item).decode())
        at = _seen_at(item)
        seen += [at] if at else []
        if direct:
            times += [at] if at else []
            if isinstance(item, dict) and fields.text(item.get("reason")) not in REASONS:
                continue  # not every server looks at `reasons`
        try:
            mention = from_view(item, own=own, direct=direct)
        except ValueError as error:
            rejected.append(Rejected(where or "an item", str(error), fields.raw(item)))
            continue
        times += [] if direct else [mention.created_at]
        if not floor or max(mention.created_at, at or mention.created_at) >= datetime.fromisoformat(floor):
            mentions.append(mention)
    page = Page(asked, mentions, rejected, next_poll_at=got.rest_until, quota_left=got.quota_left)
    cursor = fields.place(got.data.get("cursor"))
    newest = max((at for at in seen or times if at <= now), default=None)  # none from the future: all would look old
    return Listing(frozenset(names), tuple(times), newest, cursor, page)


def _seen_at(item: Any) -> datetime | None:
    try:
        return fields.moment(item["indexedAt"])
    except (ValueError, KeyError, TypeError):
        return None


def _zulu(at: datetime) -> str:
    return at.strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3] + "Z"


def _beside(base: str) -> str:
    """Jetstream's address where `url` stands in for all hosts."""
    parts = urlsplit(base)
    return parts._replace(scheme="ws" if parts.scheme == "http" else "wss", path=f"{parts.path}/subscribe").geturl()
