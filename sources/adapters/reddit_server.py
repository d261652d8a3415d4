"""Reddit as an account, an application or nobody sees it: where it is asked, by which token, within which limits
(https://www.reddit.com/dev/api, https://github.com/reddit-archive/reddit/wiki/OAuth2)."""

from __future__ import annotations

import base64
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache
from typing import Any

from sources.adapters import fields
from sources.errors import BadAnswer, SourceError, Unauthorised
from sources.http import LONGEST_WAIT, Answer, Request
from sources.oauth import Form, Tokens
from sources.protocol import Setup
from sources.status import whole
from store.domain.desk import SourceConfig
from store.domain.secret import Secret

API, SITE = "https://oauth.reddit.com", "https://www.reddit.com"
Params = tuple[tuple[str, str], ...]
RAW = (("raw_json", "1"),)  # without it texts come with &amp;lt; for <


@dataclass(frozen=True, slots=True)
class Got:
    """One answer; `rest_until` is set where our share of requests is used up."""

    answer: Answer
    quota_left: int | None
    rest_until: datetime | None

    @property
    def data(self) -> Any:
        return self.answer.json()


class Server:
    """`signed_in`: with a token of some kind; else only feeds can be read."""

    def __init__(self, setup: Setup) -> None:
        config, options = setup.config, setup.config.options
        self._http = setup.http
        url = config.url.rstrip("/")
        own = url not in ("", API, SITE)
        self.api, self.site = (url, url) if own else (API, SITE)
        self._name, self._account = str(options.get("username", "")), ""
        self._agent = {"User-Agent": user_agent(self._name)}
        self._token = setup.token
        self._tokens = _tokens(setup, self.site, self._agent) if setup.token is None and has_client(config) else None
        self.signed_in = self._token is not None or self._tokens is not None
        self._acts = acts(config)

    async def own_name(self, *, now: datetime) -> str:
        """The name of our account; "" where there is none or Reddit does not say: what is public is read all the
        same."""
        if self._name or not self._acts:
            return self._name
        try:
            return await self.account(now=now)
        except SourceError:
            return ""

    async def account(self, *, now: datetime) -> str:
        """The same for sure: a name that is only configured may be another's. Raises SourceError where it cannot be
        told."""
        if not self._account:
            me = (await self.get("/api/v1/me", now=now)).data
            self._account = fields.identifier(me.get("name")) if isinstance(me, dict) else ""
            if not self._account:
                raise Unauthorised("Reddit names no account of this token")
        return self._account

    async def get(self, path: str, params: Params = (), *, now: datetime) -> Got:
        """Raises SourceError; RateLimited with the time that Reddit names."""
        answer = await self._ask(path, params)
        if answer.status == 401 and self._tokens is not None:
            self._tokens.refused()
            answer = await self._ask(path, params)
        return _got(answer, now)

    async def feed(self, path: str, params: Params, *, now: datetime) -> Got:
        """A feed of the web site, without an account."""
        try:
            return _got(await self._http.fetch(Request("GET", f"{self.site}{path}", params, headers=self._agent)), now)
        except Unauthorised:
            why = "Reddit lets nobody read this without an account now: give the source `client_id` and `client_secret`"
            raise Unauthorised(why) from None

    async def post(self, path: str, form: Params, authorization: Mapping[str, Secret]) -> Answer:
        url = f"{self.api}{path}"
        request = Request("POST", url, RAW, headers=self._agent, secret_headers=authorization, form=form)
        return await self._http.fetch(request)

    async def authorization(self) -> dict[str, Secret]:
        """Raises SourceError where no token is to be had."""
        if self._token is not None:
            return {"Authorization": Secret(f"Bearer {self._token.reveal()}", self._token.reference)}
        return await self._tokens.headers() if self._tokens is not None else {}

    def refused(self) -> bool:
        """The token is not taken any more: whether the next one will be another."""
        if self._tokens is not None:
            self._tokens.refused()
        return self._tokens is not None

    async def _ask(self, path: str, params: Params) -> Answer:
        authorization = await self.authorization()
        url = f"{self.api}{path}"
        return await self._http.fetch(
            Request("GET", url, (*params, *RAW), headers=self._agent, secret_headers=authorization)
        )


def has_client(config: SourceConfig) -> bool:
    return bool(config.options.get("client_id"))


def acts(config: SourceConfig) -> bool:
    """Whether it is an account that reads (an application alone has no inbox and cannot answer)."""
    options = config.options
    return bool(config.token or (has_client(config) and (options.get("refresh_token") or options.get("password"))))


def reset_time(headers: Mapping[str, str], now: datetime) -> datetime | None:
    """X-Ratelimit-Reset: seconds from now."""
    try:
        seconds = float(headers.get("x-ratelimit-reset", ""))
    except ValueError:
        return None
    return now + timedelta(seconds=seconds) if 0 <= seconds <= LONGEST_WAIT.total_seconds() else None


@cache
def user_agent(name: str) -> str:
    """<platform>:<app>:<version> (by /u/NAME), as Reddit's rules want it."""
    from importlib.metadata import PackageNotFoundError, version

    try:
        number = version("earful")
    except PackageNotFoundError:
        number = "dev"
    return f"{sys.platform}:earful:{number}" + (f" (by /u/{name})" if name else "")


def children(listing: Any) -> list[Any]:
    """The things of a listing, as they stand. Raises BadAnswer."""
    data = listing.get("data") if isinstance(listing, dict) else None
    found = data.get("children") if isinstance(data, dict) else None
    if not isinstance(found, list):
        raise BadAnswer("Reddit answered with something that is no listing")
    return found


def _got(answer: Answer, now: datetime) -> Got:
    reset = reset_time(answer.headers, now)
    whole(answer, now=now, reset=reset if answer.status == 429 else None)
    try:
        left: int | None = max(0, int(float(answer.headers.get("x-ratelimit-remaining", ""))))
    except (ValueError, OverflowError):
        left = None
    return Got(answer, left, reset if left == 0 else None)


def _tokens(setup: Setup, site: str, agent: Mapping[str, str]) -> Tokens:
    """The grants of https://github.com/reddit-archive/reddit/wiki/OAuth2: an account by refresh token or password, else
    the application alone."""
    options, secrets = setup.config.options, setup.secrets
    client, name = str(options.get("client_id", "")), str(options.get("username", ""))
    secret, refresh, password = (
        secrets[key].reveal() if key in secrets else "" for key in ("client_secret", "refresh_token", "password")
    )

    def grant(newest: str) -> Form:
        if refresh:
            return (("grant_type", "refresh_token"), ("refresh_token", newest or refresh))
        if password:
            return (("grant_type", "password"), ("username", name), ("password", password))
        return (("grant_type", "client_credentials"),)

    basic = base64.b64encode(f"{client}:{secret}".encode()).decode()
    # A token request has no headers but these; the name by which Reddit knows a client must be among them.
    headers = {"Authorization": Secret(f"Basic {basic}")} | {key: Secret(value) for key, value in agent.items()}
    kept_as = fields.digest("tokens", client, name, refresh, password)  # another login gets tokens of its own
    url = f"{site}/api/v1/access_token"
    return Tokens(setup.http, setup.keep, url, grant, secret_headers=headers, name=kept_as)
