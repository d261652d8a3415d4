"""The keys of the screen below, searchable."""

from __future__ import annotations

from itertools import zip_longest
from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.screen import ModalScreen, Screen
from textual.widgets import Input, OptionList, Static
from textual.widgets.option_list import Option

from tui import actions, signs
from tui.lettering import wrap
from tui.widgets.text_field import TextField

KEYS_CELLS, SIGNS_CELLS = 14, 52


class HelpScreen(ModalScreen[None]):
    """What can be done here, by which keys, and what the signs mean. Enter does it."""

    CSS_PATH = "help.tcss"
    AUTO_FOCUS = "Input"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "dismiss", show=False),
        Binding("down,ctrl+n", "step(1)", show=False),
        Binding("up,ctrl+p", "step(-1)", show=False),
        Binding("pagedown,ctrl+d", "step(10)", show=False),
        Binding("pageup,ctrl+u", "step(-10)", show=False),
    ]

    def __init__(self, below: Screen[object]) -> None:
        super().__init__()
        self.bound = {active.binding.id: active for active in below.active_bindings.values() if active.enabled}

    def compose(self) -> ComposeResult:
        with Vertical(classes="dialog"):
            yield Static("Keys of this screen", classes="heading", markup=False)
            yield TextField(compact=True, placeholder="type to search", select_on_focus=False)
            yield OptionList(markup=False, compact=True)
            yield Static(classes="hint", markup=False)

    def on_mount(self) -> None:
        self.query_one(OptionList).can_focus = False
        self._narrow("")

    @on(Input.Changed)
    def _typed(self, event: Input.Changed) -> None:
        if event.value == "?":
            self.dismiss()
        else:
            self._narrow(event.value)

    @on(Input.Submitted)
    async def _entered(self) -> None:
        options = self.query_one(OptionList)
        if options.highlighted is not None and (name := options.get_option_at_index(options.highlighted).id):
            await self._run(name)

    @on(OptionList.OptionSelected)
    async def _clicked(self, event: OptionList.OptionSelected) -> None:
        if event.option.id:
            await self._run(event.option.id)

    async def _run(self, name: str) -> None:
        active = self.bound[name]
        self.dismiss()
        self.app.call_later(self.app.run_action, active.binding.action, active.node)

    def action_step(self, lines: int) -> None:
        options = self.query_one(OptionList)
        there = options.highlighted or 0
        for _ in range(abs(lines)):
            options.action_cursor_down() if lines > 0 else options.action_cursor_up()
            if (options.highlighted or 0) == there or (lines > 0) != ((options.highlighted or 0) > there):
                options.highlighted = there  # no wrapping round
                break
            there = options.highlighted or 0

    def on_resize(self) -> None:
        self.call_after_refresh(self._say_more)

    def _narrow(self, typed: str) -> None:
        words = typed.casefold().split()
        options = self.query_one(OptionList)
        options.clear_options()
        group = ""
        for action in actions.ACTIONS:
            keys = action.shown or actions.shown(self.app.keymap.get(action.id, action.keys))  # type: ignore[attr-defined]
            text = f"{keys} {action.label} {action.help} {action.group}".casefold()
            if action.id not in self.bound or not action.listed or not all(word in text for word in words):
                continue
            if action.group != group:
                group = action.group
                options.add_option(Option(Content.styled(group, "bold"), disabled=True))
            options.add_option(Option(Content.assemble((f"  {keys:<{KEYS_CELLS}}", "bold"), action.help), id=action.id))
        if not words:
            options.add_option(Option(Content.styled("Signs", "bold"), disabled=True))
            for name, meanings in signs.LEGEND:
                said = wrap([f"{sign} {meaning}" for sign, meaning in meanings], SIGNS_CELLS, gap=2)
                for title, line in zip_longest((name,), said, fillvalue=""):
                    options.add_option(Option(Content(f"  {title:<{KEYS_CELLS}}{line}"), disabled=True))
        options.highlighted = None
        options.action_first()
        self.call_after_refresh(self._say_more)

    def _say_more(self) -> None:
        options = self.query_one(OptionList)
        more = "↑ ↓ scroll, there is more · " if options.max_scroll_y > 0 else ""
        self.query_one(".hint", Static).update(f"{more}Enter does it · Esc leaves")
