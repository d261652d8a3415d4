"""The session of an account on its server (https://docs.bsky.app/docs/api/com-atproto-server-create-session).

An app password opens a session: an access token for two hours and a refresh token for ninety days; each refresh gives a
new pair and ends the old one. Opening is limited to 300 a day, so the pair is kept, and opening is the last resort.
"""

from __future__ import annotations

import asyncio
import base64
import json
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime, timedelta

from sources.adapters import fields
from sources.adapters.bluesky_xrpc import UNKNOWN_METHOD, error_name, understood
from sources.errors import BadAnswer, Unauthorised, Uncertain, Unreachable
from sources.http import Answer, Http, Request
from sources.keep import Keep
from store.domain.clock import utcnow
from store.domain.mention import JsonObject
from store.domain.secret import Secret

CREATE, REFRESH = "com.atproto.server.createSession", "com.atproto.server.refreshSession"
KEPT = "session"
TOO_SOON = timedelta(minutes=5)  # between two that replace a session: 300 a day
_EXPIRED = frozenset({"ExpiredToken", "InvalidToken"})
_TOKEN = re.compile(r"eyJ[\w-]+\.[\w-]+\.[\w-]*")  # a JSON Web Token


class Session:
    """`token` is an app password, which needs `handle`, or an access token that is ready to be used."""

    def __init__(self, http: Http, keep: Keep, base: str, handle: str, token: Secret) -> None:
        self._http, self._keep, self._base, self._handle, self._token = http, keep, base, handle, token
        self._ready = token.reveal() if not handle or _TOKEN.fullmatch(token.reveal()) else ""
        self._account = fields.digest(base, handle, token.reveal())
        self._opening = asyncio.Lock()

    async def access(self) -> str:
        """The access token; opens the session where there is none. Raises SourceError."""
        if self._ready:
            return self._ready
        async with self._opening, _unsettled():
            kept = self._kept()
            return fields.text(kept.get("access")) or await self._open()

    async def renewed(self, refused: str) -> bool:
        """Whether there is another access token than the one that was refused; there is none where it was given to us
        ready. Raises SourceError, Unauthorised where the account is not let in any more."""
        if self._ready:
            return False
        async with self._opening, _unsettled():
            kept = self._kept()
            if fields.text(kept.get("access")) not in ("", refused):
                return True  # somebody else was as quick
            if not await self._refresh(fields.text(kept.get("refresh"))):
                reopened_at, now = fields.text(kept.get("reopened_at")), utcnow()
                if reopened_at and now - datetime.fromisoformat(reopened_at) < TOO_SOON:
                    raise Unauthorised(f"{self._base} refuses the session that it gave a moment ago; look again later")
                await self._open(reopened_at=now)
        return True

    @property
    def did(self) -> str:
        """Of our account, as far as it is known without asking."""
        if self._ready:
            return _subject(self._ready) or (self._handle if self._handle.startswith("did:") else "")
        return fields.identifier(self._kept().get("did"))

    async def _open(self, reopened_at: datetime | None = None) -> str:
        body = {"identifier": self._handle, "password": self._token.reveal()}
        answer = await self._http.fetch(Request("POST", f"{self._base}/xrpc/{CREATE}", json=body))
        if answer.status in UNKNOWN_METHOD:  # no server of accounts: what stands before one may take the token as it is
            self._ready = self._token.reveal()
            return self._ready
        if error_name(answer) == "AuthFactorTokenRequired":
            raise Unauthorised(f"{self._base} wants a second factor: use an app password as `token`")
        if answer.status in (400, 401, 403):
            raise Unauthorised(f"{self._base} refuses the login: check `handle`, and that `token` is an app password")
        await self._store(answer, reopened_at)
        return fields.text(self._kept().get("access"))

    async def _refresh(self, token: str) -> bool:
        """Whether there is a new pair. Raises SourceError where that cannot be said now."""
        if not token:
            return False
        bearer = {"Authorization": Secret(f"Bearer {token}")}
        answer = await self._http.fetch(Request("POST", f"{self._base}/xrpc/{REFRESH}", secret_headers=bearer))
        if answer.status in UNKNOWN_METHOD or answer.status in (400, 401, 403):
            return False
        await self._store(answer, None)
        return True

    async def _store(self, answer: Answer, reopened_at: datetime | None) -> None:
        told = understood(answer, now=utcnow())
        told = told if isinstance(told, dict) else {}
        pair = [fields.token(told.get(name)) for name in ("accessJwt", "refreshJwt")]
        if not all(pair):
            raise BadAnswer(f"{self._base} opened no session")
        kept: JsonObject = {
            "account": self._account,
            "did": fields.identifier(told.get("did")),
            "access": pair[0],
            "refresh": pair[1],
            "reopened_at": reopened_at.isoformat() if reopened_at else fields.text(self._kept().get("reopened_at")),
        }
        await asyncio.to_thread(self._keep.store, KEPT, kept)

    def _kept(self) -> JsonObject:
        """What is kept for this account; another one's is none."""
        kept = self._keep.load(KEPT) or {}
        return kept if kept.get("account") == self._account else {}


@asynccontextmanager
async def _unsettled() -> AsyncIterator[None]:
    """A login whose answer was lost or cannot be read opened no session, and that is all it could have done."""
    try:
        yield
    except (Uncertain, BadAnswer) as error:
        raise Unreachable(str(error)) from None


def refused(answer: Answer) -> bool:
    """Whether it is the access token that was not taken; what was asked was not done then."""
    return answer.status == 401 or (answer.status == 400 and error_name(answer) in _EXPIRED)


def _subject(token: str) -> str:
    """Whose access token it is, by its own word."""
    if not _TOKEN.fullmatch(token):
        return ""
    payload = token.split(".")[1]
    try:
        claims = json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
    except (ValueError, RecursionError):
        return ""
    did = fields.identifier(claims.get("sub")) if isinstance(claims, dict) else ""
    return did if did.startswith("did:") else ""
