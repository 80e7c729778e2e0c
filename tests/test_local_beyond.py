"""What a mirror serves beyond the vendor's file: lists, words, past moments and page sizes. A sandbox has none of it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from local_wire import Local, local
from sandbox_wire import asking_wrongly, sandbox
from worlds import CONTACTS, EVENTS, MESSAGES, TASKS

from mirror import clock as clocks


@pytest.fixture
def mirrored(tmp_path: Path) -> Iterator[Local]:
    made = local(tmp_path)
    for number, name in enumerate(("Ada Okafor", "Ben Okafor", "Çelik Demir", "Dora Okafor")):
        made.upstream.put(CONTACTS, f"c{number}", name, company={"name": "Tidemark"})
        made.upstream.put(EVENTS, f"e{number}", f"Lunch with {name}")
        made.upstream.put(TASKS, f"t{number}", f"Call {name}")
        made.upstream.put(MESSAGES, f"m{number}", f"From {name}", sysLabels=["inbox"])
    made.world.pull()
    yield made
    made.world.store.close()


def found(mirrored: Local, path: str, **params: Any) -> list[str]:
    pages, token = [], None
    while True:
        page = mirrored.beyond.get(path, params={**params, **({"pageToken": token} if token else {})}).json()
        pages += [record["id"] for record in page["records"]]
        token = page.get("nextPageToken")
        if token is None:
            return pages


def test_contacts_and_events_are_listed(mirrored: Local) -> None:
    assert found(mirrored, "/contacts") == ["c0", "c1", "c2", "c3"]
    assert found(mirrored, "/calendars/primary/events") == ["e0", "e1", "e2", "e3"]


@pytest.mark.parametrize(
    ("path", "letter"),
    [("/contacts", "c"), ("/calendars/home/events", "e"), ("/tasklists/default/tasks", "t"), ("/email/messages", "m")],
)
def test_lists_are_searched_by_the_beginnings_of_words(mirrored: Local, path: str, letter: str) -> None:
    def numbers(q: str) -> set[str]:
        return {name.removeprefix(letter) for name in found(mirrored, path, q=q)}

    assert numbers("okaf") == {"0", "1", "3"}
    assert numbers("Ben Okafor") == {"1"}
    assert numbers("nobody") == set()
    assert numbers('" OR *') == set()


def test_words_find_what_is_edited_as_it_reads_now(mirrored: Local) -> None:
    mirrored.http.patch("/contacts/c0", json={"nickName": "Grace Hopper"}, headers={"If-Match": "*"})
    made = mirrored.http.post("/contacts", json={"nickName": "Hopper junior"}).json()["id"]

    assert found(mirrored, "/contacts", q="hopper") == ["c0", made]
    assert found(mirrored, "/contacts", q="ada okafor") == []


def test_pages_are_as_long_as_asked_for(mirrored: Local) -> None:
    sizes = [
        len(mirrored.beyond.get("/contacts", params={"pageSize": size}).json()["records"]) for size in (1, 2, 1000)
    ]
    token = mirrored.start("/contacts")[0]
    feed = mirrored.beyond.get("/contacts/sync/updated", params={"deltaToken": token, "pageSize": "2"}).json()
    wrong = [mirrored.beyond.get("/contacts", params={"pageSize": size}).status_code for size in ("0", "1001", "x")]

    assert sizes == [1, 2, 4]
    assert (feed["length"], "nextPageToken" in feed) == (2, True)
    assert wrong == [400, 400, 400]


# --- the past -------------------------------------------------------------------------------------------------------------------


@pytest.fixture
def then(mirrored: Local) -> str:
    """A moment, after which everything became otherwise."""
    mirrored.clock.sleep(60)
    at = clocks.text(mirrored.clock.now())
    mirrored.clock.sleep(60)
    for feed, letter in ((CONTACTS, "c"), (EVENTS, "e"), (TASKS, "t"), (MESSAGES, "m")):
        mirrored.upstream.put(feed, f"{letter}0", "now", **({"body": "<p>now</p>"} if feed == MESSAGES else {}))
        mirrored.upstream.put(feed, f"{letter}9", "new")
        mirrored.upstream.drop(feed, f"{letter}1")
    mirrored.world.pull()
    return at


@pytest.mark.parametrize(
    ("path", "letter", "title"),
    [
        ("/contacts", "c", "nickName"), ("/calendars/home/events", "e", "subject"), ("/tasklists/chores/tasks", "t", "title"),
        ("/email/messages", "m", "subject"),
    ],
)  # fmt: skip
def test_the_past_is_read_as_it_was_known(mirrored: Local, then: str, path: str, letter: str, title: str) -> None:
    def shown(**params: str) -> tuple[list[str], list[str | None]]:
        records = [mirrored.beyond.get(f"{path}/{letter}{number}", params=params).json() for number in "019"]
        return sorted(found(mirrored, path, **params)), [record.get(title) for record in records]

    prefix = {"c": "", "e": "Lunch with ", "t": "Call ", "m": "From "}[letter]
    assert shown(asOf=then) == (
        [f"{letter}{number}" for number in range(4)],
        [f"{prefix}Ada Okafor", f"{prefix}Ben Okafor", None],
    )
    assert shown() == ([f"{letter}{number}" for number in (0, 2, 3, 9)], ["now", None, "new"])


def test_a_body_of_the_past_is_the_one_that_was_there(mirrored: Local, then: str) -> None:
    past, now = (mirrored.beyond.get("/email/messages/m0", params=params).json() for params in ({"asOf": then}, {}))

    assert (past["body"], now["body"]) == ("<p>body of From Ada Okafor</p>", "<p>now</p>")


def test_what_took_place_is_told_as_it_was_planned_then(mirrored: Local, then: str) -> None:
    window = {"timeMin": "2026-01-10T00:00:00Z", "timeMax": "2026-01-11T00:00:00Z"}

    past = found(mirrored, "/calendars/home/events/range", **window, asOf=then)
    now = found(mirrored, "/calendars/home/events/range", **window)

    assert (sorted(past), sorted(now)) == (["e0", "e1", "e2", "e3"], ["e0", "e2", "e3", "e9"])


@pytest.mark.parametrize(
    "q", ["okaf", "Ben Okafor", "celik", "ÇELİK", "demir, çelik", "nickName", "nobody", '" OR *', "kafor"]
)
def test_the_same_words_find_the_same_in_the_past_as_they_did_then(mirrored: Local, q: str) -> None:
    mirrored.clock.sleep(60)
    at = clocks.text(mirrored.clock.now())

    assert found(mirrored, "/contacts", q=q, asOf=at) == found(mirrored, "/contacts", q=q)


@pytest.mark.parametrize(
    "q", ["*", "^a", "NEAR(a b)", "a AND", "-", "nickname:Ada", "'", "\x00", "é" * 2_000, "a" * 5_000, "🦆"]
)
@pytest.mark.parametrize("path", ["/contacts", "/calendars/home/events", "/tasklists/default/tasks", "/email/messages"])
def test_no_words_are_taken_for_a_query_language_or_break_anything(mirrored: Local, path: str, q: str) -> None:
    answer = mirrored.beyond.get(path, params={"q": q})

    assert answer.status_code in (200, 400), answer.text


def test_before_anything_was_known_there_is_nothing_and_in_the_future_all_that_is_known_now(mirrored: Local) -> None:
    assert found(mirrored, "/contacts", asOf="2001-01-01T00:00:00Z") == []
    assert mirrored.beyond.get("/contacts/c0", params={"asOf": "2001-01-01T00:00:00Z"}).status_code == 404
    assert found(mirrored, "/contacts", asOf="2999-01-01T00:00:00Z") == found(mirrored, "/contacts")


def test_words_are_found_in_the_past(mirrored: Local, then: str) -> None:
    assert found(mirrored, "/contacts", asOf=then, q="ben okafor") == ["c1"]
    assert found(mirrored, "/email/messages", asOf=then, q="Ada") == ["m0"]


def test_edits_are_no_part_of_the_past(mirrored: Local, then: str) -> None:
    mirrored.http.patch("/contacts/c2", json={"nickName": "edited"}, headers={"If-Match": "*"})

    past, now = (mirrored.beyond.get("/contacts/c2", params=params).json() for params in ({"asOf": then}, {}))

    assert (past["nickName"], now["nickName"]) == ("Çelik Demir", "edited")


def test_the_past_is_neither_changed_nor_followed_and_its_page_tokens_are_its_own(mirrored: Local, then: str) -> None:
    page = mirrored.beyond.get("/contacts", params={"asOf": then}).json()["nextPageToken"]

    answers = [
        mirrored.beyond.post("/contacts", params={"asOf": then}, json={"nickName": "x"}),
        mirrored.beyond.post("/contacts/sync", params={"asOf": then}),
        mirrored.beyond.get("/contacts", params={"asOf": "yesterday"}),
        mirrored.beyond.get("/contacts", params={"pageToken": page}),
    ]

    assert [one.status_code for one in answers] == [400] * 4
    assert mirrored.beyond.get("/contacts", params={"pageToken": page, "asOf": then}).json()["records"][0]["id"] == "c3"


def test_a_sandbox_has_none_of_this() -> None:
    box = sandbox()
    http = asking_wrongly(box)
    tasks = "/tasklists/default/tasks"
    for title in ("one", "two"):
        box.http.post(tasks, json={"title": title})

    assert http.get("/contacts").status_code == 405
    assert http.get("/calendars/primary/events").status_code == 405
    assert (
        len(http.get(tasks, params={"q": "one", "pageSize": "1", "asOf": "2020-01-01T00:00:00Z"}).json()["records"])
        == 2
    )
