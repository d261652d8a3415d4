"""X (https://docs.x.com/x-api): posts of the last seven days that hold the words of a watch, what names our account,
and answers (x_answer).

A stream's bookmark has a place for every question of it. `since` is the newest post that is stored; `walks`, newest
first, are what is not stored yet: from the page `next` down to the `bounds` it was asked with. A poll asks for what is
newer than `since`, and takes since from that first page alone; then it goes on with the walks. `asked` is when it was
last asked: what is older than seven days by the next time is lost, and told as a gap.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from copy import deepcopy
from datetime import UTC, datetime, time, timedelta
from typing import Any
from urllib.parse import quote

from sources.adapters import fields
from sources.adapters.x_answer import XAnswers
from sources.adapters.x_post import FIELDS, from_post, users_of, written_at
from sources.adapters.x_query import queries
from sources.adapters.x_server import AUTHOR_PRICE, DEFAULT_URL, POST_PRICE, Got, Invalid, Params, Server
from sources.errors import BadAnswer
from sources.protocol import Option, Page, Setup, SourceType
from sources.text.clean import clean
from store.domain.desk import SourceConfig
from store.domain.mention import JsonObject, Mention, NewMention
from store.domain.poll import Cursor, Rejected

MENTIONS, PREFIX = "mentions", "search:"
A_PAGE, SMALLEST_PAGE = 100, 10
REACH = timedelta(days=7) - timedelta(minutes=1)  # how far back a search goes
A_DAY = timedelta(days=1)
LEEWAY = 120.0  # seconds that are no gap: a backfill of seven days is all that X gives
LATEST_START = timedelta(minutes=1)  # a search ends half a minute ago, and must begin before that
BATCH = 100
NOT_FOUND = "resource-not-found"


class X(XAnswers):
    kind = SourceType(
        "x",
        "x",
        "Posts on X of the last seven days that hold the words of a watch, and what names your account",
        posts_at="x.com",
        default_url=DEFAULT_URL,
        login="an access token of your account (tweet.read, users.read, tweet.write), or an app's bearer token to read",
        without_account="nothing: X is paid for by use",
        with_account="search of seven days, mentions of the account, answers to who named or quoted it",
        can_answer=True,
        length="280, where an emoji or a Chinese sign counts 2 and a link 23",
        quota=f"paid by use: ${POST_PRICE:.3f} a post read and ${AUTHOR_PRICE:.3f} its author, once a day each; "
        "an answer $0.010 to $0.015, with a link $0.200. A poll that finds nothing costs nothing; "
        "450 searches in 15 minutes",
        guide=(
            "On console.x.com make an app, buy credits and set a spending limit there.",
            "To read only: Keys and tokens, Bearer Token; account = your account's numeric id brings its mentions.",
            "To answer too: set up user authentication (read and write), and take a token with the scopes tweet.read, "
            "tweet.write, users.read and offline.access.",
            'It lasts two hours; give client_id and refresh_token instead of token, and it is renewed by itself.',
            "Set budget, so that a busy day cannot cost more than you want.",
        ),
        options=(
            Option("account", "the numeric id of your account (default: the one the token is of)", example='"783214"'),
            Option("mentions", "also what names the account (default true)", example="true"),
            Option("budget", "whole dollars a day; when it is used up, nothing more is read that day", example="5"),
            Option("client_id", "of the app, to renew the token", example='"bG9uZy1jbGllbnQtaWQ"'),
            Option("client_secret", "of the app, where it has one", secret=True, example='"env:X_CLIENT_SECRET"'),
            Option("refresh_token", "instead of token: what it is renewed with", secret=True,
                   example='"env:X_REFRESH_TOKEN"'),
        ),
    )  # fmt: skip

    @staticmethod
    def problems(config: SourceConfig) -> list[str]:
        options = config.options
        if options.get("refresh_token") and not options.get("client_id"):
            return ['`client_id` is missing: a token is renewed with it, for example client_id = "bG9uZy1jbGllbnQtaWQ"']
        if not (config.token or options.get("refresh_token")):
            return ['`token` is missing, for example token = "env:X_TOKEN"']
        if not str(options.get("account") or "0").isdigit():
            return ['`account` is the numeric id, for example account = "783214"']
        budget = options.get("budget", 1)
        return [] if budget > 0 else ["`budget` is at least 1"]

    @staticmethod
    def obstacle(config: SourceConfig) -> str:
        has_login = config.token or config.options.get("refresh_token")
        return "" if has_login else f"the source {config.name} has no token, so it can only read"

    def __init__(self, setup: Setup) -> None:
        super().__init__(Server(setup))
        self._backfill = setup.config.backfill
        found = {f"{PREFIX}{watch.name}": queries(watch.query) for watch in setup.watches}
        self._queries = {stream: asked for stream, asked in found.items() if asked}
        self._mentions = bool(setup.config.options.get("mentions", True))

    def streams(self) -> Sequence[str]:
        return [*self._queries, *([MENTIONS] if self._mentions else [])]

    async def pages(self, cursor: Cursor, *, now: datetime) -> AsyncIterator[Page]:
        mark: JsonObject = deepcopy(cursor.bookmark)
        if "floor" not in mark:
            mark = {"floor": "" if self._backfill is None else (now - self._backfill).isoformat(), "places": {}}
        spent = self._out_of_budget(now)
        if spent is not None:
            yield spent
            return
        own = await self._server.account_id(now=now)
        if cursor.stream == MENTIONS and not own:
            later = now + timedelta(hours=1)
            yield Page("mentions: X does not say whose the token is; give `account`", next_poll_at=later)
            return
        asked = [""] if cursor.stream == MENTIONS else self._queries[cursor.stream]
        mark["places"] = {one: mark["places"].get(one, {"since": "", "asked": "", "walks": []}) for one in asked}
        async for page in self._all(asked, mark, own, now):
            yield page
            if page.next_poll_at is not None:
                return

    async def recheck(self, mentions: Sequence[Mention], *, now: datetime) -> Page | None:
        spent = self._out_of_budget(now)
        if spent is not None:
            return spent
        own = await self._server.account_id(now=now)
        there: dict[str, NewMention] = {}
        gone: set[str] = set()
        names = [one.native_id for one in mentions]
        while names:
            batch, names = names[:BATCH], names[BATCH:]
            got = await self._server.get("/2/tweets", (("ids", ",".join(batch)), *FIELDS), now=now)
            found, _ = _understood(got.data, own, direct=False)
            there |= {one.external_id: one for one in found}
            gone |= {name for name in _not_found(got.data) if name in batch}
            # Asked for by its first id, a post comes as it was first: the last version has an id of its own.
            last = {name: _last_version(item) for name, item in _by_id(got.data).items()}
            names += [newer for name, newer in last.items() if newer != name and newer not in batch]
        changed = [
            there[one.external_id]
            for one in mentions
            if one.external_id in there and clean(there[one.external_id]) != (one.title, one.text)
        ]
        deleted = [one.external_id for one in mentions if one.native_id in gone]
        return Page(f"{len(mentions)} originals", changed, deleted=deleted)

    async def _all(self, asked: Sequence[str], mark: JsonObject, own: str, now: datetime) -> AsyncIterator[Page]:
        """What is new of every question, longest waiting first, then what is left open."""
        asked = sorted(asked, key=lambda query: str(mark["places"][query]["asked"]))
        for query in asked:
            spent = self._out_of_budget(now)
            yield spent or await self._newest(query, mark, own, now)
            if spent is not None:
                return
        for query in asked:
            seen: set[str] = set()
            while mark["places"][query]["walks"]:
                spent = self._out_of_budget(now)
                yield spent or await self._walk_on(query, mark, own, now, seen)
                if spent is not None:
                    return

    async def _newest(self, query: str, mark: JsonObject, own: str, now: datetime) -> Page:
        """One page. Of a search, what is older than it reaches back cannot be asked for by its id."""
        place, edge = mark["places"][query], now - REACH
        since, known = place["since"], _time(place["asked"] or mark["floor"])
        if query and since and written_at(since) <= edge:
            since = ""
        bounds = (("since_id", since),) if since else _start(mark["floor"], edge if query else None, now)
        try:
            got = await self._ask(query, own, bounds, now)
        except Invalid:
            if not since:
                raise
            bounds = _start("", edge, now)  # X thinks it too old before we do
            got = await self._ask(query, own, bounds, now)
        meta = _meta(got)
        further, newest = fields.place(meta.get("next_token")), fields.identifier(meta.get("newest_id"))
        if further:
            place["walks"] = [{"next": further, "bounds": [list(bound) for bound in bounds]}, *place["walks"]]
        if newest.isdecimal() and _is_past(newest, now):
            place["since"] = max(newest, place["since"] or "0", key=int)
        place["asked"] = now.isoformat()
        gap = (edge - known).total_seconds() if query and known else 0.0
        return self._page(query, mark, got, own, bounds, gap if gap > LEEWAY else 0.0)

    async def _walk_on(self, query: str, mark: JsonObject, own: str, now: datetime, seen: set[str]) -> Page:
        """One page further; a walk whose page has nothing that this poll has not `seen` is at its end."""
        walks = mark["places"][query]["walks"]
        walk = walks[0]
        bounds = tuple((name, value) for name, value in walk["bounds"])
        try:
            got = await self._ask(query, own, bounds, now, further=walk["next"])
        except Invalid as error:  # what it leads to is older than X gives by now
            walks.pop(0)
            low = dict(bounds)
            lost = written_at(low["since_id"]) if "since_id" in low else _time(low.get("start_time", ""))
            gap = max(1.0, (now - REACH - lost).total_seconds()) if lost else 1.0
            return Page(f"{query or MENTIONS}: not to its end ({error})", bookmark=deepcopy(mark), gap_seconds=gap)
        further = fields.place(_meta(got).get("next_token"))
        fresh = _by_id(got.data).keys() - seen
        seen |= fresh
        if further and fresh:
            walk["next"] = further
        else:
            walks.pop(0)
        return self._page(query, mark, got, own, bounds, 0.0)

    async def _ask(self, query: str, own: str, bounds: Params, now: datetime, *, further: str = "") -> Got:
        left = self._server.spending.left(now)
        size = A_PAGE if left is None else int(left / (POST_PRICE + AUTHOR_PRICE))
        params: Params = (("max_results", str(max(SMALLEST_PAGE, min(A_PAGE, size)))), *bounds, *FIELDS)
        if query:
            token: Params = (("next_token", further),) if further else ()
            got = await self._server.get("/2/tweets/search/recent", (("query", query), *params, *token), now=now)
        else:
            token = (("pagination_token", further),) if further else ()
            got = await self._server.get(f"/2/users/{quote(own, safe='')}/mentions", params + token, now=now)
        if not isinstance(got.data.get("data", []), list) or not ("meta" in got.data or "data" in got.data):
            raise BadAnswer(f"{self._server.url} answered without posts")
        return got

    def _page(self, query: str, mark: JsonObject, got: Got, own: str, bounds: Params, gap: float) -> Page:
        found, rejected = _understood(got.data, own, direct=not query)
        floor = _time(mark["floor"])
        found = [one for one in found if floor is None or one.created_at >= floor]
        asked = " ".join([query or MENTIONS, *(f"{name}={value}" for name, value in bounds)])
        return Page(
            asked, found, rejected, bookmark=deepcopy(mark), next_poll_at=got.rest_until, gap_seconds=gap,
            quota_left=got.quota_left,
        )  # fmt: skip

    def _out_of_budget(self, now: datetime) -> Page | None:
        """What is said instead of asking, where the day's budget is used up."""
        spending = self._server.spending
        left = spending.left(now)
        if left is None or left >= POST_PRICE + AUTHOR_PRICE:
            return None
        tomorrow = datetime.combine(now.astimezone(UTC).date() + timedelta(days=1), time(), UTC)
        why = f"nothing: the day's budget of ${spending.budget:g} is used up (${spending.spent(now):.2f} read)"
        return Page(why, next_poll_at=tomorrow, quota_left=0, note=why)


def _understood(answer: JsonObject, own: str, *, direct: bool) -> tuple[list[NewMention], list[Rejected]]:
    """Oldest first."""
    users = users_of(answer)
    found: list[NewMention] = []
    rejected: list[Rejected] = []
    for item in _items(answer):
        try:
            found.append(from_post(item, users, own=own, direct=direct))
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            name = fields.identifier(item.get("id")) if isinstance(item, dict) else ""
            rejected.append(Rejected(name or "a post", f"not a post ({type(error).__name__})", fields.raw(item)))
    found.sort(key=lambda one: int(one.native_id))
    return found, rejected


def _start(floor: str, edge: datetime | None, now: datetime) -> Params:
    """start_time of a first question; none where nothing bounds it."""
    bounds = [at for at in (_time(floor), edge) if at is not None]
    if not bounds:
        return ()
    return (("start_time", min(max(bounds), now - LATEST_START).astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")),)


def _time(text: str) -> datetime | None:
    return datetime.fromisoformat(text) if text else None


def _is_past(name: str, now: datetime) -> bool:
    """Or nearly so: an id that is still to come would hide all until then."""
    try:
        return written_at(name) <= now + A_DAY
    except ValueError:
        return False


def _items(answer: JsonObject) -> list[Any]:
    data = answer.get("data")
    return data if isinstance(data, list) else []


def _meta(got: Got) -> JsonObject:
    meta = got.data.get("meta")
    return meta if isinstance(meta, dict) else {}


def _by_id(answer: JsonObject) -> dict[str, Any]:
    return {fields.identifier(one.get("id")): one for one in _items(answer) if isinstance(one, dict)}


def _last_version(item: JsonObject) -> str:
    history = item.get("edit_history_tweet_ids")
    names = [one for one in map(fields.identifier, history if isinstance(history, list) else ()) if one.isdecimal()]
    return max([*names, fields.identifier(item.get("id"))], key=lambda name: int(name) if name.isdecimal() else 0)


def _not_found(answer: JsonObject) -> list[str]:
    errors = answer.get("errors")
    return [
        fields.identifier(one.get("resource_id") or one.get("value"))
        for one in (errors if isinstance(errors, list) else ())
        if isinstance(one, dict) and fields.text(one.get("type")).endswith(NOT_FOUND)
    ]
