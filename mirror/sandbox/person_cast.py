"""The people around the synthetic person, and their contact records: family, colleagues, partners, friends, choir, services.

It draws names and numbers from the tables of `person_names`; it writes nothing.
"""

from __future__ import annotations

import base64
import random
import re
import unicodedata
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from itertools import accumulate
from typing import Any

from mirror.clock import text
from mirror.sandbox.person_files import avatar
from mirror.sandbox.person_names import CULTURES, FAMILY, NICKNAMES, OWN_COMPANY, PARTNERS, SERVICES, Company, Culture
from mirror.sandbox.person_year import Year

Record = dict[str, Any]

_LETTERS = str.maketrans({"ß": "ss", "ø": "oe", "Ø": "Oe", "ł": "l", "Ł": "L", "æ": "ae", "ı": "i", "đ": "d"})
_PRIVATE_HOSTS = ("mail.example.org", "post.example.net", "inbox.example.com", "web.example.net")
_VOICES = ("soprano", "alto", "tenor", "bass")
_NOTES = (
    "Met at the harbour festival, knows everything about knots.",
    "Allergic to nuts. Likes the window seat.",
    "Has our second key.",
    "Moved in spring, check the address before sending a card.",
    "Takes the 7:42 train most mornings.",
    "Two children, Ida and Bo.",
    "Prefers a call to a mail.",
    "Owes me {n} jam jars.",
)


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody to write to or to meet."""

    name: str
    called: str
    address: str | None
    circle: str
    culture: Culture = CULTURES["uk"]
    company: str | None = None
    role: str | None = None

    @property
    def mailbox(self) -> dict[str, str]:
        """As an EmailAddress record. Only for people who have an address."""
        return {"name": self.name, "address": self.address or ""}


class Cast:
    """Everybody, by circle; some are drawn far more often than others, as in life."""

    def __init__(self, me: Person, people: Iterable[Person]) -> None:
        self.me = me
        self.everybody = tuple(people)
        self._circles: dict[str, list[Person]] = {}
        for person in self.everybody:
            if person.address:
                self._circles.setdefault(person.circle, []).append(person)
        # Zipf: the first of a circle gets as many mails as the third to the sixth together.
        self._weights = {
            circle: tuple(accumulate(1 / (rank + 1.3) ** 1.15 for rank in range(len(members))))
            for circle, members in self._circles.items()
        }

    def circle(self, name: str) -> list[Person]:
        """Those of a circle who have an address."""
        return self._circles.get(name, [])

    def draw(self, circle: str, chance: random.Random) -> Person:
        """Somebody of that circle, or of any other where it is empty."""
        name = circle if circle in self._circles else next(iter(self._circles), "")
        if not name:
            return self.me
        return chance.choices(self._circles[name], cum_weights=self._weights[name])[0]

    def draw_several(
        self, circle: str, chance: random.Random, count: int, *, but: Iterable[Person] = ()
    ) -> list[Person]:
        """Up to `count` different people of a circle. Partners come from one company, and bring some of our own."""
        wanted = [self.draw(circle, chance)]
        same = [p for p in self.circle("partner") if p.company == wanted[0].company and p is not wanted[0]]
        if circle == "partner" and count > 1:
            wanted += chance.sample(same, k=min(len(same), max(1, count * 2 // 3)))
            circle = "team"
        wanted += [self.draw(circle, chance) for _ in range(count * 4)]
        left_out = {self.me.name, *(person.name for person in but)}
        return [person for person in dict.fromkeys(wanted) if person.name not in left_out][:count]


@dataclass(frozen=True, slots=True)
class Entry:
    """A line of the address book, and the person behind it, where it is one that writes."""

    person: Person | None
    record: Record


def address_book(year: Year, chance: random.Random, size: float) -> list[Entry]:
    """About 200 contacts at size 1, the awkward ones included."""
    book = _Book(year, chance)
    entries = list(book.family())
    entries += book.staff(OWN_COMPANY, "team", size)
    for company in PARTNERS:
        entries += book.staff(company, "partner", size)
    entries += [book.friend(number) for number in range(_scaled(43, size))]
    entries += [book.singer() for _ in range(_scaled(22, size))]
    entries += book.services()
    entries += book.firms(size)
    entries += book.doubles([entry for entry in entries if entry.person and entry.person.circle == "friend"], size)
    return entries


class _Book:
    """Draws people who are all called differently."""

    def __init__(self, year: Year, chance: random.Random) -> None:
        self.year = year
        self.chance = chance
        self.names: set[str] = set()

    def family(self) -> Iterator[Entry]:
        for given, family, who, address, birthday in FAMILY:
            name = f"{given} {family}"
            self.names.add(name)
            person = Person(name, given.split()[-1], address, "family", CULTURES["de"])
            record = self._record({"displayName": name, "givenName": given, "familyName": family}, "Family")
            record |= {
                "birthday": birthday,
                "notes": who.capitalize(),
                "phoneNumbers": [self._phone(person.culture, "mobile")],
            }
            if who in {"mother", "father", "mother-in-law", "father-in-law", "great-aunt"}:
                record["phoneNumbers"].append(self._phone(person.culture, "home"))
                record["addresses"] = [self._place(person.culture, "home")]
            if who == "husband":
                record["relations"] = [{"type": "spouse", "name": "Me"}]
            if address:
                record["emailAddresses"] = [{"address": address, "name": name, "type": "home"}]
            if who in {"husband", "daughter", "son", "mother"}:
                record |= self._photo()
            yield Entry(person, record)

    def staff(self, company: Company, circle: str, size: float) -> Iterator[Entry]:
        boss: str | None = None
        for number in range(_scaled(company.headcount, size)):
            key = self.chance.choice(company.cultures)
            culture = CULTURES[key]
            name, latin = self._name(culture)
            role = self.chance.choice(company.roles)
            address = f"{_local_part(latin)}@{company.domain}"
            person = Person(name["displayName"], name["givenName"], address, circle, culture, company.name, role)
            record = self._record(name, "Team" if circle == "team" else "Partners")
            record["company"] = {"name": company.name, "jobTitle": role, "officeLocation": company.office}
            record["emailAddresses"] = [{"address": address, "name": name["displayName"], "type": "work"}]
            record["phoneNumbers"] = [
                self._phone(culture, kind) for kind in self.chance.choice((("work",), ("work", "workMobile")))
            ]
            record["addresses"] = [self._place(culture, "work")] if number == 0 else []
            record["urls"] = [{"href": f"https://www.{company.domain}/", "type": "work"}] if number == 0 else []
            if boss:
                record["relations"] = [{"type": "manager", "name": boss}] if self.chance.random() < 0.5 else []
            boss = boss or name["displayName"]
            record |= self._photo() if self.chance.random() < (0.6 if circle == "team" else 0.15) else {}
            yield Entry(person, {field: value for field, value in record.items() if value != []})

    def friend(self, number: int) -> Entry:
        """From every country in turn; the first few have nicknames whatever the seed."""
        culture = tuple(CULTURES.values())[number % len(CULTURES)]
        name, latin = self._name(culture)
        has_address = self.chance.random() < 0.8
        address = f"{_local_part(latin, self.chance)}@{self.chance.choice(_PRIVATE_HOSTS)}" if has_address else None
        record = self._record(name, "Friends")
        record["phoneNumbers"] = [self._phone(culture, "mobile")]
        if address:
            record["emailAddresses"] = [{"address": address, "name": name["displayName"], "type": "home"}]
        if self.chance.random() < 0.7:
            record["addresses"] = [self._place(culture, "home")]
        if self.chance.random() < 0.6:
            record["birthday"] = (
                f"{self.chance.randint(1968, 1996)}-{self.chance.randint(1, 12):02d}-{self.chance.randint(1, 28):02d}"
            )
        if number < 3 or self.chance.random() < 0.24:
            record["nickName"] = NICKNAMES[number % len(NICKNAMES)]
        if self.chance.random() < 0.35:
            record["notes"] = self.chance.choice(_NOTES).format(n=self.chance.randint(2, 9))
        if self.chance.random() < 0.3:
            record |= self._photo()
        if self.chance.random() < 0.15:
            record["urls"] = [{"href": f"https://{_local_part(latin).replace('.', '-')}.example.org/", "type": "blog"}]
        return Entry(Person(name["displayName"], name["givenName"], address, "friend", culture), record)

    def singer(self) -> Entry:
        culture = CULTURES[self.chance.choice(("de", "de", "de", "uk", "pl", "fr", "es", "tr", "br"))]
        name, latin = self._name(culture)
        address = f"{_local_part(latin)}@{self.chance.choice(_PRIVATE_HOSTS)}" if self.chance.random() < 0.86 else None
        record = self._record(name, "Choir")
        record["notes"] = f"Choir, {self.chance.choice(_VOICES)}"
        record["phoneNumbers"] = [self._phone(culture, self.chance.choice(("mobile", "home")))]
        if address:
            record["emailAddresses"] = [{"address": address, "name": name["displayName"], "type": "home"}]
        return Entry(Person(name["displayName"], name["givenName"], address, "choir", culture), record)

    def services(self) -> Iterator[Entry]:
        for name, what, address in SERVICES:
            record = self._record({"displayName": name}, "Services")
            record |= {"company": {"name": name}, "notes": what, "phoneNumbers": [self._phone(CULTURES["de"], "work")]}
            if address:
                record["emailAddresses"] = [{"address": address, "type": "work"}]
            yield Entry(Person(name, name, address, "service", CULTURES["de"]), record)

    def firms(self, size: float) -> Iterator[Entry]:
        """Entries with a company and no person, as address books have them."""
        for company in PARTNERS[: _scaled(6, size)]:
            record: Record = {"fileAs": company.name, "company": {"name": company.name}, "keywords": ["Partners"]}
            record["phoneNumbers"] = [self._phone(CULTURES[company.cultures[0]], "companyMain")]
            record["emailAddresses"] = [{"address": f"office@{company.domain}", "type": "work"}]
            yield Entry(None, record | self._age())

    def doubles(self, friends: list[Entry], size: float) -> Iterator[Entry]:
        """The same people once more, from an old telephone: a bare name, another number."""
        for entry in friends[: _scaled(5, size)]:
            name = entry.record["name"]
            record: Record = {"name": {"displayName": name["displayName"], "givenName": name["displayName"]}}
            record["phoneNumbers"] = [self._phone(CULTURES["de"], "mobile")]
            if entry.person and entry.person.address and self.chance.random() < 0.5:
                record["emailAddresses"] = [{"address": entry.person.address.upper(), "type": "other"}]
            yield Entry(None, record | self._age())

    def _record(self, name: Record, keyword: str) -> Record:
        family, given = name.get("familyName"), name.get("givenName")
        file_as = f"{family}, {given}" if family else name["displayName"]
        return {"name": name, "fileAs": file_as, "keywords": [keyword], "hasPhoto": False} | self._age()

    def _age(self) -> Record:
        """When the entry was made and last touched: a moment in the last eight years, and one since."""
        days = self.chance.uniform(2, 8 * 365)
        touched = self.chance.uniform(1, days)
        created_at, changed_at = (self.year.now - timedelta(days=age) for age in (days, touched))
        return {"createdTime": text(created_at), "lastModifiedTime": text(changed_at)}

    def _name(self, culture: Culture) -> tuple[dict[str, str], str]:
        """A name that nobody else has, and its Latin spelling."""
        for attempt in range(1_000):
            given, given_latin, given_read = _spelled(self.chance.choice(culture.given))
            family, family_latin, family_read = _spelled(self.chance.choice(culture.family))
            if attempt > 30:
                # A small country has run out of people: somebody has married.
                second, second_latin, _ = _spelled(self.chance.choice(culture.family))
                family, family_latin = f"{family}-{second}", f"{family_latin} {second_latin}"
            shown = f"{family} {given}" if culture.family_first else f"{given} {family}"
            if shown not in self.names:
                break
        self.names.add(shown)
        name = {"displayName": shown, "givenName": given, "familyName": family}
        if given_read and family_read:
            name |= {"yomiGivenName": given_read, "yomiFamilyName": family_read}
        return name, f"{given_latin} {family_latin}"

    def _phone(self, culture: Culture, kind: str) -> dict[str, str]:
        # 555 keeps the numbers out of everybody's life.
        digits = f"{self.chance.randint(100, 999)} 555 {self.chance.randint(1000, 9999)}"
        return {"number": f"{culture.phone} {digits}", "type": kind}

    def _place(self, culture: Culture, kind: str) -> dict[str, str]:
        line = self.chance.choice(culture.cities)
        code = " ".join(word for word in line.split() if any(letter.isdigit() for letter in word))
        city = " ".join(word for word in line.split() if not any(letter.isdigit() for letter in word))
        street = self.chance.choice(culture.streets)
        number = self.chance.randint(1, 88)
        place = {"street": f"{street} {number}", "city": city, "country": culture.country, "type": kind}
        return place | ({"postalCode": code} if code else {})

    def _photo(self) -> Record:
        content = base64.b64encode(avatar(self.chance)).decode()
        photo = {"id": f"photo{self.chance.getrandbits(32):08x}", "name": "photo.png", "mimeType": "image/png"}
        return {"hasPhoto": True, "photo": photo | {"content": content}}


def _scaled(count: int, size: float) -> int:
    return max(1, round(count * size))


def _spelled(written: str) -> tuple[str, str, str | None]:
    parts = written.split("/")
    return parts[0], parts[1] if len(parts) > 1 else parts[0], parts[2] if len(parts) > 2 else None


def _local_part(latin: str, chance: random.Random | None = None) -> str:
    plain = unicodedata.normalize("NFKD", latin.translate(_LETTERS)).encode("ascii", "ignore").decode().lower()
    words = re.findall(r"[a-z]+", plain)
    if chance and chance.random() < 0.35:
        return f"{words[0]}{chance.randint(7, 99)}"
    return ".".join(words)
