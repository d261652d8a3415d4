"""Reviews of our places on Google Maps, by the Google Business Profile API v4
(https://developers.google.com/my-business/reference/rest/v4/accounts.locations.reviews).

Where `locations` are configured each is a stream; else one stream reads every location of the account in turn. A review
keeps its name when it is rewritten. Our answer is a part of it and replaces the one before, so that sending it again
does no harm.
"""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Sequence
from copy import deepcopy
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from sources.adapters import fields, posting
from sources.adapters.google_list import Item, Listed, Reader, Scan, begin
from sources.adapters.google_login import (
    ACCOUNT_OPTIONS,
    Google,
    document,
    items,
    login_problems,
    reviewer,
    stars,
    understood,
)
from sources.errors import BadAnswer, Refused, SourceError, Unauthorised
from sources.protocol import Option, Page, ReadBack, Receipt, Setup, SourceType
from store.domain.clock import utcnow
from store.domain.delivery import Delivery
from store.domain.desk import SourceConfig
from store.domain.mention import JsonObject, Mention, MentionType, NewAuthor, NewMention
from store.domain.poll import Cursor, Rejected

URL = "https://mybusiness.googleapis.com"
ACCOUNTS_URL = "https://mybusinessaccountmanagement.googleapis.com"
LOCATIONS_URL = "https://mybusinessbusinessinformation.googleapis.com"
SCOPE = "https://www.googleapis.com/auth/business.manage"
NETWORK = "googlebusiness"
LIMIT = 4096
PAGE_SIZE = 50
REMEMBER, REMEMBER_OF_MANY = 500, 60
SCAN = Scan(every=timedelta(days=1), back=timedelta(days=30))
LIST_EVERY = timedelta(hours=6)
A_MINUTE = 100  # locations; 300 requests a minute are allowed
QUIET = 20  # locations without news that share one page
RATINGS = {"ONE": 1, "TWO": 2, "THREE": 3, "FOUR": 4, "FIVE": 5}
PREFIX, ALL = "reviews:", "reviews"
_TRANSLATED = "(Translated by Google)"
_ORIGINAL = "(Original)"


class GoogleBusiness:
    replaces = True
    kind = SourceType(
        "googlebusiness",
        NETWORK,
        "Reviews of your places on Google Maps, and answers to them",
        default_url=URL,
        login=f"an access token with the scope {SCOPE}",
        without_account="nothing",
        with_account="reviews of all your verified locations, and answers",
        can_answer=True,
        length="4,096 bytes",
        quota="300 requests a minute; a poll costs 1 a location",
        guide=(
            "Ask Google for access to the Business Profile APIs (a form; without it the quota is 0).",
            "Google Cloud console: switch on the My Business APIs, create an OAuth client.",
            f"Log in once as an owner or manager, scope {SCOPE}, and keep the refresh token it gives.",
            'refresh_token = "env:GOOGLE_REFRESH_TOKEN", with client_id and client_secret.',
        ),
        options=(
            Option("account", "its number (default: every account of the login)", example='"1234567890"'),
            Option("locations", "their numbers (default: all of the account)", example='["9876543210"]'),
            *ACCOUNT_OPTIONS,
        ),
    )

    @staticmethod
    def problems(config: SourceConfig) -> list[str]:
        locations = config.options.get("locations", [])
        if not all(isinstance(one, str) and one for one in locations):
            return ['`locations` is a list of numbers in quotes, for example locations = ["9876543210"]']
        if any("accounts/" not in one for one in locations) and not config.options.get("account"):
            return ['`locations` also need their `account`, for example account = "1234567890"']
        return login_problems(config)

    @staticmethod
    def obstacle(config: SourceConfig) -> str:
        return "" if not login_problems(config) else f"the source {config.name} has no login, so it can only read"

    def __init__(self, setup: Setup) -> None:
        config = setup.config
        self._google = Google(setup, URL, SCOPE)
        self._backfill, self._every = config.backfill, config.every
        account = str(config.options.get("account", "")).removeprefix("accounts/")
        self._account = f"accounts/{account}" if account else ""
        named = [_location(str(one), self._account) for one in config.options.get("locations", ())]
        self._locations = {f"{PREFIX}{name}": name for name in named}

    def streams(self) -> Sequence[str]:
        return list(self._locations) or [ALL]

    async def pages(self, cursor: Cursor, *, now: datetime) -> AsyncIterator[Page]:
        location = self._locations.get(cursor.stream)
        mark = deepcopy(cursor.bookmark)
        if location is None:
            async for page in self._all(mark, now):
                yield page
            return
        place = mark or begin(now, self._backfill)
        async for _, page in self._reader(location, place, REMEMBER, now).pages():
            yield replace(page, bookmark=deepcopy(place))

    async def recheck(self, mentions: Sequence[Mention], *, now: datetime) -> Page | None:
        changed: list[NewMention] = []
        deleted: list[str] = []
        for mention in (one for one in mentions if not one.ours):
            review = await self._review(mention, now)
            if review is None:
                deleted.append(mention.external_id)
                continue
            try:
                again, *answer = _mentions(review, "")
            except ValueError:
                continue  # what cannot be read is neither changed nor gone
            if again.edited_at is not None and again.edited_at > (mention.edited_at or mention.created_at):
                changed.append(again)
            changed += answer
        if deleted and not changed:  # what does not know the location either has lost no review
            location = deleted[0].partition("/reviews/")[0]
            await self._google.get(f"/v4/{location}/reviews", (("pageSize", "1"),), now=now)
        return Page(f"{len(mentions)} originals", changed, deleted=deleted)

    async def length(self, text: str, *, handle: str) -> tuple[int, int]:
        return len(text.encode()), LIMIT

    def compose(self, mention: Mention) -> str:
        return ""

    async def send(self, delivery: Delivery, parent: Mention) -> Receipt:
        if parent.ours:
            raise Refused("this is our own answer; answer the review")
        await self._google.post(f"/v4/{posting.place(parent)}/reply", method="PUT", json={"comment": delivery.text})
        return _receipt(parent)

    async def read_back(self, delivery: Delivery, parent: Mention) -> ReadBack:
        """Our answer is a part of the review, so that a look at the review proves either."""
        review = await self._review(parent, utcnow())
        answer = _reply(review or {})
        try:
            at = fields.moment(answer.get("updateTime"))
        except ValueError:
            at = None
        text = original(fields.text(answer.get("comment")))
        return posting.only_answer(delivery.text, text, at, _receipt(parent), posting.since(delivery))

    async def _all(self, mark: JsonObject, now: datetime) -> AsyncIterator[Page]:
        """Every location of the login, each with a place of its own; those without news share a page now and then.
        A poll that was broken off goes on behind the location that it read last."""
        if not mark.get("listed") or now - datetime.fromisoformat(mark["listed"]) >= LIST_EVERY:
            names = await self._listed(now)
            places: JsonObject = mark.get("places", {})
            mark = {"listed": now.isoformat(), "last": mark.get("last", ""), "names": names}
            mark["places"] = {name: places[name] for name in names if name in places}
        names = mark["names"]
        start = names.index(mark["last"]) + 1 if mark["last"] in names else 0
        wait = max(self._every, timedelta(minutes=len(names) / A_MINUTE))
        trouble: SourceError | None = None
        read = 0
        for number, name in enumerate(names[start:] + names[:start], 1):
            place = mark["places"].setdefault(name, begin(now, self._backfill))
            try:
                async for fresh, page in self._reader(name, place, REMEMBER_OF_MANY, now).pages():
                    if fresh:
                        yield replace(page, bookmark=deepcopy(mark), next_poll_at=now + wait)
                read += 1
            except (BadAnswer, Unauthorised) as error:  # a location that is not verified has none to give
                trouble = error
            mark["last"] = name
            if number % QUIET == 0:
                yield Page(f"reviews of {number} locations", bookmark=deepcopy(mark), next_poll_at=now + wait)
        if trouble is not None and not read:
            raise trouble
        yield Page(f"reviews of {read} locations", bookmark=deepcopy(mark), next_poll_at=now + wait)

    def _reader(self, location: str, place: JsonObject, remember: int, now: datetime) -> Reader:
        async def fetch(token: str) -> Listed:
            paging = (("pageToken", token),) if token else ()
            params = (("pageSize", str(PAGE_SIZE)), ("orderBy", "updateTime desc"), *paging)
            told = await self._google.get(f"/v4/{location}/reviews", params, now=now)
            found = [_item(one, location) for one in items(told, "reviews")]
            asked = f"reviews of {location}{' page ' + token[:20] if token else ''}"
            return Listed(asked, found, fields.place(told.get("nextPageToken")))

        return Reader(place, fetch, now=now, remember=remember, scan=SCAN)

    async def _listed(self, now: datetime) -> list[str]:
        """The names of all locations, as the v4 API wants them."""
        accounts = (
            [self._account] if self._account else await self._names(ACCOUNTS_URL, "/v1/accounts", "accounts", now)
        )
        found = []
        for account in accounts:
            path = f"/v1/{account}/locations"
            names = await self._names(LOCATIONS_URL, path, "locations", now, ("readMask", "name"), ("pageSize", "100"))
            found += [_location(name, account) for name in names]
        return list(dict.fromkeys(found))

    async def _names(self, host: str, path: str, kind: str, now: datetime, *params: tuple[str, str]) -> list[str]:
        found: list[str] = []
        token = ""
        while True:
            paging = (("pageToken", token),) if token else ()
            told = await self._google.get(path, (*params, *paging), now=now, host=host)
            page = [fields.identifier(one.get("name")) for one in items(told, kind) if isinstance(one, dict)]
            found += [name for name in page if name]
            token = fields.place(told.get("nextPageToken"))
            if not token or not page:
                return found

    async def _review(self, mention: Mention, now: datetime) -> JsonObject | None:
        """None where Google says that it is gone."""
        answer = await self._google.ask(f"/v4/{mention.native_id.removesuffix('/reply')}")
        if answer.status in (404, 410):
            return None
        return document(understood(answer, now=now))


def _location(name: str, account: str) -> str:
    """accounts/1/locations/2, from as much of it as is there."""
    return name if name.startswith("accounts/") else f"{account}/locations/{name.removeprefix('locations/')}"


def _receipt(parent: Mention) -> Receipt:
    return Receipt(f"{parent.native_id}/reply", f"{parent.external_id}/reply", parent.url)


def _item(review: Any, location: str) -> Item:
    name = ""
    try:
        mentions = _mentions(review, location)
        name = mentions[0].native_id
        at = max(mentions[0].created_at, mentions[0].edited_at or mentions[0].created_at)
    except ValueError as error:
        kept = fields.raw(review)
        name = fields.digest(kept.decode())
        return Item(name, None, name[:12], rejected=(Rejected("a review", str(error), kept),))
    stamp = fields.digest(*(f"{one.edited_at} {one.created_at} {one.title} {one.text}" for one in mentions))[:12]
    return Item(fields.digest(name)[:16], at, stamp, mentions)


def _mentions(review: Any, location: str) -> list[NewMention]:
    """[the review, our answer]. Raises ValueError."""
    if not isinstance(review, dict):
        raise ValueError("not a review")
    name, number = fields.identifier(review.get("name")), fields.identifier(review.get("reviewId"))
    if not re.fullmatch(r"accounts/[^/]+/locations/[^/]+/reviews/[^/?#]+", name):
        name = f"{location}/reviews/{number}" if location and re.fullmatch(r"[^/?#]+", number) else ""
    if not name:
        raise ValueError("a review without a name")
    rating = RATINGS.get(fields.text(review.get("starRating")), 0)
    told = review.get("reviewer")
    who = told if isinstance(told, dict) and not told.get("isAnonymous") else {}
    created = fields.moment(review.get("createTime") or review.get("updateTime"))
    updated = fields.moment(review.get("updateTime") or review.get("createTime"))
    found = NewMention(
        network=NETWORK,
        external_id=name,
        author=reviewer(who.get("displayName")),
        created_at=created,
        text=original(fields.text(review.get("comment"))),
        title=stars(rating) if rating else "",
        type=MentionType.REVIEW,
        native_id=name,
        thread=name,
        edited_at=updated if updated > created else None,
        direct=True,
        raw=fields.raw(review),
    )
    answer = _reply(review)
    words = fields.text(answer.get("comment")).strip()
    if not words:
        return [found]
    ours = replace(
        found,
        external_id=f"{name}/reply",
        author=NewAuthor(name.partition("/reviews/")[0]),
        created_at=fields.moment(answer.get("updateTime") or review.get("updateTime")),
        text=words,
        title="",
        native_id=f"{name}/reply",
        parent=name,
        edited_at=None,
        ours=True,
        raw=b"",
    )
    return [found, ours]


def _reply(review: JsonObject) -> JsonObject:
    """Our answer; {} where there is none, or none that people see because Google has turned it down."""
    told = review.get("reviewReply")
    if not isinstance(told, dict) or "REJECTED" in (told.get("state"), told.get("reviewReplyState")):
        return {}
    return told


def original(comment: str) -> str:
    """What its author wrote: Google gives a translation beside it, before or behind."""
    if _TRANSLATED not in comment:
        return comment
    before, _, behind = comment.partition(_TRANSLATED)
    return (before if before.strip() else behind.partition(_ORIGINAL)[2]).strip() or comment
