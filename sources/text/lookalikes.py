"""What looks like something else: hosts that are not what they read as, and names that read as ours. Pure.

Unicode Technical Standard #39: two texts are confusable where their skeletons are the same; a host of which a label
mixes scripts, or is all doubles of ASCII letters, is not shown as it reads but as it is looked up (punycode).
"""

from __future__ import annotations

import re
import unicodedata
from functools import cache, lru_cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from store.domain.desk import Desk

# Scripts that are written together in one word.
_TOGETHER = (
    frozenset({"LATIN", "CJK", "HIRAGANA", "KATAKANA"}),
    frozenset({"LATIN", "CJK", "HANGUL"}),
    frozenset({"LATIN", "CJK", "BOPOMOFO"}),
)
_HONEST = frozenset("ßæœøłđðþħŋəʻ")  # letters of living languages that also double an ASCII one, or have no base
_TURKIC = frozenset("ıçğöşüə")
# Doubles in small capitals, and digits in the place of letters: no fault in a host, but enough to pass for a name.
_ALIKE = str.maketrans("вкмнтпшκτηωεᴀʙᴅᴇꜰɢʜᴊᴋʟᴍɴᴘʀᴛøłđħŧ013457$|!", "bkmhtnwktnweabdefghjklmnprtoldhtoleastsll")
_PAIRS = (("i", "l"), ("j", "l"), ("rn", "m"), ("vv", "w"), ("cl", "d"))  # in this order
# What is put before or behind a name to pass for its owner's desk.
_ADDED = (
    *("official", "officially", "support", "supports", "help", "helps", "helpdesk", "helpline", "service", "services"),
    *("customerservice", "customersupport", "customercare", "customer", "care", "cares", "team", "desk", "real", "the"),
    *("verified", "info", "contact", "security", "billing", "refund", "refunds", "admin", "hq", "cs", "online", "inc"),
)
_BARE_TLD = re.compile(r"[a-z]{2,24}|xn--[a-z0-9-]+", re.IGNORECASE)
# An address as people write one: with a scheme, or a bare host. What ends a sentence is no part of it.
_ADDRESS = re.compile(
    r"https?://(?P<authority>[^\s/?#\\<>\"]+)"
    r"|(?<![^\s/?#\\<>\"'()\[\],;:!])(?P<bare>[^\s/?#\\<>\"'()\[\],;:!@]{1,253}\.[\w-]{2,})",
    re.IGNORECASE,
)
_LONGEST_HOST = 253
_DEVIATIONS = frozenset("ßς\u200c\u200d")  # letters of their own for browsers (UTS #46), not for Python's codec


def revealed(text: str) -> str:
    """The text with what an address leads to behind each host that reads like another: `аpple.com [xn--pple-43d.com]`,
    `https://bank.example@evil.test [evil.test]`. An honest host in any script stays as it is."""
    if text.isascii() and "@" not in text:
        return text
    return _ADDRESS.sub(_reveal, text)


def _reveal(found: re.Match[str]) -> str:
    whole, authority = found.group(), found["authority"]
    host = (authority or found["bare"]).rpartition("@")[2]
    hides = authority is not None and "@" in authority
    if authority is None and not _BARE_TLD.fullmatch(host.rpartition(".")[2]):
        return whole
    host = re.sub(r":\d*$", "", host).rstrip(".…")
    return f"{whole} [{spelled(host)}]" if hides or deceptive(host) else whole


def deceptive(host: str) -> bool:
    """Whether a host may read like another one: scripts mixed in a label, a label all of doubles, signs that are no
    letters, or letters that compatibility changes."""
    if host.isascii() or len(host) > _LONGEST_HOST:
        return False
    labels = host.lower().split(".")
    return any(_deceives(label, labels[-1]) for label in labels if not label.isascii())


@lru_cache(maxsize=2048)
def _deceives(label: str, last: str) -> bool:
    if unicodedata.normalize("NFKC", label).lower() != unicodedata.normalize("NFC", label):
        return True
    letters = [char for char in label if not char.isascii() or char.isalpha()]
    if any(unicodedata.category(char)[0] not in "LMN" for char in letters if char not in "·・"):
        return True
    scripts = {script for char in letters if unicodedata.category(char)[0] == "L" and (script := _script(char))}
    if len(scripts) > 1 and not any(scripts <= together for together in _TOGETHER):
        return True
    if scripts == {"LATIN"}:
        turkic = last in ("tr", "az") or bool(set(label) & (_TURKIC - {"ı"}))
        return any(_base(char) in doubles() and not (char == "ı" and turkic) for char in letters if char not in _HONEST)
    # An honest word may consist of doubles too; beside an end in its own script nobody takes it for another.
    return last.isascii() and len(label) > 1 and all(char.isascii() or _base(char) in doubles() for char in letters)


def _base(char: str) -> str:
    return unicodedata.normalize("NFD", char)[0]


def _script(char: str) -> str:
    """The script of a letter by its name in Unicode; "" for marks of several."""
    word = unicodedata.name(char, "UNKNOWN").split(" ")[0].partition("-")[0]
    return "" if word in ("MODIFIER", "FEMININE", "MASCULINE") else word


def spelled(host: str) -> str:
    """A host as it is looked up (RFC 3492 where no rule of IDNA allows it)."""
    return ".".join(label if label.isascii() else _punycode(label) for label in host.split("."))


def _punycode(label: str) -> str:
    folded = label.lower()
    try:
        if _DEVIATIONS.isdisjoint(folded):
            return label.encode("idna").decode("ascii")
    except UnicodeError:
        pass
    return "xn--" + unicodedata.normalize("NFC", folded).encode("punycode", "replace").decode("ascii")


@cache
def doubles() -> dict[str, str]:
    """Letters and digits that look like an ASCII one, and which."""
    from importlib import resources

    lines = resources.files("sources.text").joinpath("lookalikes.txt").read_text(encoding="utf-8").splitlines()
    return {char: line[0].lower() for line in lines if not line.startswith("#") for char in line[2:]}


@lru_cache(maxsize=8192)
def skeleton(name: str) -> str:
    """What a name looks like: two with the same skeleton are easily taken for each other. "" where nothing is left."""
    table = doubles()
    shapes = "".join(table.get(char, char) for char in unicodedata.normalize("NFKD", name))
    folded = "".join(table.get(char, char) for char in shapes.casefold())
    plain = re.sub(r"[\W_]", "", folded.translate(_ALIKE))
    for pair, one in _PAIRS:
        plain = plain.replace(pair, one)
    return plain


def own_names(desk: Desk) -> tuple[str, ...]:
    """What the desk is called, and its accounts as far as the configuration names them."""
    accounts = [source.options.get(key) for source in desk.sources for key in ("username", "handle", "own")]
    named = [one for value in accounts for one in (value if isinstance(value, list) else [value])]
    watches = [watch.name for watch in desk.watches if watch.role == "own"]
    return tuple(dict.fromkeys(str(name) for name in (*named, desk.name, *watches) if name))


@lru_cache(maxsize=4096)
def looks_like(handle: str, name: str, ours: tuple[str, ...]) -> str:
    """Which of our names an author who is not us could be taken for, by handle or displayed name; "" for none. `ours`
    are handles, with a server behind @ where they have one, and names. Our very name is no double of it; the same one
    on another server than ours is."""
    handle = handle.lstrip("@")
    mine = [one.lstrip("@") for one in ours if len(skeleton(one)) > 2 and not one.isdigit()]
    if any(handle.casefold() == one.casefold() for one in mine):
        return ""
    given = {handle.partition("@")[0], _first(handle), name}
    for one in mine:
        of_server = _first(one) != one
        if not of_server and {text.casefold() for text in given} <= {one.casefold(), ""}:
            continue
        bare = _without_additions(skeleton(_first(one)))
        if bare and any(_without_additions(skeleton(text)) == bare for text in given):
            return one
    return ""


def _first(handle: str) -> str:
    """A handle without its server: ana@social.example, ana.bsky.social."""
    local, at, _ = handle.partition("@")
    return local if at or local.count(".") < 2 else local.partition(".")[0]


@lru_cache(maxsize=8192)
def _without_additions(shape: str) -> str:
    """A skeleton without what is added to a name; all of it where nothing else is there."""
    left, before = shape, ""
    while left != before:
        before = left
        for added in _added():
            left = left.removeprefix(added) or left
            left = left.removesuffix(added) or left
    return left


@cache
def _added() -> tuple[str, ...]:
    return tuple(sorted({skeleton(word) for word in _ADDED}, key=len, reverse=True))
