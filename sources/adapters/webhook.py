"""A webhook: other programs tell us (webhook_server), signed (webhook_signatures). Networks that earful has no way into
itself come in by it: whatever bridge there is posts the fields of `earful import`.

200 means stored. Whatever was not stored is refused with a status by which its sender knows whether to come again.
"""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial
from typing import Any
from urllib.parse import parse_qs

from sources.adapters import fields, file_mentions, meta, webhook_github, webhook_slack
from sources.adapters.webhook_server import Call, Told, serving
from sources.adapters.webhook_signatures import WINDOW, is_signed, same
from sources.addresses import host_and_port
from sources.protocol import Ear, Option, Page, Setup, SourceType
from sources.stopping import pause
from store.domain.clock import utcnow
from store.domain.desk import SourceConfig
from store.domain.errors import StoreError
from store.domain.mention import JsonObject, Mention, NewMention
from store.domain.poll import Cursor, Rejected

STREAM = "webhook"
LISTEN = "127.0.0.1:8787"
FORMATS = ("standard", "slack", "github", "meta")
A_DAY = timedelta(days=1)
PULSE = 0.5
REPORT_SECONDS = 60.0  # between two ledger lines about requests that were refused
REMEMBERED = 10_000


class Webhook:
    kind = SourceType(
        "webhook",
        "webhook",
        "What other programs push: Slack, GitHub, Meta, and a bridge for any network earful has no way into itself",
        login="the signing secret",
        with_account="whatever is pushed while earful or its worker runs; senders repeat what they could not deliver",
        quota="nothing is asked for, so nothing is used up",
        guide=(
            "It listens on this machine only; let a web server with TLS pass one path on to it (nginx: proxy_pass "
            "http://127.0.0.1:8787).",
            'format = "standard" (Standard Webhooks): POST one JSON object, or a list, with the fields of `earful '
            "import`, signed with the token. TikTok, LinkedIn, Pinterest, Snapchat: a bridge (n8n, Zapier, Make, a "
            "script of yours) posts each comment with `source`, `id`, `author`, `text`, `url`, `created_at`.",
            'format = "slack": the app\'s Signing Secret; subscribe to message.channels and app_mention.',
            'format = "github": Settings, Webhooks, with a secret; issues, comments, discussions.',
            'format = "meta": the app secret, and `verify_token` with the word that you enter at Meta.',
        ),
        options=(
            Option("listen", f"host and port (default {LISTEN})", example='"127.0.0.1:8787"'),
            Option("path", "the path that is posted to (default /)", example='"/hooks/acme"'),
            Option("format", "who speaks (default standard)", example='"slack"', choices=FORMATS),
            Option("verify_token", "the word that Meta begins with", example='"env:META_VERIFY"', secret=True),
            Option("network", "what it brings, where it does not say so itself", example='"tiktok"'),
        ),
    )

    @staticmethod
    def problems(config: SourceConfig) -> list[str]:
        options = config.options
        host, port = host_and_port(str(options.get("listen", LISTEN)))
        found = []
        if not host or not port:
            found.append(f'`listen` is a host and a port, for example listen = "{LISTEN}"')
        if not str(options.get("path", "/")).startswith("/"):
            found.append("`path` begins with /")
        if not config.token:
            found.append('the signing secret is needed, for example token = "env:HOOK_SECRET"')
        if options.get("verify_token") and options.get("format") != "meta":
            found.append('`verify_token` is for format = "meta" only')
        return found

    def __init__(self, setup: Setup) -> None:
        options = setup.config.options
        self._host, self._port = host_and_port(str(options.get("listen", LISTEN)))
        self._path = str(options.get("path", "/"))
        self._form = str(options.get("format", "standard"))
        self._network = str(options.get("network", ""))
        self._secret, self._verify = setup.token, setup.secrets.get("verify_token")
        self._refused: Counter[str] = Counter()
        self._stored: dict[str, datetime] = {}

    def streams(self) -> Sequence[str]:
        return (STREAM,)

    async def pages(self, cursor: Cursor, *, now: datetime) -> AsyncIterator[Page]:
        """There is nothing to ask."""
        yield Page("nothing: it is told", next_poll_at=now + A_DAY)

    async def recheck(self, mentions: Sequence[Mention], *, now: datetime) -> Page | None:
        return None

    async def listen(self, ear: Ear, stop: asyncio.Event) -> None:
        """Raises Unreachable where the address is taken."""
        clock, reported = asyncio.get_running_loop().time, -REPORT_SECONDS
        async with serving(self._host, self._port or 0, partial(self._answer, ear), self._note):
            while not await pause(stop, PULSE):
                if self._refused and clock() - reported >= REPORT_SECONDS:
                    reported = clock()
                    await self._report(ear)
            await self._report(ear)

    def _note(self, why: str) -> None:
        self._refused[why] += 1

    async def _report(self, ear: Ear) -> None:
        """One line for all that was refused since the last one, so that no stranger can fill the ledger."""
        if not self._refused:
            return
        told, self._refused = self._refused, Counter()
        why = ", ".join(f"{count} {reason}" for reason, count in told.most_common())
        with suppress(StoreError):
            await ear.hear(STREAM, Page("refused", rejected=[Rejected("requests", f"refused: {why}", b"")]))

    async def _answer(self, ear: Ear, call: Call) -> Told:
        if call.path != self._path:
            return Told(404, refused="for another path")
        if call.method == "GET" and self._verify is not None:
            return self._challenged(call.params)
        if call.method != "POST":
            return Told(405, refused="not a POST", headers={"allow": "POST"})
        now = utcnow()
        if self._secret is None or not is_signed(self._form, self._secret, call.headers, call.body, now=now):
            return Told(401, "the signature does not fit", refused="with a wrong signature or an old one")
        name = call.headers.get("webhook-id", "") if self._form == "standard" else ""
        if name and name in self._stored:
            return Told(200, "known")
        try:
            payload = _json(call)
            if isinstance(payload, dict) and self._form == "slack" and payload.get("type") == "url_verification":
                return Told(200, fields.text(payload.get("challenge")))
            page = self._page(call.headers, payload, name, now)
        except (ValueError, RecursionError):
            return Told(400, "not what was agreed on", refused="not what was agreed on")
        if page is not None:
            try:
                await ear.hear(STREAM, page)
            except StoreError:
                return Told(503, "not stored", refused="that could not be stored", headers={"retry-after": "30"})
        self._remember(name, now)
        return Told(200, "stored")

    def _challenged(self, params: Mapping[str, str]) -> Told:
        """Meta asks once whether we are who was entered there (.../webhooks/getting-started#verification-requests)."""
        assert self._verify is not None
        if same(self._verify.reveal(), params.get("hub.verify_token", "")) and params.get("hub.mode") == "subscribe":
            return Told(200, params.get("hub.challenge", ""))
        return Told(401, refused="with a wrong verify_token")

    def _page(self, headers: Mapping[str, str], payload: Any, name: str, now: datetime) -> Page | None:
        """What a request says; None where that is nothing. Raises ValueError."""
        if self._form == "standard":
            return self._records(payload, name, now)
        if not isinstance(payload, dict):
            raise ValueError("not an object")
        if self._form == "slack":
            return webhook_slack.page(payload, network=self._network or webhook_slack.NETWORK)
        if self._form == "github":
            return webhook_github.page(headers.get("x-github-event", ""), payload)
        told = meta.changes(payload)
        page = Page(told.network, told.mentions, told.rejected, deleted=told.deleted, network=told.network)
        return page if page.mentions or page.rejected or page.deleted else None

    def _records(self, payload: Any, name: str, now: datetime) -> Page:
        """Whoever pushes a record to us means it for us: it lands as an imported one does. One without an id of its own
        is named by the request, which has the same id when it is repeated."""
        mentions: list[NewMention] = []
        rejected: list[Rejected] = []
        for number, item in enumerate(payload if isinstance(payload, list) else [payload], 1):
            raw = fields.raw(item)
            try:
                if not isinstance(item, dict):
                    raise ValueError("not a JSON object")
                known = any(item.get(key) not in (None, "") for key in file_mentions.NAMES["id"])
                given: JsonObject = item if known else {**item, "id": f"{name}/{number}"}
                network, twins = self._network or STREAM, file_mentions.Twins()
                mention = file_mentions.from_fields(given, raw, network=network, undated=now, twins=twins)
            except ValueError as error:
                rejected.append(Rejected(f"record {number}", str(error), raw))
            else:
                mentions.append(replace(mention, direct=True))
        if rejected and not mentions:
            raise ValueError("no record can be read")
        return Page(f"{len(mentions) + len(rejected)} records", mentions, rejected)

    def _remember(self, name: str, now: datetime) -> None:
        """For as long as a repeated request would pass for a fresh one."""
        if not name:
            return
        while self._stored and (
            len(self._stored) >= REMEMBERED or now - next(iter(self._stored.values())) > 2 * WINDOW
        ):
            del self._stored[next(iter(self._stored))]
        self._stored[name] = now


def _json(call: Call) -> Any:
    """The body; GitHub may also send it as a field of a form. Raises ValueError."""
    if call.headers.get("content-type", "").startswith("application/x-www-form-urlencoded"):
        return json.loads(parse_qs(call.body.decode("ascii")).get("payload", [""])[0])
    return json.loads(call.body)
