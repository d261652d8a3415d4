"""App Store: the feed of one storefront, three pages."""

from __future__ import annotations

from tests.servers import Server
from tests.sources.fake_appstore import APP, FakeFeed
from tests.sources.samples import Hand, Sample


def prepare(server: Server) -> Hand:
    remote = FakeFeed(server)
    for number in range(1001, 1121):
        remote.add(number)
    return Hand(lambda number, at: remote.add(2000 + number, at))


SAMPLE = Sample("appstore", prepare, expected=120, paths=("/us/rss/",), options=lambda server: {"app": APP})
