"""Reviews of our apps on Google Play (https://developers.google.com/android-publisher/reply-to-reviews).

A stream is an app. Google gives the reviews of about the last week, the newest written or rewritten first, and only
those with words in them. A review that is rewritten keeps its id. Our answer is a part of the review: there is one, a
second one takes its place, so that sending it again does no harm.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from copy import deepcopy
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlencode

from sources.adapters import fields, posting
from sources.adapters.google_list import Item, Listed, Reader, Scan, begin
from sources.adapters.google_login import (
    ACCOUNT_OPTIONS,
    SERVICE_ACCOUNT,
    Google,
    document,
    items,
    login_problems,
    path_part,
    reviewer,
    stars,
    understood,
)
from sources.errors import Refused
from sources.protocol import Option, Page, ReadBack, Receipt, Setup, SourceType
from store.domain.clock import utcnow
from store.domain.delivery import Delivery
from store.domain.desk import SourceConfig
from store.domain.mention import JsonObject, Mention, MentionType, NewAuthor, NewMention
from store.domain.poll import Cursor, Rejected

URL = "https://androidpublisher.googleapis.com"
SCOPE = "https://www.googleapis.com/auth/androidpublisher"
STORE = "https://play.google.com/store/apps/details"
NETWORK = "googleplay"
GIVEN = timedelta(days=7)
LIMIT = 350
REMEMBER = 500
PAGE_SIZE = 100
# An answer that somebody wrote in the Play Console does not move its review up: all that is given is read again.
SCAN = Scan(every=timedelta(hours=6), back=GIVEN)
RECHECKED = 3  # originals a round: 200 requests an hour are allowed, most are for the polls
PREFIX = "reviews:"


class GooglePlay:
    replaces = True
    kind = SourceType(
        "googleplay",
        NETWORK,
        "Reviews of your apps on Google Play, and answers to them",
        posts_at="play.google.com",
        default_url=URL,
        login=f"an access token with the scope {SCOPE}",
        without_account="nothing",
        with_account="reviews of the last week that hold words, and answers",
        can_answer=True,
        length="about 350 characters",
        quota="200 reads an hour and 2,000 answers a day an app; a poll costs 1 an app",
        guide=(
            "Google Cloud console: switch on the Google Play Android Developer API, create a service account.",
            "Play Console, Users and permissions: invite the service account's address, give it Reply to reviews.",
            'Download its JSON key, chmod 600, and name it: service_account = "file:~/acme-play.json".',
        ),
        options=(
            Option("packages", "package names of the apps", required=True, example='["com.example.acme"]'),
            SERVICE_ACCOUNT,
            *ACCOUNT_OPTIONS,
        ),
    )

    @staticmethod
    def problems(config: SourceConfig) -> list[str]:
        packages = config.options.get("packages", [])
        if not packages or not all(isinstance(one, str) and one and "/" not in one for one in packages):
            return ['`packages` is a list of package names, for example packages = ["com.example.acme"]']
        return login_problems(config)

    @staticmethod
    def obstacle(config: SourceConfig) -> str:
        return "" if not login_problems(config) else f"the source {config.name} has no login, so it can only read"

    def __init__(self, setup: Setup) -> None:
        self._google = Google(setup, URL, SCOPE)
        self._backfill = setup.config.backfill
        self._packages = {f"{PREFIX}{package}": package for package in setup.config.options.get("packages", ())}
        self._turn = 0

    def streams(self) -> Sequence[str]:
        return list(self._packages)

    async def pages(self, cursor: Cursor, *, now: datetime) -> AsyncIterator[Page]:
        package = self._packages[cursor.stream]
        first = not cursor.bookmark
        place = deepcopy(cursor.bookmark) or begin(now, self._backfill)

        async def fetch(token: str) -> Listed:
            params = (("maxResults", str(PAGE_SIZE)), *((("token", token),) if token else ()))
            told = await self._google.get(_reviews(package), params, now=now)
            paging = told.get("tokenPagination")
            below = fields.place(paging.get("nextPageToken")) if isinstance(paging, dict) else ""
            found = [_item(one, package, place["known"]) for one in items(told, "reviews")]
            return Listed(f"reviews of {package}{' page ' + token[:20] if token else ''}", found, below)

        gap = self._gap(cursor, place, first=first, now=now)
        async for _, page in Reader(place, fetch, now=now, remember=REMEMBER, scan=SCAN).pages():
            yield replace(page, bookmark=deepcopy(place), gap_seconds=gap)
            gap = 0.0

    async def recheck(self, mentions: Sequence[Mention], *, now: datetime) -> Page | None:
        """A few a round, in turns."""
        ours = sorted((one for one in mentions if not one.ours), key=lambda one: one.id)
        start = self._turn % len(ours) if ours else 0
        some = (ours[start:] + ours[:start])[:RECHECKED]
        self._turn += RECHECKED
        changed: list[NewMention] = []
        deleted: list[str] = []
        for mention in some:
            review = await self._review(mention, now)
            if review is None:
                deleted.append(mention.external_id)
                continue
            try:
                again, *answer = _mentions(review, _package(mention))
            except ValueError:
                continue  # what cannot be read is neither changed nor gone
            if again.created_at > (mention.edited_at or mention.created_at):
                changed.append(replace(again, edited_at=again.created_at))
            changed += answer
        if deleted and len(deleted) == len(some):  # what does not know the app either has lost no review
            await self._google.get(_reviews(_package(some[0])), (("maxResults", "1"),), now=now)
        return Page(f"{len(some)} originals", changed, deleted=deleted)

    async def length(self, text: str, *, handle: str) -> tuple[int, int]:
        return len(text), LIMIT

    def compose(self, mention: Mention) -> str:
        return ""

    async def send(self, delivery: Delivery, parent: Mention) -> Receipt:
        if parent.ours:
            raise Refused("this is our own answer; answer the review")
        path = f"{_reviews(_package(parent))}/{path_part(posting.place(parent))}:reply"
        await self._google.post(path, json={"replyText": delivery.text})
        return _receipt(parent)

    async def read_back(self, delivery: Delivery, parent: Mention) -> ReadBack:
        """Our answer is a part of the review, so that a look at the review proves either."""
        review = await self._review(parent, utcnow())
        answer = _comment(review or {}, "developerComment")
        try:
            at = _modified(answer)
        except ValueError:
            at = None
        sent, text = _plain(delivery.text), _plain(fields.text(answer.get("text")))
        return posting.only_answer(sent, text, at, _receipt(parent), posting.since(delivery))

    async def _review(self, mention: Mention, now: datetime) -> JsonObject | None:
        """None where Google says that it is gone."""
        answer = await self._google.ask(f"{_reviews(_package(mention))}/{path_part(mention.native_id)}")
        if answer.status in (404, 410):
            return None
        return document(understood(answer, now=now))

    def _gap(self, cursor: Cursor, place: JsonObject, *, first: bool, now: datetime) -> float:
        """Seconds that no answer of Google's reaches back to any more."""
        since = datetime.fromisoformat(place["floor"]) if first and place["floor"] else cursor.last_success_at
        return max((now - GIVEN - since).total_seconds(), 0.0) if since is not None else 0.0


def _reviews(package: str) -> str:
    return f"/androidpublisher/v3/applications/{path_part(package)}/reviews"


def _package(mention: Mention) -> str:
    return mention.external_id.partition("/")[0]


def _receipt(parent: Mention) -> Receipt:
    return Receipt(f"{parent.native_id}/reply", f"{parent.external_id}/reply", parent.url)


def _plain(text: str) -> str:
    """Only for comparing: Google takes HTML tags out."""
    import re

    return re.sub(r"<[^<>]*>", "", text)


def _item(review: Any, package: str, known: JsonObject) -> Item:
    """A review with our answer, if there is one. One that is known in another form was rewritten."""
    name = fields.identifier(review.get("reviewId")) if isinstance(review, dict) else ""
    try:
        mentions = _mentions(review, package)
    except ValueError as error:
        kept = fields.raw(review)
        name = name or fields.digest(kept.decode())
        return Item(name, None, fields.digest(kept.decode())[:12], rejected=(Rejected(name, str(error), kept),))
    at = mentions[0].created_at
    stamp = fields.digest(*(f"{one.created_at} {one.title} {one.text}" for one in mentions))[:12]
    before = known.get(name)
    if before is not None and at > datetime.fromisoformat(before[0]):
        mentions[0] = replace(mentions[0], edited_at=at)
    return Item(name, at, stamp, mentions)


def _mentions(review: Any, package: str) -> list[NewMention]:
    """[the review, our answer]. Raises ValueError."""
    if not isinstance(review, dict):
        raise ValueError("not a review")
    name, said, answer = (
        fields.identifier(review.get("reviewId")),
        _comment(review, "userComment"),
        _comment(review, "developerComment"),
    )
    if not name or not said:
        raise ValueError("a review without an id or without words")
    title, _, body = (fields.text(said.get("originalText")) or fields.text(said.get("text"))).rpartition("\t")
    rating = fields.count(said.get("starRating")) or 0
    found = NewMention(
        network=NETWORK,
        external_id=f"{package}/{name}",
        author=reviewer(review.get("authorName")),
        created_at=_modified(said),
        text=body.strip(),
        title=" ".join(filter(None, (stars(rating) if 1 <= rating <= 5 else "", title.strip()))),
        url=f"{STORE}?{urlencode({'id': package, 'reviewId': name})}",
        type=MentionType.REVIEW,
        native_id=name,
        thread=f"{package}/{name}",
        language_hint=fields.identifier(said.get("reviewerLanguage"))[:35],
        direct=True,
        raw=fields.raw(review),
    )
    if not fields.text(answer.get("text")).strip():
        return [found]
    ours = replace(
        found,
        external_id=f"{found.external_id}/reply",
        author=NewAuthor(package),
        created_at=_modified(answer),
        text=fields.text(answer.get("text")),
        title="",
        native_id=f"{name}/reply",
        parent=name,
        language_hint="",
        ours=True,
        raw=b"",
    )
    return [found, ours]


def _comment(review: JsonObject, kind: str) -> JsonObject:
    """The one of this kind in a review's conversation; {} where there is none."""
    told = review.get("comments")
    for one in told if isinstance(told, list) else ():
        if isinstance(one, dict) and isinstance(one.get(kind), dict):
            return dict(one[kind])
    return {}


def _modified(comment: JsonObject) -> datetime:
    """Seconds and nanoseconds since 1970. Raises ValueError."""
    told = comment.get("lastModified")
    if not isinstance(told, dict):
        raise ValueError("a comment without a time")
    nanos = min(fields.count(told.get("nanos")) or 0, 999_999_999)
    return fields.moment(fields.count(told.get("seconds"))) + timedelta(microseconds=nanos // 1000)
