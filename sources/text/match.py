"""Whether a mention is what a watch or a rule asks for, and which characters of a text a query found.

What the words, phrases and fields mean is in `store.domain.query` and `store.domain.fields`; `store.search` finds the
same mentions in SQL.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import datetime

from store.domain import fields
from store.domain.clock import utcnow
from store.domain.desk import Watch
from store.domain.errors import BadInput
from store.domain.mention import Mention, Reading, ReadMention
from store.domain.query import TEXT_FIELDS, And, Exact, Field, Fuzzy, Near, Node, Not, Or, Phrase, Title, parse
from store.domain.words import exact_pattern, folded_words, words

Span = tuple[int, int]


class Tokens:
    """The folded words of one text and where each stands."""

    __slots__ = ("places", "words")

    def __init__(self, folded: list[str]) -> None:
        self.words = folded
        self.places: dict[str, list[int]] = {}
        for place, word in enumerate(folded):
            self.places.setdefault(word, []).append(place)


@dataclass(frozen=True, slots=True, kw_only=True)
class Document:
    """A mention as a query sees it: made once, asked by every watch. `now` is what `since:7d` counts back from."""

    title: str = ""
    text: str = ""
    handle: str = ""
    name: str = ""
    followers: int | None = None
    url: str = ""
    source: str = ""
    network: str = ""
    language: str = ""
    type: str = ""
    sentiment: str = ""
    intent: str | None = None
    urgency: int = 0
    created_at: datetime
    now: datetime
    watches: tuple[str, ...] = ()
    tokens: tuple[Tokens, Tokens] = field(init=False, repr=False, compare=False)  # of title and text

    def __post_init__(self) -> None:
        object.__setattr__(self, "tokens", tuple(Tokens(folded_words(text)) for text in (self.title, self.text)))


Matcher = Callable[[Document], bool]


def document(item: ReadMention, *, source: str, now: datetime | None = None) -> Document:
    """A mention on its way in, read from the configured source of that name."""
    return Document(
        title=item.title,
        text=item.text,
        handle=item.author_handle,
        name=item.author_name,
        followers=item.new.author.followers,
        url=item.new.url,
        source=source,
        network=item.new.network,
        language=item.reading.language,
        type=item.new.type,
        sentiment=item.reading.sentiment,
        intent=item.reading.intent,
        urgency=item.reading.urgency,
        created_at=item.new.created_at,
        now=now or utcnow(),
        watches=item.watches,
    )


def stored(mention: Mention, *, now: datetime, read: Reading | None = None) -> Document:
    """A stored mention, to try a query on it; `read` is how it reads now, where that is another reading."""
    said = read or mention
    return Document(
        title=mention.title,
        text=mention.text,
        handle=mention.author.handle,
        name=mention.author.name,
        followers=mention.author.followers,
        url=mention.url,
        source=mention.source,
        network=mention.network,
        language=said.language,
        type=mention.type,
        sentiment=said.sentiment,
        intent=said.intent,
        urgency=said.urgency,
        created_at=mention.created_at,
        now=now,
        watches=mention.watches,
    )


def of_watch(watch: Watch) -> Matcher:
    """What a watch listens for: its query, in its languages. Raises BadInput that names the watch."""
    try:
        node = parse(watch.query)
        if node is not None:
            check_watch(node)
        asked = compile(node)
    except BadInput as error:
        raise BadInput(f"watch {watch.name}: {error}") from None
    if not watch.languages:
        return asked
    return lambda document: document.language in watch.languages and asked(document)


def compile(node: Node | None) -> Matcher:  # noqa: A001
    """The query as a function. None, the empty query, is everything. Raises BadInput for a field that only the desk
    knows (`status:`, `assignee:`, ...): a mention that is on its way in has no case yet."""
    match node:
        case None:
            return lambda document: True
        case And(nodes):
            parts = [compile(part) for part in nodes]
            return lambda document: all(part(document) for part in parts)
        case Or(nodes):
            parts = [compile(part) for part in nodes]
            return lambda document: any(part(document) for part in parts)
        case Not(inner):
            matches = compile(inner)
            return lambda document: not matches(document)
        case Field():
            return _field(node)
        case Exact(text):
            found = re.compile(exact_pattern(text)).search
            return lambda document: found(document.text) is not None or found(document.title) is not None
        case Title(Exact(text)):
            in_title = re.compile(exact_pattern(text)).search
            return lambda document: in_title(document.title) is not None
        case Title(Phrase() | Fuzzy() | Near() as inner):
            of_title = places(inner)
            return lambda document: bool(of_title(document.tokens[0]))
        case Phrase((word,), False):
            return lambda document: word in document.tokens[1].places or word in document.tokens[0].places
        case Phrase() | Fuzzy() | Near():
            stands = places(node)
            return lambda document: bool(stands(document.tokens[1]) or stands(document.tokens[0]))
    raise TypeError(node)


def hits(node: Node, text: str, *, title: bool = False) -> list[Span]:
    """The characters [start, end) of a shown text that the query looks for, in order, without overlap. What stands
    under NOT or in a field marks nothing; `title:` marks only where `title` says that this text is one."""
    found = words(text)
    tokens = Tokens([word.folded for word in found])
    spans: list[Span] = []
    for term in _terms(node, title):
        if isinstance(term, Exact):
            spans += [match.span() for match in re.finditer(exact_pattern(term.text), text)]
        else:
            spans += [(found[first].start, found[last - 1].end) for first, last in places(term)(tokens)]
    return _merged(spans)


def check_watch(node: Node) -> None:
    """Raises BadInput where a watch asks for what only the desk knows: watches see new mentions, which have no case."""
    _check(node, TEXT_FIELDS, "a watch sees new mentions only")


def check_rule(node: Node) -> None:
    """The same for a rule, which may ask for `watch:` too."""
    _check(node, TEXT_FIELDS | {"watch"}, "a rule sees the mention that opens a case only")


def _check(node: Node, allowed: frozenset[str], why: str) -> None:
    match node:
        case And(nodes) | Or(nodes):
            for part in nodes:
                _check(part, allowed, why)
        case Not(inner):
            _check(inner, allowed, why)
        case Field(name) if name not in allowed:
            raise BadInput(f"{name}: cannot be asked here: {why}")


def places(node: Phrase | Fuzzy | Near) -> Callable[[Tokens], list[Span]]:
    """Where it stands, as places [first, last) of words, in order."""
    match node:
        case Phrase(parts, prefix):
            return lambda tokens: _phrase(parts, prefix, tokens)
        case Fuzzy(word, distance):
            from rapidfuzz.distance import OSA

            edits = OSA.distance

            def misspelt(tokens: Tokens) -> list[Span]:
                near = (w for w in tokens.places if edits(word, w, score_cutoff=distance) <= distance)
                return _singles(tokens, near)

            return misspelt
        case Near(left, right, distance):
            lefts, rights = places(left), places(right)
            return lambda tokens: _near(lefts(tokens), rights(tokens), distance)


def _phrase(parts: tuple[str, ...], prefix: bool, tokens: Tokens) -> list[Span]:
    if len(parts) == 1 and prefix:
        return _singles(tokens, (word for word in tokens.places if word.startswith(parts[0])))
    *head, last = parts
    found = []
    for place in tokens.places.get(parts[0], ()):
        end = place + len(parts)
        if end <= len(tokens.words) and tokens.words[place : end - 1] == head:
            word = tokens.words[end - 1]
            if word == last or (prefix and word.startswith(last)):
                found.append((place, end))
    return found


def _singles(tokens: Tokens, found: Iterable[str]) -> list[Span]:
    return sorted((place, place + 1) for word in found for place in tokens.places[word])


def _near(lefts: list[Span], rights: list[Span], distance: int) -> list[Span]:
    """Those of both that have one of the other at most `distance` words before or behind."""
    near = {span for span in lefts if _has_near(span, rights, distance)}
    return sorted(near | {span for span in rights if _has_near(span, lefts, distance)}) if near else []


def _has_near(span: Span, others: list[Span], distance: int) -> bool:
    """`others` are in order and all of one length."""
    behind = bisect_left(others, (span[1], 0))
    if behind < len(others) and others[behind][0] - span[1] <= distance:
        return True
    if not others:
        return False
    length = others[0][1] - others[0][0]
    before = bisect_left(others, (span[0] - length + 1, 0)) - 1
    return before >= 0 and span[0] - others[before][1] <= distance


def _terms(node: Node, title: bool) -> Iterable[Phrase | Fuzzy | Near | Exact]:
    match node:
        case And(nodes) | Or(nodes):
            for part in nodes:
                yield from _terms(part, title)
        case Title(inner):
            if title:
                yield inner
        case Phrase() | Fuzzy() | Near() | Exact():
            yield node


def _merged(spans: list[Span]) -> list[Span]:
    merged: list[Span] = []
    for start, end in sorted(spans):
        if merged and start <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(end, merged[-1][1]))
        else:
            merged.append((start, end))
    return merged


def _field(asked: Field) -> Matcher:
    name, value, small = asked.name, asked.value, fields.lower(asked.value)
    lower = fields.lower
    match name:
        case "author":
            return lambda document: fields.wrote(value, document.handle, document.name)
        case "site":
            host = re.compile(fields.site_pattern(value)).search
            return lambda document: host(document.url) is not None
        case "link":
            link = re.compile(fields.link_pattern(value)).search
            return lambda document: small in lower(document.url) or link(document.text) is not None
        case "source":
            return lambda document: small in (lower(document.source), lower(document.network))
        case "network":
            return lambda document: lower(document.network) == small
        case "lang":
            return lambda document: lower(document.language) == small
        case "type":
            return lambda document: document.type == value
        case "sentiment":
            return lambda document: document.sentiment == value
        case "intent":
            return lambda document: lower(document.intent or "") == small
        case "watch":
            return lambda document: any(lower(watch) == small for watch in document.watches)
        case "followers":
            return _followers(asked.op, int(value))
        case "urgency":
            compare, points = fields.COMPARE[asked.op], int(value)
            return lambda document: bool(compare(document.urgency, points))
        case "since":
            return lambda document: document.created_at >= fields.moment(value, document.now)
        case "until":
            return lambda document: document.created_at < fields.moment(value, document.now)
    raise BadInput(f"{name}: is about a case, and a mention on its way in has none yet")


def _followers(op: str, number: int) -> Matcher:
    compare = fields.COMPARE[op]
    return lambda document: document.followers is not None and compare(document.followers, number)
