"""A feed document (RSS, Atom, JSON Feed) as plain JSON: run as a program of its own, with limits on time and memory,
because a small hostile document can keep a parser busy for minutes. Standard input: one line of JSON (`type`, `url`),
then the document's bytes. Standard output: {`title`, `link`, `ttl`, `whole`, `entries`} or {`error`}; `whole` is false
where the document is not well-formed, which it also is when its end is missing.

An entry is {`id`, `link`, `title`, `title_html`, `text`, `html`, `author`, `author_url`, `origin`, `language`,
`published`, `updated`}; times are seconds since 1970 or null; what is absent is "".
"""

from __future__ import annotations

import calendar
import io
import json
import re
import sys
from typing import Any
from urllib.parse import urljoin

ENTRIES = 10_000
CPU_SECONDS = 3
MEMORY = 768 * 1024 * 1024


def document(body: bytes, kind: str, url: str) -> dict[str, Any]:
    """Raises ValueError where it is no feed."""
    start = body.lstrip(b"\xef\xbb\xbf \t\r\n")[:1]
    return _json_feed(body, url) if start == b"{" else _xml_feed(body, kind, url)


def _bound(entries: list[Any]) -> None:
    # To read the first ones only would lose those that come behind, which may be the newest.
    if len(entries) > ENTRIES:
        raise ValueError(f"more than {ENTRIES:,} entries")


def _xml_feed(body: bytes, kind: str, url: str) -> dict[str, Any]:
    import feedparser

    # Bytes in memory only: given text, feedparser would fetch or open what the text says. It is not told where they
    # come from, because it would make addresses of ids too, and a feed that moves would bring everything twice.
    parsed = feedparser.parse(io.BytesIO(body), response_headers={"content-type": kind}, sanitize_html=False)
    if not parsed.entries and (not parsed.get("version") or not parsed.feed):
        raise ValueError("not a feed")
    _bound(parsed.entries)
    return {
        "title": parsed.feed.get("title", ""),
        "link": parsed.feed.get("link", ""),
        "ttl": parsed.feed.get("ttl", ""),
        "whole": type(parsed.get("bozo_exception")).__name__ != "SAXParseException",
        "entries": [_entry(entry, parsed.feed, url) for entry in parsed.entries],
    }


def _entry(entry: Any, feed: Any, url: str) -> dict[str, Any]:
    content = entry.get("content") or ([entry["summary_detail"]] if entry.get("summary_detail") else [])
    best: Any = max(content, key=lambda part: len(part.get("value", "")), default={})
    html = "html" in best.get("type", "text/html")
    title = entry.get("title_detail", {})
    return {
        "id": entry.get("id", ""),
        "link": _absolute(url, entry.get("link")),
        "title": entry.get("title", ""),
        "title_html": "html" in title.get("type", ""),
        "text": "" if html else best.get("value", ""),
        "html": best.get("value", "") if html else "",
        "author": _author(entry.get("author", "")),
        "author_url": entry.get("author_detail", {}).get("href", ""),
        "origin": entry.get("source", {}).get("title", ""),
        "language": best.get("language") or feed.get("language") or "",
        # Asked by `in`: get("updated_parsed") answers with the published date where there is no other.
        "published": _seconds(entry["published_parsed"]) if "published_parsed" in entry else None,
        "updated": _seconds(entry["updated_parsed"]) if "updated_parsed" in entry else None,
    }


def _author(text: str) -> str:
    """The name in "ana@example.org (Ana)" or "Ana (ana@example.org)"; feedparser's own is cut at long domain names."""
    return re.sub(r"[^\s()<>]+@[^\s()<>]+", "", text).strip(' ()<>"') or text


def _seconds(parts: Any) -> int | None:
    try:
        return calendar.timegm(parts)
    except (TypeError, ValueError, OverflowError):
        return None


def _json_feed(body: bytes, url: str) -> dict[str, Any]:
    """https://www.jsonfeed.org/version/1.1/"""
    try:
        feed = json.loads(body)
    except RecursionError:
        raise ValueError("not a feed") from None
    if not isinstance(feed, dict) or not isinstance(feed.get("items"), list):
        raise ValueError("not a feed")
    _bound(feed["items"])
    items = [item for item in feed["items"] if isinstance(item, dict)]
    return {
        "title": feed.get("title", ""),
        "link": feed.get("home_page_url", ""),
        "ttl": "",
        "whole": True,
        "entries": [_item(item, feed, url) for item in items],
    }


def _item(item: dict[str, Any], feed: dict[str, Any], url: str) -> dict[str, Any]:
    own = item.get("authors") or ([item["author"]] if item.get("author") else None)
    authors = own or feed.get("authors")
    author = authors[0] if isinstance(authors, list) and authors and isinstance(authors[0], dict) else {}
    name, link = item.get("id", ""), item.get("url") or item.get("external_url") or ""
    return {
        "id": str(name) if isinstance(name, int | float) else name,
        "link": _absolute(url, link),
        "title": item.get("title", ""),
        "title_html": False,
        "text": item.get("content_text") or ("" if item.get("content_html") else item.get("summary", "")),
        "html": "" if item.get("content_text") else item.get("content_html", ""),
        "author": author.get("name", ""),
        "author_url": author.get("url", ""),
        "origin": "",
        "language": item.get("language") or feed.get("language", ""),
        "published": item.get("date_published"),
        "updated": item.get("date_modified"),
    }


def _absolute(base: str, link: Any) -> str:
    try:
        return urljoin(base, link) if link and isinstance(link, str) else ""
    except ValueError:
        return ""


def _limit() -> None:
    try:
        import resource
    except ImportError:  # not on Windows; the parent's time limit still holds
        return
    for what, limit in ((resource.RLIMIT_CPU, CPU_SECONDS), (resource.RLIMIT_AS, MEMORY)):
        try:
            resource.setrlimit(what, (limit, limit))
        except (ValueError, OSError):
            pass


def main() -> None:
    _limit()
    head = json.loads(sys.stdin.buffer.readline())
    try:
        answer = document(sys.stdin.buffer.read(), str(head["type"]), str(head["url"]))
    except Exception as error:  # whatever a parser trips over is one thing to the reader: no feed
        answer = {"error": str(error) if isinstance(error, ValueError) and not error.args[1:] else type(error).__name__}
    sys.stdout.write(json.dumps(answer))


if __name__ == "__main__":
    main()
