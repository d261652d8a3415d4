"""Reddit (https://www.reddit.com/dev/api): search for posts, comments and posts of chosen subreddits, the inbox of the
account, answers (reddit_answer). Without an account only the site's feeds, as far as Reddit gives them.

How a listing is walked stands in reddit_listing; a bookmark holds the place of each listing of its stream.
"""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Callable, Sequence
from copy import deepcopy
from dataclasses import replace
from datetime import datetime
from functools import partial

from sources.adapters import fields
from sources.adapters.feed import parse
from sources.adapters.reddit_answer import RedditAnswers
from sources.adapters.reddit_listing import Line, Read, Walker, begin
from sources.adapters.reddit_server import API, Got, Params, Server, acts, children, has_client
from sources.adapters.reddit_thing import NETWORK, a_fullname, from_entry, from_thing, fullname, is_gone
from sources.asks import asks
from sources.protocol import Option, Page, Setup, SourceType
from store.domain.desk import SourceConfig
from store.domain.mention import JsonObject, Mention, NewMention
from store.domain.poll import Cursor, Rejected

BATCH = 100  # ids of one /api/info/
SEARCH_OVERLAP = 3600.0  # the search index lags


class Reddit(RedditAnswers):
    kind = SourceType(
        "reddit",
        NETWORK,
        "Posts all over Reddit that hold the words of a watch; comments and posts of chosen subreddits; your inbox",
        default_url=API,
        login="a ready access token of an account; it runs out after a day, a `client_id` does not",
        without_account="best effort by the site's feeds: the newest posts, about one request a minute, at times none",
        with_account="search for posts, all comments and posts of chosen subreddits; as an account also inbox, answers",
        can_answer=True,
        length="10,000 characters",
        quota="100 requests a minute and application; a poll costs 1 or 2 a question of a watch and 2 or 4 for all "
        "subreddits",
        guide=(
            "Make an application of the kind script at https://www.reddit.com/prefs/apps (Reddit may ask to approve "
            "it); client_id stands under its name.",
            'To read: client_id = "...", client_secret = "env:REDDIT_SECRET".',
            'To answer too: username = "acme", password = "env:REDDIT_PASSWORD" of the account that made it, or a '
            "refresh_token with the scopes identity, read, history, privatemessages, submit.",
            "Search finds posts only: name the subreddits whose comments matter.",
        ),
        options=(
            Option("subreddits", "whose comments and posts are all read, without r/", example='["acme", "sysadmin"]'),
            Option("search", "search all of Reddit for every watch (default true)", example="true"),
            Option("inbox", "as an account: also what is addressed to it (default true)", example="true"),
            Option("username", "of the account, without u/: Reddit wants to know who asks", example='"acme_support"'),
            Option("client_id", "of your application", example='"p-jcoLKBynTLew"'),
            Option("client_secret", "of your application", example='"env:REDDIT_SECRET"', secret=True),
            Option("refresh_token", "to act as an account", example='"env:REDDIT_REFRESH"', secret=True),
            Option("password", "of the account that made the script", example='"env:REDDIT_PASSWORD"', secret=True),
        ),
    )

    @staticmethod
    def problems(config: SourceConfig) -> list[str]:
        options = config.options
        found = []
        names = options.get("subreddits", [])
        if not all(isinstance(name, str) and re.fullmatch(r"\w{2,50}", name, re.ASCII) for name in names):
            found.append('`subreddits` is a list of names without r/, for example subreddits = ["sysadmin"]')
        if not re.fullmatch(r"[\w-]{0,40}", str(options.get("username", "")), re.ASCII):
            found.append("`username` is a name without u/: letters, digits, - and _")
        for name in ("client_secret", "refresh_token", "password"):
            if options.get(name) and not has_client(config):
                found.append(f"`client_id` is missing, which `{name}` belongs to")
        if has_client(config) and not (options.get("client_secret") or options.get("refresh_token")):
            found.append("`client_secret` is missing, which `client_id` belongs to")
        if options.get("password") and not options.get("username"):
            found.append("`username` is missing, which `password` belongs to")
        return found

    @staticmethod
    def obstacle(config: SourceConfig) -> str:
        if acts(config):
            return ""
        needs = "a token, a refresh_token, or username and password"
        return f"the source {config.name} acts as no account, so it can only read: give it {needs}"

    def __init__(self, setup: Setup) -> None:
        config = setup.config
        server = Server(setup)
        super().__init__(server)
        self._backfill = config.backfill
        feed = not server.signed_in
        self._lines: dict[str, list[Line]] = {}
        if config.options.get("search", True):
            for watch in setup.watches:
                if questions := asks(watch.query):
                    self._lines[f"search:{watch.name}"] = [_search(ask.text, feed) for ask in questions]
        if subreddits := "+".join(config.options.get("subreddits", ())):
            path = f"/r/{subreddits}"
            ends = ("/comments/.rss", "/new/.rss") if feed else ("/comments/", "/new")
            for stream, end in zip(("comments", "new"), ends, strict=True):
                self._lines[f"{stream}:{subreddits}"] = [Line(path + end, forward=not feed, feed=feed)]
        if acts(config) and config.options.get("inbox", True):
            self._lines["inbox"] = [Line("/message/inbox/", direct=True)]

    def streams(self) -> Sequence[str]:
        return list(self._lines)

    async def pages(self, cursor: Cursor, *, now: datetime) -> AsyncIterator[Page]:
        stored: JsonObject = cursor.bookmark.get("places", {})
        own = await self._server.own_name(now=now)
        lines = {dict(line.params).get("q", ""): line for line in self._lines[cursor.stream]}
        places = {key: begin(self._backfill, now) | deepcopy(stored.get(key, {})) for key in lines}
        walkers = [
            Walker(lines[key], place, partial(self._read, lines[key], place["floor"], own, now), now)
            # Our share of requests may end in the middle: what has waited longest is read first.
            for key, place in sorted(places.items(), key=lambda item: float(item[1]["read"]))
        ]
        steps: list[Callable[[], AsyncIterator[Page]]] = [walker.news for walker in walkers]
        steps += [walker.history for walker in walkers]
        for step in steps:
            async for page in step():
                yield replace(page, bookmark={"places": deepcopy(places)})
                if page.next_poll_at is not None:
                    return

    async def recheck(self, mentions: Sequence[Mention], *, now: datetime) -> Page | None:
        """A thing that is not in the answer may be hidden from us only: what says [deleted] is gone."""
        if not self._server.signed_in:
            return None
        known = {mention.external_id: mention for mention in mentions if mention.external_id[:3] in ("t1_", "t3_")}
        own = await self._server.own_name(now=now)
        changed: list[NewMention] = []
        deleted: list[str] = []
        names = list(known)
        for start in range(0, len(names), BATCH):
            ids = (("id", ",".join(names[start : start + BATCH])),)
            for thing in children((await self._server.get("/api/info/", ids, now=now)).data):
                mention = known.get(fullname(thing))
                if mention is None:
                    continue
                if is_gone(thing):
                    deleted.append(mention.external_id)
                    continue
                try:
                    again = from_thing(thing, own=own)
                except ValueError:
                    continue  # what cannot be read is neither changed nor gone
                if again.edited_at is not None and (mention.edited_at is None or again.edited_at > mention.edited_at):
                    changed.append(again)
        return Page(f"{len(known)} originals", changed, deleted=deleted)

    async def _read(self, line: Line, floor: float, own: str, now: datetime, cursor: Params, limit: int) -> Read:
        params = (*line.params, ("limit", str(limit)), *cursor)
        asked = " ".join([line.path, *(f"{name}={value}" for name, value in (*line.params, *cursor))])
        if line.feed:
            return await self._entries(await self._server.feed(line.path, params, now=now), asked, floor, own)
        return self._things(await self._server.get(line.path, params, now=now), line, asked, floor, own)

    def _things(self, got: Got, line: Line, asked: str, floor: float, own: str) -> Read:
        listing = got.data
        things = children(listing)
        read = _Reading(got, asked, floor)
        for thing in reversed(things):
            read.take(fullname(thing), thing, partial(from_thing, thing, own=own, direct=line.direct), is_gone(thing))
        return read.done(a_fullname(listing["data"].get("after")))

    async def _entries(self, got: Got, asked: str, floor: float, own: str) -> Read:
        feed = await parse(got.answer, asked)
        read = _Reading(got, asked, floor)
        for entry in reversed(feed["entries"]):
            name = fields.identifier(entry.get("id"))
            if not name.startswith(("t2_", "t5_")):  # a search finds people and subreddits too
                read.take(name, entry, partial(from_entry, entry, own=own), False)
        return read.done("")


class _Reading:
    """An answer on its way to mentions, oldest first."""

    def __init__(self, got: Got, asked: str, floor: float) -> None:
        self._got, self._asked, self._floor = got, asked, floor
        self._names: list[str] = []
        self._times: list[float] = []
        self._mentions: list[NewMention] = []
        self._rejected: list[Rejected] = []
        self._deleted: list[str] = []

    def take(self, name: str, item: object, mention: Callable[[], NewMention], gone: bool) -> None:
        self._names += [name] if name else []
        try:
            found = mention()
        except ValueError as error:
            self._rejected.append(Rejected(name or "an item", str(error), fields.raw(item)))
            return
        self._times.append(found.created_at.timestamp())
        if gone:
            self._deleted.append(found.external_id)
        elif found.created_at.timestamp() >= self._floor:
            self._mentions.append(found)

    def done(self, after: str) -> Read:
        page = Page(
            self._asked,
            self._mentions,
            self._rejected,
            self._deleted,
            next_poll_at=self._got.rest_until,
            quota_left=self._got.quota_left,
        )
        return Read(self._names[::-1], self._times, page, after)


def _search(words: str, feed: bool) -> Line:
    params = (("q", words), ("sort", "new"), ("type", "link"))
    path = "/search.rss" if feed else "/search"
    return Line(path, params, forward=False, feed=feed, overlap=SEARCH_OVERLAP)
