"""The reading of text: texts a CPU second, against bare langdetect."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime

from sources.demo import world
from sources.text import language, match, phrases, reading, sentiment
from store.domain.query import parse
from tests import factories

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)


def main(count: int = 2_000) -> None:
    from langdetect import DetectorFactory, detect

    DetectorFactory.seed = 0
    said = [text for mention in world(NOW).mentions if (text := mention.text or mention.title) and text[0].isalpha()]
    texts = [said[n % len(said)] for n in range(count)]
    matches = match.compile(parse('"nimbari drive" OR nimbari~1 NOT (nimbari NEAR/3 anvil)'))
    steps: dict[str, Callable[[str], object]] = {
        "bare langdetect": detect,
        "language": language.detect,
        "sentiment": lambda text: sentiment.sentiment(text, "en"),
        "phrases": lambda text: phrases.phrases(text, "en"),
        "matching one watch": lambda text: matches(match.document(factories.read_mention(text), source="demo")),
        "the whole reading": lambda text: reading.read("", text, hint="", followers=None),
    }
    bare = 0.0
    for name, step in steps.items():
        step(texts[0])
        start = time.process_time()
        for text in texts:
            step(text)
        speed = count / (time.process_time() - start)
        bare = bare or speed
        print(f"{name:22} {speed:9,.0f} texts a CPU second {speed / bare:7.1f} x bare langdetect")


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
