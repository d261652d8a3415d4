"""The one cleaning function, and the one type for text that may be shown.

`safe()` runs once at the door (intake) and once more at display, because a team store has other writers. It is
idempotent.

What stays: every printable character, newline and tab. What goes:

- a whole escape sequence becomes one U+FFFD (a string sequence that never ends loses its introducer only, so that no
  text is lost);
- other control characters, surrogates, private use and unassigned code points become U+FFFD, a run of them one;
- format characters (bidi, zero-width, tags, soft hyphen) and other invisible ones are dropped, so that a word that was
  broken up by them reads as one;
- CR, CRLF, VT, FF, NEL, U+2028 and U+2029 become newlines, every other space becomes a plain one.

U+200D stays between emoji, U+200C and U+200D stay inside Arabic and Indic words, whose spelling needs them, and U+FE0F
stays on an emoji. Flags made of tag characters become plain flags, because tags can also hide text.
"""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache

TEXT_LIMIT = 65_536
LINE_LIMIT = 300
MARKS_LIMIT = 4

REPLACEMENT = "\ufffd"
ZWNJ, ZWJ, VS16, KEYCAP = "\u200c", "\u200d", "\ufe0f", "\u20e3"
_ATTACHED = frozenset({"Mn", "Mc", "Me"})
# Invisible by Unicode's Default_Ignorable_Code_Point, though letters or marks by category.
_INVISIBLE = frozenset("\u034f\u115f\u1160\u17b4\u17b5\u180b\u180c\u180d\u180f\u3164\uffa0")
_BREAKS = frozenset("\n\x0b\x0c\x85\u2028\u2029")
# Symbols older than the emoji planes that Unicode lists as emoji.
_OLD_EMOJI = frozenset("\u00a9\u00ae\u203c\u2049\u2122\u2139\u3030\u303d\u3297\u3299")

_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f]")
_STRAY = re.compile("\ufffd{2,}")
# ECMA-48: CSI; then OSC, DCS, SOS, PM, APC with their end (BEL or ST); then ESC with intermediates and a final byte.
# No introducer can stand inside a payload, so that each character is looked at a bounded number of times.
_SEQUENCE = re.compile(
    r"(?:\x1b\[|\x9b)[0-?]{0,256}[ -/]{0,16}[@-~]?"
    r"|(?:\x1b[\]PX^_]|[\x90\x98\x9d-\x9f])[^\x07\x1b\x80-\x9f]{0,4096}(?:\x07|\x1b\\|\x9c)"
    r"|\x1b[ -/]{0,16}[0-~]?"
)


class SafeText(str):
    """Text that can do no harm on a terminal: made by `safe()` only."""

    __slots__ = ()


def safe(text: str, *, limit: int = TEXT_LIMIT) -> SafeText:
    """Many-line text: newline and tab stay, whole escape sequences, C0, C1, bidi, zero-width (but emoji joiners),
    surrogates, private use and line separators go; at most 4 marks a base character; cut at `limit` characters."""
    return SafeText(_cut(_clean(text[: _enough(limit)]), limit))


def safe_line(text: str, *, limit: int = LINE_LIMIT) -> SafeText:
    """The same on one line: every run of white space is one space."""
    line = " ".join(_clean(text[: _enough(limit)]).split())
    return SafeText(_cut(line, limit).rstrip(" "))


def _enough(limit: int) -> int:
    """How much input is looked at: what is dropped makes room for more, but not for megabytes."""
    return 2 * limit + 4096


def _clean(text: str) -> str:
    if text.isascii() and not _CONTROL.search(text):
        return text
    if "\r" in text:
        text = text.replace("\r\n", "\n").replace("\r", "\n")
    if "\x1b" in text or not text.isascii():
        text = _SEQUENCE.sub(REPLACEMENT, text)
    odd = {char: shown for char in set(text) if (shown := _shown_as(char)) is not None}
    table = {ord(char): shown for char, shown in odd.items() if shown != char}
    if table:
        text = text.translate(table)
    if len(table) < len(odd):
        text = _attach(text)
    return _STRAY.sub(REPLACEMENT, text) if REPLACEMENT in text else text


@lru_cache(maxsize=8192)
def _shown_as(char: str) -> str | None:
    """What stands in the place of a character; None for a plain one; itself where `_attach` decides."""
    if " " <= char <= "~" or char in "\t\n":
        return None
    if char in _BREAKS:
        return "\n"
    if char in (ZWNJ, ZWJ, VS16):
        return char
    if char in _INVISIBLE or "\ufe00" <= char < VS16 or "\U000e0100" <= char <= "\U000e01ef":
        return ""
    category = unicodedata.category(char)
    if category == "Zs":
        return " "
    if category == "Cf":
        return ""
    if category in _ATTACHED:
        return char
    if category == "Cn" and char >= "\U0001f000" and _is_emoji(char):
        return None  # newer than this Python's Unicode
    return REPLACEMENT if category.startswith("C") else None


def _attach(text: str) -> str:
    """Keep of the marks, joiners and selectors what belongs to the character before. Looks at what was kept so far and
    at following characters that are always kept, hence a second pass changes nothing."""
    kept: list[str] = []
    last, marks = "\n", 0
    following = iter(text[1:] + "\n")
    for char, after in zip(text, following, strict=True):
        if _shown_as(char) is None:
            marks = 0
        elif char == VS16:
            if not (_is_emoji(last) or (last in "0123456789#*" and after == KEYCAP)):
                continue
        elif char in (ZWJ, ZWNJ):
            emoji = char == ZWJ and _is_emoji(after) and (last == VS16 or _is_emoji(last))
            if not emoji and not (_needs_joiners(last) and _needs_joiners(after) and after.isalpha()):
                continue
        else:
            if last.isspace() or marks == MARKS_LIMIT:
                continue
            marks += 1
        kept.append(char)
        last = char
    return "".join(kept)


def _is_emoji(char: str) -> bool:
    return (
        "\U0001f000" <= char <= "\U0001faff"
        or "\u2190" <= char <= "\u21ff"
        or "\u2300" <= char <= "\u27bf"
        or "\u2900" <= char <= "\u297f"
        or "\u2b00" <= char <= "\u2bff"
        or char in _OLD_EMOJI
    )


def _needs_joiners(char: str) -> bool:
    """Arabic (Persian, Urdu), and the Indic scripts from Devanagari to Sinhala."""
    return "\u0600" <= char <= "\u06ff" or "\u0750" <= char <= "\u077f" or "\u08a0" <= char <= "\u0dff"


def _cut(text: str, limit: int) -> str:
    """At most `limit` characters, without a joiner or selector left hanging at the cut."""
    return text if len(text) <= limit else text[:limit].rstrip(ZWNJ + ZWJ + VS16)
