"""The one small form: a few lines to fill in, Enter goes on and at the last one is done."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.screen import ModalScreen
from textual.widgets import Input, Label, Static

from tui.safe import line
from tui.widgets.text_field import TextField


@dataclass(frozen=True, slots=True)
class Field:
    name: str
    label: str
    value: str = ""
    required: bool = False


class FormScreen(ModalScreen[dict[str, str] | None]):
    """Answers field name -> text, None where it was left. `lines` say what it is about."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "dismiss(None)", show=False),
        Binding("ctrl+s", "submit", show=False),
    ]
    AUTO_FOCUS = "Input"

    def __init__(self, title: str, fields: Sequence[Field], *, lines: Sequence[str] = (), verb: str = "done") -> None:
        super().__init__()
        self.heading, self.fields, self.lines, self.verb = title, list(fields), list(lines), verb

    def compose(self) -> ComposeResult:
        with Vertical(classes="dialog"):
            yield Static(line(self.heading), classes="heading")
            for said in self.lines:
                yield Static(line(said), classes="said")
            for field in self.fields:
                yield Label(line(field.label + ("" if field.required else " (optional)")), classes="label")
                yield TextField(field.value, id=f"field-{field.name}", compact=True, select_on_focus=False)
            enter = f"Enter goes on, at the end: {self.verb}" if len(self.fields) > 1 else f"Enter: {self.verb}"
            yield Static(line(f"{enter} · Esc leaves"), classes="hint")

    @on(Input.Submitted)
    def _next(self, event: Input.Submitted) -> None:
        inputs = list(self.query(Input))
        at = inputs.index(event.input)
        if at + 1 < len(inputs):
            self.set_focus(inputs[at + 1])
        else:
            self.action_submit()

    def action_submit(self) -> None:
        if not self.is_current:  # a key struck right behind this one has left it already
            return
        values = {field.name: self.query_one(f"#field-{field.name}", Input).value.strip() for field in self.fields}
        for field in self.fields:
            if field.required and not values[field.name]:
                self.query_one(".hint", Static).update(line(f"{field.label} is needed", "$error"))
                self.set_focus(self.query_one(f"#field-{field.name}", Input))
                return
        self.dismiss(values)
