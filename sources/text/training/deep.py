"""Trains the sentiment layer of an engine of deep reading and writes its file in `models`.

    python -m sources.text.training.deep DATA ENGINE [--most N] [--most-of ro=1100 ...] [--vectors FOLDER] [--rehearse]

DATA is the folder that `sentiment.py` learns from; only its training parts are read. The slow engine need not read
them all: at most N of a language, drawn at random with a seed; their vectors are kept in FOLDER. Multinomial
logistic regression as there: weights that all languages share and, held more tightly, each language's own.
"""

from __future__ import annotations

import argparse
import json
import lzma
import random
from pathlib import Path
from typing import Any

import numpy as np
import scipy.sparse as sp

from sources.text.deep.engines import ENGINES, Engine
from sources.text.deep.head import FOLDER
from sources.text.deep.vectors import plain
from sources.text.training.sentiment import LABELS, fit, report, targets, texts

OWN = 0.3
STRENGTH = 0.005
BIAS = 3.0
A_BATCH = 64


def sample(folder: Path, language: str, most: int) -> list[dict[str, str]]:
    items = texts(folder, language, "train")
    random.Random(7).shuffle(items)
    return items[:most]


def vectors(engine: Engine, name: str, items: list[dict[str, str]], kept: Path | None) -> Any:
    file = kept / f"{engine.name}-{name}-{len(items)}.npy" if kept else None
    if file is not None and file.is_file():
        return np.load(file).astype(np.float32)
    encode, said = engine.encoder(), [plain("", item["text"]) for item in items]
    parts = [encode(said[at : at + A_BATCH]) for at in range(0, len(said), A_BATCH)]
    whole = np.concatenate(parts).astype(np.float16)
    if file is not None:
        np.save(file, whole)
    print(f"{name}: {len(items)} texts", flush=True)
    return whole.astype(np.float32)


def design(meaning: Any, items: list[dict[str, str]], languages: list[str]) -> Any:
    """One row a text: the vector, the vector again in its language's place, the language."""
    size = meaning.shape[1]
    wide = meaning * np.float32(size**0.5)
    blocks = [sp.csr_matrix(wide)]
    which = np.array([languages.index(item["lang"]) for item in items])
    for place in range(len(languages)):
        blocks.append(sp.diags((which == place) * OWN) @ blocks[0])
    blocks.append(sp.csr_matrix((np.full(len(items), BIAS), (np.arange(len(items)), which))))
    return sp.hstack(blocks).tocsr()


def packed(learnt: Any, languages: list[str], size: int, means: Any) -> bytes:
    over = learnt[:, [0, 2]] - learnt[:, [1]]
    blocks = over[: size * (len(languages) + 1)].reshape(-1, size, 2)
    weights = (blocks[0] + OWN * blocks[1:]) * size**0.5
    bias = BIAS * over[size * (len(languages) + 1) :]
    numbers = np.concatenate([weights.ravel(), bias.ravel(), means.ravel()]).astype("<f2")
    return lzma.compress(json.dumps({"languages": languages}).encode() + b"\n" + numbers.tobytes(), preset=9)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("data", type=Path)
    parser.add_argument("engine", choices=[name for name, engine in ENGINES.items() if engine.head])
    parser.add_argument("--most", type=int, default=10_000)
    parser.add_argument("--most-of", nargs="*", default=[], metavar="LANGUAGE=N", help="another N for a language")
    parser.add_argument("--vectors", type=Path)
    parser.add_argument("--rehearse", action="store_true", help="learn from six sevenths, look at the seventh")
    given = parser.parse_args()
    engine = ENGINES[given.engine]
    languages = sorted(engine.feels)
    most = dict.fromkeys(languages, given.most) | {name: int(n) for name, n in (of.split("=") for of in given.most_of)}
    by_language = {name: sample(given.data, name, most[name]) for name in languages}
    meaning = np.concatenate([vectors(engine, name, items, given.vectors) for name, items in by_language.items()])
    items = [item for name in languages for item in by_language[name]]
    means = np.stack([meaning[[item["lang"] == name for item in items]].mean(0) for name in languages])
    matrix, wanted = design(meaning, items, languages), targets(items, {})
    seen = np.arange(len(items)) % 7 != 0 if given.rehearse else np.ones(len(items), bool)
    learnt = fit(matrix[seen], wanted[seen], STRENGTH)
    if given.rehearse:
        report(matrix[~seen] @ learnt, [item for item, known in zip(items, seen, strict=True) if not known])
        return
    file = FOLDER / engine.head
    file.write_bytes(packed(learnt, languages, engine.dimension, means))
    print(f"{file}: {file.stat().st_size:,} bytes; labels {', '.join(LABELS)}")


if __name__ == "__main__":
    main()
