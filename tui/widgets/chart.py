"""The charts of a period, one column of them the current one."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from datetime import tzinfo

from textual import events
from textual.message import Message

from store.domain.insight import Bucket
from tui import lettering, plots
from tui.widgets.lines import Line, Lines, Piece, text

_RUNS = re.compile("|".join(f"(?P<{name}>{sign}+)" for name, sign in plots.SIGNS.items()))
LEGEND: Line = tuple(
    piece for name, sign in plots.SIGNS.items() for piece in ((f"{sign} ", name), (f"{name}  ", "quiet"))
)
BOTH_FROM = 20  # rows from which the volume and the mood are drawn under each other
MOODS = 0.55  # part of the height that is the volume's where both are drawn


class Chart(Lines):
    """`at` is the current bucket. Charts are drawn when the buckets or the size change; a move draws one line."""

    class Moved(Message):
        """Another column is the current one."""

    def __init__(self, zone: tzinfo, *, id: str | None = None) -> None:  # noqa: A002
        super().__init__(id=id)
        self.zone = zone
        self.buckets: tuple[Bucket, ...] = ()
        self.at = 0
        self.mood = False
        self._drawn: list[list[Line]] = []

    def show(self, buckets: Sequence[Bucket]) -> None:
        self.buckets = tuple(buckets)
        self.at = max(0, len(self.buckets) - 1)
        self.draw()

    def turn(self) -> None:
        """Show the mood in the volume's place, or the volume again."""
        self.mood = not self.mood
        self.draw()

    @property
    def both(self) -> bool:
        return self.page >= BOTH_FROM

    @property
    def bucket(self) -> tuple[Bucket, Bucket] | None:
        """The first and the last bucket of the current column."""
        if not self.buckets:
            return None
        several = plots.together(self.buckets, self.width)
        first = self.at // several * several
        return self.buckets[first], self.buckets[min(first + several, len(self.buckets)) - 1]

    def step(self, columns: int) -> None:
        if not self.buckets:
            return
        several = plots.together(self.buckets, self.width)
        at = max(0, min(self.at + columns * several, len(self.buckets) - 1))
        if at // several != self.at // several:
            self.at = at
            self._point()

    def draw(self) -> None:
        """Draw the charts anew."""
        self._drawn = []
        if self.width and self.buckets:
            rows = round(self.page * MOODS) if self.both else self.page
            if self.both or not self.mood:
                self._drawn.append(self._plot("Mentions", plots.volume, rows))
            if self.both or self.mood:
                self._drawn.append(
                    self._plot("Net sentiment", plots.net_sentiment, self.page - rows if self.both else rows)
                )
        self._point()

    def _plot(self, title: str, plot: object, rows: int) -> list[Line]:
        several = plots.together(self.buckets, self.width)
        per = f" · {several} to a column" if several > 1 else ""
        head: Line = ((f"{title}{per}  ", "heading"), *LEGEND)
        drawn: str = plot(self.buckets, self.width, rows - 2, False, self.zone)  # type: ignore[operator]
        return [head, *(tuple(pieces(line)) for line in drawn.splitlines())]

    def _point(self) -> None:
        lines: list[Line] = []
        for drawn in self._drawn:
            first, cells = plots.column(self.buckets, self.width, self.at)
            lines += [*drawn, ((" " * first, ""), ("▲" * cells, "pointer" if self.has_focus else "quiet"))]
        self.put(lines)
        self.post_message(self.Moved())

    def on_focus(self) -> None:
        self._point()

    def on_blur(self) -> None:
        self._point()

    def on_resize(self, event: events.Resize) -> None:
        self.draw()

    def on_click(self, event: events.Click) -> None:
        for at in range(len(self.buckets)):
            first, cells = plots.column(self.buckets, self.width, at)
            if first <= event.x <= first + cells:
                self.at = at
                self._point()
                return

    def words(self) -> Line:
        """The current column in words."""
        found = self.bucket
        if found is None:
            return ()
        first, last = found
        shown = self.buckets[self.buckets.index(first) : self.buckets.index(last) + 1]
        spoken, bad, good = (sum(getattr(b, name) for b in shown) for name in ("mentions", "negative", "positive"))
        hours = (first.end - first.start).total_seconds() < 23 * 3_600
        began = lettering.day(first.start, self.zone) + (f" {lettering.clock(first.start, self.zone)}" if hours else "")
        net = lettering.percent((good - bad) / spoken if spoken else None, signed=True)
        counts = f"{spoken:,} mention{'' if spoken == 1 else 's'}"
        return text(f"▲ {began}: {counts}, {bad:,} negative, {good:,} positive, net {net}")


def pieces(line: str) -> Iterator[Piece]:
    """A line of `tui.charts`, its bars styled."""
    start = 0
    for run in _RUNS.finditer(line):
        if run.start() > start:
            yield line[start : run.start()], ""
        yield run.group(), run.lastgroup or ""
        start = run.end()
    if line[start:]:
        yield line[start:], ""
