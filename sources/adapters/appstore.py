"""App Store reviews: without an account by the public feed (appstore_feed); with a key of App Store Connect all of them
and our responses (appstore_connect)."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial
from urllib.parse import quote

from sources.adapters import appstore_connect, fields, posting
from sources.adapters.appstore_connect import Connect, Key
from sources.adapters.appstore_feed import NETWORK, Feed
from sources.adapters.reviews import newest_first
from sources.errors import BadAnswer, Refused, Unauthorised
from sources.http import Answer
from sources.protocol import Option, Page, ReadBack, Receipt, Setup, SourceType
from sources.text.clean import clean
from sources.text.length import graphemes
from store.domain.clock import utcnow
from store.domain.delivery import Delivery
from store.domain.desk import SourceConfig
from store.domain.mention import Mention, NewMention
from store.domain.poll import Cursor

FEED_URL = "https://itunes.apple.com"
CONNECT_URL = "https://api.appstoreconnect.apple.com"
ALL = "reviews"
OVERLAP = timedelta(days=2)
LIMIT = 5970


class AppStore:
    replaces = True
    kind = SourceType(
        "appstore",
        NETWORK,
        "Reviews of an app in Apple's App Store",
        posts_at="apps.apple.com",
        default_url=FEED_URL,
        login="a ready token of App Store Connect, which lasts 20 minutes; better: key_id, issuer and private_key",
        without_account="the newest 500 reviews of each country, without answers",
        with_account="all reviews of all countries, with our responses; answers",
        can_answer=True,
        length="5,970 characters; a second answer replaces the first",
        quota="about 3,500 requests an hour with a key, an untold number of the feed; a poll costs 1 or 2 a country",
        guide=(
            'The number after "id" in the app\'s address in the App Store is `app`.',
            "To answer: App Store Connect, Users and Access, Integrations, App Store Connect API: generate a key with"
            " the role Customer Support; note the issuer and the key id, download the .p8 file (possible once).",
            'chmod 600 the file; private_key = "file:/path/AuthKey_ABC123.p8".',
            "The ids of the feed and of App Store Connect differ: give a source its key from the beginning, or use"
            " another database, else the newest reviews are there twice.",
        ),
        options=(
            Option("app", "the app's number", required=True, example='"1234567890"'),
            Option("countries", 'the storefronts whose feeds are read (default: ["us"])', example='["us", "de"]'),
            Option("key_id", "of the key of App Store Connect", example='"2X9R4HXF34"'),
            Option("issuer", "of the team's keys; none for a key of one person", example='"57246542-96fe-..."'),
            Option("private_key", "the key itself (.p8)", example='"file:/path/AuthKey.p8"', secret=True),
        ),
    )

    @staticmethod
    def problems(config: SourceConfig) -> list[str]:
        options = config.options
        found = []
        if not re.fullmatch(r"[0-9]{1,19}", str(options.get("app", ""))):
            found.append('`app` is the app\'s number, for example app = "1234567890"')
        countries = options.get("countries", ["us"])
        if not countries or not all(isinstance(one, str) and re.fullmatch("[a-z]{2}", one) for one in countries):
            found.append('`countries` is a list of two-letter codes, for example countries = ["us", "de"]')
        if bool(options.get("key_id")) != bool(options.get("private_key")):
            found.append("`key_id` and `private_key` are needed together")
        return found

    @staticmethod
    def obstacle(config: SourceConfig) -> str:
        if config.token or config.options.get("private_key"):
            return ""
        return f"the source {config.name} can only read without key_id, issuer and private_key of App Store Connect"

    def __init__(self, setup: Setup) -> None:
        config = setup.config
        self._backfill = config.backfill
        app, url, private = str(config.options["app"]), config.url.rstrip("/"), setup.secrets.get("private_key")
        key = Key(setup.token, private, str(config.options.get("key_id", "")), str(config.options.get("issuer", "")))
        logged_in = setup.token is not None or private is not None
        self._connect = Connect(setup.http, url or CONNECT_URL, app, key) if logged_in else None
        self._feed = Feed(setup.http, url or FEED_URL, app, config.backfill, config.every)
        self._countries = {f"{ALL}:{country}": country for country in config.options.get("countries", ["us"])}

    def streams(self) -> Sequence[str]:
        return list(self._countries) if self._connect is None else [ALL]

    def pages(self, cursor: Cursor, *, now: datetime) -> AsyncIterator[Page]:
        if self._connect is None:
            return self._feed.pages(self._countries[cursor.stream], cursor, now=now)
        read = partial(self._connect.reviews, now=now)
        return newest_first(read, cursor.bookmark, backfill=self._backfill, overlap=OVERLAP, now=now)

    async def recheck(self, mentions: Sequence[Mention], *, now: datetime) -> Page | None:
        # Those with a number for an id were read from the feed, and App Store Connect does not know them by it.
        seen = [mention for mention in mentions if not mention.native_id.isdigit()]
        if self._connect is None or not seen:
            return None
        changed: list[NewMention] = []
        deleted: list[str] = []
        for mention in seen:
            answer = await self._connect.ask(f"/v1/customerReviews/{quote(mention.native_id, safe='')}")
            if answer.status == 404:
                deleted.append(mention.external_id)
                continue
            told = appstore_connect.checked(answer, now).json()
            try:
                again = appstore_connect.from_review(told["data"])
            except (ValueError, KeyError, TypeError, AttributeError):
                raise BadAnswer(f"{self._connect.url} gave a review that is none") from None
            if clean(again) != (mention.title, mention.text):
                changed.append(replace(again, edited_at=now))
        if len(deleted) == len(seen):
            await self._connect.reviews("", now=now)  # a key that lost its app sees no review either
        return Page(f"{len(seen)} originals", changed, deleted=deleted)

    async def length(self, text: str, *, handle: str) -> tuple[int, int]:
        return graphemes(text), LIMIT

    def compose(self, mention: Mention) -> str:
        return ""

    async def send(self, delivery: Delivery, parent: Mention) -> Receipt:
        if self._connect is None:
            raise Refused("without a key of App Store Connect nobody can answer from here")
        review = {"data": {"type": "customerReviews", "id": posting.place(parent)}}
        data = {
            "type": "customerReviewResponses",
            "attributes": {"responseBody": delivery.text},
            "relationships": {"review": review},
        }
        with posting.as_it_leaves():
            answer = await self._connect.post("/v1/customerReviewResponses", {"data": data})
        return _receipt(answer)

    async def read_back(self, delivery: Delivery, parent: Mention) -> ReadBack:
        """A review has one response at most, and what was sent replaces it."""
        if self._connect is None:
            raise Unauthorised("there is no key to look with")
        answer = await self._connect.ask(f"/v1/customerReviews/{quote(parent.native_id, safe='')}/response")
        if answer.status == 404:
            return ReadBack(None, complete=True)
        told = appstore_connect.checked(answer, utcnow()).json()
        if not isinstance(told, dict) or "data" not in told:
            raise BadAnswer(f"{self._connect.url} does not say what the response is")
        if told["data"] is None:
            return ReadBack(None, complete=True)
        found = appstore_connect.receipt(told["data"])
        attributes = told["data"].get("attributes") if found is not None else None
        if found is None or not isinstance(attributes, dict):
            raise BadAnswer(f"{self._connect.url} gave a response that is none")
        try:
            at = fields.moment(attributes.get("lastModifiedDate"))
        except ValueError:
            at = None
        text = fields.text(attributes.get("responseBody"))
        return posting.only_answer(delivery.text, text, at, found, posting.since(delivery))


def _receipt(answer: Answer) -> Receipt:
    """Raises what the status calls for. Only what certainly was not posted is Refused."""
    # 409 is Apple's word for a body that it does not take.
    undecided = posting.UNDECIDED - {409}
    posting.taken(
        answer, lambda one: appstore_connect.checked(one, utcnow()), appstore_connect.words, undecided=undecided
    )
    told = posting.document(answer)
    receipt = appstore_connect.receipt(told.get("data")) if isinstance(told, dict) else None
    if receipt is None:
        raise posting.no_post(answer)
    return receipt
