"""Fixtures that every test may use."""

from __future__ import annotations

import os
import signal
from collections.abc import AsyncIterator, Iterator
from datetime import datetime
from pathlib import Path

import pytest
import pytest_asyncio
from hypothesis import settings

from store.database import Database
from store.domain.place import Place
from store.domain.place import place as place_of
from tests import postgres as servers
from tests.factories import NOW


def pytest_configure(config: pytest.Config) -> None:
    settings.register_profile("any machine", deadline=None)
    settings.load_profile("any machine")
    for number, usual in ((signal.SIGHUP, signal.SIG_DFL), (signal.SIGINT, signal.default_int_handler)):
        if signal.getsignal(number) is signal.SIG_IGN:  # the tests' programs would take it for the user's wish
            signal.signal(number, usual)
    config.addinivalue_line("markers", "both: runs on SQLite and on PostgreSQL")
    config.addinivalue_line("markers", "sqlite: of a module that runs on both, only on SQLite")


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    marked = metafunc.definition.get_closest_marker
    if "place" in metafunc.fixturenames and marked("both") and not marked("sqlite"):
        metafunc.parametrize("place", ["sqlite", "postgresql"], indirect=True)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    skipped = [
        report for report in terminalreporter.stats.get("skipped", []) if servers.MISSING in str(report.longrepr)
    ]
    if skipped:
        terminalreporter.section("POSTGRESQL NOT TESTED", red=True)
        terminalreporter.line(f"{len(skipped)} tests did not run: {skipped[0].longrepr[-1]}", red=True)


@pytest.fixture
def now() -> datetime:
    """The moment at which every test takes place."""
    return NOW


@pytest.fixture(scope="session")
def postgres(request: pytest.FixtureRequest) -> Iterator[servers.Server]:
    """The PostgreSQL server of this run."""
    run = getattr(request.config, "workerinput", {}).get("testrunuid", str(os.getpid()))
    with servers.started(run[:12]) as server:
        yield server


@pytest.fixture
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Place]:
    """Where a fresh store lies: a file, or for tests marked `both` also a database of PostgreSQL."""
    if getattr(request, "param", "sqlite") == "sqlite":
        yield tmp_path / "earful.db"
        return
    server: servers.Server = request.getfixturevalue("postgres")
    url = server.fresh()
    yield place_of(url)
    server.drop(url)


@pytest_asyncio.fixture
async def db(place: Place) -> AsyncIterator[Database]:
    """A fresh store of its own, open for the length of one test."""
    database = Database(place)
    await database.open()
    yield database
    await database.close()
