"""Mastodon, and what speaks its API (https://docs.joinmastodon.org/methods/): hashtags; with a token also full-text
search, what is addressed to the account, and answers (mastodon_answer).

A timeline's bookmark is flat: `floor` is first contact minus `backfill`, `newest` the id up to which all is stored that
came after first contact. First contact walks back (`walking`) from there; `below` is where it stands. Every poll first
goes forward by min_id, oldest page first, so that any page stored is a place to go on from and old posts never keep new
ones waiting. Besides, the newest pages are
read without a cursor: now and then the first (`looked`), because some servers (snac) give nothing after a post that was
deleted; once a day all of them (`scanned`), because a post that the server fetched late has an id below ours.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from copy import deepcopy
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import quote

from sources.adapters import fields
from sources.adapters.mastodon_answer import MastodonAnswers
from sources.adapters.mastodon_server import Got, Params, Server
from sources.adapters.mastodon_status import from_status, order
from sources.asks import Ask, asks
from sources.errors import BadAnswer, SourceError, Unauthorised
from sources.protocol import Option, Page, Setup, SourceType
from sources.status import whole
from store.domain.desk import SourceConfig
from store.domain.mention import JsonObject, Mention, NewMention
from store.domain.poll import Cursor, Rejected

DEFAULT_URL = "https://mastodon.social"
A_DAY, AN_HOUR = timedelta(days=1), timedelta(hours=1)
LOOK_EVERY = timedelta(minutes=15)
SCAN_PAGES = 50
SEARCH_LIMIT, SEARCH_PAGES = 40, 250  # its index gives 10,000 hits and no more
SEARCH_OVERLAP = timedelta(days=2)
BATCH = 20  # ids[] of GET /api/v1/statuses (app/controllers/api/v1/statuses_controller.rb)


@dataclass(frozen=True, slots=True)
class _Line:
    """One timeline; `direct` is that of our notifications."""

    path: str
    params: Params
    limit: int
    direct: bool = False


@dataclass(frozen=True, slots=True)
class _Read:
    """One answer as mentions, oldest first; `ids` are those of the timeline's own items, newest first as the server
    orders them, which need not be the order of their text."""

    ids: list[str]
    times: list[datetime]
    page: Page
    below: str


class Mastodon(MastodonAnswers):
    kind = SourceType(
        "mastodon",
        "mastodon",
        "Posts with a hashtag on one Mastodon server; with a token also search and what is addressed to you",
        default_url=DEFAULT_URL,
        login="an access token of the account (scopes read and write:statuses)",
        without_account="hashtags",
        with_account="hashtags, full-text search (where the server has it), mentions of the account, answers",
        can_answer=True,
        length="as the server says (500 graphemes where it does not); a link counts 23, a far mention without its host",
        quota="300 requests in 5 minutes; a poll costs 1 or 2 a hashtag or watch",
        guide=(
            "On the server: Preferences, Development, New application; scopes read and write:statuses.",
            'Keep the access token outside the configuration: export MASTODON_TOKEN=..., token = "env:MASTODON_TOKEN".',
        ),
        options=(
            Option("tags", "hashtags to read, without #", example='["acme", "acmecloud"]'),
            Option("local", "only posts of this server's own people", example="false"),
            Option("search", "with a token: also search for every watch (default true)", example="true"),
            Option(
                "notifications", "with a token: also what is addressed to the account (default true)", example="true"
            ),
            Option(
                "visibility",
                "of answers (default: as the post)",
                example='"unlisted"',
                choices=("public", "unlisted", "private", "direct"),
            ),
        ),
    )

    @staticmethod
    def problems(config: SourceConfig) -> list[str]:
        tags = config.options.get("tags", [])
        if isinstance(tags, list) and not all(isinstance(tag, str) for tag in tags):
            return ['`tags` is a list of words, for example tags = ["acme"]']
        if not (tags or config.token):
            return ['without a token `tags` are needed, for example tags = ["acme"]']
        return []

    def __init__(self, setup: Setup) -> None:
        config = setup.config
        self._source = config.name
        self._backfill = config.backfill
        server = Server(setup.http, config.url or DEFAULT_URL, setup.token)
        super().__init__(server, str(config.options.get("visibility", "")))
        local = (("local", "true"),) if config.options.get("local") else ()
        self._lines = {
            f"tag:{tag}": _Line(f"/api/v1/timelines/tag/{quote(tag.lstrip('#'), safe='')}", local, 40)
            for tag in config.options.get("tags", ())
        }
        self._asks = {}
        if setup.token is not None:
            if config.options.get("notifications", True):
                line = _Line("/api/v1/notifications", (("types[]", "mention"),), 80, direct=True)
                self._lines["notifications"] = line
            if config.options.get("search", True):
                questions = {f"search:{watch.name}": asks(watch.query) for watch in setup.watches}
                self._asks = {stream: found for stream, found in questions.items() if found}

    def streams(self) -> Sequence[str]:
        return [*self._lines, *self._asks]

    async def pages(self, cursor: Cursor, *, now: datetime) -> AsyncIterator[Page]:
        mark: JsonObject = dict(cursor.bookmark)
        if "floor" not in mark:
            floor = "" if self._backfill is None else (now - self._backfill).isoformat()
            mark = {"floor": floor, "looked": now.isoformat(), "scanned": now.isoformat()}
        line = self._lines.get(cursor.stream)
        found = self._search(cursor.stream, mark, now) if line is None else self._timeline(line, mark, now)
        async for page in found:
            yield replace(page, bookmark=deepcopy(mark))
            if page.next_poll_at is not None:
                return

    async def recheck(self, mentions: Sequence[Mention], *, now: datetime) -> Page | None:
        # Without a token a post that is not public looks like one that is gone.
        seen = [one for one in mentions if self._server.secrets or one.visibility in ("public", "unlisted")]
        there: dict[str, Any] = {}
        for start in range(0, len(seen), BATCH):
            there |= await self._statuses([one.native_id for one in seen[start : start + BATCH]])
        changed: list[NewMention] = []
        deleted: list[str] = []
        own = await self._server.account_id(now=now)
        for mention in seen:
            status = there.get(mention.native_id)
            if status is None:
                status = await self._status(mention.native_id, now)
            if status is None:
                deleted.append(mention.external_id)
                continue
            try:
                again = from_status(status, host=self._server.host, own=own)
            except ValueError:
                continue  # what cannot be read is neither changed nor gone
            if again.edited_at is not None and (mention.edited_at is None or again.edited_at > mention.edited_at):
                changed.append(again)
        if seen and len(deleted) == len(seen) and not await self._server.is_itself():
            raise BadAnswer(f"{self._server.url} knows none of our posts, nor itself: not taken for deletions")
        return Page(f"{len(seen)} originals", changed, deleted=deleted)

    async def _timeline(self, line: _Line, mark: JsonObject, now: datetime) -> AsyncIterator[Page]:
        if mark.get("newest"):
            async for page in self._walk_forward(line, mark, now):
                yield page
        else:
            mark["walking"] = True
        if mark.get("walking"):
            async for page in self._walk_back(line, mark, now):
                yield page
        elif not line.direct and now - datetime.fromisoformat(mark["looked"]) >= LOOK_EVERY:
            async for page in self._look(line, mark, now):
                yield page

    async def _walk_back(self, line: _Line, mark: JsonObject, now: datetime) -> AsyncIterator[Page]:
        floor = _time(mark["floor"])
        seen: set[str] = set()
        while mark.get("walking"):
            read = await self._read(line, "max_id", mark.get("below", ""), floor, now)
            fresh = set(read.ids) - seen
            seen |= fresh
            if read.ids and not mark.get("newest"):
                mark["newest"] = read.ids[0]
            # Ids follow arrival and not the time of writing: one old post in a page is not yet the end, nor is a page
            # of what is none of ours.
            if fresh and (floor is None or not read.times or any(at >= floor for at in read.times)):
                mark["below"] = read.below or read.ids[-1]
            else:
                for name in ("walking", "below"):
                    mark.pop(name, None)
            yield read.page

    async def _walk_forward(self, line: _Line, mark: JsonObject, now: datetime) -> AsyncIterator[Page]:
        seen = {mark["newest"]}
        while True:
            read = await self._read(line, "min_id", mark["newest"], _time(mark["floor"]), now)
            fresh = set(read.ids) - seen
            seen |= fresh
            if fresh:
                mark["newest"] = read.ids[0]
            yield read.page
            if not fresh:
                return

    async def _look(self, line: _Line, mark: JsonObject, now: datetime) -> AsyncIterator[Page]:
        """The newest page; further back while there is what is newer than ours, and once a day a whole day back."""
        floor, scanned, known = _time(mark["floor"]), datetime.fromisoformat(mark["scanned"]), order(mark["newest"])
        deep, below, top = now - scanned >= A_DAY, "", ""
        seen: set[str] = set()
        for number in range(SCAN_PAGES):
            read = await self._read(line, "max_id", below, floor, now)
            fresh = set(read.ids) - seen
            seen |= fresh
            top = top or (read.ids[0] if read.ids else "")
            newer = any(order(name) > known for name in fresh)
            lately = deep and max(read.times, default=scanned) >= scanned - A_DAY
            last = not fresh or not (newer or lately) or number == SCAN_PAGES - 1
            if last:
                mark |= {"looked": now.isoformat(), "scanned": (now if deep else scanned).isoformat()}
                mark["newest"] = max(mark["newest"], top, key=order)
            unknown = [one for one in read.page.mentions if deep or order(one.native_id) > known]
            yield replace(read.page, mentions=unknown)
            if last:
                return
            below = read.below or read.ids[-1]

    async def _read(self, line: _Line, cursor: str, at: str, floor: datetime | None, now: datetime) -> _Read:
        place = ((cursor, at),) if at else ()
        own = await self._server.account_id(now=now)
        got = await self._server.list(line.path, (*line.params, ("limit", str(line.limit)), *place), now=now)
        asked = f"{line.path} {cursor}={at}" if at else line.path
        return self._understood(got, asked, floor, own, direct=line.direct)

    def _understood(self, got: Got, asked: str, floor: datetime | None, own: str, *, direct: bool) -> _Read:
        ids: list[str] = []
        times: list[datetime] = []
        mentions: list[NewMention] = []
        rejected: list[Rejected] = []
        for item in reversed(got.data):
            name = fields.identifier(item.get("id")) if isinstance(item, dict) else ""
            ids += [name] if name else []
            if direct and isinstance(item, dict) and item.get("type") != "mention":
                continue  # not every server looks at types[]
            try:
                status = item["status"] if direct else item
                mention = from_status(status, host=self._server.host, own=own, direct=direct)
            except (ValueError, KeyError, TypeError) as error:
                rejected.append(Rejected(name or "an item", fields.why(error), fields.raw(item)))
                continue
            times.append(mention.created_at)
            if floor is None or mention.created_at >= floor:
                mentions.append(mention)
        page = Page(asked, mentions, rejected, next_poll_at=got.rest_until, quota_left=got.quota_left)
        ascending = len(ids) > 1 and ids == sorted(ids, key=order, reverse=True)
        return _Read(ids if ascending else ids[::-1], times, page, got.below)

    async def _search(self, stream: str, mark: JsonObject, now: datetime) -> AsyncIterator[Page]:
        """There is no place to go on from: what was written lately is asked for again. Of every question the bookmark
        has `newest`, when it was `asked`, and when last all that is asked for was read (`whole`)."""
        floor, own = _time(mark["floor"]), await self._server.account_id(now=now)
        plain = (await self._server.facts()).plain_search
        stored, questions = mark.get("asks", {}), self._asks[stream]
        none: JsonObject = {"newest": "", "asked": "", "whole": ""}
        mark["asks"] = {ask.text: dict(stored.get(ask.text, none)) for ask in questions}
        # A turn, or our share of requests, may end in the middle: what has waited longest is asked first.
        for ask in sorted(questions, key=lambda ask: str(mark["asks"][ask.text]["asked"])):
            place = mark["asks"][ask.text]
            place["asked"] = now.isoformat()
            async for page in self._hits(ask, place, floor, own, now, plain=plain):
                yield page

    async def _hits(
        self, ask: Ask, place: JsonObject, floor: datetime | None, own: str, now: datetime, *, plain: bool
    ) -> AsyncIterator[Page]:
        """Where hits come by their time, those down to a little before the newest known are enough; once an hour, and
        where they come in another order, all are read."""
        newest, whole = _time(place["newest"]), _time(place["whole"])
        since = max((at for at in (floor, newest and newest - SEARCH_OVERLAP) if at), default=None)
        after = f" after:{(since - A_DAY).date().isoformat()}" if since and not plain else ""
        words = " ".join(term.words for term in ask.terms) if plain else f"{ask.text}{after}"
        enough = newest - LOOK_EVERY if newest and whole and now - whole < AN_HOUR else None
        seen: set[str] = set()
        times: list[datetime] = []  # newest first, as long as they come so
        latest, in_order = newest, True
        for number in range(SEARCH_PAGES):
            params = (("q", words), ("type", "statuses"), ("limit", str(SEARCH_LIMIT)))
            offset = (("offset", str(number * SEARCH_LIMIT)),) if number else ()
            got = await self._server.get("/api/v2/search", params + offset, now=now)
            if not isinstance(got.data, dict) or not isinstance(got.data.get("statuses"), list):
                raise BadAnswer(f"{self._server.url} answered a search without statuses")
            got = replace(got, data=got.data["statuses"])
            read = self._understood(got, f"search {words} page {number}", floor, own, direct=False)
            fresh = set(read.ids) - seen
            seen |= fresh
            latest = max((at for at in (latest, *read.times) if at and at <= now), default=None)
            times = [*times[-1:], *read.times[::-1]]
            in_order = in_order and times == sorted(times, reverse=True)
            # A page may be short because some of it is not for us to see.
            end = not fresh or bool(enough and len(read.ids) < SEARCH_LIMIT)
            last = end or number == SEARCH_PAGES - 1
            if not last and enough and in_order and times and times[0] < enough:
                last = True
            elif last:
                place["whole"] = now.isoformat()
            if last and latest:
                place["newest"] = latest.isoformat()
            lost = last and not end and number == SEARCH_PAGES - 1  # the server has more than it lets us ask for
            yield replace(read.page, gap_seconds=(now - (since or now)).total_seconds()) if lost else read.page
            if last:
                return

    async def _statuses(self, names: Sequence[str]) -> dict[str, Any]:
        """Many at once, by id; what an older server does not answer is looked up one by one."""
        answer = await self._server.ask("/api/v1/statuses", tuple(("id[]", name) for name in names))
        try:
            data = answer.json() if answer.status == 200 else []
        except SourceError:
            data = []
        found = data if isinstance(data, list) else []
        return {fields.identifier(one.get("id")): one for one in found if isinstance(one, dict)}

    async def _status(self, name: str, now: datetime) -> Any:
        """One status; None where the server says that it is gone, {} where it does not tell us."""
        answer = await self._server.ask(f"/api/v1/statuses/{quote(name, safe='')}")
        if answer.status in (404, 410):
            return None
        try:
            return whole(answer, now=now).json()
        except Unauthorised:
            return {}


def _time(text: str) -> datetime | None:
    return datetime.fromisoformat(text) if text else None
