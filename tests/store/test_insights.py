"""Insights count what was said, by whom, about what, and how long it took to answer."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from store import insights, mentions, tables
from store.database import Database
from store.domain.desk import Role, Watch
from store.domain.errors import NotFound
from store.domain.insight import AnswerTimes, Count, Insights
from store.domain.mention import UNKNOWN_AUTHOR
from tests.factories import A_DAY, NOW, change, issue_of, land, read_mention

pytestmark = pytest.mark.both

HOUR = timedelta(hours=1)
WEEK = insights.period(NOW - 7 * A_DAY, NOW, UTC)


async def week(db: Database, **options: object) -> Insights:
    return await insights.compute(db, WEEK, UTC, **options)  # type: ignore[arg-type]


async def test_an_empty_store_has_nothing_to_say(db: Database) -> None:
    found = await week(db, compare_previous=True, reply_within=A_DAY)

    assert await insights.span(db) is None
    assert (found.mentions, found.authors, found.cases, found.previous_mentions) == (0, 0, 0, 0)
    assert (found.languages, found.networks, found.voices, found.issues) == ((), (), (), ())
    assert found.answers == AnswerTimes(0, 0, None, None, None)
    assert len(found.buckets) == 8
    assert {bucket.net for bucket in found.buckets} == {None} == {found.previous_net}


async def test_the_span_of_all_that_was_said(db: Database) -> None:
    await land(db, *(read_mention(created_at=NOW - n * A_DAY) for n in (3, 90, 1)))

    assert await insights.span(db) == (NOW - 90 * A_DAY, NOW - A_DAY)


async def test_what_counts_and_what_does_not(db: Database) -> None:
    await land(
        db,
        read_mention(id="one", author="ana", thread="t", sentiment="negative", created_at=NOW - 7 * A_DAY),
        read_mention(id="two", author="ana", thread="t", sentiment="positive", created_at=NOW - HOUR),
        read_mention(id="three", author="bo", created_at=NOW - timedelta(microseconds=1)),
        read_mention(id="too late", author="cy", created_at=NOW),
        read_mention(id="too early", author="di", created_at=NOW - 7 * A_DAY - timedelta(microseconds=1)),
        read_mention(id="dismissed", author="ed", thread="noise"),
        read_mention(id="ours", author="acme", ours=True, parent="one", created_at=NOW - HOUR),
        read_mention(id="deleted", author="flo", created_at=NOW - HOUR),
    )
    await land(db, deleted=["deleted"])
    noise = tables.cases.c.thread == "noise"
    await change(db, tables.cases.update().where(noise).values(status="dismissed"))

    found = await week(db)

    assert (found.mentions, found.authors, found.cases) == (4, 3, 3)
    assert [(bucket.positive, bucket.neutral, bucket.negative) for bucket in found.buckets] == [
        (0, 0, 1), *[(0, 0, 0)] * 6, (1, 2, 0),
    ]  # fmt: skip
    assert found.buckets[-1].net == pytest.approx(1 / 3)


async def test_days_are_the_reader_s(db: Database) -> None:
    """23:30 UTC on Saturday is already Sunday in Bucharest, and that Sunday has 25 hours."""
    zone = ZoneInfo("Europe/Bucharest")
    hours = [(24, 20, 59), (24, 21, 0), (24, 23, 30), (25, 21, 59), (25, 22, 0)]
    await land(db, *(read_mention(created_at=datetime(2026, 10, d, h, m, tzinfo=UTC)) for d, h, m in hours))
    over = insights.period(datetime(2026, 10, 24, tzinfo=zone), datetime(2026, 10, 27, tzinfo=zone), zone, "day")

    found = await insights.compute(db, over, zone)

    assert [bucket.mentions for bucket in found.buckets] == [1, 3, 1]


async def test_languages_and_networks_with_what_is_bad(db: Database) -> None:
    for network, language, sentiment in (
        ("mastodon", "ro", "negative"),
        ("mastodon", "ro", "positive"),
        ("hackernews", "en", "negative"),
        ("mastodon", "de", "neutral"),
    ):
        await land(db, read_mention(network=network, language=language, sentiment=sentiment))

    found = await week(db)

    assert found.languages == (Count("ro", 2, 1), Count("de", 1, 0), Count("en", 1, 1))
    assert found.networks == (Count("mastodon", 3, 1), Count("hackernews", 1, 1))


async def test_one_watch_alone(db: Database) -> None:
    await land(
        db,
        read_mention(watches=["acme"], author="ana", created_at=NOW - 8 * A_DAY, thread="old"),
        read_mention(watches=["acme"], author="ana"),
        read_mention(watches=["acme", "outages"], author="bo", language="de"),
        read_mention(watches=["outages"], author="cy"),
    )

    found = await week(db, watch="outages", compare_previous=True)

    assert (found.watch, found.mentions, found.authors, found.answers.cases) == ("outages", 2, 2, 2)
    assert found.languages == (Count("de", 1), Count("en", 1))
    assert found.previous_mentions == 0
    assert (await week(db, watch="acme", compare_previous=True)).previous_mentions == 1
    with pytest.raises(NotFound, match="'apex'"):
        await week(db, watch="apex")


async def test_share_of_voice_is_own_against_competitors(db: Database) -> None:
    roles = {"acme": Role.OWN, "apex": Role.COMPETITOR, "zen": Role.COMPETITOR, "cloud": Role.INDUSTRY}
    await mentions.sync_watches(db, [Watch(name, name, role) for name, role in roles.items()])
    await land(
        db,
        *(read_mention(watches=["acme", "cloud"]) for _ in range(3)),
        read_mention(watches=["apex"]),
        read_mention(watches=["cloud"]),
    )

    voices = (await week(db, watch="apex")).voices

    assert [(voice.watch, voice.role, voice.mentions, voice.share) for voice in voices] == [
        ("acme", "own", 3, 0.75),
        ("apex", "competitor", 1, 0.25),
        ("zen", "competitor", 0, 0.0),
    ]


async def test_a_recurring_issue_with_its_trend(db: Database) -> None:
    days = (6.6, 4, 2, 1, 1)
    line = await land(
        db,
        *(
            read_mention(
                f"login fails, day {day}",
                author=f"a{n % 4}",
                language="ro" if n else "en",
                sentiment="negative" if n % 2 else "neutral",
                created_at=NOW - day * A_DAY,
            )
            for n, day in enumerate(days)
        ),
        read_mention("gone", id="x", created_at=NOW - HOUR),
        read_mention("slow", created_at=NOW - 5 * A_DAY),
        read_mention("last month", created_at=NOW - 30 * A_DAY),
    )
    in_time = {row_id: (await mentions.get(db, row_id)).text for row_id in line.new_mentions}
    of_login = [row_id for row_id, words in in_time.items() if words != "slow"]
    slow = [row_id for row_id, words in in_time.items() if words == "slow"]
    await issue_of(db, "Login fails", of_login)
    await issue_of(db, "Slow", slow)
    await land(db, deleted=["x"])

    found = await week(db)

    first, second = found.issues
    assert (first.label, first.mentions, first.authors, first.negative) == ("Login fails", 6, 5, 2)
    assert first.languages == ("ro", "en")
    assert (first.first_seen, first.last_seen) == (NOW - 30 * A_DAY, NOW - HOUR)
    assert first.trend == (1, 0, 0, 1, 0, 1, 2, 1)
    assert first.change == (4 - 2) / 2
    assert first.example == "login fails, day 1"
    assert (second.label, second.trend, second.change) == ("Slow", (0, 0, 1, 0, 0, 0, 0, 0), -1.0)
    assert [issue.label for issue in (await week(db, issues=1)).issues] == ["Login fails"]


async def test_compared_with_the_days_before(db: Database) -> None:
    await land(
        db,
        read_mention(),
        *(read_mention(sentiment="negative", created_at=NOW - days * A_DAY) for days in (8, 9, 14)),
        read_mention(sentiment="positive", created_at=NOW - 10 * A_DAY),
        read_mention(created_at=NOW - 15 * A_DAY),
    )

    found = await week(db, compare_previous=True)

    assert (found.previous_mentions, found.previous_net) == (4, -0.5)
    assert (await week(db)).previous_mentions is None


@pytest.mark.parametrize(
    ("waits", "answered", "median", "p90"),
    [
        ([], 0, None, None),
        ([2], 1, 2, 2),
        ([1, 3], 2, 2, 3),
        ([5, 1, 3], 3, 3, 5),
        ([1, 2, None], 2, 2, None),
        ([1, 2, None, None], 2, None, None),
        ([None, None, 1], 1, None, None),
        ([1] * 9 + [None], 9, 1, 1),
        ([1] * 8 + [None, None], 8, 1, None),
    ],
)
async def test_who_still_waits_is_never_left_out(
    db: Database, waits: Sequence[int | None], answered: int, median: float | None, p90: float | None
) -> None:
    await answered_after(db, waits, began=NOW - 2 * A_DAY)

    found = (await week(db)).answers

    assert (found.cases, found.answered, found.within_promise) == (len(waits), answered, None)
    assert found.median_seconds == (None if median is None else median * 3600)
    assert found.p90_seconds == (None if p90 is None else p90 * 3600)


async def test_a_promise_is_kept_broken_or_still_open(db: Database) -> None:
    await answered_after(db, [4, 5, None], began=NOW - 2 * A_DAY)
    await answered_after(db, [None, None], began=NOW - HOUR)

    assert (await week(db, reply_within=4 * HOUR)).answers.within_promise == pytest.approx(1 / 3)
    assert (await week(db, reply_within=timedelta(minutes=30))).answers.within_promise == 0.0


async def test_answer_times_are_of_cases_that_began_in_the_period(db: Database) -> None:
    await answered_after(db, [1], began=NOW - 8 * A_DAY)
    await land(db, read_mention(thread=f"{NOW - 8 * A_DAY}", author="a0", created_at=NOW - HOUR))

    found = await week(db)

    assert (found.mentions, found.answers.cases) == (1, 0)


async def answered_after(db: Database, hours: Sequence[int | None], *, began: datetime) -> None:
    """Cases that began at `began`, each answered after so many hours or (None) not yet."""
    posts = [read_mention(thread=f"{began}", author=f"a{n}", created_at=began) for n in range(len(hours))]
    for case_id, wait in zip((await land(db, *posts)).new_cases, hours, strict=True):
        answered_at = None if wait is None else began + wait * HOUR
        await change(db, tables.cases.update().where(tables.cases.c.id == case_id).values(answered_at=answered_at))


async def test_insights_are_plain_data(db: Database) -> None:
    await land(db, read_mention())

    assert json.loads(json.dumps(asdict(await week(db)), default=str))["mentions"] == 1


async def test_each_mention_of_nobody_is_by_somebody_else(db: Database) -> None:
    line = await land(db, *(read_mention(author=who) for who in (UNKNOWN_AUTHOR, "unknown", "ana", "ana")))
    await issue_of(db, "login", line.new_mentions)
    found = await week(db)
    assert (found.authors, found.issues[0].authors) == (3, 3)
