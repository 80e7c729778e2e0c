"""Mail over HTTP: lists and queries, single messages and their bytes, status, sending, threads, folders, drafts."""

from __future__ import annotations

import base64
from email import message_from_bytes
from email.header import decode_header, make_header
from typing import Any

import pytest
from sandbox_wire import Box, asking_wrongly, client, sandbox, segment

from mirror.sandbox.options import Options

PEOPLE = {"ben": {"name": "Ben", "address": "ben@example.org"}, "cho": {"name": "Cho", "address": "cho@example.net"}}


def letter(box: Box, day: int, subject: str = "hello", sender: str = "ben", **more: Any) -> dict[str, Any]:
    body = more.pop("body", "Good morning")
    labels = more.pop("sysLabels", ["inbox", "unread"])
    record = {"subject": subject, "from": PEOPLE[sender], "receivedAt": f"2026-01-{day:02d}T08:00:00.000Z"}
    record |= {"to": [{"address": "ada@example.com"}], "sysLabels": labels, **more}
    record["internetMessageId"] = more.get("internetMessageId", f"<{day}.{subject}@example.org>".replace(" ", ""))
    return box.state.create(box.account.id, "messages", record, body=body)


def subjects(box: Box, path: str = "/email/messages", **params: Any) -> list[str]:
    return [record["subject"] for page in box.pages(path, **params) for record in page]


def read(box: Box, message_id: str, **params: Any) -> dict[str, Any]:
    answer = box.http.get(f"/email/messages/{segment(message_id)}", params=params).raise_for_status()
    record: dict[str, Any] = answer.json()
    return record


@pytest.mark.parametrize("size", [1, 2, 3, 4, 50])
def test_the_newest_mail_comes_first_over_pages_of_every_size(size: int) -> None:
    box = sandbox(Options(page_size=size))
    for day in (2, 4, 1, 3):
        letter(box, day, str(day))
    letter(box, 5, "spam", sysLabels=["junk"])
    letter(box, 6, "old", sysLabels=["trash"])

    assert subjects(box) == ["4", "3", "2", "1"]
    assert subjects(box, includeTrashAndJunk="true") == ["old", "spam", "4", "3", "2", "1"]


def test_messages_of_the_same_moment_are_all_listed() -> None:
    box = sandbox(Options(page_size=2))
    for at in range(7):
        letter(box, 1, str(at))
    assert sorted(subjects(box)) == list("0123456")


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("from:ben", ["invoice", "hello"]),
        ("from:Cho subject:boat", ["The boat"]),
        ("to:ada", ["The boat", "invoice", "hello"]),
        ("keel", ["The boat"]),
        ('"new keel"', ["The boat"]),
        ('"keel new"', []),
        ("-keel", ["invoice", "hello"]),
        ("has:attachment", ["invoice"]),
        ("is:unread", ["hello"]),
        ("is:read", ["The boat", "invoice"]),
        ("is:starred", ["The boat"]),
        ("in:inbox after:2026/01/02", ["The boat", "invoice"]),
        ("before:2026-01-02", ["hello"]),
        ("after:soon", []),
        ("label:money", ["invoice"]),
        ('unclosed "quote', []),
    ],
)
def test_mail_is_queried_as_people_know_it(query: str, expected: list[str]) -> None:
    box = sandbox(Options(page_size=1))
    letter(box, 1, "hello")
    letter(box, 2, "invoice", sysLabels=["inbox"], hasAttachments=True, keywords=["Money"])
    letter(box, 3, "The boat", "cho", sysLabels=["inbox", "flagged"], body="<p>It has a <b>new keel</b></p>")

    assert subjects(box, q=query) == expected


def test_a_body_comes_in_the_wanted_type() -> None:
    box = sandbox()
    html = letter(box, 1, body="<p>Dear <b>Ada</b></p>")
    text = letter(box, 2, body="1 < 2\n> quoted")

    assert read(box, html["id"])["body"] == "<p>Dear <b>Ada</b></p>"
    assert read(box, html["id"], bodyType="text")["body"] == "Dear Ada"
    assert read(box, text["id"], bodyType="text")["body"] == "1 < 2\n> quoted"
    assert read(box, text["id"], bodyType="text", stripQuoted="true")["body"] == "1 < 2"
    assert "1 &lt; 2" in read(box, text["id"], bodyType="html")["body"]


def test_quoted_html_can_be_left_out() -> None:
    box = sandbox()
    message = letter(box, 1, body="<p>yes</p><blockquote>no <blockquote>maybe</blockquote></blockquote>")
    body = read(box, message["id"], stripQuoted="true")["body"]
    assert "yes" in body
    assert "no" not in body
    assert "maybe" not in body


def test_attachments_come_as_base64_and_inline_ones_on_request() -> None:
    box = sandbox()
    listed = [
        {"id": "a/1=", "name": "a.pdf", "inline": False},
        {"id": "2", "name": "b.png", "inline": True, "contentId": "b"},
    ]
    record = {"subject": "x", "attachments": listed, "hasAttachments": True}
    made = box.state.create(box.account.id, "messages", record, body="x", attachments={"a/1=": b"pdf", "2": b"\x00png"})
    path = f"/email/messages/{made['id']}/attachments"

    assert base64.b64decode(box.http.get(f"{path}/{segment('a/1=')}").json()["content"]) == b"pdf"
    assert box.http.get(f"{path}/3").status_code == 404
    loaded = read(box, made["id"], loadInlines="true")["attachments"]
    assert [base64.b64decode(one.get("content", "")) for one in loaded] == [b"", b"\x00png"]
    assert read(box, made["id"])["attachments"] == listed


def test_raw_gives_the_bytes_as_they_came_or_makes_them() -> None:
    box = sandbox()
    came = b"Subject: =?latin1?q?=FC?=\r\n\r\n\xfc"
    with_mime = box.state.create(box.account.id, "messages", {"subject": "ü"}, mime=came)
    without = letter(box, 1, "Grüße 😀", body="<p>hi ä</p>", internetMessageId="<1@example.org>")

    answer = box.http.get(f"/email/messages/{with_mime['id']}/raw")
    made = message_from_bytes(box.http.get(f"/email/messages/{without['id']}/raw").content)

    assert answer.content == came
    assert answer.headers["Content-Type"].startswith("text/plain")
    assert str(make_header(decode_header(made["Subject"]))) == "Grüße 😀"
    assert made["Message-ID"] == without["internetMessageId"]
    assert made.get_content_type() == "text/html"
    assert made.get_payload(decode=True) == "<p>hi ä</p>".encode()


def test_status_marks_archives_and_files() -> None:
    box = sandbox()
    message = letter(box, 1)
    path = f"/email/messages/{message['id']}/status"

    assert box.http.post(path, json={"unread": False, "keywords": ["boat"]}).json() == {"status": "Ok"}
    assert read(box, message["id"])["sysLabels"] == ["inbox"]
    assert read(box, message["id"])["keywords"] == ["boat"]
    box.http.post(path, json={"archived": True, "unread": True})
    assert read(box, message["id"])["sysLabels"] == ["unread"]
    box.http.post(path, json={"archived": False})
    assert read(box, message["id"])["sysLabels"] == ["unread", "inbox"]


def test_a_status_that_changes_nothing_is_no_change() -> None:
    box = sandbox()
    message = letter(box, 1)
    before = box.state.seq
    box.http.post(f"/email/messages/{message['id']}/status", json={"unread": True})
    assert box.state.seq == before


def test_deleting_moves_to_the_trash_and_is_an_update() -> None:
    box = sandbox()
    message = letter(box, 1)
    updated_token, deleted_token = box.start("/email")
    _, updated_token = box.walk("/email", updated_token)

    assert box.http.delete(f"/email/messages/{message['id']}").json() == {"status": "Ok"}

    (updated,), _ = box.walk("/email", updated_token)
    assert updated["sysLabels"] == ["unread", "trash"]
    assert box.walk("/email", deleted_token, "deleted")[0] == []


def test_where_moving_changes_ids_a_deletion_and_a_new_message_are_told() -> None:
    box = sandbox(service_type="EWS")
    inbox, trash = (
        box.state.create(box.account.id, "folders", {"name": name, "sysLabel": name})["id"]
        for name in ("inbox", "trash")
    )
    message = letter(box, 1, folderId=inbox)
    updated_token, deleted_token = box.start("/email")
    _, updated_token = box.walk("/email", updated_token)

    box.http.delete(f"/email/messages/{segment(message['id'])}")

    (updated,), _ = box.walk("/email", updated_token)
    (deleted,), _ = box.walk("/email", deleted_token, "deleted")
    assert deleted["id"] == message["id"] != updated["id"]
    assert deleted["internetMessageId"] == updated["internetMessageId"]
    assert (deleted["folderId"], updated["folderId"]) == (inbox, trash)
    assert read(box, updated["id"], bodyType="text")["body"] == "Good morning"


def test_a_sent_message_is_kept_and_arrives_here_but_not_elsewhere() -> None:
    box = sandbox()
    ben = box.state.add_account(email="ben@example.org")
    body = {
        "subject": "Boat ⛵",
        "body": "<p>ready?</p>",
        "to": [PEOPLE["ben"], PEOPLE["cho"]],
        "bcc": [{"address": "secret@example.org"}],
        "attachments": [{"name": "plän.txt", "mimeType": "text/plain", "content": base64.b64encode(b"plan").decode()}],
    }
    answer = box.http.post("/email/messages", json=body, params={"returnIds": "true"})

    assert answer.status_code == 201
    sent = read(box, answer.json()["id"])
    assert sent["sysLabels"] == ["sent"]
    assert sent["from"]["address"] == "ada@example.com"
    assert sent["internetMessageId"] == answer.json()["submittedMessageId"]
    (arrived,) = box.state.records(ben.id, "messages")
    assert arrived["sysLabels"] == ["inbox", "unread"]
    assert "bcc" not in arrived
    raw = box.state.mime(ben.id, arrived["id"]) or b""
    assert b"secret" not in raw
    parts = list(message_from_bytes(raw).walk())
    assert [part.get_content_type() for part in parts] == ["multipart/mixed", "text/html", "text/plain"]
    assert parts[2].get_filename() == "plän.txt"
    (attachment,) = arrived["attachments"]
    assert box.state.attachment(ben.id, "messages", arrived["id"], attachment["id"]) == b"plan"


def test_a_mail_to_oneself_is_sent_and_received() -> None:
    box = sandbox()
    answer = box.http.post(
        "/email/messages",
        json={"to": [{"address": "Ada@example.com"}], "body": "remember"},
        params={"returnIds": "true"},
    )
    assert read(box, answer.json()["id"])["sysLabels"] == ["sent", "inbox", "unread"]


def test_a_reply_joins_the_thread_at_both_ends() -> None:
    box = sandbox()
    ben = box.state.add_account(email="ben@example.org")
    assert ben.token is not None
    box.http.post("/email/messages", json={"subject": "Boat", "to": [PEOPLE["ben"]], "body": "ready?"})
    (asked,) = box.state.records(ben.id, "messages")

    answer = client(box.app, ben.token).post(f"/email/messages/{asked['id']}/reply", json={"body": "no"})

    assert answer.status_code == 200
    original, reply = box.state.records(box.account.id, "messages")
    assert reply["subject"] == "Re: Boat"
    assert reply["inReplyTo"] == original["internetMessageId"]
    assert reply["threadId"] == original["threadId"]
    thread = box.pages(f"/email/conversations/{original['threadId']}")[0]
    assert {one["subject"] for one in thread} == {"Re: Boat", "Boat"}
    assert len({one["threadId"] for one in box.state.records(ben.id, "messages")}) == 1


def test_without_recipient_nothing_is_sent() -> None:
    box = sandbox()
    assert box.http.post("/email/messages", json={"subject": "to nobody"}).status_code == 400
    assert box.state.records(box.account.id, "messages") == []


def test_header_tricks_stay_in_their_header() -> None:
    box = sandbox()
    body = {"subject": "x\r\nBcc: a@b.example", "to": [{"name": "A\nB", "address": "a@b.example"}], "body": "hi"}
    answer = box.http.post("/email/messages", json=body, params={"returnIds": "true"})
    raw = box.http.get(f"/email/messages/{answer.json()['id']}/raw").content
    assert message_from_bytes(raw)["Bcc"] is None


def test_an_imap_thread_may_not_be_known_yet() -> None:
    box = sandbox(Options(thread_polls=1), service_type="IMAP")
    path = f"/email/messages/{segment(letter(box, 1)['id'])}"
    answers = [box.http.get(path, params={"requireThreadId": "true"}) for _ in range(2)]

    assert [answer.status_code for answer in answers] == [408, 200]
    assert int(answers[0].headers["Retry-After"]) > 0


def test_folders_are_a_tree_and_hold_mail() -> None:
    box = sandbox(service_type="Office365")
    top = box.http.post("/email/folders", json={"name": "Boats"})
    low = box.http.post("/email/folders", json={"name": "Sails", "parentId": top.json()["id"]}).json()
    letter(box, 1, "in", folderId=low["id"])
    letter(box, 2, "out")

    assert top.status_code == 201
    assert low["fullName"] == "Boats/Sails"
    assert box.http.get(f"/email/folders/{segment(low['id'])}").json() == low
    assert [one["name"] for one in box.http.get("/email/folders").json()["records"]] == ["Boats", "Sails"]
    assert subjects(box, f"/email/folders/{segment(low['id'])}/messages") == ["in"]
    assert box.http.post("/email/folders", json={}).status_code == 400


def test_labels_hold_mail_by_label_and_keyword() -> None:
    box = sandbox()
    sent = box.state.create(box.account.id, "folders", {"name": "Sent", "sysLabel": "sent"})
    boats = box.http.post("/email/folders", json={"name": "Boats"}).json()
    letter(box, 1, "mine", sysLabels=["sent"])
    letter(box, 2, "afloat", keywords=["Boats"])

    assert subjects(box, f"/email/folders/{segment(sent['id'])}/messages") == ["mine"]
    assert subjects(box, f"/email/folders/{segment(boats['id'])}/messages") == ["afloat"]


def test_well_known_folders_are_chosen_and_cleared() -> None:
    box = sandbox(service_type="Office365")
    folder = box.http.post("/email/folders", json={"name": "Done"}).json()
    message = letter(box, 1)

    assert box.http.get("/email/folders/wellKnown").json() == {}
    assert box.http.patch("/email/folders/wellKnown", json={"archive": folder["id"]}).json() == {
        "archive": folder["id"]
    }
    box.http.post(f"/email/messages/{segment(message['id'])}/status", json={"archived": True})
    assert read(box, message["id"])["folderId"] == folder["id"]
    assert asking_wrongly(box).patch("/email/folders/wellKnown", json={"archive": None}).json() == {}
    assert box.http.patch("/email/folders/wellKnown", json={"sent": "nowhere"}).status_code == 400


def test_a_draft_is_written_rewritten_and_sent() -> None:
    box = sandbox()
    ben = box.state.add_account(email="ben@example.org")
    attachment = {"name": "a", "content": "aGk="}
    made = box.http.post("/email/drafts", json={"subject": "one", "body": "b", "attachments": [attachment]}).json()
    path = f"/email/drafts/{segment(made['id'])}"
    draft = box.http.get(path).json()["message"]
    assert draft["sysLabels"] == ["draft"]
    assert made["id"] != draft["id"]
    assert box.http.post(f"{path}/send", json={}).status_code == 400, "there is no recipient yet"

    box.http.put(path, json={"subject": "two", "to": [PEOPLE["ben"]]})
    rewritten = box.http.get(path).json()["message"]
    assert (rewritten["id"], rewritten["subject"], rewritten["attachments"]) == (draft["id"], "two", [])

    assert box.http.post(f"{path}/send", json={}).json()["status"] == "Ok"
    assert read(box, draft["id"])["sysLabels"] == ["sent"]
    assert [one["subject"] for one in box.state.records(ben.id, "messages")] == ["two"]
    assert box.http.get(path).status_code == 404


def test_a_draft_can_be_sent_later() -> None:
    box = sandbox()
    made = box.http.post("/email/drafts", json={"to": [PEOPLE["ben"]]}).json()
    path = f"/email/drafts/{segment(made['id'])}"
    at = {"sendTime": "2026-01-06T09:00:00Z"}

    assert box.http.post(f"{path}/send", params=at).json() == {"status": "Scheduled"}
    assert box.http.get(path).json()["scheduled"]["sendTime"] == "2026-01-06T09:00:00.000Z"
    box.clock.sleep(24 * 3600)

    (sent,) = box.http.get("/email/messages").json()["records"]
    assert sent["sysLabels"] == ["sent"]
    assert sent["sentAt"] == "2026-01-06T09:00:00.000Z"


def test_a_deleted_draft_leaves_a_tombstone() -> None:
    box = sandbox()
    _, deleted_token = box.start("/email")
    made = box.http.post("/email/drafts", json={"subject": "never"}).json()
    assert box.http.delete(f"/email/drafts/{segment(made['id'])}").json() == {"status": "Ok"}
    assert len(box.walk("/email", deleted_token, "deleted")[0]) == 1


def test_drafts_of_some_services_can_not_be_rewritten() -> None:
    box = sandbox(service_type="IMAP")
    made = box.http.post("/email/drafts", json={"subject": "one"}).json()
    assert box.http.put(f"/email/drafts/{segment(made['id'])}", json={"subject": "two"}).status_code == 400


def test_a_message_is_no_draft() -> None:
    box = sandbox()
    message = letter(box, 1)
    assert box.http.get(f"/email/drafts/r-{message['id']}").status_code == 404
