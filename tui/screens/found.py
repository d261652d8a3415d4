"""What a number or a person stands for: the cases that a query finds, as an inbox of its own over what asked."""

from __future__ import annotations

from collections.abc import Sequence

from textual import events
from textual.content import Content
from textual.widgets import Static

from tui.safe import clip
from tui.screens.inbox import InboxScreen
from tui.widgets.status_line import KeysLine


class FoundScreen(InboxScreen):
    """Everything works here as in the inbox; leaving goes back to where the question was asked. `title` says in words
    what `query` asks for; `order` is that of these cases, else the newest are first."""

    def __init__(self, query: str, title: str, order: Sequence[int] = ()) -> None:
        super().__init__()
        self.ranks = {number: place for place, number in enumerate(order)}
        self.asked, self.title_words = query, title
        self._waiting_for_first = False  # keys wait for `load` alone

    def on_mount(self, event: events.Mount) -> None:  # type: ignore[override]
        event.prevent_default()  # Textual would run the inbox's own handler after this one
        super().on_mount()
        self.query_one(KeysLine).labels = {"back": "back"}
        self.status.tell(pulse=self.app.background.pulse)
        self._look_for(self.asked, everywhere=True)

    def _draw_views(self) -> None:
        """In the views' place: what was asked for, and the way back."""
        key = self.app.key_of("clear")
        words = self.title_words if self.search in ("", self.asked) else f"search “{self.search}”"
        shown = clip(words, max(10, self.app.size.width - 20))
        self.query_one("#views", Static).update(Content.assemble((f" {shown}", "bold"), (f"  {key} goes back", "dim")))

    def tell_place(self) -> None:
        super().tell_place()
        if self.search == self.asked:
            here = f"{self.listing.cursor + 1:,}/{self.total}" if len(self.listing) else "0"
            marked = f" · {len(self.listing.marked):,} marked" if self.listing.marked else ""
            self.status.tell(place=f"found {here}{marked}")

    def action_back(self) -> None:
        self.app.pop_screen()

    def action_clear(self) -> None:
        if self.has_class("-asking") or self.listing.anchor is not None:
            super().action_clear()
        elif self.listing.marks:
            self.listing.marks.clear()
            self.list.changed()
        elif self.search == self.asked:
            self.app.pop_screen()
        else:
            self._look_for(self.asked, everywhere=True)
