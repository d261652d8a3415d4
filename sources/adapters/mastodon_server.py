"""One Mastodon server as an account (or nobody) sees it: questions, its limits, who we are there."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

from sources.adapters import fields
from sources.errors import BadAnswer, RateLimited, SourceError, Unauthorised
from sources.http import Answer, Http, Request
from sources.status import whole
from store.domain.mention import JsonObject
from store.domain.secret import Secret

Params = tuple[tuple[str, str], ...]

# What a Mastodon server allows where it does not say (app/validators/status_length_validator.rb).
MAX_CHARACTERS, URL_CHARACTERS = 500, 23


@dataclass(frozen=True, slots=True)
class Got:
    """One answer. `below` is the max_id of the page further back, as the server says it; `rest_until` is set where our
    share of requests is used up."""

    data: Any
    below: str
    quota_left: int | None
    rest_until: datetime | None


@dataclass(frozen=True, slots=True)
class Facts:
    """What a server says of itself. `plain_search`: it is not Mastodon (4.2 or later) itself, whose search alone knows
    "phrases" and after:DATE; to another one these would be words to look for."""

    characters: int = MAX_CHARACTERS
    per_url: int = URL_CHARACTERS
    plain_search: bool = False


class Server:
    def __init__(self, http: Http, url: str, token: Secret | None) -> None:
        self._http = http
        self.url = url.rstrip("/")
        self.host = urlsplit(self.url).netloc.lower()
        self.secrets = {} if token is None else {"Authorization": Secret(f"Bearer {token.reveal()}", token.reference)}
        self._account = ""
        self._facts: Facts | None = None

    async def ask(self, path: str, params: Params = ()) -> Answer:
        return await self._http.fetch(Request("GET", f"{self.url}{path}", params, secret_headers=self.secrets))

    async def post(self, path: str, form: Params, headers: Mapping[str, str]) -> Answer:
        url = f"{self.url}{path}"
        return await self._http.fetch(Request("POST", url, form=form, headers=headers, secret_headers=self.secrets))

    async def get(self, path: str, params: Params = (), *, now: datetime) -> Got:
        """Raises SourceError; RateLimited with the time the server names."""
        return _got(await self.ask(path, params), now)

    async def list(self, path: str, params: Params = (), *, now: datetime) -> Got:
        got = await self.get(path, params, now=now)
        if not isinstance(got.data, list):
            raise BadAnswer(f"{self.url}{path} answered with something that is no list")
        return got

    async def account_id(self, *, now: datetime) -> str:
        """The id of our own account here; "" without a token, and where the server cannot say now: what it gives is
        read all the same. Raises SourceError where the token is refused or the limit reached."""
        if not self.secrets:
            return ""
        if not self._account:
            try:
                answer = await self.ask("/api/v1/accounts/verify_credentials")
                if answer.status == 422:  # Mastodon says it of an application's own token, snac of one it does not know
                    raise Unauthorised(f"{self.url} knows no account by this token")
                account = _got(answer, now).data
            except (Unauthorised, RateLimited):
                raise
            except SourceError:
                return ""
            self._account = fields.identifier(account.get("id")) if isinstance(account, dict) else ""
        return self._account

    async def is_itself(self) -> bool:
        """Whether a server with this API is there, and not something before or instead of it that knows no page."""
        answer = await self.ask("/api/v1/instance")
        return answer.status == 200 and isinstance(answer.json(), dict)

    async def facts(self) -> Facts:
        """Asked once; while the server cannot be asked, Mastodon's own numbers."""
        if self._facts is None:
            for path in ("/api/v2/instance", "/api/v1/instance"):
                try:
                    answer = await self.ask(path)
                    if answer.status == 200:
                        self._facts = _facts(answer.json())
                        break
                except SourceError:
                    return Facts()
        return self._facts or Facts()


def _got(answer: Answer, now: datetime) -> Got:
    reset = reset_time(answer.headers, now)
    whole(answer, now=now, reset=reset if answer.status == 429 else None)
    left = fields.count(answer.headers.get("x-ratelimit-remaining"))
    return Got(answer.json(), _below(answer.headers), left, reset if left == 0 else None)


def _facts(instance: Any) -> Facts:
    told: JsonObject = instance if isinstance(instance, dict) else {}
    known: Any = told
    for name in ("configuration", "statuses"):
        known = known.get(name) if isinstance(known, dict) else None
    known = known if isinstance(known, dict) else {}
    version = re.match(r"(\d{1,4})\.(\d{1,4})\.", fields.text(told.get("version")))
    is_mastodon = version is not None and "(" not in told["version"] and (int(version[1]), int(version[2])) >= (4, 2)
    return Facts(
        fields.count(known.get("max_characters")) or MAX_CHARACTERS,
        fields.count(known.get("characters_reserved_per_url")) or URL_CHARACTERS,
        plain_search="version" in told and not is_mastodon,
    )


def reset_time(headers: Mapping[str, str], now: datetime) -> datetime | None:
    """X-RateLimit-Reset: a time in ISO 8601 with microseconds (Mastodon), seconds since 1970 or from now (others)."""
    value = headers.get("x-ratelimit-reset", "")
    if re.fullmatch(r"[0-9]{1,6}", value):
        return now + timedelta(seconds=int(value))
    try:
        return fields.moment(value)
    except ValueError:
        return None


def _below(headers: Mapping[str, str]) -> str:
    """max_id of rel="next" in a Link header (RFC 8288): only this, the rest of our question stays as it is."""
    for target, relation in re.findall(r'<([^<>]*)>\s*;[^<]*?\brel="?([a-z ]+)"?', headers.get("link", "")):
        if "next" in relation.split():
            return fields.parameter(target, "max_id")
    return ""
