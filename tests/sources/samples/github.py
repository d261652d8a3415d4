"""GitHub: issues over two pages, and a comment found by its words."""

from __future__ import annotations

from datetime import timedelta

from tests.servers import Server
from tests.sources.fake_github import NOW, SEARCH, FakeGitHub
from tests.sources.samples import Hand, Sample


def prepare(server: Server) -> Hand:
    remote = FakeGitHub(server)
    for number in range(1, 141):
        remote.add(number, NOW - timedelta(minutes=200 - number))
    remote.comment(900, 3, NOW, "acme, too")
    return Hand(lambda number, at: remote.add(2000 + number, at))


SAMPLE = Sample("github", prepare, expected=141, paths=(SEARCH, "/repositories"))
