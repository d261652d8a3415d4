"""The database's server is stopped and started again under a screen, a worker and the command line."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from store import drafts
from store.database import Database
from store.domain.place import place
from tests.factories import read_mention
from tests.postgres import Server, started
from tests.tui.command import Earful
from tests.tui.desk import CAN_ANSWER, press, reader
from tests.tui.test_inbox import running, seed, status, until


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    """One of our own: the others' stays up."""
    with started(f"away{os.getpid()}") as server:
        yield server


@pytest.fixture
def url(server: Server) -> Iterator[str]:
    url = server.fresh()
    yield url
    server.start()
    server.drop(url)


async def test_a_screen_says_so_and_goes_on_by_itself_and_the_draft_is_kept(server: Server, url: str) -> None:
    where = place(url)
    await seed(where, ["it is down", "another"])
    async with running(where, desk=replace(CAN_ANSWER, worker="embedded")) as (app, pilot):
        await until(pilot, lambda: app.background.pulse.worker == "working")
        await press(pilot, "r", *"we look")
        server.stop()
        await press(pilot, *" into it")
        await until(pilot, lambda: app.background.pulse.away)
        assert "store away" in status(app)
        await until(pilot, lambda: app.background.pulse.worker == "worker waits for the store")
        assert reader(app).composer.text.endswith("we look into it")

        server.start()
        await until(pilot, lambda: not app.background.pulse.away)
        await until(pilot, lambda: app.background.pulse.worker == "working")
        assert "store away" not in status(app)
        other = Database(where)
        await other.open()
        for _ in range(1_000):
            if kept := await drafts.of_agent(other, "ana"):
                break
            await pilot.pause(0.05)
        await other.close()
        assert [draft.text.endswith("we look into it") for draft in kept] == [True]


def test_a_worker_waits_for_it_and_the_command_line_says_one_line(server: Server, url: str, tmp_path: Path) -> None:
    earful = Earful(tmp_path)
    earful.store = place(url)
    earful.seed(read_mention())
    worker = earful.start("worker")
    said: list[str] = []
    assert worker.stderr is not None
    listening = threading.Thread(target=lambda: said.extend(iter(lambda: worker.stderr.readline().decode(), "")))
    listening.start()

    def hears(words: str) -> None:
        until = time.monotonic() + 60
        while not any(words in line for line in said):
            assert time.monotonic() < until, said
            time.sleep(0.05)

    hears("polls and sends")
    server.stop()
    result = earful("inbox")
    assert (result.code, len(result.narration.splitlines()), result.data) == (1, 1, "")
    assert "cannot open the store postgresql://" in result.narration
    hears("trying again")
    server.start()
    hears("the store is back")
    held = earful("worker", "--once")
    assert held.code == 1
    assert f"process {worker.pid}" in held.narration
    worker.send_signal(signal.SIGTERM)
    assert worker.wait(60) == 0
    listening.join()
