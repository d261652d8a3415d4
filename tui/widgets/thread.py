"""The thread of a case: entries under each other, one of them the current one, long ones folded."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from datetime import datetime
from itertools import islice

from textual import events

from tui.safe import content
from tui.widgets.lines import Line, Lines, text
from tui.widgets.thread_entries import BARS, STYLES, Entry
from tui.wrap import wrap, wrap_line

FOLDED = 40  # lines of a long text that are shown until it is unfolded


class Thread(Lines):
    """`show` keeps the place by entry; a thread that was read to its end stays at its end."""

    def __init__(self, *, id: str | None = None) -> None:  # noqa: A002
        super().__init__(id=id)
        self.entries: list[Entry] = []
        self.current = ""  # key of the current entry
        self.unfolded: set[str] = set()
        self.unfold_key = "T"
        self._starts: list[int] = []
        self._laid: dict[tuple[Entry, int, bool, bool], list[Line]] = {}

    def show(self, entries: Sequence[Entry], *, fresh: bool = False) -> None:
        """`fresh`: another case; its newest entry is brought into view."""
        at_end = self.scroll_offset.y + self.page >= len(self.lines)
        place = self._place()
        grown = len(entries) > len(self.entries)
        self.entries = list(entries)
        if fresh:
            self.unfolded.clear()
            self._laid.clear()
        if fresh or self.current not in {entry.key for entry in entries}:
            self.current = entries[-1].key if entries else ""
        self._lay_out()
        if fresh or (at_end and grown):
            self._to_newest()
        elif place is not None:
            self._back_to(*place)

    # Moves

    def step(self, entries: int) -> bool:
        """Make the next or previous entry the current one. False where there is none."""
        at = self._index + entries
        if not 0 <= at < len(self.entries):
            return False
        self.current = self.entries[at].key
        self._lay_out()
        self._reveal(at)
        return True

    def scroll(self, lines: int) -> None:
        self.go(self.scroll_offset.y + lines)
        self._follow()

    def edge(self, which: int) -> None:
        self.go(0 if which < 0 else len(self.lines))
        if self.entries:
            self.current = self.entries[0 if which < 0 else -1].key
            self._lay_out()

    def fold(self) -> None:
        """Unfold the current entry, or fold it again."""
        self.unfolded ^= {self.current}
        self._lay_out()
        self._reveal(self._index)

    @property
    def position(self) -> tuple[int, int]:
        """(the current entry counted from 1, how many there are)."""
        return (self._index + 1 if self.entries else 0), len(self.entries)

    @property
    def at(self) -> datetime | None:
        """When the current entry was said."""
        return self.entries[self._index].at if self.entries else None

    @property
    def more(self) -> bool:
        """Whether there is something below what is visible."""
        return self.scroll_offset.y + self.page < len(self.lines)

    # Laying out

    def on_resize(self, event: events.Resize) -> None:
        place, at_end = self._place(), self.scroll_offset.y + self.page >= len(self.lines)
        self._laid.clear()
        self._lay_out()
        if at_end:
            self._to_newest()
        elif place is not None:
            self._back_to(*place)

    def _lay_out(self) -> None:
        lines: list[Line] = []
        self._starts = []
        before, self._laid = self._laid, {}
        if self.width:
            for entry in self.entries:
                self._starts.append(len(lines))
                known = (entry, self.width, entry.key == self.current, entry.key in self.unfolded)
                self._laid[known] = before.get(known) or self._block(*known)
                lines += self._laid[known]
                lines.append(())
        self.put(lines[:-1])

    def _block(self, entry: Entry, width: int, here: bool, unfolded: bool) -> list[Line]:
        bar = (BARS[entry.kind], STYLES[entry.kind])
        point = ("▌", "pointer") if here else (" ", "")
        return [(point, bar, (" ", ""), *line) for line in self._lines(entry, width - 3, unfolded)]

    def _lines(self, entry: Entry, width: int, unfolded: bool) -> Iterator[Line]:
        style = "quiet" if entry.kind == "other" else ""
        yield entry.heading
        if entry.title:
            yield from (((line, "heading"),) for line in wrap(content(entry.title).plain, width))
        words = wrap(content(entry.words).plain, width) if entry.words else iter(())
        shown = list(words if unfolded else islice(words, FOLDED + 1))
        cut = not unfolded and len(shown) > FOLDED
        yield from (((line, style),) for line in (shown[: FOLDED - 1] if cut else shown))
        if cut:
            yield text(f"… it goes on; {self.unfold_key} unfolds it", "note")
        for below in entry.below:
            yield from wrap_line(below, width)

    # Place

    @property
    def _index(self) -> int:
        return next((n for n, entry in enumerate(self.entries) if entry.key == self.current), 0)

    def _place(self) -> tuple[str, int] | None:
        """The entry at the top of the screen and how many of its lines are above it."""
        if not self._starts:
            return None
        top = self.scroll_offset.y
        at = max(0, bisect_right(self._starts, top) - 1)
        return self.entries[at].key, top - self._starts[at]

    def _back_to(self, key: str, above: int) -> None:
        for at, start in enumerate(self._starts):
            if self.entries[at].key == key:
                self.go(start + above)

    def _to_newest(self) -> None:
        if self._starts:
            self.go(min(self._starts[-1], len(self.lines) - self.page) if len(self.lines) > self.page else 0)

    def _reveal(self, at: int) -> None:
        """Bring an entry on screen: whole where it fits, else from its first line."""
        if not self._starts:
            return
        start = self._starts[at]
        end = self._starts[at + 1] - 1 if at + 1 < len(self._starts) else len(self.lines)
        top = self.scroll_offset.y
        if start < top or end - start >= self.page:
            self.go(start)
        elif end > top + self.page:
            self.go(end - self.page)

    def _follow(self) -> None:
        """The current entry is one that is on screen."""
        if not self._starts:
            return
        top, bottom = self.scroll_offset.y, self.scroll_offset.y + self.page
        first = max(0, bisect_right(self._starts, top) - 1)
        last = max(0, bisect_right(self._starts, bottom - 1) - 1)
        at = max(first, min(self._index, last))
        if self.entries[at].key != self.current:
            self.current = self.entries[at].key
            self._lay_out()

    def on_click(self, event: events.Click) -> None:
        at = bisect_right(self._starts, self.scroll_offset.y + event.y) - 1
        if 0 <= at < len(self.entries):
            self.current = self.entries[at].key
            self._lay_out()
