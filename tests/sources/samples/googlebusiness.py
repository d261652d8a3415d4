"""Google Business Profile: one location with three pages of reviews."""

from __future__ import annotations

from datetime import timedelta

from store.domain.clock import utcnow
from tests.servers import Server
from tests.sources.fake_google import TOKEN, FakeBusiness
from tests.sources.samples import Hand, Sample


def prepare(server: Server) -> Hand:
    remote = FakeBusiness(server, page=10)
    for number in range(25):
        remote.add(f"r{number:02}", utcnow() - timedelta(hours=30 - number), f"acme {number}")
    remote.answer("r03", "Sorry!", utcnow())
    return Hand(lambda number, at: remote.add(f"n{number}", at), lambda at: remote.answer("r05", "acme is sorry", at))


SAMPLE = Sample(
    type="googlebusiness",
    prepare=prepare,
    expected=25,
    paths=("/v4/",),
    options=lambda server: {"account": "1", "locations": ["2"]},
    token=TOKEN,
)
