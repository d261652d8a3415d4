"""Reading TOML tables into values, every mistake with its line. A mistake is noted and reading goes on, so that one
look at the file names them all."""

from __future__ import annotations

import tomllib
from collections.abc import Collection
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

from store.domain.errors import BadInput
from store.domain.safetext import safe_line
from tui.nearest import did_you_mean
from tui.times import duration
from tui.toml_lines import Path as Key
from tui.toml_lines import lines_of


@dataclass(frozen=True, slots=True)
class Problem:
    """`line` counts from 1; 0 where a mistake has no place."""

    line: int
    message: str


@dataclass
class Document:
    """A configuration file: its values, the line of each, and what is wrong with it."""

    path: Path
    lines: dict[Key, int] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)

    def root(self) -> Table:
        """The whole file as a table. Raises BadInput where it cannot be read at all."""
        try:
            text = self.path.read_text(encoding="utf-8-sig")
            data = tomllib.loads(text)
        except OSError as error:
            raise BadInput(f"cannot read the configuration {self.path}: {error.strerror}") from error
        except UnicodeDecodeError as error:
            raise BadInput(f"{self.path.name}: byte {error.start + 1} is not UTF-8; save the file as UTF-8") from None
        except (tomllib.TOMLDecodeError, RecursionError) as error:
            message, _, place = str(error).rpartition(" (at ")
            line = place.removeprefix("line ").partition(",")[0]
            where = line if line.isdigit() else str(len(text.splitlines()))  # "at end of document"
            raise BadInput(f"{self.path.name}:{where}: {message or error}") from None
        self.lines = lines_of(text)
        return Table(self, data, (), "")

    def line(self, key: Key) -> int:
        """Of the key, or of the nearest thing around it that has one."""
        while key and key not in self.lines:
            key = key[:-1]
        return self.lines.get(key, 0)

    def words(self, problem: Problem) -> str:
        return (
            f"{self.path.name}:{problem.line}: {problem.message}"
            if problem.line
            else f"{self.path.name}: {problem.message}"
        )


class Table:
    """One table. Every key that is asked for is a known one; `close` names the others."""

    def __init__(self, document: Document, data: dict[str, Any], key: Key, label: str) -> None:
        self._document, self._data, self._key = document, data, key
        self._known: set[str] = set()
        self.label = label

    def problem(self, key: str, message: str, index: int | None = None) -> None:
        place: Key = (*self._key, key) if index is None else (*self._key, key, index)
        self._document.problems.append(Problem(self._document.line(place), message))

    def wrong(self, key: str, wanted: str) -> None:
        self.problem(key, f"`{key}`{self._of()} must be {wanted}")

    def text(self, key: str, default: str = "", *, required: bool = False, example: str = "") -> str:
        """One clean line. A required one that is missing or empty is a mistake."""
        value = self._take(key, default)
        if not isinstance(value, str):
            self.wrong(key, "a text in quotes")
            return default
        clean = str(safe_line(value, limit=4_096))
        if required and not clean:
            self.problem(
                key,
                f"{self.label or 'the file'} needs `{key}`"
                + (f", such as {key} = {_quoted(example)}" if example else ""),
            )
        return clean

    def texts(self, key: str) -> tuple[str, ...]:
        value = self._take(key, [])
        if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
            self.wrong(key, 'a list of texts, such as ["one", "two"]')
            return ()
        return tuple(value)

    def number(self, key: str, default: int, *, low: int, high: int) -> int:
        value = self._take(key, default)
        if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
            self.wrong(key, f"a number from {low} to {high}")
            return default
        return value

    def choice(self, key: str, default: str, allowed: Collection[str]) -> str:
        value = self._take(key, default)
        if value not in allowed:
            near = did_you_mean(value, allowed) if isinstance(value, str) else ""
            self.wrong(key, f"one of {', '.join(allowed)}{near}")
            return default
        return str(value)

    def duration(self, key: str, default: timedelta, *, least: timedelta = timedelta(0)) -> timedelta:
        value = self._take(key, None)
        if value is None:
            return default
        if not isinstance(value, str):
            self.wrong(key, 'a duration in quotes, such as "15m"')
            return default
        try:
            length = duration(value)
        except BadInput as error:
            self.problem(key, f"`{key}`{self._of()}: {error}")
            return default
        if length < least:
            self.wrong(key, f"at least {int(least.total_seconds())}s")
            return default
        return length

    def mapping(self, key: str) -> dict[str, str]:
        value = self._take(key, {})
        if not isinstance(value, dict) or not all(isinstance(item, str) for item in value.values()):
            self.wrong(key, "a table of texts")
            return {}
        return dict(value)

    def table(self, key: str) -> Table:
        value = self._take(key, {})
        if not isinstance(value, dict):
            self.wrong(key, f"a table: write [{key}]")
            value = {}
        return Table(self._document, value, (*self._key, key), f"[{key}]")

    def tables(self, key: str, naming: str = "name") -> list[Table]:
        """All [[key]], each labelled with its name."""
        value = self._take(key, [])
        if not isinstance(value, list) or not all(isinstance(item, dict) for item in value):
            self.wrong(key, f"a list of tables: write [[{key}]]")
            return []
        return [
            Table(
                self._document,
                item,
                (*self._key, key, index),
                f"[[{key}]] {safe_line(str(item.get(naming) or item.get('type', '')))}".rstrip(),
            )
            for index, item in enumerate(value)
        ]

    def has(self, key: str) -> bool:
        return key in self._data

    def rest(self) -> dict[str, Any]:
        """What nobody asked for so far."""
        return {key: value for key, value in self._data.items() if key not in self._known}

    def close(self, extra: Collection[str] = ()) -> None:
        known = self._known | set(extra)
        for key in self._data:
            if key not in known:
                self.problem(key, f"unknown key `{key}`{self._of()}{did_you_mean(key, known)}")

    def _take(self, key: str, default: Any) -> Any:
        self._known.add(key)
        return self._data.get(key, default)

    def _of(self) -> str:
        return f" in {self.label}" if self.label else ""


def _quoted(text: str) -> str:
    return f"'{text}'" if '"' in text else f'"{text}"'
