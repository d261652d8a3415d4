"""The source types that earful knows, each named once: its module is imported when it is first used. Others add theirs
by the entry point group `earful.sources`, whose names are types and whose values are adapter classes."""

from __future__ import annotations

import difflib
import importlib
import tomllib
from functools import cache
from typing import TYPE_CHECKING, cast

from sources.addresses import is_web
from sources.protocol import Adapter, Option, Setup, SourceType
from store.domain.desk import SourceConfig
from store.domain.errors import BadInput

if TYPE_CHECKING:
    from importlib.metadata import EntryPoint

GROUP = "earful.sources"
BUILT_IN = {
    "appstore": "appstore:AppStore",
    "bluesky": "bluesky:Bluesky",
    "demo": "demo:Demo",
    "discourse": "discourse:Discourse",
    "facebook": "facebook:Facebook",
    "feed": "feed:Feed",
    "file": "file:File",
    "github": "github:GitHub",
    "googlebusiness": "googlebusiness:GoogleBusiness",
    "googleplay": "googleplay:GooglePlay",
    "hackernews": "hackernews:HackerNews",
    "instagram": "instagram:Instagram",
    "lemmy": "lemmy:Lemmy",
    "lobsters": "lobsters:Lobsters",
    "mail": "mail:Mail",
    "mastodon": "mastodon:Mastodon",
    "reddit": "reddit:Reddit",
    "stackexchange": "stackexchange:StackExchange",
    "telegram": "telegram:Telegram",
    "trustpilot": "trustpilot:Trustpilot",
    "webhook": "webhook:Webhook",
    "x": "x:X",
    "youtube": "youtube:YouTube",
}
HIDDEN = frozenset({"demo"})


def types() -> dict[str, SourceType]:
    """Every type that can be configured, by name. Imports them all; one that cannot be imported is left out."""
    names = sorted((BUILT_IN.keys() | _others().keys()) - HIDDEN)
    found = {}
    for name in names:
        try:
            found[name] = source_type(name)
        except BadInput:
            continue
    return found


def source_type(name: str) -> SourceType:
    """Raises BadInput that lists the known types."""
    return _class(name).kind


def network(name: str) -> str:
    """Of a type's mentions; the type's own name where it is not known."""
    try:
        return source_type(name).network
    except BadInput:
        return name


def problems(config: SourceConfig) -> list[str]:
    """What is wrong with the options of a source, one line each; empty where nothing is."""
    try:
        adapter_class = _class(config.type)
    except BadInput as error:
        return [str(error)]
    options = adapter_class.kind.options
    names = [option.name for option in options]
    found = [f"unknown key `{key}`{_nearest(key, names)}" for key in config.options if key not in names]
    for option in options:
        value = config.options.get(option.name)
        if value is None or value == "":
            if option.required:
                found.append(f"`{option.name}` is missing, for example {option.name} = {option.example}")
        else:
            found += _misfit(option, value)
    more = getattr(adapter_class, "problems", None)
    return found if found or more is None else list(more(config))


def obstacle(config: SourceConfig) -> str:
    """Why a source cannot answer as it is configured; "" where it can. Raises BadInput for an unknown type."""
    adapter_class = _class(config.type)
    if not adapter_class.kind.can_answer:
        return f"{adapter_class.kind.network} has no way to answer from here"
    judge = getattr(adapter_class, "obstacle", None)
    if judge is not None:
        return str(judge(config))
    return "" if config.token else f"the source {config.name} has no token, so it can only read"


def adapter(setup: Setup) -> Adapter:
    """The adapter of a source. Raises BadInput for an unknown type or wrong options."""
    found = problems(setup.config)
    if found:
        raise BadInput("; ".join(found))
    return _class(setup.config.type)(setup)


@cache
def _class(name: str) -> type[Adapter]:
    if name in BUILT_IN:
        module, _, attribute = BUILT_IN[name].partition(":")
        return cast(type[Adapter], getattr(importlib.import_module(f"sources.adapters.{module}"), attribute))
    others = _others()
    if name in others:
        try:
            return cast(type[Adapter], others[name].load())
        except Exception as error:  # somebody else's code: whatever it raises is its fault and not ours
            raise BadInput(f"the source type `{name}` cannot be loaded ({type(error).__name__}): mend it") from None
    known = sorted((BUILT_IN.keys() | others.keys()) - HIDDEN)
    raise BadInput(f"unknown source type `{name}`{_nearest(name, known)}; known are {', '.join(known)}")


@cache
def _others() -> dict[str, EntryPoint]:
    from importlib.metadata import entry_points

    return {point.name: point for point in entry_points(group=GROUP)}


def _misfit(option: Option, value: object) -> list[str]:
    """What is wrong with one value."""
    if not isinstance(value, type(tomllib.loads(f"x = {option.example}")["x"])):
        return [f"`{option.name}` is written so: {option.name} = {option.example}"]
    if option.choices and value not in option.choices:
        return [f"`{option.name}` is {', '.join(option.choices[:-1])} or {option.choices[-1]}"]
    if option.address and not is_web(str(value)):
        return [f"`{option.name}` is a whole address that begins with https:// or http://"]
    return []


def _nearest(word: str, known: list[str]) -> str:
    near = difflib.get_close_matches(word, known, 1)
    return f"; did you mean `{near[0]}`?" if near else ""
