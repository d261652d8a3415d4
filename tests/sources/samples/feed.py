"""Feeds: one document of twenty entries."""

from __future__ import annotations

from datetime import datetime
from email.utils import format_datetime

from tests.servers import Server, text
from tests.sources.samples import Hand, Sample

ENTRIES = "".join(
    f"<item><guid>{number}</guid><title>acme</title><pubDate>Sat, 21 Nov 2026 10:{number:02}:00 GMT</pubDate></item>"
    for number in range(20)
)


def document(entries: str) -> str:
    return f"<rss version='2.0'><channel><title>b</title>{entries}</channel></rss>"


def prepare(server: Server) -> Hand:
    entries = [ENTRIES]

    def more(number: int, at: datetime) -> None:
        entries.append(
            f"<item><guid>n{number}</guid><title>acme</title><pubDate>{format_datetime(at)}</pubDate></item>"
        )
        server.on("/rss", text(document("".join(entries)), "application/rss+xml"))

    server.on("/rss", text(document(ENTRIES), "application/rss+xml"))
    return Hand(more)


SAMPLE = Sample("feed", prepare, expected=20, paths=("/rss",), options=lambda server: {"feed": server.url("/rss")})
