"""Stack Exchange: questions over two pages."""

from __future__ import annotations

from datetime import timedelta

from tests.servers import Server
from tests.sources.fake_stackexchange import NOW, SEARCH, FakeStackExchange
from tests.sources.samples import Hand, Sample


def prepare(server: Server) -> Hand:
    remote = FakeStackExchange(server, lookups=False)
    for number in range(1, 151):
        remote.add(number, NOW - timedelta(minutes=number))
    return Hand(lambda number, at: remote.add(1000 + number, at))


SAMPLE = Sample("stackexchange", prepare, expected=150, paths=(SEARCH, "/2.3/posts"))
