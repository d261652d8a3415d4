"""The last look before something public leaves: who will see what, as whom, and four keys."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from textual.app import ComposeResult
from textual.binding import Binding
from textual.containers import Vertical, VerticalScroll
from textual.screen import ModalScreen
from textual.widgets import Static

from tui.safe import content, line

Answer = Literal["send", "edit", "postpone", "drop"]


class ReviewScreen(ModalScreen[Answer]):
    """Enter alone sends nothing. `facts` are said in one line: network, account, public or not, length, who else."""

    BINDINGS = [  # noqa: RUF012
        Binding("y", "dismiss('send')", show=False),
        Binding("e,escape,q", "dismiss('edit')", show=False),
        Binding("p", "dismiss('postpone')", show=False),
        Binding("n", "dismiss('drop')", show=False),
        Binding("j,down", "scroll(1)", show=False),
        Binding("k,up", "scroll(-1)", show=False),
    ]
    CSS_PATH = "review.tcss"

    def __init__(self, heading: str, text: str, facts: Sequence[str], *, warnings: Sequence[str] = ()) -> None:
        super().__init__()
        self.heading, self.text, self.facts, self.warnings = heading, text, facts, warnings

    def compose(self) -> ComposeResult:
        with Vertical(classes="dialog"):
            yield Static(line(self.heading), classes="heading")
            with VerticalScroll(can_focus=False):
                yield Static(content(self.text), id="words")
            yield Static(line(" · ".join(self.facts)), classes="said")
            for warning in self.warnings:
                yield Static(line(f"⚠ {warning}"), classes="said -warning")
            yield Static("y send · e edit · p postpone · n drop", classes="hint", markup=False)

    def action_scroll(self, lines: int) -> None:
        self.query_one(VerticalScroll).scroll_relative(y=lines, animate=False)
