"""Lemmy 0.19: posts over three pages, comments, and an inbox."""

from __future__ import annotations

from datetime import timedelta

from tests.servers import Server
from tests.sources.fake_lemmy import NOW, OWN, TOKEN, FakeLemmy, comment
from tests.sources.samples import Hand, Sample


def prepare(server: Server) -> Hand:
    remote = FakeLemmy(server)
    for number in range(1000, 1120):
        remote.post(number, NOW - timedelta(minutes=1300 - number))
    for number in range(1, 20):
        remote.comment(number, NOW - timedelta(minutes=300 - number))
    remote.tell("reply", comment(1, NOW - timedelta(minutes=299)), NOW)  # it is among the others too
    remote.tell("mention", comment(500, NOW, content="hello?"), NOW)
    return Hand(
        lambda number, at: remote.post(5000 + number, at),
        lambda at: remote.post(7000, at, creator={"id": OWN, "name": "us"}),
    )


SAMPLE = Sample("lemmy", prepare, expected=140, paths=("/api/v3/search", "/api/v3/user"), token=TOKEN)
