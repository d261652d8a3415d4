"""Search finds the stored mentions and cases that a query means, and no other."""

from __future__ import annotations

import asyncio
import unicodedata
from collections.abc import Iterator
from datetime import datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis.strategies import sampled_from
from sqlalchemy import select, text, update
from sqlalchemy.ext.asyncio import AsyncConnection

from sources.text import match
from store import mentions, search, tables
from store.database import Database
from store.domain.desk import Watch
from store.domain.mention import NewAuthor
from store.domain.query import Exact, Field, Node, Not, parse
from store.domain.words import folded_words
from tests.factories import NOW, change, issue_of, land, read_mention
from tests.queries import queries
from tests.store.search_world import KNOWN, OF_CASES, SEEN, VALUES, World

pytestmark = pytest.mark.both


async def mentions_found(db: Database, query: str | Node, *, me: str = "ana", now: datetime = NOW) -> list[int]:
    """Ids of the mentions that `search.condition` is true of."""
    node = parse(query) if isinstance(query, str) else query
    assert node is not None

    async def work(connection: AsyncConnection) -> list[int]:
        joined = tables.mention.join(tables.cases, tables.cases.c.id == tables.mention.c.case_id)
        found = select(tables.mention.c.id).select_from(joined)
        found = found.where(await search.condition(connection, node, me=me, now=now))
        return sorted((await connection.execute(found)).scalars())

    return await db.read(work)


async def cases_found(
    db: Database, query: str | Node, *, me: str = "ana", now: datetime = NOW, few: int = search.FEW
) -> list[int]:
    node = parse(query) if isinstance(query, str) else query
    assert node is not None

    async def work(connection: AsyncConnection) -> list[int]:
        asked = await search.case_condition(connection, node, me=me, now=now, few=few)
        found = select(tables.cases.c.id).where(asked)
        return sorted((await connection.execute(found)).scalars())

    return await db.read(work)


Filled = tuple[asyncio.Runner, Database, World]


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def filled(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Filled]:
    """One filled store for all random queries, on a loop of its own."""
    with asyncio.Runner() as runner:
        file = tmp_path_factory.mktemp("search") / "earful.db"
        world = World()
        db = Database(file if request.param == "sqlite" else request.getfixturevalue("postgres").fresh())
        runner.run(db.open())
        runner.run(world.fill(db))
        yield runner, db, world
        runner.run(db.close())


def test_every_value_of_every_field(filled: Filled) -> None:
    runner, db, world = filled
    for name, values in (VALUES | OF_CASES).items():
        for value in values:
            for node in (Field(name, "", value), Not(Field(name, "", value))):
                assert runner.run(mentions_found(db, node)) == world.holding(node), node


@settings(max_examples=300, deadline=None)
@given(queries(SEEN))
def test_search_finds_what_a_watch_matches(filled: Filled, node: Node) -> None:
    runner, db, world = filled
    asked = match.compile(node)
    expected = world.holding(node)
    assert [number for number, one in world.stored.items() if asked(match.stored(one, now=NOW))] == expected
    assert runner.run(mentions_found(db, node)) == expected


@settings(max_examples=300, deadline=None)
@given(queries(SEEN | KNOWN), sampled_from((search.FEW, 0)))
def test_search_finds_the_mentions_and_the_cases_that_have_one(filled: Filled, node: Node, few: int) -> None:
    """However many mentions count as few."""
    runner, db, world = filled
    assert runner.run(mentions_found(db, node)) == world.holding(node)
    assert runner.run(cases_found(db, node, few=few)) == world.cases_holding(node)


@settings(max_examples=100, deadline=None)
@given(queries(KNOWN))
def test_what_is_asked_of_cases_alone(filled: Filled, node: Node) -> None:
    runner, db, world = filled
    assert runner.run(cases_found(db, node)) == world.cases_holding(node)


async def test_an_edit_is_found_by_its_new_words_and_what_is_forgotten_by_none(db: Database) -> None:
    await land(db, read_mention("acme is down"), read_mention("acme is up"))

    async def work(connection: AsyncConnection) -> None:
        await search.add(connection, [(1, "Țara", "all good")])
        await search.forget(connection, [2])

    await db.write(work)
    assert await mentions_found(db, "acme") == []
    assert await mentions_found(db, "title:tara good") == [1]
    assert await mentions_found(db, "dwon~2 OR acmee~") == []


async def test_the_index_keeps_every_word_of_every_script_as_it_is(db: Database) -> None:
    chars = [chr(code) for code in range(0x20000) if unicodedata.category(chr(code)) not in ("Cn", "Co", "Cs")]
    said = " ".join(f"{char} x{char}" for char in chars)

    async def work(connection: AsyncConnection) -> set[str]:
        await search.add(connection, [(1, "", said)])
        return set((await connection.execute(text("SELECT term FROM mention_words"))).scalars())

    assert await db.write(work) == set(folded_words(said))


@pytest.mark.sqlite
async def test_nothing_of_what_was_forgotten_is_left_in_the_index(db: Database) -> None:
    await land(db, *[read_mention(f"secretword number{number}") for number in range(50)])

    async def forget(connection: AsyncConnection) -> None:
        await search.forget(connection, range(1, 51))
        await search.scrub(connection)

    async def kept(connection: AsyncConnection) -> list[bytes]:
        return [block for (block,) in await connection.execute(text("SELECT block FROM mention_fts_data"))]

    await db.write(forget)
    assert not any(b"ecretword" in block for block in await db.read(kept))


async def test_no_word_of_what_was_forgotten_is_proposed(db: Database) -> None:
    await land(db, read_mention("secretword one"), read_mention("one"))

    async def forget(connection: AsyncConnection) -> set[str]:
        await search.forget(connection, [1])
        await search.scrub(connection)
        return set((await connection.execute(text("SELECT term FROM mention_words"))).scalars())

    assert await db.write(forget) == {"one"}


HOSTILE = ["'", "''; DROP TABLE mention; --", "a' OR '1'='1", "%", "_", "\\", "*", ":x", "?1", "NEAR(", "{title}", ")("]


@pytest.mark.parametrize("value", HOSTILE)
async def test_a_value_is_a_value_and_never_sql(db: Database, value: str) -> None:
    await land(db, read_mention("acme is down", author=NewAuthor("ana", "Ana"), url="https://acme.com/"))
    for name in ("source", "network", "intent", "tag", "watch", "team", "assignee", "link", "site"):
        if name not in ("link", "site") or " " not in value:
            assert await mentions_found(db, Field(name, "", value)) == []
            assert await cases_found(db, Not(Field(name, "", value))) == [1]
    assert await mentions_found(db, Exact(value)) == []


async def test_like_signs_in_a_link_are_themselves(db: Database) -> None:
    await land(db, read_mention("x", url="https://acme.com/a_b"), read_mention("x", url="https://acme.com/a%b"))
    assert [await mentions_found(db, f"link:{part}") for part in ("a_b", "a%b", "a.b")] == [[1], [2], []]


async def test_a_link_in_the_text_and_signs_in_backticks(db: Database) -> None:
    await land(
        db,
        read_mention("see https://ACME.com/x, please", url=""),
        read_mention("acme.com 🔥 C++", url=""),
        read_mention("c++ ❤️", url="", title="Plan C"),
    )
    assert await mentions_found(db, "link:acme.com") == [1]
    assert await mentions_found(db, "`🔥`") == [2]
    assert await mentions_found(db, "`❤️`") == [3]
    assert await mentions_found(db, "`C++`") == [2]
    assert await mentions_found(db, "title:`C` OR `#`") == [3]


async def test_me_and_now_are_the_askers(db: Database) -> None:
    await land(db, read_mention("acme", created_at=NOW - timedelta(hours=3)))
    await change(db, update(tables.cases).values(assignee="bob"))
    assert await cases_found(db, "assignee:me", me="bob") == [1]
    assert await cases_found(db, "assignee:me", me="ana") == []
    assert await cases_found(db, "acme since:4h") == [1]
    assert await cases_found(db, "acme since:4h", now=NOW + timedelta(hours=2)) == []


async def test_the_condition_holds_whatever_else_the_statement_joins(db: Database) -> None:
    await mentions.sync_watches(db, [Watch("acme", "acme")])
    await land(
        db, read_mention("acme", author=NewAuthor("ana", "Ana", followers=5)), read_mention("other", author="bob")
    )
    node = parse("acme `acme` author:ana followers:5 watch:acme -tag:x status:new (network:x OR network:mastodon)")
    assert node is not None
    t = tables
    joined = t.mention.join(t.cases, t.cases.c.id == t.mention.c.case_id)
    joined = joined.join(t.author, t.author.c.id == t.cases.c.author_id)
    joined = joined.join(t.mention_watch, t.mention_watch.c.mention_id == t.mention.c.id)
    joined = joined.join(t.watch).outerjoin(t.case_tag, t.case_tag.c.case_id == t.cases.c.id)

    async def work(connection: AsyncConnection) -> list[int]:
        found: list[int] = []
        for condition in (search.condition, search.case_condition):
            where = await condition(connection, node, me="ana", now=NOW)
            found += (await connection.execute(select(t.mention.c.id).select_from(joined).where(where))).scalars()
        return found

    assert await db.read(work) == [1, 1]


async def test_all_words_must_stand_in_one_mention_of_a_case(db: Database) -> None:
    await land(db, read_mention("acme", thread="t"), read_mention("cloud", thread="t"))
    assert await cases_found(db, "acme cloud") == []
    assert [await cases_found(db, query) for query in ("acme", "acme OR cloud", "-acme")] == [[1]] * 3


LARGE = {
    "brackets": "(" * 50 + "a" + ")" * 50,
    "not": "-" * 50 + "acme",
    "not a field": "-" * 50 + "status:new",
    "deep": "a OR -(status:new " * 25 + "b" + ")" * 25,
    "words": "a " * 300,
    "fields": "tag:a OR " * 299 + "tag:b",
    "not fields": "-id:1 " * 300,
    "mixed": "-id:1 link:x " * 150,
    "phrase": '"' + "a " * 2_000 + '"',
    "prefixes": "a*" + " OR b*" * 200,
    "near": " OR ".join(f"w{number} NEAR/3 w{number}" for number in range(150)),
    "exact": "`a` " * 300,
    "sites": "site:a.b " * 300,
    "links": "link:a.b OR " * 299 + "x",
    "authors": "author:a " * 300,
}


@pytest.mark.parametrize("query", LARGE.values(), ids=LARGE)
async def test_the_largest_queries_run(db: Database, query: str) -> None:
    await land(db, read_mention("a"))
    await mentions_found(db, query)
    await cases_found(db, query)


async def test_a_misspelling_with_thousands_of_candidates_runs(db: Database) -> None:
    letters = "abcdefghijklmnop"
    await land(db, read_mention(" ".join(f"ac{a}{b}{c}" for a in letters for b in letters for c in letters[:8])))
    assert await mentions_found(db, "acme~2") == [1]
    assert await mentions_found(db, "acme~2 NEAR/5 acab~2") == [1]
    assert await mentions_found(db, "title:acme~2") == []


@pytest.mark.sqlite
@pytest.mark.parametrize("query", ["status:new,open", "assignee:me -status:done", "assignee:none status:new"])
async def test_the_views_of_the_inbox_use_the_indexes_of_cases_and_no_mention(db: Database, query: str) -> None:
    plan = await plan_of(db, query)
    assert "SEARCH cases USING" in plan
    assert "mention" not in plan
    assert "SCAN" not in plan


@pytest.mark.sqlite
@pytest.mark.parametrize(
    "query", ["sentiment:negative", "watch:acme status:open", "cloud", "author:ana", "since:7d issue:1", "NOT refund"]
)
async def test_what_many_mentions_match_is_asked_case_by_case(db: Database, query: str) -> None:
    await land(db, *(read_mention("acme cloud", id=f"p{n}", author="ana", created_at=NOW) for n in range(3)))
    await change(db, update(tables.mention).values(issue_id=await issue_of(db, "outage", [1]), sentiment="negative"))
    plan = await plan_of(db, query, few=0)
    assert "INDEX ix_mention_case_id (case_id=?)" in plan


async def plan_of(db: Database, query: str, few: int = search.FEW) -> str:
    node = parse(query)
    assert node is not None

    async def work(connection: AsyncConnection) -> str:
        found = select(tables.cases.c.id).where(
            await search.case_condition(connection, node, me="ana", now=NOW, few=few)
        )
        compiled = found.compile(dialect=connection.dialect, compile_kwargs={"literal_binds": True})
        return "\n".join(row[-1] for row in await connection.execute(text(f"EXPLAIN QUERY PLAN {compiled}")))

    return await db.read(work)
