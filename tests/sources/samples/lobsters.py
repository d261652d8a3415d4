"""Lobsters: two pages of stories and one of comments."""

from __future__ import annotations

from datetime import timedelta

from tests.servers import Server
from tests.sources.fake_lobsters import NOW, FakeLobsters
from tests.sources.samples import Hand, Sample


def prepare(server: Server) -> Hand:
    remote = FakeLobsters()
    remote.port = server.port
    for number in range(40):
        remote.story(f"s{number}", NOW - timedelta(hours=number))
    for number in range(12):
        remote.comment(f"c{number}", NOW - timedelta(hours=number))
    for path in ("/newest.json", *(f"/newest/page/{number}.json" for number in range(2, 30)), "/comments.rss"):
        server.on(path, remote.answer)
    for number in range(12):
        server.on(f"/c/c{number}.json", remote.answer)
    return Hand(lambda number, at: remote.story(f"n{number}", at))


SAMPLE = Sample("lobsters", prepare, expected=52, paths=("/newest", "/comments.rss"))
