"""Feeds: RSS, Atom and JSON Feed, from blogs to Google Alerts and Google News.

A feed is one whole document that is asked for again and again, so the bookmark holds what spares that: the validators
(verbatim), a digest of the last document, the address that it moved to for good; and `skipped`, the entries that stood
in it at first contact and were too old. An entry is known by its own id within the feed as it was configured, so a feed
that moves brings nothing twice. Leaving the document is not a deletion.
"""

from __future__ import annotations

import asyncio
import base64
import json
import os
import re
import sys
from collections.abc import AsyncIterator, Mapping, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

from sources.adapters import fields
from sources.addresses import shown
from sources.errors import BadAnswer
from sources.http import Answer, Request, retry_after
from sources.protocol import Option, Page, Setup, SourceType
from sources.status import whole
from sources.text.clean import html_to_text
from store.domain.desk import SourceConfig
from store.domain.mention import UNKNOWN_AUTHOR, JsonObject, Mention, MentionType, NewAuthor, NewMention
from store.domain.poll import Cursor, Rejected
from store.domain.secret import Secret

LIMIT = 5 * 1024 * 1024
PARSE_SECONDS = 20.0
LONGEST_REST = timedelta(days=1)
AHEAD = timedelta(hours=1)
PARSER = Path(__file__).with_name("feed_document.py")
ALERTS = "https://www.google.com/alerts/feeds/"
_BOMB = re.compile(rb"<!ENTITY\s[^>]{0,2000}&[^#]", re.IGNORECASE)
# The parser reads hostile bytes: it gets none of the secrets that may be kept in the environment.
KEPT_ENVIRONMENT = ("PYTHONPATH", "SYSTEMROOT")


class Feed:
    kind = SourceType(
        "feed",
        "feed",
        "Any RSS, Atom or JSON Feed: blogs, news, Google Alerts, Google News, forums",
        login="what a closed feed asks for: a token (Bearer) or user:password",
        without_account="any public feed",
        with_account="feeds behind a token (Bearer) or a login (user:password)",
        quota="one request a poll, nothing to pay; a feed that did not change costs a few bytes",
        guide=("Google Alerts: make an alert, deliver to RSS feed, and give its address as `feed`.",),
        options=(
            Option(
                "feed",
                "the feed's address (or give it as `url`)",
                example='"https://example.org/blog.rss"',
                address=True,
            ),
        ),
    )

    @staticmethod
    def problems(config: SourceConfig) -> list[str]:
        if config.url or config.options.get("feed"):
            return []
        return ['`feed` is missing, for example feed = "https://example.org/blog.rss"']

    def __init__(self, setup: Setup) -> None:
        self._http = setup.http
        self._config = setup.config
        self._url = feed_url(setup.config)
        self._scope = fields.digest(self._url)[:12]
        self._secrets = {} if setup.token is None else {"Authorization": _authorization(setup.token)}

    def streams(self) -> Sequence[str]:
        return ("feed",)

    async def pages(self, cursor: Cursor, *, now: datetime) -> AsyncIterator[Page]:
        # A feed configured anew under the same name starts anew.
        mark: JsonObject = dict(cursor.bookmark) if cursor.bookmark.get("for") == self._scope else {}
        url = mark.get("url") or self._url
        asked = ALERTS + "…" if url.startswith(ALERTS) else shown(url)
        validators = {"If-None-Match": mark.get("etag"), "If-Modified-Since": mark.get("modified")}
        answer = whole(
            await self._http.fetch(
                Request(
                    "GET",
                    url,
                    headers={name: value for name, value in validators.items() if value},
                    secret_headers=self._secrets,
                    limit=LIMIT,
                    label=asked,
                )
            ),
            now=now,
        )
        if answer.permanent_url:
            mark["url"] = answer.permanent_url
        digest = fields.digest(answer.body.decode("latin-1"))
        if answer.status == 304 or digest == mark.get("digest"):
            yield Page(asked, bookmark=mark, next_poll_at=self._rest(answer.headers, "", now), note="not modified")
            return
        feed = await parse(answer, asked)
        first = "for" not in mark
        known = {_key(entry): entry for entry in feed["entries"]}
        if first:
            skipped = {key for key, entry in known.items() if self._is_history(entry, now)}
        else:
            skipped = known.keys() & set(mark.get("skipped", ()))
        mentions, rejected = self._read(feed, [key for key in known if key not in skipped], known, now)
        mark |= {"for": self._scope, "skipped": sorted(skipped)}
        # What is not well-formed may only have been cut off: it is asked for whole again.
        mark["etag"] = _verbatim(answer.headers.get("etag")) if feed["whole"] else ""
        mark["modified"] = _verbatim(answer.headers.get("last-modified")) if feed["whole"] else ""
        mark["digest"] = digest
        rest = self._rest(answer.headers, feed["ttl"], now)
        yield Page(asked, mentions, rejected, bookmark=mark, next_poll_at=rest)

    async def recheck(self, mentions: Sequence[Mention], *, now: datetime) -> Page | None:
        return None

    def _is_history(self, entry: JsonObject, now: datetime) -> bool:
        """Whether an entry of the first document is older than what is asked for; of unknown age: only with "none"."""
        backfill = self._config.backfill
        if backfill is None:
            return False
        dates = _times(entry)
        return max(dates) < now - backfill if dates and backfill else not backfill

    def _read(
        self, feed: JsonObject, wanted: Sequence[str], known: Mapping[str, JsonObject], now: datetime
    ) -> tuple[list[NewMention], list[Rejected]]:
        """Oldest first, as most feeds stand the other way round."""
        mentions: list[NewMention] = []
        rejected: list[Rejected] = []
        for key in reversed(wanted):
            try:
                mentions.append(self._mention(known[key], feed, now))
            except (ValueError, KeyError, TypeError, AttributeError) as error:
                rejected.append(Rejected(key, str(error) or type(error).__name__, fields.raw(known[key])))
        return mentions, rejected

    def _mention(self, entry: JsonObject, feed: JsonObject, now: datetime) -> NewMention:
        link = fields.web_url(_unwrapped(fields.text(entry["link"])))
        title = html_to_text(entry["title"]) if entry["title_html"] else fields.text(entry["title"])
        html, text = fields.text(entry["html"]), fields.text(entry["text"])
        if not (title.strip() or html.strip() or text.strip()):
            raise ValueError("no text")
        origin = fields.text(entry["origin"]).strip()
        title = title.removesuffix(f" - {origin}") if origin else title
        feed_title = fields.text(feed["title"]).strip() or urlsplit(self._url).netloc.rpartition("@")[2]
        author = fields.text(entry["author"]).strip() or origin or feed_title
        times = _times(entry)
        created_at = times[0] if times and times[0] <= now + AHEAD else now
        edited = len(times) == 2 and times[1] > times[0]
        name = _name(entry)
        return NewMention(
            network="feed",
            external_id=f"{self._scope}:{name}",
            author=NewAuthor(
                fields.identifier(author) or UNKNOWN_AUTHOR,
                author,
                fields.web_url(entry["author_url"]) or fields.web_url(feed["link"]),
            ),
            created_at=created_at,
            text=text,
            html=html or None,
            title=title,
            url=link,
            type=MentionType.ARTICLE,
            native_id=name,
            # A URI names one article in every feed that has it; "1" is the first article of many blogs.
            thread=name if ":" in name else f"{self._scope}:{name}",
            language_hint=fields.identifier(entry["language"])[:35],
            edited_at=times[1] if edited else None,
            raw=fields.raw(entry),
        )

    def _rest(self, headers: Mapping[str, str], ttl: Any, now: datetime) -> datetime | None:
        """When to ask again where the feed wants to be asked more rarely than configured; a day at most."""
        age = re.search(r"max-age\s*=\s*([0-9]{1,9})", headers.get("cache-control", ""), re.IGNORECASE)
        rests = [timedelta(seconds=int(age[1]) if age else 0), timedelta(minutes=min(fields.count(ttl) or 0, 1440))]
        asked_for = retry_after(headers, now=now)
        rests.append(asked_for - now if asked_for else timedelta(0))
        rest = min(max(rests), LONGEST_REST)
        return now + rest if rest > self._config.every else None


def feed_url(config: SourceConfig) -> str:
    return str(config.options.get("feed") or config.url)


async def parse(answer: Answer, asked: str) -> JsonObject:
    """The document by a process of its own (see feed_document). Raises BadAnswer where it is no feed, or none that can
    be read within its limits."""
    if _BOMB.search(answer.body):
        raise BadAnswer(f"{asked}: it declares entities out of entities (an XML bomb), not read")
    head = json.dumps({"type": answer.headers.get("content-type", ""), "url": answer.url}).encode() + b"\n"
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-P",  # not to take a neighbour of the program's file for a module of the standard library
        str(PARSER),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
        env={name: os.environ[name] for name in KEPT_ENVIRONMENT if name in os.environ},
        start_new_session=True,
    )
    try:
        async with asyncio.timeout(PARSE_SECONDS):
            output, _ = await process.communicate(head + answer.body)
    except TimeoutError:
        raise BadAnswer(f"{asked}: the feed takes too long to read") from None
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    if process.returncode != 0:
        raise BadAnswer(f"{asked}: the feed is too much to read")
    feed: JsonObject = json.loads(output)
    if "error" in feed:
        raise BadAnswer(f"{asked}: {str(feed['error'])[:80]}")
    return feed


def _authorization(token: Secret) -> Secret:
    """A token as Bearer, user:password as Basic (RFC 7617)."""
    value = token.reveal()
    if ":" not in value:
        return Secret(f"Bearer {value}", token.reference)
    return Secret(f"Basic {base64.b64encode(value.encode()).decode()}", token.reference)


def _name(entry: JsonObject) -> str:
    """The id of an entry: its own, else its link, else its title and date, else its words."""
    own = fields.identifier(entry.get("id")) or fields.identifier(entry.get("link"))
    title, date = fields.text(entry.get("title")), entry.get("published") or entry.get("updated") or ""
    words = "" if title else fields.text(entry.get("html")) + fields.text(entry.get("text"))
    return own or fields.digest(title, str(date), words)


def _key(entry: JsonObject) -> str:
    return fields.digest(_name(entry))[:12]


def _times(entry: JsonObject) -> list[datetime]:
    """When it was published and, if it says so too, last changed."""
    found = []
    for value in (entry.get("published"), entry.get("updated")):
        try:
            found.append(fields.moment(value))
        except ValueError:
            continue
    return found


def _verbatim(validator: str | None) -> str:
    """A validator goes back as it came, if a header can carry it."""
    return validator if validator and re.fullmatch(r"[\x20-\x7e]{1,1000}", validator) else ""


def _unwrapped(link: str) -> str:
    """Where a link of a Google Alert leads (https://www.google.com/url?...&url=TARGET)."""
    try:
        parts = urlsplit(link)
    except ValueError:
        return link
    if re.fullmatch(r"(www\.)?google\.[a-z.]{2,6}", parts.hostname or "") and parts.path == "/url":
        query = parse_qs(parts.query)
        return (query.get("url") or query.get("q") or [link])[0]
    return link
