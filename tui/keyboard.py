"""Every key on its way to an action: one after the other, none lost, none where it was not meant.

Textual hands keys to widgets that look their bindings up later, one widget at a time; here each key is carried out
before the next one is looked at, so that what is typed ahead of a picker, a slow store or the first frame waits for it.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from time import monotonic
from typing import TYPE_CHECKING

from textual import events
from textual.binding import ActiveBinding
from textual.dom import DOMNode
from textual.message import Message
from textual.screen import Screen
from textual.widgets import Input, TextArea

from tui.actions import shown
from tui.modals.pick import PickScreen

if TYPE_CHECKING:
    from tui.shell import Earful

QUIET_SECONDS = 0.3  # after a text field: what is still being typed for it is no command
PATIENCE_SECONDS = 2.0  # with a line that is entered and never arrives
ALWAYS = frozenset({"ctrl+q", "ctrl+c"})


class Keyboard:
    """The queue of struck keys, the first half of a two-key sequence, and who asked for patience."""

    class Freed(Message):
        """Nobody holds the keys any more: go on with those that waited."""

    def __init__(self, app: Earful) -> None:
        self.app = app
        self.prefix = ""
        self._struck: deque[events.Key] = deque()
        self._holders = 1  # what is typed before the first cases are there waits for them
        self._playing = False
        self._typed_at = -QUIET_SECONDS
        self._until_rest = False  # letters that go on without a pause are still words for somewhere else
        self._field: Input | TextArea | None = None  # that had the last key
        self._spelling: str | None = None  # what may still be being typed for the field that was left; None: anything

    @property
    def idle(self) -> bool:
        return not (self._struck or self._holders or self._playing)

    def hold(self) -> None:
        """Keys wait from now until as many `release()`."""
        self._holders += 1

    def release(self) -> None:
        self._holders -= 1
        if not self._holders:
            self.app.post_message(self.Freed())

    @contextmanager
    def held(self) -> Iterator[None]:
        self.hold()
        try:
            yield
        finally:
            self.release()

    def look_first(self) -> None:
        """What was struck ahead is forgotten, and so are letters until they rest for a moment: what comes now is to be
        read first."""
        self._struck.clear()
        self._typed_at, self._until_rest, self._spelling = monotonic(), True, None

    async def strike(self, event: events.Key) -> None:
        if event.key in ALWAYS and self._holders:
            await self._carry_out(event)
            return
        self._struck.append(event)
        await self.play()

    async def play(self) -> None:
        """Carry out what waits, in order, until something asks for patience."""
        if self._playing:
            return
        self._playing = True
        try:
            while self._struck and not self._holders:
                await self._carry_out(self._struck.popleft())
        finally:
            self._playing = False

    async def _carry_out(self, event: events.Key) -> None:
        if isinstance(self.app.screen.focused, Input | TextArea):
            await self._type(self.app.screen.focused, event)
            return
        # By when it was struck: a slow answer to what was typed must not make commands of the rest of it.
        if event.is_printable and event.time - self._typed_at < QUIET_SECONDS and self._still_typed(event):
            self._typed_at = max(self._typed_at, event.time) if self._until_rest else self._typed_at
            return
        self._until_rest = False
        active = self.app.screen.active_bindings
        key, self.prefix = f"{self.prefix} {event.key}".strip(), ""
        if (found := active.get(key)) and found.enabled:
            self.app.screen_hint("")
            await self.app.run_action(found.binding.action, found.node)
        elif any(known.startswith(f"{key} ") for known in active):
            self.prefix = key
            self.app.screen_hint(self._hint(key, active))
        elif " " in key:
            self.app.screen_hint("")  # an unknown sequence does nothing, least of all what its last key does
        else:
            await self.app.pass_on(event)

    def _still_typed(self, event: events.Key) -> bool:
        """Whether the key is meant for the field that was just left."""
        if self._spelling is None:
            return True
        goes_on = self._spelling.startswith(event.character or "\n")
        self._spelling = self._spelling[1:] if goes_on else ""
        return goes_on

    async def _type(self, field: Input | TextArea, event: events.Key) -> None:
        """A key for a text field. One that it has from the registry is an action, and what follows waits for it."""
        first, self._field, letter = self._field is not field, field, event.character or ""
        self._typed_at, self._spelling = event.time, "" if event.key == "escape" else None
        if first and isinstance(self.app.screen, PickScreen) and (label := self.app.screen.choose(letter)):
            # What comes now is a command, unless it goes on spelling what was chosen; it waits for who asked.
            self._spelling = label.removeprefix(letter) if label.startswith(letter) else ""
            self._wait_for_answer()
            return
        found = self.app.screen.active_bindings.get(event.key)
        of_screen = found is not None and found.enabled and found.node is self.app.screen and not event.is_printable
        if found is not None and of_screen and isinstance(field, Input):
            await self.app.run_action(found.binding.action, found.node)
            self._wait_for_answer()
            return
        if found is not None and found.node is field and isinstance(field, Input) and found.binding.action == "submit":
            self._submit(field)
            return
        acts = found is not None and found.node is field and found.binding.id is not None
        if acts:
            self.hold()
        await self.app.pass_on(event)
        if acts:
            field.call_later(self.release)

    def _submit(self, field: Input) -> None:
        """Behind the letters that are on their way to the field; the next key waits until its screen has the line."""
        self.hold()
        released = False

        def go_on() -> None:
            nonlocal released
            if not released:
                released = True
                self.release()

        def climb(node: DOMNode) -> None:
            above = node.parent
            if isinstance(node, Screen) or above is None or not above.call_later(climb, above):
                go_on()

        async def submit() -> None:
            await field.action_submit()
            field.call_later(climb, field)

        field.call_later(submit)
        self.app.set_timer(PATIENCE_SECONDS, go_on)  # a field that is taken away forgets what it was to do

    def _wait_for_answer(self) -> None:
        """Who asked for a screen that is left now goes on before the next key."""
        self.hold()
        self.app.call_later(self.release)

    def _hint(self, prefix: str, active: dict[str, ActiveBinding]) -> str:
        """ "g … g top · i inbox" """
        goes_on = [
            f"{shown(known.removeprefix(prefix).strip())} {bound.binding.description.removeprefix('go to ')}"
            for known, bound in active.items()
            if known.startswith(f"{prefix} ")
        ]
        return f"{shown(prefix)} … " + " · ".join(goes_on)
