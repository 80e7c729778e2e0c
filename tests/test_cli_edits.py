"""Edits on the command line: made offline, shown at once, pushed once, decided in conflict, undone from history."""

from __future__ import annotations

import json
import os
import stat
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from mirror_cli import TOKEN, Cli, Terminal, Upstream

from mirror.sandbox.app import create_app
from mirror.sandbox.faults import Fault, answer
from mirror.sandbox.serve import serve

GRACE, KATHERINE = "1", "2"  # the mirror's ids of the small mailbox's contacts


@pytest.fixture
def writable(mirrored: Cli) -> Cli:
    """The command line of a home whose account takes edits."""
    assert mirrored("account", "writable", "work", "on").code == 0
    return mirrored


@pytest.fixture
def editor(tmp_path: Path) -> Callable[..., dict[str, str]]:
    """The environment of a person whose editor does this, in order, each time that it is opened."""

    def make(*scripts: str) -> dict[str, str]:
        (tmp_path / "turn").write_text("0")
        for number, script in enumerate(scripts):
            (tmp_path / f"script{number}").write_text(script)
        program = tmp_path / "editor"
        program.write_text(
            f'#!/bin/sh\ncd {tmp_path}\nturn=$(cat turn)\necho $((turn + 1)) > turn\ncp "$1" seen$turn\n'
            f'[ -e script$turn ] || turn={len(scripts) - 1}\n. ./script$turn\ntouch -t 203001010000 "$1"\n'
        )
        program.chmod(0o700)
        return {"EDITOR": str(program), "VISUAL": str(program)}

    return make


def seen(tmp_path: Path, turn: int = 0) -> str:
    """What the editor was opened with."""
    return (tmp_path / f"seen{turn}").read_text()


def records(upstream: Upstream, kind: str, parent: str | None = None) -> list[dict[str, Any]]:
    return upstream.state.records(upstream.account.id, kind, parent=parent)


def contact(upstream: Upstream, name: str) -> dict[str, Any]:
    found = [one for one in records(upstream, "contacts") if one.get("name", {}).get("displayName") == name]
    assert len(found) == 1, found
    return found[0]


def change(upstream: Upstream, kind: str, record: dict[str, Any], parent: str | None = None, **fields: Any) -> None:
    """Somebody else changes it upstream."""
    upstream.state.change(upstream.account.id, kind, record["id"], {**record, **fields}, parent=parent)


# --- what each command does ----------------------------------------------------------------------------------------------


def test_a_change_is_kept_shown_sent_and_settled(writable: Cli, upstream: Upstream) -> None:
    made = writable("edit", "contact", GRACE, "notes=Invented the compiler", "company=Navy")

    assert (made.code, "waits to be sent" in made.out) == (0, True)
    assert "Invented the compiler" in writable("show", "contact", GRACE).out
    assert "notes" not in contact(upstream, "Grace Hopper")
    assert writable("sync").code == 0
    assert contact(upstream, "Grace Hopper")["company"] == {"name": "Navy"}
    assert writable.query("SELECT state FROM edits") == [("settled",)]
    assert "Nothing waits" in writable("outbox").out


def test_a_new_record_has_a_number_below_zero_until_it_is_there(writable: Cli, upstream: Upstream) -> None:
    made = writable("new", "contact", "name=Ada Lovelace", "email=ada@example.org")

    assert "as in: mirror show contact -1" in made.out
    assert "ada@example.org" in writable("show", "contact", "-1").out
    assert writable("edit", "contact", "-1", "notes=countess").code == 0
    assert writable("sync").code == 0
    assert contact(upstream, "Ada Lovelace")["notes"] == "countess"
    assert "there is no contact -1" in writable("show", "contact", "-1").err
    assert "settled" in writable("outbox", "--all", "--json").out


def test_what_was_never_sent_is_deleted_by_taking_it_back(writable: Cli, upstream: Upstream) -> None:
    writable("new", "contact", "name=Nobody")

    ran = writable("delete", "contact", "-1")

    assert (ran.code, ran.out) == (0, "It was never sent, and is taken back.\n")
    assert writable("push").out == "Nothing to send.\n"
    assert len(upstream.ids("contacts")) == 3


def test_a_deletion_arrives_and_stays_here_as_a_tombstone(writable: Cli, upstream: Upstream) -> None:
    writable("delete", "contact", GRACE)
    assert "to be deleted" in writable("show", "contact", GRACE).out
    assert writable("sync").code == 0

    assert len(upstream.ids("contacts")) == 2
    assert writable.query("SELECT deletion FROM contacts WHERE id = 1") == [("reported",)]


def test_an_invitation_is_answered(writable: Cli, upstream: Upstream) -> None:
    ran = writable("respond", "1", "accepted", "--comment", "with pleasure")

    assert ran.code == 0
    assert writable("sync").code == 0
    assert [
        one["meetingInfo"]["response"] for one in records(upstream, "events", "ada@example.org") if "meetingInfo" in one
    ] == ["accepted"]


def test_a_mail_is_sent_once_with_what_is_attached(writable: Cli, upstream: Upstream, tmp_path: Path) -> None:
    (tmp_path / "note.txt").write_text("Note G")

    ran = writable(
        "send", "to=charles@example.org", "subject=Note G", "body=It is done.", "--attach", str(tmp_path / "note.txt")
    )

    assert ran.code == 0
    assert writable("sync").code == 0
    assert writable("sync").code == 0
    sent = [one for one in records(upstream, "messages") if one["subject"] == "Note G"]
    assert len(sent) == 1
    assert [one["name"] for one in sent[0]["attachments"]] == ["note.txt"]
    assert writable.query("SELECT state FROM edits") == [("settled",)]


def test_a_mail_is_answered_and_a_draft_written_changed_and_sent(writable: Cli, upstream: Upstream) -> None:
    assert writable("send", "--reply-to", "1", "body=Thank you").code == 0
    assert writable("new", "mail", "to=charles@example.org", "subject=Draft", "body=one").code == 0
    assert writable("sync").code == 0
    draft = str(writable.query("SELECT id FROM messages WHERE subject = 'Draft'")[0][0])
    assert writable("edit", "mail", draft, "body=two").code == 0
    assert writable("sync").code == 0
    assert writable("send", draft).code == 0
    assert writable("sync").code == 0

    subjects = [
        (one["subject"], "sent" in one["sysLabels"])
        for one in records(upstream, "messages")
        if "sent" in one["sysLabels"]
    ]
    assert sorted(subjects) == [("Draft", True), ("Re: Notes, part 0", True)]
    assert "no draft" in writable("send", "1").err


def test_json_goes_in_by_standard_input_and_comes_out(writable: Cli) -> None:
    ran = writable("new", "contact", "-", "--json", typed='{"nickName": "Bo", "keywords": ["friends"]}')

    (edit,) = ran.json()["edits"]
    assert (edit["verb"], edit["patch"]) == ("create", {"nickName": "Bo", "keywords": ["friends"]})
    assert writable("outbox", "show", "1", "--json").json()["state"] == "pending"
    assert writable("new", "contact", "-", typed="[1]").code == 1


def test_a_dry_push_prints_the_requests_and_sends_none(writable: Cli, upstream: Upstream) -> None:
    writable("edit", "contact", GRACE, "notes=x")
    asked = len(upstream.asked)

    ran = writable("push", "--dry-run")

    assert "PATCH /contacts/" in ran.out
    assert "If-Match: " in ran.out
    assert len(upstream.asked) == asked
    assert writable("outbox", "--json").json()["edits"][0]["state"] == "pending"


# --- what goes wrong -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        (("edit", "contact", GRACE, "compnay=X"), "did you mean company?"),
        (("edit", "contact", GRACE, "hello"), "“hello” is not of the form field=value"),
        (("edit", "contact", "999", "notes=x"), "there is no contact 999"),
        (("edit", "unicorn", "1", "notes=x"), "there is no kind “unicorn”"),
        (("edit", "task", "1", "status=perhaps"), "is none of notStarted"),
        (("edit", "event", "1", "start=tomorrowish"), "is no time"),
        (("edit", "event", "1", "end=2001-01-01 10:00"), "is before start"),
        (("edit", "contact", GRACE, "etag=x"), "is upstream’s own"),
        (("new", "contact"), "there is nothing to write"),
        (("new", "event", "subject=Walk"), "start: is required"),
        (("new", "contact", "no-such-file.vcf"), "no-such-file.vcf: It can't be read"),
        (("new", "contact", "README.md"), "is neither field=value nor a file that contacts come in"),
        (("new", "contact", "name=X", "--in", "Work"), "is in no calendar or list"),
        (("new", "event", "subject=X", "--in", "Garden"), "has no calendar “Garden”"),
        (("delete", "folder", "1"), "folders can't be deleted through this API"),
        (("respond", "77", "accepted"), "there is no event 77"),
        (("send", "subject=x", "body=y"), "needs at least one recipient"),
        (("outbox", "show", "77"), "there is no edit 77"),
        (("outbox", "resolve", "77", "--mine"), "there is no edit 77"),
        (("revert", "contact", f"{GRACE}@9"), "has 1 version"),
        (("revert",), "name the record"),
        (("undelete", "contact", GRACE), "is not deleted"),
    ],
)
def test_a_mistake_is_one_sentence_and_makes_no_edit(writable: Cli, typed: tuple[str, ...], said: str) -> None:
    ran = writable(*typed)

    assert ran.code in (1, 2)
    assert said in ran.err
    assert len(ran.err.splitlines()) == 1
    assert writable.query("SELECT count(*) FROM edits") == [(0,)]


def test_a_read_only_account_takes_no_edit_and_says_how_to_change_that(mirrored: Cli) -> None:
    ran = mirrored("edit", "contact", GRACE, "notes=x")

    assert ran.code == 2
    assert "mirror account writable work on" in ran.err
    assert "no account is writable yet" in mirrored("new", "contact", "name=X").err


def test_edits_of_an_account_that_became_read_only_wait_and_are_named(writable: Cli) -> None:
    writable("edit", "contact", GRACE, "notes=x")
    writable("account", "writable", "work", "off")

    assert "read-only" in writable("push").err
    assert "mirror account writable work on" in writable("status").out


def test_of_two_writable_accounts_one_must_be_named(writable: Cli, upstream: Upstream) -> None:
    second = upstream.state.add_account(email="bo@example.org", name="Bo", token="another-token")
    ran = writable("account", "add", "home", "--base-url", upstream.url, "--token-stdin", typed="another-token")
    assert (ran.code, second.id > 0) == (0, True)
    writable("account", "writable", "home", "on")

    ran = writable("new", "contact", "name=X")

    assert (ran.code, "--account: home, work" in ran.err) == (2, True)
    assert writable("new", "contact", "name=X", "--account", "home").code == 0
    assert writable("new", "contact", "name=X", "--account", "nowhere").code == 2


def test_a_deleted_record_takes_no_edit(writable: Cli, upstream: Upstream) -> None:
    upstream.delete("contacts", upstream.ids("contacts")[0])
    writable("sync")
    gone = str(writable.query("SELECT id FROM contacts WHERE deleted_at IS NOT NULL")[0][0])

    ran = writable("edit", "contact", gone, "notes=x")

    assert (ran.code, f"mirror undelete contacts {gone}" in ran.err) == (2, True)


def test_what_is_sent_is_not_discarded_but_reverted(writable: Cli, upstream: Upstream) -> None:
    writable("edit", "contact", GRACE, "notes=x")
    assert writable("push").code == 0

    ran = writable("outbox", "discard", "1")

    assert (ran.code, "mirror revert contacts 1" in ran.err) == (2, True)
    assert writable("revert", "contacts", GRACE).code == 0
    assert writable("sync").code == 0
    assert writable("sync").code == 0
    assert "notes" not in contact(upstream, "Grace Hopper")


def test_a_refusal_is_told_and_can_be_tried_again_or_discarded(writable: Cli, upstream: Upstream) -> None:
    upstream.behind.faults.add(Fault(answer(400), method="POST", path="/v1/contacts", times=2))
    writable("new", "contact", "name=X")

    assert writable("push").code == 3
    assert "was refused" in writable("outbox").out
    assert writable("status").code == 3
    assert writable("outbox", "retry", "1").code == 0
    assert writable("push").code == 3
    assert writable("outbox", "discard", "1").code == 0
    assert writable("status").code == 0


# --- both sides ----------------------------------------------------------------------------------------------------------


def conflict_about_a_phone(writable: Cli, upstream: Upstream) -> None:
    grace = contact(upstream, "Grace Hopper")
    change(upstream, "contacts", grace, phoneNumbers=[{"number": "+1 202 1000", "type": "work"}])
    writable("sync")
    writable("edit", "contact", GRACE, "phoneNumbers[0].number=+1 202 2000", "notes=mine")
    grace = contact(upstream, "Grace Hopper")
    change(
        upstream, "contacts", grace, phoneNumbers=[{"number": "+1 202 3000", "type": "work"}], nickName="Amazing Grace"
    )


def test_what_both_sides_changed_differently_is_merged(writable: Cli, upstream: Upstream) -> None:
    writable("edit", "contact", GRACE, "email+=grace@navy.example")
    change(upstream, "contacts", contact(upstream, "Grace Hopper"), emailAddresses=[{"address": "grace@yale.example"}])

    assert writable("sync").code == 0

    addresses = [one["address"] for one in contact(upstream, "Grace Hopper")["emailAddresses"]]
    assert sorted(addresses) == ["grace@navy.example", "grace@yale.example"]


@pytest.mark.parametrize(("side", "number"), [("mine", "+1 202 2000"), ("theirs", "+1 202 3000")])
def test_the_same_phone_number_changed_on_both_sides_is_decided_by_its_path(
    writable: Cli, upstream: Upstream, side: str, number: str
) -> None:
    conflict_about_a_phone(writable, upstream)

    assert writable("push").code == 3
    shown = writable("outbox", "show", "1")
    assert "changed on both sides: phoneNumbers[12021000]" in shown.out
    assert [("+1 202 2000" in shown.out), ("+1 202 3000" in shown.out)] == [True, True]
    assert writable("status").code == 3
    assert writable("status", "--json").json()["accounts"][0]["edits"]["conflict"] == 1
    assert "1 in conflict" in writable("status").out
    assert "1 edit waits for your decision: mirror outbox" in writable("push").out
    synced = writable("sync")
    assert (synced.code, "1 edit waits for your decision" in synced.out) == (3, True)

    assert "is not decided" in writable("outbox", "resolve", "1").err
    assert "“neither” decides nothing" in writable("outbox", "resolve", "1", "neither").err
    assert "is not in conflict" in writable("outbox", "resolve", "1", "--mine", "nickName=mine").err
    assert writable("outbox", "resolve", "1", f"phoneNumbers[12021000]={side}").code == 0
    assert writable("sync").code == 0

    grace = contact(upstream, "Grace Hopper")
    assert [one["number"] for one in grace["phoneNumbers"]] == [number]
    assert (grace["notes"], grace["nickName"]) == ("mine", "Amazing Grace")
    assert writable("status").code == 0


def test_a_conflict_is_resolved_in_the_editor(
    writable: Cli, upstream: Upstream, editor: Callable[..., dict[str, str]], tmp_path: Path
) -> None:
    conflict_about_a_phone(writable, upstream)
    writable("push")

    ran = writable("outbox", "resolve", "1", "--edit", **editor("sed -i 's/2000/4000/' \"$1\""))

    assert ran.code == 0, ran
    assert "# theirs: " in seen(tmp_path)
    assert writable("sync").code == 0
    assert [one["number"] for one in contact(upstream, "Grace Hopper")["phoneNumbers"]] == ["+1 202 4000"]


def test_a_change_of_what_is_deleted_upstream_is_created_anew_or_let_go(writable: Cli, upstream: Upstream) -> None:
    for record in (GRACE, KATHERINE):
        writable("edit", "contact", record, "notes=mine")
    for remote_id in writable.query("SELECT remote_id FROM contacts WHERE id IN (1, 2)"):
        upstream.delete("contacts", remote_id[0])

    assert writable("push").code == 3
    assert "say which" in writable("outbox", "resolve", "1").err
    assert writable("outbox", "resolve", "1", "--mine").code == 0
    assert writable("outbox", "resolve", "2", "--theirs").code == 0
    assert writable("sync").code == 0

    assert contact(upstream, "Grace Hopper")["notes"] == "mine"
    assert len(upstream.ids("contacts")) == 2


# --- airplane mode -------------------------------------------------------------------------------------------------------


@pytest.fixture
def airplane(cli: Cli, upstream: Upstream) -> Iterator[tuple[Cli, Upstream, Callable[[bool], None]]]:
    """A mirror whose upstream is on a server of its own, which can go away and come back."""
    app = create_app(upstream.state)
    running = [serve(app)]
    url = running[0].url
    ran = cli("account", "add", "work", "--base-url", url, "--token-stdin", typed=TOKEN)
    assert ran.code == 0
    assert cli("sync").code == 0
    cli("account", "writable", "work", "on")

    def online(yes: bool) -> None:
        if yes and not running:
            running.append(serve(app, "127.0.0.1", urlsplit(url).port or 0))
        elif not yes and running:
            running.pop().stop()

    yield cli, upstream, online
    online(False)


def test_what_is_done_in_an_airplane_arrives_once(airplane: tuple[Cli, Upstream, Callable[[bool], None]]) -> None:
    cli, upstream, online = airplane
    online(False)

    for typed in (
        ("edit", "contact", GRACE, "notes=Invented the compiler"),
        ("edit", "event", "1", "start=2026-03-02 10:00", "timezone=Europe/Berlin"),
        ("edit", "task", "1", "done=yes"),
        ("new", "contact", "name=Mary Somerville"),
        ("send", "to=charles@example.org", "subject=From above", "body=the clouds"),
    ):
        assert cli(*typed).code == 0
    away = cli("push", MIRROR_RETRY_BUDGET_S="0")
    assert (away.code, away.out) == (0, "")
    assert "5 edits wait here and go when it can be" in away.err
    assert cli("push", "--json", MIRROR_RETRY_BUDGET_S="0").json()["offline"] == ["work"]
    assert cli("status").code == 0
    assert "5 to be sent" in cli("status").out

    online(True)
    for _ in range(3):
        assert cli("sync").code == 0

    assert contact(upstream, "Grace Hopper")["notes"] == "Invented the compiler"
    contact(upstream, "Mary Somerville")
    starts = [one["start"]["dateTime"] for one in records(upstream, "events", "ada@example.org")]
    assert "2026-03-02T10:00:00+01:00" in starts
    assert sorted(one["status"] for one in records(upstream, "tasks", "todo")) == ["completed", "notStarted"]
    assert [one["subject"] for one in records(upstream, "messages")].count("From above") == 1
    assert cli.query("SELECT DISTINCT state FROM edits") == [("settled",)]


def test_trouble_upstream_is_a_failure_and_a_persons_push_does_not_wait(writable: Cli, upstream: Upstream) -> None:
    behind = upstream.served.application
    writable("edit", "contact", GRACE, "notes=x")
    upstream.served.unplug()  # 503
    ran = writable("push", MIRROR_RETRY_BUDGET_S="0")
    assert (ran.code, "is in trouble" in ran.err) == (1, True)

    upstream.served.plug_in(behind)
    assert writable("push").code == 0
    assert contact(upstream, "Grace Hopper")["notes"] == "x"


def test_a_person_who_pushes_again_does_not_wait_for_the_schedule(writable: Cli, upstream: Upstream) -> None:
    writable("edit", "contact", GRACE, "notes=x")
    upstream.behind.faults.add(Fault(answer(503), method="PATCH", times=None))
    ran = writable("push", MIRROR_RETRY_BUDGET_S="0")
    assert (ran.code, "waits to be sent again: the server did not answer as it should" in ran.out) == (1, True), ran
    assert writable.query("SELECT state, retry_at IS NOT NULL FROM edits") == [("pending", 1)]

    upstream.behind.faults.clear()
    assert "was sent" in writable("push").out
    assert contact(upstream, "Grace Hopper")["notes"] == "x"


# --- reading with edits ----------------------------------------------------------------------------------------------------


def test_search_finds_what_an_edit_says_and_not_what_it_took_out(writable: Cli) -> None:
    writable("edit", "contact", GRACE, "name=Amazing Grace", "notes=Nanosecond wire")
    writable("new", "task", "title=Buy wire")
    writable("send", "to=charles@example.org", "subject=Telegraph", "body=<p>along the wire</p>", "--html")
    writable("delete", "contact", KATHERINE)

    found = writable("search", "wire", "--json").json()
    assert [(one["kind"], one["edit"]) for one in found] == [
        ("contacts", "pending"), ("tasks", "pending"), ("messages", "pending"),
    ]  # fmt: skip
    assert "(edited, not sent yet)" in writable("search", "wire").out
    assert [one["id"] for one in writable("search", "Hopper", "--kind", "contacts", "--json").json()] == []
    assert writable("search", "Katherine", "--json").json() == []
    assert len(writable("search", "Katherine", "--deleted", "--json").json()) == 1
    assert writable("search", "wire", "--account", "work", "--limit", "1", "--kind", "tasks").code == 0


def test_show_lays_edits_over_and_at_stays_history(writable: Cli) -> None:
    writable("edit", "contact", GRACE, "email=grace@navy.example")

    now = writable("show", "contact", GRACE, "--json").json()
    assert [row["email"] for row in now["contact_emails"]] == ["grace@navy.example"]
    assert (now["edit"], [one["verb"] for one in now["edits"]]) == ("pending", ["change"])
    assert "edit 1: change contact 1 “Grace Hopper” waits to be sent" in writable("show", "contact", GRACE).out
    then = writable("show", "contact", GRACE, "--at", "now", "--json").json()
    assert then["contact_emails"] == []
    assert writable("show", "contact", KATHERINE, "--json").json()["edits"] == []


# --- the editor ------------------------------------------------------------------------------------------------------------


def test_a_record_is_changed_in_the_editor(
    writable: Cli, upstream: Upstream, editor: Callable[..., dict[str, str]], tmp_path: Path
) -> None:
    ran = writable(
        "edit", "contact", GRACE,
        **editor("sed -i -e 's/^notes = .*/notes = \"Invented \\\\\"bugs\\\\\"\"/' -e '/^name.givenName/d' \"$1\""),
    )  # fmt: skip

    assert ran.code == 0, ran
    form = seen(tmp_path)
    assert "# contact 1 of work" in form
    assert "# type: work, home, other, mobile" in form
    assert writable.query("SELECT patch FROM edits") == [('{"notes": "Invented \\"bugs\\""}',)]


def test_a_meeting_is_moved_in_the_editor_by_the_clock_of_its_zone(
    writable: Cli, upstream: Upstream, editor: Callable[..., dict[str, str]], tmp_path: Path
) -> None:
    ran = writable("edit", "event", "1", **editor("sed -i -e 's/ 09:00/ 11:30/' -e 's/ 10:00\"/ 12:00\"/' \"$1\""))

    assert ran.code == 0, ran
    assert 'timezone = "UTC"' in seen(tmp_path)
    patch = json.loads(writable.query("SELECT patch FROM edits")[0][0])
    assert (patch["start"]["dateTime"][11:16], patch["end"]["dateTime"][11:16]) == ("11:30", "12:00")
    assert set(patch) == {"start", "end"}


def test_a_mistake_opens_the_editor_again_with_what_is_wrong_on_top(
    writable: Cli, editor: Callable[..., dict[str, str]], tmp_path: Path
) -> None:
    ran = writable(
        "edit", "task", "1",
        **editor("sed -i 's/^status = .*/status = \"perhaps\"/' \"$1\"", "sed -i 's/perhaps/completed/' \"$1\""),
    )  # fmt: skip

    assert ran.code == 0, ran
    assert seen(tmp_path, 1).startswith("# mirror: status: “perhaps” is none of notStarted")
    assert 'status = "perhaps"' in seen(tmp_path, 1)
    assert writable.query("SELECT patch FROM edits") == [('{"status": "completed"}',)]


@pytest.mark.parametrize("damage", ['sed -i \'s/^notes = .*/notes = "unclosed/\' "$1"', 'echo \'phnoe = "1"\' >> "$1"'])
def test_what_was_typed_is_kept_when_there_is_no_way_on(
    writable: Cli, editor: Callable[..., dict[str, str]], damage: str
) -> None:
    ran = writable("edit", "contact", GRACE, **editor(damage, "true"))

    assert ran.code == 2
    kept = writable.home / "kept-edit-contact-1.toml"
    assert f"What you typed is kept in {kept}" in ran.err
    assert stat.S_IMODE(kept.stat().st_mode) == 0o600
    body = kept.read_text()
    assert "# mirror: " not in body
    kept.write_text(body.replace('"unclosed', '"closed"').replace("phnoe", "phone"))
    assert writable("edit", "contact", GRACE, str(kept)).code == 0
    assert writable.query("SELECT count(*) FROM edits") == [(1,)]


@pytest.mark.parametrize("script", ["exit 0", ': > "$1"'])
def test_nothing_saved_or_an_empty_file_changes_nothing(
    writable: Cli, editor: Callable[..., dict[str, str]], script: str
) -> None:
    ran = writable("edit", "contact", GRACE, **editor(script))

    assert ran.code == 2
    assert "nothing is changed" in ran.err
    assert writable.query("SELECT count(*) FROM edits") == [(0,)]


def test_an_untouched_form_changes_nothing_whatever_the_record(
    writable: Cli, upstream: Upstream, editor: Callable[..., dict[str, str]]
) -> None:
    odd = {
        "name": {"displayName": 'Quote " and \\ back', "yomiGivenName": "ヨミ"}, "notes": "one\r\ntwo\n\"\"\"three\"\"\"\n\\",
        "phoneNumbers": [{"number": "+49 30", "type": "home", "canonicalForm": "4930"}], "keywords": ["a", "b"],
        "photo": {"id": "1"}, "birthday": "--02-29",
    }  # fmt: skip
    upstream.create("contacts", odd)
    when = {"dateOnly": "2026-03-01"}, {"dateOnly": "2026-03-02"}
    upstream.create("events", {"subject": "Day", "start": when[0], "end": when[1]}, parent="ada@example.org")
    upstream.create("tasks", {"title": "Due", "due": "2026-03-01T00:00:00Z", "notes": "x\ty"}, parent="todo")
    writable("sync")

    for kind in ("contact", "event", "task", "calendar", "task_list", "mail"):
        table = {"mail": "messages"}.get(kind, f"{kind}s")
        for (record_id,) in writable.query(f"SELECT id FROM {table}"):
            ran = writable("edit", kind, str(record_id), **editor("true"))
            assert ran.out == "Nothing is changed by that.\n", (kind, record_id, ran)


def test_new_on_a_terminal_opens_an_empty_form(
    writable: Cli, upstream: Upstream, editor: Callable[..., dict[str, str]], tmp_path: Path
) -> None:
    env = editor("sed -i -e 's/^title = .*/title = \"Sing\"/' -e 's/^due = .*/due = 2026-12-01/' \"$1\"")

    with Terminal(writable, "new", "task", env={**os.environ, **env}) as terminal:
        terminal.read_to_the_end()
        assert terminal.code == 0

    assert "# a new task of work" in seen(tmp_path)
    assert json.loads(writable.query("SELECT patch FROM edits")[0][0]) == {
        "title": "Sing",
        "due": "2026-12-01T00:00:00Z",
    }


# --- back to what was --------------------------------------------------------------------------------------------------------


def three_versions(writable: Cli, upstream: Upstream) -> None:
    change(
        upstream,
        "contacts",
        contact(upstream, "Grace Hopper"),
        notes="one",
        phoneNumbers=[{"number": "1", "type": "home"}],
    )
    writable("sync")
    change(upstream, "contacts", contact(upstream, "Grace Hopper"), notes="two", phoneNumbers=[])
    writable("sync")


def test_a_record_is_made_what_it_was_in_a_version(writable: Cli, upstream: Upstream) -> None:
    three_versions(writable, upstream)
    history = writable("history", "contact", GRACE)
    assert [line[:12] for line in history.out.splitlines() if line[:5].strip().isdecimal() and line[:2] == "  "] == [
        "  1  created",
        "  2  changed",
        "  3  changed",
    ]
    assert "mirror revert contact 1@VERSION" in history.out
    assert [one["version"] for one in writable("history", "contact", GRACE, "--json").json()["versions"]] == [1, 2, 3]

    dry = writable("revert", "contact", f"{GRACE}@2", "--dry-run")
    assert "notes: two → one" in dry.out
    assert writable.query("SELECT count(*) FROM edits") == [(0,)]
    assert writable("revert", "contact", f"{GRACE}@2").code == 0
    assert writable("sync").code == 0

    grace = contact(upstream, "Grace Hopper")
    assert (grace["notes"], grace["phoneNumbers"]) == ("one", [{"number": "1", "type": "home"}])
    assert "so already" in writable("revert", "contact", f"{GRACE}@2").out
    assert writable("revert", "contact", f"{GRACE}@1").code == 0
    assert writable("revert", "contact", f"{GRACE}@4").out.startswith("The edit that waited is taken back")


def test_what_upstream_alone_writes_is_named_and_left(writable: Cli, upstream: Upstream) -> None:
    event = records(upstream, "events", "ada@example.org")[0]
    change(upstream, "events", event, "ada@example.org", categories=["red"], subject="Renamed")
    writable("sync")

    ran = writable("revert", "event", "1@1")

    assert "they stay as they are: categories" in ran.out
    assert json.loads(writable.query("SELECT patch FROM edits")[0][0]) == {"subject": event["subject"]}


def test_a_deleted_record_is_brought_back_once_with_what_can_be_written(writable: Cli, upstream: Upstream) -> None:
    three_versions(writable, upstream)
    upstream.delete("contacts", contact(upstream, "Grace Hopper")["id"])
    writable("sync")

    assert "mirror undelete contact 1" in writable("revert", "contact", f"{GRACE}@2").err
    assert "is its deletion" in writable("undelete", "contact", f"{GRACE}@4").err
    assert "name.displayName" not in writable("undelete", "contact", GRACE, "--dry-run").err
    assert writable("undelete", "contact", f"{GRACE}@2").code == 0
    assert "brings contact 1 back already" in writable("undelete", "contact", GRACE).err
    assert writable("sync").code == 0

    assert contact(upstream, "Grace Hopper")["notes"] == "one"
    assert "brings contact 1 back already, as contact 4" in writable("undelete", "contact", GRACE).err


def test_a_task_comes_back_into_its_list_or_another(writable: Cli, upstream: Upstream) -> None:
    upstream.delete("tasks", upstream.ids("tasks", "todo")[0], "todo")
    writable("sync")
    gone = str(writable.query("SELECT id FROM tasks WHERE deleted_at IS NOT NULL")[0][0])

    assert writable("undelete", "task", gone, "--in", "nowhere").code == 2
    assert writable("undelete", "task", gone).code == 0
    assert writable("sync").code == 0
    assert len(upstream.ids("tasks", "todo")) == 2


def test_a_part_of_a_task_comes_back_beneath_the_task_that_came_back_or_by_itself(
    writable: Cli, upstream: Upstream
) -> None:
    above = upstream.create("tasks", {"title": "Party"}, parent="todo")["id"]
    below = upstream.create("tasks", {"title": "Cake", "parentId": above}, parent="todo")["id"]
    candles = upstream.create("tasks", {"title": "Candles", "parentId": above}, parent="todo")["id"]
    writable("sync")
    for remote_id in (candles, below, above):
        upstream.delete("tasks", remote_id, "todo")
    writable("sync")

    alone = writable("undelete", "task", candles)
    assert "parentId: the task above it is deleted too" in alone.out
    for remote_id in (above, below):
        assert writable("undelete", "task", remote_id).code == 0
        assert writable("sync").code == 0

    back = {one["title"]: one for one in records(upstream, "tasks", "todo")}
    assert "parentId" not in back["Candles"]
    assert back["Cake"]["parentId"] == back["Party"]["id"]


def test_a_deletion_that_was_not_sent_is_taken_back(writable: Cli) -> None:
    writable("delete", "contact", GRACE)

    assert "edit 1 would be taken back" in writable("undelete", "contact", GRACE, "--dry-run").out
    assert "edit 1 is taken back" in writable("undelete", "contact", GRACE).out
    assert writable.query("SELECT state FROM edits") == [("discarded",)]


def test_mail_is_not_put_back_through_the_api(writable: Cli, upstream: Upstream) -> None:
    upstream.delete("messages", upstream.ids("messages")[0])
    writable("sync")
    gone = str(writable.query("SELECT id FROM messages WHERE deleted_at IS NOT NULL")[0][0])

    ran = writable("undelete", "mail", gone)

    assert (ran.code, "mail can't be put back through this API" in ran.err) == (2, True)


# --- files -------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "file"),
    [
        ("contact", "vcards/gmail-single.vcf"), ("contact", "vcards/fullcontact.vcf"), ("contact", "vcards/rfc2426-example.vcf"),
        ("contact", "vcards/outlook-2003.vcf"), ("event", "calendars/only_dtstart_date.ics"),
        ("event", "calendars/duration_instead_of_dtend.ics"), ("event", "calendars/google_birthday.ics"),
        ("mail", "mail/simple-multipart.eml"), ("mail", "mail/japanese.eml"), ("mail", "mail/related.eml"),
    ],
)  # fmt: skip
def test_a_file_arrives_once(writable: Cli, upstream: Upstream, corpus: Path, kind: str, file: str) -> None:
    table, parent = {"contact": ("contacts", None), "event": ("events", "ada@example.org"), "mail": ("messages", None)}[
        kind
    ]
    before = len(upstream.ids(table, parent))

    ran = writable("new", kind, str(corpus / file))

    assert ran.code == 0, ran
    made = writable.query("SELECT count(*) FROM edits")[0][0]
    assert made > 0
    assert writable("sync").code == 0
    # An event of long ago is in no feed's window: it is read by itself after a while.
    assert writable("sync", MIRROR_NOW_OFFSET_S="600").code == 0
    assert len(upstream.ids(table, parent)) == before + made
    assert writable.query("SELECT DISTINCT state FROM edits") == [("settled",)]
