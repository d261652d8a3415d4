"""Hacker News: stories over two pages."""

from __future__ import annotations

from datetime import timedelta

from tests.servers import Server
from tests.sources.samples import Sample
from tests.sources.test_hackernews import NOW, Algolia


def prepare(server: Server) -> None:
    index = Algolia()
    for number in range(150):
        index.add(number, NOW - timedelta(minutes=number))
    server.on("/api/v1/search_by_date", index)


SAMPLE = Sample("hackernews", prepare, expected=150, paths=("/api/v1/search_by_date",))
