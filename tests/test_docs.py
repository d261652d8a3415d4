"""The documentation is in step: every command, setting and source option is in it, and what it names exists."""

from __future__ import annotations

import re
from dataclasses import fields
from pathlib import Path

import pytest

from sources.registry import types
from store.domain.desk import Department, Log, MailServer, ReadingChoice, Retention, Rule, SourceConfig, View, Watch
from store.domain.query import FIELDS
from tui.cli.commands import COMMANDS
from tui.cli.sources import page

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")
CONFIGURATION = (ROOT / "docs" / "configuration.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("command", sorted(COMMANDS))
def test_every_command_is_in_the_readme(command: str) -> None:
    assert f"`earful {command}" in README or f"`{command}`" in README


@pytest.mark.parametrize(
    "noun", [Watch, SourceConfig, Department, MailServer, ReadingChoice, Rule, View, Log, Retention]
)
def test_every_setting_is_documented(noun: type) -> None:
    for field in fields(noun):
        assert field.name in ("options", "team") or f"`{field.name}`" in CONFIGURATION, field.name


@pytest.mark.parametrize("kind", types().values(), ids=lambda kind: kind.name)
def test_every_source_type_and_option_is_documented(kind) -> None:
    assert f"`{kind.name}`" in README
    assert kind.can_answer == bool(kind.length), "a type that can answer says how long an answer may be"
    for option in kind.options:
        assert option.example, option.name


def test_the_page_of_the_sources_is_what_they_say_of_themselves() -> None:
    assert (ROOT / "docs" / "sources.md").read_text(encoding="utf-8") == page()


@pytest.mark.parametrize("field", sorted(FIELDS))
def test_every_query_field_is_documented(field: str) -> None:
    assert f"{field}:" in CONFIGURATION


def test_links_between_documents_lead_somewhere() -> None:
    for document in (ROOT / "README.md", ROOT / "CONTRIBUTING.md", *(ROOT / "docs").glob("*.md")):
        for target in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", document.read_text(encoding="utf-8")):
            assert (document.parent / target).exists(), f"{document.name} -> {target}"
