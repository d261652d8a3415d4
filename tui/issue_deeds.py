"""What a person says about an issue, on the insights screen: pin it, name it, join two, split one, and undo.

Everything ends in `store.issue_acts`, as on the command line; who looks for issues does the rest in the background.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from store.domain.errors import BadInput
from store.domain.insight import Insights, IssueRow
from tui.modals.form import Field, FormScreen
from tui.modals.pick import Choice, PickScreen
from tui.widgets.figures import Figures

if TYPE_CHECKING:
    from store.issue_acts import Done
    from tui.shell import Earful


CHOICES = 200
NONE = 0  # no issue has this number


class IssueDeeds:
    """The actions of `tui.actions` whose name begins with "issue", for a screen that lists some."""

    app: Earful
    figures: Figures
    found: Insights | None

    async def count(self) -> None:
        raise NotImplementedError

    @property
    def on_issue(self) -> IssueRow | None:
        """The issue under the pointer."""
        row = self.figures.row
        rows = self.found.issues if self.found else ()
        return next((one for one in rows if row and row.query == f"issue:{one.id}"), None)

    def _issue(self) -> IssueRow | None:
        here = self.on_issue
        if here is None:
            self.app.say("go to a recurring issue first; Tab leads to the lists")
        return here

    def action_issue_pin(self) -> None:
        self.app.flow(self._pin())

    async def _pin(self) -> None:
        """The issue under the pointer; anywhere else a new one."""
        here = self.on_issue if self.figures.has_focus else None
        fields = [
            Field("name", "what it is called", here.label if here else "", required=True),
            Field("phrase", "whatever holds these words, in any language"),
            Field("example", "whatever is like this text"),
        ]
        from store import issue_acts

        async def pin(form: dict[str, str]) -> Done:
            return await issue_acts.pin(
                await self.app.database(),
                form["name"],
                phrases=[form["phrase"]] if form["phrase"] else [],
                examples=[form["example"]] if form["example"] else [],
                issue_id=here.id if here else None,
                agent=self.app.agent,
                now=datetime.now(UTC),
            )

        if done := await self._filled_in("Pin an issue", fields, pin, verb="pin"):
            await self._told(done, f"pinned as “{done.label}”; what it takes comes within a minute")

    def action_issue_rename(self) -> None:
        self.app.flow(self._rename())

    async def _rename(self) -> None:
        if (here := self._issue()) is None:
            return
        from store import issue_acts

        async def rename(form: dict[str, str]) -> Done:
            database, now = await self.app.database(), datetime.now(UTC)
            return await issue_acts.rename(database, here.id, form["name"], agent=self.app.agent, now=now)

        fields = [Field("name", "name", here.label, required=True)]
        if done := await self._filled_in("Rename the issue", fields, rename, verb="rename"):
            await self._told(done, f"“{here.label}” is now called “{done.label}”")

    def action_issue_merge(self) -> None:
        self.app.flow(self._merge())

    async def _merge(self) -> None:
        if (here := self._issue()) is None:
            return
        others = await known(self.app)
        wanted = [Choice(n, label) for n, label in others if n != here.id]
        into = await self.app.ask(PickScreen(f"“{here.label}” goes into", wanted))
        if into is not None:
            from store import issue_acts

            database, now = await self.app.database(), datetime.now(UTC)
            done = await issue_acts.merge(database, into, here.id, agent=self.app.agent, now=now)
            await self._told(done, f"“{here.label}” went into “{done.label}”, {done.moved:,} mentions")

    def action_issue_split(self) -> None:
        self.app.flow(self._split())

    async def _split(self) -> None:
        if (here := self._issue()) is None:
            return
        fields = [Field("phrase", "its mentions that hold", required=True), Field("name", "become", required=True)]
        from store import issue_acts

        async def split(form: dict[str, str]) -> Done:
            database, now = await self.app.database(), datetime.now(UTC)
            who, phrase = self.app.agent, form["phrase"]
            return await issue_acts.split(database, here.id, form["name"], phrase=phrase, agent=who, now=now)

        if done := await self._filled_in(f"Split “{here.label}”", fields, split, verb="split"):
            await self._told(done, f"{done.moved:,} mentions are now “{done.label}”")

    async def _filled_in(
        self, title: str, fields: Sequence[Field], act: Callable[[dict[str, str]], Awaitable[Done]], *, verb: str
    ) -> Done | None:
        """What a form asks for, done; where that is refused, why, and the form again as it was filled in."""
        while (form := await self.app.ask(FormScreen(title, fields, verb=verb))) is not None:
            try:
                return await act(form)
            except BadInput as error:
                self.app.complain(error)
                fields = [replace(field, value=form[field.name]) for field in fields]
        return None

    def action_issue_undo(self) -> None:
        self.app.flow(self._undo())

    async def _undo(self) -> None:
        from store import issue_acts

        done = await issue_acts.undo(await self.app.database(), agent=self.app.agent, now=datetime.now(UTC))
        await self._told(done, f"{done.action} of “{done.label}” taken back")

    async def _told(self, done: Done, words: str) -> None:
        await self.count()
        self.app.say(words)


class IssueOfCase:
    """The action that says which issue a case has, for the screen that shows one."""

    app: Earful
    case_id: int

    def action_issue(self) -> None:
        self.app.flow(self._choose_issue())

    async def _choose_issue(self) -> None:
        wanted = [Choice(number, label) for number, label in await known(self.app)]
        picked = await self.app.ask(PickScreen("Which recurring issue is it?", [*wanted, Choice(NONE, "none")]))
        if picked is None:
            return
        from store import issue_acts

        database, now = await self.app.database(), datetime.now(UTC)
        number = None if picked == NONE else picked
        done = await issue_acts.assign(database, self.case_id, number, agent=self.app.agent, now=now)
        undo = self.app.key_of("issue.undo")
        self.app.say(f"{f'issue: {done.label}' if done.label else 'no issue'} · {undo} on the insights takes it back")


async def known(app: Earful) -> list[tuple[int, str]]:
    """The issues that a person can choose from: (id, label), the most spoken of in the last year first."""
    from store import issue_counts
    from store.buckets import period
    from tui.times import local_zone

    now, zone = datetime.now(UTC), local_zone()
    over = period(now - timedelta(days=365), now, zone)
    rows = await issue_counts.listing(await app.database(), over, zone, limit=CHOICES)
    return [(row.id, row.label) for row in rows]
