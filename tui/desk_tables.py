"""The tables of earful.toml as a `Desk`."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import fields, replace
from datetime import timedelta
from pathlib import Path

from sources.paths import seen_from
from store.domain.desk import (
    Department,
    Desk,
    Log,
    MailServer,
    ReadingChoice,
    Retention,
    Role,
    Rule,
    SourceConfig,
    View,
    Watch,
)
from store.domain.errors import BadInput, EarfulError
from store.domain.query import Node
from store.domain.words import folded_words
from tui.toml_table import Table

PRESETS = ("default", "mutt", "gmail", "linear")
_REFERENCE = re.compile(r"(env|file|keyring):.+")
_LANGUAGE = re.compile(r"[a-z]{2,3}(-[A-Za-z0-9]+)*")
_QUOTED = re.compile(r"`(\w+)`")
_DEPARTMENT_SCHEMES = ("mailto:", "https://", "http://", "slack+https://", "slack+http://")


def desk_of(root: Table, base: Path) -> Desk:
    """The desk as far as it could be read; what is wrong is noted in the document. `base` is the folder of the file."""
    usual = Desk()
    general = root.table("desk")
    desk = Desk(
        name=general.text("name"),
        reply_within=general.duration("reply_within", usual.reply_within),
        undo_window=general.duration("undo_window", usual.undo_window),
        answers_expire=general.duration("answers_expire", usual.answers_expire, least=timedelta(minutes=1)),
        database=root.text("database", usual.database),
        worker=root.choice("worker", usual.worker, ("embedded", "separate")),
        watches=tuple(_watch(table) for table in root.tables("watch")),
        sources=tuple(_source(table, base) for table in root.tables("source")),
        departments=(
            *(_department(table, base, team=False) for table in root.tables("department")),
            *(_department(table, base, team=True) for table in root.tables("team")),
        ),
        rules=tuple(_rule(table) for table in root.tables("rule", naming="when")),
        views=tuple(_view(table) for table in root.tables("view")),
        mail=_mail(root.table("mail"), base),
        reading=_reading(root.table("reading")),
        log=_log(root.table("log"), base),
        retention=_retention(root.table("retention")),
        keys=root.choice("keys", usual.keys, PRESETS),
        keymap=root.mapping("keymap"),
    )
    for table, rule in zip(root.tables("rule", naming="when"), desk.rules, strict=True):
        _decisions(table, rule, desk)
    general.close()
    root.close()
    for key in ("watch", "source", "view"):
        _unique(root, (key,))
    _unique(root, ("department", "team"))
    return desk


def _watch(table: Table) -> Watch:
    from sources.text.match import check_watch

    languages = table.texts("languages")
    for index, code in enumerate(languages):
        if not _LANGUAGE.fullmatch(code):
            table.problem("languages", f"`{code}` is not a language code such as en, de or ro", index)
    watch = Watch(
        name=table.text("name", required=True, example="acme"),
        query=_query(table, "query", required=True, check=check_watch),
        role=Role(table.choice("role", Role.OWN, tuple(Role))),
        languages=languages,
        match=table.texts("match"),
        ignore=table.texts("ignore"),
        keep=_kept(table, "keep"),
    )
    table.close()
    return watch


def _source(table: Table, base: Path) -> SourceConfig:
    from sources.addresses import is_whole
    from sources.registry import problems, source_type

    usual = SourceConfig("", "")
    kind = table.text("type", required=True, example="hackernews")
    source = SourceConfig(
        type=kind,
        name=table.text("name") or kind,
        url=table.text("url"),
        token=_reference(table, "token", base),
        every=table.duration("every", usual.every, least=timedelta(seconds=1)),
        settle=table.duration("settle", usual.settle),
        backfill=_backfill(table, usual.backfill),
    )
    if not kind:
        return source
    try:
        declared = source_type(kind)
    except BadInput as error:
        table.problem("type", f"{table.label}: {error}")
        return source
    if source.url and not is_whole(source.url, declared.schemes):
        table.wrong("url", f"a whole address that begins with {':// or '.join(declared.schemes)}://")
    known = {option.name: option for option in declared.options}
    secret = {name for name, option in known.items() if option.secret and table.has(name)}
    references = {name: _reference(table, name, base) for name in sorted(secret)}
    options = {name: value for name, value in table.rest().items() if name in known} | references
    table.close(known)
    for words in problems(replace(source, options=options)):
        key = next((name for name in _QUOTED.findall(words) if name in known), "type")
        table.problem(key, f"{table.label}: {words}")
    for name, option in known.items():
        if option.path and isinstance(options.get(name), str):  # seen from the file that names it
            options[name] = _path(table, name, base, options[name])
    return replace(source, options=options)


def _backfill(table: Table, usual: timedelta | None) -> timedelta | None:
    word = table.text("backfill", "7d") if table.has("backfill") else ""
    if word in ("none", "all"):
        return timedelta(0) if word == "none" else None
    return table.duration("backfill", usual or timedelta(days=7))


def _department(table: Table, base: Path, *, team: bool) -> Department:
    department = Department(
        name=table.text("name", required=True, example="billing"),
        to=table.text("to", required=not team, example="mailto:billing@example.org"),
        secret=_reference(table, "secret", base),
        team=team,
    )
    if department.to and not department.to.startswith(_DEPARTMENT_SCHEMES):
        # The address of a webhook is itself a secret, so it may stand elsewhere.
        department = replace(
            department, to=_reference(table, "to", base, "mailto:..., https://..., slack+https://... or a")
        )
    elif department.to and not _leads_somewhere(department.to):
        table.wrong("to", "a whole address, such as mailto:billing@example.org or https://example.org/hook")
    table.close()
    return department


def _leads_somewhere(to: str) -> bool:
    from sources.addresses import is_web

    return "@" in to if to.startswith("mailto:") else is_web(to.removeprefix("slack+"))


def _rule(table: Table) -> Rule:
    from sources.text.match import check_rule

    rule = Rule(when=_query(table, "when", required=True, check=check_rule), do=table.texts("do"))
    if not rule.do:
        table.problem("do", f'{table.label} needs `do`, such as do = ["priority urgent"]')
    table.close()
    return rule


def _decisions(table: Table, rule: Rule, desk: Desk) -> None:
    from sources.rules import decision

    for index, words in enumerate(rule.do):
        try:
            decision(words, desk, reason=rule.when)
        except BadInput as error:
            table.problem("do", f"{table.label}: {error}", index)


def _view(table: Table) -> View:
    view = View(name=table.text("name", required=True, example="angry"), query=_query(table, "query"))
    table.close()
    return view


def _mail(table: Table, base: Path) -> MailServer:
    usual = MailServer()
    mail = MailServer(
        host=table.text("host", usual.host),
        port=table.number("port", usual.port, low=1, high=65_535),
        sender=table.text("sender"),
        user=table.text("user"),
        password=_reference(table, "password", base),
        tls=table.choice("tls", usual.tls, ("auto", "implicit", "starttls", "none")),
    )
    table.close()
    return mail


def _reading(table: Table) -> ReadingChoice:
    from sources.text.deep.engines import AUTO, ENGINES, OFF
    from sources.text.language import KNOWN

    usual = ReadingChoice()
    choice = ReadingChoice(
        sentiment=table.choice("sentiment", usual.sentiment, ("model", "lexicon")),
        engine=table.choice("engine", usual.engine, ("words", "langdetect")),
        languages=table.texts("languages"),
        names=table.texts("names"),
        deep=table.choice("deep", usual.deep, (AUTO, OFF, *ENGINES)),
    )
    for index, code in enumerate(choice.languages):
        if code not in KNOWN:
            table.problem("languages", f"`{code}` is no language that earful can tell, such as en, de or ro", index)
    for index, name in enumerate(choice.names):
        if not folded_words(name):
            table.problem("names", f"`{name}` has no word; give a name such as War Zone", index)
    table.close()
    return choice


def _log(table: Table, base: Path) -> Log:
    usual = Log()
    file = table.text("file", usual.file)
    log = Log(
        level=table.choice("level", usual.level, ("error", "info", "debug")),
        file=_path(table, "file", base, file) if file else "",
    )
    table.close()
    return log


def _retention(table: Table) -> Retention:
    retention = Retention(**{field.name: _kept(table, field.name) for field in fields(Retention)})
    table.close()
    return retention


def _kept(table: Table, key: str) -> timedelta | None:
    """An hour at least: what was just read must be seen before it goes."""
    return table.duration(key, timedelta(0), least=timedelta(hours=1)) if table.has(key) else None


def _query(table: Table, key: str, *, required: bool = False, check: Callable[[Node], object] | None = None) -> str:
    from store.domain.query import parse

    text = table.text(key, required=required, example='"acme cloud" OR acmecloud~1')
    try:
        node = parse(text)
        if node is not None and check is not None:
            check(node)
    except EarfulError as error:
        table.problem(key, f"`{key}` of {table.label}: {error}")
    return text


def _reference(table: Table, key: str, base: Path, or_else: str = "a") -> str:
    """A secret by reference; a file is seen from the configuration that names it."""
    reference = table.text(key)
    if reference and not _REFERENCE.fullmatch(reference):
        table.wrong(key, f"{or_else} reference (env:NAME, file:PATH or keyring:NAME), never the secret itself")
        return ""
    if reference.startswith("file:"):
        return f"file:{_path(table, key, base, reference.removeprefix('file:'))}"
    return reference


def _path(table: Table, key: str, base: Path, written: str) -> str:
    """Seen from the configuration that names it; what is no path is told, and stays as it is written."""
    try:
        return str(seen_from(base, written))
    except BadInput as error:
        table.problem(key, str(error))
        return written


def _unique(root: Table, keys: tuple[str, ...]) -> None:
    taken: set[str] = set()
    for key in keys:
        for table in root.tables(key):
            name = table.text("name") or table.text("type")
            if name and name.casefold() in taken:
                table.problem("name", f"there are two [[{key}]] with the name `{name}`")
            taken.add(name.casefold())
