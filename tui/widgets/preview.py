"""The case under the cursor, beside the list where the screen is wide enough."""

from __future__ import annotations

from datetime import datetime
from itertools import zip_longest

from textual.content import Content
from textual.geometry import Size
from textual.scroll_view import ScrollView
from textual.strip import Strip
from textual.visual import Visual

from sources.text.lookalikes import revealed
from store.domain.case import CaseDetail, InboxRow
from store.domain.mention import Mention
from tui import signs
from tui.links import plain
from tui.safe import content, line
from tui.times import local


class Preview(ScrollView, can_focus=True):
    """Shows at once what the row knows, then the whole words when they come; draws only the lines that differ."""

    DEFAULT_CSS = """
    Preview { width: 42%; padding: 0 1; border-left: solid $panel; scrollbar-size: 0 0; background: $background; }
    Preview:focus { border-left: solid $primary; }
    Preview:ansi { border-left: solid ansi_bright_black; }
    Preview:ansi:focus { border-left: solid ansi_cyan; }
    """

    def __init__(self, *, id: str | None = None) -> None:  # noqa: A002
        super().__init__(id=id)
        self._case: int | None = None
        self._version = 0
        self.ours: tuple[str, ...] = ()  # who an author could be taken for
        self._words = Content()
        self._strips: list[Strip] = []

    def on_resize(self) -> None:
        self._lay_out()

    def notify_style_update(self) -> None:
        """Another theme: the strips hold the old one's colours."""
        super().notify_style_update()
        self._lay_out()

    def render_line(self, y: int) -> Strip:
        at, width = y + self.scroll_offset.y, self.scrollable_content_region.width
        if at >= len(self._strips):
            return Strip.blank(width, self.rich_style)
        return self._strips[at].adjust_cell_length(width, self.rich_style)

    def _put(self, words: Content) -> None:
        if words != self._words:
            self._words = words
            self._lay_out()

    def _lay_out(self) -> None:
        width = self.scrollable_content_region.width
        before, self._strips = (
            self._strips,
            Visual.to_strips(self, self._words, width, None, self.visual_style) if width else [],
        )
        self.set_reactive(Preview.virtual_size, Size(width, len(self._strips)))  # set quietly: no layout, no full paint
        for y, (old, new) in enumerate(zip_longest(before, self._strips)):
            if old != new:
                self.refresh_line(y)

    def show_row(self, row: InboxRow | None, now: datetime) -> None:
        if row is None:
            self._case = None
            self._put(Content())
        elif row.id != self._case or row.version != self._version:
            if row.id != self._case:
                self.scroll_home(animate=False)
            self._case, self._version = row.id, row.version
            title = [line(revealed(row.title), "bold")] if row.title else []
            words = Content("\n").join([*title, content(revealed(row.text))])
            self._put(Content("\n\n").join([head(row, now, self.ours), words]))

    def show_detail(self, detail: CaseDetail, now: datetime) -> None:
        """All their words and ours, in the order they were said, and our notes."""
        if detail.row.id == self._case:
            alone = len(detail.mentions) == 1
            parts = [head(detail.row, now, self.ours), *(said(mention, alone=alone) for mention in detail.mentions)]
            parts += [
                Content.assemble(line(f"note by {note.agent}:", "dim"), " ", content(note.text))
                for note in detail.notes
            ]
            self._put(Content("\n\n").join(parts))


def head(row: InboxRow, now: datetime, ours: tuple[str, ...]) -> Content:
    """Who, where, and how the case stands."""
    who = Content.assemble(
        line(row.name or row.handle, "bold"),
        "  " if row.name and row.name != row.handle else "",
        line(row.handle if row.name and row.name != row.handle else "", "dim"),
        (f"  {row.followers:,} followers" if row.followers is not None else "", "dim"),
        (f"  {double}" if (double := signs.double(row, ours)) else "", "bold"),
    )
    stands = [
        f"{signs.STATUS[row.status]} {row.status.value}",
        f"{row.priority.value} priority" if row.priority.value != "normal" else "",
        f"→ {row.assignee}" if row.assignee else "nobody has it",
        f"answer due {signs.left(row.due_at - now)}" if row.due_at and row.status not in signs.LATER else "",
        f"{signs.DELIVERY[row.delivery]} {row.delivery}" if row.delivery in signs.DELIVERY else "",
    ]
    reads = [
        f"{signs.SENTIMENT.get(row.sentiment, '·')} {row.sentiment}",
        row.language,
        row.intent or "",
        signs.urgent_for(row) if row.urgency else "",
        f"issue: {row.issue}" if row.issue else "",
    ]
    about = [
        *(f"#{tag}" for tag in row.tags),
        *(f"watch {watch}" for watch in row.watches),
    ]
    lines = [
        who,
        line(f"{row.network} · {local(row.last_at)}", "dim"),
        line(" · ".join(fact for fact in stands if fact)),
        line(" · ".join(fact for fact in reads if fact)),
        line(" ".join(about), "dim"),
        line(plain(row.url), "dim"),
    ]
    return Content("\n").join(part for part in lines if part.plain)


def said(mention: Mention, *, alone: bool) -> Content:
    """One mention: its words, and, where it is not the only one or not as it was, whose and when."""
    facts = ["us" if mention.ours else mention.author.handle, local(mention.created_at)] if not alone else []
    facts += ["edited"] if mention.edited_at else []
    facts += ["deleted by its author"] if mention.deleted_at else []
    heading = [line(" · ".join(facts), "dim")] if facts else []
    title = [line(revealed(mention.title), "bold")] if mention.title else []
    return Content("\n").join([*heading, *title, content(revealed(mention.text))])
