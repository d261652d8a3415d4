"""Where an answer or a note is written: under the thread, kept in the store at every pause."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Literal

from textual import events, on
from textual.app import ComposeResult
from textual.containers import Vertical
from textual.content import Content
from textual.timer import Timer
from textual.widgets import Static, TextArea

from store.domain.case import InboxRow
from store.domain.errors import EarfulError
from store.domain.safetext import safe
from tui import actions
from tui.messages import Pulse
from tui.quiet import quietly
from tui.safe import clip, line

if TYPE_CHECKING:
    from sources.protocol import Channel
    from tui.shell import Earful

KEEP_SECONDS = 0.5  # after the first key that is not in the store yet
COUNT_SECONDS = 0.15
NETWORK_SECONDS = 5.0

Kind = Literal["reply", "note"]


@dataclass(frozen=True, slots=True)
class Length:
    """As the network counts; `limit` None where nobody could say."""

    used: int
    limit: int | None

    @property
    def over(self) -> int:
        return max(0, self.used - self.limit) if self.limit is not None else 0


class Pad(TextArea):
    """The text field. Its registry keys are carried out in the order they were struck among the letters."""

    BINDINGS = actions.bindings("compose")

    async def _on_key(self, event: events.Key) -> None:
        found = self.screen.active_bindings.get(event.key)
        if found and found.node is self and found.binding.id and found.enabled:
            event.stop()
            event.prevent_default()
            await self.app.run_action(found.binding.action, self.screen)

    async def _on_paste(self, event: events.Paste) -> None:
        event.prevent_default()
        event.stop()
        if result := self._replace_via_keyboard(safe(event.text), *self.selection):
            self.move_cursor(result.end_location)


class Composer(Vertical):
    """Closed until `open`. `text` is what would go out."""

    app: Earful
    DEFAULT_CSS = """
    Composer { display: none; height: 10; padding: 0 1; border: round $success; background: $background; }
    Composer.-note { border: dashed $warning; }
    Composer.-open { display: block; }
    Composer > .heading { height: 1; text-style: bold; color: $success; }
    Composer.-note > .heading { color: $warning; }
    Composer > .foot { height: 1; color: $text-muted; }
    Composer > .foot.-over { color: $error; text-style: bold; }
    Composer > Pad, Composer > Pad:focus { height: 1fr; border: none; padding: 0; background: $background; }
    Composer:ansi > .foot { color: ansi_default; }
    Composer:ansi > .foot.-over { color: ansi_red; }
    """

    def __init__(self, *, id: str | None = None) -> None:  # noqa: A002
        super().__init__(id=id)
        self.kind: Kind = "reply"
        self.prefill = ""
        self.length: Length | None = None
        self._row: InboxRow | None = None
        self._channel: Channel | None = None
        self._kept: str | None = None  # what the store has; None: unknown
        self._timer: Timer | None = None
        self._counter: Timer | None = None
        self._keeping = asyncio.Lock()

        self.pad = Pad(soft_wrap=True, show_line_numbers=False, tab_behavior="focus", compact=True, id="pad")
        self._heading, self._foot = Static(classes="heading", markup=False), Static(classes="foot", markup=False)

    def on_mount(self) -> None:
        self.app.pulsed.subscribe(self, self._pulsed)

    def compose(self) -> ComposeResult:
        yield self._heading
        yield self.pad
        yield self._foot

    @property
    def is_open(self) -> bool:
        return self._row is not None

    @property
    def text(self) -> str:
        return self.pad.text

    @property
    def written(self) -> bool:
        """Whether there is more than what stood there at the beginning."""
        return self.text.strip() not in ("", self.prefill.strip())

    def open(
        self, row: InboxRow, kind: Kind, heading: str, *, text: str, prefill: str, channel: Channel | None, kept: bool
    ) -> None:
        """`kept`: the text is a draft that the store has."""
        self._row, self.kind, self.prefill, self._channel = row, kind, prefill, channel
        self._kept = text if kept else ""
        self.length = None
        self.set_class(kind == "note", "-note")
        self.add_class("-open")
        self._heading.update(line(heading))
        self.pad.load_text(safe(text))
        self.pad.move_cursor(self.pad.document.end)
        self.pad.focus()
        self._count_soon()

    def replace(self, text: str) -> None:
        """Other words, as an editor left them."""
        self.pad.load_text(safe(text))
        self.pad.move_cursor(self.pad.document.end)

    async def close(self) -> None:
        """Keep what is written, and go."""
        await self.keep()
        self.shut()

    def shut(self) -> None:
        """Go without keeping: it was sent, noted or dropped."""
        self._stop_timer()
        self._row = None
        self.remove_class("-open")

    async def keep(self) -> None:
        """The draft, now."""
        self._stop_timer()
        async with self._keeping:
            row, text = self._row, self.text if self.written else ""
            if row is None or text == self._kept:
                return
            from store import drafts

            database = await self.app.database()
            await drafts.save(database, row.id, self.app.agent, text, now=datetime.now(UTC), kind=self.kind)
            self._kept = text
        self._tell()

    async def forget(self) -> None:
        """Drop the draft."""
        from store import drafts

        self._stop_timer()
        async with self._keeping:
            if self._row is not None:
                database = await self.app.database()
                await drafts.save(database, self._row.id, self.app.agent, "", now=datetime.now(UTC), kind=self.kind)
        self.shut()

    async def measure(self) -> Length:
        """How long the text is, as its network says; where it cannot be asked, as people count."""
        from sources.errors import SourceError
        from sources.text.length import graphemes

        text = self.text.strip()
        if self._channel is not None and self._row is not None and self.kind == "reply":
            try:
                async with asyncio.timeout(NETWORK_SECONDS):
                    return Length(*await self._channel.length(text, handle=self._row.handle))
            except (SourceError, TimeoutError):
                pass
        return Length(graphemes(text), None)

    # While it is written

    @on(TextArea.Changed)
    def _changed(self) -> None:
        if not self.is_open:
            return
        if self._kept == self.text:
            self._stop_timer()
        elif self._timer is None:  # not put off by every key: who types without a pause is kept too
            self._timer = self.set_timer(KEEP_SECONDS, self._keep_soon)
        self._count_soon()

    def _keep_soon(self) -> None:
        self._timer = None
        quietly(self, self.keep, "keep", says="the draft is not saved: ")

    def _pulsed(self, pulse: Pulse) -> None:
        """A draft that could not be kept while the store was away is kept when it is back."""
        if self.is_open and not pulse.away and self._timer is None and self.text != self._kept:
            self._keep_soon()

    def _count_soon(self) -> None:
        self._tell()
        if self._counter is not None:
            self._counter.stop()
        self._counter = self.set_timer(COUNT_SECONDS, lambda: quietly(self, self._count, "count"))

    async def _count(self) -> None:
        self.length = await self.measure()
        self._tell()

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.stop()
            self._timer = None

    def _tell(self) -> None:
        if not self._foot.is_attached:
            return  # the session is ending
        facts: list[str] = []
        over = self.length.over if self.length else 0
        if self.length is not None:
            facts.append(
                f"{self.length.used:,}"
                + (f"/{self.length.limit:,}" if self.length.limit is not None else " characters")
            )
        if over:
            facts.append(f"{over:,} too many")
        if self.written:
            facts.append("draft kept" if self._kept == self.text else "draft …")
        self._foot.set_class(bool(over), "-over")
        self._foot.update(Content(clip(" · ".join(facts), max(0, self.size.width - 4))))

    async def on_unmount(self) -> None:
        """The session may end at any moment; its words may not."""
        if self.is_open:
            with suppress(EarfulError):  # nobody is there to be told
                await self.keep()
