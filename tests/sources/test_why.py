"""Why a post is here, or what kept it out: every verdict, asked as people ask."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest

from sources.intake import Intake
from sources.protocol import Page
from sources.why import Answer, Verdict, why
from store import cases, mentions
from store.database import Database
from store.domain.action import Dismiss
from store.domain.desk import Desk, Rule, SourceConfig, Watch
from store.domain.errors import NotFound
from store.domain.mention import NewMention
from store.domain.poll import Rejected
from tests.factories import NOW, land, new_mention, page, read_mention

ACME = Watch("acme", '"acme cloud" NOT anvil', languages=("en",))
MASTODON = SourceConfig("mastodon", "mastodon.social", options={"tags": ["acme"]})
HACKERNEWS = SourceConfig("hackernews", "hackernews")
BLOG = SourceConfig("feed", "blog", options={"feed": "https://blog.example/feed.xml"})
DESK = Desk(
    watches=(ACME,), sources=(MASTODON, HACKERNEWS, BLOG), rules=(Rule("anvil OR spam", ("dismiss spam", "tag ad")),)
)
MINUTE = timedelta(minutes=1)


async def take(
    db: Database, *posts: NewMention, desk: Desk = DESK, source: str = "mastodon.social", **more: Any
) -> int:
    """The first case that this opened, or 0."""
    line = await Intake(db, desk).take(
        source, "mastodon", "tag:acme", Page("#acme", posts, **more), started_at=NOW, next_poll_at=None
    )
    return line.new_cases[0] if line.new_cases else 0


async def ask(db: Database, name: str, *, at: datetime | None = None) -> Answer:
    return await why(db, DESK, name, at=at, now=NOW)


@pytest.mark.parametrize(
    "name",
    ["1", "#1", "p1", "https://social.example/p1", "social.example/p1/", "http://www.social.example/p1?utm_source=x"],
)
async def test_here_because_of_its_words(db: Database, name: str) -> None:
    number = await take(db, new_mention("Hello, my Acme-Cloud is down today", id="p1"))
    answer = await ask(db, name)
    assert (answer.verdict, answer.case_id, answer.source) == (Verdict.HERE, number, "mastodon.social")
    (says,) = answer.watches
    assert (says.watch, says.marked, says.matches) == ("acme", True, True)
    assert says.reasons[0].words == ("Acme-Cloud",)
    assert says.reasons[0].context == "Hello, my Acme-Cloud is down today"


async def test_a_number_is_a_case_or_else_an_id_of_the_network(db: Database) -> None:
    await take(db, new_mention(id="4711"))
    assert (await ask(db, "4711")).case_id == 1
    with pytest.raises(NotFound, match="there is no case 4711"):
        await ask(db, "#4711")


async def test_an_at_uri_and_the_address_of_the_same_post(db: Database) -> None:
    uri = "at://did:plc:abc/app.bsky.feed.post/3l6oveex3ii2l"
    await take(
        db, new_mention(id=uri, network="bluesky", url="https://bsky.app/profile/ana.example/post/3l6oveex3ii2l")
    )
    for name in (
        uri,
        "bsky.app/profile/ana.example/post/3l6oveex3ii2l",
        "https://bsky.app/profile/did:plc:abc/post/3l6oveex3ii2l",
    ):
        assert (await ask(db, name)).case_id == 1


async def test_here_without_a_watch(db: Database) -> None:
    await take(db, new_mention("hello", id="p1", direct=True))
    answer = await ask(db, "p1")
    assert (answer.verdict, answer.watches[0].marked) == (Verdict.HERE, False)
    assert "addressed to our account" in answer.detail


async def test_the_same_words_elsewhere(db: Database) -> None:
    text = "acme cloud is down for everybody since noon"
    first = await take(db, new_mention(text, id="p1", author="ana"))
    second = await take(db, new_mention(text, id="p2", author="bob"))
    assert (await ask(db, "p1")).alike == (second,)
    assert (await ask(db, "p2")).alike == (first,)


async def test_a_post_outside_of_the_watch_with_words_that_are_here(db: Database) -> None:
    text = "acme anvil falls from the sky again"
    line = await land(db, read_mention(text, watches=()))
    await take(db, new_mention(text, id="p2", author="bob"))
    answer = await ask(db, "p2")
    assert (answer.verdict, answer.case_id) == (Verdict.DUPLICATE, line.new_cases[0])


async def test_dismissed_by_an_agent_a_rule_and_a_mute(db: Database) -> None:
    first = await take(db, new_mention(id="p1", author="ana"))
    await cases.act(db, [(first, None)], Dismiss("other Acme"), agent="eva", now=NOW)
    answer = await ask(db, "p1")
    assert (answer.verdict, answer.detail) == (Verdict.DISMISSED, "other Acme")
    assert [(deed.who, deed.what) for deed in answer.deeds] == [
        ("eva", "dismiss (reason other Acme, status dismissed)")
    ]
    assert answer.rules == ()

    await take(db, new_mention("this acme cloud spam is everywhere today", id="p2", author="bob"))
    answer = await ask(db, "p2")
    assert answer.verdict is Verdict.DISMISSED
    assert answer.rules == ("anvil OR spam: dismiss spam, tag ad",)
    assert [deed.who for deed in answer.deeds] == ["rule", "rule"]

    third = await take(db, new_mention(id="p3", author="cyd"))
    await cases.mute(db, "author", third, "", agent="eva", now=NOW)
    await take(db, new_mention(id="p4", author="cyd", thread="another"))
    answer = await ask(db, "p4")
    assert (answer.verdict, answer.detail) == (Verdict.DISMISSED, "muted author")
    assert [(deed.who, deed.what) for deed in answer.deeds] == [("eva", "muted the author cyd")]


async def test_deleted_upstream(db: Database) -> None:
    await take(db, new_mention(id="p1"))
    await mentions.save_page(db, page(deleted=["p1"]), now=NOW, reply_within=timedelta(hours=24))
    answer = await ask(db, "p1")
    assert (answer.verdict, answer.detail) == (Verdict.DELETED, "gone upstream since 2026-11-21 12:00 UTC")
    assert [(says.watch, says.marked, says.reasons) for says in answer.watches] == [("acme", True, ())]


async def test_our_own_post(db: Database) -> None:
    await take(db, new_mention(id="p1", ours=True))
    assert (await ask(db, "p1")).verdict is Verdict.OURS


@pytest.mark.parametrize(
    ("text", "reasons"),
    [
        ("my acmecloud is down today", ["it is written in one word: `acmecloud`"]),
        ("an acme cloud and an anvil, please", ["`NOT anvil` kept it out: `anvil` at word 6"]),
        ("meine acme cloud funktioniert heute leider nicht mehr", ["language is de, the watch wants en"]),
    ],
)
async def test_returned_and_not_matched(db: Database, text: str, reasons: list[str]) -> None:
    await take(db, new_mention(text, id="p1"))
    answer = await ask(db, "https://social.example/p1")
    assert (answer.verdict, answer.source, answer.stream) == (Verdict.UNMATCHED, "mastodon.social", "tag:acme")
    assert [(says.watch, says.matches) for says in answer.watches] == [("acme", False)]
    assert [reason.why for reason in answer.watches[0].reasons] == reasons


async def test_a_watch_that_was_changed_since_would_take_it(db: Database) -> None:
    await take(db, new_mention(id="p1"), desk=Desk(watches=(Watch("acme", "nimbus"),)))
    answer = await ask(db, "p1")
    assert (answer.verdict, answer.watches[0].matches) == (Verdict.UNMATCHED, True)
    assert answer.advice == ("`earful watch set acme --land` brings it in",)


async def test_kept_aside_as_unreadable(db: Database) -> None:
    raw = b'{"uri": "https://social.example/p9", "created_at": "yesterday"}'
    await take(db, rejected=[Rejected("p9", "its time is no time", raw)])
    for name in ("p9", "https://social.example/p9"):
        answer = await ask(db, name)
        assert (answer.verdict, answer.detail, answer.source) == (
            Verdict.UNREADABLE,
            "its time is no time",
            "mastodon.social",
        )


async def polled(db: Database, source: str, minute: int, *, error: str = "", gap: float = 0.0) -> None:
    """One line of the ledger, so many minutes after the post was written."""
    line = page(
        source=source, stream="new", started_at=NOW - timedelta(days=1) + minute * MINUTE, error=error, gap_seconds=gap
    )
    await mentions.save_page(db, line, now=NOW, reply_within=timedelta(hours=24))


async def test_never_returned_and_where_nobody_listened(db: Database) -> None:
    for minute in range(-360, 1440, 5):
        broken = 100 <= minute < 160
        await polled(
            db, "hackernews", minute, error="connection refused" if broken else "", gap=600 if minute == 300 else 0
        )
    written = NOW - timedelta(days=1)
    answer = await ask(db, "https://news.ycombinator.com/item?id=404", at=written)
    assert answer.verdict is Verdict.UNSEEN
    (covered,) = answer.coverage
    assert (covered.source, covered.asked, covered.failed) == ("hackernews", 360, 12)
    assert [(each.since - written, each.until and each.until - written, each.why) for each in covered.outages] == [
        (100 * MINUTE, 160 * MINUTE, "new failed: connection refused"),
        (290 * MINUTE, 300 * MINUTE, "it did not give everything of new"),
    ]
    assert "hackernews did not listen all the time" in answer.advice[0]


async def test_a_source_that_was_never_asked_and_one_that_still_fails(db: Database) -> None:
    await polled(db, "blog", 0, error="it is out of order")
    (blog,) = (await ask(db, "https://blog.example/1", at=NOW - timedelta(days=1))).coverage
    first = NOW - timedelta(days=1)
    assert [(each.since, each.until, each.why) for each in blog.outages] == [
        (first - timedelta(hours=6), first, "it was not asked: nothing polled"),
        (first, None, "it was not asked: nothing polled"),
        (first, None, "new failed: it is out of order"),
    ]
    answer = await ask(db, "https://news.ycombinator.com/item?id=404")
    assert answer.advice == ("hackernews was never asked then; `earful poll --once --source hackernews` asks now",)


async def test_which_sources_read_a_place(db: Database) -> None:
    async def sources(name: str) -> list[str]:
        return [each.source for each in (await ask(db, name)).coverage]

    assert await sources("https://other.example/@ana/113456789012345678") == ["mastodon.social"]
    assert await sources("https://www.blog.example/2026/post") == ["blog"]
    assert await sources("https://planet.example/post") == []
    await take(db, new_mention("nothing", url="https://planet.example/other"), source="blog")
    assert await sources("https://planet.example/post") == ["blog"], "it brought something from there before"
    assert await sources("12345678") == ["mastodon.social", "hackernews", "blog"], "an id names no place"


async def test_what_to_do_where_no_source_reads_a_place(db: Database) -> None:
    answer = await why(db, Desk(watches=(ACME,)), "https://news.ycombinator.com/item?id=1", now=NOW)
    assert answer.advice[0] == "no configured source reads that place; add a [[source]] of type hackernews"
