"""Groups of texts that say the same, copies folded before, labels after."""

from __future__ import annotations

import time
from random import Random

from sources.text import grouping
from sources.text.copies import Copies
from sources.text.features import features, said
from sources.text.grouping import Item, Placed
from sources.text.groups import LIVE, Groups
from sources.text.labels import label

ABOUT = {
    "rotor": "rotor blade snapped",
    "invoice": "invoice total doubled",
    "parcel": "parcel tracking stuck",
    "camera": "camera lens scratched",
    "login": "password reset mail",
}
OTHERS = [
    f"{begin}{end}"
    for begin in ("ka", "lo", "mi", "nu", "pe", "ri", "so", "tu")
    for end in ("bak", "dem", "fil", "gor", "hun")
]


def texts(times: int = 16, seed: int = 1) -> list[tuple[str, str]]:
    """(what it is about, words), mixed; every text has two words of its own."""
    random = Random(seed)
    found = [
        (about, f"my {words} {' '.join(random.sample(OTHERS, 2))}")
        for about, words in ABOUT.items()
        for _ in range(times)
    ]
    random.shuffle(found)
    return found


def items(some: list[str], first: int = 1, *, trouble: bool = True, author: int | None = None) -> list[Item]:
    return [
        Item(n, n if author is None else author, features(said(text), "en"), trouble)
        for n, text in enumerate(some, first)
    ]


def of(placed: Placed) -> dict[int, str]:
    """Mention -> key of its issue."""
    return placed.joined | {number: key for key, numbers in placed.founded.items() for number in numbers}


def reopened(groups: Groups) -> Groups:
    again = Groups.of(groups.kept())
    assert again is not None
    return again


def test_what_many_say_is_an_issue_and_nobody_ever_changes_it() -> None:
    told = texts()
    half = len(told) // 2
    groups = Groups()
    first = of(grouping.place(groups, items([text for _, text in told[:half]])))
    later = grouping.place(reopened(groups), items([text for _, text in told[half:]], first=half + 1))
    assert later.joined.keys().isdisjoint(first)
    assert not later.founded
    issues = first | of(later)
    assert len(issues) == len(told)
    for about in ABOUT:
        assert len({issues[n] for n, (each, _) in enumerate(told, 1) if each == about}) == 1
    assert len(set(issues.values())) == len(ABOUT)


def test_the_order_and_the_size_of_lots_hardly_matter() -> None:
    told = texts()
    for seed in range(3):
        mixed = Random(seed).sample(told, len(told))
        groups, issues = Groups(), dict[int, str]()
        for at in range(0, len(mixed), 7):
            issues |= of(grouping.place(groups, items([text for _, text in mixed[at : at + 7]], first=at + 1)))
        pairs = {(about, issues.get(n)) for n, (about, _) in enumerate(mixed, 1) if n in issues}
        assert len(pairs) == len(ABOUT)
        assert len(issues) > 0.9 * len(mixed)


def test_one_author_is_not_many_and_calm_words_need_more() -> None:
    told = [text for about, text in texts() if about == "rotor"][:8]
    assert of(grouping.place(Groups(), items(told, author=1))) == {}
    assert of(grouping.place(Groups(), items(told, trouble=False))) == {}
    assert len(of(grouping.place(Groups(), items(told)))) == 8


def test_what_nobody_says_again_is_forgotten_and_what_is_an_issue_is_not() -> None:
    random = Random(3)
    groups = Groups()
    told = [text for about, text in texts() if about == "rotor"]
    [key] = {*of(grouping.place(groups, items(told))).values()}
    words = ["".join(random.choices("abcdefghijklmnop", k=6)) for _ in range(9_000)]
    began = time.process_time()
    for lot in range(4):
        noise = [" ".join(random.choices(words, k=9)) for _ in range(1_000)]
        grouping.place(groups, items(noise, first=1_000 * (lot + 1)))
    assert time.process_time() - began < 6
    assert len(groups.live) <= LIVE
    assert groups.live[key].issue
    assert of(grouping.place(reopened(groups), items(["rotor blade snapped once more"], first=99_999))) == {99_999: key}


def test_many_old_issues_leave_room_for_new_ones() -> None:
    groups = Groups()
    for number in range(LIVE + 10):
        groups.seed(f"old {number}", [{number: 1.0}])
    groups.lot = 9
    about = [text for each, text in texts() if each == "rotor"]
    found = [of(grouping.place(groups, items([text], first), {"old 0"})) for first, text in enumerate(about, 1)]
    assert any(found), "one text at a time makes an issue"
    assert len(groups.live) <= LIVE
    assert "old 0" in groups.live


def test_reposts_are_found_word_by_word_and_nearly() -> None:
    copies = Copies()
    story = "since the update of tuesday the app closes itself whenever i open a folder with more than 20 photos"
    assert copies.original(1, said(f"@ana {story}")) is None
    assert copies.original(2, said(f"RT @ben: {story.upper()} https://t.example/1")) == 1
    assert copies.original(3, said(f"{story} please fix")) == 1
    assert Copies(copies.kept()).original(4, said(story.replace("20", "30"))) == 1
    assert (
        copies.original(5, said("since the update the camera shows only a black picture and i lost all of my folders"))
        is None
    )
    assert [copies.original(n, said("it is down")) for n in (6, 7)] == [None, None]


def test_a_label_is_what_these_say_more_than_others_never_the_brand_never_taken() -> None:
    groups = Groups()
    told = [text for _, text in texts()]
    grouping.place(groups, items(told))
    rotor = [f"acme {text}" for text in told if "rotor" in text]
    first = label(rotor, "en", groups, frozenset({"acme"}), ())
    assert "blade" in first
    assert "acme" not in first
    assert label(rotor, "en", groups, frozenset({"acme"}), {first}) != first
    assert label(["???"], "en", groups, frozenset(), {"???"}) == "??? (2)"
