"""A Mastodon status as a mention (https://docs.joinmastodon.org/entities/Status/)."""

from __future__ import annotations

import re
from html import escape
from typing import Any
from urllib.parse import urlsplit

from sources.adapters import fields
from store.domain.mention import UNKNOWN_AUTHOR, JsonObject, NewAuthor, NewMention

NETWORK = "mastodon"
_TAG_OR_BREAK = re.compile(r"<[^<>]*>|\n")
VISIBILITIES = ("public", "unlisted", "private", "direct")


def from_status(status: Any, *, host: str, own: str, direct: bool = False) -> NewMention:
    """`host` is the server it was read from, `own` the id of our account there. Raises ValueError.

    Its identity is the `uri`, the same on every server; its `id` and that of its parent are this server's.
    """
    if not isinstance(status, dict):
        raise ValueError("not a status")
    account: JsonObject = status["account"] if isinstance(status.get("account"), dict) else {}
    native, uri = fields.identifier(status.get("id")), fields.identifier(status.get("uri"))
    if not native or not uri:
        raise ValueError("a status without id or uri")
    warning = fields.text(status.get("spoiler_text"))
    visibility = fields.text(status.get("visibility"))
    return NewMention(
        network=NETWORK,
        external_id=uri,
        author=NewAuthor(
            handle=handle(account, host),
            name=fields.text(account.get("display_name")) or fields.text(account.get("username")),
            url=fields.web_url(account.get("url")),
            followers=fields.count(account.get("followers_count")),
        ),
        created_at=fields.moment(status.get("created_at")),
        html=(f"<p>{escape(warning)}</p>" if warning.strip() else "") + _content(fields.text(status.get("content"))),
        url=fields.web_url(status.get("url")) or fields.web_url(uri),
        native_id=native,
        parent=fields.identifier(status.get("in_reply_to_id")),
        language_hint=fields.identifier(status.get("language"))[:35],
        edited_at=fields.moment(status["edited_at"]) if status.get("edited_at") else None,
        # An unknown kind (some servers have more) is taken for the least public one.
        visibility=visibility if visibility in VISIBILITIES else VISIBILITIES[-1],
        direct=direct,
        ours=bool(own) and fields.identifier(account.get("id")) == own,
        raw=fields.raw(status),
    )


def _content(html: str) -> str:
    """Mastodon shows a line end in its text as one (white-space: pre-wrap), and bridges write nothing else."""
    return _TAG_OR_BREAK.sub(lambda found: "<br>" if found[0] == "\n" else found[0], html)


def handle(account: JsonObject, host: str) -> str:
    """user@host, also for an account of the server itself, so that it is one author wherever it is read."""
    acct = fields.identifier(account.get("acct")) or fields.identifier(account.get("username"))
    if not acct:
        return UNKNOWN_AUTHOR
    if "@" in acct:
        return acct
    home = urlsplit(fields.web_url(account.get("url"))).netloc.rpartition("@")[2].lower()
    return f"{acct}@{home or host}"


def order(name: str) -> tuple[int, str]:
    """Ids are opaque; of two, the longer is the later, then the one later in the alphabet
    (https://docs.joinmastodon.org/api/guidelines/#id)."""
    return len(name), name
