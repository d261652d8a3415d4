"""Access tokens that are fetched and run out (OAuth 2.0, RFC 6749; service accounts by RFC 7523)."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Any

from sources.adapters import fields
from sources.errors import BadAnswer, Unauthorised
from sources.http import Http, Request
from sources.keep import Keep
from sources.status import whole
from store.domain.clock import utcnow
from store.domain.secret import Secret, never_say

EARLY = timedelta(minutes=2)  # a token that runs out so soon is not used any more (a tenth of its life, where shorter)
USUAL = timedelta(hours=1)  # where a server does not say how long
LONGEST = timedelta(days=366)

Form = tuple[tuple[str, str], ...]


class Tokens:
    """One source's access tokens. `grant` makes the form of a token request; it is given the newest refresh token (""
    at first), because some servers give a new one with every answer. The tokens are kept, so that a program that is
    started every minute does not ask for one each time. `name` tells several kinds of a source apart."""

    def __init__(
        self,
        http: Http,
        keep: Keep,
        url: str,
        grant: Callable[[str], Form],
        *,
        secret_headers: Mapping[str, Secret] | None = None,
        name: str = "tokens",
    ) -> None:
        self._http, self._keep, self._url, self._grant, self._name = http, keep, url, grant, name
        self._secret_headers = secret_headers or {}
        self._asking = asyncio.Lock()

    async def headers(self, scheme: str = "Bearer") -> dict[str, Secret]:
        """Authorization with a token that is good for a while. Raises SourceError: Unauthorised where it is refused."""
        return {"Authorization": Secret(f"{scheme} {(await self.access()).reveal()}")}

    async def access(self) -> Secret:
        async with self._asking:
            kept = self._keep.load(self._name) or {}
            token = fields.text(kept.get("access"))
            if token and utcnow() < _moment(kept.get("until")):
                return Secret(token)
            return await self._fetch(fields.text(kept.get("refresh")))

    def refused(self) -> None:
        """The server does not take the access token any more: the next one is fetched."""
        kept = dict(self._keep.load(self._name) or {})
        kept.pop("access", None)
        self._keep.store(self._name, kept)

    async def _fetch(self, refresh: str) -> Secret:
        now = utcnow()
        never_say(refresh)
        request = Request("POST", self._url, form=self._grant(refresh), secret_headers=self._secret_headers)
        answer = await self._http.fetch(request)
        if answer.status == 400 and refresh:  # what was kept is stale; what is configured may be new
            await asyncio.to_thread(self._keep.forget, self._name)
            return await self._fetch("")
        if answer.status in (400, 401, 403):
            raise Unauthorised(f"the login is refused ({_why(answer.body)}); renew the token")
        told: Any = whole(answer, now=now).json()
        token = fields.token(told.get("access_token")) if isinstance(told, dict) else ""
        if not token and isinstance(told, dict) and told.get("error"):  # some say so with 200
            raise Unauthorised(f"the login is refused ({_why(answer.body)}); renew the token")
        if not token:
            raise BadAnswer("the login was answered without a token")
        seconds = fields.count(told.get("expires_in"))
        life = USUAL if seconds is None else min(timedelta(seconds=min(seconds, 10**9)), LONGEST)
        until = now + life - min(EARLY, life / 10)
        kept = {
            "access": token,
            "until": until.isoformat(),
            "refresh": fields.token(told.get("refresh_token")) or refresh,
        }
        await asyncio.to_thread(self._keep.store, self._name, kept)
        return Secret(token)


def _moment(value: Any) -> datetime:
    """What was kept may be damaged: then it has run out."""
    try:
        return fields.moment(value)
    except ValueError:
        return fields.EARLIEST


def signed(claims: Mapping[str, Any], key: Secret, algorithm: str, headers: Mapping[str, Any] | None = None) -> str:
    """A JSON Web Token (RFC 7519), signed with a private key in PEM. Raises Unauthorised where the key is none."""
    import jwt

    try:
        return str(jwt.encode(dict(claims), key.reveal(), algorithm=algorithm, headers=dict(headers or {})))
    except (ValueError, TypeError, jwt.PyJWTError):
        raise Unauthorised(f"{key.reference or 'the key'} is not a private key in PEM") from None


def _why(body: bytes) -> str:
    """The error's name (RFC 6749 section 5.2), never its whole text: that may repeat what we sent."""
    import json
    import re

    try:
        told = json.loads(body)
        error = told["error"] if isinstance(told, dict) else ""
    except (ValueError, KeyError, RecursionError):
        error = ""
    return error if isinstance(error, str) and re.fullmatch(r"[a-zA-Z_.-]{1,60}", error) else "it does not say why"
