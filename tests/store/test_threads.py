"""Where a word belongs: threads that the network names, and those that are found by who answers whom."""

from __future__ import annotations

import itertools
from datetime import timedelta

import pytest

from store import tables
from store.database import Database
from store.domain.mention import ReadMention
from tests.factories import NOW, change, land, read_mention, rows

CHAIN = ("root", "child", "grandchild")


def chain() -> list[ReadMention]:
    """Three posts, each answering the one before. External ids are not what they are answered by."""
    return [
        read_mention(id=f"uri:{name}", native_id=name, parent=parent, created_at=NOW - timedelta(hours=hours))
        for name, parent, hours in (("root", "", 3), ("child", "root", 2), ("grandchild", "child", 1))
    ]


async def threads(db: Database) -> dict[str, str]:
    return {row.native_id: row.thread for row in await rows(db, tables.mention)}


async def test_the_network_s_own_conversation_counts_first(db: Database) -> None:
    await land(db, read_mention(native_id="1", thread="c9"))
    await land(db, read_mention(native_id="2", parent="1", thread="c10"), read_mention(native_id="3", parent="1"))

    assert await threads(db) == {"1": "c9", "2": "c10", "3": "c9"}


@pytest.mark.parametrize("order", list(itertools.permutations(range(3))))
async def test_a_chain_in_one_page_is_one_thread_in_any_order(db: Database, order: tuple[int, ...]) -> None:
    posts = chain()

    await land(db, *(posts[i] for i in order))

    assert await threads(db) == dict.fromkeys(CHAIN, "root")
    assert len(await rows(db, tables.cases)) == 1


async def test_a_chain_over_three_pages_is_one_thread(db: Database) -> None:
    for post in chain():
        await land(db, post)

    assert await threads(db) == dict.fromkeys(CHAIN, "root")


async def test_an_answer_seen_before_what_it_answers_shares_its_thread(db: Database) -> None:
    root, child, _ = chain()

    await land(db, child)
    await land(db, root)

    assert await threads(db) == {"child": "root", "root": "root"}
    assert len(await rows(db, tables.cases)) == 1


async def test_a_native_id_means_nothing_on_another_server(db: Database) -> None:
    await land(db, read_mention(native_id="1", thread="c9"), source="mastodon.social")
    await land(db, read_mention(native_id="2", parent="1"), source="fosstodon.org")

    assert (await threads(db))["2"] == "1"


async def test_without_any_id_but_its_own_a_mention_is_its_own_thread(db: Database) -> None:
    await land(db, read_mention(id="uri:1", native_id=""), read_mention(id="uri:2", native_id=""))

    assert [row.thread for row in await rows(db, tables.cases)] == ["uri:1", "uri:2"]


async def test_their_answer_to_our_reply_stays_in_the_case(db: Database) -> None:
    """Also when our reply itself was never polled: the delivery knows under which id it went out."""
    [case_id] = (await land(db, read_mention(native_id="1"))).new_cases
    await change(
        db,
        tables.delivery.insert().values(
            case_id=case_id, kind="reply", state="sent", source="mastodon.social", to="ana", target="1", text="t",
            body_hash="h", identity="i", agent="bo", created_at=NOW, due_at=NOW, remote_id="2",
        ),
    )  # fmt: skip

    line = await land(db, read_mention(native_id="3", parent="2"))

    assert line.new_cases == ()
    assert (await threads(db))["3"] == "1"
    assert (await rows(db, tables.cases))[0].mentions == 2


async def test_posts_that_answer_each_other_in_a_circle_end_up_somewhere(db: Database) -> None:
    await land(
        db,
        read_mention(native_id="1", parent="3"),
        read_mention(native_id="2", parent="1"),
        read_mention(native_id="3", parent="2"),
        read_mention(native_id="4", parent="4"),
    )

    found = await threads(db)
    assert found["1"] == found["2"] == found["3"]
    assert found["4"] == "4"
