"""The layer contract, where the static one of import-linter cannot see: what is imported when."""

from __future__ import annotations

import subprocess
import sys

import pytest

HEAVY = ("sqlalchemy", "httpx", "langdetect", "vaderSentiment", "plotext", "feedparser", "keyring")


def loaded_after(code: str) -> set[str]:
    out = subprocess.run(
        [sys.executable, "-c", f"{code}\nimport sys; print('\\n'.join(sys.modules))"],
        capture_output=True,
        text=True,
        check=True,
    )
    return {name.split(".")[0] for name in out.stdout.split()} | set(out.stdout.split())


@pytest.mark.parametrize("module", ["tui.cli", "tui.app", "store.domain.case", "sources.registry"])
def test_what_a_start_pays_for(module: str) -> None:
    assert not loaded_after(f"import {module}") & set(HEAVY)


def test_the_store_knows_nothing_of_what_is_above() -> None:
    code = "import store.database, store.cases, store.mentions, store.outbox, store.insights, store.search"
    assert not loaded_after(code) & {"sources", "tui", "httpx", "textual"}


def test_a_file_costs_nothing_of_a_server() -> None:
    assert "sqlalchemy.dialects.postgresql" not in loaded_after("import store.engines.sqlite, store.cases, store.pages")


def test_the_sources_know_nothing_of_the_screens() -> None:
    assert not loaded_after("import sources.worker, sources.intake, sources.poller, sources.courier") & {
        "tui",
        "textual",
        "rich",
    }
