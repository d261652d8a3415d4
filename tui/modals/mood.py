"""Why a mention reads as it does."""

from __future__ import annotations

from collections.abc import Sequence

from textual.app import ComposeResult
from textual.binding import Binding
from textual.containers import Vertical
from textual.screen import ModalScreen
from textual.widgets import Static

from tui.safe import line


class MoodScreen(ModalScreen[bool]):
    """Answers True where the mood is to be corrected."""

    BINDINGS = [  # noqa: RUF012
        Binding("S", "dismiss(True)", show=False),
        Binding("escape,q,enter,w", "dismiss(False)", show=False),
    ]

    def __init__(self, lines: Sequence[str]) -> None:
        super().__init__()
        self.lines = list(lines)

    def compose(self) -> ComposeResult:
        with Vertical(classes="dialog"):
            yield Static("Why this mood", classes="heading", markup=False)
            for said in self.lines:
                yield Static(line(said), classes="said")
            yield Static("S corrects it · Esc leaves", classes="hint", markup=False)
