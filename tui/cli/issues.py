"""`earful issues`: the recurring issues, what is known of one, and what a person says about them."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import timedelta

from sources import issues as finding
from store import insights, issue_acts, issue_counts
from store.buckets import period
from store.database import Database
from store.domain.errors import BadInput
from store.domain.insight import IssueRow, Period
from store.issue_acts import Done
from store.issue_counts import IssueDetail
from tui.charts import counted
from tui.cli.call import DONE, NOTHING, Call
from tui.cli.insights import issue_record
from tui.cli.records import Record
from tui.lettering import cells, shorten, sparkline
from tui.output import Cell
from tui.times import iso, local, local_zone, moment
from tui.wiring import with_store

A_MOMENT = timedelta(microseconds=1)
MONTH = timedelta(days=30)
TREND = 14
WORDS, LEAST_WORDS = 71, 20  # cells of what is said of an issue and of its example: a line stays within 80
SHAPES = {
    "list": (0, "earful issues"),
    "show": (1, "earful issues show ID"),
    "pin": (1, 'earful issues pin "double charge" --phrase "charged twice"'),
    "rename": (2, "earful issues rename ID NAME"),
    "merge": (2, "earful issues merge ID OTHER"),
    "split": (2, "earful issues split ID NAME --phrase P (or --mention N)"),
    "set": (2, "earful issues set CASE ID (or none)"),
    "undo": (0, "earful issues undo"),
}


def issues(call: Call) -> int:
    args = call.args
    count, shape = SHAPES[args.deed]
    if len(args.words) != count:
        raise BadInput(f"write it so: {shape}")
    if args.deed == "list":
        return _list(call)
    if args.deed == "show":
        return _show(call)
    return _act(call)


def _list(call: Call) -> int:
    async def work(db: Database) -> tuple[IssueRow, ...]:
        over = await _period(call, db)
        return await issue_counts.listing(db, over, local_zone(), limit=call.args.limit)

    rows = with_store(call.settings, work)
    for row in rows:
        if call.out.json:
            call.out.record(_record(row))
            continue
        call.out.row(
            Cell(str(row.id), -5),
            Cell(f"{row.mentions:,} mention{'' if row.mentions == 1 else 's'}", 14),
            Cell(sparkline(row.trend, TREND), TREND),
            Cell(local(row.last_seen, local_zone()), 16, "dim"),
            Cell(row.label, 0, "bold"),
            "(pinned)" if row.pinned else "",
        )
        copies = f"{row.copies:,} {'copy' if row.copies == 1 else 'copies'}" if row.copies else ""
        facts = (copies, _against(row) if call.args.since else "", " ".join(row.languages[:4]))
        said = ", ".join(fact for fact in facts if fact)
        example = f"“{shorten(row.example, max(WORDS - cells(said), LEAST_WORDS))}”" if row.example else ""
        call.out.row(Cell("", 5), said, Cell(example, 0, "dim"))
    if not rows:
        call.out.tell("nothing has come up often enough yet to be called an issue; `earful issues pin NAME` names one")
        return NOTHING
    return DONE


def _show(call: Call) -> int:
    number = _number(call.args.words[0])

    async def work(db: Database) -> IssueDetail:
        return await issue_counts.detail(db, number, await _period(call, db), local_zone())

    found = with_store(call.settings, work)
    if call.out.json:
        call.out.record(_detail_record(found))
        return DONE
    row, zone = found.row, local_zone()
    call.out.row(Cell(f"{row.id}  {row.label}", 0, "bold"), "(pinned)" if row.pinned else "")
    if found.asked != row.id:
        call.out.row(f"issue {found.asked} was merged into it")
    call.out.row(f"{counted(row)} by {row.authors:,} authors; {row.negative:,} negative, {row.positive:,} positive")
    against = f"; {_against(row)}" if call.args.since else ""
    call.out.row(f"first seen {local(row.first_seen, zone)}, last {local(row.last_seen, zone)}{against}")
    if found.spoken:
        call.out.row("languages: " + ", ".join(f"{each.name} {each.mentions:,}" for each in found.spoken))
    if found.phrases:
        call.out.row("phrases: " + ", ".join(found.phrases))
    for given in found.given:
        call.out.row(f"example given: “{given}”")
    for one in found.examples:
        copy = ", a copy" if one.copy else ""
        call.out.row("")
        call.out.row(Cell(f"{one.handle}, {local(one.created_at, zone)}, {one.language}{copy}  {one.url}", 0, "dim"))
        call.out.text(one.text, indent="  ")
    for act in found.acts:
        undone = " (undone)" if act.undone else ""
        call.out.row(Cell(f"{local(act.at, zone)} {act.agent}: {act.action} {act.said}{undone}", 0, "dim"))
    return DONE


def _act(call: Call) -> int:
    args, settings, now = call.args, call.settings, call.now
    who, words = settings.agent, args.words

    async def pin(db: Database) -> Done:
        given = {"phrases": args.phrase, "examples": args.example, "mentions": args.mention, "issue_id": args.issue}
        return await issue_acts.pin(db, words[0], **given, agent=who, now=now)

    async def rename(db: Database) -> Done:
        return await issue_acts.rename(db, _number(words[0]), words[1], agent=who, now=now)

    async def merge(db: Database) -> Done:
        return await issue_acts.merge(db, _number(words[0]), _number(words[1]), agent=who, now=now)

    async def split(db: Database) -> Done:
        if len(args.phrase) + bool(args.mention) != 1:
            raise BadInput("say what goes to the new issue: one --phrase, or mentions by --mention N")
        phrase = args.phrase[0] if args.phrase else ""
        number = _number(words[0])
        return await issue_acts.split(db, number, words[1], phrase=phrase, mentions=args.mention, agent=who, now=now)

    async def put(db: Database) -> Done:
        number = None if words[1] == "none" else _number(words[1])
        return await issue_acts.assign(db, _number(words[0]), number, agent=who, now=now)

    async def undo(db: Database) -> Done:
        return await issue_acts.undo(db, agent=who, now=now)

    deeds: dict[str, Callable[[Database], Awaitable[Done]]] = {
        "pin": pin, "rename": rename, "merge": merge, "split": split, "set": put, "undo": undo,
    }  # fmt: skip

    async def work(db: Database) -> tuple[Done, int]:
        done = await deeds[args.deed](db)
        return done, await finding.refresh(db, settings.desk, now=now)

    done, taken = with_store(settings, work)
    record: Record = {"id": done.issue, "label": done.label, "action": done.action, "moved": done.moved, "taken": taken}
    if call.out.json:
        call.out.record({**record, "undone": args.deed == "undo"})
        return DONE
    what = f"taken back: {done.action}" if args.deed == "undo" else done.action
    call.out.row(f"{what}: issue {done.issue} {done.label}; {done.moved:,} mentions moved, {taken:,} more got an issue")
    return DONE


async def _period(call: Call, db: Database) -> Period:
    """Since when it was asked for, else everything; up to the newest mention."""
    span = await insights.span(db)
    oldest, newest = span or (call.now - MONTH, call.now)
    since = moment(call.args.since, now=call.now, zone=local_zone()) if call.args.since else oldest
    until = call.now if call.args.since and since < call.now else max(newest, since) + A_MOMENT
    return period(since, until, local_zone())


def _number(word: str) -> int:
    if not (word.isascii() and word.isdigit()) or not 0 < int(word) < 2**63:
        raise BadInput(f"`{word}` is not the number of an issue or a case; `earful issues` shows the numbers")
    return int(word)


def _against(row: IssueRow) -> str:
    return f"{row.previous:,} in the time before" if row.previous else "none in the time before"


def _record(row: IssueRow) -> Record:
    return {
        **issue_record(row),
        "stories": row.mentions - row.copies,
        "positive": row.positive,
        "previous": row.previous,
        "pinned": row.pinned,
    }


def _detail_record(found: IssueDetail) -> Record:
    return {
        **_record(found.row),
        "languages": {count.name: count.mentions for count in found.spoken},
        "phrases": list(found.phrases),
        "given_examples": list(found.given),
        "examples": [
            {
                "mention": one.id,
                "case": one.case_id,
                "author": one.handle,
                "text": one.text,
                "url": one.url,
                "language": one.language,
                "created_at": iso(one.created_at),
                "copy": one.copy,
            }
            for one in found.examples
        ],
        "history": [
            {"at": iso(act.at), "agent": act.agent, "action": act.action, "said": act.said, "undone": act.undone}
            for act in found.acts
        ],
    }
