"""vCards by a dozen programs become contacts: every file of the corpus, and the oddities one by one."""

from __future__ import annotations

import base64
from pathlib import Path
from typing import Any

import pytest
from openapi import schema_validator

from mirror.errors import UnreadableFile
from mirror.formats.vcard import ParsedContact, contacts

COUNTS = {
    "John_Doe_ANDROID.vcf": 6,
    "John_Doe_BLACK_BERRY.vcf": 1,
    "John_Doe_EVOLUTION.vcf": 1,
    "John_Doe_GMAIL.vcf": 1,
    "John_Doe_IPHONE.vcf": 1,
    "John_Doe_LOTUS_NOTES.vcf": 1,
    "John_Doe_MAC_ADDRESS_BOOK.vcf": 1,
    "John_Doe_MS_OUTLOOK.vcf": 1,
    "fullcontact.vcf": 1,
    "gmail-list.vcf": 3,
    "gmail-single.vcf": 1,
    "gmail-single2.vcf": 1,
    "outlook-2003.vcf": 1,
    "outlook-2007.vcf": 1,
    "rfc2426-example.vcf": 2,
    "rfc6350-example.vcf": 1,
    "thunderbird-MoreFunctionsForAddressBook-extension.vcf": 1,
}


def parsed(corpus: Path, name: str) -> list[ParsedContact]:
    return list(contacts((corpus / "vcards" / name).read_bytes()))


def only(corpus: Path, name: str) -> dict[str, Any]:
    (contact,) = parsed(corpus, name)
    return contact.record


def card(*lines: str, version: str = "3.0", newline: str = "\r\n") -> dict[str, Any]:
    text = newline.join(["BEGIN:VCARD", f"VERSION:{version}", *lines, "END:VCARD", ""])
    (contact,) = contacts(text.encode())
    return contact.record


@pytest.mark.shared
def test_the_corpus_has_no_file_without_an_expectation(corpus: Path) -> None:
    assert {path.name for path in (corpus / "vcards").iterdir()} == set(COUNTS)


@pytest.mark.shared
@pytest.mark.parametrize("name", COUNTS)
def test_every_card_of_the_corpus_is_a_contact_that_the_api_could_have_sent(corpus: Path, name: str) -> None:
    found = parsed(corpus, name)

    assert len(found) == COUNTS[name]
    for contact in found:
        schema_validator("Contact", closed=True).validate(contact.record)
        assert contact.record.get("name") or contact.record.get("emailAddresses")


@pytest.mark.shared
def test_android_folds_quoted_printable_in_the_middle_of_names(corpus: Path) -> None:
    records = [contact.record for contact in parsed(corpus, "John_Doe_ANDROID.vcf")]

    assert records[3]["name"]["displayName"] == "Ñ Ñ Ñ Ñ Ñ Ñ Ñ Ñ Ñ Ñ Ñ"
    assert records[4]["name"] == {"familyName": "Ñ Ñ", "givenName": "Ñ Ñ Ñ", "displayName": "Ñ Ñ Ñ Ñ"}
    assert [phone["type"] for phone in records[4]["phoneNumbers"]] == ["mobile", "work", "workFax"]
    assert records[4]["emailAddresses"][1]["address"] == "Ñ" * 14
    assert set(records[5]["company"]["name"]) == {"Ñ"}
    assert records[5]["keywords"] == ["My Contacts"]


@pytest.mark.shared
def test_photos_come_out_as_the_images_they_are(corpus: Path) -> None:
    sizes = {
        name: len(base64.b64decode(only(corpus, name)["photo"]["content"]))
        for name in ("John_Doe_IPHONE.vcf", "John_Doe_MAC_ADDRESS_BOOK.vcf", "John_Doe_BLACK_BERRY.vcf")
    }

    assert sizes["John_Doe_IPHONE.vcf"] == 32531
    assert sizes["John_Doe_MAC_ADDRESS_BOOK.vcf"] == 18242
    for name in sizes:
        record = only(corpus, name)
        assert record["hasPhoto"] is True
        assert record["photo"]["mimeType"] == "image/jpeg"
        assert base64.b64decode(record["photo"]["content"]).startswith(b"\xff\xd8\xff")


@pytest.mark.shared
def test_a_photo_that_is_only_linked_to_is_none(corpus: Path) -> None:
    record = only(corpus, "fullcontact.vcf")

    assert record["hasPhoto"] is False
    assert "photo" not in record


@pytest.mark.shared
def test_an_iphone_card_with_doubled_line_ends_and_labels_is_whole(corpus: Path) -> None:
    record = only(corpus, "John_Doe_IPHONE.vcf")

    assert record["name"]["middleName"] == "Richter James"
    assert {phone["number"]: phone["type"] for phone in record["phoneNumbers"]} == {
        "905-555-1234": "mobile",
        "905-666-1234": "home",
        "905-777-1234": "work",
        "905-888-1234": "homeFax",
        "905-999-1234": "workFax",
        "905-111-1234": "pager",
        "905-222-1234": "assistant",
    }
    assert record["urls"] == [{"href": "http://www.ibm.com", "type": "homePage"}]
    assert record["addresses"][1]["street"] == "Street4\nBuilding 6\nFloor 8"


@pytest.mark.shared
def test_evolution_knows_spouse_manager_assistant_and_file_as(corpus: Path) -> None:
    (contact,) = parsed(corpus, "John_Doe_EVOLUTION.vcf")

    assert contact.uid == "477343c8e6bf375a9bac1f96a5000837"
    assert contact.record["fileAs"] == "Doe, John"
    assert contact.record["relations"] == [
        {"name": "Maria", "type": "spouse"},
        {"name": "Big Blue", "type": "manager"},
        {"name": "Little Red", "type": "assistant"},
    ]
    assert contact.record["company"] == {
        "name": "IBM",
        "department": "Accounting, Dungeon",
        "jobTitle": "Money Counter",
    }
    assert contact.record["lastModifiedTime"] == "2012-03-05T13:32:54Z"
    assert contact.record["birthday"] == "1980-03-22"


@pytest.mark.shared
def test_outlook_2003_notes_keep_their_lines_and_its_key_is_no_part_of_anything(corpus: Path) -> None:
    record = only(corpus, "outlook-2003.vcf")

    assert record["notes"] == "This is the note field!!\nSecond line\n\nThird line is empty"
    assert record["company"]["name"] == "Company, The"
    assert record["birthday"] == "1980-03-21"
    assert record["emailAddresses"] == [{"address": "jdoe@hotmail.com"}]
    assert record["addresses"][0]["streetLine2"] == "TheOffice"


@pytest.mark.shared
def test_outlook_2007_callback_phone_and_relations_are_taken(corpus: Path) -> None:
    record = only(corpus, "outlook-2007.vcf")

    assert record["phoneNumbers"][-1] == {"number": "(111) 555-4444", "type": "callback"}
    assert [relation["type"] for relation in record["relations"]] == ["spouse", "manager", "assistant"]


@pytest.mark.shared
def test_lotus_notes_with_profile_and_no_folding_is_read(corpus: Path) -> None:
    (contact,) = parsed(corpus, "John_Doe_LOTUS_NOTES.vcf")

    assert contact.record["name"]["displayName"] == "Mr. Doe John I Johny"
    assert contact.record["nickName"] == "Johny,JayJay"
    assert contact.record["addresses"][0]["postalCode"] == "NYC887"
    assert contact.record["urls"] == [{"href": "http://www.sun.com", "type": "homePage"}]


@pytest.mark.shared
def test_google_labels_become_types_and_other_relations_keep_their_name(corpus: Path) -> None:
    record = only(corpus, "gmail-single2.vcf")

    assert [url["type"] for url in record["urls"]] == ["other", "profile", "blog", "homePage", "work", "other"]
    assert {"name": "Name2", "type": "spouse"} in record["relations"]
    assert {"name": "Name4"} in record["relations"]
    assert record["name"]["yomiGivenName"] == "ThePhoneticFirstName"
    assert [phone["type"] for phone in record["phoneNumbers"]].count("other") == 4


@pytest.mark.shared
def test_version_4_has_uris_lists_in_types_and_birthdays_without_a_year(corpus: Path) -> None:
    record = only(corpus, "rfc6350-example.vcf")

    assert record["birthday"] == "--02-03"
    assert record["phoneNumbers"] == [
        {"number": "+1-418-656-9254;ext=102", "type": "work"},
        {"number": "+1-418-262-6501", "type": "workMobile"},
    ]
    assert record["name"]["suffix"] == "ing. jr, M.Sc."
    assert record["addresses"][0]["city"] == "Quebec"


def test_a_name_in_windows_encoding_keeps_its_umlauts() -> None:
    content = "BEGIN:VCARD\nVERSION:2.1\nN:Müller;Jörg\nEND:VCARD\n".encode("cp1252")

    (contact,) = contacts(content)

    assert contact.record["name"]["displayName"] == "Jörg Müller"


def test_a_charset_that_is_named_is_believed() -> None:
    content = b"BEGIN:VCARD\nVERSION:2.1\nFN;CHARSET=KOI8-R;ENCODING=QUOTED-PRINTABLE:=E9=D7=C1=CE\nEND:VCARD\n"

    (contact,) = contacts(content)

    assert contact.record["name"]["displayName"] == "Иван"


def test_a_value_that_breaks_without_folding_goes_on() -> None:
    record = card("FN:Ann", "NOTE:first line", "second line without a mark", "TEL:1")

    assert record["notes"] == "first line\nsecond line without a mark"
    assert record["phoneNumbers"] == [{"number": "1", "type": "other"}]


def test_base64_that_is_not_indented_is_put_together() -> None:
    image = b"\x89PNG" + bytes(range(200))
    coded = base64.b64encode(image).decode()

    record = card("FN:Ann", f"PHOTO;ENCODING=BASE64;PNG:{coded[:70]}", coded[70:140], coded[140:], "", version="2.1")

    assert record["photo"] == {"mimeType": "image/png", "content": coded}


def test_a_data_uri_is_a_photo() -> None:
    coded = base64.b64encode(b"GIF89a....").decode()

    assert card("FN:Ann", f"PHOTO:data:image/gif;base64,{coded}", version="4.0")["photo"] == {
        "mimeType": "image/gif",
        "content": coded,
    }


def test_escapes_are_undone_once() -> None:
    record = card(r"FN:A\, B\; C\\n D", r"NOTE:one\ntwo\: three", r"ORG:Big\; Co\, Inc.;R\\D", r"CATEGORIES:a,b\,c")

    assert record["name"]["displayName"] == r"A, B; C\n D"
    assert record["notes"] == "one\ntwo: three"
    assert record["company"] == {"name": "Big; Co, Inc.", "department": r"R\D"}
    assert record["keywords"] == ["a", "b,c"]


def test_a_backslash_at_the_end_of_a_value_is_a_backslash() -> None:
    assert card("FN:Ann", "NOTE:C:\\temp\\")["notes"] == "C:\\temp\\"


def test_cards_without_an_end_and_cards_in_cards_are_told_apart() -> None:
    content = b"""BEGIN:VCARD
FN:One
BEGIN:VCARD
FN:Two
AGENT:
BEGIN:VCARD
FN:Agent
END:VCARD
TEL:2
END:VCARD
BEGIN:VCARD
FN:Three
"""
    found = [contact.record for contact in contacts(content)]

    assert [record["name"]["displayName"] for record in found] == ["One", "Two", "Three"]
    assert found[1]["phoneNumbers"][0]["number"] == "2"


def test_hostile_parameters_take_no_time() -> None:
    assert card("FN:Ann", "A;B" + "," * 5000, "X" + ';Y="' * 5000 + ":1")["name"] == {"displayName": "Ann"}


def test_utf_16_is_recognised_by_its_mark() -> None:
    (contact,) = contacts("BEGIN:VCARD\r\nFN:Zoë\r\nEND:VCARD\r\n".encode("utf-16"))

    assert contact.record["name"]["displayName"] == "Zoë"


@pytest.mark.parametrize("content", [b"", b"hello", b"BEGIN:VCALENDAR\nEND:VCALENDAR\n", b"\x89PNG\r\n\x1a\n"])
def test_what_is_no_vcard_is_refused_with_a_sentence(content: bytes) -> None:
    with pytest.raises(UnreadableFile, match="not a vCard file"):
        list(contacts(content))
