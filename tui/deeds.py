"""What an agent does to cases, on any screen that shows some: pick, ask, act, say what happened.

A screen mixes `Deeds` in and says which cases are meant. Everything ends in `store.cases`, which the command line calls
too; a deed holds the keyboard until its result is on screen, so that the next key meets the next case.
"""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Coroutine, Mapping, Sequence
from datetime import UTC, datetime
from functools import partial
from importlib import import_module
from typing import TYPE_CHECKING, Any

from store.domain import action as act
from store.domain.case import InboxRow, Priority
from store.domain.errors import BadInput, Conflict
from tui import choices, clipboard, links
from tui.modals.confirm import ConfirmScreen
from tui.modals.form import Field, FormScreen
from tui.modals.mood import MoodScreen
from tui.modals.pick import PickScreen
from tui.moods import mood_lines
from tui.quiet import quietly
from tui.screens import make

if TYPE_CHECKING:
    from tui.shell import Earful

MANY = 25  # over this the count and the first three are shown before anything happens
OUTSIDE = (act.Reply, act.Forward, act.Escalate)  # never repeated by one key: they leave the house
RANKS = list(Priority)


class Deeds:
    """The actions of `tui.actions` whose place is "case" and "inbox" alike."""

    app: Earful

    # What the screen says

    def targets(self) -> list[int]:
        """The cases that the next deed is about: what is marked, else the current one."""
        raise NotImplementedError

    def seen(self, case_id: int) -> InboxRow | None:
        """The row as this screen shows it."""
        raise NotImplementedError

    async def acted(self, case_ids: Collection[int], *, back: bool = False) -> None:
        """These cases have changed by our own doing (`back`: an undo brought them back): show it."""
        raise NotImplementedError

    # The one way to act

    def deed(self, action: act.Action, done: str) -> None:
        self._begin(self._deed(action, done))

    def _begin(self, work: Coroutine[Any, Any, None]) -> None:
        self.app.flow(work)

    async def _deed(self, action: act.Action, done: str) -> None:
        """Act on the targets as they were seen; `done` says it in the past ("done", "assigned to ana")."""
        ids = self.targets()
        if not ids:
            return
        from store import cases

        database = await self.app.database()
        rows = {case_id: row for case_id in ids if (row := self.seen(case_id)) is not None}
        rows |= {row.id: row for row in await cases.rows(database, [i for i in ids if i not in rows])}
        known = [rows[i] for i in ids if i in rows]
        if len(known) > MANY and not await self.app.ask(ConfirmScreen(*choices.many(known, done))):
            return
        try:
            result = await cases.act(
                database, [(r.id, r.version) for r in known], action, agent=self.app.agent, now=datetime.now(UTC)
            )
        except Conflict as error:
            self.app.complain(error)
            await self.acted(ids)
            return
        if not isinstance(action, OUTSIDE):
            self.app.last_deed = (action, done)
        what = "" if len(result.cases) == 1 else f"{len(result.cases):,} cases "
        self.app.say(f"{what}{done} · {self.app.key_of('undo')} undoes")
        if result.corrections:
            spread = partial(self._spread, result.corrections, done)
            quietly(self.app, spread, f"spread {result.batch}", says="what says the same was not corrected: ")
        await self.acted(result.cases)

    def _row(self) -> InboxRow | None:
        ids = self.targets()
        return self.seen(ids[0]) if ids else None

    # Decide

    def action_done(self) -> None:
        self.deed(act.Done(), "done")

    def action_priority(self, step: int) -> None:
        if row := self._row():
            wanted = RANKS[max(0, min(RANKS.index(row.priority) + step, len(RANKS) - 1))]
            self.deed(act.Prioritise(wanted), f"{wanted.value} priority")

    def action_repeat(self) -> None:
        if self.app.last_deed is None:
            self.app.say("nothing to repeat yet")
        else:
            self.deed(*self.app.last_deed)

    def action_assign(self) -> None:
        self._begin(self._assign())

    async def _assign(self) -> None:
        picked = await self.app.ask(
            PickScreen("Assign to", choices.agents(self.app), free=choices.name, hint=choices.FREE)
        )
        if picked is not None:
            agent = picked or None
            await self._deed(act.Assign(agent), f"assigned to {agent}" if agent else "given back")

    def action_snooze(self) -> None:
        self._begin(self._snooze())

    async def _snooze(self) -> None:
        now = datetime.now(UTC)
        picked = await self.app.ask(
            PickScreen("Snooze", choices.snoozes(now), free=choices.until(now), hint="or type 4h, 3d, 2026-12-24T09:00")
        )
        if picked is not None:
            await self._deed(act.Snooze(picked.time), f"snoozed until {picked.words}")

    def action_tag(self) -> None:
        self._begin(self._tag())

    async def _tag(self) -> None:
        rows = [row for i in self.targets() if (row := self.seen(i))]
        on = set.intersection(*(set(row.tags) for row in rows)) if rows else set()
        picked = await self.app.ask(PickScreen("Tag", choices.tags(self.app, on), free=choices.name, hint=choices.FREE))
        if picked in on:
            await self._deed(act.Tag(remove=(picked,)), f"tag {picked} taken off")
        elif picked:
            await self._deed(act.Tag(add=(picked,)), f"tagged {picked}")

    def action_status(self) -> None:
        self._begin(self._status())

    async def _status(self) -> None:
        match await self.app.ask(PickScreen("Status", choices.STATUSES)):
            case "open":
                await self._deed(act.Reopen(), "open again")
            case "done":
                await self._deed(act.Done(), "done")
            case "snoozed":
                await self._snooze()
            case "escalated":
                await self._escalate()
            case "dismissed":
                await self._dismiss()

    def action_dismiss_case(self) -> None:
        self._begin(self._dismiss())

    async def _dismiss(self) -> None:
        reason = await self.app.ask(PickScreen("Dismiss: why?", choices.REASONS, free=str, hint=choices.FREE))
        if reason:
            await self._deed(act.Dismiss(reason), f"dismissed: {reason}")

    def action_sentiment(self) -> None:
        self._begin(self._sentiment())

    async def _sentiment(self) -> None:
        label = await self.app.ask(PickScreen("Sentiment", choices.SENTIMENTS))
        if label:
            await self._deed(act.CorrectSentiment(label), f"sentiment {label}")

    async def _spread(self, corrected: Mapping[int, int], done: str) -> None:
        """Behind the screen: the same word for what says the same."""
        teaching = await asyncio.to_thread(import_module, "sources.teaching")
        choice = self.app.settings.desk.reading
        count = await teaching.spread(await self.app.database(), corrected, choice, now=datetime.now(UTC))
        if count:
            self.app.say(f"{done}, and {count:,} more like it · {self.app.key_of('undo')} undoes")

    def action_mood(self) -> None:
        self._begin(self._mood())

    async def _mood(self) -> None:
        """Of the newest word of theirs, which is the one that a correction is about."""
        if (row := self._row()) is None:
            return
        from store import cases

        mood = await asyncio.to_thread(import_module, "sources.mood")
        database = await self.app.database()
        theirs = [mention for mention in (await cases.get(database, row.id)).mentions if not mention.ours]
        found = await mood.moods(database, self.app.settings.desk.reading, theirs[-1:])
        if not found:
            self.app.say("there are no words to read")
        elif await self.app.ask(MoodScreen(list(mood_lines(*found.values())))):
            await self._sentiment()

    def action_mute(self) -> None:
        self._begin(self._mute())

    async def _mute(self) -> None:
        if (row := self._row()) is None:
            return
        kind = await self.app.ask(PickScreen("Mute from now on", choices.mutes(row)))
        if kind is None:
            return
        word = ""
        if kind == "word":
            form = await self.app.ask(FormScreen("Mute a word", [Field("word", "word", required=True)], verb="mute"))
            if form is None:
                return
            word = form["word"]
        from store import cases

        result = await cases.mute(
            await self.app.database(), kind, row.id, word, agent=self.app.agent, now=datetime.now(UTC)
        )
        self.app.say(f"{kind} muted, case dismissed · {self.app.key_of('undo')} undoes")
        await self.acted(result.cases)

    # Answer

    def action_reply(self, quoting: bool) -> None:
        if row := self._row():
            self.app.push_screen(make("compose", row.id, kind="reply", quoting=quoting))

    def action_note(self) -> None:
        if row := self._row():
            self.app.push_screen(make("compose", row.id, kind="note"))

    def action_forward(self) -> None:
        self._begin(self._forward())

    async def _forward(self) -> None:
        if not self.targets():
            return
        departments = [d for d in self.app.settings.desk.departments if not d.team]
        if not departments:
            raise BadInput("there is no department to forward to; add a [[department]] with name and to to earful.toml")
        name = await self.app.ask(PickScreen("Forward to", choices.departments(departments)))
        if name is None:
            return
        form = await self.app.ask(
            FormScreen(f"Forward to {name}", [Field("comment", "comment")], lines=self._about(), verb="forward")
        )
        if form is not None:
            window = self.app.settings.desk.undo_window.total_seconds()
            await self._deed(act.Forward(name, form["comment"], window), f"forwarded to {name}")

    def action_escalate(self) -> None:
        self._begin(self._escalate())

    async def _escalate(self) -> None:
        if not self.targets():
            return
        teams = [d for d in self.app.settings.desk.departments if d.team]
        name = await self.app.ask(
            PickScreen("Escalate to", choices.departments(teams), free=choices.name, hint=choices.FREE)
        )
        if not name:
            return
        form = await self.app.ask(
            FormScreen(
                f"Escalate to {name}", [Field("reason", "reason", required=True)], lines=self._about(), verb="escalate"
            )
        )
        if form is not None:
            notify = any(team.name == name and team.to for team in teams)
            window = self.app.settings.desk.undo_window.total_seconds()
            await self._deed(act.Escalate(name, form["reason"], notify, window), f"escalated to {name}")

    def _about(self) -> list[str]:
        rows = [row for i in self.targets() if (row := self.seen(i))]
        return choices.first_three(rows)

    # Take back

    def action_undo(self) -> None:
        self._begin(self._take("undo"))

    def action_redo(self) -> None:
        self._begin(self._take("redo"))

    async def _take(self, which: str) -> None:
        from store import cases

        take = cases.undo if which == "undo" else cases.redo
        undone = await take(await self.app.database(), agent=self.app.agent, now=datetime.now(UTC))
        self.app.say(f"{undone.words} · {self.app.key_of('redo' if which == 'undo' else 'undo')} takes that back")
        await self.acted(undone.cases, back=True)
        if undone.corrections:
            self.app.flow(self._follow(undone.corrections))

    async def _follow(self, corrections: Sequence[int]) -> None:
        """Behind the screen: what follows from a mood that was put back."""
        teaching = await asyncio.to_thread(import_module, "sources.teaching")
        choice = self.app.settings.desk.reading
        await teaching.follow(await self.app.database(), corrections, choice, now=datetime.now(UTC))

    # Look

    def action_link(self) -> None:
        if row := self._row():
            self.app.say(links.plain(row.url) or "this one has no link", seconds=12)

    def action_copy_link(self) -> None:
        if (row := self._row()) and (url := links.plain(row.url)):
            clipboard.copy(self.app, url)
            self.app.say(f"copied {url}")
        else:
            self.app.say("this one has no link")

    def action_open_link(self) -> None:
        if row := self._row():
            self.app.say(links.open_in_browser(row.url))
