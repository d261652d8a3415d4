"""YouTube: a channel of ours over three pages, with a thread whose answers do not all come along."""

from __future__ import annotations

from datetime import timedelta

from store.domain.clock import utcnow
from tests.servers import Server
from tests.sources.fake_youtube import KEY, OWN, FakeYouTube
from tests.sources.samples import Hand, Sample


def prepare(server: Server) -> Hand:
    remote = FakeYouTube(server, page=10)
    for number in range(25):
        remote.add(f"Ug{number:02}", utcnow() - timedelta(hours=30 - number), f"acme {number}")
    for letter in "abcde":
        remote.answer("Ug03", letter, utcnow() - timedelta(hours=1))
    return Hand(
        lambda number, at: remote.add(f"Un{number:04}", at), lambda at: remote.answer("Ug24", "own", at, author=OWN)
    )


SAMPLE = Sample(
    type="youtube",
    prepare=prepare,
    expected=30,
    paths=("/youtube/v3/",),
    options=lambda server: {"channels": [OWN]},
    token=KEY,
)
