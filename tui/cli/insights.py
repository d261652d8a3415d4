"""`earful insights`: the charts of a period as text, or their numbers as one JSON object."""

from __future__ import annotations

from datetime import datetime, timedelta

from store import insights as counting
from store.database import Database
from store.domain.errors import BadInput
from store.domain.insight import Count, Insights, IssueRow, Period
from tui.cli.call import DONE, Call
from tui.cli.records import Record
from tui.times import iso, local_zone, moment
from tui.wiring import with_store

A_MOMENT = timedelta(microseconds=1)


def insights(call: Call) -> int:
    args, zone = call.args, local_zone()
    since = moment(args.since, now=call.now, zone=zone) if args.since else None
    until = moment(args.until, now=call.now, zone=zone) if args.until else None

    async def count(db: Database) -> tuple[Insights, datetime | None]:
        span = await counting.span(db)
        oldest, newest = span or (call.now - timedelta(days=14), call.now)
        # Nothing given: all that is stored, the newest mention included. Only the beginning given: up to this minute.
        first = since or oldest
        last = until or (call.now if since else newest + A_MOMENT)
        if first >= last:
            raise BadInput(f"the period ends ({iso(last)}) before it begins ({iso(first)})")
        over = counting.period(first, last, zone)
        found = await counting.compute(
            db,
            over,
            zone,
            watch=args.watch,
            compare_previous=args.compare == "previous",
            reply_within=call.settings.desk.reply_within,
        )
        return found, newest if span else None

    found, newest = with_store(call.settings, count)
    if call.out.json:
        call.out.record(insights_record(found))
    else:
        from tui.charts import report

        call.out.drawing(report(found, args.width, zone, call.out.colour, newest=newest))
    return DONE


def insights_record(found: Insights) -> Record:
    return {
        "period": _period(found.period),
        "watch": found.watch,
        "mentions": found.mentions,
        "authors": found.authors,
        "cases": found.cases,
        "net_sentiment": _net(found),
        "sentiment": {
            label: sum(getattr(bucket, label) for bucket in found.buckets)
            for label in ("positive", "neutral", "negative")
        },
        "volume": [
            {
                "start": iso(bucket.start),
                "end": iso(bucket.end),
                "mentions": bucket.mentions,
                "positive": bucket.positive,
                "neutral": bucket.neutral,
                "negative": bucket.negative,
                "net_sentiment": bucket.net,
            }
            for bucket in found.buckets
        ],
        "languages": [_count(count) for count in found.languages],
        "networks": [_count(count) for count in found.networks],
        "share_of_voice": [
            {"watch": voice.watch, "role": voice.role, "mentions": voice.mentions, "share": voice.share}
            for voice in found.voices
        ],
        "issues": [issue_record(issue) for issue in found.issues],
        "answers": {
            "cases": found.answers.cases,
            "answered": found.answers.answered,
            "median_seconds": found.answers.median_seconds,
            "p90_seconds": found.answers.p90_seconds,
            "within_promise": found.answers.within_promise,
        },
        "previous": None
        if found.previous_mentions is None
        else {"mentions": found.previous_mentions, "net_sentiment": found.previous_net},
    }


def issue_record(issue: IssueRow) -> Record:
    return {
        "id": issue.id,
        "label": issue.label,
        "mentions": issue.mentions,
        "copies": issue.copies,
        "authors": issue.authors,
        "negative": issue.negative,
        "languages": issue.languages,
        "first_seen": iso(issue.first_seen),
        "last_seen": iso(issue.last_seen),
        "trend": issue.trend,
        "change": issue.change,
        "example": issue.example,
    }


def _period(period: Period) -> Record:
    return {"since": iso(period.since), "until": iso(period.until), "bucket": period.bucket}


def _count(count: Count) -> Record:
    return {"name": count.name, "mentions": count.mentions, "negative": count.negative}


def _net(found: Insights) -> float | None:
    """(positive - negative) / all, as the buckets have it."""
    spoken = sum(bucket.mentions for bucket in found.buckets)
    return sum(bucket.positive - bucket.negative for bucket in found.buckets) / spoken if spoken else None
