"""X: a search of three pages and what names our account."""

from __future__ import annotations

from datetime import timedelta

from store.domain.clock import utcnow
from tests.servers import Server
from tests.sources.fake_x import TOKEN, FakeX
from tests.sources.samples import Hand, Sample


def prepare(server: Server) -> Hand:
    """A search reaches back seven days, so these are of today."""
    now = utcnow()
    remote = FakeX(server, now, size=40)
    for number in range(100):
        remote.add(now - timedelta(minutes=200 - number), f"acme {number}", number=number)
    remote.add(now - timedelta(minutes=3), "help, @acme!", number=1)  # the search finds it too
    remote.add(now - timedelta(minutes=2), "@acme, hello", number=2)
    return Hand(
        lambda number, at: remote.add(at, number=1000 + number), lambda at: remote.add(at, number=9, author_id="900")
    )


SAMPLE = Sample("x", prepare, expected=102, paths=("/2/tweets/search", "/2/users/900"), token=TOKEN)
