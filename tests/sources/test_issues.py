"""Finding issues over a store: what came in is put where it belongs, once, whoever looks, and stays there."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from pathlib import Path

import pytest

from sources import issues
from sources.deepening import deepen
from sources.text import groups
from sources.text.deep.engines import Engine
from sources.text.reading import read
from store import database, issue_acts, issue_counts, outcomes
from store.buckets import period
from store.database import Database
from store.domain.desk import Desk, ReadingChoice, Watch
from store.domain.mention import ReadMention
from store.tables import issue, issue_pending, mention
from tests.factories import A_DAY, NOW, land, read_mention, rows
from tests.sources.deep_engine import engine
from tests.sources.test_text_phrases import LOGIN
from tui.times import local_zone

__all__ = ["engine"]
pytestmark = pytest.mark.both

DESK = Desk(name="Acme", watches=(Watch("acme", "acme"),))
ROTOR = ["the rotor blade broke again", "my rotor blade snapped, terrible", "rotor blade came off on day two, refund?"]
CHARGE = ["i was charged twice for one month!", "why was my card charged twice?", "charged twice again, this is wrong"]
WHO = {"agent": "ana", "now": NOW}


def said(*texts: str, language: str = "en", author: str = "") -> list[ReadMention]:
    items = []
    for text in texts:
        found = read("", text, hint=language)
        told = {"language": language, "sentiment": found.sentiment, "intent": found.intent}
        items.append(read_mention(text, author=author or f"by {text}", **told))
    return items


async def found(db: Database) -> dict[str, str | None]:
    """Words -> the label of their issue."""
    labels = {row.id: row.label for row in await rows(db, issue)}
    return {row.text: labels.get(row.issue_id) for row in await rows(db, mention)}


async def refreshed(db: Database) -> int:
    return await issues.refresh(db, DESK, now=NOW)


async def test_an_issue_is_found_once_and_takes_what_comes_later(db: Database) -> None:
    await land(db, *said(*ROTOR[:2]))
    assert await refreshed(db) == 0
    await land(db, *said(*ROTOR[2:]), *said("lovely weather in the valley"))
    assert await refreshed(db) == 3
    before = await found(db)
    assert {before[text] for text in ROTOR} == {"rotor blade"}
    assert before["lovely weather in the valley"] is None
    assert await rows(db, issue_pending) == []

    await land(db, *said("acme rotor blade fell off!"))
    assert (await refreshed(db), await refreshed(db)) == (1, 0)
    assert await found(db) == before | {"acme rotor blade fell off!": "rotor blade"}


async def test_what_another_version_remembered_is_learnt_anew(db: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    await land(db, *said(*ROTOR, *CHARGE))
    await refreshed(db)
    before = await found(db)
    monkeypatch.setattr(groups, "VERSION", groups.VERSION + 1)
    await land(db, *said("acme rotor blade fell off!"))
    assert await refreshed(db) == 1
    assert await found(db) == before | {"acme rotor blade fell off!": "rotor blade"}


async def test_people_of_seven_languages_have_one_trouble(db: Database) -> None:
    await land(db, *(one for language, text in LOGIN for one in said(text, language=language)))
    assert await refreshed(db) == len(LOGIN)
    assert set((await found(db)).values()) == {"login"}


async def test_two_who_look_at_once_put_nothing_in_twice(db: Database) -> None:
    await land(db, *said(*ROTOR, *CHARGE))
    assert sum(await asyncio.gather(refreshed(db), refreshed(db), refreshed(db))) == 6
    assert sorted(row.label for row in await rows(db, issue)) == ["charged twice", "rotor blade"]


async def test_copies_are_folded_before_anything_is_counted(db: Database) -> None:
    story = "the rotor blade of my drone broke in flight and your support does not answer me since monday"
    await land(db, *(one for n in range(5) for one in said(f"RT @x{n}: {story} https://t.example/{n}")))
    assert await refreshed(db) == 0, "five people repeat what one said"
    await land(db, *said(*ROTOR))
    assert await refreshed(db) == 8
    over = period(NOW - A_DAY, NOW, local_zone())
    [row] = await issue_counts.listing(db, over, local_zone(), limit=9)
    assert (row.mentions, row.copies) == (8, 4)


async def test_a_pin_takes_what_has_no_issue_in_any_language_now_and_later(db: Database) -> None:
    await land(db, *said("mi-ați luat banii de două ori"), *said("you took my money a second time"))
    assert await refreshed(db) == 0
    pinned = await issue_acts.pin(
        db, "double charge", phrases=["de două ori"], examples=["they took money from my account a second time"], **WHO
    )
    assert await refreshed(db) == 2
    await land(
        db, *said(CHARGE[0], "what is this double charge on my bill?"), *said("plătit de doua ori", language="ro")
    )
    assert await refreshed(db) == 2
    assert {row.issue_id for row in await rows(db, mention) if row.text != CHARGE[0]} == {pinned.issue}

    assert (await issue_acts.undo(db, agent="ana", now=NOW)).action == "pin"
    assert set((await found(db)).values()) == {None}
    assert await refreshed(db) == 0


async def test_a_merged_issue_goes_on_leading_to_the_other_one(db: Database) -> None:
    await land(db, *said(*ROTOR, *CHARGE))
    await refreshed(db)
    ids = {row.label: row.id for row in await rows(db, issue)}
    rotor, charge = ids["rotor blade"], ids["charged twice"]
    assert (await issue_acts.merge(db, charge, rotor, **WHO)).moved == 3
    assert set((await found(db)).values()) == {"charged twice"}
    await land(db, *said("my rotor blade broke on monday"))
    assert await refreshed(db) == 1
    assert (await found(db))["my rotor blade broke on monday"] == "charged twice"
    over = period(NOW - A_DAY, NOW, local_zone())
    assert (await issue_counts.detail(db, rotor, over, local_zone())).row.id == charge

    await issue_acts.undo(db, agent="ana", now=NOW)
    after = await found(db)
    assert {after[text] for text in ROTOR} == {"rotor blade"}
    assert {after[text] for text in CHARGE} == {"charged twice"}
    await land(db, *said("another rotor blade broke, why?"))
    await refreshed(db)
    assert (await found(db))["another rotor blade broke, why?"] == "rotor blade"


async def test_a_part_becomes_an_issue_of_its_own(db: Database) -> None:
    await land(db, *said(*ROTOR))
    await refreshed(db)
    [whole] = await rows(db, issue)
    part = await issue_acts.split(db, whole.id, "lost in flight", phrase="came off", **WHO)
    assert part.moved == 1
    await land(db, *said("mine came off too, what now?"))
    await refreshed(db)
    assert (await found(db))["mine came off too, what now?"] == "lost in flight"
    assert (await issue_acts.rename(db, whole.id, "broken blades", **WHO)).label == "broken blades"
    assert (await found(db))[ROTOR[0]] == "broken blades"
    for _ in range(2):
        await issue_acts.undo(db, agent="ana", now=NOW)
    assert {(await found(db))[text] for text in ROTOR} == {"rotor blade"}


async def test_a_person_says_which_issue_a_case_has(db: Database) -> None:
    line = await land(db, *said(*ROTOR), *said("no idea what this is"))
    await refreshed(db)
    [blade] = await rows(db, issue)
    await issue_acts.assign(db, line.new_cases[3], blade.id, **WHO)
    await issue_acts.assign(db, line.new_cases[0], None, **WHO)
    told = await found(db)
    assert (told["no idea what this is"], told[ROTOR[0]]) == ("rotor blade", None)
    assert await refreshed(db) == 0, "what a person took out is not put back"
    await issue_acts.undo(db, agent="ana", now=NOW)
    assert (await found(db))[ROTOR[0]] == "rotor blade"


async def test_what_is_read_deeply_is_in_one_issue_whatever_its_language_and_when_it_came(
    db: Database, engine: Engine
) -> None:
    parcels = {"where is my parcel?": "en", "wo bleibt das paket?": "de", "dov'è il pacco?": "it"}
    odd = {"why is my bill so high?": "en", "rechnung falsch, warum?": "de"}
    await land(db, *(one for text, code in (parcels | odd).items() for one in said(text, language=code)))
    await deepen(db, engine, ReadingChoice())
    assert await refreshed(db) == 3
    first = await found(db)
    (name,) = {first[text] for text in parcels}
    assert name is not None
    assert {first[text] for text in odd} == {None}

    late = {"colet pierdut, unde este?": "ro", "factura greșită, de ce?": "ro"}
    await land(db, *(one for text, code in late.items() for one in said(text, language=code)))
    await deepen(db, engine, ReadingChoice())
    assert await refreshed(db) == 4
    now = await found(db)
    assert now["colet pierdut, unde este?"] == name
    (other,) = {now[text] for text in (*odd, "factura greșită, de ce?")}
    assert other not in {name, None}
    assert {text: now[text] for text in parcels} == {text: first[text] for text in parcels}


async def test_words_alone_find_what_was_not_read_deeply_in_time(db: Database, engine: Engine) -> None:
    await land(db, *said(*ROTOR))
    patience = timedelta(minutes=5)
    assert await issues.refresh(db, DESK, now=NOW, patience=patience) == 0
    assert len(await rows(db, issue_pending)) == 3
    assert await issues.refresh(db, DESK, now=NOW + 2 * patience, patience=patience) == 3
    assert set((await found(db)).values()) == {"rotor blade"}


@pytest.mark.sqlite
async def test_broken_off_anywhere_it_ends_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(outcomes, "SOME", 1)
    monkeypatch.setattr(outcomes, "LONG", 0.0)
    story = "the rotor blade of my drone broke in flight and your support does not answer me since monday"
    copies = [one for n in range(2) for one in said(f"RT @x{n}: {story} https://t.example/{n}")]

    async def told(number: int) -> tuple[int, object]:
        """Killed after that many commits, and begun anew: how many there were, and what was found."""
        store, commits = Database(tmp_path / f"{number}.db"), 0
        await store.open()
        await land(store, *said(*ROTOR[:2], "lovely weather in the valley"))
        await refreshed(store)
        await land(store, *said(ROTOR[2], *CHARGE), *copies, *said("my rotor blade broke on monday"))

        def passed(name: str) -> None:
            nonlocal commits
            commits += name == "after_commit"
            if name == "after_commit" and commits == number:
                raise InterruptedError

        with monkeypatch.context() as patched:
            patched.setattr(database, "point", passed)
            try:
                await refreshed(store)
            except InterruptedError:
                await refreshed(store)
        assert await rows(store, issue_pending) == []
        originals = sum(row.copy_of is not None for row in await rows(store, mention))
        labels = await found(store), len(await rows(store, issue)), originals
        await store.close()
        return commits, labels

    commits, whole = await told(0)
    assert commits > 8
    for number in range(1, commits + 1):
        assert (await told(number))[1] == whole, f"killed after commit {number}"
