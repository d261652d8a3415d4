"""Reddit: comments of a subreddit over three pages, its posts and an inbox."""

from __future__ import annotations

from datetime import timedelta

from tests.servers import Server
from tests.sources.fake_reddit import COMMENTS, INBOX, NEW, NOW, TOKEN, FakeReddit
from tests.sources.samples import Hand, Sample


def prepare(server: Server) -> Hand:
    remote = FakeReddit(server)
    for number in range(1000, 1250):
        remote.add(COMMENTS, number, NOW - timedelta(minutes=1300 - number))
    remote.add(NEW, 77, NOW - timedelta(hours=5))
    remote.add(INBOX, 1100, NOW - timedelta(minutes=200))  # an answer to us is in its subreddit too
    remote.add(INBOX, 9000, NOW, subreddit="elsewhere")
    return Hand(
        lambda number, at: remote.add(COMMENTS, 2000 + number, at),
        lambda at: remote.add(COMMENTS, 8000, at, author="acme_support"),
    )


SAMPLE = Sample(
    "reddit",
    prepare,
    expected=252,
    paths=("/r/acme", "/message"),
    options=lambda server: {"subreddits": ["acme"], "search": False, "username": "acme_support"},
    token=TOKEN,
)
