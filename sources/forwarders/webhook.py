"""Forwards by webhook: signed ones (Standard Webhooks) and Slack's incoming ones.

The URL of a webhook is its secret: no error here names more than the department.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import json
import re
from contextlib import suppress

from sources.errors import BadAnswer, NotSent, RateLimited, Refused, Uncertain, Unreachable, quoted
from sources.forwarders import letter
from sources.http import Answer, Http, Request, retry_after
from sources.protocol import Receipt
from store.domain.case import CaseDetail
from store.domain.clock import utcnow
from store.domain.delivery import Delivery
from store.domain.safetext import safe
from store.domain.secret import Secret, never_say

SLACK_LIMIT = 30_000
LONG = 20  # characters that no word in an address has
PINGS = re.compile(r"@(?=everyone|here|channel)", re.IGNORECASE)


class SignedWebhook:
    """Standard Webhooks (github.com/standard-webhooks/standard-webhooks, spec/standard-webhooks.md): `webhook-id` is
    the delivery's identity. A receiver de-duplicates by it, so after an uncertain end the same delivery goes out once
    more; after a second uncertain end a person decides."""

    deduplicates = True

    def __init__(self, name: str, url: str, http: Http, secret: Secret | None) -> None:
        self._name, self._url, self._http, self._secret = name, url, http, secret

    async def send(self, delivery: Delivery, case: CaseDetail) -> Receipt:
        body = json.dumps(letter.as_json(delivery, case), ensure_ascii=False).encode()
        timestamp = str(int(utcnow().timestamp()))
        headers = {"content-type": "application/json", "webhook-id": delivery.identity, "webhook-timestamp": timestamp}
        if self._secret:
            headers["webhook-signature"] = signature(self._secret, delivery.identity, timestamp, body)
        answer = await _post(self._name, self._http, _request(self._name, self._url, headers, body))
        if not 200 <= answer.status < 300:
            raise Uncertain(f"{self._name}: its webhook answered {answer.status}")
        return Receipt(native_id=delivery.identity)


class Slack:
    """Slack's incoming webhook (api.slack.com/messaging/webhooks): says `ok`; knows no identity of ours."""

    deduplicates = False

    def __init__(self, name: str, url: str, http: Http) -> None:
        self._name, self._url, self._http = name, url, http

    async def send(self, delivery: Delivery, case: CaseDetail) -> Receipt:
        text = f"{letter.subject(delivery, case)}\n\n{letter.plain(delivery, case)}"
        body = json.dumps({"text": quiet(safe(text, limit=SLACK_LIMIT))}).encode()
        headers = {"content-type": "application/json"}
        answer = await _post(self._name, self._http, _request(self._name, self._url, headers, body))
        if answer.status != 204 and not (answer.status == 200 and answer.body.strip() == b"ok"):
            raise Uncertain(f"{self._name}: its webhook answered {answer.status} without saying ok")
        return Receipt(native_id=delivery.identity)


def signature(secret: Secret, identity: str, timestamp: str, body: bytes) -> str:
    """v1,base64(HMAC-SHA256(secret, id.timestamp.body)). A secret that begins with whsec_ is base64 after it."""
    given = secret.reveal()
    key = given.encode()
    if given.startswith("whsec_"):
        with suppress(binascii.Error):
            key = base64.b64decode(given.removeprefix("whsec_"), validate=True)
    signed = identity.encode() + b"." + timestamp.encode() + b"." + body
    return "v1," + base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()


def quiet(text: str) -> str:
    """Quoted words must ping nobody: Slack's own escapes, and a gap in @everyone for others that speak its dialect."""
    escaped = text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return PINGS.sub("@\N{ZERO WIDTH SPACE}", escaped)


def _keep_secret(url: str) -> None:
    """A receiver may say back what it was asked: what stands in the address and is no word is masked in its words."""
    for part in re.split(r"[/?&=#]+", url.partition("://")[2])[1:]:
        if any(char.isdigit() for char in part) or len(part) >= LONG:
            never_say(part)


def _request(name: str, url: str, headers: dict[str, str], body: bytes) -> Request:
    return Request("POST", url, headers=headers, content=body, redirects=0, label=f"the webhook of {name}")


async def _post(name: str, http: Http, request: Request) -> Answer:
    """The answer where it may mean sent. A 5xx is uncertain: gateways say it after the receiver has it."""
    try:
        answer = await http.fetch(request)
    except Unreachable:
        raise NotSent(f"{name}: its webhook cannot be reached") from None
    except (Uncertain, BadAnswer):
        raise Uncertain(f"{name}: no whole answer from its webhook") from None
    if answer.status == 429:
        raise RateLimited(f"{name}: its webhook asks us to slow down", retry_after(answer.headers, now=utcnow()))
    if 300 <= answer.status < 400:
        raise Refused(f"{name}: its webhook has moved ({answer.status}); put the new address into `to`")
    if 400 <= answer.status < 500:
        _keep_secret(request.url)
        said = quoted(answer.body[:3000].decode("utf-8", "replace"), limit=120)
        raise Refused(f"{name}: its webhook refused it ({answer.status} {said})".replace(" )", ")"))
    return answer
