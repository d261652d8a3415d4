"""Facebook: comments under two posts (one of three pages), a visitor's post and one that tags the page."""

from __future__ import annotations

from datetime import timedelta

from tests.servers import Server
from tests.sources.fake_meta import NOW, PAGE, TOKEN, FakePage
from tests.sources.samples import Hand, Sample


def prepare(server: Server) -> Hand:
    remote = FakePage(server)
    long, short = remote.post(1, NOW - timedelta(days=3)), remote.post(2, NOW - timedelta(days=2))
    for number in range(230):
        remote.comment(long, 1000 + number, NOW - timedelta(minutes=400 - number))
    for number in range(5):
        remote.comment(short, 2000 + number, NOW - timedelta(minutes=60 - number))
    remote.post(3, NOW - timedelta(hours=9), author="8", message="acme, are you there?")
    tagged = remote.post(4, NOW - timedelta(hours=8), author="9")
    remote.edge(f"{PAGE}/feed").remove(tagged)
    remote.edge(f"{PAGE}/tagged").append(tagged)
    return Hand(
        lambda number, at: remote.comment(long, 3000 + number, at),
        lambda at: remote.comment(short, 4000, at, **{"from": {"id": PAGE, "name": "Acme"}}),
    )


SAMPLE = Sample(
    "facebook",
    prepare,
    expected=237,
    paths=("/v26.0/100/", "/v26.0/100_"),
    options=lambda server: {"page": PAGE},
    token=TOKEN,
)
