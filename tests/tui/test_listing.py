"""The list keeps its place whatever happens to it."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from tui.listing import Listing

orders = st.lists(st.integers(1, 40), unique=True, max_size=30)


def listing(ids: list[int], cursor: int = 0) -> Listing:
    made = Listing()
    made.replace(ids, whole=True, arrivals=False)
    made.move(cursor)
    return made


@given(orders, orders, st.integers(0, 30))
def test_the_cursor_stays_on_its_case_or_goes_to_the_next_that_is_left(old: list[int], new: list[int], at: int) -> None:
    kept = listing(old, at)
    before, below = kept.cursor, old[kept.cursor :]
    moved = kept.replace(new, whole=True, arrivals=True)
    left = [i for i in below if i in new]
    if left:
        assert kept.current == left[0]
    assert kept.current is None if not new else 0 <= kept.cursor < len(new)
    assert moved == kept.cursor - before
    assert kept.arrived == set(new) - set(old)


@given(orders, orders, st.sets(st.integers(1, 40)))
def test_marks_never_name_what_is_not_there(old: list[int], new: list[int], marks: set[int]) -> None:
    kept = listing(old)
    kept.marks = marks & set(old)
    kept.replace(new, whole=True, arrivals=False)
    assert kept.marks == marks & set(old) & set(new)


def test_what_was_only_not_loaded_yet_is_not_new() -> None:
    kept = listing([9, 8, 7])
    kept.replace([10, 9, 8, 7, 6, 5], whole=False, arrivals=True)
    assert kept.arrived == {10}


def test_a_range_marks_both_ends_in_either_direction() -> None:
    kept = listing([5, 4, 3, 2, 1], 3)
    kept.range()
    kept.move(1)
    assert kept.marked == {4, 3, 2}
    kept.range()
    assert kept.marks == {4, 3, 2}
    assert kept.anchor is None
