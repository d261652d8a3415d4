"""Telegram: private messages on two pages."""

from __future__ import annotations

from tests.servers import Server
from tests.sources.fake_telegram import TOKEN, FakeTelegram
from tests.sources.samples import Sample


def prepare(server: Server) -> None:
    remote = FakeTelegram(server)
    for number in range(130):
        remote.add(f"acme {number}")


SAMPLE = Sample("telegram", prepare, expected=130, paths=(f"/bot{TOKEN}/",), token=TOKEN)
