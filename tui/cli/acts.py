"""The actions on cases that need no network: one decision each, however many cases, taken back by one undo."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection, Sequence

from sources import teaching
from store import cases
from store.database import Database
from store.domain.action import (
    Action,
    AddNote,
    Assign,
    CorrectSentiment,
    Dismiss,
    Done,
    Escalate,
    Forward,
    Prioritise,
    Reopen,
    Snooze,
    Tag,
)
from store.domain.case import Priority
from store.domain.errors import BadInput
from tui.cli.call import DONE, Call
from tui.cli.delivering import deliver
from tui.cli.inbox import print_cases
from tui.cli.words import text_of
from tui.nearest import did_you_mean
from tui.times import local_zone, moment
from tui.wiring import with_store

AT_ONCE = 500


def note(call: Call) -> int:
    return _act(call, AddNote(text_of(call.args.text)))


def assign(call: Call) -> int:
    who = {"me": call.settings.agent, "none": None}.get(call.args.assignee, call.args.assignee)
    return _act(call, Assign(who))


def tag(call: Call) -> int:
    """Leading numbers are cases; what follows, and what argparse took for options, are tags."""
    ids: list[int] = []
    add: list[str] = []
    remove: list[str] = []
    for word in (*call.args.words, *call.args.extra):
        if word.isascii() and word.isdigit() and not (add or remove):
            ids.append(int(word))
        elif word.startswith("-") or (call.args.remove and not word.startswith("+")):
            remove.append(word.removeprefix("-"))
        else:
            add.append(word.removeprefix("+"))
    if not ids or not (add or remove) or not all((*add, *remove)):
        raise BadInput("give numbers of cases, then tags: earful tag 12 13 +vip -spam")
    return _act(call, Tag(tuple(add), tuple(remove)), ids)


def prioritise(call: Call) -> int:
    return _act(call, Prioritise(Priority(call.args.priority)))


def correct(call: Call) -> int:
    return _act(call, CorrectSentiment(call.args.sentiment))


def snooze(call: Call) -> int:
    args = call.args
    until = None
    if not args.until_reply:
        until = (
            call.now + args.length
            if args.length is not None
            else moment(args.until, now=call.now, zone=local_zone(), ahead=True)
        )
        if until <= call.now:
            raise BadInput(f"{args.until or 'that time'} is over already; give a time to come")
    return _act(call, Snooze(until))


def done(call: Call) -> int:
    return _act(call, Done())


def dismiss(call: Call) -> int:
    return _act(call, Dismiss(text_of(call.args.reason)))


def reopen(call: Call) -> int:
    return _act(call, Reopen())


def forward(call: Call) -> int:
    desk, name = call.settings.desk, call.args.to
    known = [department.name for department in desk.departments if department.to]
    if name not in known:
        raise BadInput(_unknown("department", name, known))
    comment = text_of(call.args.comment) if call.args.comment else ""
    return _act(call, Forward(name, comment, _window(call)))


def escalate(call: Call) -> int:
    desk, name = call.settings.desk, call.args.to
    addresses = {department.name: department.to for department in desk.departments}
    if name not in addresses and any(department.team for department in desk.departments):
        raise BadInput(_unknown("team", name, addresses))
    return _act(call, Escalate(name, text_of(call.args.reason), bool(addresses.get(name)), _window(call)))


def undo(call: Call) -> int:
    return _turn(call, cases.undo)


def redo(call: Call) -> int:
    return _turn(call, cases.redo)


def _turn(call: Call, turn: Callable[..., Awaitable[cases.Undone]]) -> int:
    async def work(db: Database) -> cases.Undone:
        undone = await turn(db, agent=call.settings.agent, now=call.now)
        if undone.corrections:
            await teaching.follow(db, undone.corrections, call.settings.desk.reading, now=call.now)
        await teaching.resume(db, call.settings.desk.reading, now=call.now)
        return undone

    undone = with_store(call.settings, work)
    if call.out.json:
        call.out.record(
            {"batch": undone.batch, "words": undone.words, "cases": sorted(undone.cases), "text": undone.text or None}
        )
    else:
        call.out.row(undone.words)
        if undone.text:
            call.out.text(undone.text, indent="  ")
    return DONE


def _act(call: Call, action: Action, ids: Sequence[int] | None = None) -> int:
    """Do it, then print what left the house where something does, else the cases as they now are."""
    targets = [(case_id, None) for case_id in dict.fromkeys(ids or call.args.ids)]

    async def work(db: Database) -> int:
        acted = await cases.act(db, targets, action, agent=call.settings.agent, now=call.now)
        if acted.deliveries:
            return await deliver(call, db, acted.deliveries)
        choice = call.settings.desk.reading
        if isinstance(action, CorrectSentiment):
            more = await teaching.spread(db, acted.corrections, choice, now=call.now)
            if more + await teaching.resume(db, choice, now=call.now):
                call.out.tell(f"and {more:,} more that say the same")
        touched = [case_id for case_id, _ in targets]
        for start in range(0, len(touched), AT_ONCE):
            rows = await cases.rows(db, touched[start : start + AT_ONCE], now=call.now)
            await print_cases(call, call.settings, db, rows)
        return DONE

    return with_store(call.settings, work)


def _window(call: Call) -> float:
    return 0.0 if call.args.now else call.settings.desk.undo_window.total_seconds()


def _unknown(kind: str, name: str, known: Collection[str]) -> str:
    names = ", ".join(known) or f"none; add a [[{kind}]] to the configuration"
    return f"unknown {kind} `{name}`, known: {names}{did_you_mean(name, known)}"
