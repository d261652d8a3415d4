"""Hosts that are not what they read as, and authors who could be taken for us; and nobody else."""

from __future__ import annotations

import time

import pytest

from sources.text.lookalikes import deceptive, looks_like, own_names, revealed, spelled
from store.domain.desk import Desk, Role, SourceConfig, Watch
from tests.hostile import PAYLOADS

OURS = ("acme_support", "@acme@mastodon.social", "acmecloud.bsky.social", "Acme Cloud", "acme")
SPOOFS = [
    # letters of other scripts
    *("аcme", "acmе", "асme", "асmе", "αcme", "acｍe", "𝐚𝐜𝐦𝐞", "ａｃｍｅ", "ⓐⓒⓜⓔ", "ᴀᴄᴍᴇ", "аСМЕ", "acmℯ"),
    # signs that read as letters
    *("acrne", "4cme", "acm3", "acme_", "_acme_", "a.c.m.e", "ac-me", "ACMÉ", "àcme", "açme", "acmẹ"),
    # a name with what a desk adds to it
    *("acme_help", "AcmeOfficial", "realacme", "the_acme", "acmе_support", "acme-support", "acmesupport", "acme.care"),
    *("acme_customer_service", "acme_verified", "acme_refunds", "acme_billing", "acme0fficial", "acme_suppоrt"),
    # our name on another server
    *("acme@mastodon.soсial", "acme@evil.example", "@acme@mastodon.socal", "acrne@mastodon.social"),
    *("acmecIoud.bsky.social", "acmeclоud", "acmedoud.bsky.social"),
]
SPOKEN_NAMES = [("ana_1984", "Acme Support"), ("x9", "Аcme Cloud"), ("user22", "ACME official"), ("help", "acmе")]
GIVEN_AND_FAMILY = {
    "Romanian": ("Ștefan Ioana Răzvan Mădălina Țepeș", "Popescu Ionescu Brâncuși Țiriac Năstase"),
    "German": ("Jürgen Björn Käthe Heiß Anneliese", "Müller Weiß Größe Schäfer Köhler"),
    "Vietnamese": ("Nguyễn Trần Phạm Huỳnh Đặng", "Thị Văn Hương Quốc Diễm"),
    "Italian": ("Niccolò Chiara Giosuè Ilaria Cesare", "Rossi Esposito D'Amico Cacciari Camerino"),
    "Hungarian": ("Győző Árpád Zsófia Eörs Ildikó", "Nagy Szűcs Kőszegi Dömötör Acsády"),
    "Russian": ("Анастасия Сергей Оксана Роман Ася", "Смирнов Кузнецова Орехов Соколов Хасаева"),
    "Ukrainian": ("Олена Їжак Євген Соломія Тарас", "Шевченко Ґалаґан Мельник Сорока Кравець"),
    "Bulgarian": ("Георги Цветелина Асен Росица Христо", "Иванов Петрова Стоянов Хаджиев Сърбов"),
    "Greek": ("Γιώργος Ελένη Άννα Νίκος Ακάμας", "Παπαδόπουλος Νικολάου Αλεξίου Μακρής Ακμέ"),
    "Turkish": ("Işıl Çağrı Gökçe Ömer Şükrü", "Yılmaz Kılıç Öztürk Aydın Çelik"),
    "Polish": ("Łukasz Żaneta Stanisław Świętosława Ewa", "Wałęsa Kowalczyk Żółć Dąbrowski Acewicz"),
    "Czech": ("Jiří Božena Řehoř Šárka Ondřej", "Dvořák Svoboda Čapek Němcová Hůlka"),
    "Icelandic": ("Þórður Æsa Guðrún Björk Ásgeir", "Jónsdóttir Sigurðsson Guðmundsdóttir Þórsson Ægisson"),
    "French": ("Françoise Jérôme Noël Gaëlle Aimée", "Lefèvre Côté L'Œuvre Camus Acier"),
    "Spanish": ("Íñigo Begoña José María Acisclo", "Muñoz Peña Ibáñez Acevedo Güell"),
    "Arabic": ("محمد فاطمة يوسف أحمد عائشة", "الحسن المصري بغدادي العلي حداد"),
    "Hebrew": ("משה רחל יעקב שרה נועם", "כהן לוי מזרחי פרץ ביטון"),
    "Hindi": ("अनिल प्रिया राजेश सुनीता विक्रम", "शर्मा पटेल सिंह गुप्ता वर्मा"),
    "Japanese": ("太郎 さくら ケンジ 美咲 ひろし", "佐藤 鈴木 たかはし タナカ 渡辺"),
    "Korean": ("민수 지영 현우 서연 준호", "김철 이순 박하 최강 정우"),
}
HONEST = [
    f"{given} {family}"
    for first, last in GIVEN_AND_FAMILY.values()
    for given in first.split()
    for family in last.split()
]


@pytest.mark.parametrize("handle", SPOOFS)
def test_a_handle_that_could_be_taken_for_ours_is_told(handle: str) -> None:
    assert looks_like(handle, "", OURS)


def test_so_is_a_name() -> None:
    assert all(looks_like(handle, name, OURS) for handle, name in SPOKEN_NAMES)


def test_nobody_else_is_suspected() -> None:
    handles = [name.casefold().replace(" ", glue) for name in HONEST for glue in ("", "_", ".")]
    assert len(HONEST) == 500
    assert [name for name in HONEST if looks_like("someone", name, OURS)] == []
    assert [handle for handle in handles if looks_like(handle, "", OURS)] == []
    near = [
        "acme_fan",
        "acne",
        "ace",
        "came",
        "acmeclouds",
        "macme",
        "acmehater",
        "Acme Anvils",
        "help",
        "support",
        "",
        ".",
    ]
    assert [one for one in near if looks_like(one, one, OURS)] == []


def test_we_are_not_our_own_double() -> None:
    """As far as anybody can tell: the very name, or the very account."""
    for handle in ("acme_support", "ACME", "@acme@mastodon.social", "acmecloud.bsky.social"):
        assert not looks_like(handle, "", OURS)
    desk = Desk(
        name="Acme",
        watches=(Watch("acme cloud", "acme"), Watch("rival", "rival", role=Role.COMPETITOR)),
        sources=(SourceConfig("bluesky", "b", options={"handle": "acme.bsky.social"}),),
    )
    assert own_names(desk) == ("acme.bsky.social", "Acme", "acme cloud")
    assert looks_like("rivаl", "", own_names(desk)) == ""


DECEIVING = {
    "https://аpple.com/login": "xn--pple-43d.com",
    "see сосо.com, now": "xn--n1aahb.com",
    "http://gооgle.com": "xn--ggle-55da.com",
    "paypаl.com/x": "xn--paypl-7ve.com",
    "https://ａcme.example": "acme.example",
    "https://bank.example⁄login.evil.test/": "bank.xn--examplelogin-xk0g.evil.test",
    "https://bank.example@evil.test/x": "evil.test",
    "https://user:pa%20ss@evil.test:8443": "evil.test",
    "ɡithub.com": "xn--ithub-qmc.com",
    "apple.com <https://аpple.com>": "xn--pple-43d.com",
}


@pytest.mark.parametrize("text", DECEIVING)
def test_what_a_host_really_is_stands_beside_it(text: str) -> None:
    assert f"[{DECEIVING[text]}]" in revealed(text)


def test_an_honest_host_is_left_alone() -> None:
    labels = [label.casefold().replace("'", "") for first, last in GIVEN_AND_FAMILY.values() for label in last.split()]
    local = {"Russian": "рф", "Ukrainian": "укр", "Bulgarian": "бг", "Greek": "ελ", "Turkish": "com.tr"}
    hosts = [
        f"https://{label.casefold()}.{local.get(language, 'com')}/x"
        for language, (_, last) in GIVEN_AND_FAMILY.items()
        for label in last.replace("'", "").split()
    ]
    hosts += [f"www.{label}.info" for label in labels if not label.isascii() and "ı" not in label]
    told = [
        "Привет.Как дела? iPhone.Доволен очень",
        "z.B. Größe.Das",
        "ana@bücher.de",
        "5.5 г/см",
        "это всё.Тут",
        "…",
        "日本語.jpです",
    ]
    assert [text for text in hosts + told if revealed(text) != text] == []


def test_long_and_hostile_texts_cost_little() -> None:
    texts = [
        *PAYLOADS.values(),
        "é@" + "-" * 65_000,
        "é" + "a." * 32_000,
        "https://é" * 8_000,
        "é@." * 20_000,
        "а.com " * 9_000,
    ]
    began = time.process_time()
    for text in texts:
        revealed(text)
        deceptive(text)
        spelled(text[:300])
        looks_like(text[:300], text[:300], OURS)
    assert time.process_time() - began < 5
