"""The app: screens over one store, one keyboard, one background. It knows little itself; it brings others together."""

from __future__ import annotations

import asyncio
import os
import select
import signal
import sys
import threading
from collections.abc import Coroutine, Iterable
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar

from textual import events, on
from textual._compositor import LayoutUpdate
from textual.app import App
from textual.css.query import NoMatches
from textual.screen import Screen
from textual.signal import Signal

from store.domain.action import Action
from store.domain.desk import DEFAULT_VIEWS, View
from store.domain.errors import EarfulError
from store.domain.safetext import safe_line
from tui import actions, crash, keys, log, theme
from tui.background import Background
from tui.keyboard import Keyboard
from tui.messages import Hungup, Pulse, PulseChanged, SettingsChanged, StoreChanged, StoreFailed, StoreOpened, Trouble
from tui.screens import SCREENS, make

if TYPE_CHECKING:
    from rich.console import RenderableType

    from store.database import Database
    from tui.screens.inbox import InboxScreen
    from tui.settings import Settings

T = TypeVar("T")
HUNGUP_SECONDS = 1.2  # for what runs to end where nobody is there any more
REDRAWN = 0.2  # seconds after a frame that was not whole
LAST_SECONDS = 0.3  # for the terminal to become itself again


class Earful(App[int]):
    """`changed` and `pulsed` are what screens subscribe to; `flow` and `ask` are how they wait for work and people."""

    CSS_PATH = ["app.tcss", "screens/inbox.tcss"]  # noqa: RUF012  (a default screen does not load its own)
    TITLE = "earful"
    ENABLE_COMMAND_PALETTE = False  # the stock one writes screenshots; ours is the ":" of the registry
    BINDINGS = actions.bindings("global")
    HORIZONTAL_BREAKPOINTS = [(0, "-narrow"), (120, "-wide")]  # noqa: RUF012

    def __init__(self, settings: Settings, *, follow: bool = False, demo: object = None) -> None:
        # Without colours Textual would answer with greys, unless it is told that the terminal's own ones are meant.
        super().__init__(ansi_color=True if "NO_COLOR" in os.environ else None)
        for known in theme.THEMES:
            self.register_theme(known)
        self.theme = theme.TERMINAL.name
        self.settings, self.follow, self.demo = settings, follow, demo
        self.agent = settings.agent
        self.keymap = keys.keymap(settings.desk.keys, settings.desk.keymap)
        self.set_keymap(self.keymap)
        own = {view.name for view in settings.desk.views}
        self.views: tuple[View, ...] = (*(v for v in DEFAULT_VIEWS if v.name not in own), *settings.desk.views)
        self.keyboard = Keyboard(self)
        self.changed: Signal[StoreChanged] = Signal(self, "changed")
        self.pulsed: Signal[Pulse] = Signal(self, "pulsed")
        self.configured: Signal[Settings] = Signal(self, "configured")
        self.last_deed: tuple[Action, str] | None = None
        self.crashed: BaseException | None = None
        self.hungup = False
        self.background: Background
        self.inbox: InboxScreen = make("inbox")

    # Life

    def get_default_screen(self) -> Screen[Any]:
        return self.inbox

    def on_mount(self) -> None:
        self.background = Background(self.settings, self.post_message)
        self.pulsed.publish(self.background.pulse)
        self.call_after_refresh(self.background.start)
        self._watch_terminal()

    async def on_unmount(self) -> None:
        if self.background.pulse.sending and not self.is_headless:
            print("earful: what is on its way is waited for …", file=sys.__stderr__)
        if not await self.background.close(within=HUNGUP_SECONDS if self.hungup else None):
            # What is being sent would hold us for a minute. Its row says that it is, so the next start looks for it.
            end = threading.Timer(LAST_SECONDS, os._exit, [self.return_code or 0])
            end.daemon = True
            end.start()

    def _watch_terminal(self) -> None:
        """End when somebody says so, and when nobody can: a terminal that vanished may have sent no signal."""
        for name in ("SIGTERM", "SIGHUP"):
            with suppress(NotImplementedError, RuntimeError, ValueError):
                asyncio.get_running_loop().add_signal_handler(getattr(signal, name), self.post_message, Hungup(name))
        if not self.is_headless and sys.__stdin__ is not None and hasattr(select, "poll"):
            poll = select.poll()
            poll.register(sys.__stdin__.fileno(), 0)
            self.set_interval(1, lambda: self.post_message(Hungup("hang-up")) if poll.poll(0) else None)

    def on_hungup(self, message: Hungup) -> None:
        self.hungup = True
        self.exit(return_code=0 if message.signal == "SIGTERM" else 129)

    def _display(self, screen: Screen[Any], renderable: RenderableType | None) -> None:
        """A frame that was begun before a change of size may have holes, which Textual 8.2.8 dies of: it is drawn
        without them, and soon anew."""
        if isinstance(renderable, LayoutUpdate) and any(strip is None for line in renderable.strips for strip in line):
            renderable.strips = [[strip for strip in line if strip is not None] for line in renderable.strips]
            self.set_timer(REDRAWN, partial(screen.refresh, layout=True))
        super()._display(screen, renderable)

    def _handle_exception(self, error: Exception) -> None:
        """A dialog that opens while the program leaves has nothing in it."""
        if not (self._exit and isinstance(error, NoMatches)):
            super()._handle_exception(error)

    def _fatal_error(self) -> None:
        """The error is told once the terminal is itself again, without a single variable."""
        self.crashed = self._exception or sys.exc_info()[1]
        self._close_messages_no_wait()

    # Keys

    async def on_event(self, event: events.Event) -> None:
        if isinstance(event, events.Key) and not event.is_forwarded:
            self.app_focus = True
            await self.keyboard.strike(event)
        else:
            await super().on_event(event)

    async def run_action(self, *args: Any, **options: Any) -> bool:
        """What an action cannot do for a reason that a person understands is said, and nothing ends."""
        try:
            return await super().run_action(*args, **options)
        except EarfulError as error:
            self.complain(error)
            return True

    async def pass_on(self, event: events.Key) -> None:
        """A key that is text, or that nobody bound: Textual's own way."""
        await super().on_event(event)

    async def on_keyboard_freed(self) -> None:
        await self.keyboard.play()

    def push_screen(self, screen: Any, *args: Any, **options: Any) -> Any:
        """Keys wait until the new screen can take them."""
        self.keyboard.hold()
        try:
            return super().push_screen(screen, *args, **options)
        finally:
            self.screen.call_after_refresh(self.keyboard.release)

    def key_of(self, name: str) -> str:
        """The first key of an action, as a person reads it."""
        action = next(a for a in actions.ACTIONS if a.id == name)
        return actions.shown(self.keymap.get(name, action.keys).split(",")[0])

    # Waiting for work and for people

    def flow(self, work: Coroutine[Any, Any, None]) -> None:
        """Run work that keys wait for. Errors for people are told; an unexpected one is kept in the log and told."""
        self.keyboard.hold()
        self.run_worker(self._flow(work), group="flow", exit_on_error=True)

    async def _flow(self, work: Coroutine[Any, Any, None]) -> None:
        try:
            await work
        except EarfulError as error:
            log.failed("screen", error)
            self.complain(error)
        except Exception as error:
            self.complain(f"unexpected {type(error).__name__}; details in {crash.keep(error)}")
        finally:
            self.keyboard.release()

    async def ask(self, screen: Screen[T]) -> T | None:
        """Show a modal inside a flow and wait for its answer; meanwhile keys are the modal's."""
        answer = self.push_screen(screen, wait_for_dismiss=True)
        self.keyboard.release()
        try:
            return await answer  # type: ignore[no-any-return]
        finally:
            self.keyboard.hold()

    async def database(self) -> Database:
        return await self.background.database()

    # Telling

    def say(self, words: str, *, seconds: float = 6) -> None:
        """One calm line at the bottom."""
        self.screen_hint(safe_line(words), seconds=seconds)

    def complain(self, error: object) -> None:
        self.notify(safe_line(str(error), limit=600), severity="error", markup=False, timeout=8)

    def screen_hint(self, words: str, *, seconds: float = 0) -> None:
        from tui.widgets.status_line import KeysLine

        for line in self.screen.query(KeysLine):
            line.hint(words, seconds)

    def known_agents(self) -> Iterable[str]:
        return {row.assignee for row in self.inbox.listing.rows.values() if row and row.assignee}

    def known_tags(self) -> Iterable[str]:
        return {tag for row in self.inbox.listing.rows.values() if row for tag in row.tags}

    # News

    @on(StoreOpened)
    def _opened(self) -> None:
        self.inbox.load()

    @on(StoreFailed)
    def _failed(self, message: StoreFailed) -> None:
        self.complain(message.words)
        self.inbox.failed(message.words)

    @on(Trouble)
    def _trouble(self, message: Trouble) -> None:
        self.complain(message.words)

    @on(SettingsChanged)
    def _configured(self, message: SettingsChanged) -> None:
        self.settings = message.settings
        self.configured.publish(message.settings)

    @on(StoreChanged)
    def _changed(self, message: StoreChanged) -> None:
        self.changed.publish(message)

    @on(PulseChanged)
    def _pulsed(self, message: PulseChanged) -> None:
        self.pulsed.publish(message.pulse)

    # Actions

    def action_go(self, view: str) -> None:
        while self.screen is not self.inbox:
            self.pop_screen()
        self.inbox.open_view(view)

    def action_show(self, name: str) -> None:
        if type(self.screen).__module__ != SCREENS[name].partition(":")[0]:
            self.push_screen(make(name))

    def action_palette(self) -> None:
        from tui.palette import command

        self.flow(command(self))

    def action_help(self) -> None:
        self.push_screen(make("help", self.screen))

    def action_next_theme(self) -> None:
        self.theme = theme.following(self.theme)
        self.say(f"{self.theme} colours")

    def action_leave(self) -> None:
        """Leave; with something unsent, say so first."""
        self.flow(self._leave())

    async def _leave(self) -> None:
        pulse = await self.background.feel()
        if pulse.unsent or pulse.stuck:
            from tui.modals.confirm import ConfirmScreen
            from tui.widgets.status_line import outbox_words

            told = [f"Not sent yet: {outbox_words(pulse)}."]
            if pulse.unsent and pulse.worker == "elsewhere":
                told.append(f"It leaves without you: {pulse.holder or 'another process'} sends for this store.")
            elif pulse.unsent:
                told.append("It stays in the outbox and goes out when earful runs again.")
            if pulse.stuck:
                told.append(f"What needs you waits in its case until you decide ({self.key_of('case.settle')}).")
            if not await self.ask(ConfirmScreen("Leave?", told, verb="leave")):
                return
        self.exit(return_code=0)
