"""Cases like this one that we answered, with what we said there."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import OptionList, Static
from textual.widgets.option_list import Option

from sources.text.lookalikes import revealed
from tui.safe import clip, line

if TYPE_CHECKING:
    from sources.likeness import Alike

SHOWN = 300  # signs of either's words


class AlikeScreen(ModalScreen["tuple[str, Alike] | None"]):
    """Answers ("open", the case) or ("draft", the case whose answer is wanted)."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,q", "dismiss(None)", show=False),
        Binding("j", "step(1)", show=False),
        Binding("k", "step(-1)", show=False),
        Binding("o", "take('open')", show=False),
        Binding("d", "take('draft')", show=False),
    ]

    def __init__(self, found: Sequence[Alike]) -> None:
        super().__init__()
        self.found = found

    def compose(self) -> ComposeResult:
        with Vertical(classes="dialog"):
            yield Static(line("answered cases like this one"), classes="heading")
            yield OptionList(*(Option(_prompt(each)) for each in self.found), markup=False, compact=True)
            yield Static(line("Enter opens · d takes its answer as a draft · Esc leaves"), classes="hint")

    def on_mount(self) -> None:
        options = self.query_one(OptionList)
        options.highlighted = 0
        options.focus()

    def action_step(self, lines: int) -> None:
        options = self.query_one(OptionList)
        options.highlighted = max(0, min((options.highlighted or 0) + lines, len(self.found) - 1))

    def action_take(self, what: str) -> None:
        highlighted = self.query_one(OptionList).highlighted
        if highlighted is not None:
            self.dismiss((what, self.found[highlighted]))

    @on(OptionList.OptionSelected)
    def _chosen(self) -> None:
        self.action_take("open")


def _prompt(each: Alike) -> Content:
    """Three lines: how like and whose, what they said, what we said."""
    row = each.row
    return Content.assemble(
        (f"{each.likeness:.0%}", "bold"), " ", line(clip(row.handle, 30)), "  ", line(row.language, "dim"), "\n",
        line(clip(revealed(" ".join(row.text.split())), SHOWN)), "\n",
        ("↳ ", "dim"), line(clip(" ".join(each.answer.split()), SHOWN), "dim"),
    )  # fmt: skip
