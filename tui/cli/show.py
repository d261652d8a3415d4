"""`earful show ID`: a whole case."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from sources.mood import Mood, moods
from store import cases
from store.database import Database
from store.domain.case import CaseDetail
from tui.cli.call import DONE, Call
from tui.cli.records import SIGNS, Record, delivery_line, messages, show_record
from tui.moods import mood_lines, mood_record
from tui.output import Cell, Output
from tui.signs import who
from tui.times import local
from tui.wiring import with_store
from tui.worddiff import marked


def show(call: Call) -> int:
    async def work(db: Database) -> tuple[CaseDetail, dict[int, Mood]]:
        case = await cases.get(db, call.args.id, now=call.now)
        return case, await moods(db, call.settings.desk.reading, case.mentions) if call.args.why else {}

    case, found = with_store(call.settings, work)
    if call.out.json:
        record = show_record(case)
        for message in record["messages"]:
            if message["id"] in found:
                message["sentiment"]["why"] = mood_record(found[message["id"]])
        call.out.record(record)
    else:
        _print(case, found, call.out)
    return DONE


def _print(case: CaseDetail, found: Mapping[int, Mood], out: Output) -> None:
    row = case.row
    whose = f"assigned to {row.assignee}" if row.assignee else "not assigned"
    audience = f", {row.followers:,} followers" if row.followers is not None else ""
    out.row(Cell(f"case {row.id}", 0, "bold"), f"{row.status}, {row.priority} priority, {whose}")
    source = f" ({row.source})" if row.source != row.network else ""
    out.row(f"{who(row.handle, row.name)} on {row.network}{source}{audience}")
    facts = {
        "language": row.language,
        "sentiment": f"{SIGNS.get(row.sentiment, '·')} {row.sentiment} ({row.score:+.2f})",
        "intent": row.intent,
        "urgency": f"{row.urgency}: {', '.join(row.reasons)}" if row.urgency else None,
        "issue": row.issue,
        "watches": ", ".join(row.watches),
        "tags": ", ".join(row.tags),
        "due": local(row.due_at) if row.due_at else None,
        "link": row.url,
    }
    for name, value in facts.items():
        if value:
            out.row(Cell(name, 10, "dim"), value)
    for message in messages(case):
        _message(message, out)
        if message["id"] in found:
            for line in mood_lines(found[message["id"]]):
                out.text(line, indent="    ")
    for note in case.notes:
        out.row()
        out.row(Cell("note, stays in the house", 0, "yellow"), f"{note.agent}, {local(note.at)}")
        out.text(note.text, indent="  ")
    if case.deliveries:
        out.row()
        out.row(Cell("outbox", 0, "bold"))
        for delivery in case.deliveries:
            out.row(*delivery_line(delivery, case.deliveries))
    if case.journal:
        out.row()
        out.row(Cell("journal", 0, "bold"))
        for entry in case.journal:
            out.row(
                Cell(local(entry.at), 16, "dim"),
                Cell(entry.agent, 10),
                entry.action,
                "(undone)" if entry.undone else "",
            )


def _message(message: Record, out: Output) -> None:
    author, at = message["author"], datetime.fromisoformat(message["created_at"])
    marks = "".join(f", {word}" for word, key in (("edited", "edited_at"), ("deleted", "deleted_at")) if message[key])
    out.row()
    out.row(
        Cell("we" if message["ours"] else "they", 4, "bold"),
        f"{author['handle']}, {local(at)}{marks}",
    )
    if message["title"] and message["title"] != message["text"]:
        out.text(message["title"], indent="  ")
    out.text(message["text"], indent="  ")
    edited = [version["at"] for version in message["versions"][1:]] + [message["edited_at"]]
    texts = [version["text"] for version in message["versions"]] + [message["text"]]
    for when, old, new in zip(edited, texts, texts[1:], strict=False):
        since = local(datetime.fromisoformat(when)) if when else "later"
        out.text(f"edited {since}: {''.join(words for _, words in marked(old, new))}", indent="    ")
