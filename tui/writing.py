"""Writing on a case: composer, last look, sending, recalling. A screen with a thread and a composer mixes it in."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from store.domain import action as act
from store.domain.case import CaseDetail
from store.domain.delivery import Delivery, DeliveryKind, DeliveryState
from store.domain.errors import BadInput, Conflict
from tui import answering, settling
from tui.links import plain
from tui.modals.confirm import ConfirmScreen
from tui.modals.pick import Choice, PickScreen
from tui.modals.review import ReviewScreen
from tui.safe import clip
from tui.settling import Decision

if TYPE_CHECKING:
    from sources.protocol import Channel
    from tui.shell import Earful
    from tui.widgets.composer import Composer, Kind, Length


class Writing:
    """`detail` is the case as it is on screen; `basis` is how it was when the agent last knew all of it."""

    app: Earful
    case_id: int
    detail: CaseDetail | None
    basis: CaseDetail | None = None
    composer: Composer

    async def acted(self, case_ids: Collection[int], *, back: bool = False) -> None:
        raise NotImplementedError

    async def reload(self) -> None:
        raise NotImplementedError

    def at_it(self) -> str:
        """Who else is at this case, "" for nobody."""
        raise NotImplementedError

    def writing_changed(self) -> None:
        """The composer was opened or closed."""
        raise NotImplementedError

    # Begin and leave

    def action_reply(self, quoting: bool) -> None:
        self.app.flow(self.write("reply", quoting=quoting))

    def action_note(self) -> None:
        self.app.flow(self.write("note"))

    async def write(self, kind: Kind, *, quoting: bool = False) -> None:
        """Open the composer with what was begun before, else with what an answer begins with."""
        if self.detail is None:
            return
        if self.composer.is_open:
            await self.composer.close()
        row, parent = self.detail.row, answering.parent_of(self.detail)
        channel, prefill = None, ""
        if kind == "reply":
            if (why := answering.obstacle(self.app.settings.desk, row)) or parent is None:
                why = why or "there is no word of theirs left to answer"
                self.app.keyboard.look_first()  # the answer may be being typed already
                self.app.say(
                    f"{why} · {plain(row.url) or 'no link'} · {self.app.key_of('case.note')} writes a note", seconds=15
                )
                return
            channel = await self._channel(row.source)
            prefill = channel.compose(parent) if channel else ""
        from store import drafts

        draft = await drafts.get(await self.app.database(), row.id, self.app.agent, kind)
        words = draft.text if draft else prefill
        if quoting and parent is not None:
            words = f"{words.rstrip()}\n{answering.quoted(parent)}\n".lstrip("\n")
        seen_by = answering.visibility(self.app.settings.desk, parent) if parent else "public"
        reply = "public reply" if seen_by in answering.FOR_ALL else "private reply"
        where = f"{reply} to {clip(row.handle, 40)} via {clip(row.source, 40)}"
        heading = where if kind == "reply" else "internal note · stays in the house"
        self.basis = self.detail
        self.composer.open(row, kind, heading, text=words, prefill=prefill, channel=channel, kept=draft is not None)
        self.writing_changed()

    def action_alike(self) -> None:
        self.app.flow(self._alike())

    async def _alike(self) -> None:
        """What we answered to the like of this: open it, or begin with the same words."""
        from sources.likeness import answered
        from sources.text.deep.engines import needed
        from tui.modals.alike import AlikeScreen
        from tui.screens import make

        engine = needed(self.app.settings.desk.reading.deep)
        found = await answered(await self.app.database(), engine, self.case_id)
        if not found:
            self.app.say("no answered case is like this one, as far as has been read deeply")
            return
        match await self.app.ask(AlikeScreen(found)):
            case ("open", each):
                self.app.push_screen(make("case", each.row.id))
            case ("draft", each):
                await self.write("reply")
                if self.composer.is_open:
                    self.composer.replace(answering.begun_with(self.composer.text, each.answer))

    async def _channel(self, source: str) -> Channel | None:
        worker = await self.app.background.worker()
        return worker.channel(source) if worker is not None else None

    def action_leave_composer(self) -> None:
        self.app.flow(self._leave_composer())

    async def _leave_composer(self) -> None:
        if self.composer.is_open:
            kept = self.composer.written
            key = self.app.key_of("case.reply" if self.composer.kind == "reply" else "case.note")
            await self.composer.close()
            await self.reload()
            self.writing_changed()
            if kept:
                self.app.say(f"kept as a draft · {key} goes on")

    def action_editor(self) -> None:
        self.app.flow(self._editor())

    async def _editor(self) -> None:
        if self.app.settings.desk.worker == "separate":
            raise BadInput("no other program is started from a team's screen; write here")
        from tui.editor import edit

        await self.composer.keep()
        self.composer.replace(await edit(self.app, self.composer.text))

    # Send

    def action_review(self) -> None:
        self.app.flow(self._review())

    async def _review(self) -> None:
        """The last look; notes stay in the house and need none."""
        composer = self.composer
        if not composer.is_open or self.detail is None:
            return
        if not composer.written:
            raise BadInput("nothing is written yet")
        await composer.keep()
        if composer.kind == "note":
            await self._add_note(composer.text)
            return
        length = await composer.measure()
        if length.over:
            counted = f"{length.used:,} of {length.limit:,}"
            raise BadInput(f"{length.over:,} characters too many for {self.detail.row.network}: {counted}")
        while True:
            self.app.keyboard.look_first()
            match await self.app.ask(self._last_look(composer.text.strip(), length)):
                case "send":
                    await self._send(composer.text.strip())
                    return
                case "postpone":
                    await self._leave_composer()
                    return
                case "drop":
                    if await self.app.ask(
                        ConfirmScreen("Drop this answer?", ["Its words are gone then."], verb="drop it")
                    ):
                        await composer.forget()
                        await self.reload()
                        self.writing_changed()
                        self.app.say("dropped")
                        return
                case _:
                    composer.pad.focus()
                    return

    def _last_look(self, text: str, length: Length) -> ReviewScreen:
        assert self.detail is not None
        row, parent = self.detail.row, answering.parent_of(self.detail)
        desk, me = self.app.settings.desk, self.app.agent
        seen_by = answering.visibility(desk, parent) if parent else "public"
        facts = [
            row.network,
            f"as {clip(row.source, 40)}",
            f"to {clip(row.handle, 40)}",
            seen_by + (", everybody can read it" if seen_by in answering.FOR_ALL else ", only who it names"),
            f"{length.used:,}" + (f"/{length.limit:,}" if length.limit is not None else " characters"),
        ]
        warnings = [f"{there} at this case"] if (there := self.at_it()) else []
        warnings += [f"{clip(row.assignee, 40)} has this case"] if row.assignee and row.assignee != me else []
        if any(d.state in settling.OPEN and d.kind is DeliveryKind.REPLY for d in self.detail.deliveries):
            warnings.append("another answer to this case is not settled yet")
        return ReviewScreen(f"Send this to {clip(row.network, 20)}?", text, facts, warnings=warnings)

    async def _send(self, text: str) -> None:
        """Into the outbox, held for the undo window; where the case moved on meanwhile, the agent is asked first."""
        from store import cases, drafts

        database, me = await self.app.database(), self.app.agent
        window = self.app.settings.desk.undo_window.total_seconds()
        while True:
            found = await cases.get(database, self.case_id)
            news = answering.news(self.basis, found, me) if self.basis else []
            self.basis = found
            if news and not await self.app.ask(ConfirmScreen("The case moved on", news[:8], verb="send anyway")):
                await self.reload()
                self.composer.pad.focus()
                return
            now = datetime.now(UTC)
            draft = await drafts.save(database, self.case_id, me, text, now=now)
            try:
                target = (self.case_id, found.row.version)
                await cases.act(database, [target], act.Reply(text, draft.identity, window), agent=me, now=now)
                break
            except Conflict as error:
                if not error.found:
                    raise
        self.composer.shut()
        self.writing_changed()
        await self.acted([self.case_id])
        self.app.say(f"held for {window:g} s · {self.app.key_of('undo')} recalls", seconds=max(2, min(window, 6)))

    async def _add_note(self, text: str) -> None:
        from store import cases

        assert self.detail is not None
        now = datetime.now(UTC)
        await cases.act(
            await self.app.database(), [(self.case_id, None)], act.AddNote(text), agent=self.app.agent, now=now
        )
        self.composer.shut()
        self.writing_changed()
        await self.acted([self.case_id])
        self.app.say(f"note kept · {self.app.key_of('undo')} undoes")

    async def resume(self) -> None:
        """After an undo: what was recalled is in the composer again."""
        from store import drafts

        if self.detail is None or self.composer.is_open:
            return
        recalled = {d.text for d in self.detail.deliveries if d.state is DeliveryState.WITHDRAWN}
        draft = await drafts.get(await self.app.database(), self.case_id, self.app.agent)
        if draft is not None and draft.text in recalled:
            await self.write("reply")

    # Settle

    def action_settle(self) -> None:
        self.app.flow(self._settle())

    async def _settle(self) -> None:
        """A person decides about what the courier could not, or calls back what is still here."""
        delivery = settling.waiting(self.detail) if self.detail else None
        if self.detail is None or delivery is None:
            self.app.say("nothing of this case waits for a decision")
            return
        title = f"{delivery.kind} to {clip(delivery.to, 30)}: {delivery.state}"
        hint = clip(delivery.error, 160) or "a key decides · Esc leaves"
        decision = await self.app.ask(PickScreen(title, list(_ways(delivery)), hint=hint))
        if decision is None:
            return
        database, now = await self.app.database(), datetime.now(UTC)
        done = await settling.settle(database, self.detail, delivery, decision, agent=self.app.agent, now=now)
        self.app.say(done)
        recalled = delivery.state in (DeliveryState.HELD, DeliveryState.QUEUED)
        await self.acted([self.case_id], back=recalled)


def _ways(delivery: Delivery) -> Iterator[Choice[Decision]]:
    """What a person may decide, by the delivery's state."""
    reply = delivery.kind is DeliveryKind.REPLY
    stays = "its words are a draft again" if reply else "never mind"
    for decision in settling.OPEN[delivery.state]:
        match decision, delivery.state:
            case Decision.SENT, _:
                yield Choice(decision, "it was sent", "s", "I looked there, or did it by hand")
            case Decision.SEND, _:
                yield Choice(decision, "send it now", "a", "it is not there")
            case _, DeliveryState.HELD | DeliveryState.QUEUED:
                yield Choice(decision, "recall it", "r", stays)
            case _:
                yield Choice(decision, "keep it as a draft" if reply else "give up", "x", stays if reply else "")
