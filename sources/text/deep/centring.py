"""What makes vectors comparable across languages: each language's mean is taken off. Vectors tell languages apart too,
one engine's more than things."""

from __future__ import annotations

from array import array
from collections.abc import Mapping, Sequence
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
    nowhere: Any = np.mean(list(learnt.values()), axis=0) if learnt else np.zeros(engine.dimension, np.float32)
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


def likeness(bodies: Sequence[bytes], languages: Sequence[str], sought: Any, means: Mapping[str, Any]) -> Any:
    """The cosine of each, as it is kept, to the likest of the (centred) vectors `sought`. The same as `centred` of all
    and a product, (u - m) s / |u - m|, but without writing them out: |u - m|^2 = 1 - 2 u m + m m."""
    import numpy as np

    size = sought.shape[1]
    there = np.array([len(body) == size and any(body) for body in bodies])
    whole = b"".join(body if len(body) == size else bytes(size) for body in bodies)
    raw = np.frombuffer(whole, np.int8).reshape(-1, size).astype(np.float32)
    names = list(means)
    centre = np.stack([means[name] for name in names]).astype(np.float32)
    places = {name: place for place, name in enumerate(names)}
    own = np.array([places.get(language, places[""]) for language in languages])
    products = raw @ np.concatenate([sought, centre]).T
    products /= np.sqrt(np.maximum(np.einsum("ij,ij->i", raw, raw), 1))[:, None]
    to_own = products[np.arange(len(raw)), len(sought) + own]
    apart = np.sqrt(np.maximum(1 - 2 * to_own + (centre * centre).sum(1)[own], 1e-9))
    near = (products[:, : len(sought)] - (centre @ sought.T)[own]) / apart[:, None]
    return np.where(there, near.max(1), -1.0)
