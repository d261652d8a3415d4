"""The desk as its configuration describes it. Read from earful.toml by `tui.settings`; nothing here does I/O."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta
from enum import StrEnum
from typing import Any


class Role(StrEnum):
    OWN = "own"
    COMPETITOR = "competitor"
    INDUSTRY = "industry"
    CAMPAIGN = "campaign"


@dataclass(frozen=True, slots=True)
class Watch:
    """What we listen for. `languages` empty means all; `match` and `ignore` are examples that `earful check` runs.
    `keep` is how long the words of its mentions are kept; None where the desk's retention says it."""

    name: str
    query: str
    role: Role = Role.OWN
    languages: tuple[str, ...] = ()
    match: tuple[str, ...] = ()
    ignore: tuple[str, ...] = ()
    keep: timedelta | None = None


@dataclass(frozen=True, slots=True)
class SourceConfig:
    """One configured source. `options` are the keys that its type needs besides (tags, feed, path, ...).

    `backfill` is how far back the first contact reads: None is "all", zero is "none". `token` is a reference
    (env:NAME, file:PATH, keyring:NAME), never the secret.
    """

    type: str
    name: str
    url: str = ""
    token: str = ""
    every: timedelta = timedelta(seconds=60)
    backfill: timedelta | None = timedelta(days=7)
    settle: timedelta = timedelta(seconds=120)
    options: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Department:
    """Where a case can go outside earful: mailto:..., https://... (signed webhook), slack+https://..."""

    name: str
    to: str = ""
    secret: str = ""
    team: bool = False


@dataclass(frozen=True, slots=True)
class Rule:
    """`do` are actions in words: "priority urgent", "escalate pr", "tag vip", "assign ana", "dismiss spam"."""

    when: str
    do: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class View:
    """A saved filter of the inbox: a query in the one query language."""

    name: str
    query: str


@dataclass(frozen=True, slots=True)
class MailServer:
    """Where forwards by mail leave: SMTP host and port, sender address, optional login (password by reference)."""

    host: str = "localhost"
    port: int = 25
    sender: str = ""
    user: str = ""
    password: str = ""
    tls: str = "auto"


@dataclass(frozen=True, slots=True)
class ReadingChoice:
    """How mentions are read. `sentiment` is "model" or "lexicon", `engine` tells languages: "words" or "langdetect".
    `languages` are the only ones in question, ISO 639-1; empty means all. `names` carry no mood, whatever their words
    mean ("War Zone"). `deep` is "auto", "off" or the engine of deep reading, by the name of the extra that installs it.
    """

    sentiment: str = "model"
    engine: str = "words"
    languages: tuple[str, ...] = ()
    names: tuple[str, ...] = ()
    deep: str = "auto"


@dataclass(frozen=True, slots=True)
class Log:
    """What is written down of what the program does. `file` is empty for the usual place."""

    level: str = "info"
    file: str = ""


@dataclass(frozen=True, slots=True)
class Retention:
    """How long things are kept; None is for ever. `mentions` counts where a watch says nothing else."""

    mentions: timedelta | None = None
    raw: timedelta | None = None
    journal: timedelta | None = None
    ledger: timedelta | None = None


@dataclass(frozen=True, slots=True)
class Desk:
    """Everything the program needs to know about a brand's desk."""

    name: str = ""
    database: str = "sqlite"
    worker: str = "embedded"
    reply_within: timedelta = timedelta(hours=24)
    undo_window: timedelta = timedelta(seconds=15)
    answers_expire: timedelta = timedelta(hours=24)
    watches: tuple[Watch, ...] = ()
    sources: tuple[SourceConfig, ...] = ()
    departments: tuple[Department, ...] = ()
    rules: tuple[Rule, ...] = ()
    views: tuple[View, ...] = ()
    mail: MailServer = MailServer()
    reading: ReadingChoice = ReadingChoice()
    log: Log = Log()
    retention: Retention = Retention()
    keys: str = "default"
    keymap: dict[str, str] = field(default_factory=dict)


DEFAULT_VIEWS: tuple[View, ...] = (
    View("inbox", "status:new OR status:open"),
    View("mine", "assignee:me -status:done -status:dismissed"),
    View("unassigned", "assignee:none (status:new OR status:open)"),
    View("waiting", "status:waiting"),
    View("snoozed", "status:snoozed"),
    View("escalated", "status:escalated"),
    View("done", "status:done"),
    View("dismissed", "status:dismissed"),
    View("all", ""),
)
