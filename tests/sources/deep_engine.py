"""An engine of deep reading for tests, put in by the public door: a few things that are said in several languages are a
direction each, so that translations lie close by. Its texts are written down, so that a test sees what was computed."""

from __future__ import annotations

import json
import lzma
import os
from pathlib import Path
from typing import Any

import pytest

from sources import encoder
from sources.text.deep import engines
from sources.text.deep.engines import Encode, Engine

THINGS = (
    ("refund", "erstattung", "rambursare", "rimborso"),
    ("login", "anmeldung", "autentificare", "accesso"),
    ("parcel", "paket", "colet", "pacco"),
    ("bill", "rechnung", "factura", "fattura"),
    ("splendid",),
    ("dreadful",),
)
LOG, TOKEN = "EARFUL_TEST_ENCODED", "EARFUL_TEST_TOKEN"
MISSING = "deep reading cannot be tested: numpy is missing; pip install 'earful[test]'"


def load(folder: Path) -> Encode:
    import numpy as np

    assert TOKEN not in os.environ, "the process of an engine knows a token"

    def encode(texts: list[str]) -> Any:
        if os.environ.get(LOG):
            with Path(os.environ[LOG]).open("a") as file:
                file.writelines(json.dumps(text) + "\n" for text in texts)
        found = np.zeros((len(texts), 32), np.float32)
        for row, text in enumerate(texts):
            for word in text.lower().split():
                thing = next((n for n, names in enumerate(THINGS) if word.strip(".,!?") in names), None)
                if thing is None:
                    found[row, 8 + sum(map(ord, word)) % 24] += 0.2
                else:
                    found[row, thing] += 1
        return found / np.maximum(np.linalg.norm(found, axis=1, keepdims=True), 1e-9)

    return encode


@pytest.fixture
def engine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Engine:
    """Installed as the only engine; `dreadful` is negative and `splendid` positive to it, in English."""
    np = pytest.importorskip("numpy", reason=MISSING)
    weights = np.zeros((32, 2))
    weights[5, 0] = weights[4, 1] = 20
    numbers = np.concatenate([weights.ravel(), np.zeros(2), np.zeros(32)]).astype("<f2")
    head = tmp_path / "head.bin"
    head.write_bytes(lzma.compress(json.dumps({"languages": ["en"]}).encode() + b"\n" + numbers.tobytes()))
    languages = frozenset({"en", "de", "it", "ro"})
    made = Engine(
        "test", "", "1", "tests", {}, "tests.sources.deep_engine:load", 32, languages, frozenset({"en"}), 0.5,
        head=str(head),
    )  # fmt: skip
    monkeypatch.setattr(engines, "ENGINES", {})
    monkeypatch.setenv(LOG, str(tmp_path / "encoded"))
    monkeypatch.setenv(TOKEN, "t0ken")
    monkeypatch.setattr(encoder, "KEPT_ENVIRONMENT", (*encoder.KEPT_ENVIRONMENT, LOG))
    engines.register(made)
    return made


def encoded(tmp_path: Path) -> list[str]:
    """What it was asked to encode, in order."""
    log = tmp_path / "encoded"
    return [json.loads(line) for line in log.read_text().splitlines()] if log.exists() else []
