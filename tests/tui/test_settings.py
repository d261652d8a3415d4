"""The configuration: every value, every mistake with its line, and where things lie."""

from __future__ import annotations

import os
import subprocess
import sys
import tomllib
from datetime import timedelta
from pathlib import Path

import pytest
import tomlkit
from hypothesis import given, settings
from hypothesis import strategies as st

from store.domain.desk import Department, MailServer, ReadingChoice, Role, Rule, SourceConfig, View
from store.domain.errors import BadInput
from store.domain.place import Server
from tests.tui.command import ROOT
from tui.settings import Settings, load, read
from tui.toml_lines import lines_of

WHOLE = """
database = "desk.db"
worker = "separate"
keys = "mutt"

[desk]
name = "Acme"
reply_within = "1d12h"
undo_window = "0s"

[[watch]]
name = "acme"
role = "competitor"
query = '"acme cloud" OR acmecloud~1 NOT (acme NEAR/3 anvil)'
languages = ["en", "pt-BR"]
match = ["my acme cloud is down"]
ignore = ["acme anvils"]

[reading]
sentiment = "lexicon"
engine = "langdetect"
languages = ["en", "ro"]

[[source]]
type = "mastodon"
name = "m"
url = "https://social.example"
token = "file:secret/token"
tags = ["acme"]
every = "90s"
backfill = "all"
settle = "5m"

[[source]]
type = "file"
path = "reviews.jsonl"
backfill = "none"

[[department]]
name = "billing"
to = "mailto:billing@example.org"

[[department]]
name = "hook"
to = "env:HOOK_URL"
secret = "keyring:hook"

[[team]]
name = "pr"

[[rule]]
when = "sentiment:negative followers:>10000"
do = ["priority urgent", "escalate pr"]

[[view]]
name = "angry"
query = "sentiment:negative status:new,open"

[mail]
host = "mail.example.org"
port = 587
sender = "desk@example.org"
user = "desk"
password = "env:MAIL"
tls = "starttls"

[keymap]
"case.done" = "x"
"""


def written(folder: Path, text: str) -> Path:
    path = folder / "earful.toml"
    path.write_text(text, encoding="utf-8")
    return path


def test_every_value_is_read(tmp_path: Path) -> None:
    settings = load(str(written(tmp_path, WHOLE)), agent="ana")
    desk = settings.desk
    assert settings == Settings(desk, tmp_path / "earful.toml", tmp_path / "desk.db", "ana")
    assert (desk.name, desk.worker, desk.keys, desk.keymap) == ("Acme", "separate", "mutt", {"case.done": "x"})
    assert (desk.reply_within, desk.undo_window) == (timedelta(hours=36), timedelta(0))
    (watch,) = desk.watches
    assert (watch.role, watch.languages, watch.ignore) == (Role.COMPETITOR, ("en", "pt-BR"), ("acme anvils",))
    assert desk.sources == (
        SourceConfig(
            "mastodon",
            "m",
            "https://social.example",
            f"file:{tmp_path}/secret/token",  # seen from the file that names it
            timedelta(seconds=90),
            None,
            timedelta(minutes=5),
            {"tags": ["acme"]},
        ),
        SourceConfig("file", "file", backfill=timedelta(0), options={"path": str(tmp_path / "reviews.jsonl")}),
    )
    assert desk.departments == (
        Department("billing", "mailto:billing@example.org"),
        Department("hook", "env:HOOK_URL", "keyring:hook"),
        Department("pr", team=True),
    )
    assert desk.rules == (Rule("sentiment:negative followers:>10000", ("priority urgent", "escalate pr")),)
    assert desk.views == (View("angry", "sentiment:negative status:new,open"),)
    assert desk.mail == MailServer("mail.example.org", 587, "desk@example.org", "desk", "env:MAIL", "starttls")
    assert desk.reading == ReadingChoice("lexicon", "langdetect", ("en", "ro"))


WATCH = '[[watch]]\nname = "acme"\n'
SOURCE = '[[source]]\ntype = "hackernews"\n'


@pytest.mark.parametrize(
    ("text", "line", "said"),
    [
        (WATCH + "qeury = 'x'\nquery = 'x'", 3, "unknown key `qeury` in [[watch]] acme; did you mean `query`?"),
        (WATCH, 1, "[[watch]] acme needs `query`"),
        ("[[watch]]\nquery = 'x'", 1, "needs `name`"),
        (WATCH + "query = '\"acme cloud'", 3, "column 1"),
        (WATCH + "query = 'a OR'", 3, "column"),
        (WATCH + "query = 'status:new'", 3, "status"),
        (WATCH + "query = 3", 3, "must be a text"),
        (WATCH + "query = 'x'\nrole = 'owm'", 4, "did you mean `own`?"),
        (WATCH + "query = 'x'\nlanguages = [\n'en',\n'Deutsch',\n]", 6, "`Deutsch` is not a language code"),
        (WATCH + "query = 'x'\nmatch = 'x'", 4, "a list of texts"),
        (WATCH + "query = 'x'\n[[watch]]\nname = 'ACME'\nquery = 'y'", 5, "two [[watch]] with the name `ACME`"),
        ("[[source]]\ntype = 'mastodn'", 2, "did you mean `mastodon`?"),
        (SOURCE + "evry = '60s'", 3, "did you mean `every`?"),
        (SOURCE + "tags = ['x']", 3, "unknown key `tags`"),
        (SOURCE + "every = '5 parsecs'", 3, "not a duration"),
        (SOURCE + "every = '0s'", 3, "at least 1s"),
        (SOURCE + "every = 60", 3, "a duration in quotes"),
        (SOURCE + "backfill = 'some'", 3, "not a duration"),
        *(
            (SOURCE + f"url = '{url}'", 3, "https://")
            for url in ("ftp://x.example", "https://", "http://[::1", "http://x:y")
        ),
        (SOURCE + "items_url = 'x'", 3, "whole address"),
        ("[[source]]\ntype = 'file'\npath = 5", 3, "`path` is written so"),
        (SOURCE + "token = 'abcdef-canary'", 3, "a reference (env:NAME, file:PATH or keyring:NAME)"),
        (SOURCE + SOURCE, 3, "two [[source]]"),
        ("[[source]]\ntype = 'file'", 1, "`path` is missing"),
        ("[[department]]\nname = 'b'", 1, "needs `to`"),
        ("[[department]]\nname = 'b'\nto = 'b@example.org'", 3, "mailto:"),
        *(
            (f"[[department]]\nname = 'b'\nto = '{to}'", 3, "a whole address")
            for to in ("mailto:", "https://", "slack+https://", "http://[")
        ),
        ("[[rule]]\nwhen = 'sentiment:bad'\ndo = ['done']", 2, "positive, neutral, negative"),
        ("[[rule]]\nwhen = 'x'\ndo = ['done',\n'escalte pr']", 4, "`escalte pr` is no action"),
        ("[[rule]]\nwhen = 'x'", 1, "needs `do`"),
        ("[[view]]\nname = 'v'\nquery = '('", 3, "column 1"),
        ("[desk]\nundo_windw = '15s'", 2, "did you mean `undo_window`?"),
        ("[mail]\nport = 99999", 2, "a number from 1 to 65535"),
        ("worker = 'seperate'", 1, "did you mean `separate`?"),
        ("keys = 'vim'", 1, "default, mutt, gmail, linear"),
        ("wacth = 1", 1, "did you mean `watch`?"),
        ("desk = 'Acme'", 1, "write [desk]"),
        ("watch = 'acme'", 1, "write [[watch]]"),
        ("\nx = ", 2, "Invalid value"),
        ("[desk]\nname = 'a'\nname = 'b'", 3, "overwrite"),
        ('[desk]\nname = "a', 2, "nterminated"),
    ],
)
def test_a_mistake_is_told_with_its_line(tmp_path: Path, text: str, line: int, said: str) -> None:
    with pytest.raises(BadInput) as told:
        load(str(written(tmp_path, text)))
    assert str(told.value).startswith(f"earful.toml:{line}: ")
    assert said in str(told.value)
    assert "canary" not in str(told.value)
    assert "\n" not in str(told.value)


def test_one_look_finds_all_mistakes(tmp_path: Path) -> None:
    path = written(tmp_path, "keys = 'vim'\n[desk]\nnam = 'x'\n[mail]\nport = 0\n")
    assert [problem.line for problem in read(str(path)).problems] == [1, 3, 5]
    with pytest.raises(BadInput, match="and 2 more"):
        load(str(path))


def test_a_file_that_cannot_be_read_is_told(tmp_path: Path) -> None:
    (tmp_path / "latin.toml").write_bytes(b"# caf\xe9\n")
    for name, said in (("missing.toml", "No such file"), (".", "directory"), ("latin.toml", "byte 6 is not UTF-8")):
        with pytest.raises(BadInput, match=said):
            load(str(tmp_path / name))


@pytest.mark.parametrize(
    "name",
    ["postgres://db", "postgresql://db:port/earful", "mysql://db/earful", "postgresql://ana:hunter2@db/earful", ""],
)
def test_what_is_no_place_for_a_store(tmp_path: Path, name: str) -> None:
    with pytest.raises(BadInput):
        load(str(written(tmp_path, f'database = "{name}"')))
    with pytest.raises(BadInput) as told:
        load(str(written(tmp_path, "")), name)
    assert "hunter2" not in str(told.value)


def test_a_store_on_a_server(tmp_path: Path) -> None:
    """Its password is a reference and in nothing that is shown."""
    address = "postgresql://ana:env:DB_PASSWORD@db.example:5433/earful?sslmode=require"
    found = load(str(written(tmp_path, f'database = "{address}"'))).database
    assert isinstance(found, Server)
    assert str(found) == "postgresql://ana@db.example:5433/earful?sslmode=require"
    assert found.password == "env:DB_PASSWORD"
    assert load(str(written(tmp_path, "")), "postgres://db/earful").database == Server("postgresql://db/earful")


def test_where_things_lie(tmp_path: Path) -> None:
    """A named configuration, then EARFUL_CONFIG, then the user's folder; --database before what is configured."""
    code = (
        "import sys; from tui.settings import load\n"
        "settings = load(*(word or None for word in sys.argv[1:]))\n"
        "print(settings.config_path, settings.database, settings.desk.name, sep='|')"
    )
    home = tmp_path / "home" / ".config" / "earful"
    for folder, name in ((home, "home"), (tmp_path / "env", "env"), (tmp_path / "named", "named")):
        folder.mkdir(parents=True)
        written(folder, f'[desk]\nname = "{name}"')
    environment = {"HOME": str(tmp_path / "home"), "PYTHONPATH": str(ROOT), "PATH": os.environ["PATH"]}

    def found(*words: str, **more: str) -> list[str]:
        out = subprocess.run(
            [sys.executable, "-c", code, *words],
            env=environment | more,
            cwd=tmp_path,
            capture_output=True,
            text=True,
            check=True,
        )
        return out.stdout.strip().split("|")

    env = {"EARFUL_CONFIG": "env/earful.toml"}
    data = str(tmp_path / "home" / ".local" / "share" / "earful" / "earful.db")
    assert found() == [str(home / "earful.toml"), data, "home"]
    assert found(**env) == [str(tmp_path / "env" / "earful.toml"), data, "env"]
    assert found("named/earful.toml", **env) == [str(tmp_path / "named" / "earful.toml"), data, "named"]
    assert found("", "here.db")[1] == str(tmp_path / "here.db")
    (home / "earful.toml").unlink()
    assert found() == ["None", data, ""]


KEY = st.text("abc-_", min_size=1, max_size=3)
VALUE = st.one_of(
    st.integers(),
    st.text("ab\"'#[]{}\n,=\\", max_size=6),
    st.lists(st.text("a]\n#,", max_size=3), max_size=3),
    st.booleans(),
)


@settings(deadline=None)  # a busy machine is no error
@given(
    st.dictionaries(
        KEY,
        st.one_of(VALUE, st.dictionaries(KEY, VALUE), st.lists(st.dictionaries(KEY, VALUE), min_size=1, max_size=3)),
    )
)
def test_the_line_of_a_key_is_where_it_stands(document: dict[str, object]) -> None:
    """Whatever a document holds: every table and key has a line, and its name stands in that line."""
    text = tomlkit.dumps(document)
    assert tomllib.loads(text) == document
    lines = text.splitlines()
    for path, line in lines_of(text).items():
        name = next(part for part in reversed(path) if isinstance(part, str))
        assert name in lines[line - 1] or isinstance(path[-1], int)
    for key, value in document.items():
        wanted = {(key,)} | ({(key, inner) for inner in value} if isinstance(value, dict) else set())
        assert wanted <= set(lines_of(text))
