"""A person is erased: nothing of them is in the files any more, the server's too, and what is counted stays."""

from __future__ import annotations

import itertools
from contextlib import closing, suppress
from datetime import UTC, timedelta

import pytest
from sqlalchemy import Text

from store import cases, drafts, erase, insights, issue_acts, tables, traces
from store.database import Database
from store.domain.action import AddNote, Escalate, Reply, Tag
from store.domain.case import CaseStatus
from store.domain.delivery import DeliveryState
from store.domain.errors import EarfulError
from store.domain.mention import NewAuthor
from store.domain.place import Place, Server
from store.domain.poll import Rejected
from store.domain.query import parse
from store.engines.sqlite import sqlite3
from store.outbox import listing
from store.tables import mute
from store.traces import Person
from tests.factories import NOW, change, land, read_mention, rows
from tests.postgres import files_of
from tests.store.desk import do, row_of
from tests.store.waiting import waits_during

pytestmark = pytest.mark.both
HANDLE, NAME = "zerline_q@canary.example", "Zerline Quuxburger"
CANARIES = (
    "zerline_q", "Zerline Quuxburger", "zerline", "Quuxburger", "wombatting", "flumptious", "grizzlewick", "snorkelhat",
    "bramblecorn", "quillfeather",
)  # fmt: skip
ZERLINE = NewAuthor(HANDLE, NAME, "https://canary.example/@zerline_q", 120)
STATUS = "https://canary.example/users/zerline_q/statuses/"


def theirs(text: str, number: int, **fields: object):
    """A post whose every id and address leads to her, as ActivityPub has them, and whose raw item does too."""
    raw = f'{{"acct": "{HANDLE}", "content": "{text}"}}'.encode()
    given = {"author": ZERLINE, "native_id": f"n{number}", "thread": f"{STATUS}1"}
    given |= {"url": f"https://canary.example/@zerline_q/{number}"}
    return read_mention(text, id=f"{STATUS}{number}", raw=raw, **given | fields)


async def a_desk_that_knows_her(db: Database) -> list[int]:
    first = await land(db, theirs("acme wombatting is flumptious today", 1, title="Grizzlewick"))
    edited = theirs("acme snorkelhat instead", 1, edited_at=NOW)
    await land(db, edited, deleted=[])
    line = await land(
        db,
        theirs("acme bramblecorn again", 2, thread="t2"),
        read_mention(f"@{HANDLE} I think acme is right", id="by bob", author="bob", parent="n1", thread=f"{STATUS}1",
                     raw=f'{{"to": "{HANDLE}"}}'.encode()),
        read_mention("acme unmatched quillfeather", id=f"{STATUS}9", author=ZERLINE, watches=(), lands=False),
        read_mention(f"nothing but @{HANDLE}", id="memory of bob", author="bob", watches=(), lands=False),
        rejected=[Rejected(f"{STATUS}3", "broken", f"raw of {HANDLE}".encode())],
    )  # fmt: skip
    case, second, bobs = first.new_cases[0], *line.new_cases
    await do(db, AddNote(f"called {NAME} about the snorkelhat"), case)
    await do(db, AddNote(f"see {HANDLE}, who is right"), bobs)
    await do(db, Tag(add=("vip",)), case)
    await do(db, Escalate("pr", f"{NAME} is a bramblecorn journalist"), second)
    await do(db, Reply(f"@{HANDLE} sorry about the flumptious day", "id-1"), case)
    await drafts.save(db, second, "ana", "dear zerline, quillfeather", now=NOW)
    await change(db, mute.insert().values(kind="author", network="mastodon", value=HANDLE, agent="ana", at=NOW))
    return [case, second, bobs]


async def erased(db: Database, who: str = HANDLE) -> list[erase.Erased]:
    gone = [await erase.erase(db, found, agent="ana", now=NOW) for found in await erase.find(db, who)]
    if isinstance(db.place, Server):
        await db.upkeep().compact()
    assert await db.upkeep().write_out() == ""
    return gone


def left(place: Place) -> dict[str, list[str]]:
    """Which canaries are where in the files, in any letter case."""
    found = {}
    for file in files_of(place):
        if hits := [canary for canary in CANARIES if canary.lower().encode() in file.read_bytes().lower()]:
            found[file.name] = hits
    return found


async def test_nothing_of_a_person_is_left_in_any_file(db: Database) -> None:
    await a_desk_that_knows_her(db)
    assert sum(map(len, left(db.place).values())) >= len(CANARIES) - 1
    (gone,) = await erased(db)
    assert left(db.place) == {}
    assert (gone.mentions, gone.versions, gone.raws, gone.cases) == (2, 1, 2, 2)
    assert (gone.papers.notes, gone.papers.drafts, gone.papers.deliveries) == (1, 1, 1)
    assert (gone.unmatched, gone.mutes) == (1, 1)
    assert gone.elsewhere >= 4  # bob's words and raw item, the note on his case, his unmatched post, the rejected item
    if isinstance(db.place, Server):
        return
    with closing(sqlite3.connect(db.path)) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        connection.execute("INSERT INTO mention_fts(mention_fts, rank) VALUES ('integrity-check', 1)")


async def test_what_is_counted_stays_and_others_keep_their_words(db: Database) -> None:
    ids = await a_desk_that_knows_her(db)

    async def counted() -> object:
        found = await insights.compute(db, insights.period(NOW - timedelta(days=1), NOW, UTC), UTC)
        return found.mentions, found.authors, found.cases, found.buckets, found.languages, found.networks

    before = await counted()
    await erased(db)
    assert await counted() == before
    assert (await cases.get(db, ids[2])).mentions[0].text == "[erased] I think acme is right"
    assert (await cases.get(db, ids[2])).notes[0].text == "see [erased], who is right"
    row = await row_of(db, ids[0])
    assert (row.status, row.text, row.name, row.tags) == (CaseStatus.DONE, "", "", ("vip",))
    assert row.handle.startswith("erased ")
    assert [one.case_id for one in await cases.listing(db, parse("snorkelhat"), me="ana", now=NOW)] == []


async def test_what_was_about_to_leave_for_them_does_not_leave_and_cannot_be_brought_back(db: Database) -> None:
    await a_desk_that_knows_her(db)
    await erased(db)
    (delivery,) = await listing(db)
    assert (delivery.state, delivery.text, delivery.to) == (DeliveryState.WITHDRAWN, "", "")
    for step in (cases.undo, cases.redo) * 6:
        with suppress(EarfulError):
            await step(db, agent="ana", now=NOW)
    assert {one.state for one in await listing(db)} == {DeliveryState.WITHDRAWN}
    assert await rows(db, mute) == []
    await db.upkeep().write_out()
    assert left(db.place) == {}


async def test_an_old_post_that_is_shown_again_stays_away_and_a_new_one_is_by_somebody_new(db: Database) -> None:
    await a_desk_that_knows_her(db)
    authors = len(await rows(db, tables.author))
    await erased(db)
    unmatched_again = read_mention("acme unmatched", id=f"{STATUS}9", author=ZERLINE, watches=(), lands=False)
    edit = theirs("acme snorkelhat, edited", 2, edited_at=NOW + timedelta(hours=1), thread="t2")
    line = await land(db, theirs("acme wombatting", 1), edit, unmatched_again)
    assert (line.returned, line.new, line.duplicate, line.unmatched) == (3, 0, 3, 0)
    await db.upkeep().write_out()
    assert left(db.place) == {}
    line = await land(db, theirs("acme, hello again", 77, thread="t2"))
    assert (line.new, len(line.new_cases)) == (1, 1)
    assert len(await rows(db, tables.author)) == authors + 1


async def test_the_name_does_not_come_back_with_the_posts_of_others(db: Database) -> None:
    """Originals are looked at again, files imported again: they still name the person. Other words are an edit."""

    def bobs(text: str, **fields: object) -> object:
        return read_mention(text, id="by bob", author="bob", **fields)

    said = f"@{HANDLE} and {NAME}: acme is down for {HANDLE}"
    await land(db, bobs(said), theirs("acme", 1))
    await erased(db)
    await land(db, bobs(said))
    await land(db, bobs(said, edited_at=NOW + timedelta(hours=1)))
    assert (await rows(db, tables.mention))[0].text == "[erased] and [erased]: acme is down for [erased]"
    await db.upkeep().write_out()
    assert left(db.place) == {}
    await land(db, bobs("acme is up again", edited_at=NOW + timedelta(hours=2)))
    assert (await rows(db, tables.mention))[0].text == "acme is up again"


async def test_asking_again_after_it_was_broken_off_goes_on(db: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    await a_desk_that_knows_her(db)
    passes = itertools.count()

    def broken(name: str) -> None:
        if next(passes) == 1:
            raise KeyError("the power went")

    with monkeypatch.context() as patched:
        patched.setattr(erase, "point", broken)
        with pytest.raises(KeyError):
            await erased(db)
    await erased(db)
    assert left(db.place) == {}
    assert await erase.find(db, HANDLE) == []
    assert await erase.was_erased(db, f"@{HANDLE}", ["mastodon"])


@pytest.mark.parametrize("who", [HANDLE, f"@{HANDLE}", HANDLE.upper(), ZERLINE.url])
async def test_a_person_is_found_by_handle_or_page(db: Database, who: str) -> None:
    await land(db, theirs("acme", 1), read_mention(author="bob"))
    assert [found.person.handle for found in await erase.find(db, who)] == [HANDLE]
    assert await erase.find(db, who, "reddit") == []


async def test_nobody_is_not_a_person(db: Database) -> None:
    await land(db, read_mention(author="unknown"))
    assert await erase.find(db, "unknown") == []


@pytest.mark.parametrize(
    ("handle", "said", "becomes"),
    [
        ("ana", "Ana said banana, @ana and u/ana", "Ana said banana, @[erased] and u/[erased]"),
        ("ana_9", "ask ana_9 or ana_99", "ask [erased] or ana_99"),
        ("a@b.example", "see https://b.example/@a/1", "see https://[erased]/1"),
    ],
)
def test_only_what_must_mean_the_person_is_taken_from_the_words_of_others(handle: str, said: str, becomes: str) -> None:
    assert Person("mastodon", handle).anywhere.sub("[erased]", said) == becomes


async def test_issues_keep_no_example_of_theirs_and_no_name_that_only_they_gave_cause_for(db: Database) -> None:
    """A name that others' words bear out stays, and so does one that a colleague chose."""
    line = await land(
        db,
        theirs("acme wombatting is flumptious today", 1, title="Grizzlewick"),
        theirs("acme snorkelhat", 2, thread="t2"),
        read_mention("acme lost my invoice again", id="bob1", author="bob"),
        read_mention("acme where is the invoice that was lost", id="eve1", author="eve"),
    )
    await land(db, theirs("acme wombatting was quillfeather today", 1, edited_at=NOW))
    assert len(line.new_cases) == 4
    ids = {row.external_id: row.id for row in await rows(db, tables.mention)}
    hers = [ids[f"{STATUS}1"], ids[f"{STATUS}2"]]
    found = {"first_seen": NOW, "last_seen": NOW, "stale": False}
    for number, (label, mentions) in enumerate(
        {
            "wombatting today, snorkelhat": [hers[0], ids["bob1"]],
            "lost invoice": [ids["eve1"]],
            "quillfeather": [hers[1]],
        }.items(),
        1,
    ):
        await change(db, tables.issue.insert().values(phrase=f"mention {number}", label=label, **found))
        await change(db, tables.mention.update().where(tables.mention.c.id.in_(mentions)).values(issue_id=number))
    given = [
        "Acme WOMBATTING is flumptious today",
        "oh, acme wombatting was quillfeather today!",
        "the invoice was lost by acme",
    ]
    await issue_acts.pin(db, "strange weather", phrases=["umbrella"], examples=given, agent="ana", now=NOW)
    await issue_acts.rename(db, 3, "a better name", agent="ana", now=NOW)
    await issue_acts.merge(db, 2, 1, agent="ana", now=NOW)
    await change(db, tables.cursor.update().values(last_error=f"404 Not Found: {STATUS}1"))
    there = {*itertools.chain(*left(db.place).values())}
    assert there >= {"wombatting", "snorkelhat", "quillfeather", "flumptious", "zerline"}
    (gone,) = await erased(db)
    assert left(db.place) == {}
    assert gone.elsewhere >= 4
    labels = {row.id: row.label for row in await rows(db, tables.issue)}
    assert labels == {1: "issue 1", 2: "lost invoice", 3: "a better name", 4: "strange weather"}
    said = {row.phrase for row in await rows(db, tables.issue_phrase)}
    assert said == {"umbrella", "strange weather", "the invoice was lost by acme"}


def test_every_column_that_can_hold_words_is_looked_at_or_known_to_hold_nobody() -> None:
    """A new table must say which it is."""
    looked_at = {(table, column) for roles in traces.ROLES for table, columns in roles.items() for column in columns}
    looked_at |= {("journal", column) for column in traces.JOURNAL}
    nobody = {(table, column) for table, columns in traces.NOBODY.items() for column in columns}
    known = {
        (table.name, column.name)
        for table in tables.metadata.sorted_tables
        if table.name not in ("schema_version", "unmatched")  # of the latter the whole row goes
        for column in table.columns
        if isinstance(getattr(column.type, "impl_instance", column.type), Text)
    }
    assert known == looked_at | nobody
    assert not looked_at & nobody


@pytest.mark.sqlite
async def test_others_write_meanwhile_without_waiting_long(db: Database) -> None:
    words = "acme wombatting and very many other words that an index has to forget one by one, " * 8
    for start in range(0, 600, 100):
        await land(db, *(theirs(f"{words} {n}", n, thread=f"t{n // 3}") for n in range(start, start + 100)))
        await land(db, *(read_mention(f"{words} of bob {n}", author=f"bob{n}") for n in range(start, start + 100)))
    (gone,), _ = await waits_during(db, erased(db))
    assert gone.mentions == 600
