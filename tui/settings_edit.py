"""Writing to earful.toml on somebody's behalf: what they wrote, comments included, stays as it is."""

from __future__ import annotations

import os
import tempfile
import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any
from urllib.parse import quote_plus

import tomlkit

from store.domain.errors import BadInput
from store.domain.safetext import safe_line
from store.domain.words import words

HEAD = "# Change this as you like: `earful check` tells what is wrong, `earful sources` what there is."
MASTODONS = ("mastodon.social", "mstdn.social")
# What needs no account. Each is asked as often as its quota allows; a first look at Bluesky replays all that everybody
# said there, so it goes back an hour only.
ASKED: tuple[dict[str, Any], ...] = (
    {"type": "hackernews", "name": "hackernews"},
    {"type": "bluesky", "name": "bluesky", "backfill": "1h"},
    {"type": "reddit", "name": "reddit", "every": "15m"},
    {"type": "lemmy", "name": "lemmy.world", "every": "5m"},
    {"type": "stackexchange", "name": "stackoverflow", "every": "30m"},
    {"type": "github", "name": "github", "every": "5m"},
    {"type": "lobsters", "name": "lobsters", "every": "10m"},
)
FUZZY_FROM = 5  # letters: one wrong letter in a shorter word is often another word


@dataclass(frozen=True, slots=True)
class Name:
    """A name to follow: how it is written, its query, and the hashtag that people make of it."""

    name: str
    query: str
    tag: str


def name_of(text: str) -> Name:
    """Raises BadInput for a name without a word in it."""
    name = str(safe_line(text, limit=100))
    parts = words(name)
    if not parts:
        raise BadInput(f"`{text}` has no word to listen for")
    # Of the signs in a name only the words are matched, and some of them (quotes) mean something in a query.
    spans = list(dict.fromkeys((part.start, part.end) for part in parts))
    gaps = [" " if before[1] < after[0] else "" for before, after in pairwise(spans)]
    phrase = "".join(name[start:end] + gap for (start, end), gap in zip(spans, [*gaps, ""], strict=True))
    tag = "".join(part.folded for part in parts)
    one = [word.folded for word in words(tag)]
    joined = f"{tag}~1" if len(tag) >= FUZZY_FROM and len(one) == 1 else tag
    same = joined == tag and one == [part.folded for part in parts]
    return Name(name, f'"{phrase}"' if same else f'"{phrase}" OR {joined}', tag)


def follow(path: Path, names: Sequence[Name], back: str = "") -> str:
    """Add a watch for each name, and the sources that need no account, to the configuration at `path`, making it where
    there is none. `back` is how far back the new sources read on first contact ("none", "all" or a duration; "" as
    each type has it). Returns what was added, "" where all was there. Raises BadInput where a watch of that name
    already listens for something else."""
    before = _text(path)
    document = tomlkit.parse(before)
    blocks = [_watch(name) for name in names if not _is_watched(document, name, path)]
    blocks += [_source(source, document, path, back) for source in _sources(names) if not _is_polled(document, source)]
    tags, grown = list(dict.fromkeys(name.tag for name in names)), []
    for host in MASTODONS:
        server = next((table for table in _tables(document, "source") if _reads(table, host)), None)
        if server is None:
            source = {"type": "mastodon", "name": host, "url": f"https://{host}", "tags": tags}
            blocks.append(_source(source, document, path, back))
        elif missing := [tag for tag in tags if tag not in server.setdefault("tags", tomlkit.array())]:
            server["tags"].extend(missing)
            grown.append(f"# {server.get('name', host)}: also the tags {', '.join(missing)}")
    # Tables go to the end as text: only so the layout of what somebody wrote stays as it is.
    text = "\n\n".join([tomlkit.dumps(document).rstrip("\n") or HEAD, *blocks]) + "\n"
    if blocks or grown:
        _write(path, text)
    return "\n\n".join(blocks + grown)


def set_watch(path: Path, name: str, query: str, role: str | None) -> bool:
    """Give a watch this query and, where one is named, this role; make it where there is none of that name. Whether
    anything changed. The caller has read the query: it is one that a watch can have."""
    document = tomlkit.parse(_text(path))
    before = tomlkit.dumps(document)
    table = next((table for table in _tables(document, "watch") if str(table.get("name", "")) == name), None)
    if table is None:
        block = _block("watch", {"name": name, "role": role or "own", "query": query})
        _write(path, "\n\n".join([before.rstrip("\n") or HEAD, block]) + "\n")
        return True
    for key, value in (("query", query), ("role", role)):
        if value is not None and str(table.get(key, "own" if key == "role" else "")) != value:
            table[key] = tomlkit.value(_value(value))
    after = tomlkit.dumps(document)
    if after != before:
        _write(path, after)
    return after != before


def _text(path: Path) -> str:
    if path.exists() and not path.is_file():  # a folder, or a device that a new file must not replace
        raise BadInput(f"cannot add to {path}: it is no file; choose another place with --config")
    try:
        text = path.read_text(encoding="utf-8") if path.exists() else ""
        tomllib.loads(text)
    except (OSError, ValueError) as error:
        raise BadInput(f"cannot add to {path}: {error}") from error
    return text


def _sources(names: Sequence[Name]) -> list[dict[str, Any]]:
    news = "https://news.google.com/rss/search?hl=en-US&gl=US&ceid=US:en&q="
    feeds = [
        {"type": "feed", "name": f"news: {name.name}", "feed": news + quote_plus(f'"{name.name}"'), "every": "10m"}
        for name in names
    ]
    return [*ASKED, *feeds]


def _is_watched(document: tomlkit.TOMLDocument, name: Name, path: Path) -> bool:
    for table in _tables(document, "watch"):
        if str(table.get("name", "")).casefold() == name.name.casefold():
            if str(table.get("query", "")).casefold() != name.query.casefold():
                raise BadInput(
                    f"{path.name} already has a watch `{name.name}` with a query of its own; change it there"
                )
            return True
    return False


def _is_polled(document: tomlkit.TOMLDocument, source: dict[str, Any]) -> bool:
    key = "feed" if source["type"] == "feed" else "type"
    return any(str(table.get(key)).casefold() == source[key].casefold() for table in _tables(document, "source"))


def _reads(table: dict[str, Any], host: str) -> bool:
    server = str(table.get("url", "https://mastodon.social")).removeprefix("https://").rstrip("/")
    return table.get("type") == "mastodon" and server == host


def _tables(document: tomlkit.TOMLDocument, key: str) -> Any:
    return document.get(key, [])


def _watch(name: Name) -> str:
    return _block("watch", {"name": name.name, "role": "own", "query": name.query})


def _source(source: dict[str, Any], document: tomlkit.TOMLDocument, path: Path, back: str) -> str:
    if any(str(table.get("name", "")).casefold() == source["name"].casefold() for table in _tables(document, "source")):
        raise BadInput(f"{path.name} already has another source `{source['name']}`; give that one another name first")
    return _block("source", source | {"backfill": back} if back else source)


def _block(table: str, values: dict[str, Any]) -> str:
    return "\n".join([f"[[{table}]]", *(f"{key} = {_value(value)}" for key, value in values.items())])


def _value(value: str | Sequence[str]) -> str:
    if isinstance(value, str):
        return tomlkit.string(value, literal='"' in value and "'" not in value).as_string()
    return f"[{', '.join(_value(item) for item in value)}]"


def _write(path: Path, text: str) -> None:
    """Whole or not at all, and to where a link leads. A fresh one is its owner's alone."""
    try:
        path = path.resolve()
    except RuntimeError:
        raise BadInput(f"{path} is a link that leads to itself; choose another place with --config") from None
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=".earful-")
        try:
            with os.fdopen(handle, "w", encoding="utf-8") as file:
                file.write(text)
                file.flush()
                os.fsync(file.fileno())
            if path.exists():
                os.chmod(name, path.stat().st_mode & 0o777)
            os.replace(name, path)
        except BaseException:
            Path(name).unlink(missing_ok=True)
            raise
    except OSError as error:
        raise BadInput(
            f"cannot write the configuration {path}: {error.strerror}; choose another place with --config"
        ) from error
