"""GitHub's API as an account (or nobody) sees it: its buckets of requests, its ways to say "too many", who we are.

https://docs.github.com/en/rest/using-the-rest-api/rate-limits-for-the-rest-api: searches, other REST requests and
GraphQL are counted apart (X-RateLimit-Resource); the secondary limit is a 403 or 429 with Retry-After, or without.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

from sources.adapters import fields
from sources.errors import BadAnswer, RateLimited, SourceError, Unauthorised, quoted
from sources.http import Answer, Http, Request, retry_after
from sources.status import whole
from store.domain.mention import JsonObject
from store.domain.secret import Secret

Params = tuple[tuple[str, str], ...]
PATIENCE = timedelta(minutes=1)  # where a secondary limit names no time
LIMITED = ("rate limit", "abuse detection")
# With text matches a search says in which comment it found the words.
SEARCH_TYPE = "application/vnd.github.text-match+json"
REST_TYPE = "application/vnd.github+json"


class Server:
    """`login` is our own where the configuration says it."""

    def __init__(self, http: Http, url: str, token: Secret | None, login: str) -> None:
        self._http = http
        self.url = url.rstrip("/")
        self.secrets = {} if token is None else {"Authorization": Secret(f"Bearer {token.reveal()}", token.reference)}
        self._login: str | None = login or (None if self.secrets else "")
        self._etags: dict[str, tuple[str, Any]] = {}

    async def ask(self, path: str, params: Params = (), *, accept: str = REST_TYPE, etag: str = "") -> Answer:
        headers = {"Accept": accept, "X-GitHub-Api-Version": "2022-11-28"}
        headers |= {"If-None-Match": etag} if etag else {}
        return await self._http.fetch(Request("GET", f"{self.url}{path}", params, headers, self.secrets))

    async def post(self, path: str, body: Any) -> Answer:
        headers = {"Accept": REST_TYPE, "X-GitHub-Api-Version": "2022-11-28"}
        return await self._http.fetch(Request("POST", f"{self.url}{path}", (), headers, self.secrets, json=body))

    async def kept(self, path: str, params: Params, *, now: datetime) -> tuple[Any, Answer]:
        """(the answer as JSON, the answer), asked conditionally: 304 costs an account nothing."""
        key = f"{path}?{params}"
        etag, before = self._etags.get(key, ("", None))
        answer = checked(await self.ask(path, params, etag=etag), now)
        if answer.status == 304 and etag:
            return before, answer
        data = answer.json()
        if len(self._etags) > 50:
            self._etags.clear()
        if "etag" in answer.headers:
            self._etags[key] = answer.headers["etag"], data
        return data, answer

    async def graphql(self, query: str, variables: Mapping[str, Any], *, now: datetime) -> tuple[JsonObject, Answer]:
        """`data` of an answer without errors. Raises SourceError."""
        answer = checked(await self._ask_graphql(query, variables), now)
        return data_of(answer, now), answer

    async def mutate(self, query: str, variables: Mapping[str, Any]) -> Answer:
        return await self._ask_graphql(query, variables)

    async def login(self, *, now: datetime) -> str:
        """Our own name; "" without a token, or where it is not told now (an app's own token has none)."""
        if self._login is None:
            try:
                told = checked(await self.ask("/user"), now).json()
            except SourceError as error:
                if isinstance(error, BadAnswer | Unauthorised):
                    self._login = ""
                return ""
            self._login = fields.identifier(told.get("login")) if isinstance(told, dict) else ""
        return self._login

    async def is_itself(self) -> bool:
        """Whether a server with this API is there, and not something before or instead of it that knows no page."""
        answer = await self.ask("/rate_limit")
        return answer.status == 200 and isinstance(answer.json(), dict)

    async def _ask_graphql(self, query: str, variables: Mapping[str, Any]) -> Answer:
        # A server of one's own has /api/v3 and /api/graphql.
        path = f"{self.url.removesuffix('/v3')}/graphql"
        body = {"query": query, "variables": dict(variables)}
        return await self._http.fetch(Request("POST", path, secret_headers=self.secrets, json=body))


def checked(answer: Answer, now: datetime) -> Answer:
    """`whole`, for which a 403 may be a limit too."""
    if answer.status in (403, 429):
        reset = retry_after(answer.headers, now=now) or (reset_of(answer) if left_of(answer) == 0 else None)
        if reset is not None or answer.status == 429 or any(one in words(answer).lower() for one in LIMITED):
            where = urlsplit(answer.url).path
            raise RateLimited(f"GitHub answered {answer.status} to {where}: too many requests", reset or now + PATIENCE)
    if answer.status == 422:
        raise BadAnswer(f"GitHub does not take the question: {words(answer)}")
    return whole(answer, now=now)


def data_of(answer: Answer, now: datetime) -> JsonObject:
    """Of a GraphQL answer, whose errors come with status 200. Raises SourceError."""
    told = answer.json()
    errors = told.get("errors") if isinstance(told, dict) else None
    first = errors[0] if isinstance(errors, list) and errors and isinstance(errors[0], dict) else {}
    if first.get("type") == "RATE_LIMITED":
        raise RateLimited("GitHub's GraphQL: too many requests", reset_of(answer) or now + PATIENCE)
    if first.get("type") in ("FORBIDDEN", "INSUFFICIENT_SCOPES"):
        raise Unauthorised(f"GitHub's GraphQL: {quoted(fields.text(first.get('message')))}; check the token")
    data = told.get("data") if isinstance(told, dict) else None
    if not isinstance(data, dict):
        raise BadAnswer(f"GitHub's GraphQL: {quoted(fields.text(first.get('message'))) or 'no data'}")
    return data


def left_of(answer: Answer) -> int | None:
    return fields.count(answer.headers.get("x-ratelimit-remaining"))


def reset_of(answer: Answer) -> datetime | None:
    """X-RateLimit-Reset: seconds since 1970."""
    told = fields.count(answer.headers.get("x-ratelimit-reset"))
    return datetime.fromtimestamp(told, UTC) if told and told < 10**11 else None


def words(answer: Answer) -> str:
    """What GitHub says of it, on one line."""
    try:
        told = answer.json()
    except BadAnswer:
        told = None
    if not isinstance(told, dict):
        return "no reason given"
    errors = told.get("errors") if isinstance(told.get("errors"), list) else []
    more = [fields.text(one.get("message")) for one in errors or () if isinstance(one, dict)]
    return quoted(" ".join([fields.text(told.get("message")), *more])) or "no reason given"
