"""Who is who: the rule of the cards, what overrules it, the view `people`, and `mirror people`."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest
from mirror_cli import Cli
from web_demo import insert

from mirror.errors import Usage
from mirror.store import people
from mirror.store.connection import Store, open_store

AT = "2026-03-0{}T10:00:00.000Z"


@pytest.fixture
def home(quick_path: Path) -> Path:
    """Two accounts. Ada has two cards in two accounts that share an address; Ben and Cy one each; Dee has mails only."""
    folder = quick_path / "home"
    open_store(folder).close()
    db = folder / "mirror.db"
    for number, name in ((1, "work"), (2, "home")):
        insert(db, "accounts", id=number, name=name, email=f"ME{number}@x.test")
    card(db, 1, "Ada", "ada@work.test", "ada@x.test")
    card(db, 2, "Ada at home", "ada@x.test", "ada@home.test", account=2)
    card(db, 3, "Ben", "ben@x.test", "family@x.test")
    card(db, 4, "Cy", "cy@x.test", "family@x.test", account=2)
    mail(db, 1, "ada@work.test")
    mail(db, 2, "ada@home.test", account=2)
    mail(db, 3, "me1@x.test", "ada@x.test", "dee@x.test")
    mail(db, 4, "ben@x.test")
    mail(db, 5, "dee@x.test", name="Dee D.")
    return folder


@pytest.fixture
def store(home: Path) -> Iterator[Store]:
    opened = open_store(home)
    yield opened
    opened.close()


def card(db: Path, number: int, name: str | None, *emails: str, account: int = 1) -> None:
    insert(db, "contacts", id=number, account_id=account, name=name, emails=", ".join(emails))
    for email in emails:
        insert(db, "contact_emails", contact_id=number, email=email)


def mail(db: Path, day: int, sender: str, *to: str, account: int = 1, name: str | None = None) -> int:
    """A mail of that day; one from oneself is a sent one."""
    labels = '["sent"]' if sender.startswith("me") else '["inbox"]'
    made = insert(
        db, "messages", account_id=account, from_email=sender, from_name=name, received_at=AT.format(day), labels=labels,
        subject=f"Mail {day}",
    )  # fmt: skip
    for email in to:
        insert(db, "message_recipients", message_id=made, role="to", email=email, name=None)
    return made


def whole(store: Store) -> dict[str, set[str]]:
    """Names and addresses of everybody in the view."""
    return {row["name"]: set(row["emails"].split(", ")) for row in people.listed(store)}


def agree(store: Store) -> None:
    """The view and the quick way to one person know the same addresses of everybody."""
    for row in people.listed(store):
        for email in row["emails"].split(", "):
            assert people.addresses_of(store.conn, email) == sorted(row["emails"].split(", "))


# --- the rule -----------------------------------------------------------------------------------------------------------


def test_addresses_that_share_a_card_are_one_persons_from_card_to_card_and_account_to_account(store: Store) -> None:
    assert whole(store) == {
        "Ada": {"ada@work.test", "ada@x.test", "ada@home.test"},
        "Ben": {"ben@x.test", "family@x.test", "cy@x.test"},
        "Dee D.": {"dee@x.test"},
    }
    agree(store)


def test_a_person_is_counted_over_all_addresses(store: Store) -> None:
    (ada,) = people.listed(store, "ada")

    assert ada["email"] == "ada@x.test"
    assert (ada["mails_received"], ada["mails_sent"], ada["meetings"]) == (2, 1, 0)
    assert (ada["first_at"], ada["last_at"]) == (AT.format(1), AT.format(3))
    assert (ada["contact_id"], ada["contact_ids"]) == (1, "1, 2")


def test_a_deleted_card_says_nothing_any_more(store: Store) -> None:
    store.conn.execute("UPDATE contacts SET deleted_at = '2026', deletion = 'reported', seq = 1000 WHERE id = 2")

    assert whole(store)["Ada"] == {"ada@work.test", "ada@x.test"}
    assert {"ada@home.test"} in whole(store).values()
    agree(store)


def test_oneself_is_nobody_else(store: Store, home: Path) -> None:
    card(home / "mirror.db", 9, "Me", "me1@x.test", "dee@x.test")

    assert not {"Me", "Dee D."} & set(whole(store))


def test_deleted_mails_and_cancelled_meetings_do_not_count(store: Store, home: Path) -> None:
    db = home / "mirror.db"
    insert(db, "calendars", id=1)
    for canceled in (0, 0, 1):
        event = insert(db, "events", calendar_id=1, starts_at=AT.format(6), canceled=canceled)
        for _ in range(2):
            insert(db, "event_attendees", event_id=event, email="dee@x.test")
    store.conn.execute(
        "UPDATE messages SET deleted_at = '2026', deletion = 'absent', seq = 1001 WHERE subject = 'Mail 5'"
    )

    (dee,) = people.listed(store, "dee@")

    assert (dee["mails_received"], dee["mails_sent"], dee["meetings"], dee["last_at"]) == (0, 1, 2, AT.format(3))


def test_a_person_who_was_only_met_is_there_too(store: Store, home: Path) -> None:
    db = home / "mirror.db"
    insert(db, "calendars", id=1)
    event = insert(db, "events", calendar_id=1, starts_at=AT.format(6))
    insert(db, "event_attendees", event_id=event, email="eve@x.test", name="Eve")

    last = people.listed(store)[-1]

    assert (last["name"], last["meetings"], last["last_at"]) == ("Eve", 1, None)


def test_a_card_of_a_thousand_addresses_is_one_person(store: Store, home: Path) -> None:
    conn = sqlite3.connect(home / "mirror.db")
    with conn:
        conn.executemany(
            "INSERT INTO contact_emails (contact_id, email) VALUES (1, ?)", [(f"a{n}@x.test",) for n in range(1000)]
        )
    conn.close()

    assert len(people.addresses_of(store.conn, "ada@home.test")) == 1003


# --- what overrules it --------------------------------------------------------------------------------------------------


def test_two_people_are_said_to_be_one_and_what_their_cards_learn_later_counts(store: Store, home: Path) -> None:
    together = people.same(store, ["DEE@x.test ", "ben@x.test"])

    assert together == ["ben@x.test", "cy@x.test", "dee@x.test", "family@x.test"]
    insert(home / "mirror.db", "contact_emails", contact_id=3, email="ben@new.test")
    assert "ben@new.test" in people.addresses_of(store.conn, "dee@x.test")
    agree(store)


def test_a_shared_address_is_said_to_be_nobodys(store: Store) -> None:
    assert people.apart(store, "family@x.test") == ["ben@x.test", "cy@x.test"]

    assert whole(store)["Ben"] == {"ben@x.test"}
    assert people.addresses_of(store.conn, "cy@x.test") == ["cy@x.test"]
    assert people.addresses_of(store.conn, "family@x.test") == ["family@x.test"]
    agree(store)


def test_what_was_taken_apart_can_be_put_together_again(store: Store) -> None:
    people.apart(store, "family@x.test")
    people.apart(store, "ada@work.test")

    people.same(store, ["family@x.test", "ada@work.test"])

    assert people.addresses_of(store.conn, "family@x.test") == ["ada@work.test", "family@x.test"]
    agree(store)


def test_many_are_said_to_be_one_in_any_order_and_one_of_them_leaves_the_others_together(store: Store) -> None:
    people.same(store, ["dee@x.test", "ada@x.test"])
    people.same(store, ["ben@x.test", "dee@x.test"])
    everybody = people.addresses_of(store.conn, "dee@x.test")
    assert len(everybody) == 7

    left = people.apart(store, "dee@x.test")

    assert set(left) == set(everybody) - {"dee@x.test"}
    assert people.addresses_of(store.conn, "ada@home.test") == sorted(left)
    agree(store)


def test_saying_it_twice_says_it_once(store: Store) -> None:
    people.same(store, ["dee@x.test", "ada@x.test"])
    said = people.said(store)

    people.same(store, ["ada@home.test", "dee@x.test", "dee@x.test"])

    assert people.said(store) == said
    assert len(said) == 1


def test_a_name_that_was_given_stands_above_cards_and_mails_and_is_taken_back_by_an_empty_one(store: Store) -> None:
    people.name(store, "ada@work.test", "  Countess   Lovelace ")
    people.name(store, "ada@home.test", "Ada L.")
    assert people.listed(store, "lovelace") == []
    assert [one["name"] for one in people.listed(store, "ada")] == ["Ada L."]

    people.name(store, "ada@x.test", " ")

    assert [one["name"] for one in people.listed(store, "ada")] == ["Ada"]
    assert people.said(store) == []


def test_of_two_given_names_the_first_ones_is_kept(store: Store) -> None:
    people.name(store, "dee@x.test", "Dee")
    people.name(store, "ben@x.test", "Benjamin")

    people.same(store, ["ben@x.test", "dee@x.test"])

    assert [one["name"] for one in people.listed(store, "dee@")] == ["Benjamin"]


def test_what_was_said_is_forgotten(store: Store) -> None:
    before = whole(store)
    people.same(store, ["dee@x.test", "ada@x.test"])
    people.name(store, "dee@x.test", "D.")

    assert people.forget(store, "ada@home.test") == 2

    assert (whole(store), people.said(store)) == (before, [])


def test_rows_that_go_round_in_a_circle_do_no_harm(store: Store) -> None:
    circle = [("dee@x.test", "ben@x.test"), ("ben@x.test", "dee@x.test")]
    store.conn.executemany("INSERT INTO people_overrides (email, person_email) VALUES (?, ?)", circle)

    together = people.same(store, ["ada@x.test", "dee@x.test"])

    assert len(together) == 7
    agree(store)


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        (["dee@x.test", "nobody@x.test"], "nobody@x.test is in no mail"),
        (["dee@x.test", "Dee"], "“Dee” is no e-mail address"),
        (["dee@x.test", "DEE@x.test"], "two addresses"),
    ],
)
def test_a_mistake_is_a_sentence_and_changes_nothing(store: Store, typed: list[str], said: str) -> None:
    with pytest.raises(Usage, match=said):
        people.same(store, typed)

    assert people.said(store) == []


# --- the commands -------------------------------------------------------------------------------------------------------


def test_people_are_listed_with_their_figures_the_latest_first(home: Path) -> None:
    ran = Cli(home)("people")

    assert (ran.code, ran.err) == (0, "")
    lines = ran.out.splitlines()
    assert lines[0] == "Dee D.  dee@x.test"
    assert lines[1].strip().startswith("1 mail from them · 1 mail to them · 0 meetings · latest ")
    assert [line.split("  ")[0] for line in lines[::2]] == ["Dee D.", "Ben", "Ada"]


def test_people_are_found_by_words_also_when_a_word_is_a_command(home: Path) -> None:
    cli = Cli(home)

    assert [one["name"] for one in cli("people", "ADA", "home", "--json").json()] == ["Ada"]
    assert "nobody with mail or meetings has “same”" in cli("people", "list", "same").out
    assert "These are the first 1" in cli("people", "--limit", "1").err


def test_people_are_overruled_by_commands(home: Path) -> None:
    cli = Cli(home)

    same = cli("people", "same", "dee@x.test", "ada@x.test")
    name = cli("people", "name", "dee@x.test", "Ada Dee")
    listed = cli("people", "dee").out
    apart = cli("people", "apart", "dee@x.test")
    forgotten = cli("people", "forget", "dee@x.test")

    assert same.out == "One person from now on: ada@home.test, ada@work.test, ada@x.test, dee@x.test.\n"
    assert name.out.endswith("called Ada Dee from now on.\n")
    assert listed.startswith("Ada Dee  ada@home.test, ada@work.test, ada@x.test, dee@x.test\n")
    assert apart.out.startswith("dee@x.test is a person of its own from now on, apart from ada@home.test")
    assert forgotten.out.startswith("Forgotten: 1 thing said")
    assert cli.query("SELECT * FROM people_overrides") == []


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        (("same", "dee@x.test", "nobody@x.test"), "mirror: nobody@x.test is in no mail, meeting or contact card"),
        (("apart", "dee@x.test"), "mirror: dee@x.test is alone already"),
        (("forget", "dee@x.test"), "mirror: nothing was said about dee@x.test"),
        (("name", "Dee", "D."), "mirror: “Dee” is no e-mail address"),
    ],
)
def test_a_mistake_in_a_command_is_one_sentence(home: Path, typed: tuple[str, ...], said: str) -> None:
    ran = Cli(home)("people", *typed)

    assert (ran.code, ran.out) == (2, "")
    assert ran.err.startswith(said)
    assert ran.err.count("\n") == 1
