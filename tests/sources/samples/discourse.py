"""Discourse: two pages of a search, everything, and what is addressed to us."""

from __future__ import annotations

from datetime import timedelta

from tests.servers import Server
from tests.sources.fake_discourse import NOW, TOKEN, FakeDiscourse
from tests.sources.samples import Hand, Sample


def prepare(server: Server) -> Hand:
    remote = FakeDiscourse()
    remote.port = server.port
    for number in range(1, 81):
        remote.add(number, NOW - timedelta(hours=200 - number), number=number)
    remote.add(81, NOW - timedelta(hours=1), "hello @acme_support", number=81)
    remote.notify(1, NOW - timedelta(hours=1), 1, 81)
    for path in ("/search.json", "/posts.json", "/notifications.json", "/session/current.json", "/posts/81.json"):
        server.on(path, remote.answer)
    return Hand(
        lambda number, at: remote.add(100 + number, at, number=100 + number),
        lambda at: remote.add(900, at, number=900, username="acme_support"),
    )


SAMPLE = Sample(
    "discourse",
    prepare,
    expected=81,
    paths=("/search.json", "/posts", "/notifications.json"),
    options=lambda server: {"everything": True, "search": True},
    token=TOKEN,
)
