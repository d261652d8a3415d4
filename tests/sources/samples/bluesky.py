"""Bluesky: three pages of a search, what is addressed to the account, and Jetstream."""

from __future__ import annotations

from datetime import timedelta

from tests.servers import Server
from tests.sources.fake_bluesky import HANDLE, NOW, OWN, PASSWORD, STREAM, FakeBluesky, FakeJetstream
from tests.sources.samples import Hand, Sample


def prepare(server: Server) -> Hand:
    remote, stream = FakeBluesky(server, per_page=20), FakeJetstream(server)
    for number in range(50):
        remote.add(number, NOW - timedelta(minutes=number))
    for number in range(100, 105):
        remote.add(number, NOW - timedelta(minutes=number), reason="mention")
    for number in range(200, 210):
        stream.post(number, NOW - timedelta(hours=1) + timedelta(minutes=number - 200))
    stream.heeds = False  # whatever time it is where the test runs
    return Hand(lambda number, at: remote.add(f"n{number}", at), lambda at: remote.add("own", at, did=OWN))


SAMPLE = Sample(
    "bluesky",
    prepare,
    expected=65,
    paths=("/xrpc/", STREAM),
    options=lambda server: {"handle": HANDLE, "jetstream": True},
    token=PASSWORD,
)
