"""Mastodon: a hashtag of three pages and what is addressed to us."""

from __future__ import annotations

from datetime import timedelta

from tests.servers import Server
from tests.sources.fake_mastodon import NOW, TOKEN, FakeMastodon
from tests.sources.samples import Hand, Sample


def prepare(server: Server) -> Hand:
    remote = FakeMastodon(server)
    for number in range(100, 190):
        remote.add(number, NOW - timedelta(minutes=300 - number))
    return Hand(
        lambda number, at: remote.add(1000 + number, at),
        lambda at: remote.add(9000, at, account={"id": "99", "acct": "brand"}),
    )


SAMPLE = Sample(
    "mastodon",
    prepare,
    expected=90,
    paths=("/api/v1/timelines", "/api/v1/notifications"),
    options=lambda server: {"tags": ["acme"], "search": False},
    token=TOKEN,
)
