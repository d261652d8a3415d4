"""Charts: insights as text. One page for the command line, its parts for the screen. Pure: rows in, lines out.

Every sign means the same without its colour: █ negative, ▒ neutral, ░ positive, ▲ more, ▼ less.
"""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from datetime import datetime, timedelta, tzinfo

from sources.text.lookalikes import revealed
from store.domain.insight import AnswerTimes, Count, Insights, IssueRow, Voice
from store.domain.safetext import safe_line
from tui.lettering import (
    beside,
    cells,
    clock,
    day,
    duration,
    fit,
    number,
    paint,
    percent,
    shorten,
    sparkline,
    wrap,
)
from tui.plots import SIGNS, net_sentiment, together, volume

__all__ = ["answers", "bars", "counted", "issues", "net_sentiment", "report", "sparkline", "totals", "voices", "volume"]

NARROWEST, WIDE, WIDEST = 40, 120, 200
VOLUME_HEIGHT, NET_HEIGHT, GAP = 12, 9, 4
MOST_BARS = 8
TENFOLD = 9  # grown by so many times itself
NO_BREAK = "\u00a0"
LEGEND = "  ".join(f"{SIGNS[name]} {name}" for name in ("negative", "neutral", "positive"))


def report(insights: Insights, width: int, zone: tzinfo, colour: bool, *, newest: datetime | None = None) -> str:
    """The whole page, at most `width` (40 to 200) cells wide. `newest` is the time of the newest mention in the store:
    a period without any says where to look."""
    width = max(NARROWEST, min(width, WIDEST))
    page = [*_heading(insights, width, zone, colour), ""]
    if not insights.mentions:
        return "\n".join([*page, *_silence(insights, width, zone, newest)])
    wide = width >= WIDE
    half, third = ((width - GAP) // 2, (width - 2 * GAP) // 3) if wide else (width, width)
    abreast = wide and together(insights.buckets, half) == 1
    part = half if abreast else width
    bucket = _bucket(insights, part)
    plots = [
        [
            *_title(f"Mentions by {bucket}", LEGEND, part, colour),
            *volume(insights.buckets, part, VOLUME_HEIGHT, colour, zone).splitlines(),
        ],
        [
            *_title(f"Net sentiment by {bucket}", "(positive − negative) / all", part, colour),
            *net_sentiment(insights.buckets, part, VOLUME_HEIGHT if abreast else NET_HEIGHT, colour, zone).splitlines(),
        ],
    ]
    lists = [
        [*_title(title, f"{SIGNS['negative']} negative", third, colour), *bars(counts, third, colour)]
        for title, counts in (("Networks", insights.networks), ("Languages", insights.languages))
    ]
    if insights.voices:
        title = _title("Share of voice", "own / (own + competitors)", third, colour)
        lists.append([*title, *voices(insights.voices, third, colour)])
    page += [*totals(insights, width, colour), ""]
    page += _arranged(plots, width, abreast=abreast)
    page += _arranged(lists, width, abreast=wide)
    page += [*_title("Recurring issues", "", width, colour), *issues(insights.issues, width, colour), ""]
    page += [*_title("First answer", "", width, colour), *answers(insights.answers, width)]
    return "\n".join(page)


def totals(insights: Insights, width: int, colour: bool = False) -> list[str]:
    """The numbers of the period, against those of the period before where they are known."""
    leaning = sum(bucket.positive - bucket.negative for bucket in insights.buckets)
    net = leaning / insights.mentions if insights.mentions else None
    mentions, mood = f"{number(insights.mentions)} mentions", f"net sentiment {percent(net, signed=True)}"
    if insights.previous_mentions is not None:
        mentions += f" ({_against(insights.mentions, insights.previous_mentions)})"
    if net is not None and insights.previous_net is not None:
        points = round(net * 100) - round(insights.previous_net * 100)
        mood += f" ({_arrow(points)} {abs(points)} points)"
    others = f"{number(insights.authors)} authors", f"{number(insights.cases)} cases"
    return wrap([paint(mentions, "strong", colour), paint(mood, "strong", colour), *others], width)


def bars(counts: Sequence[Count], width: int, colour: bool = False) -> list[str]:
    """A line a count: its name, a bar whose dark part is negative, how many and what part of all. What is beyond eight
    lines is added up in the last one."""
    shown = list(counts)
    if len(shown) > MOST_BARS:
        rest = shown[MOST_BARS - 1 :]
        more = Count(safe_line(f"{len(rest)} more"), sum(c.mentions for c in rest), sum(c.negative for c in rest))
        shown = [*shown[: MOST_BARS - 1], more]
    every = sum(count.mentions for count in shown) or 1
    return _bars([(c.name or "unknown", c.mentions, c.negative, c.mentions / every) for c in shown], width, colour)


def voices(rows: Sequence[Voice], width: int, colour: bool = False) -> list[str]:
    """A line a watch with its share of the voice."""
    return _bars([(f"{row.watch} ({row.role})", row.mentions, 0, row.share) for row in rows], width, colour)


def counted(row: IssueRow) -> str:
    """How often, and how much of it only repeats: "31 mentions, 9 of them copies"."""
    mentions = f"{number(row.mentions)} mention{'' if row.mentions == 1 else 's'}"
    return f"{mentions}, {_copies(row)}" if row.copies else mentions


def _copies(row: IssueRow) -> str:
    return f"{number(row.copies)} of them {'a copy' if row.copies == 1 else 'copies'}"


def issues(rows: Sequence[IssueRow], width: int, colour: bool = False) -> list[str]:
    """A table of recurring issues, under each its most typical words. Narrow pages have fewer columns."""
    if not rows:
        return ["Nothing has come up often enough yet to be called an issue."]
    trend = min(max(len(row.trend) for row in rows), 30 if width >= WIDE else 14)
    columns = [
        ("mentions", 8, [number(row.mentions) for row in rows], True),
        ("change", 9, [_change(row) for row in rows], True),
        ("trend", max(trend, 5), [sparkline(row.trend, trend) for row in rows], width >= 56),
        ("negative", 8, [percent(row.negative / row.mentions) for row in rows], width >= 72),
        ("authors", 7, [number(row.authors) for row in rows], width >= 84),
        ("languages", 11, [_few(row.languages) for row in rows], width >= 100),
    ]
    shown = [(title, size, texts) for title, size, texts, there in columns if there]
    rest = width - sum(size + 2 for _, size, _ in shown)

    def line(label: str, texts: Sequence[str]) -> str:
        placed = [_placed(text, title, size) for text, (title, size, _) in zip(texts, shown, strict=True)]
        return "  ".join([fit(label, rest), *placed]).rstrip()

    lines = [paint(line("issue", [title for title, _, _ in shown]), "quiet", colour)]
    for i, row in enumerate(rows):
        lines.append(line(row.label, [texts[i] for _, _, texts in shown]))
        if row.example:
            copies = f"  {_copies(row)}:" if row.copies else " "
            said = f"{copies} “{shorten(revealed(row.example), width - 3 - cells(copies))}”"
            lines.append(paint(said, "quiet", colour))
    return lines


def answers(times: AnswerTimes, width: int) -> list[str]:
    """How long people waited for our first word; who still waits is counted as such."""
    if not times.cases:
        return ["No case began in this period."]
    waiting, share = times.cases - times.answered, times.answered / times.cases
    parts = [f"{number(times.answered)} of {number(times.cases)} cases answered ({_whole(percent(share))}),"]
    parts.append(f"{number(waiting)} still wait.")
    if times.median_seconds is None:
        parts.append("At least half of them still wait.")
    else:
        parts.append(f"Half had an answer within {_whole(duration(times.median_seconds))},")
        if times.p90_seconds is None:
            parts.append("but more than one in ten still waits.")
        else:
            parts.append(f"nine in ten within {_whole(duration(times.p90_seconds))}.")
    if times.within_promise is not None:
        parts.append(f"{_whole(percent(times.within_promise))} within what was promised.")
    return [line.replace(NO_BREAK, " ") for line in textwrap.wrap(" ".join(parts), width)]


def _whole(figure: str) -> str:
    """A figure that stays on one line with its unit."""
    return figure.replace(" ", NO_BREAK)


def _bucket(insights: Insights, width: int) -> str:
    """What a column is: "day", or "3 days" where there is no room for each."""
    several = together(insights.buckets, width)
    return insights.period.bucket if several == 1 else f"{several} {insights.period.bucket}s"


def _heading(insights: Insights, width: int, zone: tzinfo, colour: bool) -> list[str]:
    about = safe_line(insights.watch) if insights.watch else "All watches"
    begin, end = _period(insights, zone)
    title = f"{about} · {begin}" + (f" – {end}" if end != begin else "")
    place = str(zone)
    if cells(title) + cells(place) + 3 <= width:
        return [f"{paint(title, 'strong', colour)}   {paint(place, 'quiet', colour)}"]
    return [paint(line, "strong", colour) for line in textwrap.wrap(title, width)]


def _period(insights: Insights, zone: tzinfo) -> tuple[str, str]:
    """The first and the last moment of the period in words."""
    over = insights.period
    last = over.until - timedelta(microseconds=1)
    if over.bucket == "hour":
        return f"{day(over.since, zone)} {clock(over.since, zone)}", f"{day(last, zone)} {clock(last, zone)}"
    return day(over.since, zone), day(last, zone)


def _silence(insights: Insights, width: int, zone: tzinfo, newest: datetime | None) -> list[str]:
    begin, end = _period(insights, zone)
    of_watch = f" of {safe_line(insights.watch)}" if insights.watch else ""
    words = f"No mentions{of_watch} " + (f"between {begin} and {end}" if end != begin else f"on {begin}")
    if newest is not None:
        words += f"; the newest is of {day(newest, zone)} {clock(newest, zone)}"
    return textwrap.wrap(f"{words}.", width)


def _title(title: str, beside_it: str, width: int, colour: bool) -> list[str]:
    if beside_it and cells(title) + 2 + cells(beside_it) <= width:
        return [f"{paint(title, 'strong', colour)}  {paint(beside_it, 'quiet', colour)}"]
    return [paint(title, "strong", colour)]


def _arranged(blocks: Sequence[Sequence[str]], width: int, *, abreast: bool) -> list[str]:
    if abreast:
        return [*beside(blocks, width, GAP), ""]
    return [line for block in blocks for line in (*block, "")]


def _bars(rows: Sequence[tuple[str, int, int, float]], width: int, colour: bool) -> list[str]:
    """(name, mentions, of them negative, share) a line; the longest bar is that of the most mentions."""
    if not rows:
        return []
    names = min(max(cells(name) for name, *_ in rows), width * 2 // 5)
    figures = max(len(number(mentions)) for _, mentions, *_ in rows)
    room = width - names - figures - len("  ") * 3 - len("100 %")
    most = max(mentions for _, mentions, *_ in rows) or 1
    lines = []
    for name, mentions, negative, share in rows:
        length = max(round(room * mentions / most), 1) if mentions else 0
        dark = max(round(length * negative / mentions), 1) if negative else 0
        bar = paint(SIGNS["negative"] * dark, "negative", colour)
        bar += paint(SIGNS["neutral"] * (length - dark), "neutral", colour) + " " * (room - length)
        lines.append(f"{fit(name, names)}  {bar}  {number(mentions):>{figures}}  {percent(share):>5}")
    return lines


def _placed(text: str, title: str, size: int) -> str:
    """A cell of the table: figures to the right, words and trends to the left."""
    return fit(text, size) if title in ("trend", "languages") else " " * (size - cells(text)) + text


def _few(names: Sequence[str]) -> str:
    return " ".join(names[:3]) + (f" +{len(names) - 3}" if len(names) > 3 else "")


def _change(row: IssueRow) -> str:
    """The later half of the period against the earlier; a change by all of its mentions says that it began at none."""
    if row.change == row.mentions:
        return "▲ from 0"
    return _changed(row.change)


def _against(now: int, before: int) -> str:
    if not before:
        return "none in the period before"
    return f"{_changed((now - before) / before)} from {number(before)}"


def _changed(part: float) -> str:
    """ "▲ 48 %"; what grew more than tenfold is told as "▲ 25×"."""
    return f"▲ {number(round(part + 1))}×" if part > TENFOLD else f"{_arrow(part)} {percent(abs(part))}"


def _arrow(value: float) -> str:
    return "▲" if value > 0 else "▼" if value < 0 else "="
