"""One Lemmy instance as an account (or nobody) sees it. Lemmy 0.19 speaks /api/v3, 1.0 and later /api/v4 (and a v3 that
forgets what page it was asked for); https://join-lemmy.org/api/."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

from sources.adapters import fields
from sources.addresses import shown
from sources.errors import BadAnswer, RateLimited, SourceError, Unauthorised
from sources.http import Answer, Http, Request, retry_after
from sources.status import whole
from store.domain.mention import JsonObject
from store.domain.secret import Secret

V3, V4 = "v3", "v4"
Params = tuple[tuple[str, str], ...]
# Where an instance says its version, and at what place of the answer.
VERSIONS = (
    ("/api/v3/site", ("version",)),
    ("/nodeinfo/2.1", ("software", "version")),
    ("/api/v4/site", ("version",)),
)
# Where it says whose the token is.
ACCOUNT = {
    V3: ("/api/v3/site", ("my_user", "local_user_view", "person", "id")),
    V4: ("/api/v4/account", ("local_user_view", "person", "id")),
}
PROBES: dict[str, Params] = {
    V3: (("q", "a"), ("type_", "Posts"), ("listing_type", "All"), ("sort", "New"), ("limit", "1"), ("page", "1")),
    V4: (("search_term", "a"), ("type_", "posts"), ("limit", "1")),
}
CROWDED = {"rate_limit_error", "too_many_requests"}  # 0.19 says the first with status 400
CLOSED = {"not_logged_in", "incorrect_login", "instance_is_private"}


@dataclass(frozen=True, slots=True)
class Got:
    """One answer; `rest_until` is set where our share of requests is used up."""

    data: JsonObject
    quota_left: int | None
    rest_until: datetime | None


class Server:
    def __init__(self, http: Http, url: str, token: Secret | None) -> None:
        self._http = http
        self.url = url.rstrip("/")
        self.secrets = {} if token is None else {"Authorization": Secret(f"Bearer {token.reveal()}", token.reference)}
        self._api = ""
        self._own = ""

    async def api(self, *, now: datetime) -> str:
        """V3 or V4, asked once. An instance that hides its version is taken for what answers a search."""
        return self._api or await self._versioned(now) or await self._answering(now)

    async def own_id(self, *, now: datetime) -> str:
        """The id of our account here; "" where there is none or the instance does not say: what is public is read all
        the same."""
        try:
            return await self.account_id(now=now)
        except SourceError:
            return ""

    async def account_id(self, *, now: datetime) -> str:
        """Raises SourceError where it cannot be told; "" without a token."""
        if self.secrets and not self._own:
            path, place = ACCOUNT[await self.api(now=now)]
            told: Any = (await self.get(path, now=now, signed=True)).data
            for name in place:
                told = told.get(name) if isinstance(told, dict) else None
            self._own = fields.identifier(told)
            if not self._own:
                raise Unauthorised(f"{shown(self.url)} knows no account by this token")
        return self._own

    async def get(self, path: str, params: Params = (), *, now: datetime, signed: bool = False) -> Got:
        """Raises SourceError; RateLimited with the time that the instance names. Asked as nobody unless `signed`, or
        where the instance is closed: an account sees less (its languages, its blocks, not what it has read)."""
        try:
            return _got(await self.ask(path, params, signed=signed), now)
        except Unauthorised:
            if signed or not self.secrets:
                raise
            return _got(await self.ask(path, params, signed=True), now)

    async def ask(self, path: str, params: Params = (), *, signed: bool) -> Answer:
        secrets = self.secrets if signed else {}
        return await self._http.fetch(Request("GET", f"{self.url}{path}", params, secret_headers=secrets))

    async def post(self, path: str, body: JsonObject, headers: Mapping[str, str]) -> Answer:
        url = f"{self.url}{path}"
        return await self._http.fetch(Request("POST", url, headers=headers, secret_headers=self.secrets, json=body))

    async def _versioned(self, now: datetime) -> str:
        for path, place in VERSIONS:
            try:
                told: Any = (await self.get(path, now=now)).data
            except SourceError:
                continue
            for name in place:
                told = told.get(name) if isinstance(told, dict) else None
            if version := re.match(r"(\d{1,4})\.\d", fields.text(told)):
                self._api = V4 if int(version[1]) >= 1 else V3
                return self._api
        return ""

    async def _answering(self, now: datetime) -> str:
        """What answers a search, remembered; V3 for this time where nothing does. Raises RateLimited."""
        for api, params in PROBES.items():
            try:
                await self.get(f"/api/{api}/search", params, now=now)
            except RateLimited:
                raise
            except SourceError:
                continue
            self._api = api
            return api
        return V3


def reason(answer: Answer) -> str:
    """The name of what went wrong ("locked"); "" where the answer has none."""
    try:
        told = answer.json()
    except BadAnswer:
        return ""
    return fields.text(told.get("error")) if isinstance(told, dict) else ""


def host(url: Any) -> str:
    return urlsplit(fields.web_url(url)).netloc.rpartition("@")[2].lower()


def checked(answer: Answer, now: datetime) -> Answer:
    """The answer, if it is a good one. Raises what its status or its words call for."""
    if answer.status >= 400:
        why, reset = reason(answer), _reset(answer.headers, now)
        if answer.status == 429 or why in CROWDED:
            when = reset or retry_after(answer.headers, now=now)
            raise RateLimited(f"{shown(answer.url)}: too many requests", when)
        if why in CLOSED:
            raise Unauthorised(f"{shown(answer.url)}: it does not let us in ({why}); check the token")
    return whole(answer, now=now)


def _got(answer: Answer, now: datetime) -> Got:
    data = checked(answer, now).json()
    if not isinstance(data, dict):
        raise BadAnswer(f"{shown(answer.url)} answered with something else than it promises")
    left = fields.count(answer.headers.get("x-ratelimit-remaining"))
    return Got(data, left, _reset(answer.headers, now) if left == 0 else None)


def _reset(headers: Mapping[str, str], now: datetime) -> datetime | None:
    """X-RateLimit-Reset: seconds from now (actix-extensible-rate-limit)."""
    value = headers.get("x-ratelimit-reset", "")
    return now + timedelta(seconds=int(value)) if re.fullmatch(r"[0-9]{1,7}", value) else None
