"""The pages of mail: what is listed and in which order, one mail in its conversation, and the bytes of attachments."""

from __future__ import annotations

import base64
import hashlib
import json
import re
import sqlite3
from pathlib import Path
from typing import Any

import pytest
from datasette.app import Datasette
from hostile_mails import EVIL, HEADERS, HOSTILE, NAMES
from selectolax.lexbor import LexborHTMLParser
from web_demo import blank_mirror, browse, get, insert

from mirror.store.attachments import BLOBS_SCHEMA
from mirror.web.queries import mail as queries

PNG = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
)
ICS = (
    b"BEGIN:VCALENDAR\r\nVERSION:2.0\r\nBEGIN:VEVENT\r\nUID:tea@x.example\r\nDTSTART:20260105T090000Z\r\n"
    b"END:VEVENT\r\nEND:VCALENDAR\r\n"
)


@pytest.fixture(scope="module")
def two_accounts(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """The file of a mirror with two accounts and their folders."""
    made = blank_mirror(tmp_path_factory.mktemp("mail"))
    insert(made, "accounts", name="work", email="ada@work.example")
    insert(made, "accounts", name="home", email="ada@home.example")
    insert(made, "folders", remote_id="in", name="INBOX", full_name="INBOX", label="inbox", is_folder=1)
    insert(made, "folders", account_id=2, remote_id="in", name="INBOX", full_name="INBOX", label="inbox", is_folder=1)
    insert(made, "folders", remote_id="p", name="Projects", full_name="Projects", is_folder=1)
    insert(made, "folders", remote_id="p1", name="Pier", full_name="Projects/Pier", parent_remote_id="p", is_folder=1)
    insert(made, "folders", remote_id="l", name="Choir", full_name="Choir", is_label=1, is_folder=0)
    return made.read_bytes()


@pytest.fixture
def path(quick_path: Path, two_accounts: bytes) -> Path:
    """A mirror of one's own with two accounts."""
    made = quick_path / "mirror.db"
    made.write_bytes(two_accounts)
    return made


def letter(path: Path, subject: str, day: int = 1, body: str | None = None, **columns: Any) -> int:
    made = insert(
        path, "messages", subject=subject, received_at=columns.pop("at", f"2026-01-{day:02}T09:00:00.000Z"),
        **{"folder_id": 1, "unread": 0, "has_attachments": 0, **columns},
    )  # fmt: skip
    if body is not None:
        insert(path, "message_bodies", message_id=made, html=body, text=re.sub("<[^>]*>", " ", body))
    return made


def letters(path: Path, mails: list[tuple[str, int, int]]) -> None:
    """Many mails at once: when each was received, whether it is unread, whether it has attachments. Called by their number."""
    conn = sqlite3.connect(path)
    with conn:
        conn.executemany(
            "INSERT INTO messages (account_id, remote_id, observed_at, seq, generation, raw, folder_id, subject, received_at,"
            " unread, has_attachments) VALUES (1, ?1, '', 1000 + ?1, 1, '{}', 1, ?1, ?2, ?3, ?4)",
            [(number, *mail) for number, mail in enumerate(mails)],
        )
    conn.close()


def attach(path: Path, message_id: int, content: bytes | None, **columns: Any) -> int:
    digest = hashlib.sha256(content or b"").hexdigest()
    if content is not None:
        blobs = sqlite3.connect(path.parent / "blobs.db")
        with blobs:
            blobs.execute(BLOBS_SCHEMA)
            blobs.execute("INSERT OR IGNORE INTO blobs VALUES (?, ?, ?)", [digest, len(content), content])
        blobs.close()
    row = {
        "message_id": message_id, "remote_id": columns.get("name", "a"), "inline": 0, "size_bytes": len(content or b""),
        "kept": "wanted" if content is None else "yes", "sha256": None if content is None else digest, **columns,
    }  # fmt: skip
    return insert(path, "attachments", **row)


def subjects(datasette: Datasette, **query: Any) -> list[str]:
    page = get(datasette, "/mail", **query)
    assert page.status_code == 200, page.text
    return [node.text() for node in LexborHTMLParser(page.text).css(".rows .subject")]


def tree(html: str) -> LexborHTMLParser:
    return LexborHTMLParser(html)


# --- the list -------------------------------------------------------------------------------------------------------------


def test_a_list_shows_the_newest_mail_first_and_leaves_out_what_is_deleted(path: Path) -> None:
    letter(path, "old", 1)
    letter(path, "new", 3)
    letter(path, "gone", 4, deleted_at="2026-01-05T00:00:00.000Z", deletion="reported")
    letter(path, "mid", 2)

    assert subjects(browse(path)) == ["new", "mid", "old"]


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ({"folder": 3}, ["in projects"]),
        ({"folder": "inbox"}, ["at home", "unread", "tagged", "sent by Bo"]),
        ({"folder": "inbox", "account": 2}, ["at home"]),
        ({"account": 2}, ["at home"]),
        ({"unread": 1}, ["unread"]),
        ({"unread": 1, "folder": 3}, []),
        ({"unread": 1, "account": 2}, []),
        ({"unread": 1, "folder": 1, "attachments": 1}, ["unread"]),
        ({"attachments": 1}, ["unread", "tagged"]),
        ({"label": "Choir"}, ["tagged"]),
        ({"label": "important"}, ["tagged"]),
        ({"label": "Cho"}, []),
        ({"folder": 5}, ["tagged"]),
        ({"from": "BO@x.example"}, ["sent by Bo"]),
        ({"from": "bo@x.example", "folder": 3}, []),
        ({"from": "bo@x.example", "unread": 1}, []),
        ({"account": 1, "label": "Choir", "attachments": 1, "folder": 1}, ["tagged"]),
    ],
)
def test_filters_choose_what_is_listed(path: Path, query: dict[str, Any], expected: list[str]) -> None:
    letter(path, "sent by Bo", 1, from_email="bo@x.example")
    letter(path, "tagged", 2, keywords='["Choir"]', labels='["important"]', has_attachments=1)
    letter(path, "unread", 3, unread=1, has_attachments=1)
    letter(path, "in projects", 4, folder_id=3)
    letter(path, "at home", 5, account_id=2, folder_id=2)

    assert subjects(browse(path), **query) == expected


def test_an_inbox_that_is_a_label_is_part_of_all_inboxes(path: Path) -> None:
    insert(path, "accounts", name="gmail", email="ada@g.example")
    insert(path, "folders", account_id=3, remote_id="INBOX", name="INBOX", label="inbox", is_label=1, is_folder=0)
    letter(path, "in a folder", 1)
    letter(path, "with a label", 2, account_id=3, folder_id=None, labels='["inbox","unread"]')
    letter(path, "archived", 3, account_id=3, folder_id=None, labels='["important"]')

    assert subjects(browse(path), folder="inbox") == ["with a label", "in a folder"]
    assert subjects(browse(path), folder=6) == ["with a label"]


@pytest.mark.parametrize(
    "query", [{}, {"folder": 1}, {"folder": "inbox"}, {"account": 1}, {"attachments": 1}, {"unread": 1}]
)
def test_pages_follow_each_other_without_gap_or_repetition(path: Path, query: dict[str, Any]) -> None:
    letters(path, [(f"2026-01-{1 + number // 30:02}T09:00:00.000Z", 1, 1) for number in range(130)])
    datasette = browse(path)

    seen: list[str] = []
    url = "/mail?" + "&".join(f"{name}={value}" for name, value in query.items())
    pages = 0
    while url:
        page = tree(get(datasette, url).text)
        seen += [node.text() for node in page.css(".rows .subject")]
        older = page.css_first("a[rel=next]")
        url = older.attributes["href"] if older else ""
        pages += 1

    assert seen == [str(number) for number in sorted(range(130), key=lambda n: (-(n // 30), -n))]
    assert pages == 3


def test_what_is_rare_is_looked_for_in_a_window_and_then_further_back(path: Path) -> None:
    many = queries.WINDOW + 40
    times = [f"2026-01-01T{n // 3600:02}:{n // 60 % 60:02}:{n % 60:02}.000Z" for n in range(many)]
    letters(path, [(at, 0, int(number in (5, many - 5))) for number, at in enumerate(times)])

    first = tree(get(browse(path), "/mail", attachments=1).text)
    older = first.css_first("a[rel=next]")
    second = tree(get(browse(path), older.attributes["href"]).text)

    assert [node.text() for node in first.css(".rows .subject")] == [str(many - 5)]
    assert older.text() == "Look further back →"
    assert [node.text() for node in second.css(".rows .subject")] == ["5"]
    assert second.css_first("a[rel=next]") is None


def test_mail_without_a_time_comes_last(path: Path) -> None:
    letter(path, "undated", at=None)
    letter(path, "dated")

    assert subjects(browse(path)) == ["dated", "undated"]
    assert subjects(browse(path), folder=3) == []


def test_the_tree_has_well_known_folders_first_and_counts_what_is_unread(path: Path) -> None:
    for number in range(3):
        letter(path, f"mail {number}", unread=1)
    letter(path, "home", unread=1, account_id=2, folder_id=2)
    letter(path, "gone", unread=1, deleted_at="2026-01-05T00:00:00.000Z")

    page = tree(get(browse(path), "/mail", folder=4).text)

    names = [" ".join(node.text().split()) for node in page.css(".tree li a, .tree h2")]
    assert names == [
        "All inboxes 4 unread",
        "All mail",
        "home",
        "Inbox 1 unread",
        "work",
        "Inbox 3 unread",
        "Projects",
        "Pier",
        "Choir",
    ]
    assert page.css_first(".tree .deep-1").text().strip() == "Pier"
    assert page.css_first(".tree a[aria-current]").text().strip() == "Pier"
    assert page.css_first("h1").text() == "Projects/Pier"


def test_folders_that_contain_each_other_are_shown_all_the_same(path: Path) -> None:
    insert(path, "folders", remote_id="a", parent_remote_id="b", name="A", is_folder=1)
    insert(path, "folders", remote_id="b", parent_remote_id="a", name="B", is_folder=1)

    page = tree(get(browse(path), "/mail").text)

    assert {"A", "B"} <= {node.text() for node in page.css(".tree .name")}


def test_one_s_own_mail_is_listed_by_whom_it_went_to(path: Path) -> None:
    letter(
        path, "a", from_email="ada@work.example", from_name="Ada", recipients="Bo Harbour <bo@x.example>, cy@x.example"
    )

    assert "To Bo Harbour, cy@x.example" in tree(get(browse(path), "/mail").text).css_first(".who").text()


@pytest.mark.parametrize(
    ("query", "status"),
    [
        ({"account": "x"}, 400), ({"folder": "nowhere"}, 400), ({"folder": "99"}, 404), ({"before": "yesterday"}, 400),
        ({"before": "2026-01-01T00:00:00.000Z_1' OR 1"}, 400), ({"at": "once"}, 400), ({"account": 9}, 200),
    ],
)  # fmt: skip
def test_what_can_not_be_asked_for_is_said_in_words(path: Path, query: dict[str, Any], status: int) -> None:
    assert get(browse(path), "/mail", **query).status_code == status


def test_an_empty_mirror_says_what_would_be_here(quick_path: Path) -> None:
    page = get(browse(blank_mirror(quick_path)), "/mail")

    assert "mirror account add" in page.text


def test_every_list_finds_its_mail_by_an_index(path: Path) -> None:
    conn = sqlite3.connect(path)
    values = {
        "before_at": "9999", "before_id": 9, "window": 51, "most": 51, "account": 1, "sender": "x", "folders": "[1]",
        "places": "[[1,1]]", "label": '"x"', "place": '"x"',
    }  # fmt: skip

    for way in ("all", "sender", "folders", "unread", "account"):
        sql = queries.listing(way, tuple(queries.CONDITIONS))
        plan = [row[3] for row in conn.execute(f"EXPLAIN QUERY PLAN {sql}", values)]
        assert not [step for step in plan if re.match(r"SCAN (one|messages)", step)], (way, plan)
    conn.close()


# --- one mail -------------------------------------------------------------------------------------------------------------


def test_a_mail_stands_open_among_the_others_of_its_conversation(path: Path) -> None:
    ids = [
        letter(path, f"Tea {n}", n, f"<p>body {n}", thread_id="t", from_name=f"P{n}", snippet=f"s{n}")
        for n in range(1, 8)
    ]
    letter(path, "other", 3, thread_id="u", snippet="elsewhere")
    letter(path, "gone", 3, thread_id="t", snippet="gone", deleted_at="2026-01-05T00:00:00.000Z", deletion="absent")

    page = tree(get(browse(path), f"/mail/{ids[5]}").text)

    assert [node.text() for node in page.css(".conversation .who")] == ["P1", "P2", "P3", "P4", "P5", "P7"]
    assert page.css_first(".earlier summary").text() == "3 earlier mails"
    assert page.css_first("iframe").attributes["src"] == f"/mail/{ids[5]}/body"
    assert page.css_first(f'.conversation a[href="/mail/{ids[6]}"]') is not None


def test_html_is_shown_in_a_frame_and_on_demand_as_text(path: Path) -> None:
    made = letter(path, "Tea", body=f"<p>Hi</p><img src={EVIL}/i.png><script>x</script>")
    datasette = browse(path)

    as_html, as_text = get(datasette, f"/mail/{made}"), get(datasette, f"/mail/{made}", view="text")

    frame = tree(as_html.text).css_first("iframe").attributes
    assert "allow-scripts" not in frame["sandbox"]
    assert "Left out: 1 remote image, 1 script." in as_html.text
    assert as_html.headers["referrer-policy"] == "no-referrer"
    assert tree(as_text.text).css_first("iframe") is None
    assert "Hi" in tree(as_text.text).css_first(".said").text()


def test_the_frame_s_page_has_a_policy_that_lets_nothing_in(path: Path) -> None:
    made = letter(path, "Tea", body=f"<p>Hi</p><img src={EVIL}/i.png>")

    body = get(browse(path), f"/mail/{made}/body")

    assert body.headers["content-security-policy"].startswith(
        "default-src 'none'; img-src data:; style-src 'unsafe-inline'"
    )
    assert "sandbox allow-same-origin allow-popups" in body.headers["content-security-policy"]
    assert "allow-scripts" not in body.headers["content-security-policy"]
    assert (body.headers["referrer-policy"], body.headers["x-content-type-options"]) == ("no-referrer", "nosniff")
    assert EVIL not in body.text
    assert '<span class="not-loaded">remote image not loaded</span>' in body.text


def test_pictures_in_the_text_come_from_the_attachments(path: Path) -> None:
    made = letter(path, "Tea", body="<img src='cid:logo@x'><img src='cid:evil@x' alt='evil'>")
    attach(path, made, PNG, name="logo.png", mime_type="image/png", content_id="<logo@x>", inline=1)
    attach(path, made, b"<svg onload=alert(1)>", name="evil.svg", mime_type="image/png", content_id="evil@x", inline=1)

    body = get(browse(path), f"/mail/{made}/body").text

    assert base64.b64encode(PNG).decode() in body
    assert "image not here: evil" in body
    assert "svg" not in body


def test_a_plain_text_keeps_its_lines_and_folds_what_is_quoted(path: Path) -> None:
    made = letter(path, "Tea", body="See https://x.example/a.\n  indented <b@x.example>\n\nAda wrote:\n> old\n-- \nBo")

    page = tree(get(browse(path), f"/mail/{made}").text)

    assert page.css_first("iframe") is None
    assert page.css_first(".said").text() == "See https://x.example/a.\n  indented <b@x.example>\n"
    link = page.css_first('.said a[href="https://x.example/a"]').attributes
    assert (link["rel"], link["target"]) == ("noopener noreferrer", "_blank")
    assert [node.text() for node in page.css(".text summary")] == ["Quoted text", "Signature"]
    assert page.css_first("details.quote .said").text() == "Ada wrote:\n> old"


def test_a_mail_tells_who_got_it_and_folds_a_crowd(path: Path) -> None:
    made = letter(
        path, "Tea", body="x", from_name="Bo", from_email="bo@x.example", labels='["inbox"]', keywords='["Choir"]'
    )
    for number in range(9):
        insert(path, "message_recipients", message_id=made, role="to", email=f"p{number}@x.example")
    insert(path, "message_recipients", message_id=made, role="reply_to", email="list@x.example", name="The list")

    page = tree(get(browse(path), f"/mail/{made}").text)

    assert [node.text() for node in page.css(".recipients dt")] == ["To", "Reply to"]
    assert page.css_first(".recipients details summary").text() == "and 3 more"
    assert page.css_first('.from a[href="/people/bo@x.example"]').text() == "Bo"
    assert [node.attributes["href"] for node in page.css(".labels a")] == ["/mail?label=inbox", "/mail?label=Choir"]


def test_a_deleted_mail_keeps_its_page(path: Path) -> None:
    made = letter(path, "Tea", body="<p>x", thread_id="t", deleted_at="2026-01-05T00:00:00.000Z", deletion="absent")

    page = get(browse(path), f"/mail/{made}")

    assert "it was missing from a complete listing" in page.text
    assert tree(page.text).css_first("iframe") is not None


def test_a_mail_without_its_text_says_so(path: Path) -> None:
    waiting, empty = letter(path, "a"), letter(path, "b", body="")
    datasette = browse(path)

    assert "The text of this mail is not here yet." in get(datasette, f"/mail/{waiting}").text
    assert "This mail has no text." in get(datasette, f"/mail/{empty}").text
    assert get(datasette, f"/mail/{waiting}/body").status_code == 404
    assert get(datasette, "/mail/99").status_code == 404
    assert get(datasette, "/mail/99/body").status_code == 404
    assert get(datasette, "/mail/9999999999999999999999").status_code == 404


def test_header_lines_and_the_record_are_there_folded(path: Path) -> None:
    raw = json.dumps(
        {"internetHeaders": [{"name": "X-Spam", "value": "no"}, {"name": "Received", "value": "by <x>"}], "é": 1}
    )
    made = letter(path, "Tea", body="x", raw=raw)

    page = tree(get(browse(path), f"/mail/{made}").text)

    assert [node.text() for node in page.css(".headers dd")] == ["no", "by <x>"]
    assert json.loads(page.css_first("details.raw pre").text()) == json.loads(raw)


@pytest.mark.parametrize(
    "raw", ["[]", '{"internetHeaders": "x"}', '{"internetHeaders": [1, null]}', '{"internetHeaders": {"a": 1}}']
)
def test_a_record_of_another_shape_breaks_no_page(path: Path, raw: str) -> None:
    made = letter(path, "Tea", body="x", raw=raw, labels="{", keywords='"x"')

    assert get(browse(path), f"/mail/{made}").status_code == 200


def test_an_invitation_leads_to_its_event(path: Path) -> None:
    insert(path, "calendars", name="Work")
    event = insert(
        path,
        "events",
        calendar_id=1,
        subject="Tea at the pier",
        ical_uid="tea@x.example",
        starts_at="2026-01-05T09:00:00.000Z",
    )
    made = letter(path, "Invitation", body="x", meeting_method="request")
    attach(path, made, ICS, name="invite.ics", mime_type="text/calendar")
    broken = letter(path, "Broken", body="x")
    attach(path, broken, b"\xff\x00 no calendar", name="invite.ics", mime_type="text/calendar")
    datasette = browse(path)

    link = tree(get(datasette, f"/mail/{made}").text).css_first(".invitation a")

    assert (link.text(), link.attributes["href"]) == ("Tea at the pier", f"/events/{event}")
    assert tree(get(datasette, f"/mail/{broken}").text).css_first(".invitation") is None


def test_what_was_hostile_is_text_on_every_page(path: Path) -> None:
    ids = [
        letter(path, name, body=f"<p>{html}", snippet=html[:200], from_name=html[:100])
        for name, html in [*HOSTILE.items()][::9]
    ]
    ids += [letter(path, **{"subject": name, "body": "x", **columns}) for name, columns in HEADERS.items()]
    datasette = browse(path)

    for url in ("/mail", *(f"/mail/{made}{view}" for made in ids for view in ("", "?view=text"))):
        page = tree(get(datasette, url).text)
        handlers = [name for node in page.css("*") for name in node.attributes if name.startswith("on")]
        loaded = [
            node.attributes.get("src") or "" for node in page.css("script, img, iframe, link, source, video, object")
        ]
        assert handlers == [], url
        assert [source for source in loaded if source and not source.startswith(("/-/", "/mail/"))] == [], url
        assert [
            node.html for node in page.css("[href]") if (node.attributes["href"] or "").lower().startswith("javascript")
        ] == []


# --- attachments ----------------------------------------------------------------------------------------------------------


def test_attachments_are_listed_with_what_became_of_their_bytes(path: Path) -> None:
    made = letter(path, "Tea", body="x")
    kept = attach(path, made, b"%PDF-1.7", name="tide.pdf", mime_type="application/pdf")
    attach(path, made, PNG, name="pier.png", mime_type="image/png")
    attach(path, made, None, name="big.iso", kept="policy", size_bytes=5_000_000_000)
    attach(path, made, None, name="soon.txt")
    attach(path, made, None, name="lost.txt", kept="failed")
    attach(path, made, b"x", name="once.txt", removed_at="2026-01-05T00:00:00.000Z")

    page = tree(get(browse(path), f"/mail/{made}").text)

    items = [" ".join(node.text().split()) for node in page.css(".attached > ul > li")]
    assert items == [
        "tide.pdf application/pdf, 8 bytes Download",
        f"pier.png image/png, {len(PNG)} bytes Open Download", "big.iso 5.0 GB not kept: policy", "soon.txt 0 bytes not here yet",
        "lost.txt 0 bytes could not be had",
    ]  # fmt: skip
    assert page.css_first(f'a[href="/attachments/{kept}?download=1"]') is not None
    assert page.css_first(".attached details summary").text() == "1 no longer attached"


@pytest.mark.parametrize(
    ("name", "mime_type", "content", "content_type", "how"),
    [
        ("a.png", "image/png", PNG, "image/png", "inline"),
        ("a.png", "text/html", PNG, "image/png", "inline"),
        ("a.txt", "text/plain", "Grüße".encode("latin-1"), "text/plain; charset=utf-8", "inline"),
        ("a.csv", "text/csv; charset=x", b"a,b", "text/plain; charset=utf-8", "inline"),
        ("a.html", "text/html", b"<script>alert(1)</script>", "application/octet-stream", "attachment"),
        ("a.png", "image/png", b"<script>alert(1)</script>", "application/octet-stream", "attachment"),
        ("a.svg", "image/svg+xml", b"<svg onload=alert(1)/>", "application/octet-stream", "attachment"),
        ("a.pdf", "application/pdf", b"%PDF-1.7", "application/octet-stream", "attachment"),
        ("a.js", "text/javascript", b"alert(1)", "application/octet-stream", "attachment"),
        ("a.xml", "application/xml", b"<x/>", "application/octet-stream", "attachment"),
        ("a", None, b"", "application/octet-stream", "attachment"),
    ],
)
def test_bytes_are_shown_only_where_they_can_do_nothing(
    path: Path, name: str, mime_type: str, content: bytes, content_type: str, how: str
) -> None:
    made = attach(path, letter(path, "Tea"), content, name=name, mime_type=mime_type)

    answer = get(browse(path), f"/attachments/{made}")
    kept = get(browse(path), f"/attachments/{made}", download=1)

    assert answer.headers["content-type"] == content_type
    assert answer.headers["content-disposition"] == f'{how}; filename="{name}"'
    assert answer.headers["content-security-policy"].startswith("sandbox; default-src 'none'")
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert (kept.content, kept.headers["content-disposition"][:10]) == (content, "attachment")
    assert kept.headers["content-type"] == "application/octet-stream"


def test_text_is_shown_in_utf_8(path: Path) -> None:
    made = attach(path, letter(path, "Tea"), "Grüße".encode("latin-1"), name="a.txt", mime_type="text/plain")

    assert get(browse(path), f"/attachments/{made}").text == "Grüße"


@pytest.mark.parametrize("name", [name for name in NAMES if "\ud800" not in name])
def test_a_name_injects_no_header_and_no_markup(path: Path, name: str) -> None:
    message = letter(path, "Tea", body="x")
    made = attach(path, message, b"x", name=name)
    datasette = browse(path)

    answer = get(datasette, f"/attachments/{made}")
    page = tree(get(datasette, f"/mail/{message}").text)

    assert "set-cookie" not in answer.headers
    assert "x-injected" not in answer.headers
    assert answer.headers["content-disposition"].startswith('attachment; filename="')
    assert page.css_first(".attached img, .attached script") is None
    assert not re.search("[\u202a-\u202e\u2066-\u2069]", page.css_first(".attached .file").text())


@pytest.mark.parametrize(
    ("kept", "sentence"),
    [("policy", "policy leaves it out"), ("wanted", "not here yet"), ("failed", "could not be had")],
)
def test_bytes_that_are_not_here_are_a_404_that_says_why(path: Path, kept: str, sentence: str) -> None:
    made = attach(path, letter(path, "Tea"), None, name="a", kept=kept)

    answer = get(browse(path), f"/attachments/{made}")

    assert answer.status_code == 404
    assert sentence in answer.text
    assert get(browse(path), "/attachments/99").status_code == 404


def test_bytes_are_read_from_a_file_that_is_never_made_by_reading(path: Path) -> None:
    made = insert(path, "attachments", message_id=letter(path, "x"), remote_id="1", kept="yes", sha256="0" * 64)

    assert get(browse(path), f"/attachments/{made}").status_code == 404
    assert not (path.parent / "blobs.db").exists()


# --- the demo and earlier moments -----------------------------------------------------------------------------------------


def test_every_folder_and_the_longest_conversation_of_the_demo_open(demo_home: Path) -> None:
    datasette = browse(demo_home / "mirror.db")
    conn = sqlite3.connect(f"file:{demo_home / 'mirror.db'}?mode=ro", uri=True)
    (longest,) = conn.execute(
        "SELECT max(id) FROM messages GROUP BY thread_id ORDER BY count(*) DESC LIMIT 1"
    ).fetchone()
    conn.close()

    page = tree(get(datasette, "/mail").text)
    for link in page.css(".tree a"):
        answer = get(datasette, link.attributes["href"])
        assert answer.status_code == 200, link.attributes["href"]
    assert len(page.css(".rows li")) == 50
    assert len(tree(get(datasette, f"/mail/{longest}").text).css(".conversation li")) == 10


def test_a_mail_reads_as_it_was_at_an_earlier_moment(path: Path) -> None:
    made = letter(path, "First", body="<p>one", raw='{"subject":"First"}')
    conn = sqlite3.connect(path)
    with conn:
        conn.execute(
            "UPDATE messages SET subject = 'Second', raw = ?, seq = 900, observed_at = '2026-03-01T00:00:00.000Z'",
            ['{"subject":"Second"}'],
        )
    conn.close()
    datasette = browse(path)

    then, now = get(datasette, f"/mail/{made}", at="2026-02-01"), get(datasette, f"/mail/{made}")

    assert tree(then.text).css_first("h1").text() == "First"
    assert "at=2026-02-01" in tree(then.text).css_first("iframe").attributes["src"]
    assert tree(now.text).css_first("h1").text() == "Second"
    assert subjects(datasette, at="2026-02-01") == ["First"]
    row = tree(get(datasette, "/mail", at="2026-02-01").text).css_first(".rows a").attributes["href"]
    assert row.startswith(f"/mail/{made}?at=2026-02-01")
    assert get(datasette, f"/mail/{made}/body", at="2026-02-01").status_code == 200
    assert subjects(datasette, at="2025-02-01") == []
