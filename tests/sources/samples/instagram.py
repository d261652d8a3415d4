"""Instagram: comments of two pages, answers inside of them, and a post that tags the account."""

from __future__ import annotations

from datetime import timedelta

from tests.servers import Server
from tests.sources.fake_meta import ACCOUNT, NOW, TOKEN, FakeAccount, stamp
from tests.sources.samples import Hand, Sample


def prepare(server: Server) -> Hand:
    remote = FakeAccount(server)
    media = remote.media(50, NOW - timedelta(days=3))
    for number in range(70):
        comment = remote.comment(media, 1000 + number, NOW - timedelta(minutes=400 - number))
    for number in range(5):
        remote.comment(media, 2000 + number, NOW - timedelta(minutes=60 - number), above=comment)
    tagged = {"id": "60", "caption": "with @acme", "timestamp": stamp(NOW), "username": "bob"}
    remote.edge(f"{ACCOUNT}/tags").append(tagged)
    return Hand(
        lambda number, at: remote.comment(media, 3000 + number, at),
        lambda at: remote.comment(media, 4000, at, username="acme", **{"from": {"id": ACCOUNT, "username": "acme"}}),
    )


SAMPLE = Sample(
    "instagram",
    prepare,
    expected=76,
    paths=("/v26.0/900/", "/v26.0/50/", "/v26.0/1069/"),
    options=lambda server: {"account": ACCOUNT},
    token=TOKEN,
)
