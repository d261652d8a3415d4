from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest

from sources.text.language import by_langdetect, detect
from store.domain.words import fold

SAID = {
    "en": ["the new update is great, thank you so much", "why can't I open my files since yesterday?"],
    "ro": ["nu mai pot intra în cont de azi dimineață", "mulțumesc mult, ați rezolvat foarte repede"],
    "de": ["ich kann mich seit heute früh nicht mehr anmelden", "vielen Dank, das hat sehr gut geklappt"],
    "it": ["non riesco più ad aprire i miei file da ieri", "grazie mille, avete risolto subito il problema"],
    "es": ["no puedo abrir mis archivos desde ayer por la tarde", "muchas gracias, lo han arreglado muy rápido"],
    "hu": ["tegnap óta nem tudom megnyitni a fájljaimat", "köszönöm szépen, nagyon gyorsan megoldották"],
    "vi": ["mình không mở được file từ hôm qua đến giờ", "cảm ơn nhiều, các bạn hỗ trợ rất nhanh"],
    "fr": ["je ne peux plus ouvrir mes fichiers depuis hier"],
    "pt": ["não consigo mais abrir os meus arquivos desde ontem"],
    "pl": ["od wczoraj nie mogę otworzyć swoich plików"],
    "nl": ["ik kan sinds gisteren mijn bestanden niet meer openen"],
    "tr": ["dünden beri dosyalarımı açamıyorum, lütfen yardım edin"],
    "ru": ["со вчерашнего дня не могу открыть свои файлы"],
    "uk": ["від учора не можу відкрити свої файли"],
    "ja": ["昨日からファイルが開けません"],
    "zh": ["从昨天开始我打不开我的文件"],
    "ko": ["어제부터 파일을 열 수 없습니다"],
    "th": ["เปิดไฟล์ไม่ได้ตั้งแต่เมื่อวาน"],
    "el": ["δεν μπορώ να ανοίξω τα αρχεία μου"],
    "he": ["אני לא מצליח לפתוח את הקבצים שלי"],
    "ar": ["لا أستطيع فتح ملفاتي منذ أمس"],
    "hi": ["मैं कल से अपनी फ़ाइलें नहीं खोल पा रहा हूँ"],
}
BARE = ("ro", "de", "it", "es", "hu", "vi", "fr", "pt")


@pytest.mark.parametrize("language", SAID)
def test_languages(language: str) -> None:
    assert [detect(text) for text in SAID[language]] == [language] * len(SAID[language])


@pytest.mark.parametrize("language", BARE)
def test_typed_without_diacritics(language: str) -> None:
    assert [detect(fold(text)) for text in SAID[language]] == [language] * len(SAID[language])


@pytest.mark.parametrize("text", ["", "ok", "👍👍👍", "12 34", "@ana https://example.org/the/way/to/go", "#1 :)"])
def test_too_little_to_tell(text: str) -> None:
    assert detect(text) == "und"


def test_addresses_say_nothing() -> None:
    noise = "@the_best_of_all@social.example https://example.com/this/is/the/english/page "
    assert detect(noise + "nu mai merge nimic de ieri") == "ro"


def test_the_tag_of_the_network_decides_near_ties_only() -> None:
    assert detect("nu mai pot intra în cont de azi dimineață", "en") == "ro"
    assert detect("Marta photo", "it-IT") == "it"
    assert detect("Marta photo", "es") == "es"


def test_threads_agree() -> None:
    texts = [text for group in SAID.values() for text in group] * 20
    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(detect, texts)) == [detect(text) for text in texts]


@pytest.mark.parametrize("text", ["acme", "Acme", "nimbari drive", "pdf"])
def test_a_name_is_in_no_language(text: str) -> None:
    assert detect(text) == "und"


def test_the_desk_may_name_its_languages() -> None:
    assert detect("ik kan niet meer inloggen", allowed=("de", "nl")) == "nl"
    assert detect("ik kan niet meer inloggen", allowed=("de", "en")) in ("de", "en", "und")
    assert detect("со вчерашнего дня не могу открыть свои файлы", allowed=("de", "en")) == "und"
    assert detect("Marta photo", "it", allowed=("de", "es")) != "it"


def test_capitals_alone_are_words_too() -> None:
    assert detect("NU MAI MERGE NIMIC DE IERI") == "ro"


def test_bare_langdetect_stays_selectable_and_always_says_the_same() -> None:
    said = [text for group in SAID.values() for text in group]
    assert [by_langdetect(text) for text in said] == [by_langdetect(text) for text in said]
    assert by_langdetect("ich kann mich seit heute früh nicht mehr anmelden") == "de"
    assert by_langdetect("ok") == by_langdetect("@ana https://example.org/a") == "und"


def test_the_order_of_texts_makes_no_difference() -> None:
    said = [text for group in SAID.values() for text in group]
    assert [detect(text) for text in reversed(said)][::-1] == [detect(text) for text in said]
