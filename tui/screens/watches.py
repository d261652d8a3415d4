"""What is listened for. A changed query is tried on the past while it is typed: what appears, what vanishes."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.screen import Screen
from textual.widgets import Input

from sources.text.lookalikes import revealed
from store.domain.desk import Role, Watch
from store.domain.errors import BadInput
from store.domain.safetext import safe_line
from tui import actions
from tui.messages import Pulse
from tui.quiet import quietly
from tui.safe import clip, fit
from tui.settings import Settings
from tui.times import local
from tui.widgets.lines import Line, Lines, text
from tui.widgets.status_line import KeysLine, StatusLine
from tui.widgets.text_field import TextField

if TYPE_CHECKING:
    from sources.hindsight import Difference, Trial
    from tui.shell import Earful

TYPING_SECONDS = 0.3  # a pause of the hands: then the query is tried
SHOWN = 200
MARKS = {"+": "positive", "-": "negative"}


class WatchesScreen(Screen[None]):
    """Above a line a watch, below what its query does to the past."""

    app: Earful
    CSS_PATH = "watches.tcss"
    BINDINGS: ClassVar[list[BindingType]] = actions.bindings("watches")
    AUTO_FOCUS = "#watches"

    def __init__(self) -> None:
        super().__init__()
        self.verdict, self.list, self.trial = Lines(id="verdict"), Lines(id="watches"), Lines(id="trial")
        self.verdict.can_focus = False
        self.status = StatusLine()
        self.watches: list[Watch] = []
        self.at = 0
        self.edited: Watch | None = None

    def compose(self) -> ComposeResult:
        yield self.verdict
        yield self.list
        yield TextField(id="query", compact=True, select_on_focus=False, placeholder='"acme cloud" OR acmecloud~1')
        yield self.trial
        yield self.status
        yield KeysLine("watches")

    def on_mount(self) -> None:
        self.status.tell(place="watches", pulse=self.app.background.pulse, agent=self.app.agent)
        self.app.pulsed.subscribe(self, self._pulsed)
        self.app.configured.subscribe(self, self._configured)
        self.call_after_refresh(self._configured, self.app.settings)

    def _configured(self, settings: Settings) -> None:
        here = self.edited or self.current
        self.watches = list(settings.desk.watches)
        self.at = next((n for n, watch in enumerate(self.watches) if here and watch.name == here.name), 0)
        if self.edited is None:
            self._chosen()
        else:
            self._draw()

    def _pulsed(self, pulse: Pulse) -> None:
        self.status.tell(pulse=pulse)

    @property
    def current(self) -> Watch | None:
        return self.watches[self.at] if self.watches else None

    def _draw(self) -> None:
        lines: list[Line] = []
        for number, watch in enumerate(self.watches):
            here = number == self.at
            languages = f" [{' '.join(watch.languages)}]" if watch.languages else ""
            pointer = ("▌" if here else " ", "pointer")
            lines.append(
                (pointer, (f" {fit(watch.name, 18)} ", "strong"), (f"{fit(watch.role, 11)}", "quiet"),
                 (clip(watch.query + languages, max(10, self.size.width - 33)), "")),
            )  # fmt: skip
        self.list.put(lines or [text(f" Nothing is watched yet; {self.app.key_of('watches.new')} begins.", "quiet")])
        if self.at >= self.list.scroll_offset.y + self.list.page:
            self.list.go(self.at + 1 - self.list.page)
        elif self.at < self.list.scroll_offset.y:
            self.list.go(self.at)

    def _chosen(self) -> None:
        self._draw()
        self._try_soon(0)

    def on_resize(self) -> None:
        self.call_after_refresh(self._draw)

    # Trying

    def _try_soon(self, seconds: float = TYPING_SECONDS) -> None:
        async def work() -> None:
            await asyncio.sleep(seconds)
            await self._try()

        quietly(self, work, "trial")

    async def _try(self) -> Trial | None:
        """Show what the query before us does; None where it is none yet."""
        watch = self.edited or self.current
        if watch is None or not watch.query.strip():
            self.verdict.put([text(" What should be listened for?" if self.edited else "", "quiet")])
            self.trial.put([])
            return None
        from sources import hindsight

        database = await self.app.database()
        try:
            trial = await hindsight.trial(
                database,
                watch,
                now=datetime.now(UTC),
                shown=SHOWN,
                tell=lambda so_far: self.verdict.put([_verdict(so_far, done=False)]),
            )
        except BadInput as error:
            self.verdict.put([text(f" {error}", "late")])
            return None
        self.verdict.put([_verdict(trial, done=True)])
        self.trial.put([line for each in trial.differences for line in _shown(each, self.trial.width)])
        self.trial.scroll_home(animate=False)
        return trial

    @on(Input.Changed, "#query")
    def _typed(self, event: Input.Changed) -> None:
        if self.edited is not None and event.value != self.edited.query:
            self.edited = replace(self.edited, query=event.value)
            self._try_soon()

    @on(Input.Submitted, "#query")
    def _submitted(self) -> None:
        self.app.flow(self._save())

    # Moves

    def action_move(self, lines: int) -> None:
        if self.focused is self.trial:
            self.trial.scroll(lines)
        elif self.watches and self.edited is None:
            at = max(0, min(self.at + lines, len(self.watches) - 1))
            if at != self.at:
                self.at = at
                self._draw()
                self._try_soon()

    def action_half(self, pages: int) -> None:
        self.action_move(pages * max(1, (self.trial if self.focused is self.trial else self.list).page // 2))

    def action_page(self, pages: int) -> None:
        self.action_move(pages * (self.trial if self.focused is self.trial else self.list).page)

    def action_edge(self, which: int) -> None:
        if self.focused is self.trial:
            self.trial.edge(which)
        else:
            self.action_move(which * len(self.watches))

    def action_pane(self) -> None:
        top = self.query_one(Input) if self.edited is not None else self.list
        self.set_focus(top if self.focused is self.trial else self.trial)

    def action_back(self) -> None:
        if self.edited is None:
            self.app.pop_screen()
        else:
            self._leave()
            self._chosen()

    # Changing

    def action_edit(self) -> None:
        if self.current is not None:
            self._edit(self.current)

    def action_new(self) -> None:
        self.app.flow(self._new())

    def action_forms(self) -> None:
        if self.current is not None:
            self.app.flow(self._forms(self.current))

    def _edit(self, watch: Watch) -> None:
        self.edited = watch
        self.add_class("-editing")
        field = self.query_one(Input)
        field.value = watch.query
        field.cursor_position = len(watch.query)
        self.set_focus(field)
        self.query_one(KeysLine).hint(f"{watch.name}: Enter saves · Esc leaves it as it was")
        self._try_soon(0)

    def _leave(self) -> None:
        self.edited = None
        self.remove_class("-editing")
        self.set_focus(self.list)
        self.query_one(KeysLine).hint("")

    async def _new(self) -> None:
        from tui.modals.form import Field, FormScreen
        from tui.modals.pick import Choice, PickScreen

        given = await self.app.ask(FormScreen("A new watch", [Field("name", "Name", required=True)], verb="go on"))
        if not given:
            return
        name = str(safe_line(given["name"]))
        if any(watch.name.casefold() == name.casefold() for watch in self.watches):
            raise BadInput(f"there is a watch `{name}` already")
        roles = [Choice(role, role.value, key=role.value[0]) for role in Role]
        role = await self.app.ask(PickScreen(f"What is {name} to us?", roles))
        if role is not None:
            self._edit(Watch(name, f'"{name}"', role))

    async def _forms(self, watch: Watch) -> None:
        """Other forms of its words that people really write, to be taken into the query."""
        from sources import variants
        from tui.modals.pick import Choice, PickScreen

        self.query_one(KeysLine).hint(f"looking for other forms of {watch.name} …")
        found = await variants.suggest(await self.app.database(), watch, now=datetime.now(UTC))
        self.query_one(KeysLine).hint("")
        if not found.variants:
            self.app.say(f"no other form of {watch.name} in {found.posts:,} posts")
            return
        choices = [Choice(found.query, "all the likely ones", key="a", aside=found.query)] if found.query else []
        choices += [
            Choice(f"{watch.query} OR {each.query}", each.query, aside=f"{each.adds} new · {each.context}")
            for each in found.variants
        ]
        query = await self.app.ask(PickScreen(f"Other forms of {watch.name}", choices))
        if query is not None:
            self._edit(replace(watch, query=query))

    async def _save(self) -> None:
        watch, path = self.edited, self.app.settings.config_path
        if watch is None:
            return
        if path is None:
            raise BadInput("this desk has no configuration file, so nothing can be saved")
        trial = await self._try()
        if trial is None:
            return
        from tui.modals.pick import Choice, PickScreen

        changes = f"{trial.lands:,} posts land, {trial.marks:,} get its mark, {trial.vanishes:,} lose it"
        choices = [Choice(False, "save, for what the sources bring from now on", key="s")]
        if trial.appears or trial.vanishes:
            choices.append(Choice(True, f"save, and the past too: {changes}", key="p"))
        lands = await self.app.ask(PickScreen(f"{watch.name}: {watch.query}", choices))
        if lands is None:
            return
        from tui.settings_edit import set_watch

        await asyncio.to_thread(set_watch, path, watch.name, watch.query, watch.role.value)
        self._leave()
        self.app.background.read_again()  # what it says comes back to us as to everybody
        self.app.say(f"{watch.name} is saved")
        if lands:
            await self._land(watch)

    async def _land(self, watch: Watch) -> None:
        from sources import hindsight

        desk = self.app.background.settings.desk
        done = await hindsight.land(await self.app.database(), desk, watch, now=datetime.now(UTC))
        posts = f"{done.landed:,} post{'' if done.landed == 1 else 's'}"
        marks = f"{done.marked:,} got its mark, {done.unmarked:,} lost it"
        self.app.say(f"{watch.name} is saved; {posts} landed in {done.cases:,} new cases, {marks}")
        self._chosen()


def _verdict(trial: Trial, *, done: bool) -> Line:
    looked = f"{trial.stored:,} stored and {trial.remembered:,} remembered posts"
    return (
        (f" +{trial.appears:,}", "positive"),
        (f" appear ({trial.lands:,} land)  ", ""),
        (f"-{trial.vanishes:,}", "negative"),
        (f" vanish  {trial.stays:,} stay", ""),
        (f"  of {looked}" if done else f"  … {looked} so far", "quiet"),
    )


def _shown(difference: Difference, width: int) -> Iterator[Line]:
    from tui.reasons import reason_lines

    post, style = difference.post, MARKS[difference.sign]
    where = f"{local(post.created_at)} {post.network} {post.handle}"
    state = "" if post.case_id is None else f" · case {post.case_id}"
    yield (f" {difference.sign} ", style), (clip(where, max(10, width - 20)), "strong"), (state, "quiet")
    yield (("   ", ""), (clip(revealed(post.text or post.title), max(10, width - 4)), ""))
    for reason in reason_lines(difference.sign == "+", difference.reasons):
        yield (("   ", ""), (clip(reason, max(10, width - 4)), "quiet"))
