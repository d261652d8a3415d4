"""Lobsters: two pages of stories and one of comments."""

from __future__ import annotations

from datetime import timedelta

from tests.servers import Server
from tests.sources.fake_lobsters import NOW, FakeLobsters
from tests.sources.samples import Sample


def prepare(server: Server) -> None:
    remote = FakeLobsters()
    remote.port = server.port
    for number in range(40):
        remote.story(f"s{number}", NOW - timedelta(hours=number))
    for number in range(12):
        remote.comment(f"c{number}", NOW - timedelta(hours=number))
    for path in ("/newest.json", "/newest/page/2.json", "/newest/page/3.json", "/comments.rss"):
        server.on(path, remote.answer)
    for number in range(12):
        server.on(f"/c/c{number}.json", remote.answer)


SAMPLE = Sample("lobsters", prepare, expected=52, paths=("/newest", "/comments.rss"))
