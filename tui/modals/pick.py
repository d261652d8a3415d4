"""The one picker: a list that typing narrows, with keys that choose at once."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import ClassVar, Generic, TypeVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Input, OptionList, Static
from textual.widgets.option_list import Option

from store.domain.errors import EarfulError
from store.domain.safetext import safe_line
from tui.safe import line
from tui.widgets.text_field import TextField

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Choice(Generic[T]):
    """`key` chooses it as the first thing typed; `aside` is said quietly at the right; `also` is searched only."""

    value: T
    label: str
    key: str = ""
    aside: str = ""
    also: str = ""


class PickScreen(ModalScreen[T | None], Generic[T]):
    """Answers the chosen value, None where nothing was chosen. With `free`, what was typed and is in no list is made a
    value by it; what it refuses (EarfulError) is said and the picker stays."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "dismiss(None)", show=False),
        Binding("down,ctrl+n", "step(1)", show=False),
        Binding("up,ctrl+p", "step(-1)", show=False),
        Binding("pagedown", "step(10)", show=False),
        Binding("pageup", "step(-10)", show=False),
    ]
    AUTO_FOCUS = "Input"

    def __init__(
        self, title: str, choices: Sequence[Choice[T]], *, free: Callable[[str], T] | None = None, hint: str = ""
    ) -> None:
        super().__init__()
        self.heading, self.choices, self.free = title, list(choices), free
        self.hint = hint or "type to narrow · Enter takes · Esc leaves"
        self.found: list[Choice[T] | None] = []  # None: what was typed

    def compose(self) -> ComposeResult:
        with Vertical(classes="dialog"):
            yield Static(line(self.heading), classes="heading")
            yield TextField(compact=True, placeholder="type …", select_on_focus=False)
            yield OptionList(markup=False, compact=True)
            yield Static(line(self.hint), classes="hint")

    def on_mount(self) -> None:
        self.query_one(OptionList).can_focus = False
        self._narrow("")

    @on(Input.Changed)
    def _typed(self, event: Input.Changed) -> None:
        self._narrow(event.value)

    def choose(self, key: str) -> str:
        """Answer what `key` chooses, and tell its label; "" where it chooses nothing."""
        for choice in self.choices:
            if choice.key and choice.key == key:
                self.dismiss(choice.value)
                return choice.label
        return ""

    @on(Input.Submitted)
    def _entered(self) -> None:
        highlighted = self.query_one(OptionList).highlighted
        if highlighted is not None:
            self._take(highlighted)

    @on(OptionList.OptionSelected)
    def _clicked(self, event: OptionList.OptionSelected) -> None:
        self._take(event.option_index)

    def _take(self, index: int) -> None:
        if not self.is_current:  # a key struck right behind this one has left it already
            return
        if (choice := self.found[index]) is not None:
            self.dismiss(choice.value)
        elif self.free is not None:
            try:
                self.dismiss(self.free(safe_line(self.query_one(Input).value).strip()))
            except EarfulError as error:
                self.query_one(".hint", Static).update(line(str(error), "$error"))

    def action_step(self, lines: int) -> None:
        options = self.query_one(OptionList)
        if options.option_count:
            options.highlighted = max(0, min((options.highlighted or 0) + lines, options.option_count - 1))

    def _narrow(self, typed: str) -> None:
        """Choices that hold every typed word; first those whose label begins with it, then those whose label has it."""
        words = typed.casefold().split()

        def rank(choice: Choice[T]) -> int:
            label = choice.label.casefold()
            return 0 if label.startswith(" ".join(words)) else 1 if all(word in label for word in words) else 2

        held = [c for c in self.choices if all(w in f"{c.label} {c.also}".casefold() for w in words)]
        self.found = [*sorted(held, key=rank)] if words else [*held]
        if self.free is not None and words and all(choice.label != typed.strip() for choice in held):
            # What was typed comes before what merely contains it: Enter must not take a name nobody meant.
            self.found.insert(sum(1 for choice in held if rank(choice) == 0), None)
        options = self.query_one(OptionList)
        options.clear_options()
        options.add_options(
            Option(Content.assemble("take “", line(typed), "”") if choice is None else self._prompt(choice))
            for choice in self.found
        )
        options.highlighted = 0 if self.found else None

    def _prompt(self, choice: Choice[T]) -> Content:
        key = (f"{choice.key}  " if choice.key else "   ") if any(c.key for c in self.choices) else ""
        aside = Content.assemble("  ", line(choice.aside, "dim")) if choice.aside else Content()
        return Content.assemble((key, "bold"), line(choice.label), aside)
