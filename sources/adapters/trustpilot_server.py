"""Trustpilot's API as an API key or a business user sees it (https://developers.trustpilot.com/authentication)."""

from __future__ import annotations

import base64
from dataclasses import replace
from urllib.parse import quote

from sources.adapters import fields, posting
from sources.errors import BadAnswer, Unauthorised
from sources.http import Answer, Http, Request
from sources.keep import Keep
from sources.oauth import Form, Tokens
from sources.protocol import Setup
from sources.status import whole
from store.domain.clock import utcnow
from store.domain.secret import Secret

DEFAULT_URL = "https://api.trustpilot.com"
LOGIN = "/v1/oauth/oauth-business-users-for-applications/accesstoken"


class Server:
    """`logged_in`: as a business user, who sees the private reviews and may answer; else with the API key alone."""

    def __init__(self, setup: Setup) -> None:
        self._http: Http = setup.http
        self.url = (setup.config.url or DEFAULT_URL).rstrip("/")
        self._key = setup.token
        self._ready = setup.secrets.get("access_token")
        secret = setup.secrets.get("client_secret")
        self._tokens = self._login(setup, secret, setup.keep) if secret is not None and self._key is not None else None
        self.logged_in = self._ready is not None or self._tokens is not None

    async def get(self, path: str, params: tuple[tuple[str, str], ...] = ()) -> Answer:
        request = Request("GET", f"{self.url}{path}", params)
        answer = await self._http.fetch(replace(request, secret_headers=await self._headers()))
        if answer.status == 401 and self._refused():
            answer = await self._http.fetch(replace(request, secret_headers=await self._headers()))
        return answer

    async def post(self, path: str, body: dict[str, str]) -> Answer:
        """Any answer; raises what a Channel's `send` may raise where none came."""
        request = Request("POST", f"{self.url}{path}", json=body)
        return await posting.logged_in(
            self._headers, lambda secrets: self._http.fetch(replace(request, secret_headers=secrets)), self._refused
        )

    async def unit(self, name: str) -> str:
        """The id of the business unit of a domain. Raises SourceError."""
        answer = whole(await self.get("/v1/business-units/find", (("name", name),)), now=utcnow())
        told = answer.json()
        found = fields.identifier(told.get("id")) if isinstance(told, dict) else ""
        if not found:
            raise BadAnswer(f"{self.url} knows no business unit {name}; check `business_unit`")
        return found

    def _refused(self) -> bool:
        """The token is not taken any more: whether the next one will be another."""
        if self._tokens is not None:
            self._tokens.refused()
        return self._tokens is not None

    async def _headers(self) -> dict[str, Secret]:
        headers = {} if self._key is None else {"apikey": self._key}
        if self._tokens is not None:
            return headers | await self._tokens.headers()
        if self._ready is not None:
            return headers | {"Authorization": Secret(f"Bearer {self._ready.reveal()}")}
        if not headers:
            raise Unauthorised("there is no API key to ask with; give the source a token")
        return headers

    def _login(self, setup: Setup, secret: Secret, keep: Keep) -> Tokens:
        assert self._key is not None
        pair = base64.b64encode(f"{self._key.reveal()}:{secret.reveal()}".encode()).decode()
        user, password = str(setup.config.options.get("username", "")), setup.secrets.get("password")
        configured = setup.secrets.get("refresh_token")

        def grant(refresh: str) -> Form:
            known = refresh or (configured.reveal() if configured is not None else "")
            if known:
                return (("grant_type", "refresh_token"), ("refresh_token", known))
            if password is not None:
                return (("grant_type", "password"), ("username", user), ("password", password.reveal()))
            return (("grant_type", "client_credentials"),)

        header = {"Authorization": Secret(f"Basic {pair}")}
        return Tokens(setup.http, keep, f"{self.url}{LOGIN}", grant, secret_headers=header)


def path(*parts: str) -> str:
    return "".join(f"/{quote(part, safe='')}" for part in parts)
