"""The address book and the cards: all that is in a record, nothing that a stranger can make of it, and back as vCard."""

from __future__ import annotations

import json
import re
import sqlite3
from base64 import b64encode
from html import unescape
from pathlib import Path
from typing import Any

import pytest
from datasette.app import Datasette
from sandbox_wire import Transport
from web_demo import blank_mirror, browse, get, insert, pull

from mirror.clock import SystemClock
from mirror.formats import vcard, vcard_writing
from mirror.sandbox.app import create_app
from mirror.sandbox.load import load
from mirror.sandbox.options import Options
from mirror.sandbox.state import State
from mirror.sources.aurinko import Aurinko
from mirror.store import journal
from mirror.store.columns import CHILDREN, COLUMNS, derive
from mirror.store.connection import open_store
from mirror.web import contact_card

PNG = b"\x89PNG\r\n\x1a\n" + b"\x00" * 40
ADA = {
    "name": {"displayName": "Ada Lovelace", "givenName": "Ada", "familyName": "Lovelace", "prefix": "Countess"},
    "nickName": "Enchantress", "fileAs": "Lovelace, Ada", "birthday": "1815-12-10",
    "notes": "Likes <b>engines</b>\nand birds.",
    "company": {"name": "Analytical Engines", "jobTitle": "Programmer", "department": "Notes", "officeLocation": "Room G"},
    "relations": [{"name": "Charles", "type": "manager"}, {"name": "Byron"}], "keywords": ["Science", "Poets & sons"],
    "emailAddresses": [
        {"address": "Ada@Engines.test", "type": "work", "name": "A. L."}, {"address": "ada@home.test", "type": "home"},
    ],
    "phoneNumbers": [{"number": "+44 (0) 20-555 1", "type": "workMobile"}],
    "addresses": [
        {"street": "12 St James's Square", "city": "London", "postalCode": "SW1Y", "country": "UK", "type": "home", "poBox": "7"},
    ],
    "urls": [{"href": "https://engines.test/?a=1&b=2", "type": "homePage"}, {"href": "engines.test/ada", "type": "other"}],
    "nativeProperties": {"shoeSize": "37", "im": "xmpp:ada@engines.test"}, "favouriteNumbers": [7, {"n": 12}],
    "hasPhoto": True, "photo": {"id": "p", "mimeType": "image/svg+xml", "content": b64encode(PNG).decode()},
}  # fmt: skip


def contact(db: Path, fields: dict[str, Any] | str, **columns: Any) -> int:
    """A contact as a pull would store it."""
    raw = fields if isinstance(fields, str) else json.dumps(fields)
    derived = derive("contacts", json.loads(raw))
    values = dict(zip(COLUMNS["contacts"], derived.columns, strict=True)) | columns
    made = insert(db, "contacts", raw=raw, **values)
    conn = sqlite3.connect(db)
    with conn:
        for table, rows in derived.children.items():
            names = CHILDREN["contacts"][table]
            sql = f"INSERT INTO {table} ({', '.join(names)}) VALUES ({', '.join('?' * len(names))})"
            conn.executemany(sql, [(made, *row) for row in rows])
    conn.close()
    return made


@pytest.fixture
def db(quick_path: Path) -> Path:
    """Two accounts and nothing else."""
    path = blank_mirror(quick_path)
    insert(path, "accounts", id=1, name="work", email="me@work.test")
    insert(path, "accounts", id=2, name="home", email="me@home.test")
    return path


@pytest.fixture(scope="module")
def demo(demo_home: Path) -> Datasette:
    return browse(demo_home / "mirror.db")


def shown(page: str) -> str:
    """The text of a page's content, in one line."""
    main = page[page.index("<main") : page.index('<div class="beneath">') if '<div class="beneath">' in page else None]
    return " ".join(unescape(re.sub(r"<[^>]+>", " ", main)).split())


def names(page: str) -> list[str]:
    return [unescape(name) for name in re.findall(r'class="record"[^>]*>([^<]*)</a>', page)]


# --- the card -----------------------------------------------------------------------------------------------------------


def test_a_card_shows_every_field_with_its_type(db: Path) -> None:
    text = shown(get(browse(db), f"/contacts/{contact(db, ADA)}", at="2026-06-01").text)

    for said in (
        "Ada Lovelace", "Programmer, Analytical Engines", "“Enchantress”", "Science", "Poets & sons",
        "Ada@Engines.test work A. L.", "ada@home.test home", "+44 (0) 20-555 1 work mobile",
        "12 St James's Square P.O. box 7 SW1Y London UK home",
        "https://engines.test/?a=1&b=2 home page", "10 Dec 1815", "Notes Department", "Room G Office", "Charles manager", "Byron",
        "Countess Title", "Lovelace, Ada Filed as", "37 shoeSize", "xmpp:ada@engines.test im", "7, n: 12 favouriteNumbers",
        "Likes <b>engines</b> and birds.",
    ):  # fmt: skip
        assert said in text


def test_addresses_numbers_and_web_addresses_of_a_card_lead_where_they_should(db: Path) -> None:
    page = get(browse(db), f"/contacts/{contact(db, ADA)}").text

    assert 'href="/people/ada@engines.test"' in page
    assert 'href="tel:+440205551"' in page
    assert 'href="https://engines.test/?a=1&amp;b=2" dir="auto" rel="noopener noreferrer"' in page
    assert 'href="https://engines.test/ada"' in page


HOSTILE = [
    "javascript:alert(1)", " JaVaScRiPt:alert(1)", "java\tscript:alert(1)", "data:text/html,<script>alert(1)</script>",
    "vbscript:x", "//evil.test/x", "file:///etc/passwd", "https:evil", "\u0001javascript:alert(1)", "https://a.test/\"onclick=\"x",
]  # fmt: skip


@pytest.mark.parametrize("href", HOSTILE)
def test_what_is_no_safe_web_address_is_text(db: Path, href: str) -> None:
    page = get(browse(db), f"/contacts/{contact(db, {'urls': [{'href': href}]})}").text

    main = page[page.index("<article") : page.index("</article>")]
    assert not [url for url in re.findall(r'href="([^"]*)"', main) if not url.startswith("/contacts")]
    assert "<script" not in main


def test_html_in_every_field_stays_text(db: Path) -> None:
    bad = "</title></script><script>alert(1)</script><img src=x onerror=alert(2)>"
    fields = {
        "name": {"displayName": bad, "givenName": bad}, "nickName": bad, "notes": bad, "keywords": [bad], "birthday": bad,
        "company": {"name": bad, "jobTitle": bad}, "relations": [{"name": bad, "type": bad}], "addresses": [{"street": bad}],
        "emailAddresses": [{"address": f'"{bad}"@x.test', "type": bad, "name": bad}],
        "phoneNumbers": [{"number": bad, "type": bad}],
        "nativeProperties": {bad: bad}, bad: bad,
    }  # fmt: skip
    number = contact(db, fields)
    datasette = browse(db)

    pages = [get(datasette, path).text for path in (f"/contacts/{number}", "/contacts", f"/people/%22{'x'}%22@x.test")]

    for page in pages:
        assert "alert(1)</script>" not in page
        assert "<img src=x" not in page


def test_fields_of_unexpected_types_are_left_out_or_shown_as_text(db: Path) -> None:
    fields = {
        "name": ["x"], "company": "Acme", "emailAddresses": {"address": "a@b"}, "phoneNumbers": [None, "1", {"number": 7}],
        "urls": [{"value": "https://old.test/"}], "birthday": 20, "photo": "x", "relations": None, "nativeProperties": [1],
        "notes": {"a": 1}, "keywords": "x", "lone": "\ud800 surrogate",
    }  # fmt: skip

    answer = get(browse(db), f"/contacts/{contact(db, json.dumps(fields))}")

    assert answer.status_code == 200
    assert "7" in shown(answer.text)
    assert "https://old.test/" in shown(answer.text)


def test_a_card_with_nothing_on_it_says_so(db: Path) -> None:
    datasette = browse(db)
    number = contact(db, {})

    text = shown(get(datasette, f"/contacts/{number}").text)

    assert "(no name)" in text
    assert "This card has nothing on it." in text
    assert "This card has no e-mail address" in text
    assert get(datasette, f"/contacts/{number}.vcf").status_code == 200


def test_a_deleted_card_is_still_shown_with_how_that_is_known(db: Path) -> None:
    number = contact(db, ADA, deleted_at="2026-02-01T00:00:00.000Z", deletion="absent")
    datasette = browse(db)

    assert "it was missing from a complete listing" in get(datasette, f"/contacts/{number}").text
    assert names(get(datasette, "/contacts").text) == []


def test_there_is_a_sentence_where_there_is_no_card(db: Path) -> None:
    datasette = browse(db)

    for path in ("/contacts/7", "/contacts/7.vcf", "/contacts/7/photo", "/contacts/99999999999999999999"):
        answer = get(datasette, path)
        assert answer.status_code == 404
        assert "There is no contact 7." in answer.text or "is no number of a record" in answer.text


def test_other_cards_of_the_same_person_are_told_with_their_account(db: Path) -> None:
    first = contact(db, {"name": {"displayName": "Ada"}, "emailAddresses": [{"address": "ada@x.test"}]})
    emails = [{"address": "ADA@x.test"}, {"address": "a@y.test"}]
    second = contact(db, {"name": {"displayName": "A. at home"}, "emailAddresses": emails}, account_id=2)
    third = contact(db, {"name": {"displayName": "Third"}, "emailAddresses": [{"address": "a@y.test"}]})
    page = get(browse(db), f"/contacts/{first}").text

    assert f'href="/contacts/{second}"' in page
    assert f'href="/contacts/{third}"' in page
    assert "on all 2 addresses of this person" in shown(page)
    assert "A. at home home" in shown(page)


def test_ones_own_card_is_known_as_such(db: Path) -> None:
    number = contact(db, {"emailAddresses": [{"address": "Me@Work.test"}]})

    assert "This is your own card: work is an account" in shown(get(browse(db), f"/contacts/{number}").text)


def test_the_history_of_a_card_is_told_in_words(db: Path) -> None:
    number = contact(db, ADA)
    conn = sqlite3.connect(db)
    for seq, change in ((500, {"nickName": "Ada B."}), (501, {"phoneNumbers": [], "notes": "none"})):
        with conn:
            conn.execute(
                "UPDATE contacts SET raw = ?, seq = ?, observed_at = ? WHERE id = ?",
                [json.dumps(ADA | change), seq, f"2026-02-01T00:00:00.{seq}Z", number],
            )
    conn.close()

    text = shown(get(browse(db), f"/contacts/{number}").text)

    assert "changed nickname, notes, phone numbers" in text
    assert "changed nickname 1 Feb 2026" in text
    assert "added" in text


def test_a_card_is_shown_as_it_was(db: Path) -> None:
    number = contact(db, ADA)
    conn = sqlite3.connect(db)
    with conn:
        later = json.dumps({"name": {"displayName": "Ada King"}})
        conn.execute(
            "UPDATE contacts SET raw = ?, name = 'Ada King', seq = 500, observed_at = '2026-02-01T00:00:00.000Z' WHERE id = ?",
            [later, number],
        )
    conn.close()
    datasette = browse(db)

    assert '<h1 dir="auto">Ada King</h1>' in get(datasette, f"/contacts/{number}").text
    then = get(datasette, f"/contacts/{number}", at="2026-01-20")
    assert '<h1 dir="auto">Ada Lovelace</h1>' in then.text
    assert "FN:Ada Lovelace" in get(datasette, f"/contacts/{number}.vcf", at="2026-01-20").text
    assert get(datasette, f"/contacts/{number}", at="2025-01-20").status_code == 404


@pytest.mark.parametrize(
    ("birthday", "today", "years"),
    [
        ("1915-12-10", "2026-12-09", 110),
        ("2000-02-29", "2026-02-28", 25),
        ("2000-02-29", "2026-03-01", 26),
        ("--12-10", "2026-12-10", None),
        ("2030-01-01", "2026-12-10", None),
        ("soon", "2026-12-10", None),
    ],
)
def test_an_age_is_of_full_years(birthday: str, today: str, years: int | None) -> None:
    assert contact_card.age(birthday, today) == years


@pytest.mark.parametrize(
    ("name", "letters"),
    [
        ("Ada Lovelace", "AL"), ("ada", "A"), ("Ada B. King", "AK"), ("a.b@x.test", "A"), ("高橋 陽子", "高陽"),
        ("يوسف المنصوري", "يا"), ("🎉", "?"), ("", "?"), (None, "?"), ("(Dr.) “Q” Straße", "DS"),
    ],
)  # fmt: skip
def test_without_a_picture_there_are_letters(name: str | None, letters: str) -> None:
    assert contact_card.initials(name) == letters


def test_the_colour_of_a_name_is_always_the_same_and_readable() -> None:
    assert contact_card.colour("Ada") == contact_card.colour("ADA")
    assert len({contact_card.colour(str(number))[0] for number in range(100)}) > 5


# --- the picture --------------------------------------------------------------------------------------------------------


def test_a_picture_in_the_record_is_served_as_what_it_is(db: Path) -> None:
    number = contact(db, ADA)
    datasette = browse(db)

    answer = get(datasette, f"/contacts/{number}/photo")

    assert (answer.status_code, answer.content, answer.headers["content-type"]) == (200, PNG, "image/png")
    assert f'src="/contacts/{number}/photo"' in get(datasette, f"/contacts/{number}").text


@pytest.mark.parametrize("content", [b"<svg onload=alert(1)>", b"<html>", b"", b"GIF"])
def test_what_is_no_picture_is_not_served(db: Path, content: bytes) -> None:
    number = contact(db, {"hasPhoto": True, "photo": {"mimeType": "image/png", "content": b64encode(content).decode()}})
    datasette = browse(db)

    assert get(datasette, f"/contacts/{number}/photo").status_code == 404
    page = get(datasette, f"/contacts/{number}").text
    assert "<img" not in page
    assert "Upstream has a picture of this contact that is not in the mirror" in page


# --- vCard --------------------------------------------------------------------------------------------------------------


def test_a_card_is_downloaded_under_its_name(db: Path) -> None:
    number = contact(db, {**ADA, "name": {"displayName": 'Jörg "../x\r\nSet-Cookie: a=b'}})

    answer = get(browse(db), f"/contacts/{number}.vcf")

    assert answer.headers["content-type"] == "text/vcard; charset=utf-8"
    assert "attachment; filename=" in answer.headers["content-disposition"]
    assert "/" not in answer.headers["content-disposition"]
    assert "set-cookie" not in answer.headers


def test_a_card_comes_back_from_its_vcard(db: Path) -> None:
    answer = get(browse(db), f"/contacts/{contact(db, ADA, remote_id='people/c1')}.vcf")

    (parsed,) = vcard.contacts(answer.content)

    assert parsed.uid == "people/c1"
    read = parsed.record
    for key in ("nickName", "fileAs", "birthday", "notes", "company", "keywords", "phoneNumbers", "addresses", "urls"):
        assert read[key] == ADA[key], key
    assert read["name"] == ADA["name"]
    assert [item["address"] for item in read["emailAddresses"]] == ["Ada@Engines.test", "ada@home.test"]
    assert read["relations"] == ADA["relations"]
    assert read["photo"]["content"] == b64encode(PNG).decode()


def test_every_type_comes_back_from_a_vcard() -> None:
    record = {
        "phoneNumbers": [{"number": f"1{n}", "type": kind} for n, (_, kind) in enumerate([*vcard.PHONE_TYPES, ((), "other")])],
        "urls": [{"href": f"http://x/{n}", "type": kind} for n, (_, kind) in enumerate([*vcard.URL_TYPES, ((), "other")])],
        "addresses": [{"city": kind, "type": kind} for kind in ("home", "work", "other")],
    }  # fmt: skip

    (parsed,) = vcard.contacts(vcard_writing.card(record, uid="u", name="N"))

    assert {key: parsed.record[key] for key in record} == record


def test_no_value_breaks_out_of_its_line() -> None:
    bad = "a\r\nEND:VCARD\nBEGIN:VCARD\rX:1; y, \\n z\u2028w\x00\ud800"
    record = {
        "name": {"displayName": bad, "familyName": bad}, "notes": bad, "company": {"name": bad}, "keywords": [bad],
        "emailAddresses": [{"address": bad, "type": bad}], "addresses": [{"street": bad, "type": bad}],
        "relations": [{"name": bad}], "urls": [{"href": bad}], "birthday": bad, "lastModifiedTime": bad,
    }  # fmt: skip

    written = vcard_writing.card(record, uid=bad, name="")

    (parsed,) = vcard.contacts(written)
    assert parsed.record["notes"] == "a\nEND:VCARD\nBEGIN:VCARD\nX:1; y, \\n zw"
    assert max(map(len, written.split(b"\r\n"))) <= 75


@pytest.fixture(scope="module")
def cards_home(corpus: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The corpus' vCards, loaded into a sandbox and pulled."""
    clock = SystemClock()
    state = State(":memory:", clock=clock)
    owner = state.add_account(email="ada@example.org", name="Ada", token="t")
    assert load(state, owner.id, [corpus / "vcards"]).records > 15
    source = Aurinko(
        "http://sandbox.test/v1", {"token": "t"}, clock=clock, transport=Transport(create_app(state, Options()))
    )
    home = tmp_path_factory.mktemp("cards") / "home"
    store = open_store(home, clock)
    pull(store, source, journal.add_account(store, "cards", "aurinko", "http://sandbox.test"))
    source.close()
    store.close()
    return home


def test_the_cards_of_other_programs_are_shown_and_come_back(cards_home: Path) -> None:
    datasette = browse(cards_home / "mirror.db")
    conn = sqlite3.connect(cards_home / "mirror.db")
    rows = conn.execute("SELECT id, name, raw FROM contacts").fetchall()
    conn.close()
    assert len(rows) > 15

    for number, name, raw in rows:
        page = get(datasette, f"/contacts/{number}")
        assert page.status_code == 200
        assert name is None or " ".join(name.split()) in shown(page.text)
        fields = json.loads(raw)
        (parsed,) = vcard.contacts(get(datasette, f"/contacts/{number}.vcf").content)
        for key in ("phoneNumbers", "addresses", "urls", "nickName", "notes", "keywords", "company", "birthday"):
            assert parsed.record.get(key) == (fields.get(key) or None), (name, key)


# --- the book -----------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def shelf(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An address book of 156 in two accounts: in capitals and not, in other scripts, and three without anything."""
    path = blank_mirror(tmp_path_factory.mktemp("shelf"))
    insert(path, "accounts", id=1, name="work")
    insert(path, "accounts", id=2, name="home")
    rows = [(1, f"{'aB'[number % 2]}{number:03} Person", '["Even"]' if number % 2 else None) for number in range(150)]
    rows += [(2, "  Élodie", '["Choir", "Even"]'), (2, "مها", None), (1, "7 Seas", None), *[(1, None, None)] * 3]
    conn = sqlite3.connect(path)
    with conn:
        conn.executemany(
            "INSERT INTO contacts (account_id, name, categories, remote_id, observed_at, seq, generation, raw)"
            " VALUES (?, ?, ?, ?, '2026-01-05T09:00:00.000Z', ?, 1, '{}')",
            [(*row, f"c{number}", number) for number, row in enumerate(rows, start=1)],
        )
        conn.execute("INSERT INTO contacts_fts (contacts_fts) VALUES ('rebuild')")
    conn.close()
    return path


def test_the_book_is_walked_through_page_by_page_each_contact_once(shelf: Path) -> None:
    datasette = browse(shelf)
    found: list[str] = []
    path: str | None = "/contacts"
    pages = 0

    while path is not None and pages < 9:
        page = get(datasette, path).text
        found += names(page)
        further = re.search(r'rel="next" href="([^"]+)"', page)
        path = unescape(further[1]) if further else None
        pages += 1

    assert pages == 3
    assert len(found) == 156
    assert len(set(found)) == 154
    assert found[-3:] == ["(no name)"] * 3
    named = found[:-3]
    assert named == sorted(named, key=str.lower)


def test_the_book_opens_at_a_letter(shelf: Path) -> None:
    datasette = browse(shelf)
    page = get(datasette, "/contacts").text

    letters = re.search(r'<nav class="letters".*?</nav>', page, re.S)

    assert letters is not None
    assert re.findall(r">(.)</a>", letters[0]) == [" ", "7", "A", "B", "م"]
    assert names(get(datasette, "/contacts", **{"from": "B"}).text)[0] == "B001 Person"
    assert names(get(datasette, "/contacts", **{"from": "م"}).text)[0] == "مها"


def test_the_book_is_narrowed_by_account_category_and_words(shelf: Path) -> None:
    datasette = browse(shelf)

    assert names(get(datasette, "/contacts", account="home").text) == ["  Élodie", "مها"]
    assert names(get(datasette, "/contacts", category="Choir").text) == ["  Élodie"]
    assert len(names(get(datasette, "/contacts", category="Even").text)) == 60
    assert names(get(datasette, "/contacts", q="elodie").text) == ["  Élodie"]
    assert names(get(datasette, "/contacts", q="elodie", account="work").text) == []
    assert names(get(datasette, "/contacts", q='"b001 person" OR -(').text) == []
    assert "These are the first 60 found" in get(datasette, "/contacts", q="person").text


def test_what_can_not_be_meant_is_said_in_a_sentence(db: Path) -> None:
    datasette = browse(db)

    for query in ({"account": "nobody"}, {"after_id": "x"}, {"after_id": "9" * 30}):
        assert get(datasette, "/contacts", **query).status_code == 400
    assert "No contacts yet." in get(datasette, "/contacts").text
    assert "No contact has “zzz”" in get(datasette, "/contacts", q="zzz").text


def test_the_book_of_the_demo_names_company_address_and_category(demo: Datasette) -> None:
    page = get(demo, "/contacts", q="ogilvy").text

    assert "Survey technician, Tidemark Surveys" in page
    assert 'href="/people/ewan.ogilvy@tidemark.example"' in page
    assert '<span class="chip" dir="auto">Team</span>' in page


def test_a_card_of_the_demo_shows_mails_meetings_and_a_chart(demo: Datasette) -> None:
    found = re.search(r'href="/contacts/(\d+)"[^>]*>Ewan Ogilvy', get(demo, "/contacts", q="ewan ogilvy").text)
    assert found is not None

    page = get(demo, f"/contacts/{found[1]}").text
    text = shown(page)

    assert re.search(r"\d+ mails from them \d+ mails to them \d+ meetings", text)
    assert 'data-chart="bars"' in page
    assert 'href="/mail/' in page
    assert 'href="/events/' in page
    assert f'href="/history/contacts/{found[1]}"' in page
    assert "All mails with this person" in page
