"""What the numbers of a place mean."""

from __future__ import annotations

from collections.abc import Sequence

from textual.app import ComposeResult
from textual.binding import Binding
from textual.containers import Vertical
from textual.screen import ModalScreen
from textual.widgets import Static

from tui.definitions import DEFINITIONS
from tui.safe import line


class DefineScreen(ModalScreen[bool]):
    """Answers True where the keys of the screen below are asked for, by a second "?"."""

    BINDINGS = [  # noqa: RUF012
        Binding("question_mark", "dismiss(True)", show=False),
        Binding("escape,q,enter", "dismiss(False)", show=False),
    ]

    def __init__(self, names: Sequence[str]) -> None:
        super().__init__()
        self.names = names

    def compose(self) -> ComposeResult:
        with Vertical(classes="dialog"):
            for name in self.names:
                sentence, arithmetic = DEFINITIONS[name]
                yield Static(line(name), classes="heading")
                yield Static(line(sentence), classes="said")
                yield Static(line(arithmetic), classes="label")
            yield Static("Esc leaves · ? the keys of this screen", classes="hint", markup=False)
