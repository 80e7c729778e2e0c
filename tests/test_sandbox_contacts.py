"""Contacts over HTTP: what is written comes back, etags guard it, photos come when asked for."""

from __future__ import annotations

import base64

import pytest
from sandbox_wire import asking_wrongly, sandbox, segment

ADA = {
    "name": {"displayName": "Ben Sørensen", "givenName": "Ben", "familyName": "Sørensen"},
    "emailAddresses": [{"address": "ben@example.org", "type": "work"}],
    "phoneNumbers": [{"number": "+47 22 22 22 22", "type": "mobile"}],
    "addresses": [{"street": "Havnegata 1", "streetLine2": "c/o", "poBox": "5", "city": "Bodø", "type": "home"}],
    "urls": [{"href": "https://ben.example.org", "type": "homePage"}],
    "relations": [{"name": "Cho", "type": "spouse"}],
    "company": {"name": "Fjord", "jobTitle": "Pilot"},
    "birthday": "1980-02-29",
    "keywords": ["sailing"],
}


def test_a_contact_comes_back_as_it_was_written() -> None:
    box = sandbox()
    answer = box.http.post("/contacts", json=ADA)
    created = answer.json()
    read = box.http.get(f"/contacts/{segment(created['id'])}").json()

    assert answer.status_code == 201
    assert read == created["record"]
    assert {name: read[name] for name in ADA} == ADA
    assert read["hasPhoto"] is False


def test_a_patch_replaces_whole_fields_and_null_clears_them() -> None:
    box = sandbox()
    created = box.http.post("/contacts", json=ADA).json()
    path = f"/contacts/{segment(created['id'])}"

    change = {"emailAddresses": [{"address": "new@example.org"}], "birthday": None}
    answer = asking_wrongly(box).patch(path, json=change, headers={"If-Match": created["etag"]})

    assert answer.status_code == 200
    record = answer.json()["record"]
    assert record["emailAddresses"] == change["emailAddresses"]
    assert "birthday" not in record
    assert record["keywords"] == ["sailing"]
    assert answer.json()["etag"] == record["etag"] != created["etag"]


def test_a_patch_needs_the_etag_of_the_current_version() -> None:
    box = sandbox()
    created = box.http.post("/contacts", json=ADA).json()
    path = f"/contacts/{segment(created['id'])}"
    first = box.http.patch(path, json={"nickName": "B"}, headers={"If-Match": created["etag"]})
    second = box.http.patch(path, json={"nickName": "C"}, headers={"If-Match": created["etag"]})
    without = asking_wrongly(box).patch(path, json={"nickName": "D"})

    assert [first.status_code, second.status_code, without.status_code] == [200, 412, 400]
    assert box.http.get(path).json()["nickName"] == "B"


def test_read_only_fields_of_a_body_are_ignored() -> None:
    box = sandbox()
    created = asking_wrongly(box).post(
        "/contacts", json={"id": "mine", "etag": "mine", "hasPhoto": True, "nickName": "x"}
    )
    assert created.json()["id"] != "mine"
    assert created.json()["record"]["hasPhoto"] is False


def test_a_photo_comes_only_when_it_is_asked_for() -> None:
    box = sandbox()
    photo = {"mimeType": "image/png", "content": base64.b64encode(b"png").decode()}
    created = box.http.post("/contacts", json={"nickName": "x", "photo": photo}).json()
    path = f"/contacts/{segment(created['id'])}"

    assert box.http.get(path, params={"withPhoto": "true"}).json()["photo"] == photo
    assert "photo" not in box.http.get(path).json()
    assert box.http.get(path).json()["hasPhoto"] is True
    (listed,), _ = box.walk("/contacts", box.start("/contacts")[0])
    assert "photo" not in listed


def test_a_deleted_contact_is_gone() -> None:
    box = sandbox()
    created = box.http.post("/contacts", json=ADA).json()
    path = f"/contacts/{segment(created['id'])}"
    answers = [box.http.delete(path), box.http.delete(path), box.http.get(path)]

    assert [answer.status_code for answer in answers] == [200, 404, 404]
    assert answers[0].content == b""


@pytest.mark.parametrize(
    "body",
    [
        {"phoneNumbers": [{"type": "carrier pigeon"}]},
        {"keywords": "sailing"},
        {"name": "Ben"},
        {"addresses": [{"type": "moon"}]},
        {"photo": {"content": "<png>"}},
    ],
)
def test_a_contact_of_the_wrong_form_is_refused(body: dict[str, object]) -> None:
    box = sandbox()
    assert asking_wrongly(box).post("/contacts", json=body).status_code == 400
    assert box.state.records(box.account.id, "contacts") == []
