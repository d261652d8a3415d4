"""Google Play: one app with three pages of reviews."""

from __future__ import annotations

from datetime import timedelta

from store.domain.clock import utcnow
from tests.servers import Server
from tests.sources.fake_google import PACKAGE, TOKEN, FakePlay
from tests.sources.samples import Hand, Sample


def prepare(server: Server) -> Hand:
    remote = FakePlay(server, page=10)
    for number in range(25):
        remote.add(f"r{number:02}", utcnow() - timedelta(hours=30 - number), f"acme {number}")
    remote.answer("r03", "Sorry!", utcnow())
    return Hand(lambda number, at: remote.add(f"n{number}", at), lambda at: remote.answer("r05", "acme is sorry", at))


SAMPLE = Sample(
    type="googleplay",
    prepare=prepare,
    expected=25,
    paths=("/androidpublisher/",),
    options=lambda server: {"packages": [PACKAGE]},
    token=TOKEN,
)
