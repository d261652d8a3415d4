"""Insights: a period in charts and lists, each number of which leads to the very cases behind it."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Container, Vertical
from textual.screen import Screen

from store.domain.insight import Insights
from tui import actions, charts, lettering
from tui.issue_deeds import IssueDeeds
from tui.messages import Pulse, StoreChanged
from tui.modals.define import DefineScreen
from tui.modals.pick import Choice, PickScreen
from tui.quiet import quietly
from tui.safe import clip
from tui.screens import make
from tui.times import iso, local_zone
from tui.widgets.chart import Chart
from tui.widgets.figures import Figures
from tui.widgets.lines import Line, Lines
from tui.widgets.status_line import KeysLine, StatusLine

if TYPE_CHECKING:
    from tui.shell import Earful

DAYS = (1, 7, 14, 30, 90, 365)
FIRST_SHOWN = 2
AGAIN_SECONDS = 5.0  # while mentions come in, numbers are counted again at most so often
ISSUES = 15
ON_ISSUE = (
    *("insights.drill", "issue.pin", "issue.rename", "issue.merge", "issue.split", "issue.undo"),
    *("insights.define", "place.back"),
)


class InsightsScreen(IssueDeeds, Screen[None]):
    """`found` is what is on screen: counted again when the period, the watch or the store changes, not on moves."""

    app: Earful
    CSS_PATH = "insights.tcss"
    BINDINGS: ClassVar[list[BindingType]] = actions.bindings("insights")
    AUTO_FOCUS = "Chart"

    def __init__(self) -> None:
        super().__init__()
        self.totals, self.column, self.status = Lines(id="totals"), Lines(id="column"), StatusLine()
        self.chart, self.figures = Chart(local_zone(), id="chart"), Figures(id="figures")
        self.totals.can_focus = self.column.can_focus = False
        self.keys = KeysLine("insights")
        self.period = FIRST_SHOWN
        self.of_watch: str | None = None
        self.found: Insights | None = None
        self._stale = False

    def compose(self) -> ComposeResult:
        yield self.totals
        with Container(id="body"):
            with Vertical(id="left"):
                yield self.chart
                yield self.column
            yield self.figures
        yield self.status
        yield self.keys

    def on_mount(self) -> None:
        self.status.tell(pulse=self.app.background.pulse, agent=self.app.agent)
        self.app.changed.subscribe(self, self._changed)
        self.app.pulsed.subscribe(self, self._pulsed)
        self.set_interval(AGAIN_SECONDS, self._again)
        self._count()

    # Counting

    def _count(self) -> None:
        """In the background: on a large store it takes its time, and keys do not wait for it."""
        self.status.tell(place=f"insights · last {actions.PERIODS[self.period]} · counting …")
        quietly(self, self.count, "count")

    async def count(self) -> None:
        """Count the period up to this minute and show it."""
        from store import insights

        self._stale = False
        period, watch, now = self.period, self.of_watch, datetime.now(UTC)
        over = insights.period(_since(now, DAYS[period]), now, local_zone())
        found = await insights.compute(
            await self.app.database(),
            over,
            local_zone(),
            watch=watch,
            compare_previous=True,
            issues=ISSUES,
            reply_within=self.app.settings.desk.reply_within,
        )
        if (period, watch) == (self.period, self.of_watch):
            self._show(found)

    def _show(self, found: Insights) -> None:
        same = self.found is not None and replace(self.found, period=found.period) == found
        again = self.found is not None and self.found.period.bucket == found.period.bucket
        at, self.found = self.chart.at, found
        if not same:
            self.chart.show(found.buckets if found.mentions else ())
            if again and found.mentions:
                self.chart.at = min(at, len(found.buckets) - 1)
                self.chart.step(0)
            self.figures.show(found)
        self.set_class(not found.mentions, "-empty")
        self._draw()

    def _changed(self, news: StoreChanged) -> None:
        self._stale = self._stale or bool(news.kinds & {"new", "case", "delivery"})

    def _again(self) -> None:
        if self._stale and self.is_current:
            self._count()

    def _pulsed(self, pulse: Pulse) -> None:
        self.status.tell(pulse=pulse)

    # Drawing

    def _draw(self) -> None:
        found, totals = self.found, self.totals
        if found is None:
            return
        about = clip(self.of_watch or "all watches", 40)
        name, zone = actions.PERIODS[self.period], local_zone()
        dates = f"{lettering.day(found.period.since, zone)} – {lettering.day(found.period.until, zone)}"
        heading: Line = ((f" {about}", "heading"), (f"  last {name}  {dates}", "quiet"))
        lines = [heading, *(((f" {said}", "strong"),) for said in charts.totals(found, max(20, totals.width - 1)))]
        if not found.mentions:
            longer, other = self.app.key_of("insights.longer"), self.app.key_of("insights.watch")
            ways = f"{longer} a longer period, {other} another watch"
            lines = [heading, (), *(((f" {said}", ""),) for said in ("Nobody said anything in this period.", ways))]
        totals.put(lines)
        totals.styles.height = len(lines)
        self._tell()

    @on(Chart.Moved)
    @on(Figures.Moved)
    def _tell(self) -> None:
        self.column.put([self.chart.words()])
        where = "charts" if self.focused is self.chart else "lists"
        self.keys.about("insights", ON_ISSUE if where == "lists" and self.on_issue else ())
        self.status.tell(place=f"insights · last {actions.PERIODS[self.period]} · {where}")

    def on_resize(self) -> None:
        self.call_after_refresh(self._draw)

    # Moves

    def action_bar(self, step: int) -> None:
        if self.focused is self.chart:
            self.chart.step(step)
        self.set_focus(self.chart)

    def action_move(self, lines: int) -> None:
        """The first one only goes over to the lists."""
        if self.focused is self.figures:
            self.figures.step(lines)
        self.set_focus(self.figures)

    def action_half(self, pages: int) -> None:
        self.action_move(pages * max(1, self.figures.page // 2))

    def action_page(self, pages: int) -> None:
        self.action_move(pages * max(1, self.figures.page))

    def action_edge(self, which: int) -> None:
        self.set_focus(self.figures)
        self.figures.edge(which)

    def action_pane(self) -> None:
        """Round: the charts, then section by section of the lists."""
        if self.focused is self.chart:
            self.set_focus(self.figures)
            self.figures.edge(-1)
        elif not self.figures.section():
            self.set_focus(self.chart)

    def action_mood(self) -> None:
        if self.chart.both:
            self.app.say("both charts are on screen")
        self.chart.turn()

    # What is asked for

    def action_period(self, step: int) -> None:
        self.action_take_period(max(0, min(self.period + step, len(DAYS) - 1)))

    def action_take_period(self, number: int) -> None:
        if number < len(DAYS) and number != self.period:
            self.period = number
            self._count()

    def action_watch(self) -> None:
        self.app.flow(self._watch())

    async def _watch(self) -> None:
        known = [Choice(watch.name, watch.name, aside=watch.role.value) for watch in self.app.settings.desk.watches]
        picked = await self.app.ask(PickScreen("Watch", [Choice("", "all watches"), *known]))
        if picked is not None:
            self.of_watch = picked or None
            self._count()

    # Behind the numbers

    def action_drill(self) -> None:
        """The cases behind the current column or row, as an inbox of their own; Esc comes back."""
        if self.found is None or not self.found.mentions:
            return
        since, until, asked = self.found.period.since, self.found.period.until, ""
        title = f"last {actions.PERIODS[self.period]}"
        if self.focused is self.chart:
            if (column := self.chart.bucket) is None:
                return
            since, until = column[0].start, column[1].end
            title = self.chart.words()[0][0].removeprefix("▲ ")
        elif (row := self.figures.row) is not None and row.query:
            asked = row.query
            title = f"{row.label}, {title}"
        else:
            return
        about = f'watch:"{self.of_watch}"' if self.of_watch and not asked.startswith("watch:") else ""
        span = f'since:"{iso(since)}" until:"{iso(until)}"'
        query = " ".join(part for part in (asked, about, span, "-status:dismissed") if part)
        self.app.push_screen(make("found", query, f"{self.of_watch}: {title}" if about else title))

    @on(Figures.Opened)
    def _opened(self) -> None:
        self.action_drill()

    def action_define(self) -> None:
        self.app.flow(self._define())

    async def _define(self) -> None:
        names: tuple[str, ...] = ("Mentions", "Net sentiment", "Authors", "Cases")
        if self.focused is self.figures and self.figures.row is not None:
            names = self.figures.row.names or names
        if await self.app.ask(DefineScreen(names)):
            self.app.action_help()

    def action_back(self) -> None:
        self.app.pop_screen()


def _since(now: datetime, days: int) -> datetime:
    """One day are 24 hours; more are whole days of the reader's, today being the last."""
    if days == 1:
        return now - timedelta(days=1)
    first = now.astimezone(local_zone()).date() - timedelta(days=days - 1)
    return datetime(first.year, first.month, first.day, tzinfo=local_zone()).astimezone(UTC)
