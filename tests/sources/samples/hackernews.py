"""Hacker News: stories over two pages."""

from __future__ import annotations

from datetime import timedelta

from tests.servers import Server
from tests.sources.samples import Hand, Sample
from tests.sources.test_hackernews import NOW, Algolia


def prepare(server: Server) -> Hand:
    index = Algolia()
    for number in range(150):
        index.add(number, NOW - timedelta(minutes=number))
    server.on("/api/v1/search_by_date", index)
    return Hand(lambda number, at: index.add(1000 + number, at))


SAMPLE = Sample("hackernews", prepare, expected=150, paths=("/api/v1/search_by_date",))
