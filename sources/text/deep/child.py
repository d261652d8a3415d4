"""A process that turns texts into vectors, so that nobody else waits: one JSON list of texts a line on standard input,
their vectors as float32 on standard output, row after row.

    python -m sources.text.deep.child ENGINE NICE

ENGINE is JSON: the fields of an Engine. It ends with its standard input, and with code 2 and one line on standard
error where the engine cannot be used. NICE lowers its priority, by 0 to 19.
"""

from __future__ import annotations

import json
import os
import signal
import sys
from contextlib import suppress

from sources.text.deep.engines import Engine
from store.domain.errors import BadInput


def main(said: str, nice: str) -> int:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl+C is for whoever started it
    with suppress(AttributeError, OSError):
        os.nice(int(nice))
    fields = json.loads(said)
    engine = Engine(**{**fields, "good_at": frozenset(), "feels": frozenset()})
    try:
        encode = engine.encoder()
    except BadInput as error:
        print(error, file=sys.stderr)
        return 2
    for line in sys.stdin.buffer:
        vectors = encode(json.loads(line))
        sys.stdout.buffer.write(vectors.astype("<f4").tobytes())
        sys.stdout.buffer.flush()
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
