"""The documentation is in step: every command, setting and source option is in it, and what it names exists."""

from __future__ import annotations

import re
from dataclasses import fields
from pathlib import Path

import pytest

from sources.registry import HIDDEN, TYPES
from store.domain.desk import Department, MailServer, Rule, SourceConfig, View, Watch
from store.domain.query import FIELDS
from tui.cli.commands import COMMANDS

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")
CONFIGURATION = (ROOT / "docs" / "configuration.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("command", sorted(COMMANDS))
def test_every_command_is_in_the_readme(command: str) -> None:
    assert f"`earful {command}" in README or f"`{command}`" in README


@pytest.mark.parametrize("noun", [Watch, SourceConfig, Department, MailServer, Rule, View])
def test_every_setting_is_documented(noun: type) -> None:
    for field in fields(noun):
        assert field.name in ("options", "team") or f"`{field.name}`" in CONFIGURATION, field.name


@pytest.mark.parametrize(
    "kind", [kind for kind in TYPES.values() if kind.name not in HIDDEN], ids=lambda kind: kind.name
)
def test_every_source_type_and_option_is_documented(kind) -> None:
    assert f"`{kind.name}`" in CONFIGURATION
    assert f"`{kind.name}`" in README
    for option in kind.options:
        assert f"`{option.name}`" in CONFIGURATION, option.name


@pytest.mark.parametrize("field", sorted(FIELDS))
def test_every_query_field_is_documented(field: str) -> None:
    assert f"{field}:" in CONFIGURATION


def test_links_between_documents_lead_somewhere() -> None:
    for document in (ROOT / "README.md", ROOT / "CONTRIBUTING.md", *(ROOT / "docs").glob("*.md")):
        for target in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", document.read_text(encoding="utf-8")):
            assert (document.parent / target).exists(), f"{document.name} -> {target}"
