"""The source types that earful knows. An adapter's module is imported when it is first used."""

from __future__ import annotations

import difflib
import importlib
import tomllib

from sources.addresses import is_web
from sources.protocol import Adapter, Option, Setup, SourceType
from store.domain.desk import SourceConfig
from store.domain.errors import BadInput

TYPES: dict[str, SourceType] = {
    kind.name: kind
    for kind in (
        SourceType(
            "mastodon",
            "mastodon",
            "Posts with a hashtag on one Mastodon server; with a token also search and what is addressed to you",
            "sources.adapters.mastodon:Mastodon",
            default_url="https://mastodon.social",
            without_account="hashtags",
            with_account="hashtags, full-text search (where the server has it), mentions of the account, answers",
            can_answer=True,
            options=(
                Option("tags", "hashtags to read, without #", example='["acme", "acmecloud"]'),
                Option("local", "only posts of this server's own people", example="false"),
                Option("search", "with a token: also search for every watch (default true)", example="true"),
                Option(
                    "notifications",
                    "with a token: also what is addressed to the account (default true)",
                    example="true",
                ),
                Option(
                    "visibility",
                    "of answers: public, unlisted, private, direct (default: as the post)",
                    example='"unlisted"',
                ),
            ),
        ),
        SourceType(
            "hackernews",
            "hackernews",
            "Stories and comments on Hacker News that hold the words of a watch",
            "sources.adapters.hackernews:HackerNews",
            default_url="https://hn.algolia.com",
            without_account="everything: full text of stories and comments",
            with_account="the same; Hacker News has no way to answer by program",
            options=(
                Option(
                    "items_url", "where originals are looked up again", example='"https://hacker-news.firebaseio.com"'
                ),
            ),
        ),
        SourceType(
            "feed",
            "feed",
            "Any RSS, Atom or JSON Feed: blogs, news, Google Alerts, Google News, forums, subreddits",
            "sources.adapters.feed:Feed",
            without_account="any public feed",
            with_account="feeds behind a token (Bearer) or a login (user:password)",
            options=(
                Option("feed", "the feed's address (or give it as `url`)", example='"https://example.org/blog.rss"'),
            ),
        ),
        SourceType(
            "file",
            "file",
            "A file that grows or is replaced: JSON Lines, CSV or an mbox of mails",
            "sources.adapters.file:File",
            without_account="any file on this machine",
            options=(
                Option("path", "the file", required=True, example='"/var/spool/reviews.jsonl"'),
                Option("format", "jsonl, csv or mbox (default: seen from its name and content)", example='"jsonl"'),
            ),
        ),
        SourceType(
            "demo",
            "demo",
            "The simulated network of `earful demo`",
            "sources.adapters.demo:Demo",
            can_answer=True,
            options=(Option("network", "which network it stands in for", required=True, example='"mastodon"'),),
        ),
    )
}
HIDDEN = frozenset({"demo"})


def source_type(name: str) -> SourceType:
    """Raises BadInput that lists the known types."""
    if name in TYPES:
        return TYPES[name]
    known = sorted(TYPES.keys() - HIDDEN)
    raise BadInput(f"unknown source type `{name}`{_nearest(name, known)}; known are {', '.join(known)}")


def problems(config: SourceConfig) -> list[str]:
    """What is wrong with the options of a source, one line each; empty where nothing is."""
    try:
        kind = source_type(config.type)
    except BadInput as error:
        return [str(error)]
    names = [option.name for option in kind.options]
    found = [f"unknown key `{key}`{_nearest(key, names)}" for key in config.options if key not in names]
    found += [
        f"`{option.name}` is missing, for example {option.name} = {option.example}"
        for option in kind.options
        if option.required and not config.options.get(option.name)
    ]
    found += [
        f"`{option.name}` is written so: {option.name} = {option.example}"
        for option in kind.options
        if option.name in config.options and not _is_like(config.options[option.name], option.example)
    ]
    found += [
        f"`{name}` is a whole address that begins with https:// or http://"
        for name in ("feed", "items_url")
        if isinstance(config.options.get(name), str) and not is_web(config.options[name])
    ]
    if config.type == "feed" and not (config.url or config.options.get("feed")):
        found.append('`feed` is missing, for example feed = "https://example.org/blog.rss"')
    if config.type == "mastodon":
        tags = config.options.get("tags", [])
        if isinstance(tags, list) and not all(isinstance(tag, str) for tag in tags):
            found.append('`tags` is a list of words, for example tags = ["acme"]')
        elif not (tags or config.token):
            found.append('without a token `tags` are needed, for example tags = ["acme"]')
        if config.options.get("visibility", "public") not in ("public", "unlisted", "private", "direct"):
            found.append("`visibility` is public, unlisted, private or direct")
    if config.type == "file" and config.options.get("format", "jsonl") not in ("jsonl", "csv", "mbox"):
        found.append("`format` is jsonl, csv or mbox")
    return found


def adapter(setup: Setup) -> Adapter:
    """The adapter of a source. Raises BadInput for an unknown type or wrong options."""
    found = problems(setup.config)
    if found:
        raise BadInput("; ".join(found))
    module, _, name = source_type(setup.config.type).adapter.partition(":")
    made: Adapter = getattr(importlib.import_module(module), name)(setup)
    return made


def _is_like(value: object, example: str) -> bool:
    """Whether it is a value of the same kind as this piece of TOML."""
    return isinstance(value, type(tomllib.loads(f"x = {example}")["x"]))


def _nearest(word: str, known: list[str]) -> str:
    near = difflib.get_close_matches(word, known, 1)
    return f"; did you mean `{near[0]}`?" if near else ""
