"""Which issue a mention joins by its vector, whatever its language: the one whose centre is nearest, if it is near.

Pure: the caller keeps the centres, as sums of unit vectors, and adds what joined; what is in an issue stays there. Each
language's mean is taken off first (`centred`): vectors tell languages apart too, one engine's more than things.
"""

from __future__ import annotations

from array import array
from collections.abc import Container, Mapping, Sequence
from typing import Any

from sources.text.deep.engines import Engine
from sources.text.deep.head import head
from sources.text.deep.vectors import unit

LEARNT = 50  # so many vectors of a language weigh as much as the mean that was learnt of it


def centres(engine: Engine, sums: Mapping[str, tuple[int, bytes]]) -> dict[str, Any]:
    """Each language's mean, by what the store has summed up (`store.vectors.sums`) and what was learnt beforehand; ""
    is the mean of a language of which nothing is known."""
    import numpy as np

    layer = head(engine)
    learnt = dict(layer.means) if layer else {}
    nowhere = np.mean(list(learnt.values()), axis=0) if learnt else np.zeros(engine.dimension, np.float32)
    found = {**learnt, "": nowhere}
    for language, (count, body) in sums.items():
        total = np.array(array("f", body), np.float32)
        found[language] = (total + LEARNT * found.get(language, nowhere)) / (count + LEARNT)
    return found


def centred(vectors: Any, languages: Sequence[str], means: Mapping[str, Any]) -> Any:
    """Unit vectors, one a row, that can be compared across languages."""
    import numpy as np

    there = np.any(vectors, axis=1, keepdims=True)  # a text without words is nowhere
    return unit(vectors - np.stack([means.get(language, means[""]) for language in languages])) * there


def joined(engine: Engine, vector: Any, issues: Mapping[int, Any], abroad: Container[int] = ()) -> int | None:
    """The issue to join: `issues` are the sums of the (centred) vectors of what is in each, `abroad` those of them that
    have no mention of this language. None where none is near enough. Of two that are as near, the older one."""
    import numpy as np

    if not issues or not vector.any():
        return None
    ids = sorted(issues)
    near = unit(np.stack([issues[number] for number in ids])) @ vector
    best = int(near.argmax())
    return ids[best] if near[best] >= (engine.abroad if ids[best] in abroad else engine.joins) else None
