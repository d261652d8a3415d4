"""Mentions as a file: JSON Lines, CSV, a Markdown or an HTML report. Pure: rows in, text out, piece by piece.

What others wrote is harmless in each: control and bidi characters are taken out; a CSV cell that a spreadsheet would
run begins with an apostrophe; Markdown and HTML are escaped, and the HTML page runs and loads nothing.
"""

from __future__ import annotations

import csv
import html
import io
import json
import re
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Protocol

from sources.text.lookalikes import revealed
from store.domain.safetext import safe, safe_line
from store.export import Totals
from tui.links import plain
from tui.signs import who
from tui.times import iso, local

Row = Mapping[str, Any]
COLUMNS = (
    "mention", "case", "id", "source", "network", "url", "author", "author_name", "followers", "type", "title", "text",
    "created_at", "seen_at", "edited_at", "language", "sentiment", "score", "intent", "urgency", "issue", "watches",
    "tags", "status", "priority", "assignee", "answered_at", "parent", "thread",
)  # fmt: skip
# What a spreadsheet takes for a formula, in the wide and small forms too that it takes for the same.
FORMULA = re.compile(r"\s*[=+\-@|\uff1d\uff0b\uff0d\uff20\ufe62\ufe63\ufe66\ufe6b\u2212]|[\t\r\n]")
MARKDOWN = re.compile(r"([\\`*_{}\[\]()#+\-.!|<>~&=:@])")
STYLE = (
    "body{font:16px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem}"
    "table{border-collapse:collapse;margin:0 0 1rem}td,th{padding:.1rem 1rem .1rem 0;text-align:left}"
    "td.n{text-align:right}article{border-top:1px solid #ccc;padding:.5rem 0}"
    "article p{white-space:pre-wrap;margin:.3rem 0}"
    ".facts{color:#666;font-size:85%}"
)


class Format(Protocol):
    def head(self) -> str: ...
    def rows(self, rows: Sequence[Row]) -> str: ...
    def foot(self) -> str: ...


def record(row: Row) -> dict[str, Any]:
    """One mention with stable names; `earful import` reads them. `mention` is what --after takes."""
    return {
        "mention": row["id"],
        "case": row["case_id"],
        "id": _clean(row["external_id"]),
        "author": _clean(row["handle"]),
        "author_name": _clean(row["name"]),
        "issue": _clean(row["issue"]),
        "watches": [_clean(name) for name in row["watches"]],
        "tags": [_clean(name) for name in row["tags"]],
        **{
            name: iso(value) if isinstance(value, datetime) else _clean(value)
            for name, value in row.items()
            if name not in ("id", "case_id", "external_id", "handle", "name", "issue", "watches", "tags")
        },
    }


class JsonLines:
    def head(self) -> str:
        return ""

    def rows(self, rows: Sequence[Row]) -> str:
        said = (record(row) for row in rows)
        return "".join(json.dumps({name: each[name] for name in COLUMNS}, ensure_ascii=False) + "\n" for each in said)

    def foot(self) -> str:
        return ""


class Csv:
    """RFC 4180: comma, CRLF, every text quoted. Numbers are numbers."""

    def head(self) -> str:
        return self._lines([COLUMNS])

    def rows(self, rows: Sequence[Row]) -> str:
        said = (record(row) for row in rows)
        return self._lines([[cell(each[name]) for name in COLUMNS] for each in said])

    def foot(self) -> str:
        return ""

    @staticmethod
    def _lines(lines: Sequence[Sequence[Any]]) -> str:
        text = io.StringIO()
        csv.writer(text, quoting=csv.QUOTE_NONNUMERIC).writerows(lines)
        return text.getvalue()


def cell(value: Any) -> Any:
    """One cell that no spreadsheet runs: a text that looks like a formula is shown as text."""
    if value is None:
        return ""
    if isinstance(value, list):
        value = " ".join(value)
    if isinstance(value, str) and FORMULA.match(value):
        return f"'{value}"
    return value


class Markdown:
    def __init__(self, title: str, about: str, totals: Totals) -> None:
        self._title, self._about, self._totals = title, about, totals

    def head(self) -> str:
        lines = [f"# {_md(self._title)}", "", _md(self._about), ""]
        for name, counts in _tables(self._totals):
            lines += [f"| {_md(name)} | mentions |", "|---|---:|", *(f"| {_md(k)} | {n} |" for k, n in counts), ""]
        return "\n".join([*lines, "## Mentions", "", ""])

    def rows(self, rows: Sequence[Row]) -> str:
        return "".join(self._row(row) for row in rows)

    def foot(self) -> str:
        return ""

    def _row(self, row: Row) -> str:
        words = "\n".join(f"> {_md(line)}".rstrip() for line in _words(row).split("\n"))
        link = f" <{_link(row)}>" if _link(row) else ""
        return f"**{_md(_who(row))}**, {_md(_facts(row))}{link}\n\n{words}\n\n"


class Html:
    def __init__(self, title: str, about: str, totals: Totals) -> None:
        self._title, self._about, self._totals = title, about, totals

    def head(self) -> str:
        title, about = _html(self._title), _html(self._about)
        policy = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'"
        parts = [
            '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
            f'<meta http-equiv="Content-Security-Policy" content="{policy}">\n'
            '<meta name="viewport" content="width=device-width">\n<meta name="referrer" content="no-referrer">\n'
            f"<title>{title}</title>\n<style>{STYLE}</style>\n</head>\n<body>\n<h1>{title}</h1>\n<p>{about}</p>\n"
        ]
        for name, counts in _tables(self._totals):
            rows = "".join(f'<tr><td>{_html(each)}</td><td class="n">{number}</td></tr>\n' for each, number in counts)
            parts.append(f"<table>\n<tr><th>{_html(name)}</th><th>mentions</th></tr>\n{rows}</table>\n")
        return "".join([*parts, "<h2>Mentions</h2>\n"])

    def rows(self, rows: Sequence[Row]) -> str:
        return "".join(self._row(row) for row in rows)

    def foot(self) -> str:
        return "</body>\n</html>\n"

    def _row(self, row: Row) -> str:
        link = f' <a href="{_html(_link(row))}" rel="noreferrer noopener nofollow">link</a>' if _link(row) else ""
        words = html.escape(_words(row))
        facts = f'<div class="facts"><b>{_html(_who(row))}</b>, {_html(_facts(row))}{link}</div>'
        return f'<article dir="auto">{facts}<p>{words}</p></article>\n'


def _tables(totals: Totals) -> list[tuple[str, tuple[tuple[str, int], ...]]]:
    """What a report begins with; what is empty is left out."""
    named = (
        ("sentiment", totals.sentiments),
        ("network", totals.networks),
        ("language", totals.languages),
        ("recurring issue", totals.issues),
        ("day (UTC)", totals.days),
    )
    return [(name, counts) for name, counts in named if counts]


def _who(row: Row) -> str:
    return who(str(row["handle"]), str(row["name"]))


def _facts(row: Row) -> str:
    facts = [
        str(row["network"]),
        local(row["created_at"]),
        str(row["language"]),
        str(row["sentiment"]),
        str(row["status"]),
    ]
    return ", ".join([*facts, f"issue: {row['issue']}"] if row["issue"] else facts)


def _words(row: Row) -> str:
    title, text = str(row["title"]), str(row["text"])
    return revealed(safe(f"{title}\n{text}" if title and title != text else text))


def _link(row: Row) -> str:
    """Only what a browser may be given, and what cannot end an attribute or a Markdown link; spelt as it leads."""
    url = plain(str(row["url"]))
    return url if re.fullmatch(r"https?://[^\s<>\"'`\\]+", url) else ""


def _md(text: str) -> str:
    return MARKDOWN.sub(r"\\\1", str(safe_line(text, limit=100_000)))


def _html(text: str) -> str:
    return html.escape(str(safe_line(text, limit=100_000)))


def _clean(value: Any) -> Any:
    return str(safe(value)) if isinstance(value, str) else value
