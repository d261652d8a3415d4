"""Feeds: one document of twenty entries."""

from __future__ import annotations

from tests.servers import Server, text
from tests.sources.samples import Sample

ENTRIES = "".join(
    f"<item><guid>{number}</guid><title>acme</title><pubDate>Sat, 21 Nov 2026 10:{number:02}:00 GMT</pubDate></item>"
    for number in range(20)
)
DOCUMENT = f"<rss version='2.0'><channel><title>b</title>{ENTRIES}</channel></rss>"


def prepare(server: Server) -> None:
    server.on("/rss", text(DOCUMENT, "application/rss+xml"))


SAMPLE = Sample("feed", prepare, expected=20, paths=("/rss",), options=lambda server: {"feed": server.url("/rss")})
