"""Which texts say the same, and names that are bad words."""

from __future__ import annotations

import random

import pytest

from sources.text.likeness import Alike, essence, same
from sources.text.reading import read
from store.domain.desk import ReadingChoice

LONG = (
    "since the update of last week the acme cloud takes ages to start on my old laptop and I am happy with the rest of "
    "it, the colours above all, so thank you for that"
)


def alike(one: str, other: str) -> bool:
    first, second = essence(one, "en"), essence(other, "en")
    return first is not None and second is not None and same(first, second)


@pytest.mark.parametrize(
    ("one", "other", "so"),
    [
        ("@acme Délayed AGAIN, 3 hours! https://t.co/a1", "delayed again 5 hours @bob", True),
        ("great 👍", "great 👍🏽👍🏽", True),
        ("great 👍", "great 👎", False),
        ("great", "great 👎", False),
        ("it works", "it works not", False),
        (LONG, LONG.replace("laptop", "machine"), True),
        (LONG, LONG.replace("am happy", "am not happy"), False),
        (LONG, LONG.replace("happy", "sad"), False),
        (LONG, " ".join(LONG.split()[::-1]), False),
    ],
)
def test_the_same_words_say_the_same_and_one_word_of_mood_does_not(one: str, other: str, so: bool) -> None:
    assert alike(one, other) is so


def test_what_has_no_word_is_like_nothing() -> None:
    assert essence("@acme 42 https://acme.example 👍", "en") is None


def test_looking_up_finds_what_comparing_with_all_finds() -> None:
    dice = random.Random(7)
    vocabulary = [f"word{chr(97 + n)}" for n in range(26)]
    known = [" ".join(dice.choices(vocabulary, k=dice.randint(3, 40))) for _ in range(60)]
    index: Alike[str] = Alike()
    for text in known:
        index.add(essence(text, "en"), text)  # type: ignore[arg-type]
    hits = 0
    for text in known:
        for changes in range(4):
            said = text.split()
            for _ in range(changes):
                said[dice.randrange(len(said))] = "other"
            asked = " ".join(said)
            found = index.find(essence(asked, "en"))  # type: ignore[arg-type]
            assert (found is not None) is any(alike(each, asked) for each in known)
            hits += found is not None and asked != text
    assert hits > 20


@pytest.mark.parametrize("engine", ["model", "lexicon"])
@pytest.mark.parametrize(
    ("text", "other"),
    [
        ("I play War Zone every day", "I play  every day"),
        ("#WarZone tonight with friends", "# tonight with friends"),
        ("Killer Bee is the name of the app", " is the name of the app"),
        ("ich spiele war zone jeden tag mit meinen freunden", "ich spiele  jeden tag mit meinen freunden"),
    ],
)
def test_names_carry_no_mood_and_no_crisis(engine: str, text: str, other: str) -> None:
    choice = ReadingChoice(sentiment=engine, names=("War Zone", "Killer Bee"))
    named, bare = read("", text, hint="en", choice=choice), read("", other, hint="en", choice=choice)
    assert (named.sentiment, named.score, named.intent, named.urgency) == (
        bare.sentiment, bare.score, bare.intent, bare.urgency,
    )  # fmt: skip
    usual = read("", "Killer Bee is awful, a killer", choice=ReadingChoice(sentiment=engine))
    assert read("", "Killer Bee is awful, a killer", choice=choice).sentiment == usual.sentiment == "negative"
