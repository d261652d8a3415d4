"""The inbox list: Textual's line API over a `Listing`. It draws what is visible, asks for what it lacks."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import ClassVar

from rich.cells import cell_len
from rich.segment import Segment
from rich.style import Style
from textual import events
from textual.geometry import Size
from textual.message import Message
from textual.scroll_view import ScrollView
from textual.strip import Strip

from store.domain.case import InboxRow
from store.domain.presence import Presence
from store.domain.query import Node
from tui import signs
from tui.listing import Listing
from tui.safe import clip, fit
from tui.theme import lean
from tui.widgets.mention_line import Look, pieces

NEAR_END = 100  # so close to the end of the loaded part, more is asked for
STYLES = ("pointer", "mark", "new", "quiet", "urgent", "late", "positive", "neutral", "negative", "way", "hit", "side")


class MentionList(ScrollView, can_focus=True, inherit_bindings=False):
    """Cases, one a line."""

    DEFAULT_CSS = """
    MentionList {
        height: 1fr; scrollbar-size: 0 0; background: $background; color: $foreground;
        & > .cursor { background: $primary 18%; text-style: none; }
        & > .pointer { color: $primary; text-style: bold; }
        & > .mark { color: $accent; text-style: bold; }
        & > .new { text-style: bold; }
        & > .quiet, & > .neutral { color: $text-muted; }
        & > .urgent, & > .late { color: $error; text-style: bold; }
        & > .positive { color: $success; }
        & > .negative { color: $error; }
        & > .way { color: $success; }
        & > .hit { text-style: bold underline; }
        & > .side { color: $secondary; }
        &:ansi > .cursor { background: ansi_default; text-style: reverse; }
        &:ansi > .quiet, &:ansi > .neutral { color: ansi_default; text-style: dim; }
        &:ansi > .side { color: ansi_cyan; }
    }
    """
    COMPONENT_CLASSES: ClassVar[set[str]] = {"cursor", *STYLES}

    class Moved(Message):
        """The cursor stands on another case, or what is marked changed."""

    class Wanted(Message):
        """Rows are missing around what is visible."""

    class More(Message):
        """The end of the loaded part is near."""

    class Opened(Message):
        """A second click on the line."""

    def __init__(self, listing: Listing, me: str, *, id: str | None = None) -> None:  # noqa: A002
        super().__init__(id=id)
        self.listing = listing
        self.me = me
        self.sought: Node | None = None
        self.ours: tuple[str, ...] = ()
        self.present: tuple[Presence, ...] = ()
        self.now = datetime.now(UTC)
        self.words_of_emptiness = ""
        self._still = False  # while lines move under a screen that stays as it is
        self._anew = False  # what stands on the screen is another view's

    # What is shown

    def show(self, ids: Sequence[int], *, whole: bool, arrivals: bool, nothing: str = "") -> None:
        """Take a new order; the same case stays on the same line of the screen, and only what differs is drawn.
        `nothing` stands where there is no case."""
        with self._drawing_the_difference():
            self.words_of_emptiness = nothing
            moved = self.listing.replace(ids, whole=whole, arrivals=arrivals)
            # Set quietly: the size of what could be scrolled to lays nothing out anew.
            self.set_reactive(MentionList.virtual_size, Size(self.size.width, len(ids)))
            self.scroll_to(y=self.scroll_offset.y + moved, animate=False, force=True)
            self.reveal()
        self._look_around()
        self.post_message(self.Moved())

    def begin_anew(self) -> None:
        """Another view comes: what stands on the screen is of no use any more, and stays until that one is there."""
        self.listing.clear()
        self._anew, self._still = True, True
        self.scroll_to(y=0, animate=False, force=True)
        self._still = False

    def keep(self, asked: Iterable[int], rows: Iterable[InboxRow]) -> None:
        """Rows that were asked for; only their lines are drawn again."""
        wanted = set(asked)
        self.listing.keep(wanted, rows)
        low, high = self.window()
        for position in range(low, high):
            if self.listing.ids[position] in wanted:
                self.refresh_line(position)
        self.post_message(self.Moved())

    def changed(self) -> None:
        """Marks or hits look different everywhere."""
        self.refresh()
        self.post_message(self.Moved())

    def meet(self, present: tuple[Presence, ...]) -> None:
        """Who else is at a case now; their lines are drawn again."""
        there = {one.case_id for one in (*self.present, *present)}
        self.present, self.now = present, datetime.now(UTC)
        for position in range(*self.window()) if there else ():
            if self.listing.ids[position] in there:
                self.refresh_line(position)

    def grow_older(self) -> None:
        """Draw the lines again whose age reads differently by now."""
        before, self.now = self.now, datetime.now(UTC)
        for position in range(*self.window()):
            row = self.listing.row(position)
            if row and any(sign(row, before) != sign(row, self.now) for sign in (signs.overdue, _age)):
                self.refresh_line(position)

    @contextmanager
    def _drawing_the_difference(self) -> Iterator[None]:
        before, self._still = self._drawn(), True
        try:
            yield
        finally:
            self._still = False
        if self._anew:
            self._anew = False
            self.refresh()
            return
        top = self.scroll_offset.y
        for y, (old, new) in enumerate(zip(before, self._drawn(), strict=True)):
            if old != new:
                self.refresh_line(top + y)

    def _drawn(self) -> list[tuple[int, bool, bool] | str]:
        """What each line of the screen shows: the case, whether the cursor is on it, whether it is marked; or words."""
        marked, (low, high) = self.listing.marked, self.window()
        shown: list[tuple[int, bool, bool] | str] = [
            (self.listing.ids[n], n == self.listing.cursor, self.listing.ids[n] in marked) for n in range(low, high)
        ]
        return shown + [self._instead(y) for y in range(len(shown), self.size.height)]

    def _instead(self, y: int) -> str:
        """What a line without a case says."""
        return self.words_of_emptiness if not len(self.listing) and y == self.size.height // 3 else ""

    def window(self) -> tuple[int, int]:
        """[first, last) positions on screen."""
        top = self.scroll_offset.y
        return top, min(len(self.listing), top + self.size.height)

    def missing(self) -> list[int]:
        """What is not here of a screenful either side, the visible part first."""
        low, high = self.window()
        page = max(1, self.size.height)
        near = self.listing.missing(low, high)
        return near + [i for i in self.listing.missing(low - page, high + page) if i not in set(near)]

    # Moves

    def go(self, position: int, *, centre: bool = False) -> None:
        """Put the cursor on a line: two lines are drawn, or a page where it would leave the screen."""
        before, low, high = self.listing.cursor, *self.window()
        range_begun = self.listing.anchor is not None
        if not self.listing.move(position):
            return
        cursor = self.listing.cursor
        if low <= cursor < high:
            if range_begun:
                self.refresh_lines(min(before, cursor), abs(before - cursor) + 1)
            else:
                self.refresh_line(before)
                self.refresh_line(cursor)
        else:
            self.reveal(centre=centre)
        self._look_around()
        self.post_message(self.Moved())

    def reveal(self, *, centre: bool = False) -> None:
        """Bring the cursor on screen, a page at a time: the fewest bytes for who reads line by line."""
        low, height, cursor = self.scroll_offset.y, max(1, self.size.height), self.listing.cursor
        if low <= cursor < low + height:
            return
        top = cursor - height // 2 if centre else cursor if cursor >= low + height else cursor - height + 1
        self.scroll_to(y=max(0, top), animate=False, force=True)

    def refresh_cursor(self) -> None:
        """The current line looks different (a mark)."""
        self.refresh_line(self.listing.cursor)
        self.post_message(self.Moved())

    def watch_scroll_y(self, old_value: float, new_value: float) -> None:
        if round(old_value) != round(new_value) and not self._still:
            self.refresh(self.size.region)
            self._look_around()

    def _look_around(self) -> None:
        """Note what is on screen now and ask for what is missing."""
        low, high = self.window()
        if self.listing.arrived:
            self.listing.arrived.difference_update(self.listing.ids[low:high])
        page = max(1, self.size.height)
        if self.listing.missing(low - page, high + page):
            self.post_message(self.Wanted())
        if not self.listing.whole and high > len(self.listing) - NEAR_END:
            self.post_message(self.More())

    # Events

    def on_resize(self, event: events.Resize) -> None:
        self.set_reactive(MentionList.virtual_size, Size(event.size.width, len(self.listing)))
        self.reveal()
        self._look_around()

    def on_click(self, event: events.Click) -> None:
        position = self.scroll_offset.y + event.y
        if position >= len(self.listing):
            return
        if position == self.listing.cursor:
            self.post_message(self.Opened())
        else:
            self.go(position)

    # Paint

    def render_line(self, y: int) -> Strip:
        position, width = self.scroll_offset.y + y, self.size.width
        base = lean(self.rich_style)
        if position >= len(self.listing):
            words = clip(self._instead(y), width)
            before = " " * ((width - cell_len(words)) // 2)
            return Strip([Segment(before + fit(words, width - len(before)), base)], width)
        row = self.listing.row(position)
        cursor, marked = position == self.listing.cursor, self.listing.ids[position] in self.listing.marked
        over = self._style("cursor") if cursor else base
        if row is None:
            return Strip([Segment(fit(("▌" if cursor else " ") + " …", width), over)], width)
        look = Look(width=width, now=self.now, me=self.me, sought=self.sought, ours=self.ours, present=self.present)
        segments: list[Segment] = []
        for text, name in pieces(row, look, cursor=cursor, marked=marked):
            # The line under the cursor is one colour: its signs say it all, and colours on a bar are hard to read.
            style = over if cursor or not name or not text.strip() else self._style(name)
            if segments and segments[-1].style == style:
                segments[-1] = Segment(segments[-1].text + text, style)
            else:
                segments.append(Segment(text, style))
        return Strip(segments).adjust_cell_length(width, over)

    def _style(self, name: str) -> Style:
        return lean(self.get_component_rich_style(name))


def _age(row: InboxRow, now: datetime) -> str:
    return signs.age(row.last_at, now)
