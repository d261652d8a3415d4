"""What a report counts is the same on both databases."""

from __future__ import annotations

from datetime import timedelta

import pytest

from store import export
from store.database import Database
from tests.factories import NOW, land, read_mention

pytestmark = pytest.mark.both


async def test_a_report_counts_by_day_mood_and_network(db: Database) -> None:
    midnight = NOW.replace(hour=0, minute=0, second=0, microsecond=0)
    moments = (midnight - timedelta(microseconds=1), midnight, midnight + timedelta(hours=23, minutes=59))
    await land(db, *(read_mention(f"acme {n}", created_at=at, sentiment="negative") for n, at in enumerate(moments)))
    counted = await export.totals(db, export.Wanted(now=NOW))
    assert counted.days == (((midnight - timedelta(days=1)).date().isoformat(), 1), (midnight.date().isoformat(), 2))
    assert (counted.mentions, counted.sentiments, counted.networks) == (3, (("negative", 3),), (("mastodon", 3),))
