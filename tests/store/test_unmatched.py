"""What no watch matched is remembered: once, bounded, and only until it lands, is gone or is erased."""

from __future__ import annotations

from datetime import timedelta

import pytest

from store import tables, unmatched
from store.database import Database
from store.domain.seen import Unmatched
from tests.factories import NOW, land, read_mention, rows

pytestmark = pytest.mark.both

AGO = timedelta(days=1)


def missed(text: str = "acme builds clouds", **fields: object):
    return read_mention(text, watches=(), lands=False, **fields)


async def remembered(db: Database) -> list[Unmatched]:
    return [each async for some in unmatched.newest_first(db) for each in some]


async def test_what_a_query_may_ask_is_remembered(db: Database) -> None:
    text = "acme " + "clouds and servers " * 40
    line = await land(db, missed(text, id="p1", title="News", language="de", sentiment="negative", type="article"))
    assert line.unmatched == 1
    (found,) = await remembered(db)
    assert (found.seen.text, found.seen.title, found.seen.whole) == (text, "News", True)
    assert (found.seen.language, found.seen.sentiment, found.seen.handle) == ("de", "negative", "ana")
    assert (found.seen.source, found.stream, found.seen.seen_at) == ("mastodon.social", "tag:acme", NOW)
    new = found.as_new()
    assert (new.external_id, new.native_id, new.url, new.type) == ("p1", "p1", "https://social.example/p1", "article")


async def test_only_the_beginning_of_a_long_text_is(db: Database) -> None:
    await land(db, missed("ș" * (unmatched.TEXT_KEPT + 1)))
    (found,) = await remembered(db)
    assert (found.seen.text, found.seen.whole) == ("ș" * unmatched.TEXT_KEPT, False)


async def test_a_second_sight_changes_nothing_and_an_edit_does(db: Database) -> None:
    await land(db, missed("first", id="p1"))
    await land(db, missed("second", id="p1"), now=NOW + AGO)
    (found,) = await remembered(db)
    assert (found.seen.text, found.seen.seen_at) == ("first", NOW)
    await land(db, missed("edited", id="p1", edited_at=NOW))
    await land(db, missed("an old copy", id="p1", edited_at=NOW - AGO))
    (found,) = await remembered(db)
    assert found.seen.text == "edited"


async def test_it_goes_when_the_post_lands_or_is_gone(db: Database) -> None:
    await land(db, *(missed(id=name) for name in ("p1", "p2", "p3")))
    await land(db, read_mention(id="p1"), deleted=["p2"])
    assert [each.seen.external_id for each in await remembered(db)] == ["p3"]


async def test_a_person_is_erased_from_it(db: Database) -> None:
    await land(db, missed(author="ana"), missed(author="ana"), missed(author="bob"))
    assert await db.write(lambda connection: unmatched.erase(connection, "mastodon", "ana", now=NOW)) == 2
    assert [each.seen.handle for each in await remembered(db)] == ["bob"]


async def test_it_is_bounded_by_number_and_age(db: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(unmatched, "KEPT", 3)
    await land(db, *(missed(id=f"p{n}") for n in range(5)), now=NOW - unmatched.KEPT_FOR - AGO)
    assert [each.seen.external_id for each in await remembered(db)] == ["p4", "p3", "p2"]
    await land(db, missed(id="p5"))
    assert await unmatched.trim(db, now=NOW) == 2
    assert [each.seen.external_id for each in await remembered(db)] == ["p5"]


async def test_all_of_it_comes_in_chunks_and_own_posts_do_not(db: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(unmatched, "A_CHUNK", 2)
    await land(db, *(missed(id=f"p{n}", created_at=NOW - n * AGO) for n in range(5)), missed(id="own", ours=True))
    assert len(await rows(db, tables.unmatched)) == 6
    assert [each.seen.external_id for each in await remembered(db)] == ["p4", "p3", "p2", "p1", "p0"]
    lately = [each.seen.external_id async for some in unmatched.newest_first(db, since=NOW - AGO) for each in some]
    assert lately == ["p1", "p0"]
