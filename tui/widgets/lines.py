"""A pane of styled lines over Textual's line API: it draws what is visible, and of that only what differs."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import zip_longest
from typing import ClassVar

from rich.cells import cell_len
from rich.segment import Segment
from rich.style import Style
from textual import events
from textual.geometry import Size
from textual.scroll_view import ScrollView
from textual.strip import Strip

from store.domain.safetext import safe
from tui.safe import clip
from tui.theme import lean

Piece = tuple[str, str]  # clean text without line breaks, the name of its style ("" is plain)
Line = tuple[Piece, ...]

STYLES = (
    *("strong", "quiet", "heading", "pointer", "hit", "side", "theirs", "ours", "note", "way"),
    *("urgent", "late", "positive", "neutral", "negative", "cursor"),
)


def text(words: str, style: str = "") -> Line:
    """One line, cleaned once more; a line longer than a screen is clipped where it is drawn."""
    return ((clip(words, 400), style),)


class Lines(ScrollView, can_focus=True, inherit_bindings=False):
    """`put` shows lines; the place stays where it was."""

    DEFAULT_CSS = """
    Lines {
        height: 1fr; scrollbar-size: 0 0; background: $background; color: $foreground;
        & > .strong, & > .heading { text-style: bold; }
        & > .quiet, & > .neutral { color: $text-muted; }
        & > .pointer, & > .theirs { color: $primary; text-style: bold; }
        & > .ours, & > .way, & > .positive { color: $success; }
        & > .note { color: $warning; }
        & > .urgent, & > .late { color: $error; text-style: bold; }
        & > .negative { color: $error; }
        & > .side { color: $secondary; }
        & > .hit { text-style: bold underline; }
        & > .cursor { background: $primary 18%; }
        &:ansi > .quiet, &:ansi > .neutral { color: ansi_default; text-style: dim; }
        &:ansi > .cursor { background: ansi_default; text-style: reverse; }
        &:ansi > .side { color: ansi_cyan; }
    }
    """
    COMPONENT_CLASSES: ClassVar[set[str]] = {*STYLES}

    def __init__(self, *, id: str | None = None) -> None:  # noqa: A002
        super().__init__(id=id)
        self.lines: list[Line] = []

    def put(self, lines: Sequence[Line]) -> None:
        before, self.lines = self.lines, list(lines)
        self.virtual_size = Size(self.width, len(self.lines))
        for y, (old, new) in enumerate(zip_longest(before, self.lines)):
            if old != new:
                self.refresh_line(y)

    @property
    def width(self) -> int:
        """Cells there are for a line."""
        return self.scrollable_content_region.width

    @property
    def page(self) -> int:
        return max(1, self.scrollable_content_region.height)

    def go(self, line: float) -> None:
        """Make this the first line on screen, as far as there are so many."""
        self.scroll_to(y=max(0, min(line, len(self.lines) - self.page)), animate=False, force=True)

    def scroll(self, lines: int) -> None:
        self.go(self.scroll_offset.y + lines)

    def edge(self, which: int) -> None:
        """To the first (-1) or the last line."""
        self.go(0 if which < 0 else len(self.lines))

    def on_resize(self, event: events.Resize) -> None:
        self.virtual_size = Size(self.width, len(self.lines))

    def render_line(self, y: int) -> Strip:
        at, width, base = y + self.scroll_offset.y, self.width, self.rich_style
        if at >= len(self.lines):
            return Strip.blank(width, base)
        segments: list[Segment] = []
        over, used = Style(), 0
        for words, name in self.lines[at]:
            if not words.isprintable():  # what should have been cleaned where the line was made
                words = safe(words).replace("\n", " ").replace("\t", " ")
            style = lean(self.get_component_rich_style(name)) if name else Style()
            over = style if name == "cursor" else over
            segments.append(Segment(words, base + style))
            used += cell_len(words)
        if used < width:
            segments.append(Segment(" " * (width - used), base + over))
        elif (
            width and cell_len("".join(segment.text for segment in segments).rstrip()) > width
        ):  # a cut that nobody sees would look like the end
            return Strip([*Strip(segments).crop(0, width - 1), Segment("…", base + over)]).adjust_cell_length(
                width, base
            )
        return Strip(segments).adjust_cell_length(width, base)
