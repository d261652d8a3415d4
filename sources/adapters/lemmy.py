"""Lemmy (https://join-lemmy.org/api/): posts and comments that hold the words of a watch, as far as one instance knows
them; with a token also what is addressed to the account, and answers (lemmy_answer).

A stream has several lines (a question for posts and one for comments, ...), each with its place in the bookmark:
`floor` is first contact minus `backfill`, `newest` the time of the newest item, `gaps`, newest first, what is not read
yet: from `at` (a page number, a cursor, "" the top) down to `since`. A poll opens a gap above all others and reads it
first, then those that earlier polls left open. An item may come from another instance long after it was
written: ten minutes before `newest` are always read again, and once an hour (`looked`) a day.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from copy import deepcopy
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from sources.adapters import fields
from sources.adapters.lemmy_answer import LemmyAnswers
from sources.adapters.lemmy_server import V3, V4, Got, Params, Server, checked, reason
from sources.adapters.lemmy_view import NETWORK, from_view, is_gone
from sources.asks import Ask, asks
from sources.errors import BadAnswer
from sources.protocol import Option, Page, Setup, SourceType
from store.domain.mention import JsonObject, Mention, NewMention
from store.domain.poll import Cursor, Rejected

DEFAULT_URL = "https://lemmy.world"
LIMIT = 50
GAPS = 8
OVERLAP, LOOK_BACK, LOOK_EVERY = 600.0, 86400.0, 3600.0
SLACK = 60  # seconds by which the instance's clock may be behind
NOT_THERE = {"not_found", "couldnt_find_post", "couldnt_find_comment"}


@dataclass(frozen=True, slots=True)
class _Line:
    """`what` is posts or comments (of a search for `words`), mentions or replies (of our notifications)."""

    what: str
    words: str = ""

    @property
    def key(self) -> str:
        return f"{self.what}:{self.words}"


@dataclass(frozen=True, slots=True)
class _Read:
    """One answer: what names its items, the times by which they stand in the list, where it goes on ("" at the end)."""

    names: list[str]
    times: list[float]
    page: Page
    following: int | str


@dataclass(frozen=True, slots=True)
class _Who:
    """The API that the instance speaks and the id of our account there."""

    api: str
    own: str


class Lemmy(LemmyAnswers):
    kind = SourceType(
        "lemmy",
        NETWORK,
        "Posts and comments on Lemmy that hold the words of a watch; with a token also what is addressed to you",
        default_url=DEFAULT_URL,
        login="the account's jwt",
        without_account="search for posts and comments, of all communities that the instance knows",
        with_account="also mentions of the account and answers to it; answers",
        can_answer=True,
        length="10,000 characters",
        quota="set by the instance (often 60 searches in 10 minutes); a poll costs 2 a question of a watch",
        guide=(
            'Log in by the API: curl -H \'Content-Type: application/json\' -d \'{"username_or_email": "...", '
            '"password": "..."}\' https://lemmy.world/api/v3/user/login (1.0: /api/v4/account/auth/login).',
            'Keep the jwt outside the configuration: export LEMMY_JWT=..., token = "env:LEMMY_JWT".',
            "One large instance is enough: it knows what is said on the others.",
        ),
        options=(
            Option("search", "search for every watch (default true)", example="true"),
            Option(
                "notifications", "with a token: also what is addressed to the account (default true)", example="true"
            ),
        ),
    )

    def __init__(self, setup: Setup) -> None:
        config = setup.config
        super().__init__(Server(setup.http, config.url or DEFAULT_URL, setup.token))
        self._backfill = config.backfill
        self._lines: dict[str, list[_Line]] = {}
        if config.options.get("search", True):
            for watch in setup.watches:
                words = dict.fromkeys(_words(ask) for ask in asks(watch.query))
                if words:
                    lines = [_Line(what, one) for one in words for what in ("posts", "comments")]
                    self._lines[f"search:{watch.name}"] = lines
        if setup.token is not None and config.options.get("notifications", True):
            self._lines["notifications"] = [_Line("mentions"), _Line("replies")]

    def streams(self) -> Sequence[str]:
        return list(self._lines)

    async def pages(self, cursor: Cursor, *, now: datetime) -> AsyncIterator[Page]:
        stored: JsonObject = cursor.bookmark.get("places", {})
        api = await self._server.api(now=now)
        who = _Who(api, await self._server.own_id(now=now))
        lines = {line.key: line for line in self._lines[cursor.stream]}
        if api == V4 and cursor.stream == "notifications":  # there all of them are one list
            lines = {"inbox:": _Line("inbox")}
        places = {key: self._place(stored.get(key), now) for key in lines}
        # Our share of requests may end in the middle: what has waited longest is read first.
        order = sorted(places, key=lambda key: float(places[key]["read"]))
        gaps = [(key, places[key]["gaps"][0]) for key in order]
        gaps += [(key, gap) for key in order for gap in places[key]["gaps"][1:]]
        for key, gap in gaps:
            async for page in self._close(lines[key], places[key], gap, who, now):
                yield replace(page, bookmark={"places": deepcopy(places)})
                if page.next_poll_at is not None:
                    return

    async def recheck(self, mentions: Sequence[Mention], *, now: datetime) -> Page | None:
        api, own = await self._server.api(now=now), await self._server.own_id(now=now)
        changed: list[NewMention] = []
        deleted: list[str] = []
        for mention in mentions:
            post, _, comment = mention.native_id.partition("/")
            path, name = (f"/api/{api}/comment", comment) if comment else (f"/api/{api}/post", post)
            answer = await self._server.ask(path, (("id", name),), signed=False)
            if answer.status in (400, 404) and reason(answer) in NOT_THERE:
                deleted.append(mention.external_id)
                continue
            told = checked(answer, now).json()
            view = told.get("comment_view" if comment else "post_view") if isinstance(told, dict) else None
            try:
                again, gone = from_view(view, own=own), is_gone(view)
            except ValueError:
                continue  # what cannot be read is neither changed nor gone
            if again.external_id != mention.external_id:
                continue
            if gone:
                deleted.append(mention.external_id)
            elif again.edited_at is not None and (mention.edited_at is None or again.edited_at > mention.edited_at):
                changed.append(again)
        return Page(f"{len(mentions)} originals", changed, deleted=deleted)

    def _place(self, stored: JsonObject | None, now: datetime) -> JsonObject:
        """Where a line stands, with a gap above all that is known."""
        floor = 0.0 if self._backfill is None else (now - self._backfill).timestamp()
        place: JsonObject = {"floor": floor, "newest": floor, "looked": 0.0, "read": 0.0, "gaps": []}
        place |= deepcopy(stored or {})
        left = [gap for gap in place["gaps"] if gap["at"]]
        unread = [gap["since"] for gap in place["gaps"] if not gap["at"]]  # their turn did not come
        if len(left) > GAPS:
            left = [*left[: GAPS - 1], left[GAPS - 1] | {"since": left[-1]["since"]}]
        for gap in left:
            # Pages move down as new items come, and up by one or two as some go.
            gap["at"] = max(gap["at"] - 1, 1) if isinstance(gap["at"], int) else gap["at"]
        deep = now.timestamp() - place["looked"] >= LOOK_EVERY
        since = max(place["newest"] - (LOOK_BACK if deep else OVERLAP), place["floor"])
        place["looked"] = now.timestamp() if deep else place["looked"]
        place["gaps"] = [{"since": min([since, *unread]), "at": ""}, *left]
        return place

    async def _close(
        self, line: _Line, place: JsonObject, gap: JsonObject, who: _Who, now: datetime
    ) -> AsyncIterator[Page]:
        """Read a gap from where it stands down, moving `place` with every page."""
        seen: set[str] = set()
        place["read"], begun_again = now.timestamp(), False
        while True:
            try:
                read = await self._read(line, gap, place["floor"], who, now)
            except BadAnswer:
                if begun_again or not gap["at"]:
                    raise
                gap["at"], begun_again = "", True  # a place that the instance does not know any more
                read = await self._read(line, gap, place["floor"], who, now)
            fresh = set(read.names) - seen
            seen |= fresh
            place["newest"] = max([place["newest"], *(at for at in read.times if at <= now.timestamp())])
            # A search of 1.0 is not sorted by time; it is limited to the time instead.
            sorted_by_time = who.api == V3 or line.what == "inbox"
            reached = sorted_by_time and bool(read.times) and read.times[-1] < gap["since"]
            done = not fresh or reached or not read.following
            if done:
                place["gaps"].remove(gap)
            else:
                gap["at"] = read.following
            yield read.page
            if done:
                return

    async def _read(self, line: _Line, gap: JsonObject, floor: float, who: _Who, now: datetime) -> _Read:
        api = who.api
        at = gap["at"] if isinstance(gap["at"], int if api == V3 else str) else ""
        path, params, name = _question(line, gap["since"], at, api, now)
        got = await self._server.get(path, params, now=now, signed=not line.words)
        items = got.data.get(name)
        if not isinstance(items, list):
            raise BadAnswer(f"{self._server.url}{path} answered without {name}")
        following = int(at or 1) + 1 if api == V3 else fields.place(got.data.get("next_page"))
        asked = " ".join([path, *(f"{key}={value}" for key, value in params)])
        return _understood(line, items, got, asked, floor, who.own, following)


def _question(line: _Line, since: float, at: int | str, api: str, now: datetime) -> tuple[str, Params, str]:
    """(path, parameters, the list's name in the answer)."""
    size = ("limit", str(LIMIT))
    if api == V4:
        place = (("page_cursor", str(at)),) if at else ()
        if line.what == "inbox":
            return "/api/v4/account/notification/list", (size, *place), "items"
        span = (("time_range_seconds", str(int(now.timestamp() - since) + SLACK)),) if since else ()
        return "/api/v4/search", (("search_term", line.words), ("type_", line.what), size, *span, *place), line.what
    paging = (("sort", "New"), size, ("page", str(at or 1)))
    if line.words:
        what = (("q", line.words), ("type_", line.what.capitalize()), ("listing_type", "All"))
        return "/api/v3/search", (*what, *paging), line.what
    return {"mentions": "/api/v3/user/mention", "replies": "/api/v3/user/replies"}[line.what], paging, line.what


def _understood(
    line: _Line, items: list[Any], got: Got, asked: str, floor: float, own: str, following: int | str
) -> _Read:
    names: list[str] = []
    times: list[float] = []
    mentions: list[NewMention] = []
    rejected: list[Rejected] = []
    deleted: list[str] = []
    for item in items:
        try:
            view, at = _view(line, item)
            if view is None:
                names.append(fields.digest(fields.raw(item).decode()))
                times += [fields.moment(at).timestamp()] if at else []
                continue
            mention = from_view(view, own=own, direct=not line.words)
            names.append(mention.external_id)
            times.append(fields.moment(at).timestamp() if at else mention.created_at.timestamp())
        except ValueError as error:
            raw = fields.raw(item)
            names.append(fields.digest(raw.decode()))
            rejected.append(Rejected("an item", str(error), raw))
            continue
        if is_gone(view):
            deleted.append(mention.external_id)
        elif times[-1] >= floor:
            mentions.append(mention)
    page = Page(
        asked,
        sorted(mentions, key=lambda mention: mention.created_at),
        rejected,
        deleted,
        next_poll_at=got.rest_until,
        quota_left=got.quota_left,
    )
    return _Read(names, times, page, following)


def _view(line: _Line, item: Any) -> tuple[Any, Any]:
    """(the post or comment, None for what is neither addressed to us nor one; when we were told, where it says so).
    Raises ValueError."""
    if line.words:
        return item, None
    if not isinstance(item, dict):
        raise ValueError("not a notification")
    if line.what != "inbox":
        told = item.get("person_mention" if line.what == "mentions" else "comment_reply")
        return item, told.get("published") if isinstance(told, dict) else None
    told, data = item.get("notification"), item.get("data")
    if not isinstance(told, dict) or not isinstance(data, dict):
        raise ValueError("not a notification")
    ours = told.get("kind") in ("mention", "reply") and data.get("type_") in ("post", "comment")
    return data if ours else None, told.get("published_at")


def _words(ask: Ask) -> str:
    """Lemmy looks for the words one after the other with anything between, so of several terms the longest is asked."""
    return max((term.words for term in ask.terms), key=len)
