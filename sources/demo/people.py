"""The invented people: about 500 of them, each at home on one network and in one language."""

from __future__ import annotations

from dataclasses import dataclass
from random import Random

from sources.demo.voices import LANGUAGES
from store.domain.mention import NewAuthor
from store.domain.words import fold

PEOPLE = 520
# Where the people of a language talk, and how much of everything is said there.
NETWORKS = {"mastodon": 30, "bluesky": 18, "reddit": 20, "appstore": 18, "hackernews": 6, "news": 8}
_ENGLISH_ONLY = ("hackernews",)
_FIRST = {
    "en": "Alice Ben Chloe Dan Ella Finn Grace Harry Isla Jack Kate Liam Megan Noah Olive Priya Rob Sam Tess Will",
    "de": "Anja Bernd Clara Dirk Eva Felix Greta Hannes Ines Jonas Katja Lukas Miriam Nils Petra Ralf Silke Timo Uta",
    "ro": "Andrei Bianca Ciprian Daria Elena Florin Gabi Horia Ioana Iulian Larisa Mihnea Oana Paul Radu Simona Ștefan",
    "it": "Alessia Bruno Chiara Davide Elisa Fabio Giorgia Luca Marta Nicola Paola Riccardo Sara Tommaso Valentina",
    "es": "Ainhoa Beatriz Carlos Diego Elena Fernando Gloria Hugo Inés Javier Lucía Mateo Nuria Pablo Rocío Sergio",
    "hu": "Ágnes Balázs Csilla Dániel Eszter Ferenc Gergő Hajni István Júlia Kata László Márton Nóra Péter Réka Zsolt",
    "vi": "An Bình Châu Dũng Giang Hà Hiếu Khánh Lan Long Mai Minh Nam Ngọc Phương Quân Sơn Thảo Trang Tuấn Vy",
}
_LAST = {
    "en": "Adler Brooks Carver Dunn Ellis Frost Gale Hayes Irving Kemp Lowe Marsh Nolan Pryce Quinn Reed Sloan Tate",
    "de": "Albers Brandt Diehl Ebert Frank Graf Huber Jansen Keller Lorenz Maurer Otto Peters Roth Seidel Vogt Weiß",
    "ro": "Albu Bălan Ciobanu Dobre Enache Florea Grigore Ilie Lupu Manole Neagu Oprea Pavel Rusu Stan Tudor Vlad",
    "it": "Amato Bellini Conti Ferri Galli Leone Marini Neri Orlando Parisi Rinaldi Sala Testa Villa Zanetti",
    "es": "Arias Blanco Campos Díaz Ferrer Gil Herrera Ibarra León Marín Nieto Ortiz Peña Ramos Soler Vega",
    "hu": "Balogh Csonka Deák Fekete Gál Hegedűs Juhász Kis Lakatos Molnár Orosz Pintér Rácz Simon Takács Veres",
    "vi": "Bùi Cao Đặng Đinh Đỗ Dương Hồ Hoàng Lê Lý Mai Ngô Nguyễn Phạm Phan Tạ Trần Trịnh Võ Vũ",
}
_PAPERS = {
    "en": ("Cloud Courier", "Byte Gazette"),
    "de": ("Netzkurier", "Digitalblatt"),
    "ro": ("Ziarul Digital", "Curierul IT"),
    "it": ("Corriere Digitale", "La Rete"),
    "es": ("Diario Digital", "La Nube Hoy"),
    "hu": ("Digitális Napló", "Felhő Hírek"),
    "vi": ("Nhật báo Số", "Tin Đám Mây"),
}
BIG_ACCOUNT = NewAuthor("outagewatch.example", "Outage Watch", "https://bsky.example/outagewatch", 1_200_000)


@dataclass(frozen=True, slots=True)
class Person:
    author: NewAuthor
    network: str
    language: str


def people(random: Random) -> list[Person]:
    """The whole town, the same for the same seed."""
    known: set[tuple[str, str]] = set()
    town: list[Person] = []
    while len(town) < PEOPLE:
        language = random.choices(list(LANGUAGES), list(LANGUAGES.values()))[0]
        network = random.choices(list(NETWORKS), list(NETWORKS.values()))[0]
        if network == "news" or (network in _ENGLISH_ONLY and language != "en"):
            continue
        person = _person(network, language, random)
        if (network, person.author.handle) not in known:
            known.add((network, person.author.handle))
            town.append(person)
    return town


def paper(language: str, random: Random) -> Person:
    """A newspaper of the language."""
    name = random.choice(_PAPERS[language])
    host = fold(name).replace(" ", "") + ".example"
    return Person(NewAuthor(host, name, f"https://{host}"), "news", language)


def _person(network: str, language: str, random: Random) -> Person:
    first, last = random.choice(_FIRST[language].split()), random.choice(_LAST[language].split())
    name = f"{last} {first}" if language in ("hu", "vi") else f"{first} {last}"
    short, long = fold(first), fold(last)
    handle = random.choice(
        [f"{short}{long}", f"{short}_{long}", f"{long}{random.randrange(10, 99)}", f"{short}.{long}"]
    )
    followers = int(random.lognormvariate(5.2, 1.6))
    if network == "mastodon":
        handle = (
            handle.replace(".", "_") + "@" + random.choice(["social.example", "fedi.example", f"{language}.example"])
        )
    elif network == "bluesky":
        handle = handle.replace("_", "-") + ".bsky.example"
    where = {
        "mastodon": "@",
        "bluesky": "profile/",
        "reddit": "user/",
        "hackernews": "user?id=",
        "appstore": "reviewer/",
    }
    url = f"https://{network}.example/{where[network]}{handle}"
    knows_audience = network in ("mastodon", "bluesky")
    return Person(NewAuthor(handle, name, url, followers if knows_audience else None), network, language)
