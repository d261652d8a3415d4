"""`earful why URL-or-ID`: why a post is here, or what kept it out."""

from __future__ import annotations

from sources.coverage import Coverage
from sources.text.explain import Reason
from sources.why import Answer, Verdict, WatchSays
from sources.why import why as find_out
from tui.cli.call import DONE, NOTHING, Call
from tui.cli.records import Record
from tui.output import Cell, Output
from tui.reasons import reason_lines
from tui.times import iso, local, local_zone, moment
from tui.wiring import with_store

HEADS = {
    Verdict.HERE: ("here", "green"),
    Verdict.DISMISSED: ("dismissed", "yellow"),
    Verdict.DELETED: ("deleted", "yellow"),
    Verdict.OURS: ("ours", "dim"),
    Verdict.DUPLICATE: ("duplicate", "yellow"),
    Verdict.UNMATCHED: ("not matched", "red"),
    Verdict.UNREADABLE: ("unreadable", "red"),
    Verdict.UNSEEN: ("never seen", "bold red"),
}


def why(call: Call) -> int:
    args, settings = call.args, call.settings
    at = moment(args.at, now=call.now, zone=local_zone()) if args.at else None
    answer = with_store(settings, lambda db: find_out(db, settings.desk, args.post, at=at, now=call.now))
    if call.out.json:
        call.out.record(record(args.post, answer))
    else:
        _print(answer, call.out)
    return NOTHING if answer.verdict is Verdict.UNSEEN else DONE


def record(asked: str, answer: Answer) -> Record:
    return {
        "asked": asked,
        "verdict": answer.verdict,
        "case": answer.case_id,
        "network": answer.network or None,
        "source": answer.source or None,
        "stream": answer.stream or None,
        "url": answer.url or None,
        "author": answer.handle or None,
        "text": answer.text or None,
        "created_at": iso(answer.created_at),
        "seen_at": iso(answer.seen_at),
        "detail": answer.detail or None,
        "watches": [
            {
                "watch": each.watch,
                "marked": each.marked,
                "matches": each.matches,
                "reasons": [reason_record(reason) for reason in each.reasons],
            }
            for each in answer.watches
        ],
        "journal": [{"at": iso(deed.at), "agent": deed.who, "action": deed.what} for deed in answer.deeds],
        "rules": list(answer.rules),
        "same_words": list(answer.alike),
        "sources": [
            {
                "source": each.source,
                "since": iso(each.since),
                "until": iso(each.until),
                "asked": each.asked,
                "failed": each.failed,
                "outages": [
                    {"since": iso(outage.since), "until": iso(outage.until), "why": outage.why}
                    for outage in each.outages
                ],
            }
            for each in answer.coverage
        ],
        "advice": list(answer.advice),
    }


def reason_record(reason: Reason) -> Record:
    return {
        "term": reason.term,
        "holds": reason.holds,
        "negated": reason.negated,
        "why": reason.why,
        "words": list(reason.words),
        "context": reason.context or None,
    }


def _print(answer: Answer, out: Output) -> None:
    head, colour = HEADS[answer.verdict]
    number = f"case {answer.case_id}" if answer.case_id is not None else ""
    if answer.verdict is Verdict.DUPLICATE:
        number = f"the same words are {number}"
    facts = [Cell(number, 0, "bold")] if number else []
    out.row(Cell(head, 0, colour), *facts, answer.detail)
    if answer.text:
        out.row(Cell(answer.handle, 0, "dim"), answer.text)
    if answer.source:
        way = f"{answer.source}, {answer.stream}" if answer.stream else answer.source
        seen = f"returned by {way}"
        written = f", written {local(answer.created_at)}" if answer.created_at else ""
        out.row(f"{seen} at {local(answer.seen_at)}{written}" if answer.seen_at else seen)
    for each in answer.watches:
        _watch(each, answer, out)
    for rule in answer.rules:
        out.row(Cell("rule", 8, "bold"), rule)
    for deed in answer.deeds:
        out.row(Cell(local(deed.at), 16, "dim"), Cell(deed.who, 10), deed.what)
    if answer.alike:
        out.row(f"the same words: case {', '.join(map(str, answer.alike))}")
    for source in answer.coverage:
        _coverage(source, out)
    for line in answer.advice:
        out.row(Cell("do", 8, "bold"), line)


def _watch(each: WatchSays, answer: Answer, out: Output) -> None:
    name = Cell(f"watch {each.watch}", 0, "bold")
    if each.matches:
        out.row(name, "" if each.marked else "would match it now: it was changed since")
    elif each.marked:
        changed = ", and would not today: the words or the watch changed" if each.reasons else ""
        out.row(name, f"found it{changed}")
    elif answer.verdict in (Verdict.UNMATCHED, Verdict.DUPLICATE):
        out.row(name, "does not match")
    else:
        return  # it is here by another watch: what did not bring it is no answer
    for line in reason_lines(each.matches, each.reasons):
        out.row(Cell("", 1), line)


def _coverage(source: Coverage, out: Output) -> None:
    asked = f"asked {source.asked} times from {local(source.since)} to {local(source.until)}, failed {source.failed}"
    out.row(Cell(f"source {source.source}", 0, "bold"), asked)
    for outage in source.outages:
        until = local(outage.until) if outage.until else "now"
        out.row(Cell("", 1), f"{local(outage.since)} to {until}: {outage.why}")
