"""One sample a source type: a server on loopback that answers it well. What every type must bear (faults, hours of
polling) is tested with these, so a new type is tested by adding its file here."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from tests.servers import Server


@dataclass(frozen=True)
class Hand:
    """What makes a sample's server go on: `more(number, at)` lets one more post appear that the watch matches,
    `own(at)` one of our own account (None where the source knows of none)."""

    more: Callable[[int, datetime], object]
    own: Callable[[datetime], object] | None = None


@dataclass(frozen=True)
class Sample:
    """`prepare` scripts the good answers. The source polls `server.url()` with the watch `acme` and `token`; options
    that depend on the server are made by `options`. A whole first poll of all its streams with backfill "all" stores
    `expected` mentions; every request of it has a path that begins with one of `paths` (where faults are put).
    `forgets`: the server gives nothing twice once it was asked for what comes after."""

    type: str
    prepare: Callable[[Server], Hand]
    expected: int
    paths: tuple[str, ...]
    options: Callable[[Server], Mapping[str, Any]] = lambda server: {}
    token: str = ""
    secrets: Mapping[str, str] = field(default_factory=dict)
    forgets: bool = False


def samples() -> list[Sample]:
    """Every SAMPLE of this folder."""
    names = sorted(module.name for module in pkgutil.iter_modules(__path__))
    return [importlib.import_module(f"{__name__}.{name}").SAMPLE for name in names]
