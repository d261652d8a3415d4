"""What YouTube, Google Play and Google Business Profile share: the login and what Google's errors mean.

Logins: an API key (https://cloud.google.com/docs/authentication/api-keys-use, X-Goog-Api-Key), an access token, a
refresh token (https://developers.google.com/identity/protocols/oauth2/web-server#offline) or a service account
(https://developers.google.com/identity/protocols/oauth2/service-account#httprest).
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from functools import partial
from typing import Any
from urllib.parse import quote
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from sources.adapters import fields, posting
from sources.errors import BadAnswer, RateLimited, Unauthorised, Uncertain, quoted
from sources.http import Answer, Request, retry_after
from sources.oauth import Form, Tokens, signed
from sources.protocol import Option, Setup
from sources.status import whole
from store.domain.clock import utcnow
from store.domain.desk import SourceConfig
from store.domain.mention import UNKNOWN_AUTHOR, JsonObject, NewAuthor
from store.domain.secret import Secret

LOGIN_URL = "https://oauth2.googleapis.com/token"
JWT_BEARER = "urn:ietf:params:oauth:grant-type:jwt-bearer"
ASSERTION_LIFE = timedelta(minutes=55)  # an hour is the most that Google takes
SOON = timedelta(minutes=1)
DAILY = frozenset({"quotaExceeded", "dailyLimitExceeded", "dailyLimitExceededUnreg"})
OFTEN = frozenset({"rateLimitExceeded", "userRateLimitExceeded", "RATE_LIMIT_EXCEEDED", "RESOURCE_EXHAUSTED"})
SWITCHED_OFF = frozenset({"accessNotConfigured", "SERVICE_DISABLED"})
BAD_KEY = frozenset({"keyInvalid", "keyExpired", "API_KEY_INVALID"})

ACCOUNT_OPTIONS = (
    Option("client_id", "of the OAuth client that the refresh token was given to", example='"123.apps.example.com"'),
    Option("client_secret", "of the same OAuth client", example='"env:GOOGLE_CLIENT_SECRET"', secret=True),
    Option("refresh_token", "of the account", example='"env:GOOGLE_REFRESH_TOKEN"', secret=True),
)
SERVICE_ACCOUNT = Option(
    "service_account", "the JSON key file of a service account", example='"file:~/acme-play.json"', secret=True
)

Params = tuple[tuple[str, str], ...]


def login_problems(config: SourceConfig) -> list[str]:
    """What is missing for any login to work."""
    if config.options.get("refresh_token"):
        missing = [name for name in ("client_id", "client_secret") if not config.options.get(name)]
        return [f"`refresh_token` also needs `{name}`" for name in missing]
    if not (config.token or config.options.get("service_account")):
        return ["a login is missing: give `token`, or `refresh_token` with `client_id` and `client_secret`"]
    return []


class Google:
    """One source's way to Google's APIs. `host` is where most of its paths are; a configured `url` stands in for all.
    `keys`: `token` may be an API key, which reads what is public and cannot answer."""

    def __init__(self, setup: Setup, host: str, scope: str, *, keys: bool = False) -> None:
        self._http, self._host, self._stand_in = setup.http, host, setup.config.url.rstrip("/")
        self._token = setup.token
        self._tokens = self._renewed(setup, scope)
        ready = setup.token is not None and (not keys or setup.token.reveal().startswith("ya29."))
        self._bearer = ready or self._tokens is not None
        self.can_answer = self._bearer or (setup.token is not None and not setup.token.reveal().startswith("AIza"))

    @property
    def has_account(self) -> bool:
        """Whether it reads as somebody, so that it can be asked who."""
        return self._bearer

    async def ask(self, path: str, params: Params = (), *, host: str = "") -> Answer:
        """Any status is an answer."""
        request = Request("GET", f"{self._stand_in or host or self._host}{path}", params)
        answer = await self._http.fetch(replace(request, secret_headers=await self._headers()))
        if answer.status == 401 and self._refused():
            answer = await self._http.fetch(replace(request, secret_headers=await self._headers()))
        return answer

    async def get(self, path: str, params: Params = (), *, now: datetime, host: str = "") -> JsonObject:
        """Raises SourceError."""
        answer = await self.ask(path, params, host=host)
        return document(understood(answer, now=now))

    async def post(self, path: str, params: Params = (), *, json: JsonObject, method: str = "POST") -> JsonObject:
        """What Google answered. Raises what a Channel's `send` may raise."""
        request = Request(method, f"{self._stand_in or self._host}{path}", params, json=json)
        answer = await posting.logged_in(
            partial(self._headers, writes=True),
            lambda secrets: self._http.fetch(replace(request, secret_headers=secrets)),
            self._refused,
        )
        return posted(answer, now=utcnow())

    def _refused(self) -> bool:
        """The token is not taken any more: whether the next one will be another."""
        if self._tokens is not None:
            self._tokens.refused()
        return self._tokens is not None

    async def _headers(self, *, writes: bool = False) -> dict[str, Secret]:
        if self._tokens is not None:
            return await self._tokens.headers()
        if self._token is None:
            return {}
        if self._bearer or writes:
            return {"Authorization": Secret(f"Bearer {self._token.reveal()}", self._token.reference)}
        return {"X-Goog-Api-Key": self._token}

    def _renewed(self, setup: Setup, scope: str) -> Tokens | None:
        key, refresh = setup.secrets.get("service_account"), setup.secrets.get("refresh_token")
        url = f"{self._stand_in}/token" if self._stand_in else LOGIN_URL
        if key is not None:

            def assert_account(_: str) -> Form:
                return (("grant_type", JWT_BEARER), ("assertion", assertion(key, scope, now=utcnow())))

            name = f"service {fields.digest(key.reveal())[:16]}"
            return Tokens(setup.http, setup.keep, url, assert_account, name=name)
        if refresh is not None:
            secret = setup.secrets.get("client_secret")

            def renew(newest: str) -> Form:
                return (
                    ("grant_type", "refresh_token"),
                    ("refresh_token", newest or refresh.reveal()),
                    ("client_id", str(setup.config.options.get("client_id", ""))),
                    ("client_secret", secret.reveal() if secret is not None else ""),
                )

            return Tokens(setup.http, setup.keep, url, renew, name=f"account {fields.digest(refresh.reveal())[:16]}")
        return None


def assertion(key: Secret, scope: str, *, now: datetime) -> str:
    """The signed claim of a service account, from its whole JSON key file. Raises Unauthorised."""
    where = key.reference or "the key file"
    try:
        told = json.loads(key.reveal())
        email, private = told["client_email"], told["private_key"]
    except (ValueError, KeyError, TypeError):
        raise Unauthorised(f"{where} is not the JSON key file of a service account; download it again") from None
    claims = {
        "iss": fields.text(email),
        "scope": scope,
        "aud": LOGIN_URL,
        "iat": int(now.timestamp()),
        "exp": int((now + ASSERTION_LIFE).timestamp()),
    }
    return signed(
        claims, Secret(fields.text(private), where), "RS256", {"kid": fields.text(told.get("private_key_id"))}
    )


def document(answer: Answer) -> JsonObject:
    """Raises BadAnswer."""
    told = answer.json()
    if not isinstance(told, dict):
        raise BadAnswer("Google answered with something that is no object")
    return told


def items(told: JsonObject, name: str) -> list[Any]:
    """A list of an answer; one that is empty is left out by some of Google's servers. Raises BadAnswer."""
    found = told.get(name, [])
    if not isinstance(found, list):
        raise BadAnswer(f"Google answered with `{name}` that are no list")
    return found


def reasons(answer: Answer) -> frozenset[str]:
    """What Google calls the error, in its old and its new way (https://google.aip.dev/193)."""
    error = _error(answer)
    told = [*_objects(error.get("errors")), *_objects(error.get("details"))]
    return frozenset({fields.text(one.get("reason")) for one in told} | {fields.text(error.get("status"))}) - {""}


def words(answer: Answer) -> str:
    """What Google says of it, on one line."""
    return quoted(fields.text(_error(answer).get("message"))) or "no reason given"


def understood(answer: Answer, *, now: datetime) -> Answer:
    """The answer if it is a good one. Raises RateLimited for a quota that is used up, whatever its status, and what
    sources.status says for the rest."""
    if 200 <= answer.status < 300:
        return answer
    why = reasons(answer)
    if why & DAILY:
        raise RateLimited("Google's quota of the day is used up; it begins anew at midnight Pacific", next_day(now))
    if answer.status == 429 or why & OFTEN:
        raise RateLimited("Google asks for fewer requests", retry_after(answer.headers, now=now) or now + SOON)
    if why & SWITCHED_OFF:
        raise Unauthorised(f"this API is not switched on for the project of the login: {words(answer)}")
    if why & BAD_KEY:
        raise Unauthorised("Google does not know this API key; check the token")
    if answer.status == 403:
        raise Unauthorised(f"Google does not let us in: {words(answer)}")
    return whole(answer, now=now)


def posted(answer: Answer, *, now: datetime) -> JsonObject:
    """What a post was answered with. Raises what the status calls for: only what certainly was not done is Refused."""
    why = reasons(answer) if answer.status >= 400 else frozenset()
    if why & (DAILY | OFTEN | SWITCHED_OFF | BAD_KEY):
        understood(answer, now=now)
    if "processingFailure" in why:  # "may be a transient error", and nobody says that nothing was done
        raise Uncertain(f"answered {answer.status}; it may have been posted")
    posting.taken(answer, lambda one: understood(one, now=now), words)
    told = posting.document(answer)
    if not isinstance(told, dict):
        raise posting.no_post(answer)
    return told


def next_day(now: datetime) -> datetime:
    """When Google's day ends: midnight in California."""
    try:
        pacific: Any = ZoneInfo("America/Los_Angeles")
    except ZoneInfoNotFoundError:  # a machine without time zones: winter time, an hour late in summer
        pacific = timezone(timedelta(hours=-8))
    today = now.astimezone(pacific)
    midnight = (today + timedelta(days=1)).replace(hour=0, minute=0, second=0, microsecond=0)
    return midnight.astimezone(UTC)


def stars(rating: int) -> str:
    return "★" * rating + "☆" * (5 - rating)


def reviewer(name: Any) -> NewAuthor:
    """Reviews name their author only; some have none, and Google then writes "A Google user" for them all."""
    known = fields.identifier(name)
    if known.casefold() in ("", "a google user"):
        return NewAuthor(UNKNOWN_AUTHOR, name="A Google user")
    return NewAuthor(known, name=known)


def path_part(text: str) -> str:
    return quote(text, safe=":")


def _error(answer: Answer) -> Mapping[str, Any]:
    try:
        told = answer.json()
    except BadAnswer:
        return {}
    error = told.get("error") if isinstance(told, dict) else None
    return error if isinstance(error, dict) else {}


def _objects(value: Any) -> list[JsonObject]:
    return [one for one in value if isinstance(one, dict)] if isinstance(value, list) else []
