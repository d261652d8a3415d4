"""The inbox: views of cases, a place in the list, marks, search. What is done to cases is in `tui.deeds`."""

from __future__ import annotations

import asyncio
from collections.abc import Collection
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING, ClassVar

from rich.cells import cell_len
from textual import on
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Horizontal
from textual.content import Content
from textual.widgets import Input, Static

from sources.text.lookalikes import own_names
from store.domain.case import InboxRow
from store.domain.errors import BadInput, QueryError
from store.domain.query import And, parse
from tui import actions, signs
from tui.deeds import Deeds
from tui.messages import Pulse
from tui.quiet import quietly
from tui.safe import clip
from tui.screens import make
from tui.screens.inbox_loading import FIRST, GROW
from tui.screens.inbox_moves import Moves
from tui.widgets.mention_list import MentionList
from tui.widgets.preview import Preview
from tui.widgets.status_line import KeysLine, StatusLine
from tui.widgets.text_field import TextField

if TYPE_CHECKING:
    from tui.settings import Settings

LIKE, LIKEST = "like:", 30  # search by meaning
MEET_SECONDS = 5
REST_SECONDS = 0.12  # the cursor rests so long before the preview asks for the whole case


class InboxScreen(Deeds, Moves):  # type: ignore[misc]
    """Views over the store's cases. `search` is what `/` or `\\` asked for; a search looks in all views."""

    BINDINGS: ClassVar[list[BindingType]] = actions.bindings("inbox")
    AUTO_FOCUS = "MentionList"

    def compose(self) -> ComposeResult:
        yield Static(id="views", markup=False)
        with Horizontal(id="body"):
            yield MentionList(self.listing, self.app.agent, id="list")
            yield Preview(id="preview")
        yield StatusLine()
        yield KeysLine("inbox")
        yield TextField(id="prompt", compact=True, select_on_focus=False)

    def on_mount(self) -> None:
        self.view = self.app.views[0]
        self.query_node = parse(self.view.query)
        # Held by name: work that ends after the screen does still finds them.
        self.list, self.status, self.preview = (
            self.query_one(MentionList),
            self.query_one(StatusLine),
            self.query_one(Preview),
        )
        self.list.words_of_emptiness = "opening the store …"
        self._who_we_are(self.app.settings)
        self.query_one(StatusLine).tell(agent=f"{self.app.agent} · demo" if self.app.demo else self.app.agent)
        self.app.changed.subscribe(self, self._changed)
        self.app.pulsed.subscribe(self, self._pulsed)
        self.app.configured.subscribe(self, self._who_we_are)
        self.set_interval(60, self.list.grow_older)
        self.set_interval(MEET_SECONDS, self._meet_again)
        self._draw_views()

    def _who_we_are(self, settings: Settings) -> None:
        self.list.ours = self.preview.ours = own_names(settings.desk)

    def _pulsed(self, pulse: Pulse) -> None:
        self.query_one(StatusLine).tell(pulse=pulse)
        self.query_one(KeysLine).about("inbox", ("unsent",) if pulse.stuck or pulse.failed else ())
        self.list.meet(pulse.present)

    def _meet_again(self) -> None:
        """Seconds of writing go on, and who gave no sign of life fades."""
        if self.list.present and self.is_current:
            self.list.meet(self.list.present)

    @on(MentionList.Wanted)
    async def _wanted(self) -> None:
        if not self._fetching:
            quietly(self, self._fetch_rows, "rows")

    @on(MentionList.More)
    async def _more(self) -> None:
        self.limit = max(self.limit, len(self.listing) * GROW)
        quietly(self, partial(self._load, arrivals=True), "load")

    # What Deeds asks

    def targets(self) -> list[int]:
        marked = self.listing.marked
        if marked:
            return [i for i in self.listing.ids if i in marked]
        return [] if self.listing.current is None else [self.listing.current]

    def seen(self, case_id: int) -> InboxRow | None:
        return self.listing.rows.get(case_id)

    async def acted(self, case_ids: Collection[int], *, back: bool = False) -> None:
        self.listing.outdate(case_ids)
        if not back:
            self.listing.marks.clear()
            self.listing.anchor = None
        await self._load(arrivals=False)
        if (
            back
            and (position := next((p for i in case_ids if (p := self.listing.place(i)) is not None), None)) is not None
        ):
            self.list.go(position)

    # Drawing

    @on(MentionList.Moved)
    def _moved(self) -> None:
        self.tell_place()
        preview = self.query_one(Preview)
        if preview.display:
            row = self.listing.row(self.listing.cursor) if len(self.listing) else None
            preview.show_row(row, self.list.now)
            if row is not None:
                quietly(self, partial(self._detail, row.id), "detail")

    async def _detail(self, case_id: int) -> None:
        await asyncio.sleep(REST_SECONDS)
        from store import cases

        detail = await cases.get(await self.app.database(), case_id, now=datetime.now(UTC))
        self.preview.show_detail(detail, self.list.now)

    def tell_place(self) -> None:
        where = f"search “{self.search}”" if self.everywhere else self.view.name
        if self.search and not self.everywhere:
            where += f" \\ {self.search}"
        if self.urgent_first:
            where += ", urgent first:"
        facts = [f"{where} {self.listing.cursor + 1:,}/{self.total}" if len(self.listing) else f"{where} 0"]
        if self.listing.arrived:
            facts.append(f"{len(self.listing.arrived)} new ↑")
        if marked := len(self.listing.marked):
            facts.append(f"{marked:,} marked" + (" (range)" if self.listing.anchor is not None else ""))
        elif self.urgent_first and (row := self._row()) is not None:
            facts.append(signs.urgent_for(row))
        self.status.tell(place=" · ".join(facts))

    def _draw_views(self) -> None:
        """The views, by number where there is room; the one that is shown stands out by more than colour."""
        names = [clip(view.name, 16) for view in self.app.views]
        numbered = sum(cell_len(name) + 4 for name in names) <= self.app.size.width
        parts: list[Content] = []
        for number, (name, view) in enumerate(zip(names, self.app.views, strict=True), 1):
            here = view.name == self.view.name and not self.everywhere
            if numbered and number <= 9:
                parts.append(Content.styled(f" {number}", "dim"))
            parts.append(Content.styled(f"[{name}]" if here else f" {name} ", "bold" if here else ""))
        self.query_one("#views", Static).update(Content("").join(parts))

    def on_resize(self) -> None:
        self._draw_views()

    # The way in and the way back

    @on(MentionList.Opened)
    async def _clicked(self) -> None:
        await self.run_action("open")

    def action_open(self) -> None:
        if self.listing.current is not None:
            self.app.push_screen(make("case", self.listing.current))

    def action_back(self) -> None:
        if self.search:
            self._look_for("", everywhere=False)
        else:
            self.app.action_leave()

    def action_clear(self) -> None:
        """End what was begun last: the prompt, a range, a search, marks."""
        if self.has_class("-asking"):
            self._prompt_done()
            return
        if self.listing.anchor is not None:
            self.listing.anchor = None
        elif self.search:
            self._look_for("", everywhere=False)
            return
        elif self.listing.marks:
            self.listing.marks.clear()
        else:
            self.app.say(f"{self.app.key_of('back')} leaves earful")
            return
        self.list.changed()

    # Views and search

    def open_view(self, name: str) -> None:
        """Show a view by name; nothing of the old place stays."""
        found = next((view for view in self.app.views if view.name == name), None)
        if found is None:
            self.app.say(f"there is no view {name}")
            return
        self.view = found
        self._look_for("", everywhere=False)

    def action_view(self, number: int) -> None:
        if number <= len(self.app.views):
            self.open_view(self.app.views[number - 1].name)

    def action_turn_view(self, step: int) -> None:
        names = [view.name for view in self.app.views]
        self.open_view(names[(names.index(self.view.name) + step) % len(names)])

    def action_urgent_first(self) -> None:
        """The other order: the most urgent first, or the newest again."""
        self.urgent_first = not self.urgent_first
        self.list.begin_anew()
        self.load()

    def action_search(self) -> None:
        self._ask("/", everywhere=True)

    def action_filter(self) -> None:
        self._ask("\\", everywhere=False)

    def _ask(self, sign: str, *, everywhere: bool) -> None:
        prompt = self.query_one("#prompt", Input)
        prompt.placeholder = f'{sign} words, "phrases", author:ana, status:done, like:a meaning …'
        prompt.value = self.search if self.search and self.everywhere == everywhere else ""
        prompt.cursor_position = len(prompt.value)
        self._asking_everywhere = everywhere
        self.add_class("-asking")
        prompt.display = True
        self.set_focus(prompt)

    @on(Input.Submitted, "#prompt")
    def _asked(self, event: Input.Submitted) -> None:
        if event.value.lower().startswith(LIKE):
            self.app.flow(self._like(event.value[len(LIKE) :].strip(' "')))
            self._prompt_done()
            return
        try:
            self._look_for(event.value.strip(), everywhere=self._asking_everywhere)
        except QueryError as error:
            event.input.cursor_position = min(error.column - 1, len(event.value))
            self.app.complain(error)
            return
        self._prompt_done()

    async def _like(self, words: str) -> None:
        """What is like these words, in a list of its own."""
        from sources.likeness import like
        from sources.text.deep.engines import needed

        engine = needed(self.app.settings.desk.reading.deep)
        if not words:
            raise BadInput("like: needs some words behind it")
        self.app.say(f"looking for what is like “{words}” …", seconds=0)  # an engine may take its time to begin
        try:
            found = await like(await self.app.database(), engine, words, most=LIKEST)
        finally:
            self.app.screen_hint("")
        if not found:
            self.app.say("nothing is like that, as far as has been read deeply")
            return
        likest = [number for number, _ in found]
        query, title = f"id:{','.join(map(str, likest))}", f"the {len(found)} likest to “{words}”"
        self.app.push_screen(make("found", query, title, likest))

    def _prompt_done(self) -> None:
        self.remove_class("-asking")
        self.query_one("#prompt", Input).display = False
        self.set_focus(self.list)

    def _look_for(self, search: str, *, everywhere: bool) -> None:
        """Show what a search finds, or the bare view again. Raises QueryError and changes nothing."""
        wanted, view = parse(search), parse(self.view.query)
        self.search, self.everywhere = search, everywhere and bool(search)
        self.query_node = wanted if self.everywhere else And((view, wanted)) if view and wanted else wanted or view
        self.list.sought = wanted
        self.list.begin_anew()
        self.limit = FIRST
        self._draw_views()
        self.load()

    def action_person(self) -> None:
        if row := self._row():
            self._look_for(by_author(row), everywhere=True)

    def action_unsent(self) -> None:
        self.app.flow(self._unsent())

    async def _unsent(self) -> None:
        """Where an answer did not leave, in a list of its own."""
        from store import outbox

        found = await outbox.stuck(await self.app.database())
        if not found:
            self.app.say("every answer left, or is on its way")
            return
        query = f"id:{','.join(map(str, found))}"
        self.app.push_screen(make("found", query, "answers that need you, or failed lately", found))

    def action_claim(self) -> None:
        self.app.flow(self._claim())

    async def _claim(self) -> None:
        """Take the most urgent free case and stand on it."""
        from store import cases

        claimed = await cases.next_urgent(await self.app.database(), agent=self.app.agent, now=datetime.now(UTC))
        if claimed is None:
            self.app.say("nothing is free: every open case has somebody")
            return
        case_id, why = claimed
        await self.acted([case_id], back=True)
        if self.listing.place(case_id) is None:
            self.open_view("mine")
        self.app.say(f"yours now: {why}")


def by_author(row: InboxRow) -> str:
    """The query that finds every case of the author of this one."""
    handle = row.handle.replace('"', " ")
    query = f'author:"{handle}" network:"{row.network}"'
    try:
        parse(query)
    except BadInput:  # nobody could ask for a name of nothing but such signs
        return f"id:{row.id}"
    return query
