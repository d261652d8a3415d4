"""A page into the store: nothing lost, nothing doubled."""

from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import Insert

from store import changes, cursors, ledger, mentions, raws, tables
from store.database import Database
from store.domain.case import CaseStatus
from store.domain.errors import StoreError
from store.domain.mention import NewAuthor, ReadMention
from store.domain.poll import PollLine, Rejected
from tests.factories import A_DAY, NOW, change, land, read_mention, rows

pytestmark = pytest.mark.both

HOUR = timedelta(hours=1)


def counts(line: PollLine) -> tuple[int, int, int, int]:
    return line.new, line.duplicate, line.unmatched, line.failed


async def test_a_mention_comes_out_as_it_went_in(db: Database) -> None:
    author = NewAuthor("ana@example.org", "Ana Müller", "https://example.org/@ana", 1200)
    item = read_mention(
        "Acme Cloud e picat iar 😡",
        id="uri:1",
        native_id="11",
        author=author,
        title="Iar?",
        language="ro",
        sentiment="negative",
        intent="complaint",
        urgency=70,
        reasons=("many followers",),
        visibility="unlisted",
        raw=b'{"id": 11}',
    )

    line = await land(db, item)

    stored = await mentions.get(db, line.new_mentions[0])
    assert (stored.external_id, stored.native_id, stored.source) == ("uri:1", "11", "mastodon.social")
    assert (stored.text, stored.title, stored.language) == ("Acme Cloud e picat iar 😡", "Iar?", "ro")
    assert (stored.sentiment, stored.score, stored.intent, stored.urgency) == ("negative", -0.6, "complaint", 70)
    assert (stored.reasons, stored.visibility, stored.watches) == (("many followers",), "unlisted", ("acme",))
    assert (stored.author.handle, stored.author.name, stored.author.followers) == (
        "ana@example.org",
        "Ana Müller",
        1200,
    )
    assert (stored.created_at, stored.seen_at, stored.case_id) == (NOW - HOUR, NOW, line.new_cases[0])
    assert await raws.get(db, stored.id) == b'{"id": 11}'


async def test_the_same_mention_is_stored_once_however_often_it_comes(db: Database) -> None:
    one, two = read_mention(id="a"), read_mention(id="b")

    first = await land(db, one, two, one)
    again = await land(db, two, one, read_mention(id="c"))

    assert counts(first) == (2, 1, 0, 0)
    assert counts(again) == (1, 2, 0, 0)
    assert [row.external_id for row in await rows(db, tables.mention)] == ["a", "b", "c"]


async def test_one_id_on_two_networks_is_two_mentions(db: Database) -> None:
    line = await land(db, read_mention(id="1", network="mastodon"), read_mention(id="1", network="hackernews"))

    assert counts(line) == (2, 0, 0, 0)


async def test_what_does_not_land_is_counted_and_not_kept(db: Database) -> None:
    line = await land(db, read_mention(id="a", lands=False), read_mention(id="b"), read_mention(id="a", lands=False))

    assert counts(line) == (1, 0, 2, 0)
    assert [row.external_id for row in await rows(db, tables.mention)] == ["b"]


async def test_a_duplicate_brings_a_watch_that_is_newer_than_it(db: Database) -> None:
    first = await land(db, read_mention(id="a", watches=["acme"]))

    await land(db, read_mention(id="a", watches=["acme", "outages"]))

    assert (await mentions.get(db, first.new_mentions[0])).watches == ("acme", "outages")


async def test_an_author_is_known_by_what_the_network_said_last(db: Database) -> None:
    await land(db, read_mention(author=NewAuthor("ana", "Ana", "https://a.example", 10)))
    await land(db, read_mention(author=NewAuthor("ana", "Ana M.", "", None)))

    [author] = await rows(db, tables.author)
    assert (author.name, author.url, author.followers) == ("Ana M.", "https://a.example", 10)


# --- Cases -----------------------------------------------------------------------------------------------------------


async def test_a_word_opens_a_case_with_a_promise(db: Database) -> None:
    await land(db, read_mention(id="a", created_at=NOW - HOUR), reply_within=timedelta(hours=4))

    [case] = await rows(db, tables.cases)
    assert (case.status, case.priority, case.mentions, case.version) == ("new", "normal", 1, 1)
    assert (case.created_at, case.last_at, case.seen_at) == (NOW - HOUR, NOW - HOUR, NOW)
    assert case.due_at == NOW + timedelta(hours=3)
    assert await rows(db, tables.journal) == []


async def test_a_word_from_the_future_is_due_from_now(db: Database) -> None:
    await land(db, read_mention(created_at=NOW + timedelta(days=400)))

    assert (await rows(db, tables.cases))[0].due_at == NOW + A_DAY


async def test_a_case_counts_its_words_and_knows_the_newest(db: Database) -> None:
    middle, newest, oldest = (
        read_mention(id=name, thread="t", created_at=NOW - hours * HOUR)
        for name, hours in (("middle", 2), ("newest", 1), ("oldest", 3))
    )

    await land(db, middle, newest)
    await land(db, oldest)

    [case] = await rows(db, tables.cases)
    assert (case.mentions, case.created_at, case.last_at) == (3, NOW - 3 * HOUR, NOW - HOUR)
    assert (await mentions.get(db, case.newest_mention_id)).external_id == "newest"


async def test_two_people_in_one_thread_are_two_cases(db: Database) -> None:
    line = await land(db, read_mention(thread="t", author="ana"), read_mention(thread="t", author="bo"))

    assert len(line.new_cases) == 2


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("new", "new"),
        ("open", "open"),
        ("waiting", "open"),
        ("snoozed", "open"),
        ("escalated", "open"),
        ("done", "open"),
        ("dismissed", "open"),
    ],
)
async def test_their_new_word_opens_a_case_again(db: Database, before: str, after: str) -> None:
    await land(db, read_mention(thread="t", created_at=NOW - 3 * A_DAY))
    state = {"status": before, "reason": "r", "team": "pr", "snoozed_until": NOW, "assignee": "bo"}
    await change(db, tables.cases.update().values(state))

    line = await land(db, read_mention(thread="t", created_at=NOW - HOUR))

    [case] = await rows(db, tables.cases)
    [entry] = await rows(db, tables.journal)
    assert (case.status, case.version, case.mentions) == (after, 2, 2)
    assert (case.team, case.assignee) == ("pr", "bo")
    assert line.new_cases == ()
    assert (entry.agent, entry.action, entry.batch) == ("earful", "mention", entry.id)
    assert entry.before.get("status", before) == before
    assert entry.after.get("status", before) == after
    if before != after:
        assert (case.reason, case.snoozed_until) == ("", None)
    fresh_clock = before in ("waiting", "done", "dismissed")
    assert case.due_at == (NOW - HOUR + A_DAY if fresh_clock else NOW - 2 * A_DAY)


async def test_three_words_in_one_page_are_one_entry_of_the_journal(db: Database) -> None:
    await land(db, read_mention(thread="t"))
    await land(db, *(read_mention(thread="t") for _ in range(3)))

    [case] = await rows(db, tables.cases)
    assert (case.mentions, case.version, len(await rows(db, tables.journal))) == (4, 2, 1)


@pytest.mark.parametrize(
    ("mute", "reason"),
    [
        ({"kind": "author", "network": "mastodon", "value": "Ana"}, "muted author"),
        ({"kind": "thread", "network": "mastodon", "value": "t"}, "muted thread"),
        ({"kind": "word", "value": "crypto déal"}, "muted word crypto déal"),
    ],
)
async def test_a_muted_word_neither_shows_nor_opens_anything(db: Database, mute: dict[str, str], reason: str) -> None:
    await change(db, tables.mute.insert().values(agent="bo", at=NOW, **mute))

    await land(db, read_mention("a Crypto Deal for you", thread="t"))
    await land(db, read_mention("that CRYPTO deal again", thread="t"))

    [case] = await rows(db, tables.cases)
    assert (case.status, case.reason, case.mentions) == ("dismissed", reason, 2)


async def test_a_mute_reaches_no_further_than_it_says(db: Database) -> None:
    await change(db, tables.mute.insert().values(kind="author", network="hackernews", value="ana", agent="bo", at=NOW))
    await change(db, tables.mute.insert().values(kind="word", value="down", agent="bo", at=NOW))

    await land(db, read_mention("cannot download acme cloud", author="ana"))

    assert (await rows(db, tables.cases))[0].status == "new"


# --- Our own posts ---------------------------------------------------------------------------------------------------


async def test_our_answer_that_comes_back_joins_its_case(db: Database) -> None:
    line = await land(db, read_mention(id="q", native_id="1", author="ana"))
    [case_id] = line.new_cases
    await change(db, sent_delivery(case_id, remote_id="2"))

    back = await land(db, own("a", native_id="2", parent="1"))
    again = await land(db, own("a", native_id="2", parent="1"))

    assert counts(back) == counts(again) == (0, 1, 0, 0)
    assert back.new_mentions == ()
    [_, ours] = await rows(db, tables.mention)
    assert (ours.case_id, ours.ours, ours.thread) == (case_id, True, "1")
    [case] = await rows(db, tables.cases)
    assert (case.mentions, case.version, case.status) == (1, 1, "new")


async def test_an_answer_written_past_earful_is_not_asked_for_again(db: Database) -> None:
    line = await land(db, read_mention(id="q", native_id="1", created_at=NOW - 2 * HOUR))

    answer = await land(db, own("a", native_id="2", parent="1", created_at=NOW - HOUR))

    assert (counts(answer), answer.new_mentions) == ((1, 0, 0, 0), ())
    [case] = await rows(db, tables.cases)
    assert (case.id, case.status, case.answered_at, case.mentions) == (line.new_cases[0], "waiting", NOW - HOUR, 1)
    assert (await rows(db, tables.journal))[0].action == "answer"


async def test_question_answer_and_next_word_in_one_page_in_any_order(db: Database) -> None:
    word = read_mention(id="3", parent="2", created_at=NOW - HOUR)
    answer = own("2", native_id="2", parent="1", created_at=NOW - 2 * HOUR)
    question = read_mention(id="1", created_at=NOW - 3 * HOUR)

    line = await land(db, word, answer, question)

    assert counts(line) == (3, 0, 0, 0)
    [case] = await rows(db, tables.cases)
    assert (case.mentions, case.status) == (2, "new")
    assert {row.case_id for row in await rows(db, tables.mention)} == {case.id}


async def test_an_own_post_that_answers_nobody_is_not_kept(db: Database) -> None:
    line = await land(db, own("a"), own("b", parent="c"), own("c", parent="b"))

    assert counts(line) == (0, 0, 3, 0)
    assert await rows(db, tables.mention) == []
    assert await rows(db, tables.author) == []


def own(name: str, **fields: object) -> ReadMention:
    return read_mention("we are on it", id=name, ours=True, author="acme", lands=False, **fields)


def sent_delivery(case_id: int, remote_id: str) -> Insert:
    return tables.delivery.insert().values(
        case_id=case_id, kind="reply", state="sent", source="mastodon.social", to="ana", target="1", text="on it",
        body_hash="h", identity="i", agent="bo", created_at=NOW, due_at=NOW, remote_id=remote_id,
    )  # fmt: skip


# --- One transaction -------------------------------------------------------------------------------------------------


async def test_a_page_that_breaks_midway_leaves_nothing(db: Database) -> None:
    await land(db, read_mention(id="a"), bookmark={"since": "a"}, next_poll_at=NOW)

    with pytest.raises(StoreError):
        await land(db, read_mention(id="b"), read_mention(id="c", type=None), bookmark={"since": "c"}, next_poll_at=NOW)

    assert [row.external_id for row in await rows(db, tables.mention)] == ["a"]
    assert len(await rows(db, tables.cases)) == len(await rows(db, tables.author)) == 1
    assert [cursor.bookmark for cursor in await cursors.all_of(db)] == [{"since": "a"}]
    assert len(await ledger.lines(db)) == 1


@pytest.mark.parametrize(
    ("broken", "why"),
    [
        ({"url": "https://x.example/\ud800"}, "surrogate"),
        ({"created_at": NOW.replace(tzinfo=None)}, "naive"),
        ({"score": float("nan")}, "out of range"),
        ({"author": NewAuthor("ana", followers=10**30)}, "out of range"),
        ({"id": "", "external_id": ""}, "no id"),
    ],
)
async def test_one_impossible_item_does_not_hold_up_the_rest(db: Database, broken: dict[str, object], why: str) -> None:
    line = await land(db, read_mention(id="a"), read_mention(raw=b"as received", **broken), read_mention(id="c"))

    assert counts(line) == (2, 0, 0, 1)
    [aside] = await ledger.rejected(db, line.id)
    assert why in aside.reason
    assert aside.raw == b"as received"


async def test_the_ledger_line_of_a_page(db: Database) -> None:
    line = await land(
        db,
        read_mention(id="a"),
        read_mention(id="b", lands=False),
        rejected=[Rejected("line 3", "no author", b"\x00\xff")],
        gap_seconds=90.0,
    )

    [kept] = await ledger.lines(db)
    assert (kept.id, kept.source, kept.stream, kept.asked, kept.started_at) == (
        line.id, "mastodon.social", "tag:acme", "#acme", NOW,
    )  # fmt: skip
    assert (kept.returned, *counts(kept), kept.gap_seconds) == (3, 1, 0, 1, 1, 90.0)
    assert await ledger.rejected(db, line.id) == [Rejected("line 3", "no author", b"\x00\xff")]


async def test_screens_are_told_what_is_new_and_what_moved(db: Database) -> None:
    [old] = (await land(db, read_mention(thread="t"))).new_cases
    start = await changes.newest(db)

    [fresh] = (await land(db, read_mention(thread="t"), read_mention(thread="u"))).new_cases

    _, moved = await changes.since(db, start)
    assert set(moved) == {("case", old), ("new", fresh), ("source", None)}


async def test_ten_thousand_in_one_page(db: Database) -> None:
    items = [
        read_mention(id=f"{n}", author=f"a{n % 3_000}", thread=f"t{n % 7_000}", parent=f"{n // 2}")
        for n in range(10_000)
    ]

    assert counts(await land(db, *items)) == (10_000, 0, 0, 0)
    assert counts(await land(db, *items)) == (0, 10_000, 0, 0)


# --- Whatever comes --------------------------------------------------------------------------------------------------

NAMES = st.sampled_from(["1", "2", "3", "4", "5"])
OURS = {"5"}


@st.composite
def items(draw: st.DrawFn) -> ReadMention:
    name, lands = draw(NAMES), draw(st.booleans())
    edited = draw(st.none() | st.integers(1, 60))
    return read_mention(
        draw(st.sampled_from(["down", "down again"])),
        id=name,
        author=draw(st.sampled_from(["ana", "bo"])),
        parent=draw(st.just("") | NAMES),
        thread=draw(st.sampled_from(["", "", "t"])),
        ours=name in OURS,
        lands=lands,
        created_at=NOW - timedelta(minutes=draw(st.integers(0, 60))),
        edited_at=edited and NOW - timedelta(minutes=edited),
        watches=["acme"] if lands else [],
    )


PAGES = st.tuples(st.lists(items(), max_size=8), st.lists(NAMES, max_size=2), st.integers(0, 2))


@settings(max_examples=40, deadline=None)
@given(pages=st.lists(PAGES, max_size=5))
async def test_the_books_balance_whatever_comes(
    tmp_path_factory: pytest.TempPathFactory, pages: list[tuple[list[ReadMention], list[str], int]]
) -> None:
    db = Database(tmp_path_factory.mktemp("balance") / "earful.db")
    await db.open()
    try:
        landed, new = set(), 0
        for found, deleted, bad in pages:
            rejected = [Rejected(str(n), "bad", b"") for n in range(bad)]
            line = await land(db, *found, deleted=deleted, rejected=rejected)
            assert line.returned == len(found) + bad == line.new + line.duplicate + line.unmatched + line.failed
            assert line.failed == bad
            landed |= {item.new.external_id for item in found if item.lands and not item.new.ours}
            new += line.new
        stored = await rows(db, tables.mention)
        assert len(stored) == len({row.external_id for row in stored}) == new
        assert landed <= {row.external_id for row in stored}
        for case in await rows(db, tables.cases):
            words = [row for row in stored if row.case_id == case.id and not row.ours]
            newest = max(words, key=lambda row: (row.deleted_at is None, row.created_at, row.id))
            assert case.mentions == len(words) > 0
            assert case.created_at == min(row.created_at for row in words)
            assert case.last_at == max(row.created_at for row in words)
            assert {row.author_id for row in words} == {case.author_id}
            assert {row.thread for row in words} == {case.thread}
            assert case.newest_mention_id == newest.id
            assert case.status in set(CaseStatus)
    finally:
        await db.close()


async def test_a_post_and_its_edit_in_one_page_are_one_with_the_later_words(db: Database) -> None:
    first = read_mention("it works", id="p1")
    edit = read_mention("it broke", id="p1", edited_at=NOW)
    line = await land(db, first, edit, first)
    mention = await mentions.get(db, line.new_mentions[0])
    assert (line.new, line.duplicate) == (1, 2)
    assert mention.text == "it broke"
