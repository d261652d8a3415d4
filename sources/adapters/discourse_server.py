"""One Discourse forum as an account (or nobody) sees it: requests, its dialects of "too many", who we are there."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

from sources.adapters import fields
from sources.errors import BadAnswer, SourceError
from sources.http import Answer, Http, Request
from sources.status import whole
from store.domain.secret import Secret

Params = tuple[tuple[str, str], ...]


class Server:
    def __init__(self, http: Http, url: str, token: Secret | None, username: str, *, user_key: bool) -> None:
        self._http = http
        self.url = url.rstrip("/")
        self.host = urlsplit(self.url).netloc.lower()
        self.secrets = {} if token is None else {"User-Api-Key" if user_key else "Api-Key": token}
        # A key of one user says itself who it is.
        self._headers = {"Api-Username": username} if username and token is not None and not user_key else {}
        self._account = username if token is not None else ""
        self._untold = False

    async def ask(self, path: str, params: Params = ()) -> Answer:
        request = Request("GET", f"{self.url}{path}", params, self._headers, self.secrets)
        return await self._http.fetch(request)

    async def post(self, path: str, body: Any) -> Answer:
        request = Request("POST", f"{self.url}{path}", (), self._headers, self.secrets, json=body)
        return await self._http.fetch(request)

    async def get(self, path: str, params: Params = (), *, now: datetime) -> Any:
        """Raises SourceError; RateLimited with the time the server names."""
        return checked(await self.ask(path, params), now).json()

    async def account(self, *, now: datetime) -> str:
        """Our own name there; "" where there is none, or where it is not told now."""
        if not self._account and self.secrets and not self._untold:
            try:
                told = await self.get("/session/current.json", now=now)
            except SourceError as error:
                self._untold = isinstance(error, BadAnswer)  # it has no such page; anything else may pass
                return ""
            user = told.get("current_user") if isinstance(told, dict) else None
            self._account = fields.identifier(user.get("username")) if isinstance(user, dict) else ""
        return self._account


def checked(answer: Answer, now: datetime) -> Answer:
    """`whole`, with the time that the forum's software (as against what stands before it) says in its JSON only."""
    return whole(answer, now=now, reset=_wait(answer, now) if answer.status == 429 else None)


def _wait(answer: Answer, now: datetime) -> datetime | None:
    if "retry-after" in answer.headers:
        return None
    try:
        told = answer.json()
    except BadAnswer:
        return None
    extras = told.get("extras") if isinstance(told, dict) else None
    seconds = fields.count(extras.get("wait_seconds")) if isinstance(extras, dict) else None
    return None if seconds is None else now + timedelta(seconds=min(seconds, 86_400))
