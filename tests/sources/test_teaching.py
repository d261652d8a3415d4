"""What a person says of a mood reaches what says the same, is learnt from, and is taken back whole."""

from __future__ import annotations

import random
from datetime import timedelta

import pytest

from sources import correction_file, teaching
from sources.intake import Intake
from sources.mood import moods
from sources.protocol import Page
from sources.reread import reread
from sources.text.local_fit import Example, Lesson, decided, fit
from store import cases, erase, layers, mentions, tables
from store.database import Database
from store.domain.action import CorrectSentiment
from store.domain.desk import Desk, ReadingChoice
from store.domain.errors import BadInput, NotFound
from store.domain.mention import Mention, NewAuthor, SentimentLabel
from tests.factories import NOW, new_mention, rows

DESK = Desk()
LATER = NOW + timedelta(minutes=5)
SAID = (
    "acme put the button for refunds behind three menus since the last release, so that my grandmother needs half an "
    "afternoon to find it, well done people, well done"
)

BROKEN = "the acme app is broken again and support never answers, terrible, I lost all my files"


async def take(db: Database, intake: Intake, *texts: str) -> list[Mention]:
    """Stored through intake, each by another author: as they are now."""
    new = [new_mention(text, author=f"by {text[:20]} {n} {id(texts)}") for n, text in enumerate(texts)]
    page = Page(asked="all", mentions=new)
    line = await intake.take("it", "mastodon", "s", page, started_at=NOW, next_poll_at=None, lands=True)
    return [await mentions.get(db, number) for number in line.new_mentions]


async def follows_of(db: Database, *found: Mention) -> list[tuple[str | None, int, tuple[str, ...]]]:
    return [(each.intent, each.urgency, each.reasons) for each in [await mentions.get(db, one.id) for one in found]]


async def moods_of(db: Database, *found: Mention) -> list[tuple[str, float]]:
    return [(str(each.sentiment), each.score) for each in [await mentions.get(db, one.id) for one in found]]


async def correct(db: Database, mention: Mention, label: str, agent: str = "ana") -> int:
    """How many more were reached."""
    acted = await cases.act(db, [(mention.case_id or 0, None)], CorrectSentiment(label), agent=agent, now=LATER)
    return await teaching.spread(db, acted.corrections, DESK.reading, now=LATER)


def other_than(mention: Mention) -> str:
    return "negative" if mention.sentiment != "negative" else "positive"


@pytest.mark.both
async def test_a_correction_reaches_what_says_the_same_stored_and_coming_and_undo_takes_it_all_back(
    db: Database,
) -> None:
    intake = Intake(db, DESK)
    first, same, nearly, otherwise = await take(
        db, intake, SAID, f"@acme {SAID.upper()} https://t.co/1 7", SAID.replace("menus", "windows"),
        SAID.replace("well done", "not well done"),
    )  # fmt: skip
    before = await moods_of(db, first, same, nearly, otherwise)
    label = other_than(first)
    person = (label, 1.0 if label == "positive" else -1.0)

    assert await correct(db, first, label) == 2
    assert await moods_of(db, first, same, nearly, otherwise) == [person, person, person, before[3]]
    coming, news = await take(db, intake, SAID, "acme has a new logo")
    unread = (await moods_of(db, news))[0]
    assert await moods_of(db, coming) == [person]
    assert (await moods(db, DESK.reading, [coming]))[coming.id].told is not None

    await reread(db, DESK, now=LATER)
    assert await moods_of(db, first, same, nearly, coming) == [person] * 4

    await cases.undo(db, agent="ana", now=LATER)
    assert await moods_of(db, first, same, nearly, otherwise) == before
    assert await moods_of(db, coming, news) == [before[0], unread]
    (later,) = await take(db, intake, f"{SAID} again")
    assert (await moods_of(db, later))[0] != person
    await cases.redo(db, agent="ana", now=LATER)
    assert await moods_of(db, first, same, nearly, coming) == [person] * 4


@pytest.mark.both
async def test_intent_and_urgency_follow_a_person_s_word_and_the_undo(db: Database) -> None:
    """Of what was corrected, of what says the same, of what comes later; also when all is read again."""
    intake = Intake(db, DESK)
    found = await take(db, intake, BROKEN, f"@acme {BROKEN} 7")
    before = await follows_of(db, *found)
    assert {intent for intent, _, _ in before} == {"complaint"}
    assert all("negative" in reasons for _, _, reasons in before)

    assert await correct(db, found[0], "positive") == 1
    found += await take(db, intake, f"{BROKEN} 8")
    glad = await follows_of(db, *found)
    assert {(intent, urgency, reasons) for intent, urgency, reasons in glad} == {("praise", 0, ())}
    await reread(db, DESK, now=LATER)
    assert await follows_of(db, *found) == glad

    for turn, expected in ((cases.undo, [*before, before[0]]), (cases.redo, glad), (cases.undo, [*before, before[0]])):
        undone = await turn(db, agent="ana", now=LATER)
        await teaching.follow(db, undone.corrections, DESK.reading, now=LATER)
        assert await follows_of(db, *found) == expected


async def test_one_s_own_correction_stays_and_of_two_others_the_newer_counts(db: Database) -> None:
    one, two, three = await take(db, Intake(db, DESK), SAID, f"{SAID} 1", f"{SAID} 2")
    before = await moods_of(db, three)
    await correct(db, two, "neutral", agent="bo")
    assert await correct(db, one, "positive") == 1, "what bo said stays"
    assert [label for label, _ in await moods_of(db, one, two, three)] == ["positive", "neutral", "positive"]
    await cases.undo(db, agent="bo", now=LATER)
    assert [label for label, _ in await moods_of(db, one, three)] == ["positive", "positive"]
    await cases.undo(db, agent="ana", now=LATER)
    assert await moods_of(db, three) == before


async def test_a_correction_goes_with_the_words_it_is_about(db: Database) -> None:
    intake = Intake(db, DESK)
    person = NewAuthor("zoe@social.example", "Zoe")
    page = Page(asked="all", mentions=[new_mention(SAID, author=person)])
    line = await intake.take("it", "mastodon", "s", page, started_at=NOW, next_poll_at=None, lands=True)
    hers, (theirs,) = await mentions.get(db, line.new_mentions[0]), await take(db, intake, f"{SAID} 1")
    await correct(db, hers, other_than(hers))
    (found,) = await erase.find(db, "zoe@social.example")
    await erase.erase(db, found, agent="ana", now=LATER)
    assert await rows(db, tables.correction) == []
    assert [each async for each in correction_file.outgoing(db)] == []
    assert (await mentions.get(db, theirs.id)).sentiment == other_than(hers), "what others wrote stays as it is"


async def test_what_comes_is_read_with_what_was_taught_at_once_and_without_it_after_the_undo(db: Database) -> None:
    intake = Intake(db, DESK)
    things = ("door", "lamp", "chair", "table", "window", "garden", "kitchen", "stair")
    found = await take(db, intake, *(f"the {thing} by acme is sick, dude" for thing in things))
    wrong = [mention for mention in found if mention.sentiment != "positive"]
    assert len(wrong) == len(found), "the shipped model does not know the word so"
    await take(db, intake, *(f"the {thing} by acme costs {thing} money" for thing in things))
    for mention in wrong:
        await correct(db, mention, "positive")
    new = "this lamp by acme is sick, dude"
    (before,) = await take(db, intake, new)

    tried = await teaching.teach(db, DESK.reading, agent="ana", now=LATER, dry_run=True)
    assert (tried.layer, await layers.number(db)) == (0, 0)
    taught = await teaching.teach(db, DESK.reading, agent="ana", now=LATER)
    (learned,) = taught.languages
    assert learned.kept
    assert learned.outcome is not None
    assert learned.outcome.unseen > learned.outcome.before
    (after,) = await take(db, intake, new)
    assert after.score > before.score + 0.2
    assert (await moods(db, DESK.reading, [after]))[after.id].taught
    by_lists = await moods(db, ReadingChoice(sentiment="lexicon"), [after])
    assert by_lists[after.id].layer == 0, "it was fitted on another engine"

    assert await layers.undo(db) is None
    (again,) = await take(db, intake, new)
    assert (again.sentiment, again.score) == (before.sentiment, before.score)
    with pytest.raises(NotFound, match="nothing was taught"):
        await layers.undo(db)


async def test_too_few_are_no_layer(db: Database) -> None:
    first, *_ = await take(db, Intake(db, DESK), SAID)
    await correct(db, first, other_than(first))
    found = await teaching.teach(db, DESK.reading, agent="ana", now=LATER)
    assert (found.layer, [(each.corrections, each.outcome) for each in found.languages]) == (0, [(1, None)])


@pytest.mark.both
async def test_a_colleague_s_corrections_come_without_their_words(db: Database) -> None:
    intake = Intake(db, DESK)
    first, here = await take(db, intake, "wombats love the acme cloud of my neighbour", f"{SAID} 3")
    text = SAID.replace("menus", "quillfeathers")
    line = f'{{"text": "{text}", "label": "{other_than(here)}", "agent": "bo", "at": "2026-11-20T10:00:00+00:00"}}'
    with pytest.raises(BadInput, match="line 2 is no correction"):
        await correction_file.take(db, [line, '{"text": "x", "label": "bad"}'], DESK.reading, agent="ana", now=LATER)
    assert await rows(db, tables.correction) == []

    arrived = await correction_file.take(db, [line, ""], DESK.reading, agent="ana", now=LATER)
    assert (arrived.read, arrived.new, arrived.reached) == (1, 1, 1)
    assert (await mentions.get(db, here.id)).sentiment == other_than(here)
    again = await correction_file.take(db, [line], DESK.reading, agent="ana", now=LATER)
    assert (again.new, again.reached) == (0, 0)
    (row,) = await rows(db, tables.correction)
    assert b"quillfeathers" not in repr(tuple(row)).encode()
    await correct(db, first, other_than(first))
    (out,) = [each async for each in correction_file.outgoing(db)]
    assert (out["text"], out["label"], out["agent"]) == (first.text, other_than(first), "ana")


def lessons(number: int, *, wrong_only: bool) -> tuple[list[Lesson], list[Example]]:
    """A world in which the reading is right two times of three; features say nothing."""
    dice = random.Random(3)
    labels = list(SentimentLabel)
    found: list[Lesson] = []
    for n in range(number):
        leaning = (dice.uniform(-2, 2), dice.uniform(-2, 2))
        label = decided(leaning) if dice.random() < 2 / 3 else dice.choice(labels)
        features = tuple(sorted(dice.sample(range(5_000), 12)))
        found.append(Lesson(Example(f"{dice.random():.12f}{n}", leaning, features), label))
    taught = [lesson for lesson in found if lesson.wrong] if wrong_only else found
    return taught, [lesson.example for lesson in found]


def test_the_order_of_the_corrections_changes_nothing() -> None:
    taught, others = lessons(60, wrong_only=False)
    assert fit(taught, others) == fit(taught[::-1], random.Random(1).sample(others, len(others)))


@pytest.mark.parametrize("number", [15, 60, 240])
def test_who_corrects_only_what_is_wrong_does_not_turn_the_rest_round(number: int) -> None:
    taught, others = lessons(number, wrong_only=True)
    offsets = fit(taught, others)
    moved = 0
    for example in others:
        less, more = offsets.of(())
        leaning = (example.leaning[0] + less, example.leaning[1] + more)
        moved += decided(leaning) is not decided(example.leaning)
    assert moved < len(others) / 4
