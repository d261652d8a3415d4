"""Telegram: private messages on two pages."""

from __future__ import annotations

from tests.servers import Server
from tests.sources.fake_telegram import TOKEN, FakeTelegram
from tests.sources.samples import Hand, Sample


def prepare(server: Server) -> Hand:
    remote = FakeTelegram(server)
    for number in range(130):
        remote.add(f"acme {number}")
    return Hand(lambda number, at: remote.add(f"acme n{number}"))


SAMPLE = Sample("telegram", prepare, expected=130, paths=(f"/bot{TOKEN}/",), token=TOKEN, forgets=True)
