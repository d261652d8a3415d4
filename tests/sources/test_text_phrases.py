from __future__ import annotations

from sources.text.phrases import phrases, topics

LOGIN = [
    ("en", "can't log in to acme since this morning"),
    ("ro", "nu mă pot loga în acme de azi dimineață"),
    ("de", "kann mich bei acme nicht mehr einloggen"),
    ("it", "non riesco ad accedere ad acme da ore"),
    ("es", "no puedo iniciar sesión en acme desde ayer"),
    ("hu", "nem tudok bejelentkezni az acme fiókba"),
    ("vi", "không đăng nhập được acme từ sáng"),
]


def test_phrases_have_content_at_both_ends() -> None:
    found = [
        phrase.key for phrase in phrases("the rotor blade of my acme broke again, see https://example.org/x @ana", "en")
    ]
    assert {"rotor blade", "rotor"} <= set(found)
    assert not [phrase for phrase in found if phrase.split()[0] in {"the", "of", "my"} or "example" in phrase]
    assert found.index("rotor blade") < found.index("rotor")
    assert "broke again see" not in found


def test_a_topic_is_the_same_in_all_languages() -> None:
    assert [language for language, text in LOGIN if topics(text, language)[:1] != ["login"]] == []
    assert topics("the login page got a new colour", "en") == []
