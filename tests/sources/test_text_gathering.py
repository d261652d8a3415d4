"""What texts of several languages mean, together with their words, finds the issues that they are about."""

from __future__ import annotations

import random
from typing import Any

import pytest

from sources.text.deep.engines import Engine
from sources.text.deep.gathering import Centre, Meant, gather
from tests.sources.deep_engine import MISSING

np = pytest.importorskip("numpy", reason=MISSING)

TEST = Engine("test", "", "1", "tests", {}, "", 4, frozenset(), frozenset())
REFUND, LOGIN, PARCEL = (np.eye(4)[n] for n in range(3))
ENGLISH = frozenset({"en"})


def meant(number: int, language: str, about: Any, *, author: int | None = None, **more: Any) -> Meant:
    vector = about + 0.1 * np.array([0, 0, 0, 1.0 if number % 2 else -1.0])
    return Meant(number, number if author is None else author, language, vector / np.linalg.norm(vector), **more)


def test_what_enough_people_mean_in_whatever_language_is_an_issue_and_the_rest_is_left() -> None:
    said = [meant(1, "en", PARCEL), meant(2, "de", PARCEL), meant(3, "ro", PARCEL), meant(4, "hu", LOGIN)]
    found = gather(TEST, said, {})
    assert (found.founded, found.left) == ({"meaning 1": [1, 2, 3]}, [4])
    one_person = [meant(n, language, PARCEL, author=9) for n, language in enumerate(("en", "de", "ro"))]
    assert not gather(TEST, one_person, {}).founded


def test_known_issues_take_their_own_first() -> None:
    issues = {70: Centre(5 * REFUND, ENGLISH), 80: Centre(5 * LOGIN, ENGLISH)}
    said = [meant(n, "de", REFUND) for n in (1, 2, 3)] + [meant(n, "en", PARCEL) for n in (4, 5, 6)]
    found = gather(TEST, [*said, meant(7, "en", LOGIN)], issues)
    assert found.joined == {1: 70, 2: 70, 3: 70, 7: 80}
    assert found.founded == {"meaning 4": [4, 5, 6]}


def test_an_issue_takes_what_is_near_of_another_language_a_little_sooner_and_of_two_the_older() -> None:
    issues = {90: Centre(2 * REFUND, ENGLISH), 80: Centre(9 * REFUND, ENGLISH)}
    further = meant(1, "en", REFUND + LOGIN + PARCEL * 1.5)
    assert gather(TEST, [further], issues).left == [1]
    assert gather(TEST, [meant(1, "de", REFUND + LOGIN + PARCEL * 1.5)], issues).joined == {1: 80}
    assert gather(TEST, [meant(1, "en", REFUND, trouble=False)], issues).joined == {1: 80}
    assert gather(TEST, [Meant(1, 1, "en", np.zeros(4))], issues).left == [1]


def test_words_tell_apart_what_means_nearly_the_same() -> None:
    between = (REFUND + 1.2 * LOGIN) / 3**0.5
    issues = {70: Centre(REFUND, ENGLISH), 80: Centre(LOGIN, ENGLISH)}
    assert gather(TEST, [meant(1, "en", between)], issues).joined == {1: 80}
    assert gather(TEST, [meant(1, "en", between, near={70: 0.9, 99: 1.0})], issues).joined == {1: 70}


def test_neither_chatter_nor_praise_of_a_few_is_an_issue_but_what_three_languages_say_is() -> None:
    calm = [meant(n, "en", PARCEL, trouble=False) for n in range(1, 6)]
    assert not gather(TEST, calm, {}).founded
    abroad = [meant(6, "de", PARCEL, trouble=False), meant(7, "it", PARCEL, trouble=False)]
    assert gather(TEST, [*calm, *abroad], {}).founded == {"meaning 1": [1, 2, 3, 4, 5, 6, 7]}
    glad = [meant(each.id, each.language, PARCEL, trouble=False, glad=True) for each in (*calm, *abroad)]
    assert not gather(TEST, glad, {}).founded


def test_the_order_within_a_lot_does_not_matter() -> None:
    said = [meant(n, "en", about) for n, about in enumerate((REFUND, LOGIN, PARCEL) * 20)]
    found = {tuple(sorted(ids)) for ids in gather(TEST, said, {}).founded.values()}
    random.Random(5).shuffle(said)
    assert {tuple(sorted(ids)) for ids in gather(TEST, said, {}).founded.values()} == found
    assert len(found) == 3
