"""A mention out of the store, and which originals to look at again."""

from __future__ import annotations

from datetime import timedelta

import pytest

from store import mentions, tables, watches
from store.database import Database
from store.domain.desk import Role, Watch
from store.domain.errors import NotFound
from tests.factories import A_DAY, NOW, change, land, read_mention, rows


async def test_there_is_no_such_mention(db: Database) -> None:
    with pytest.raises(NotFound, match="no mention 7"):
        await mentions.get(db, 7)


async def test_what_another_writer_put_into_the_store_is_shown_harmless(db: Database) -> None:
    [row_id] = (await land(db, read_mention("fine"))).new_mentions
    await change(db, tables.mention.update().values(text="a\x1b]52;c;aGk=\x07b", title="one\ntwo\x9b31m"))
    await change(db, tables.author.update().values(name="\u202eana", handle="a\x00na"))

    found = await mentions.get(db, row_id)

    shown = f"{found.text}{found.title}{found.author.name}{found.author.handle}"
    assert not set(shown) & set("\x1b\x07\x00\x9b\u202e\n")


async def test_many_come_in_the_order_asked(db: Database) -> None:
    ids = (await land(db, *(read_mention(id=f"{n}") for n in range(900)))).new_mentions
    asked = [*reversed(ids), 10**9]

    found = await db.read(lambda connection: mentions.read(connection, asked))

    assert [each.id for each in found] == asked[:-1]


async def test_which_originals_to_look_at_again(db: Database) -> None:
    names = ("never", "lately", "for its age lately", "long ago", "done", "answered", "gone")
    line = await land(
        db,
        *(read_mention(id=name, thread=name) for name in names),
        now=NOW - 9 * A_DAY,
    )
    await land(db, read_mention(id="elsewhere"), source="hn", now=NOW - 9 * A_DAY)
    await land(db, read_mention(id="fresh"), deleted=["gone"])
    ids = dict(zip(names, line.new_mentions, strict=True))
    await mentions.mark_checked(db, [ids["long ago"]], now=NOW - 3 * A_DAY)
    await mentions.mark_checked(db, [ids["for its age lately"]], now=NOW - 2 * A_DAY)
    await mentions.mark_checked(db, [ids["lately"]], now=NOW - timedelta(hours=1))
    for thread, answered in (("done", NOW - 8 * A_DAY), ("answered", NOW - 6 * A_DAY)):
        values = {"status": "done", "answered_at": answered}
        await change(db, tables.cases.update().where(tables.cases.c.thread == thread).values(values))

    async def due(limit: int) -> list[str]:
        found = await mentions.to_recheck(db, "mastodon.social", now=NOW, age=A_DAY, limit=limit)
        return [each.external_id for each in found]

    assert await due(10) == ["never", "answered", "long ago"]
    assert await due(1) == ["never"]


async def test_watches_keep_their_rows_when_they_leave_the_configuration(db: Database) -> None:
    await watches.sync(db, [Watch("acme", "acme"), Watch("apex", "apex", Role.COMPETITOR)])
    await watches.sync(db, [Watch("acme", "acme OR acmecloud", Role.CAMPAIGN)])
    await watches.sync(db, [])

    known = [(row.name, row.role) for row in await rows(db, tables.watch)]
    assert known == [("acme", "campaign"), ("apex", "competitor")]
