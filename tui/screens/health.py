"""Source health: every stream a line, what ails loudly, the last polls of the current one."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from typing import TYPE_CHECKING, ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.screen import Screen

from tui import actions
from tui.messages import Pulse, StoreChanged
from tui.quiet import quietly
from tui.widgets.lines import Line, Lines
from tui.widgets.status_line import KeysLine, StatusLine
from tui.widgets.streams import Stream, Streams, of_store, polls

if TYPE_CHECKING:
    from tui.shell import Earful

LOOK_SECONDS = 5.0  # ages grow and polls happen without a word
POLLS_SHOWN = 100
REST_SECONDS = 0.1


class HealthScreen(Screen[None]):
    """Above a line a stream, below the ledger of the one under the cursor."""

    app: Earful
    CSS_PATH = "health.tcss"
    BINDINGS: ClassVar[list[BindingType]] = actions.bindings("health")
    AUTO_FOCUS = "Streams"

    def __init__(self) -> None:
        super().__init__()
        self.verdict, self.streams, self.polls = Lines(id="verdict"), Streams(id="streams"), Lines(id="polls")
        self.verdict.can_focus = False
        self.status = StatusLine()

    def compose(self) -> ComposeResult:
        yield self.verdict
        yield self.streams
        yield self.polls
        yield self.status
        yield KeysLine("health")

    def on_mount(self) -> None:
        self.status.tell(place="source health", pulse=self.app.background.pulse, agent=self.app.agent)
        self.app.changed.subscribe(self, self._changed)
        self.app.pulsed.subscribe(self, self._pulsed)
        self.set_interval(LOOK_SECONDS, self._look_again)
        self.app.flow(self.load())

    # Loading

    async def load(self) -> None:
        from store import cursors

        now, desk = datetime.now(UTC), self.app.settings.desk
        found = of_store(desk, await cursors.all_of(await self.app.database()), now)
        self.streams.show(found, now)
        self.verdict.put(_verdict(found))
        await self._load_polls()

    async def _load_polls(self) -> None:
        from store import ledger

        stream = self.streams.current
        if stream is None:
            self.polls.put([])
            return
        lines = await ledger.lines(await self.app.database(), source=stream.source, limit=POLLS_SHOWN)
        shown = [line for line in lines if not stream.stream or line.stream == stream.stream]
        self.polls.put(polls(stream, shown, self.polls.width))

    async def _rested(self) -> None:
        await asyncio.sleep(REST_SECONDS)
        await self._load_polls()

    def _look_again(self) -> None:
        if self.is_current:
            quietly(self, self.load, "health")

    def _changed(self, news: StoreChanged) -> None:
        if news.kinds & {"source", "new"}:
            self._look_again()

    def _pulsed(self, pulse: Pulse) -> None:
        self.status.tell(pulse=pulse)

    def on_resize(self) -> None:
        self.call_after_refresh(self._look_again)

    @on(Streams.Moved)
    def _moved(self) -> None:
        self.polls.scroll_home(animate=False)
        quietly(self, self._rested, "polls")

    # Moves

    def action_move(self, lines: int) -> None:
        if self.focused is self.polls:
            self.polls.scroll(lines)
        else:
            self.streams.step(lines)

    def action_half(self, pages: int) -> None:
        self.action_move(pages * max(1, (self.polls if self.focused is self.polls else self.streams).page // 2))

    def action_page(self, pages: int) -> None:
        self.action_move(pages * (self.polls if self.focused is self.polls else self.streams).page)

    def action_edge(self, which: int) -> None:
        if self.focused is self.polls:
            self.polls.edge(which)
        else:
            self.streams.step(which * len(self.streams.streams))

    def action_pane(self) -> None:
        self.set_focus(self.streams if self.focused is self.polls else self.polls)

    # Polling

    def action_poll(self) -> None:
        if (stream := self.streams.current) is not None:
            self.app.flow(self._poll(stream.source))

    def action_poll_all(self) -> None:
        self.app.flow(self._poll(None))

    async def _poll(self, source: str | None) -> None:
        """Ask for a poll; who holds the worker's lock does it at its next look."""
        from store import cursors

        asked = await cursors.make_due(await self.app.database(), now=datetime.now(UTC), source=source)
        who = "" if self.app.background.pulse.worker == "working" else " as soon as a worker runs"
        self.app.say(f"{asked} stream{'' if asked == 1 else 's'} will be polled now{who}")
        await self.load()

    def action_back(self) -> None:
        self.app.pop_screen()


def _verdict(found: list[Stream]) -> list[Line]:
    """The whole in a line."""
    ailing = [stream for stream in found if stream.trouble]
    if not found:
        return [((" No source is configured.", "strong"), (" earful sources lists what there is.", "quiet"))]
    if ailing:
        words = f" ⚠ {len(ailing)} of {len(found)} streams {'needs' if len(ailing) == 1 else 'need'} a look"
        return [((words, "urgent"),)]
    if retried := sum(stream.retried for stream in found):
        words = f" ✓ {len(found) - retried} of {len(found)} streams are well"
        return [((words, "way"), (f", {retried} being tried again", "late"))]
    return [((f" ✓ all {len(found)} streams are well", "way"),)]
