"""The lists of a period: issues, networks, languages, voices, answer times. Each row knows the query behind it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from textual import events
from textual.message import Message

from store.domain.insight import Count, Insights
from tui import charts
from tui.widgets.chart import pieces
from tui.widgets.lines import Line, Lines, text


@dataclass(frozen=True, slots=True)
class Row:
    """One line; `query` finds what it counts, "" where nothing can be listed, `label` says it in words; `names` are
    the numbers it shows."""

    line: Line
    query: str = ""
    label: str = ""
    names: tuple[str, ...] = ()
    title: bool = False


def rows(found: Insights, width: int) -> list[Row]:
    """Everything that is listed, section under section."""
    issue = ("Recurring issue", "Change of an issue")
    sections = [
        _section("Recurring issues", _issues(found, width - 1, issue)),
        _section("Networks", _counts(found.networks, width - 1, "network")),
        _section("Languages", _counts(found.languages, width - 1, "lang")),
    ]
    if found.voices:
        sections.append(_section("Share of voice", _voices(found, width - 1)))
    answer = ("First answer time", "Answered within the promise")
    told = (Row(text(said), names=answer) for said in charts.answers(found.answers, width - 1))
    sections.append(_section("First answer", told))
    return [row for section in sections for row in section][1:]


def _section(title: str, listed: Iterator[Row]) -> Iterator[Row]:
    yield Row(())
    yield Row(((f" {title}", "heading"),), title=True)
    yield from listed


def _issues(found: Insights, width: int, names: tuple[str, ...]) -> Iterator[Row]:
    lines = charts.issues(found.issues, width)
    yield Row(text(lines[0], "quiet") if not found.issues else ((f" {lines[0]}", "quiet"),), names=names)
    at = 1
    for issue in found.issues:
        yield Row(tuple(pieces(lines[at])), f"issue:{issue.id}", issue.label, names)
        at += 1
        if issue.example:
            yield Row(((f" {lines[at]}", "quiet"),), names=names)
            at += 1


def _counts(counts: Sequence[Count], width: int, field: str) -> Iterator[Row]:
    for n, line in enumerate(charts.bars(counts, width)):
        whole = n < charts.MOST_BARS - 1 or len(counts) <= charts.MOST_BARS
        named = whole and counts[n].name
        query = f'{field}:"{counts[n].name}"' if named else ""
        yield Row(tuple(pieces(line)), query, counts[n].name, ("Mentions",))


def _voices(found: Insights, width: int) -> Iterator[Row]:
    for voice, line in zip(found.voices, charts.voices(found.voices, width), strict=True):
        yield Row(tuple(pieces(line)), f'watch:"{voice.watch}"', voice.watch, ("Share of voice",))


class Figures(Lines):
    """Rows with a current one among those that can be opened."""

    class Moved(Message):
        """Another row is the current one."""

    class Opened(Message):
        """The current row was clicked."""

    def __init__(self, *, id: str | None = None) -> None:  # noqa: A002
        super().__init__(id=id)
        self.rows: list[Row] = []
        self.at = 0
        self.found: Insights | None = None

    def show(self, found: Insights) -> None:
        self.found = found
        self.draw()

    def draw(self) -> None:
        before = self.row.query if self.row else ""
        self.rows = rows(self.found, self.width) if self.found and self.width else []
        stops = self._stops
        self.at = next((n for n in stops if self.rows[n].query == before), stops[0] if stops else 0)
        self._point()

    @property
    def row(self) -> Row | None:
        return self.rows[self.at] if self.at < len(self.rows) else None

    @property
    def _stops(self) -> list[int]:
        return [n for n, row in enumerate(self.rows) if row.query]

    def step(self, by: int) -> None:
        """Over so many rows that can be opened; past the last one the pane scrolls on."""
        ahead = [n for n in self._stops if (n > self.at if by > 0 else n < self.at)]
        if not ahead:
            self.scroll(by)
            return
        order = ahead if by > 0 else ahead[::-1]
        self.at = order[min(abs(by), len(order)) - 1]
        self._point()

    def edge(self, which: int) -> None:
        if self._stops:
            self.at = self._stops[0 if which < 0 else -1]
            self._point()
        super().edge(which)

    def section(self) -> bool:
        """To the first row of the next section. False at the end."""
        titles = [n for n, row in enumerate(self.rows) if row.title and n > self.at]
        found = next((n for n in self._stops if titles and n > titles[0]), None)
        if found is None:
            return False
        self.at = found
        self._point()
        self.go(titles[0])
        return True

    def _point(self) -> None:
        lines: list[Line] = []
        for n, row in enumerate(self.rows):
            here = n == self.at and self.has_focus
            lines.append((("▌" if here else " ", "pointer"), *row.line) if row.query else row.line)
        self.put(lines)
        top = self.scroll_offset.y
        # The title stays in view with the first row of a section, the example with its issue.
        if self.at - 2 < top:
            self.go(self.at - 2)
        elif self.at + 2 > top + self.page:
            self.go(self.at + 2 - self.page)
        self.post_message(self.Moved())

    def on_focus(self) -> None:
        self._point()

    def on_blur(self) -> None:
        self._point()

    def on_resize(self, event: events.Resize) -> None:
        self.draw()

    def on_click(self, event: events.Click) -> None:
        at = self.scroll_offset.y + event.y
        if at < len(self.rows) and self.rows[at].query:
            again = at == self.at
            self.at = at
            self._point()
            if again:
                self.post_message(self.Opened())
