"""The one question: y goes on, n or Esc does not."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.screen import ModalScreen
from textual.widgets import Static

from tui.safe import line


class ConfirmScreen(ModalScreen[bool]):
    """Enter alone confirms nothing: it is struck too easily."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("y", "dismiss(True)", show=False),
        Binding("n,escape,q", "dismiss(False)", show=False),
    ]

    def __init__(self, title: str, lines: Sequence[str] = (), *, verb: str = "go on") -> None:
        super().__init__()
        self.heading, self.lines, self.verb = title, list(lines), verb

    def compose(self) -> ComposeResult:
        with Vertical(classes="dialog"):
            yield Static(line(self.heading), classes="heading")
            for said in self.lines:
                yield Static(line(said), classes="said")
            yield Static(line(f"y: {self.verb} · n: no"), classes="hint")
