"""Where each key of a TOML document stands, which tomllib does not say. Expects one that tomllib has accepted."""

from __future__ import annotations

import re
import tomllib

Path = tuple[str | int, ...]

# One sign: a string of each of the four kinds, a comment, a sign that carries structure, or a run of anything else.
_SIGN = re.compile(
    r'"""(?:\\.|[^\\])*?"{3,5}|\'\'\'.*?\'{3,5}|"(?:\\.|[^"\\\n])*"|\'[^\'\n]*\'|#[^\n]*|\n|[\[\]{},=]|[^\s"\'#\[\]{},=]+',
    re.DOTALL,
)


def lines_of(text: str) -> dict[Path, int]:
    """Line numbers, from 1, of every table (`("watch", 0)`), key (`("watch", 0, "query")`) and element of an array
    (`("watch", 0, "match", 1)`). What stands in an inline table has the line of the key before it."""
    lines: dict[Path, int] = {}
    seen: dict[Path, int] = {}  # how many [[header]] of each path there have been
    table: Path = ()
    for number, statement in _statements(text):
        if statement[0][1] == "[":
            many = len(statement) > 1 and statement[1][1] == "["
            names = _keys("".join(sign for _, sign in statement).strip("[]"))
            table = ()
            for name in names[:-1]:
                table = _inside((*table, name), seen)
            table = (*table, names[-1])
            if many:
                seen[table] = seen.get(table, -1) + 1
                lines.setdefault(table, number)
                table = (*table, seen[table])
            lines[table] = number
            continue
        equals = next(index for index, (_, sign) in enumerate(statement) if sign == "=")
        key = (*table, *_keys("".join(sign for _, sign in statement[:equals])))
        lines[key] = number
        lines.update({(*key, index): line for index, line in enumerate(_elements(statement[equals + 1 :]))})
    return lines


def _statements(text: str) -> list[tuple[int, list[tuple[int, str]]]]:
    """Headers and key/value pairs, each as its signs with their lines."""
    found: list[tuple[int, list[tuple[int, str]]]] = []
    signs: list[tuple[int, str]] = []
    depth, line, at = 0, 1, 0
    for match in _SIGN.finditer(text):
        line += text.count("\n", at, match.start())
        at, sign = match.start(), match.group()
        if sign == "\n" and depth == 0:
            if signs:
                found.append((signs[0][0], signs))
            signs = []
        elif sign != "\n" and not sign.startswith("#"):
            depth += (sign in ("[", "{")) - (sign in ("]", "}"))
            signs.append((line, sign))
    if signs:
        found.append((signs[0][0], signs))
    return found


def _elements(value: list[tuple[int, str]]) -> list[int]:
    """The lines of the elements of an array; none for any other value."""
    lines: list[int] = []
    depth, fresh = 0, False
    if not value or value[0][1] != "[":
        return lines
    for line, sign in value:
        if fresh and depth == 1 and sign not in ("]", ","):
            lines.append(line)
            fresh = False
        depth += (sign in ("[", "{")) - (sign in ("]", "}"))
        fresh = fresh or (depth == 1 and sign in ("[", ","))
    return lines


def _keys(dotted: str) -> list[str]:
    """The parts of a dotted, perhaps quoted key, read by the very parser of the document."""
    value = tomllib.loads(f"{dotted} = 0")
    names = []
    while isinstance(value, dict):
        name, value = next(iter(value.items()))
        names.append(name)
    return names


def _inside(path: Path, seen: dict[Path, int]) -> Path:
    """A header below [[x]] speaks of the newest x."""
    return (*path, seen[path]) if path in seen else path
