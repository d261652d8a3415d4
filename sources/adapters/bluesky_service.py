"""One atproto server as an account (or nobody) sees it: methods, people, posts (https://docs.bsky.app/docs/api)."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sources.adapters import fields
from sources.adapters.bluesky_post import Address
from sources.adapters.bluesky_session import Session, refused
from sources.adapters.bluesky_xrpc import error_name, error_words, quota, understood
from sources.errors import BadAnswer, SourceError
from sources.http import Answer, Http, Request
from store.domain.mention import JsonObject
from store.domain.secret import Secret

Params = tuple[tuple[str, str], ...]

BATCH = 25  # actors of getProfiles, uris of getPosts
PROFILES = 5_000  # people remembered
AUXILIARY_SECONDS = 10.0
REST_SECONDS = 300.0  # before people are asked for again where the server did not say


@dataclass(frozen=True, slots=True)
class Got:
    """One answer; `rest_until` is set where our share of requests is used up."""

    data: JsonObject
    quota_left: int | None
    rest_until: datetime | None


class Service:
    def __init__(self, http: Http, base: str, session: Session | None, handle: str) -> None:
        self._http, self.base, self._session, self._handle = http, base, session, handle
        self._did = handle if handle.startswith("did:") else ""
        self._profiles: dict[str, JsonObject] = {}
        self._rest_until = 0.0

    async def ask(
        self, method: str, params: Params = (), *, body: JsonObject | None = None, deadline: float = 30.0
    ) -> Answer:
        """A query, or with a body a procedure. An access token that ran out is renewed, and the method asked once more:
        it was not done."""
        url = f"{self.base}/xrpc/{method}"
        for again in (True, False):
            access = await self._session.access() if self._session else ""
            headers = {"Authorization": Secret(f"Bearer {access}")} if access else {}
            verb = "GET" if body is None else "POST"
            request = Request(verb, url, params, json=body, secret_headers=headers, deadline=deadline)
            answer = await self._http.fetch(request)
            if again and self._session and refused(answer) and await self._session.renewed(access):
                continue
            break
        return answer

    async def get(self, method: str, params: Params = (), *, now: datetime) -> Got:
        """Raises SourceError; RateLimited with the time that the server names."""
        answer = await self.ask(method, params)
        data = understood(answer, now=now)
        if not isinstance(data, dict):
            raise BadAnswer(f"{self.base} answered {method} with something that is no object")
        return Got(data, *quota(answer, now))

    async def did(self) -> str:
        """Of our own account; "" where there is none or nobody can say now. Raises SourceError where the session cannot
        be opened."""
        if self._session is not None:
            await self._session.access()
            self._did = self._session.did or self._did
        if not self._did and self._session is not None:
            self._did = await self._told("com.atproto.server.getSession", ())
        if not self._did and self._handle:
            self._did = await self.resolved(self._handle)
        return self._did

    async def resolved(self, handle: str) -> str:
        """The DID of a handle; "" where there is none."""
        return await self._told("com.atproto.identity.resolveHandle", (("handle", handle),))

    async def people(self, dids: Iterable[str]) -> dict[str, JsonObject]:
        """Their profiles, as far as the server gives them: a post can do without."""
        clock = asyncio.get_running_loop().time
        wanted = list(dict.fromkeys(dids))
        unknown = [did for did in wanted if did not in self._profiles] if clock() >= self._rest_until else []
        for start in range(0, len(unknown), BATCH):
            actors = tuple(("actors", did) for did in unknown[start : start + BATCH])
            found = await self._items("app.bsky.actor.getProfiles", actors, "profiles")
            if found is None:
                self._rest_until = clock() + REST_SECONDS
                break
            self._profiles |= {fields.identifier(one.get("did")): one for one in found}
        known = {did: self._profiles[did] for did in wanted if did in self._profiles}
        for did in list(self._profiles)[: max(0, len(self._profiles) - PROFILES)]:
            del self._profiles[did]
        return known

    async def posts(self, uris: Sequence[str], *, now: datetime) -> dict[str, JsonObject]:
        """postViews by address. One that is left out is gone, or not for us to see. Raises SourceError."""
        found: dict[str, JsonObject] = {}
        for start in range(0, len(uris), BATCH):
            got = await self.get(
                "app.bsky.feed.getPosts", tuple(("uris", uri) for uri in uris[start : start + BATCH]), now=now
            )
            views = got.data.get("posts")
            if not isinstance(views, list):
                raise BadAnswer(f"{self.base} answered getPosts without posts")
            found |= {fields.identifier(one.get("uri")): one for one in views if isinstance(one, dict)}
        return found

    async def record(self, where: Address, *, now: datetime) -> JsonObject | None:
        """{uri, cid, value}; None where the server says that there is no such record. Raises SourceError."""
        params = (("repo", where.repo), ("collection", where.collection), ("rkey", where.key))
        answer = await self.ask("com.atproto.repo.getRecord", params)
        if answer.status in (400, 404) and _says_gone(answer):
            return None
        data = understood(answer, now=now)
        if not isinstance(data, dict) or not isinstance(data.get("value"), dict):
            raise BadAnswer(f"{self.base} answered with a record that is none")
        return data

    async def _items(self, method: str, params: Params, name: str) -> list[JsonObject] | None:
        """The list of an answer that can be done without; None where there is none."""
        try:
            answer = await self.ask(method, params, deadline=AUXILIARY_SECONDS)
            data: Any = answer.json() if answer.status == 200 else None
        except SourceError:
            return None
        found = data.get(name) if isinstance(data, dict) else None
        return [one for one in found if isinstance(one, dict)] if isinstance(found, list) else None

    async def _told(self, method: str, params: Params) -> str:
        try:
            answer = await self.ask(method, params, deadline=AUXILIARY_SECONDS)
            data: Any = answer.json() if answer.status == 200 else None
        except SourceError:
            return ""
        did = fields.identifier(data.get("did")) if isinstance(data, dict) else ""
        return did if did.startswith("did:") else ""


def _says_gone(answer: Answer) -> bool:
    """By the error's name (a PDS), or by its words (the older and the AppView's for a whole account)."""
    words = error_words(answer)
    return error_name(answer) in ("RecordNotFound", "RepoNotFound") or words.startswith(
        ("Could not locate record", "Could not find repo")
    )
