"""`earful export` and `earful reread` as other programs and people meet them."""

from __future__ import annotations

import csv
import io
import json
import re
from datetime import timedelta
from html.parser import HTMLParser
from pathlib import Path

import pytest

from store.domain.action import CorrectSentiment, Tag
from store.domain.mention import NewAuthor
from tests.factories import NOW, read_mention
from tests.tui.command import Earful
from tui.export_formats import cell

EVIL = "<script>alert(1)</script><img src=x onerror=alert(1)> [x](javascript:alert(1)) `@click` ![i](http://evil.example/i)"
FORMULAS = (
    '=cmd|"/C calc"!A0',
    "+1+1",
    "-1+1",
    "@SUM(A1)",
    "\t=1",
    "\r=1",
    "  =1+1",
    "＝1+1",
    "\n=1+1",
    "﹦1",
    "|calc",
)


@pytest.fixture
def earful(tmp_path: Path) -> Earful:
    return Earful(tmp_path)


def test_json_lines_go_out_and_come_in_again(earful: Earful) -> None:
    author = NewAuthor("ana", "Ana P", "", 7)
    earful.seed(
        read_mention(
            "acme cloud is down\nagain", id="p1", author=author, title="Help", sentiment="negative", type="review"
        ),
        read_mention("acme is fine", id="p2", author="bob"),
    )
    earful.act([1], Tag(add=("vip",)))
    result = earful("export")
    assert result.code == 0
    first, second = result.records
    assert (first["id"], first["author"], first["author_name"], first["followers"]) == ("p1", "ana", "Ana P", 7)
    assert (first["title"], first["text"], first["type"]) == ("Help", "acme cloud is down\nagain", "review")
    assert (first["watches"], first["tags"], first["status"]) == (["acme"], ["vip"], "open")
    (earful.home / "out.jsonl").write_bytes(result.raw)
    other = Earful(earful.home / "other")
    other.home.mkdir()
    assert other("import", str(earful.home / "out.jsonl"), "--json").record["new"] == 2
    back = other("export").records
    same = ("id", "author", "author_name", "followers", "title", "text", "type", "url", "created_at", "language")
    assert [[each[name] for name in same] for each in back] == [
        [each[name] for name in same] for each in (first, second)
    ]


def test_it_goes_on_behind_a_mention_and_has_no_cap(earful: Earful) -> None:
    for start in (0, 1_300):
        earful.seed(*(read_mention(f"acme {n}", author=f"a{n}") for n in range(start, start + 1_300)))
    whole = earful("export", "-o", "out.jsonl")
    lines = (earful.home / "out.jsonl").read_text().splitlines()
    assert (len(lines), whole.data) == (2_600, "")
    assert (earful.home / "out.jsonl").stat().st_mode & 0o777 == 0o600
    (earful.home / "out.jsonl").write_text("".join(line + "\n" for line in lines[:1_000]))
    last = json.loads(lines[999])["mention"]
    assert earful("export", "-o", "out.jsonl", "--after", str(last)).code == 0
    assert (earful.home / "out.jsonl").read_text().splitlines() == lines
    assert earful("export", "--after", str(json.loads(lines[-1])["mention"])).code == 3
    assert earful("export", "--format", "html", "--after", "5").code == 2


def test_only_what_is_wanted(earful: Earful) -> None:
    earful.seed(
        read_mention("acme old", created_at=NOW - timedelta(days=30), author="a"),
        read_mention("acme new", author="b", sentiment="negative"),
        read_mention("globex", author="c", watches=["globex"]),
    )

    def texts(*words: str) -> list[str]:
        return [record["text"] for record in earful("export", *words).records]

    assert texts("--since", "2026-11-01") == ["acme new", "globex"]
    assert texts("--until", "2026-11-01") == ["acme old"]
    assert texts("--watch", "globex") == ["globex"]
    assert texts("--search", "acme sentiment:negative") == ["acme new"]
    assert texts("--view", "done") == []
    assert earful("export", "--watch", "nobody").code == 3
    assert earful("export", "--search", "acme (").code == 2


@pytest.mark.parametrize("text", FORMULAS)
def test_a_spreadsheet_runs_nothing(earful: Earful, text: str) -> None:
    earful.seed(read_mention(text + " acme", author=text.strip(), title=text.strip()))
    data = earful("export", "--format", "csv").raw.decode()
    head, row = list(csv.reader(io.StringIO(data)))
    said = dict(zip(head, row, strict=True))
    for name in ("text", "author", "title"):
        assert not re.match(r"\s*[=+\-@|\t\r＝＋－＠﹦]", said[name]), (name, said[name])
    assert cell(-0.6) == -0.6
    assert cell("acme = good") == "acme = good"


class Page(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.tags, self.links, self.text = set[str](), list[str](), ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        assert not [name for name, _ in attrs if name.startswith("on") or name in ("src", "style", "srcset")]
        self.links += [value or "" for name, value in attrs if name == "href"]

    def handle_data(self, data: str) -> None:
        self.text += data


def test_an_html_report_shows_what_is_hostile_as_text_and_loads_nothing(earful: Earful) -> None:
    earful.configure(f"[desk]\nname = '{EVIL.replace(chr(39), '')}'\n")
    earful.seed(
        read_mention(EVIL, author=NewAuthor('"><b>', EVIL), title=EVIL, url='https://x.example/"onmouseover="a'),
        read_mention("acme \x1b[2J\u202e evil", author="bob", url="https://x.example/ok?a=1&b=2"),
        read_mention("acme", author="eve", url="javascript:alert(1)"),
    )
    result = earful("export", "-o", "report.html", "--search", "acme OR alert")
    assert result.code == 0, result.narration
    page = Page()
    source = (earful.home / "report.html").read_text()
    page.feed(source)
    known = "html head meta title style body h1 h2 p table tr th td article div b a"
    assert page.tags <= set(known.split())
    assert page.links == ["https://x.example/ok?a=1&b=2"]
    assert EVIL in page.text
    assert "default-src 'none'" in source
    assert "\x1b" not in source
    assert "\u202e" not in source


def test_a_markdown_report_shows_what_is_hostile_as_text(earful: Earful) -> None:
    earful.seed(read_mention(f"# acme\n{EVIL}\n| a | b |\n---\n- x", author="*bob*"))
    data = earful("export", "--format", "md").data
    assert "acme" in data.partition("## Mentions")[2]
    bare = re.sub(r"\\.", "", data.partition("## Mentions")[2])
    assert "<script" not in bare
    assert not re.search(r"\]\(|`|!\[|\|", bare)
    assert "***bob***" not in data
    assert re.findall(r"^(?!>|\*\*|$).+", data.partition("## Mentions\n")[2], re.MULTILINE) == []


DECEPTIVE = "see https://АPPLE.com/x or https://bank.example@evil.test/"
REVEALED = "see https://АPPLE.com [xn--pple-43d.com]/x or https://bank.example@evil.test [evil.test]/"


def test_what_a_link_leads_to_is_said_wherever_people_read(earful: Earful) -> None:
    """Data for programs keeps the link as it came."""
    earful.seed(read_mention(f"acme: {DECEPTIVE}", author="bob", url="https://bank.example@АPPLE.com/1"))
    link = "https://xn--pple-43d.com/1"
    for words in (["show", "1"], ["inbox"]):
        assert REVEALED in earful(*words).data
    assert "https://bank.example@АPPLE.com [xn--pple-43d.com]/1" in earful("show", "1").data
    html = earful("export", "--format", "html").data
    assert REVEALED in html
    assert f'href="{link}"' in html
    plain = re.sub(r"\\(.)", r"\1", earful("export", "--format", "md").data)
    assert REVEALED in plain
    assert f"<{link}>" in plain
    assert earful("export").record["text"] == f"acme: {DECEPTIVE}"


@pytest.mark.parametrize("name", ["earful.db", "./x/../earful.db", "earful.db-wal", ".config/earful/earful.toml"])
def test_no_command_writes_over_the_store_or_the_configuration(earful: Earful, name: str) -> None:
    config = earful.configure('[[watch]]\nname = "acme"\nquery = "acme"\n')
    (earful.home / "x").mkdir()
    earful.seed(read_mention("acme"))
    before = config.read_text()
    for words in (["export", "-o"], ["export", "--format", "csv", "--after", "1", "-o"], ["teach", "--export"]):
        assert earful(*words, name).code == 2
    assert earful("backup", name, "--replace").code == 2
    assert config.read_text() == before
    assert len(earful("export").records) == 1


def test_a_backup_replaces_backups_only(earful: Earful) -> None:
    earful.seed(read_mention("acme"))
    (earful.home / "thesis.txt").write_text("precious")
    assert earful("backup", "thesis.txt", "--replace").code == 2
    assert (earful.home / "thesis.txt").read_text() == "precious"
    assert [earful("backup", "a.db").code, earful("backup", "a.db", "--replace").code] == [0, 0]


@pytest.mark.parametrize("words", [["export", "-o"], ["backup"], ["restore"], ["--config"], ["--database"]])
def test_a_home_that_nobody_has_is_told(earful: Earful, words: list[str]) -> None:
    result = earful(*words, "~nobody-at-all/x")
    assert (result.code, len(result.narration.splitlines())) == (2, 1)
    assert "write the path in full" in result.narration


def test_nothing_is_followed_or_left_half_done(earful: Earful) -> None:
    earful.seed(read_mention())
    prey = earful.home / "prey"
    prey.write_text("precious")
    (earful.home / "link.csv").symlink_to(prey)
    assert earful("export", "-o", "link.csv").code == 2
    assert earful("export", "-o", "no/folder/x.csv").code == 1
    assert prey.read_text() == "precious"
    assert not list(earful.home.glob(".*.part"))


def test_all_text_is_read_again_and_corrections_stay(earful: Earful) -> None:
    earful.configure('[[watch]]\nname = "down"\nquery = "down"\n[[watch]]\nname = "acme"\nquery = "globex"\n')
    earful.seed(
        read_mention(
            "Acme is down again, this is terrible and I hate it",
            author="a",
            sentiment="positive",
            language="fr",
            analysis=0,
        ),
        read_mention("Acme is great, thank you so much, we love it", author="b", sentiment="negative", analysis=0),
    )
    earful.act([2], CorrectSentiment("neutral"))
    assert earful("reread", "--json").record == {"read": 2, "changed": 1, "marked": 2, "deep": 0}
    first, second = earful("export").records
    assert (first["sentiment"], first["language"], first["watches"]) == ("negative", "en", ["down"])
    assert (second["sentiment"], second["watches"]) == ("neutral", [])
    assert earful("reread", "--json").record == {"read": 2, "changed": 0, "marked": 0, "deep": 0}
    assert earful("reread", "--since", "2026-12-01").code == 3
