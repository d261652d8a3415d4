"""Fixtures that every test may use."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import datetime
from pathlib import Path

import pytest
import pytest_asyncio

from store.database import Database
from tests.factories import NOW


@pytest.fixture
def now() -> datetime:
    """The moment at which every test takes place."""
    return NOW


@pytest_asyncio.fixture
async def db(tmp_path: Path) -> AsyncIterator[Database]:
    """A fresh store in a file of its own, open for the length of one test."""
    database = Database(tmp_path / "earful.db")
    await database.open()
    yield database
    await database.close()
