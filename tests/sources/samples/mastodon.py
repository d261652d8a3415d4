"""Mastodon: a hashtag of three pages and what is addressed to us."""

from __future__ import annotations

from datetime import timedelta

from tests.servers import Server
from tests.sources.fake_mastodon import NOW, TOKEN, FakeMastodon
from tests.sources.samples import Sample


def prepare(server: Server) -> None:
    remote = FakeMastodon(server)
    for number in range(100, 190):
        remote.add(number, NOW - timedelta(minutes=300 - number))


SAMPLE = Sample(
    "mastodon",
    prepare,
    expected=90,
    paths=("/api/v1/timelines", "/api/v1/notifications"),
    options=lambda server: {"tags": ["acme"], "search": False},
    token=TOKEN,
)
