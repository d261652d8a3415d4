from __future__ import annotations

import time

import pytest
from hypothesis import given, settings

from sources.text.reading import VERSION, read
from sources.text.sentiment import sentiment
from store.domain.words import fold
from tests.hostile import PAYLOADS, hostile_text

BAD = {
    "en": ["The app keeps crashing, this is unacceptable", "still waiting for my refund, nobody answers"],
    "ro": ["sunt foarte dezamăgit, nu mai merge nimic", "bătaie de joc, nu răspunde nimeni"],
    "de": ["bin echt enttäuscht, seit dem Update geht nichts mehr", "Frechheit, keine Antwort vom Support"],
    "it": ["servizio pessimo, non funziona niente", "che vergogna, nessuno risponde da giorni"],
    "es": ["qué decepción, la app no funciona", "vergüenza de servicio, nadie contesta"],
    "hu": ["nagyon csalódott vagyok, semmi nem működik", "felháborító, senki nem válaszol"],
    "vi": ["thất vọng quá, app bị lỗi hoài", "bực mình ghê, không ai trả lời"],
}
GOOD = {
    "en": ["Love the new version, works perfectly", "thank you, great support!"],
    "ro": ["mulțumesc, totul merge perfect", "recomand cu drag, sunt foarte mulțumit"],
    "de": ["bin begeistert, läuft einwandfrei", "vielen Dank, super Service"],
    "it": ["ottimo servizio, lo consiglio", "grazie mille, siete fantastici"],
    "es": ["excelente servicio, lo recomiendo", "me encanta la nueva versión, gracias"],
    "hu": ["nagyon elégedett vagyok, tökéletesen működik", "köszönöm, szuper gyors volt"],
    "vi": ["rất hài lòng, app chạy mượt", "tuyệt vời, hỗ trợ nhiệt tình quá"],
}


@pytest.mark.parametrize("language", BAD)
def test_both_sides_in_each_language(language: str) -> None:
    assert [str(sentiment(text, language)[0]) for text in BAD[language]] == ["negative"] * 2
    assert [str(sentiment(text, language)[0]) for text in GOOD[language]] == ["positive"] * 2


@pytest.mark.parametrize("language", ["ro", "hu", "es", "it"])
def test_without_diacritics_too(language: str) -> None:
    assert [str(sentiment(fold(text), language)[0]) for text in BAD[language]] == ["negative"] * 2


def test_a_negation_turns_a_word_but_not_over_the_end_of_a_sentence() -> None:
    assert sentiment("nu sunt mulțumit", "ro")[0] == "negative"
    assert sentiment("nu. sunt mulțumit", "ro")[0] == "positive"
    assert sentiment("nie ein problem", "de")[0] == "positive"


def test_vietnamese_marks_make_the_word() -> None:
    """ "dở" is bad, "do" is by: whoever writes marks means them."""
    assert sentiment("món này dở", "vi")[0] == "negative"
    assert sentiment("do mình làm đó", "vi")[0] == "neutral"


def test_a_language_without_word_list_is_read_by_its_emoji() -> None:
    assert sentiment("это ужасно", "ru") == ("neutral", 0.0)
    assert sentiment("вот так 😡", "ru")[0] == "negative"


@pytest.mark.parametrize(
    ("text", "intent"),
    [
        ("How do I export my photos?", "question"),
        ("wo finde ich die Rechnung vom letzten Monat?", "question"),
        ("știe cineva cum se exportă pozele", "question"),
        ("the app keeps crashing, please fix this", "complaint"),
        ("nu mai merge logarea, ce faceți?", "complaint"),
        ("não consigo entrar, péssimo", "complaint"),
        ("thank you, works perfectly", "praise"),
        ("köszönöm, szuper lett", "praise"),
        ("it would be nice to have a dark mode", "request"),
        ("ar fi util să pot trimite un album", "request"),
        ("the office opens in Leeds on Monday", None),
    ],
)
def test_intent(text: str, intent: str | None) -> None:
    assert read("", text).intent == intent


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("you charged me twice, my lawyer will write to you", "legal: lawyer"),
        ("dacă nu primesc banii vă reclam la ANPC", "legal: anpc"),
        ("das Gerät ist explodiert, nie wieder", "safety: explodiert"),
        ("questa è una truffa, mi avete rubato i soldi", "fraud: truffa"),
        ("veo facturas de otros, esto es una fuga de datos", "data leak: facturas de otros"),
        ("mások számláit látom a fiókomban, felháborító", "data leak: mások számláit"),
        ("bị lừa đảo mất tiền, sẽ tố cáo", "fraud: lừa đảo"),
    ],
)
def test_a_crisis_is_shown_with_its_word(text: str, reason: str) -> None:
    found = read("", text)
    assert reason in found.reasons
    assert found.urgency >= 40


def test_urgency_adds_up_and_is_bounded() -> None:
    text = "this is a scam, your device caught fire, my lawyer and a journalist have the leaked data, worst company"
    calm, loud = read("", text), read("", text, followers=1_200_000)
    assert "1,200,000 followers" in loud.reasons
    assert loud.urgency == 100
    assert calm.urgency <= loud.urgency
    assert read("", "thank you, works perfectly", followers=1_200_000).urgency < 20
    assert read("", "the office opens in Leeds", followers=12).urgency == 0


def test_the_title_is_read_with_the_text() -> None:
    assert read("Terrible", "it does what the box says").sentiment == "negative"
    assert read("", "works").version == VERSION


@settings(max_examples=300, deadline=None)
@given(hostile_text())
def test_any_text_can_be_read(text: str) -> None:
    found = read(text[:20], text, followers=5)
    assert -1 <= found.score <= 1
    assert 0 <= found.urgency <= 100
    assert read(text[:20], text, followers=5) == found


def test_a_thousand_texts_take_seconds_and_a_long_one_a_moment() -> None:
    texts = [text for group in (BAD, GOOD) for said in group.values() for text in said] * 36
    began = time.process_time()
    for text in texts:
        read("", text)
    assert time.process_time() - began < 8
    began = time.process_time()
    for text in (PAYLOADS["long lines"], "but good " * 20_000, "!?" * 30_000, "😀😡" * 30_000):
        read("", text)
    assert time.process_time() - began < 4
