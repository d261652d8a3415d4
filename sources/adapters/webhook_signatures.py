"""Whether a request to our webhook is from whom it says: always over the raw bytes, in constant time. Pure.

standard  Standard Webhooks (github.com/standard-webhooks/standard-webhooks, spec/standard-webhooks.md)
slack     docs.slack.dev/authentication/verifying-requests-from-slack
github    docs.github.com/webhooks/using-webhooks/validating-webhook-deliveries
meta      developers.facebook.com/docs/graph-api/webhooks/getting-started: as GitHub
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Mapping
from datetime import datetime, timedelta

from store.domain.secret import Secret

WINDOW = timedelta(minutes=5)  # how far two clocks may differ, and how old a request may be
SIGNATURES = 20


def is_signed(form: str, secret: Secret, headers: Mapping[str, str], body: bytes, *, now: datetime) -> bool:
    if form == "standard":
        return _standard(secret, headers, body, now)
    if form == "slack":
        return _slack(secret, headers, body, now)
    expected = f"sha256={hmac.new(secret.reveal().encode(), body, hashlib.sha256).hexdigest()}"
    return same(expected, headers.get("x-hub-signature-256", ""))


def same(one: str, other: str) -> bool:
    """In constant time, whatever signs they hold."""
    return hmac.compare_digest(one.encode(), other.encode("utf-8", "replace"))


def _standard(secret: Secret, headers: Mapping[str, str], body: bytes, now: datetime) -> bool:
    from sources.forwarders.webhook import signature  # ours go out signed the same way

    name, at, signed = (headers.get(f"webhook-{part}", "") for part in ("id", "timestamp", "signature"))
    if not name or not _is_fresh(at, now):
        return False
    expected = signature(secret, name, at, body)
    return any(same(expected, one) for one in signed.split(" ")[:SIGNATURES])  # several, while a secret is changed


def _slack(secret: Secret, headers: Mapping[str, str], body: bytes, now: datetime) -> bool:
    at = headers.get("x-slack-request-timestamp", "")
    content = f"v0:{at}:".encode("latin-1", "replace") + body
    expected = f"v0={hmac.new(secret.reveal().encode(), content, hashlib.sha256).hexdigest()}"
    return _is_fresh(at, now) and same(expected, headers.get("x-slack-signature", ""))


def _is_fresh(timestamp: str, now: datetime) -> bool:
    return (
        timestamp.isascii()
        and timestamp.isdigit()
        and len(timestamp) < 13
        and (abs(now.timestamp() - int(timestamp)) <= WINDOW.total_seconds())
    )
