"""The X API as one account or app sees it (https://docs.x.com/x-api/fundamentals/response-codes-and-errors): questions,
limits, what is paid for (https://docs.x.com/x-api/getting-started/pricing), who we are."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from sources.adapters import fields, posting
from sources.adapters.x_post import users_of
from sources.errors import BadAnswer, RateLimited, SourceError, Unauthorised
from sources.http import Answer, Request
from sources.keep import Keep
from sources.oauth import Form, Tokens
from sources.protocol import Setup
from sources.status import whole
from store.domain.mention import JsonObject
from store.domain.safetext import safe_line
from store.domain.secret import Secret

DEFAULT_URL = "https://api.x.com"
POST_PRICE, AUTHOR_PRICE = 0.005, 0.010  # dollars
CREDITS_REST = timedelta(hours=6)

Params = tuple[tuple[str, str], ...]


class Invalid(BadAnswer):
    """400: X does not take the question."""


class NotAllowed(Unauthorised):
    """403: the token is good, but not for this."""


@dataclass(frozen=True, slots=True)
class Got:
    """`rest_until` is set where our share of requests is used up."""

    data: JsonObject
    quota_left: int | None
    rest_until: datetime | None


class Spending:
    """What a day's reading costs, by what X asks for each post and author; a day is one of UTC, in which X counts
    nothing twice. Without a `budget` (dollars a day) it only counts."""

    def __init__(self, keep: Keep, budget: float | None) -> None:
        self._keep, self.budget = keep, budget
        self._authors: tuple[str, set[str]] = ("", set())

    def spent(self, now: datetime) -> float:
        kept = self._keep.load("spent") or {}
        dollars = kept.get("dollars")
        return float(dollars) if kept.get("day") == _day(now) and isinstance(dollars, int | float) else 0.0

    def left(self, now: datetime) -> float | None:
        return None if self.budget is None else max(0.0, self.budget - self.spent(now))

    async def count(self, answer: JsonObject, now: datetime) -> None:
        day = _day(now)
        if self._authors[0] != day:
            self._authors = (day, set())
        data = answer.get("data")
        fresh = set(users_of(answer)) - self._authors[1]
        self._authors[1].update(fresh)
        dollars = len(data) * POST_PRICE + len(fresh) * AUTHOR_PRICE if isinstance(data, list) else AUTHOR_PRICE
        value = {"day": day, "dollars": round(self.spent(now) + dollars, 4)}
        await asyncio.to_thread(self._keep.store, "spent", value)


class Server:
    def __init__(self, setup: Setup) -> None:
        options, secrets = setup.config.options, setup.secrets
        self._http = setup.http
        self.url = (setup.config.url or DEFAULT_URL).rstrip("/")
        self._token = setup.token
        self._tokens: Tokens | None = None
        client, secret = str(options.get("client_id") or ""), secrets.get("client_secret")
        refresh = secrets.get("refresh_token")
        if refresh is not None and setup.token is None:
            basic = {} if secret is None else {"Authorization": _basic(client, secret)}
            self._tokens = Tokens(
                setup.http, setup.keep, f"{self.url}/2/oauth2/token", _grant(client, refresh), secret_headers=basic
            )
        budget = options.get("budget")
        self.spending = Spending(setup.keep, None if budget is None else float(budget))
        self._account = fields.identifier(options.get("account"))

    @property
    def has_login(self) -> bool:
        return self._token is not None or self._tokens is not None

    async def account_id(self, *, now: datetime) -> str:
        """The id of our own account; "" where the token is not one of an account. Raises RateLimited, Unauthorised
        (401)."""
        if not self._account and self.has_login:
            try:
                got = await self.get("/2/users/me", now=now)
            except NotAllowed:  # an app's own token
                return ""
            except (RateLimited, Unauthorised):
                raise
            except SourceError:
                return ""
            me = got.data.get("data")
            self._account = fields.identifier(me.get("id")) if isinstance(me, dict) else ""
        return self._account

    async def get(self, path: str, params: Params = (), *, now: datetime) -> Got:
        """Raises SourceError: Invalid, NotAllowed, RateLimited with the time X names."""
        request = Request("GET", f"{self.url}{path}", params)
        answer = await self._signed(request)
        if answer.status == 401 and self._refused():  # taken back before its time
            answer = await self._signed(request)
        reset = reset_time(answer.headers, now)
        check(answer, now, reset)
        data = answer.json()
        if not isinstance(data, dict):
            raise BadAnswer(f"{self.url}{path} answered with something that is no object")
        await self.spending.count(data, now)
        left = fields.count(answer.headers.get("x-rate-limit-remaining"))
        return Got(data, left, reset if left == 0 else None)

    async def post(self, path: str, body: Any) -> Answer:
        """Any answer; raises what a Channel's `send` may raise where none came."""
        request = Request("POST", f"{self.url}{path}", json=body)
        return await posting.logged_in(
            self._headers, lambda secrets: self._http.fetch(replace(request, secret_headers=secrets)), self._refused
        )

    def _refused(self) -> bool:
        """The token is not taken any more: whether the next one will be another."""
        if self._tokens is not None:
            self._tokens.refused()
        return self._tokens is not None

    async def _signed(self, request: Request) -> Answer:
        return await self._http.fetch(replace(request, secret_headers=await self._headers()))

    async def _headers(self) -> Mapping[str, Secret]:
        if self._tokens is not None:
            return await self._tokens.headers()
        if self._token is not None:
            return {"Authorization": Secret(f"Bearer {self._token.reveal()}", self._token.reference)}
        return {}


def check(answer: Answer, now: datetime, reset: datetime | None) -> None:
    """Raises what a status that is not 2xx calls for."""
    status = answer.status
    if status == 402:
        raise RateLimited("the credits are used up: buy more on console.x.com", now + CREDITS_REST)
    if status == 400:
        raise Invalid(f"X does not take the question: {reason(answer)}")
    if status == 403:
        raise NotAllowed(f"X does not allow it: {reason(answer)}")
    if status == 429 and "usage-capped" in _problem(answer).get("type", ""):
        raise RateLimited(f"the month's share is used up: {reason(answer)}", now + timedelta(days=1))
    whole(answer, now=now, reset=reset if status == 429 else None)


def reason(answer: Answer) -> str:
    """What X says of it, on one line."""
    told = _problem(answer)
    errors = told.get("errors")
    first = errors[0] if isinstance(errors, list) and errors and isinstance(errors[0], dict) else {}
    said = [told.get("detail"), first.get("message"), first.get("detail"), told.get("title")]
    return next((line for line in map(safe_line, map(fields.text, said)) if line), "no reason given")


def reset_time(headers: Mapping[str, str], now: datetime) -> datetime | None:
    """x-rate-limit-reset: seconds since 1970. Never before `now`."""
    seconds = fields.count(headers.get("x-rate-limit-reset"))
    try:
        return None if seconds is None else max(now, min(datetime.fromtimestamp(seconds, UTC), now + timedelta(days=1)))
    except (ValueError, OverflowError, OSError):
        return None


def _problem(answer: Answer) -> JsonObject:
    try:
        told = answer.json()
    except BadAnswer:
        return {}
    return told if isinstance(told, dict) else {}


def _grant(client: str, configured: Secret) -> Any:
    def grant(newest: str) -> Form:
        token = newest or configured.reveal()
        return (("grant_type", "refresh_token"), ("refresh_token", token), ("client_id", client))

    return grant


def _basic(client: str, secret: Secret) -> Secret:
    return Secret("Basic " + base64.b64encode(f"{client}:{secret.reveal()}".encode()).decode(), secret.reference)


def _day(now: datetime) -> str:
    return now.astimezone(UTC).date().isoformat()
