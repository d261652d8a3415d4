"""Meta's Graph API as one account sees it: questions, answers, errors and limits
(https://developers.facebook.com/docs/graph-api/guides/error-handling and .../overview/rate-limiting).

An error is a JSON object with `error`, whatever the HTTP status. How much of our share is used up comes in headers, in
percent: above REST_AT a poll ends early and the next one waits.
"""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sources.adapters import fields
from sources.errors import BadAnswer, RateLimited, SourceError, Unauthorised, Unreachable, quoted
from sources.http import Answer, Http, Request, retry_after
from sources.status import whole
from store.domain.mention import JsonObject
from store.domain.secret import Secret

VERSION = "v26.0"
REST_AT, FULL_AT = 85, 95
REST, FULL_REST = timedelta(minutes=5), timedelta(minutes=30)
LIMITED = frozenset({4, 17, 32, 341, 613, *range(80_000, 80_015)})
TOKEN_REFUSED = frozenset({102, 190, 463, 467})
NOT_ALLOWED = frozenset({3, 10, *range(200, 300)})
FOR_NOW = frozenset({1, 2})
BLOCKED = 368
MISSING, MISSING_SUBCODE, ALIASES_MISSING = 100, 33, 803

Params = tuple[tuple[str, str], ...]


class Missing(SourceError):
    """There is nothing of this id, or nothing that we may see: Meta does not tell the two apart."""


class Blocked(RateLimited):
    """Meta thinks that what we do is abuse."""


@dataclass(frozen=True, slots=True)
class Got:
    """One answer. `left` is what is left of our share, in percent, where it is told; `rest_until` is set where little
    of it is."""

    data: JsonObject
    left: int | None
    rest_until: datetime | None

    @property
    def items(self) -> list[Any]:
        return self.data["data"]  # type: ignore[no-any-return]  # only a Got of `list` is asked for it

    @property
    def after(self) -> str:
        """Where the next page begins; "" where this is the last one. The address of the next page itself holds the
        token and another host, so only the place in it is taken."""
        paging = self.data.get("paging")
        if not isinstance(paging, dict) or not paging.get("next"):
            return ""
        cursors = paging.get("cursors")
        return fields.place(cursors.get("after")) if isinstance(cursors, dict) else ""


class Graph:
    """`app_secret` proves besides that the token is in the right hands
    (https://developers.facebook.com/docs/graph-api/guides/secure-requests)."""

    def __init__(self, http: Http, url: str, version: str, token: Secret | None, app_secret: Secret | None) -> None:
        self._http = http
        self.url = url.rstrip("/")
        self._base = f"{self.url}/{version.strip('/')}" if version else self.url
        self._token = token
        self._secrets = {"Authorization": Secret(f"Bearer {token.reveal()}", token.reference)} if token else {}
        self._proof: Params = ()
        if token and app_secret:
            key, words = app_secret.reveal().encode(), token.reveal().encode()
            self._proof = (("appsecret_proof", hmac.new(key, words, hashlib.sha256).hexdigest()),)

    @property
    def can_answer(self) -> bool:
        return bool(self._secrets)

    async def get(self, path: str, params: Params = (), *, now: datetime) -> Got:
        """Raises SourceError; Missing for an id that is not there, RateLimited with the time Meta names."""
        request = Request("GET", f"{self._base}/{path}", params + self._proof, secret_headers=self._secrets)
        return self.understood(await self._http.fetch(request), now)

    async def list(self, path: str, params: Params = (), *, now: datetime) -> Got:
        got = await self.get(path, params, now=now)
        if not isinstance(got.data.get("data"), list):
            raise BadAnswer(f"{self._base}/{path} answered with something that is no list")
        return got

    async def post(self, path: str, form: Params) -> Answer:
        """Any answer; raises SourceError where none came."""
        url = f"{self._base}/{path}"
        return await self._http.fetch(Request("POST", url, form=form + self._proof, secret_headers=self._secrets))

    def error(self, answer: Answer, now: datetime) -> SourceError | None:
        """What an answer says went wrong; None where nothing did, or where it does not say it in Meta's way."""
        try:
            told = answer.json()
        except BadAnswer:
            return None
        error = told.get("error") if isinstance(told, dict) else None
        if not isinstance(error, dict):
            return None
        code, subcode = fields.count(error.get("code")), fields.count(error.get("error_subcode"))
        words = self._without_token(quoted(fields.text(error.get("message")))) or "no reason given"
        told_words = f"Meta says {words} (code {code})"
        if code == BLOCKED:
            return Blocked(told_words, now + FULL_REST)
        if code in LIMITED or answer.status == 429:
            wait = max(_regain(answer.headers), timedelta(0)) or FULL_REST
            return RateLimited(told_words, retry_after(answer.headers, now=now) or now + wait)
        if code in TOKEN_REFUSED:
            return Unauthorised(f"the access token is refused (code {code}): make a new one")
        if code in NOT_ALLOWED:
            return Unauthorised(f"{told_words}: give the token the permission")
        if (code == MISSING and subcode == MISSING_SUBCODE) or code == ALIASES_MISSING:
            return Missing(told_words)
        if code in FOR_NOW or answer.status >= 500:
            return Unreachable(told_words)
        return BadAnswer(told_words)

    def understood(self, answer: Answer, now: datetime) -> Got:
        error = self.error(answer, now)
        if error is not None:
            raise error
        data = whole(answer, now=now).json()
        if not isinstance(data, dict):
            raise BadAnswer(f"{self.url} answered with something that is no object")
        used = max(_used(answer.headers), default=None)
        if used is None:
            return Got(data, None, None)
        rest = _regain(answer.headers) or (FULL_REST if used >= FULL_AT else REST)
        return Got(data, max(0, 100 - used), now + rest if used >= REST_AT else None)

    def _without_token(self, words: str) -> str:
        """Meta repeats a token that it does not understand."""
        token = self._token.reveal() if self._token else ""
        return words.replace(token, "...") if token else words


def place(after: str) -> Params:
    """The parameter of the page to go on from."""
    return (("after", after),) if after else ()


def _used(headers: Mapping[str, str]) -> Iterator[int]:
    """Every percentage that the usage headers name."""
    for usage in _usages(headers):
        for name in ("call_count", "total_time", "total_cputime"):
            share = fields.count(usage.get(name))
            if share is not None:
                yield share


def _regain(headers: Mapping[str, str]) -> timedelta:
    minutes = [fields.count(usage.get("estimated_time_to_regain_access")) or 0 for usage in _usages(headers)]
    return timedelta(minutes=min(max(minutes, default=0), 60 * 24 * 7))


def _usages(headers: Mapping[str, str]) -> Iterator[JsonObject]:
    """X-App-Usage and X-Page-Usage are one object; X-Business-Use-Case-Usage has a list of them an account."""
    for name in ("x-app-usage", "x-page-usage", "x-business-use-case-usage"):
        try:
            told = json.loads(headers.get(name, "null"))
        except (ValueError, RecursionError):
            continue
        if not isinstance(told, dict):
            continue
        groups = [told] if name != "x-business-use-case-usage" else told.values()
        for group in groups:
            yield from (one for one in (group if isinstance(group, list) else [group]) if isinstance(one, dict))
