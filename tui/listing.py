"""The inbox as a list of case ids with a place in it. It knows nothing of screens or stores."""

from __future__ import annotations

from array import array
from collections import OrderedDict
from collections.abc import Iterable, Sequence

from store.domain.case import InboxRow

ROWS_KEPT = 2_000


class Listing:
    """Ids in inbox order (8 bytes each), the cursor, the marks, and the rows that were lately asked for.

    `whole` is false while `ids` is only the first part of what there is. `arrived` are ids that came since and were not
    on screen yet. A row that is asked for and gone is kept as None; `stale` rows have changed in the store.
    """

    def __init__(self) -> None:
        self.ids: array[int] = array("q")
        self.whole = True
        self.cursor = 0
        self.anchor: int | None = None
        self.marks: set[int] = set()
        self.arrived: set[int] = set()
        self.rows: OrderedDict[int, InboxRow | None] = OrderedDict()
        self.stale: set[int] = set()

    def __len__(self) -> int:
        return len(self.ids)

    @property
    def current(self) -> int | None:
        return self.ids[self.cursor] if self.ids else None

    @property
    def marked(self) -> set[int]:
        """What is marked, and what a range that has begun would mark."""
        if self.anchor is None:
            return self.marks
        low, high = sorted((self.anchor, self.cursor))
        return self.marks | set(self.ids[low : high + 1])

    def row(self, position: int) -> InboxRow | None:
        return self.rows.get(self.ids[position])

    def place(self, case_id: int) -> int | None:
        """Where a case stands; None where it is not."""
        try:
            return self.ids.index(case_id)
        except ValueError:
            return None

    def replace(self, ids: Sequence[int], *, whole: bool, arrivals: bool) -> int:
        """Take a new order and keep the place by id: the same case, else the next one that is still there. Returns by
        how many lines the cursor moved. With `arrivals`, ids that were not there before are counted as new."""
        old, before = self.ids, self.cursor
        self.ids, self.whole = array("q", ids), whole
        present = set(ids)
        if arrivals:
            known = set(old)
            # What lies below the part that was loaded is old, not new.
            last = next((n for n in reversed(range(len(ids))) if ids[n] in known), -1) if not whole else len(ids)
            self.arrived |= {i for i in self.ids[: last + 1] if i not in known}
        self.arrived &= present
        self.marks &= present
        self.anchor = None
        keep = next((i for i in old[before:] if i in present), None)
        self.cursor = min(before, max(0, len(ids) - 1)) if keep is None else self.ids.index(keep)
        return self.cursor - before

    def clear(self) -> None:
        """Another view: nothing of the old place means anything."""
        self.ids, self.cursor, self.anchor, self.whole = array("q"), 0, None, True
        self.marks.clear()
        self.arrived.clear()

    def keep(self, asked: Iterable[int], rows: Iterable[InboxRow]) -> None:
        """Rows as they came; what was asked and did not come is gone."""
        for case_id in asked:
            self.rows[case_id] = None
            self.stale.discard(case_id)
        for row in rows:
            self.rows[row.id] = row
            self.rows.move_to_end(row.id)
        while len(self.rows) > ROWS_KEPT:
            self.stale.discard(self.rows.popitem(last=False)[0])

    def outdate(self, ids: Iterable[int]) -> None:
        """These rows are to be asked for again; until then they are shown as they were."""
        self.stale.update(i for i in ids if i in self.rows)

    def missing(self, low: int, high: int) -> list[int]:
        """Ids in [low, high) whose rows are not here, or not as they are now."""
        return [i for i in self.ids[max(0, low) : high] if i not in self.rows or i in self.stale]

    def move(self, position: int) -> bool:
        """Put the cursor at a position, as near as there is. False where it stood there."""
        position = max(0, min(position, len(self.ids) - 1))
        moved, self.cursor = position != self.cursor, position
        return moved

    def mark(self) -> None:
        """Turn the mark of the current case."""
        if self.current is not None:
            self.marks ^= {self.current}

    def range(self) -> None:
        """Begin a range here, or end the one that has begun."""
        if self.anchor is None:
            self.anchor = self.cursor
        else:
            self.marks, self.anchor = set(self.marked), None
