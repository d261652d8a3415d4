"""One case: its thread, what is known of it, the composer. What is done to it is in `tui.deeds` and `tui.writing`."""

from __future__ import annotations

import asyncio
from collections.abc import Collection
from datetime import UTC, datetime
from typing import TYPE_CHECKING, ClassVar

from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Horizontal
from textual.screen import Screen
from textual.timer import Timer
from textual.widgets import TextArea

from sources.text.lookalikes import own_names
from store.domain.case import CaseDetail, InboxRow
from store.domain.delivery import DeliveryState
from store.domain.errors import NotFound
from store.domain.query import parse
from tui import actions, answering, signs
from tui.deeds import Deeds
from tui.issue_deeds import IssueOfCase
from tui.messages import Pulse, StoreChanged
from tui.quiet import quietly
from tui.screens import make
from tui.screens.inbox import InboxScreen, by_author
from tui.widgets.composer import Composer, Kind
from tui.widgets.facts import Facts, Head, Others, head, panel
from tui.widgets.status_line import KeysLine, StatusLine
from tui.widgets.thread import Thread
from tui.widgets.thread_entries import Hints, entries
from tui.writing import Writing

if TYPE_CHECKING:
    from tui.shell import Earful

OTHERS_SHOWN = 5
OTHERS_COUNTED = 100
RELOAD_SECONDS = 0.05
WHILE_WRITING = frozenset({"pane", "leave_composer", "editor", "review"})


class CaseScreen(Writing, Deeds, IssueOfCase, Screen[None]):
    """`kind`: open the composer at once, for a "reply" (`quoting` their words) or a "note"."""

    app: Earful
    CSS_PATH = "case.tcss"
    BINDINGS: ClassVar[list[BindingType]] = actions.bindings("case")
    AUTO_FOCUS = "Thread"

    def __init__(self, case_id: int, *, kind: Kind | None = None, quoting: bool = False) -> None:
        super().__init__()
        self.head, self.thread, self.facts = Head(id="head"), Thread(id="thread"), Facts(id="facts")
        self.composer, self.status, self.keys = Composer(id="composer"), StatusLine(), KeysLine("case")
        self.case_id = case_id
        self.detail: CaseDetail | None = None
        self.others: Others | None = None
        self._first = (kind, quoting)
        self._clock: Timer | None = None
        self._own_news = False
        self._asked = self._drawn = 0  # how often the case was asked for; the newest question that was answered
        self._begun = False  # an answer of mine lies here as a draft

    def compose(self) -> ComposeResult:
        yield self.head
        with Horizontal(id="body"):
            yield self.thread
            yield self.facts
        yield self.composer
        yield self.status
        yield self.keys

    def on_mount(self) -> None:
        self.thread.unfold_key = self.app.key_of("thread.fold")
        self.status.tell(pulse=self.app.background.pulse, agent=self.app.agent)
        self.app.changed.subscribe(self, self._changed)
        self.app.pulsed.subscribe(self, self._pulsed)
        self.app.flow(self._open(self.case_id))

    # Loading

    async def _open(self, case_id: int) -> None:
        """Show another case (or the first); what is being written on this one is kept."""
        if self.composer.is_open:
            await self.composer.close()
        self.case_id, self.others = case_id, None
        try:
            await self.reload(fresh=True)
        except NotFound as error:
            self.app.complain(error)
            self.app.pop_screen()
            return
        self.writing_changed()
        kind, quoting = self._first
        self._first = (None, False)
        if kind is not None:
            await self.write(kind, quoting=quoting)
        quietly(self, self._look_for_others, "others")

    async def reload(self, *, fresh: bool = False) -> None:
        from store import cases, drafts

        self._asked += 1
        question = self._asked
        database = await self.app.database()
        detail = await cases.get(database, self.case_id, now=datetime.now(UTC))
        draft = await drafts.get(database, self.case_id, self.app.agent)
        if detail.row.id == self.case_id and question > self._drawn:  # an older look never covers a newer one
            self.detail, self._begun, self._drawn = detail, draft is not None, question
            self._draw(fresh=fresh)

    async def _look_for_others(self) -> None:
        """The author's other cases: asked for when the case is on screen already."""
        from store import cases

        if self.detail is None:
            return
        row, database, now = self.detail.row, await self.app.database(), datetime.now(UTC)
        node = parse(f"{by_author(row)} -id:{row.id}")
        counted = await cases.count(database, node, me=self.app.agent, now=now, ceiling=OTHERS_COUNTED)
        newest = await cases.listing(database, node, me=self.app.agent, now=now, limit=OTHERS_SHOWN)
        if row.id == self.case_id:
            self.others = Others(f"{counted}{'+' if counted >= OTHERS_COUNTED else ''}", tuple(newest))
            self._draw_facts()

    # News

    def _changed(self, news: StoreChanged) -> None:
        if not self._own_news and (self.case_id in news.cases or "new" in news.kinds):
            quietly(self, self._soon, "reload")

    async def _soon(self) -> None:
        await asyncio.sleep(RELOAD_SECONDS)
        await self.reload()

    def _pulsed(self, pulse: Pulse) -> None:
        met = pulse.present != self.status.pulse.present
        self.status.tell(pulse=pulse)
        if met:
            self._draw()

    def at_it(self) -> str:
        """Who else is at this case."""
        return signs.at_it(self.app.background.pulse.present, self.case_id, datetime.now(UTC))

    # What Deeds and Writing ask

    def targets(self) -> list[int]:
        return [] if self.detail is None else [self.case_id]

    def seen(self, case_id: int) -> InboxRow | None:
        return self.detail.row if self.detail is not None and case_id == self.case_id else None

    async def acted(self, case_ids: Collection[int], *, back: bool = False) -> None:
        await self.reload()
        self._own_news = True  # the lists below hear of it now, not when the store is looked at next
        try:
            self.app.changed.publish(StoreChanged(frozenset({"case"}), frozenset(case_ids)))
        finally:
            self._own_news = False
        if back and self.case_id in case_ids:
            await self.resume()

    def writing_changed(self) -> None:
        self.keys.about("compose" if self.composer.is_open else "case")
        if not self.composer.is_open:
            self.thread.focus()
        self._tell_place(datetime.now(UTC))
        self._attend()

    def _attend(self) -> None:
        """The others see that we are here."""
        if self.is_current or self.composer.is_open:
            self.app.background.attending.at(self.case_id, writing=self.composer.is_open)

    def on_screen_resume(self) -> None:
        self._attend()

    def on_unmount(self) -> None:
        self.app.background.attending.off(self.case_id)

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """While somebody writes, what is struck is text: no chord may act on the case."""
        return not isinstance(self.focused, TextArea) or action in WHILE_WRITING

    # Drawing

    def _draw(self, *, fresh: bool = False) -> None:
        detail, now = self.detail, datetime.now(UTC)
        if detail is None:
            return
        recall = self.app.key_of("undo") if answering.can_be_recalled(detail, self.app.agent) else ""
        hints = Hints(recall, self.app.key_of("case.settle"), self.app.key_of("case.reply"))
        self.head.put(head(detail.row, now, own_names(self.app.settings.desk), self.head.width))
        self.thread.show(entries(detail, now, hints), fresh=fresh)
        self._tell_place(now)
        self._wind_the_clock(detail)

    def _draw_facts(self) -> None:
        if self.detail is not None and self.facts.width:
            self.facts.put(panel(self.detail, self.others, self.facts.width, self.thread.at))

    def _wind_the_clock(self, detail: CaseDetail) -> None:
        """Seconds are counted while something waits for its time, and at no other."""
        if answering.unfinished(detail) and self._clock is None:
            self._clock = self.set_interval(1, self._draw)
        elif not answering.unfinished(detail) and self._clock is not None:
            self._clock.stop()
            self._clock = None

    def _tell_place(self, now: datetime) -> None:
        """Called after every move: the panel names the exact time of the current entry."""
        self._draw_facts()
        at, of = self.thread.position
        facts = [f"case {self.case_id} · {at}/{of}" + (" ↓" if self.thread.more else "")]
        facts += [there] if (there := self.at_it()) else []
        held = [d for d in self.detail.deliveries if d.state is DeliveryState.HELD] if self.detail else []
        if held and self.detail:
            seconds = max(0, round((held[-1].due_at - now).total_seconds()))
            mine = answering.can_be_recalled(self.detail, self.app.agent)
            key = self.app.key_of("undo" if mine else "case.settle")
            facts.append(f"sending in {seconds} s, {key} recalls")
        if self.composer.is_open:
            facts.append("writing")
        elif self._begun:
            facts.append(f"your draft: {self.app.key_of('case.reply')} goes on")
        self.status.tell(place=" · ".join(facts))

    def on_resize(self) -> None:
        self.call_after_refresh(self._draw)

    # Moves

    def action_move(self, lines: int) -> None:
        self._pane.scroll(lines)
        self._tell_place(datetime.now(UTC))

    def action_half(self, pages: int) -> None:
        self.action_move(pages * max(1, self._pane.page // 2))

    def action_page(self, pages: int) -> None:
        self.action_move(pages * max(1, self._pane.page - 1))

    def action_edge(self, which: int) -> None:
        self._pane.edge(which)
        self._tell_place(datetime.now(UTC))

    def action_entry(self, step: int) -> None:
        if not self.thread.step(step):
            key = self.app.key_of("case.next" if step > 0 else "case.previous")
            self.app.say(f"the {'end' if step > 0 else 'beginning'} of the thread · {key} goes to another case")
        self._tell_place(datetime.now(UTC))

    def action_fold(self) -> None:
        self.thread.fold()
        self._tell_place(datetime.now(UTC))

    def action_neighbour(self, step: int) -> None:
        below = self._inbox
        listing = below.listing
        # The case may have left the list by what was done to it: then the next one stands in its place already.
        found = listing.current if step > 0 and listing.current != self.case_id else below.neighbour(step)
        if found is None or found == self.case_id:
            self.app.say(f"no {'next' if step > 0 else 'previous'} case in this list")
        else:
            self.app.flow(self._open(found))

    @property
    def _inbox(self) -> InboxScreen:
        """The list that this case was opened from."""
        stack = self.app.screen_stack
        return next((screen for screen in reversed(stack) if isinstance(screen, InboxScreen)), self.app.inbox)

    @property
    def _pane(self) -> Thread | Facts:
        return self.facts if self.focused is self.facts else self.thread

    def action_pane(self) -> None:
        """Round: thread, facts where they are shown, composer where it is open."""
        panes = [self.thread if self.thread.display else None, self.facts, self.composer.pad]
        there = [pane for pane in panes if pane is not None and pane.is_on_screen and pane.region]
        if there:
            at = there.index(self.focused) if self.focused in there else -1
            self.set_focus(there[(at + 1) % len(there)])

    def action_facts(self) -> None:
        """Narrow: facts in the thread's place, and back. Wide: the panel away, and back."""
        self.toggle_class("-facts")
        shown = self.has_class("-facts") is not self.has_class("-wide")
        self.set_focus(self.facts if shown and not self.has_class("-wide") else self.thread)
        self.call_after_refresh(self._draw)

    def action_person(self) -> None:
        if self.detail is not None:
            row = self.detail.row
            self.app.push_screen(make("found", by_author(row), f"all cases of {row.handle} on {row.network}"))

    def action_back(self) -> None:
        self.app.flow(self._back())

    async def _back(self) -> None:
        if self.composer.is_open:
            await self.composer.close()
        self.app.pop_screen()

    def action_clear(self) -> None:
        if self.composer.is_open:
            self.action_leave_composer()
        elif self.has_class("-facts") and not self.has_class("-wide"):
            self.action_facts()
        else:
            self.action_back()
