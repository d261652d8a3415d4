"""Reviews as App Store Connect gives them to the app's own people, with our responses
(https://developer.apple.com/documentation/appstoreconnectapi/customer-reviews).

Its ids are other ones than those of the public feed, and neither names the other's: a source reads one of the two.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import quote

from sources import oauth
from sources.adapters import fields
from sources.adapters.appstore_feed import NETWORK
from sources.adapters.reviews import Batch, starred
from sources.errors import BadAnswer, RateLimited, Unauthorised, quoted
from sources.http import Answer, Http, Request
from sources.protocol import Page, Receipt
from sources.status import whole
from store.domain.clock import utcnow
from store.domain.mention import UNKNOWN_AUTHOR, JsonObject, MentionType, NewAuthor, NewMention
from store.domain.poll import Rejected
from store.domain.secret import Secret

PER_PAGE = 200
LIFETIME = timedelta(minutes=15)  # Apple takes no token that is good for more than 20
RESPITE = timedelta(minutes=10)  # the quota is that of the last hour, at any moment
OWN = "developer"


class Key:
    """Who we are there: a ready token, or a key that signs one whenever the last has run out."""

    def __init__(self, token: Secret | None, private_key: Secret | None, key_id: str, issuer: str) -> None:
        self._ready, self._private, self._id, self._issuer = token, private_key, key_id, issuer
        self._signed: tuple[datetime, Secret] | None = None

    def header(self) -> dict[str, Secret]:
        """Raises Unauthorised where the key is none."""
        token = self._ready or self._fresh()
        return {"Authorization": Secret(f"Bearer {token.reveal()}")}

    def _fresh(self) -> Secret:
        now = utcnow()
        if self._signed is None or self._signed[0] <= now:
            if self._private is None:
                raise Unauthorised("there is no private key to sign with")
            # A key of one person, and not of the whole team, has no issuer.
            who = {"iss": self._issuer} if self._issuer else {"sub": "user"}
            times = {"iat": int(now.timestamp()), "exp": int((now + LIFETIME).timestamp())}
            claims = {**who, **times, "aud": "appstoreconnect-v1"}
            token = oauth.signed(claims, self._private, "ES256", {"kid": self._id})
            self._signed = (now + LIFETIME - oauth.EARLY, Secret(token))
        return self._signed[1]


class Connect:
    def __init__(self, http: Http, url: str, app: str, key: Key) -> None:
        self._http, self.url, self._app, self._key = http, url, app, key

    async def ask(self, path: str, params: tuple[tuple[str, str], ...] = ()) -> Answer:
        return await self._http.fetch(Request("GET", f"{self.url}{path}", params, secret_headers=self._key.header()))

    async def post(self, path: str, body: JsonObject) -> Answer:
        return await self._http.fetch(
            Request("POST", f"{self.url}{path}", json=body, secret_headers=self._key.header())
        )

    async def reviews(self, place: str, *, now: datetime) -> Batch:
        """The newest reviews, or those at a `place` further back."""
        params = (("sort", "-createdDate"), ("limit", str(PER_PAGE)), ("include", "response"))
        cursor = (("cursor", place),) if place else ()
        answer = checked(await self.ask(f"/v1/apps/{quote(self._app, safe='')}/customerReviews", params + cursor), now)
        told = answer.json()
        data = told.get("data") if isinstance(told, dict) else None
        if not isinstance(data, list):
            raise BadAnswer(f"{self.url} answered without reviews")
        mentions: list[NewMention] = []
        rejected: list[Rejected] = []
        responses = _included(told)
        for item in reversed(data):
            try:
                mentions.append(from_review(item))
                if response := responses.get(_response_id(item)):
                    mentions.append(_from_response(response, mentions[-1].external_id))
            except (ValueError, KeyError, TypeError, AttributeError) as error:
                why = str(error) if isinstance(error, ValueError) else "not a review"
                rejected.append(Rejected(_name(item) or "an item", why, fields.raw(item)))
        times = [one.created_at for one in mentions if not one.ours]
        left = quota_left(answer.headers)
        page = Page(
            f"reviews {place}".strip(),
            mentions,
            rejected,
            quota_left=left,
            next_poll_at=now + RESPITE if left == 0 else None,
        )
        oldest, newest = (times[0], times[-1]) if times else (None, None)
        return Batch(page, frozenset(filter(None, map(_name, data))), newest, oldest, _below(told))


def checked(answer: Answer, now: datetime) -> Answer:
    """A 429 says no time: it is over when the hour's oldest requests are an hour old."""
    if answer.status == 429:
        raise RateLimited("App Store Connect answered 429: the requests of this hour are used up", now + RESPITE)
    return whole(answer, now=now)


def from_review(item: Any) -> NewMention:
    name, told = fields.identifier(item["id"]), item["attributes"]
    if not name:
        raise ValueError("a review without id")
    author = fields.identifier(told.get("reviewerNickname"))
    return NewMention(
        network=NETWORK,
        external_id=name,
        author=NewAuthor(author or UNKNOWN_AUTHOR, author),
        created_at=fields.moment(told.get("createdDate")),
        text=fields.text(told.get("body")),
        title=starred(told.get("rating"), fields.text(told.get("title"))),
        type=MentionType.REVIEW,
        native_id=name,
        thread=name,
        direct=True,
        raw=fields.raw(item),
    )


def _from_response(response: JsonObject, review: str) -> NewMention:
    told = response["attributes"]
    return NewMention(
        network=NETWORK,
        external_id=fields.identifier(response["id"]),
        author=NewAuthor(OWN),
        created_at=fields.moment(told.get("lastModifiedDate")),
        text=fields.text(told.get("responseBody")),
        type=MentionType.COMMENT,
        native_id=fields.identifier(response["id"]),
        parent=review,
        thread=review,
        ours=True,
        raw=fields.raw(response),
    )


def receipt(response: Any) -> Receipt | None:
    """Of a customerReviewResponses resource; None where it is none."""
    name = fields.identifier(response.get("id")) if isinstance(response, dict) else ""
    return Receipt(name, name) if name else None


def words(answer: Answer) -> str:
    """What Apple says of a request that it does not take: `errors[].detail`."""
    try:
        errors = answer.json()["errors"]
        told = [fields.text(error.get("detail")) or fields.text(error.get("title")) for error in errors]
    except (BadAnswer, KeyError, TypeError, AttributeError):
        told = []
    return quoted(" ".join(filter(None, told))) or "no reason given"


def quota_left(headers: Mapping[str, str]) -> int | None:
    """X-Rate-Limit: user-hour-lim:3500;user-hour-rem:500;"""
    found = re.search(r"user-hour-rem:(\d{1,9})", headers.get("x-rate-limit", ""))
    return int(found[1]) if found else None


def _name(item: Any) -> str:
    return fields.identifier(item.get("id")) if isinstance(item, dict) else ""


def _included(told: JsonObject) -> dict[str, JsonObject]:
    found = told.get("included")
    responses = [one for one in found if isinstance(one, dict)] if isinstance(found, list) else []
    return {fields.identifier(one.get("id")): one for one in responses if one.get("type") == "customerReviewResponses"}


def _response_id(item: JsonObject) -> str:
    told: Any = item
    for name in ("relationships", "response", "data"):
        told = told.get(name) if isinstance(told, dict) else None
    return fields.identifier(told.get("id")) if isinstance(told, dict) else ""


def _below(told: JsonObject) -> str:
    """The cursor in links.next: only this, the rest of our question stays as it is."""
    links = told.get("links")
    following = fields.text(links.get("next")) if isinstance(links, dict) else ""
    return fields.parameter(following, "cursor")
