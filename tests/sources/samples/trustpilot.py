"""Trustpilot: public reviews on two pages."""

from __future__ import annotations

from datetime import timedelta

from tests.factories import NOW
from tests.servers import Server
from tests.sources.fake_trustpilot import KEY, UNIT, FakeTrustpilot
from tests.sources.samples import Hand, Sample


def prepare(server: Server) -> Hand:
    remote = FakeTrustpilot(server)
    for number in range(150):
        remote.add(number, NOW - timedelta(hours=number))
    return Hand(lambda number, at: remote.add(1000 + number, at))


SAMPLE = Sample(
    "trustpilot",
    prepare,
    expected=150,
    paths=("/v1/business-units",),
    options=lambda server: {"business_unit": UNIT},
    token=KEY,
)
