"""What the words of each language have grouped is brought together by what it means."""

from __future__ import annotations

from typing import Any

import pytest

from sources.text.deep.engines import Engine
from sources.text.deep.gathering import Centre, Meant, gather
from tests.sources.deep_engine import MISSING

np = pytest.importorskip("numpy", reason=MISSING)

TEST = Engine("test", "", "1", "tests", {}, "", 4, frozenset(), frozenset(), joins=0.8, abroad=0.7)
REFUND, LOGIN, PARCEL = (np.eye(4)[n] for n in range(3))


def meant(number: int, language: str, about: Any, *, author: int | None = None) -> Meant:
    vector = about + 0.1 * np.array([0, 0, 0, 1.0 if number % 2 else -1.0])
    return Meant(number, number if author is None else author, language, vector / np.linalg.norm(vector))


def test_groups_of_two_languages_that_mean_the_same_are_one_issue() -> None:
    items = [meant(n, "en", REFUND) for n in (1, 2, 3, 4)] + [meant(n, "de", REFUND) for n in (5, 6, 7)]
    items += [meant(n, "de", LOGIN) for n in (8, 9, 10)] + [meant(11, "ro", REFUND), meant(12, "ro", PARCEL)]
    words = {"a refund": [1, 2, 3, 4], "erstattung": [5, 6, 7], "anmeldung": [8, 9, 10]}

    found = gather(TEST, items, words, {})

    assert found.founded == {"a refund": [1, 2, 3, 4, 5, 6, 7, 11], "anmeldung": [8, 9, 10]}
    assert not found.joined


def test_a_new_group_goes_to_the_issue_that_is_about_it_but_not_where_its_own_words_said_otherwise() -> None:
    items = [meant(n, "de", REFUND) for n in (1, 2, 3)] + [meant(n, "en", REFUND) for n in (4, 5, 6)]
    issues = {70: Centre(5 * REFUND, frozenset({"en"})), 80: Centre(5 * LOGIN, frozenset({"en", "de"}))}

    found = gather(TEST, [*items, meant(7, "en", LOGIN)], {"erstattung": [1, 2, 3], "cash back": [4, 5, 6]}, issues)

    assert found.joined == {1: 70, 2: 70, 3: 70, 7: 80}
    assert found.founded == {"cash back": [4, 5, 6]}


def test_what_enough_people_say_each_in_another_language_is_an_issue_too() -> None:
    said = [meant(1, "en", PARCEL), meant(2, "de", PARCEL), meant(3, "ro", PARCEL), meant(4, "hu", LOGIN)]
    assert gather(TEST, said, {}, {}).founded == {"meaning 1": [1, 2, 3]}
    one_person = [meant(n, language, PARCEL, author=9) for n, language in enumerate(("en", "de", "ro"))]
    assert not gather(TEST, one_person, {}, {}).founded
