"""What a source gave, as the one safe text that anything may show."""

from __future__ import annotations

import re
from urllib.parse import urlsplit

from store.domain.mention import NewMention
from store.domain.safetext import SafeText, safe, safe_line

HTML_LIMIT = 256 * 1024
BULLET = "- "

_UNSEEN = frozenset({"head", "iframe", "math", "noscript", "object", "script", "style", "svg", "template"})
_HIDDEN = re.compile(r"display\s*:\s*none|visibility\s*:\s*hidden|font-size\s*:\s*0(?![.\d]*[1-9])", re.IGNORECASE)
_PARAGRAPHS = frozenset({"blockquote", "h1", "h2", "h3", "h4", "h5", "h6", "ol", "p", "pre", "table", "ul"})
_BLOCKS = frozenset(
    {
        "address",
        "article",
        "aside",
        "br",
        "dd",
        "details",
        "div",
        "dl",
        "dt",
        "fieldset",
        "figcaption",
        "figure",
        "footer",
    }
    | {"form", "header", "hr", "li", "main", "nav", "section", "summary", "tr"}
)
_SPACES = re.compile(r"[ \t\n\r\f]+")
_BEFORE_BREAK = re.compile(r"[ \t]+\n")
_TAG = re.compile(r"[#@][^\s/]+")
_MANY_BREAKS = re.compile(r"\n{3,}")


def clean(new: NewMention) -> tuple[SafeText, SafeText]:
    """(title, text) of an item: its text, else its HTML as text, else its title."""
    title = safe_line(new.title)
    text = new.text if new.text.strip() or not new.html else html_to_text(new.html)
    return title, SafeText(safe(text).strip()) or title


def html_to_text(html: str) -> str:
    """HTML as a person would read it: blocks on lines of their own, scripts, styles and hidden text left out, entities
    decoded once, a link as its text and, where that is not its target, `text <https://host/...>`. Looks at the first
    256 KB. The result is still foreign text: `safe()` comes after, because an entity can stand for a control character.
    """
    from lxml import etree

    target = _Reader()
    parser = etree.HTMLParser(target=target, encoding="utf-8", recover=True, no_network=True)
    # libxml2 stops at a NUL and refuses a lone surrogate.
    data = html[:HTML_LIMIT].replace("\0", "\ufffd").encode("utf-8", "replace")
    if data.strip():
        try:
            parser.feed(data)
            parser.close()
        except etree.XMLSyntaxError:
            pass  # what was read before the point where the parser gave up is in the target
    text = _BEFORE_BREAK.sub("\n", target.text())
    return _MANY_BREAKS.sub("\n\n", text).strip()


class _Reader:
    """Takes a parser's events one by one: no tree, so that nothing grows with the depth of the nesting."""

    def __init__(self) -> None:
        self._parts: list[str] = []
        self._unseen = 0  # how many open elements hide what is in them
        self._open: list[bool] = []
        self._pre = 0
        self._links: list[tuple[str, int]] = []

    def start(self, tag: str, attributes: dict[str, str]) -> None:
        style = attributes.get("style")
        hides = tag in _UNSEEN or "hidden" in attributes or (style is not None and bool(_HIDDEN.search(style)))
        self._open.append(hides)
        self._unseen += hides
        if self._unseen:
            return
        self._break(tag)
        if tag == "li":
            self._parts.append(BULLET)
        elif tag == "pre":
            self._pre += 1
        elif tag == "a":
            self._links.append((attributes.get("href", "").strip(), len(self._parts)))
        elif tag == "img":
            self._parts.append(attributes.get("alt", ""))

    def end(self, tag: str) -> None:
        hidden = self._unseen > 0
        if self._open:
            self._unseen -= self._open.pop()
        if hidden:
            return
        if tag == "a" and self._links:
            href, begin = self._links.pop()
            label = "".join(self._parts[begin:])
            self._parts[begin:] = [_link(label, href)]
        elif tag == "pre":
            self._pre -= 1
        elif tag in ("td", "th"):
            self._parts.append(" ")
        if tag != "br":
            self._break(tag)

    def data(self, data: str) -> None:
        if self._unseen:
            return
        if not self._pre:
            data = _SPACES.sub(" ", data)
            if data.startswith(" ") and (not self._parts or self._parts[-1][-1:].isspace()):
                data = data[1:]
        if data:
            self._parts.append(data)

    def comment(self, text: str) -> None:
        pass

    def close(self) -> None:
        pass

    def text(self) -> str:
        return "".join(self._parts)

    def _break(self, tag: str) -> None:
        wanted = 2 if tag in _PARAGRAPHS else 1 if tag in _BLOCKS else 0
        last = self._parts[-1] if self._parts else ""
        if last == BULLET:  # the paragraph of an item begins beside its sign
            return
        there = 0 if tag == "br" else len(last) - len(last.rstrip("\n"))
        if wanted > there:
            self._parts.append("\n" * (wanted - there))


def _link(label: str, href: str) -> str:
    """What a link reads as. Mastodon shortens the text of a link and hides the rest: the target stands for both."""
    words = label.strip()
    if not words or _TAG.fullmatch(words) or not href.lower().startswith(("http://", "https://", "mailto:")):
        return label
    target = _bare(href)
    shown = _bare(words)
    if shown == target:
        return label
    shortened = shown.rstrip("….")
    if shortened != shown and shortened and target.startswith(shortened):
        return href
    if href.lower().startswith("mailto:"):
        return label if "@" in words and words in href else f"{words} <{href}>"
    return f"{words} <{href}>"


def _bare(url: str) -> str:
    """A URL without what people leave out when they write one."""
    try:
        parts = urlsplit(url if "://" in url else f"//{url}")
    except ValueError:
        return url
    rest = url.partition(parts.netloc)[2] if parts.netloc else ""
    return parts.netloc.casefold().removeprefix("www.") + rest.rstrip("/")
