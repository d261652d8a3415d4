"""Stack Overflow and the other sites of Stack Exchange (https://api.stackexchange.com/docs/excerpt-search): questions
and answers that hold the words of a watch. Nobody can answer there from here: earful opens the page.

A stream is a site and a watch; its query becomes a few questions, each with its place (gaps). A hit holds an excerpt
and no author; what is new is looked up whole by /posts/{ids}, a hundred at a time. The sites share one quota a day, so
that polls are spread over what is left of it.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from sources.adapters import fields, gaps
from sources.adapters.stackexchange_post import from_hit, from_post, name_of
from sources.asks import Ask, asks
from sources.errors import BadAnswer, RateLimited, SourceError, Unauthorised
from sources.http import Answer, Request
from sources.protocol import Option, Page, Setup, SourceType
from sources.status import whole
from sources.text.clean import clean
from store.domain.desk import SourceConfig
from store.domain.mention import JsonObject, Mention, NewMention
from store.domain.poll import Cursor, Rejected

DEFAULT_URL = "https://api.stackexchange.com"
SITES = ("stackoverflow",)
PER_PAGE = 100
DEEPEST = 25  # pages beyond are for those who log in
BATCH = 100  # ids of one /posts/{ids}
OVERLAP = int(timedelta(hours=2).total_seconds())
ANONYMOUS = 300
A_DAY = timedelta(days=1)
A_MINUTE = timedelta(minutes=1)
SEARCH, POSTS = "/2.3/search/excerpts", "/2.3/posts/{ids}"
# What the API says in `error_name` (https://api.stackexchange.com/docs/error-handling).
THROTTLED, OUT_OF_ORDER = "throttle_violation", ("internal_error", "temporarily_unavailable")
REFUSED = ("access_denied", "access_token_required", "invalid_access_token", "access_token_compromised")


@dataclass(frozen=True, slots=True)
class _Told:
    """One answer: its `items` and what the wrapper says. `rest_until`: the quota of today is used up."""

    items: list[Any]
    more: bool
    quota_left: int | None
    rest_until: datetime | None


class StackExchange:
    kind = SourceType(
        "stackexchange",
        "stackexchange",
        "Questions and answers on Stack Overflow and its sister sites that hold the words of a watch",
        posts_at="stackoverflow.com",
        default_url=DEFAULT_URL,
        login="an API key (it only raises the quota; it is no secret to the sites, but yours)",
        without_account="everything, with 300 requests a day",
        with_account="everything, with 10,000 requests a day; answering is done on the site: earful opens the page",
        quota="300 requests a day, 10,000 with a key; a poll costs 1 a site and question of a watch, 1 more for news",
        guide=(
            "Register an application at https://stackapps.com/apps/oauth/register; it shows a key at once.",
            'Keep it outside the configuration: export STACK_KEY=..., token = "env:STACK_KEY".',
        ),
        options=(
            Option(
                "sites",
                'the sites to read, as the API names them (default ["stackoverflow"])',
                example='["stackoverflow", "serverfault"]',
            ),
        ),
    )

    @staticmethod
    def problems(config: SourceConfig) -> list[str]:
        sites = config.options.get("sites", SITES)
        if not sites or not all(isinstance(site, str) and site.replace(".", "").isalnum() for site in sites):
            return ['`sites` is a list of names, for example sites = ["stackoverflow", "meta.serverfault"]']
        return []

    def __init__(self, setup: Setup) -> None:
        config = setup.config
        self._http, self._key = setup.http, setup.token
        self._url = (config.url or DEFAULT_URL).rstrip("/")
        self._backfill, self._every = config.backfill, config.every
        self._asks: dict[str, tuple[str, list[Ask]]] = {}
        for site in config.options.get("sites", SITES):
            for watch in setup.watches:
                if questions := asks(watch.query):
                    self._asks[f"search:{site}:{watch.name}"] = site, questions
        self._quota = ANONYMOUS  # a day
        self._rest: dict[str, datetime] = {}  # by method: the server wants no such request before

    def streams(self) -> Sequence[str]:
        return list(self._asks)

    async def pages(self, cursor: Cursor, *, now: datetime) -> AsyncIterator[Page]:
        if self._rest.get(SEARCH, now) > now:
            yield Page("nothing yet: it asked for a rest", next_poll_at=self._rest[SEARCH])
            return
        site, questions = self._asks[cursor.stream]
        stored: JsonObject = cursor.bookmark.get("asks", {})
        start = gaps.floor(self._backfill, now)
        places = {ask.text: gaps.opened(stored.get(ask.text), start, OVERLAP) for ask in questions}
        # What waited longest comes first: a small quota may not last for all of them.
        turns = sorted(questions, key=lambda ask: places[ask.text].get("asked", 0))
        new = [(ask, places[ask.text]["gaps"][0]) for ask in turns]
        old = [(ask, gap) for ask in turns for gap in places[ask.text]["gaps"][1:]]
        walks = True
        for ask, gap in new + old:
            if gap["until"] and not walks:
                return
            async for page in self._closed(site, ask, places[ask.text], gap, now):
                places[ask.text]["asked"] = gaps.seconds(now)
                rest = self._rest.get(SEARCH, now)
                wish = rest if rest > now else page.next_poll_at or self._spread(page.quota_left, len(questions), now)
                yield replace(page, bookmark={"asks": deepcopy(places)}, next_poll_at=wish)
                if rest > now or page.next_poll_at is not None:
                    return
                walks = page.quota_left is None or page.quota_left > self._for_news(now)
                if not walks:  # what is below this page waits
                    break

    async def recheck(self, mentions: Sequence[Mention], *, now: datetime) -> Page | None:
        changed: list[NewMention] = []
        deleted: list[str] = []
        sites = sorted({mention.external_id.partition("/")[0] for mention in mentions})
        for site in sites:
            of_site = [mention for mention in mentions if mention.external_id.partition("/")[0] == site]
            for start in range(0, len(of_site), BATCH):
                batch = of_site[start : start + BATCH]
                posts = await self._posts(site, [one.external_id.rpartition("/")[2] for one in batch], now)
                for mention in batch:
                    post = posts.get(mention.external_id)
                    if post is None:  # asked for by its id and not given: it is deleted
                        deleted.append(mention.external_id)
                        continue
                    again = from_post(post, site)
                    if clean(again)[1] != mention.text and again.edited_at is not None:
                        changed.append(replace(again, parent=mention.parent, thread=mention.thread))
            if len(deleted) >= len(of_site) and deleted[-len(of_site) :] == [one.external_id for one in of_site]:
                told = await self._ask(POSTS, "/2.3/posts", (("site", site), ("pagesize", "1")), now)
                if not told.items:
                    raise BadAnswer(f"{self._url} gives no post of {site} at all: not taken for deletions")
        return Page(f"{len(mentions)} originals", changed, deleted=deleted)

    async def _closed(
        self, site: str, ask: Ask, place: JsonObject, gap: JsonObject, now: datetime
    ) -> AsyncIterator[Page]:
        async def hits(window: gaps.Window) -> gaps.Got:
            params = [
                ("q", ask.text),
                ("site", site),
                ("sort", "creation"),
                ("order", "desc"),
                ("pagesize", str(PER_PAGE)),
                ("page", str(window.page)),
            ]
            params += [("min", str(window.since))] if window.since else []
            params += [("max", str(window.until))] if window.until else []
            told = await self._ask(SEARCH, SEARCH, tuple(params), now)
            return await self._read(site, ask, told, place, now, page=window.page)

        async for page in gaps.closed(place, gap, hits, deepest=DEEPEST, overlap=OVERLAP, latest=gaps.seconds(now)):
            yield page

    async def _read(self, site: str, ask: Ask, told: _Told, place: JsonObject, now: datetime, *, page: int) -> gaps.Got:
        """What is known is left out: an excerpt would look like an edit of the whole post."""
        mentions: list[NewMention] = []
        rejected: list[Rejected] = []
        orders: dict[str, int] = {}
        for hit in reversed(told.items):
            try:
                mention = from_hit(hit, site)
            except ValueError as error:
                where = fields.identifier(hit.get("question_id")) if isinstance(hit, dict) else ""
                rejected.append(Rejected(where or "a hit", str(error), fields.raw(hit)))
                continue
            orders[mention.external_id] = gaps.seconds(mention.created_at)
            if mention.external_id not in place["known"] and orders[mention.external_id] >= place["floor"]:
                mentions.append(mention)
        quota_left, rest = told.quota_left, told.rest_until
        if mentions and rest is None:
            try:
                names = [mention.external_id.rpartition("/")[2] for mention in mentions]
                posts = await self._posts(site, names, now)
                mentions = [_completed(mention, posts, site) for mention in mentions]
            except SourceError:
                pass  # the excerpts are better than nothing
        asked = f"{site}: {ask.text} page {page}"
        found = Page(asked, mentions, rejected, next_poll_at=rest, quota_left=quota_left)
        return gaps.Got(found, orders, told.more)

    async def _posts(self, site: str, names: Sequence[str], now: datetime) -> Mapping[str, JsonObject]:
        """By external id. Raises SourceError."""
        if self._rest.get(POSTS, now) > now:
            raise RateLimited(f"{self._url} asked for a rest", self._rest[POSTS])
        params = (("site", site), ("filter", "withbody"), ("pagesize", str(BATCH)))
        told = await self._ask(POSTS, POSTS.format(ids=";".join(names)), params, now)
        found: dict[str, JsonObject] = {}
        for post in told.items:
            try:
                found[name_of(post, site)] = post
            except ValueError:
                raise BadAnswer(f"{self._url} gave a post that is none") from None
        return found

    async def _ask(self, method: str, path: str, params: tuple[tuple[str, str], ...], now: datetime) -> _Told:
        """One request. `backoff` may come with any answer and holds for the method. Raises SourceError."""
        key = (("key", self._key.reveal()),) if self._key is not None else ()
        label = f"{self._url}{path if method == SEARCH else '/2.3/posts'}"
        answer = await self._http.fetch(Request("GET", f"{self._url}{path}", params + key, label=label))
        told = _wrapper(answer, label, now)
        backoff = fields.count(told.get("backoff"))
        if backoff:
            self._rest[method] = now + timedelta(seconds=min(backoff, A_DAY.total_seconds()))
        left = fields.count(told.get("quota_remaining"))
        self._quota = fields.count(told.get("quota_max")) or self._quota
        return _Told(told["items"], told.get("has_more") is True, left, _midnight(now) if left == 0 else None)

    def _for_news(self, now: datetime) -> float:
        """Requests that a walk back leaves alone: half of what the rest of the day is due."""
        return self._quota * ((_midnight(now) - now) / A_DAY) / 2

    def _spread(self, left: int | None, asked: int, now: datetime) -> datetime | None:
        """When to ask next so that today's quota lasts until it is renewed; None: as often as configured. A question
        costs 2, since what it finds is looked up."""
        if not left:
            return None
        pace = (_midnight(now) - now) * (2 * asked * len(self._asks) / left)
        return now + pace if pace > self._every else None


def _completed(mention: NewMention, posts: Mapping[str, JsonObject], site: str) -> NewMention:
    """The whole post in place of the excerpt; what only the hit says stays."""
    post = posts.get(mention.external_id)
    if post is None:
        return mention
    full = from_post(post, site)
    return replace(full, title=full.title or mention.title, parent=mention.parent, thread=mention.thread)


def _wrapper(answer: Answer, label: str, now: datetime) -> JsonObject:
    """The common wrapper (https://api.stackexchange.com/docs/wrapper). An error comes as JSON with whatever status."""
    try:
        given: Any = answer.json()
    except BadAnswer:
        whole(answer, now=now)
        raise
    told: JsonObject = given if isinstance(given, dict) else {}
    name = fields.text(told.get("error_name"))
    if name == THROTTLED:
        raise RateLimited(f"{label}: too many requests", _throttled_until(fields.text(told.get("error_message")), now))
    if name in REFUSED:
        raise Unauthorised(f"{label}: the key is refused; check the token")
    if name and name not in OUT_OF_ORDER and answer.status < 500:
        raise BadAnswer(f"{label} does not take the question ({fields.identifier(name)[:60]}); check `sites` and token")
    whole(answer, now=now)
    if not isinstance(told.get("items"), list):
        raise BadAnswer(f"{label} answered without items")
    return told


def _throttled_until(words: str, now: datetime) -> datetime:
    """ "too many requests from this IP, more requests available in 26114 seconds"."""
    numbers = [int(word) for word in words.split() if word.isascii() and word.isdigit() and len(word) < 7]
    return now + (timedelta(seconds=numbers[-1]) if numbers else A_MINUTE)


def _midnight(now: datetime) -> datetime:
    """Quotas are renewed at midnight UTC."""
    return datetime(now.year, now.month, now.day, tzinfo=UTC) + A_DAY
