"""Trustpilot: the reviews of one company (https://developers.trustpilot.com/business-units-api), and our replies
(https://developers.trustpilot.com/service-reviews-api).

The list is sorted by when a review was written, and an edited one keeps its place: the newest page is read by every
poll, a month once a day, and what is being worked on is looked up by itself.
"""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial
from typing import Any

from sources.adapters import fields, posting
from sources.adapters.reviews import Batch, newest_first, starred
from sources.adapters.trustpilot_server import DEFAULT_URL, Server, path
from sources.errors import BadAnswer, Refused, Unauthorised, quoted
from sources.http import Answer
from sources.protocol import Option, Page, ReadBack, Receipt, Setup, SourceType
from sources.status import whole
from sources.text.clean import clean
from sources.text.length import graphemes
from store.domain.clock import utcnow
from store.domain.delivery import Delivery
from store.domain.desk import SourceConfig
from store.domain.mention import UNKNOWN_AUTHOR, JsonObject, Mention, MentionType, NewAuthor, NewMention
from store.domain.poll import Cursor, Rejected

NETWORK = "trustpilot"
SITE = "https://www.trustpilot.com"
STREAM = "reviews"
PER_PAGE = 100
OVERLAP = timedelta(days=2)
LIMIT = 5000  # Trustpilot says none; longer ones are nothing that a reader of reviews reads


class Trustpilot:
    replaces = True
    kind = SourceType(
        "trustpilot",
        NETWORK,
        "Reviews of a company on Trustpilot",
        default_url=DEFAULT_URL,
        login="the API key of the account",
        with_account="with the API key public reviews; with a business user's login also private ones, and answers",
        can_answer=True,
        length="5,000 characters (Trustpilot itself says no limit); a review has one answer",
        quota="833 requests in 5 minutes and 10,000 an hour; a poll costs 1 or 2",
        guide=(
            "Trustpilot Business, Integrations, Developers, APIs: create an application; its API key is the `token`.",
            "To answer: its secret is `client_secret`, the user ID on your profile page there is `user`.",
            "Without more the application logs in by itself (client credentials); where that is not allowed, give"
            " `username` and `password` of a business user, or a `refresh_token` (it lasts 30 days, and is renewed).",
        ),
        options=(
            Option("business_unit", "the company: its domain, or its id", required=True, example='"acme.example"'),
            Option("user", "the id of the business user who answers", example='"507f191e810c19729de860ea"'),
            Option("client_secret", "the application's secret", example='"env:TRUSTPILOT_SECRET"', secret=True),
            Option("username", "the business user's address", example='"kim@acme.example"'),
            Option("password", "the business user's password", example='"env:TRUSTPILOT_PASSWORD"', secret=True),
            Option("refresh_token", "of a login by browser", example='"env:TRUSTPILOT_REFRESH"', secret=True),
            Option("access_token", "a ready access token, instead", example='"env:TRUSTPILOT_ACCESS"', secret=True),
        ),
    )

    @staticmethod
    def problems(config: SourceConfig) -> list[str]:
        options = config.options
        if not (config.token or options.get("access_token")):
            return ["`token` is missing: the API key of the account"]
        if bool(options.get("username")) != bool(options.get("password")):
            return ["`username` and `password` are needed together"]
        if (options.get("password") or options.get("refresh_token")) and not options.get("client_secret"):
            return ["`client_secret` is missing: a login needs it"]
        return []

    @staticmethod
    def obstacle(config: SourceConfig) -> str:
        options = config.options
        if not (options.get("client_secret") or options.get("access_token")):
            return f"the source {config.name} has an API key alone, so it can only read; give it client_secret and user"
        return "" if options.get("user") else f"the source {config.name} does not say which `user` answers"

    def __init__(self, setup: Setup) -> None:
        self._backfill = setup.config.backfill
        self._company = str(setup.config.options["business_unit"]).strip()
        self._user = str(setup.config.options.get("user", ""))
        self._server = Server(setup)
        self._unit = self._company if re.fullmatch("[0-9a-f]{24}", self._company) else ""
        self._private = ("private",) if self._server.logged_in else ()

    def streams(self) -> Sequence[str]:
        return [STREAM]

    def pages(self, cursor: Cursor, *, now: datetime) -> AsyncIterator[Page]:
        read = partial(self._read, now=now)
        return newest_first(
            read, cursor.bookmark, backfill=self._backfill, overlap=OVERLAP, now=now, resume=_one_page_up
        )

    async def recheck(self, mentions: Sequence[Mention], *, now: datetime) -> Page | None:
        changed: list[NewMention] = []
        deleted: list[str] = []
        for mention in mentions:
            review = await self._review(mention.native_id, now)
            if review is None:
                deleted.append(mention.external_id)
                continue
            try:
                again = self._from_review(review)
            except (ValueError, KeyError, TypeError, AttributeError):
                raise BadAnswer(f"{self._server.url} gave a review that is none") from None
            if clean(again) != (mention.title, mention.text):
                changed.append(replace(again, edited_at=again.edited_at or now))
        if mentions and len(deleted) == len(mentions):
            await self._read("", now=now)  # a wrong key or address knows no review either
        return Page(f"{len(mentions)} originals", changed, deleted=deleted)

    async def length(self, text: str, *, handle: str) -> tuple[int, int]:
        return graphemes(text), LIMIT

    def compose(self, mention: Mention) -> str:
        return ""

    async def send(self, delivery: Delivery, parent: Mention) -> Receipt:
        if not (self._server.logged_in and self._user):
            raise Refused("answers need client_secret and user in the configuration; an API key can only read")
        body = {"authorBusinessUserId": self._user, "message": delivery.text}
        answer = await self._server.post(path("v1", "private", "reviews", posting.place(parent), "reply"), body)
        _sent(answer)
        return _receipt(parent.native_id)

    async def read_back(self, delivery: Delivery, parent: Mention) -> ReadBack:
        """A review has one reply at most; it is in the review itself."""
        review = await self._review(parent.native_id, utcnow())
        if review is None:
            return ReadBack(None, complete=True)
        reply = review.get("companyReply")
        if not isinstance(reply, dict):
            return ReadBack(None, complete="companyReply" in review)
        text, receipt = fields.text(reply.get("text")), _receipt(parent.native_id)
        return posting.only_answer(delivery.text, text, _replied_at(reply), receipt, posting.since(delivery))

    async def _review(self, name: str, now: datetime) -> JsonObject | None:
        answer = await self._server.get(path("v1", *self._private, "reviews", name))
        if answer.status in (404, 410):
            return None
        review = whole(answer, now=now).json()
        if not isinstance(review, dict):
            raise BadAnswer(f"{self._server.url} gave a review that is none")
        return review

    async def _read(self, place: str, *, now: datetime) -> Batch:
        self._unit = self._unit or await self._server.unit(self._company)
        number = place or "1"
        params = (("orderBy", "createdat.desc"), ("perPage", str(PER_PAGE)), ("page", number))
        answer = await self._server.get(path("v1", *self._private, "business-units", self._unit, "reviews"), params)
        told = whole(answer, now=now).json()
        reviews = told.get("reviews") if isinstance(told, dict) else None
        if not isinstance(reviews, list):
            raise BadAnswer(f"{self._server.url} answered without reviews")
        mentions: list[NewMention] = []
        rejected: list[Rejected] = []
        for review in reversed(reviews):
            try:
                mentions.append(self._from_review(review))
                if isinstance(review.get("companyReply"), dict):
                    mentions.append(self._from_reply(review["companyReply"], mentions[-1]))
            except (ValueError, KeyError, TypeError, AttributeError) as error:
                why = str(error) if isinstance(error, ValueError) else "not a review"
                rejected.append(Rejected(_name(review) or "a review", why, fields.raw(review)))
        times = [one.created_at for one in mentions if not one.ours]
        oldest, newest = (times[0], times[-1]) if times else (None, None)
        below = str(int(number) + 1) if len(reviews) >= PER_PAGE or _has_more(told) else ""
        page = Page(f"reviews page {number}", mentions, rejected)
        return Batch(page, frozenset(filter(None, map(_name, reviews))), newest, oldest, below)

    def _from_review(self, review: Any) -> NewMention:
        name = fields.identifier(review["id"])
        if not name:
            raise ValueError("a review without id")
        told = review.get("consumer")
        consumer: JsonObject = told if isinstance(told, dict) else {}
        who = fields.identifier(consumer.get("id"))
        edited = review.get("updatedAt")
        return NewMention(
            network=NETWORK,
            external_id=name,
            author=NewAuthor(
                who or UNKNOWN_AUTHOR,
                name=fields.text(consumer.get("displayName")),
                url=f"{SITE}{path('users', who)}" if who else "",
            ),
            created_at=fields.moment(review.get("createdAt")),
            text=fields.text(review.get("text")),
            title=starred(review.get("stars"), fields.text(review.get("title"))),
            url=f"{SITE}{path('reviews', name)}",
            type=MentionType.REVIEW,
            native_id=name,
            thread=name,
            language_hint=fields.identifier(review.get("language"))[:35],
            edited_at=fields.moment(edited) if edited and edited != review.get("createdAt") else None,
            direct=True,
            raw=fields.raw(review),
        )

    def _from_reply(self, reply: JsonObject, review: NewMention) -> NewMention:
        return NewMention(
            network=NETWORK,
            external_id=f"{review.external_id}/reply",
            author=NewAuthor(self._company),
            created_at=fields.moment(reply.get("createdAt")),
            text=fields.text(reply.get("text")),
            url=review.url,
            type=MentionType.COMMENT,
            native_id=f"{review.native_id}/reply",
            parent=review.native_id,
            thread=review.thread,
            ours=True,
            raw=fields.raw(reply),
        )


def _one_page_up(place: str) -> str:
    """Between two polls a review may have gone, and what came after it moved up."""
    return str(max(int(place) - 1, 2))


def _name(review: Any) -> str:
    return fields.identifier(review.get("id")) if isinstance(review, dict) else ""


def _has_more(told: JsonObject) -> bool:
    links = told.get("links")
    return isinstance(links, list) and any(isinstance(one, dict) and one.get("rel") == "next-page" for one in links)


def _replied_at(reply: JsonObject) -> datetime | None:
    try:
        return fields.moment(reply.get("updatedAt") or reply.get("createdAt"))
    except ValueError:
        return None


def _receipt(review: str) -> Receipt:
    """A reply has no id of its own: it is the one of its review."""
    return Receipt(f"{review}/reply", f"{review}/reply", f"{SITE}{path('reviews', review)}")


def _sent(answer: Answer) -> None:
    """Raises what the status calls for. Only what certainly was not posted is Refused."""
    if answer.status == 401:
        raise Unauthorised("Trustpilot does not take the login; check client_secret and user")
    posting.taken(answer, lambda one: whole(one, now=utcnow()), _words)
    if answer.body.strip():  # mostly there is none; a page of HTML is nothing that Trustpilot says
        posting.document(answer)


def _words(answer: Answer) -> str:
    try:
        told = answer.json()
    except BadAnswer:
        told = None
    said = [fields.text(told.get(key)) for key in ("message", "details", "reason")] if isinstance(told, dict) else []
    return quoted(" ".join(filter(None, said))) or "no reason given"
