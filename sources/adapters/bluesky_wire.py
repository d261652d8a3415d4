"""What Jetstream sends, in both of its versions, as one kind of event.

1: https://github.com/bluesky-social/jetstream-legacy (`/subscribe`; the place is a time in microseconds).
2: lexicon network.bsky.jetstream.subscribeEvents (https://github.com/bluesky-social/jetstream; the place is the `seq`
of one server, or a time where none is known).
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode, urlsplit

from sources.adapters import fields
from sources.adapters.bluesky_post import POSTS, Address
from sources.errors import Unreachable
from store.domain.mention import JsonObject

SUBPROTOCOL = "xrpc.v1.json"
MESSAGE_LIMIT = 1_000_000  # bytes; a record is smaller
TOO_OLD = "CursorTooOld"


@dataclass(frozen=True, slots=True)
class Event:
    """`at` is microseconds since 1970, `seq` 0 in version 1. `operation` is create, update or delete of a post, "" for
    anything else. `clamped`: the server began later than it was asked to."""

    at: int
    seq: int = 0
    operation: str = ""
    where: Address | None = None
    record: JsonObject | None = None
    clamped: bool = False


def is_second(url: str) -> bool:
    return urlsplit(url).path.endswith("subscribeEvents")


def subscription(url: str, *, at: int, seq: int) -> str:
    """The address that replays from a place."""
    if is_second(url):
        wanted = [("kinds", "commit"), ("collections", POSTS), ("cursor", str(seq or at))]
    else:
        wanted = [("wantedCollections", POSTS), ("cursor", str(at))]
    parts = urlsplit(url)
    query = urlencode([*wanted, ("maxMessageSizeBytes", str(MESSAGE_LIMIT))])
    return parts._replace(query=f"{parts.query}&{query}" if parts.query else query, fragment="").geturl()


def event(message: bytes) -> Event:
    """Raises ValueError for what is no event, Unreachable where the server says that it stops."""
    try:
        told = json.loads(message)
    except RecursionError:
        raise ValueError("not an event") from None
    if not isinstance(told, dict):
        raise ValueError("not an event")
    return _first(told) if "time_us" in told else _second(told)


def _first(told: JsonObject) -> Event:
    at = told["time_us"]
    if isinstance(at, bool) or not isinstance(at, int) or not 0 < at < 2**53:
        raise ValueError("an event without a time")
    commit = told.get("commit")
    if told.get("kind") != "commit" or not isinstance(commit, dict):
        return Event(at)
    return _of_post(at, 0, told.get("did"), commit)


def _second(told: JsonObject) -> Event:
    if told.get("$type") == "error":
        raise Unreachable(f"Jetstream stops: {fields.identifier(told.get('error'))[:60]}")
    payload = told.get("payload")
    if not isinstance(payload, dict):
        raise ValueError("not an event")
    kind = fields.text(payload.get("$type")).rpartition("#")[2]
    if kind == "info":
        return Event(0, clamped=payload.get("name") == "OutdatedCursor")
    at = int(fields.moment(payload.get("witnessedAt") or payload.get("time")).timestamp() * 1_000_000)
    seq = payload.get("seq")
    if isinstance(seq, bool) or not isinstance(seq, int) or not 0 < seq < 2**53:
        raise ValueError("an event without a place")
    return _of_post(at, seq, payload.get("did"), payload) if kind == "commit" else Event(at, seq)


def _of_post(at: int, seq: int, did: Any, commit: JsonObject) -> Event:
    if commit.get("collection") != POSTS:
        return Event(at, seq)
    where = Address(fields.identifier(did), POSTS, fields.identifier(commit.get("rkey")))
    operation = fields.text(commit.get("operation"))
    if not where.repo or not where.key or operation not in ("create", "update", "delete"):
        raise ValueError("an event of no post")
    record = commit.get("record")
    if operation != "delete" and not isinstance(record, dict):
        raise ValueError("a post without its record")
    return Event(at, seq, operation, where, record)
