"""Trains the sentiment model and writes `models/sentiment.bin`.

    python -m sources.text.training.sentiment DATA [--teacher FILE] [--bits 18] [--strength 4]

DATA is a folder of `sentiment_LANGUAGE_train.jsonl` (lines with `text`, `label` neg/neu/pos, `lang`) and, to look at,
`sentiment_LANGUAGE_val.jsonl`. Multinomial logistic regression by L-BFGS; the classes of a language count the same.
Each n-gram has a weight that all languages share and one of the language's own, both held near zero: a language with
few texts leans on the others. A share of the texts is learnt a second time without diacritics, as many people type.

FILE (an .npz, one array "LANGUAGE" of probabilities neg/neu/pos in the order of the training file) holds what a heavier
reader, which did not see the text, thinks of each one; half of the label is its word. `teacher.py` makes it.
"""

from __future__ import annotations

import argparse
import json
import lzma
import re
from collections import Counter
from itertools import pairwise
from pathlib import Path
from typing import Any
from zlib import crc32

import numpy as np
import scipy.sparse as sp
from scipy.optimize import minimize

from sources.text.grams import of_pair, of_word, tokens
from sources.text.lexicon import Spoken, lexicon
from sources.text.sentiment import LEARNT
from sources.text.signals import NAMES, signals
from sources.text.weights import WEIGHTS_FILE
from store.domain.words import fold

LABELS = {"neg": 0, "neu": 1, "pos": 2}
OWN = 0.7  # how free the weights of one language are against the shared ones
OWN_SIGNALS = 0.5
TEACHER_SHARE = 0.5
BARE_COPIES = {"ro": 3, "hu": 3, "vi": 3}  # one text in so many again without diacritics
BARE_USUALLY = 8
ITERATIONS = 80
LEAST_CODE = 8
_ESCAPE = re.compile(r"\\+u([0-9a-f]{4})|\\+(n|\")")


def texts(folder: Path, language: str, part: str) -> list[dict[str, str]]:
    file = folder / f"sentiment_{language}_{part}.jsonl"
    lines = [json.loads(line) for line in file.read_text("utf-8").split("\n") if line] if file.is_file() else []
    return [{"text": unescaped(line["text"]), "label": line["label"], "lang": language} for line in lines]


def unescaped(text: str) -> str:
    r"""Some sets hold \u2019 as six characters."""
    return _ESCAPE.sub(lambda found: chr(int(found[1], 16)) if found[1] else {"n": " "}.get(found[2], '"'), text)


def design(items: list[dict[str, str]], bits: int) -> Any:
    """One row a text: n-grams shared, n-grams own, signals shared, signals own, bias."""
    size, width, count = 1 << bits, len(NAMES), len(LEARNT)
    rows, columns, values = [], [], []
    word_hashes: dict[str, list[int]] = {}
    for row, item in enumerate(items):
        said = tokens(item["text"])
        hashes: Counter[int] = Counter()
        for token in said:
            if token not in word_hashes:
                word_hashes[token] = of_word(token)
            hashes.update(word_hashes[token])
        hashes.update(of_pair(first, second) for first, second in pairwise(said))
        scale = 1 / max(1, hashes.total()) ** 0.5
        at, seed = LEARNT.index(item["lang"]), crc32(item["lang"].encode())
        cells = [(number & size - 1, times * scale) for number, times in hashes.items()]
        cells += [(size + ((number ^ seed) & size - 1), times * scale * OWN) for number, times in hashes.items()]
        spoken = Spoken.of(item["text"])
        for index, value in enumerate(signals(spoken, item["lang"], lexicon(item["lang"]).find(spoken))):
            cells += [(2 * size + index, value), (2 * size + width * (at + 1) + index, OWN_SIGNALS * value)]
        cells.append((2 * size + width * (count + 1) + at, 1.0))
        rows += [row] * len(cells)
        columns += [column for column, _ in cells]
        values += [value for _, value in cells]
    shape = (len(items), 2 * size + width * (count + 1) + count)
    return sp.csr_matrix((np.array(values, np.float32), (rows, columns)), shape=shape)


def targets(items: list[dict[str, str]], teacher: dict[str, Any]) -> Any:
    """What each text should be, as weights of the three classes: balanced by language, half of it the teacher's."""
    wanted: Any = np.zeros((len(items), 3), np.float32)
    for language in LEARNT:
        mine = [row for row, item in enumerate(items) if item["lang"] == language]
        labels = [LABELS[items[row]["label"]] for row in mine]
        times = Counter(labels)
        for place, (row, label) in enumerate(zip(mine, labels, strict=True)):
            wanted[row, label] = len(mine) / len(times) / times[label]
            if language in teacher and place < len(teacher[language]):
                wanted[row] = (1 - TEACHER_SHARE) * wanted[row] + TEACHER_SHARE * teacher[language][place]
    return wanted


def fit(matrix: Any, wanted: Any, strength: float) -> Any:
    """The weights, features x 3."""
    turned, weight = matrix.T.tocsr(), wanted.sum(1, keepdims=True)

    def loss(flat: Any) -> tuple[float, Any]:
        now = flat.reshape(-1, 3)
        logits = matrix @ now
        logits -= logits.max(1, keepdims=True)
        logs = logits - np.log(np.exp(logits).sum(1, keepdims=True))
        slope = turned @ (weight * np.exp(logs) - wanted) + now / strength
        return float(-(wanted * logs).sum() + (now**2).sum() / 2 / strength), slope.ravel()

    start = np.zeros(matrix.shape[1] * 3)
    return minimize(loss, start, jac=True, method="L-BFGS-B", options={"maxiter": ITERATIONS}).x.reshape(-1, 3)


def report(logits: Any, items: list[dict[str, str]]) -> None:
    """Macro-F1 by language."""
    for language in LEARNT:
        mine = [row for row, item in enumerate(items) if item["lang"] == language]
        if mine:
            truth = np.array([LABELS[items[row]["label"]] for row in mine])
            guess = np.where(np.isin([0, 1, 2], truth), logits[mine], -np.inf).argmax(1)
            scores = [2 * ((truth == c) & (guess == c)).sum() / ((truth == c).sum() + (guess == c).sum())
                      for c in set(truth.tolist())]  # fmt: skip
            print(f"{language} {100 * sum(scores) / len(scores):.1f}", end="  ")
    print(flush=True)


def packed(learnt: Any, bits: int) -> bytes:
    """The file of `weights.py`: everything over neutral, bytes are the roots of weights, what is near zero left out."""
    size, width, count = 1 << bits, len(NAMES), len(LEARNT)
    over = learnt[:, [0, 2]] - learnt[:, [1]]
    tables = np.stack([over[:size, 0], OWN * over[size : 2 * size, 0], over[:size, 1], OWN * over[size : 2 * size, 1]])
    step = float(np.abs(tables).max()) / 127**2
    coded = (np.sign(tables) * np.rint(np.sqrt(np.abs(tables) / step))).astype(np.int8)
    coded[np.abs(coded) < LEAST_CODE] = 0
    shared, own = over[2 * size : 2 * size + width], over[2 * size + width :]
    by_language = {
        name: (shared + OWN_SIGNALS * own[at * width : (at + 1) * width]).round(4).tolist()
        for at, name in enumerate(LEARNT)
    }
    bias = {name: over[2 * size + width * (count + 1) + at].round(4).tolist() for at, name in enumerate(LEARNT)}
    about = {"bits": bits, "step": step, "signals": by_language, "bias": bias}
    return lzma.compress(json.dumps(about).encode() + b"\n" + coded.tobytes(), preset=9)


def with_bare(items: list[dict[str, str]]) -> list[dict[str, str]]:
    """The texts, and behind them some again without diacritics."""
    again = [
        {**item, "text": fold(item["text"])}
        for item in items
        if crc32(item["text"].encode()) % BARE_COPIES.get(item["lang"], BARE_USUALLY) == 0
    ]
    return items + again


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("data", type=Path)
    parser.add_argument("--teacher", type=Path)
    parser.add_argument("--bits", type=int, default=18)
    parser.add_argument("--strength", type=float, default=4.0)
    parser.add_argument("--rehearse", action="store_true", help="keep every seventh text of languages without _val")
    given = parser.parse_args()
    train, look = [], []
    for language in LEARNT:
        mine, val = texts(given.data, language, "train"), texts(given.data, language, "val")
        if given.rehearse and not val:
            mine, val = [item for n, item in enumerate(mine) if n % 7], mine[::7]
        train += mine
        look += val
    teacher = dict(np.load(given.teacher)) if given.teacher else {}
    train = with_bare(train)
    learnt = fit(design(train, given.bits), targets(train, teacher), given.strength)
    if look:
        report(design(look, given.bits) @ learnt, look)
        bare = [{**item, "text": fold(item["text"])} for item in look]
        report(design(bare, given.bits) @ learnt, bare)
    if not given.rehearse:
        WEIGHTS_FILE.write_bytes(packed(learnt, given.bits))
        print(f"{WEIGHTS_FILE}: {WEIGHTS_FILE.stat().st_size:,} bytes")


if __name__ == "__main__":
    main()
