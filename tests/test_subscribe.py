"""Subscriptions are kept as they should be: upstream's are looked at first, ours are renewed, ended and never doubled."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest
from mirror_cli import answering
from openapi import API_FILE
from sandbox_wire import Box, Transport, sandbox, validated
from told import PLACES, PUBLIC, Subscriptions, Told

from mirror.contract.notifications import Reply
from mirror.errors import Refused, RetryLater, Usage, WrongAnswer
from mirror.feed import Feed, Subscribed
from mirror.sources.aurinko import Aurinko
from mirror.sources.aurinko_subscriptions import AurinkoSubscriptions
from mirror.store import hints, journal, subscriptions
from mirror.subscribe import CHECK_S, FIRST_PAUSE_S, Subscribing, base_of, token_of, unsubscribe

OTHERS = [
    Subscribed("1", "/contacts", "https://somebody.example/hook"),
    Subscribed("2", "/email/messages", PUBLIC + "/-/other/x"),
]


class Watch:
    """One account's subscriptions, and upstream's side of them."""

    def __init__(self, home: Path) -> None:
        self.told = Told(home)
        self.heard = 0
        self.upstream = Subscriptions(self.hear)
        self.address = replace(self.told.receiving.address, heard=lambda: self.heard)
        self.reaches = True
        self.begin()

    def begin(self) -> None:
        self.subscribing = Subscribing(self.address, self.told.clock)

    def hear(self) -> bool:
        self.heard += 1
        return True

    def keep(self) -> list[tuple[str, str]]:
        """What upstream was asked for, when it was time to."""
        before = len(self.upstream.asked)
        if self.subscribing.is_due(self.told.store, self.told.account):
            self.subscribing.keep(self.told.store, self.upstream, self.told.account)
        return self.upstream.asked[before:]

    def states(self) -> dict[str, str]:
        return {one.kind: one.state for one in subscriptions.of_account(self.told.store, self.told.account.id)}

    def watched(self) -> set[str]:
        return {kind for kind, _ in self.subscribing.watched(self.told.store, self.told.account)}


@pytest.fixture
def watch(quick_path: Path) -> Iterator[Watch]:
    made = Watch(quick_path / "home")
    yield made
    made.told.close()


def asked(what: str, *values: str) -> list[tuple[str, str]]:
    return [(what, value) for value in values]


def test_each_feed_that_can_be_told_of_gets_one_subscription_and_is_caught_up_with(watch: Watch) -> None:
    first, second = watch.keep(), watch.keep()

    assert first[0] == ("list", "")
    assert sorted(first[1:]) == sorted(asked("subscribe", *PLACES.values()))
    assert second == []
    assert {one.notification_url for one in watch.upstream.found} == {watch.address.url}
    assert (
        watch.watched() == set(PLACES) == {kind for kind, _ in hints.waiting(watch.told.store, watch.told.account.id)}
    )


def test_they_are_looked_at_daily_and_at_a_new_start_and_what_stands_is_used_again(watch: Watch) -> None:
    watch.keep()
    watch.told.clock.sleep(CHECK_S - 1)
    before = watch.keep()
    watch.told.clock.sleep(2)
    after = watch.keep()
    watch.begin()

    assert (before, after, watch.keep()) == ([], [("list", "")], [("list", "")])
    assert len(watch.upstream.found) == len(PLACES)


def test_what_others_have_subscribed_to_is_not_touched(watch: Watch) -> None:
    watch.upstream.found = list(OTHERS)

    watch.keep()
    unsubscribe(watch.told.store, watch.upstream, watch.told.account)

    assert watch.upstream.found == OTHERS


def test_with_another_address_the_older_ones_are_ended_whatever_they_were_called(watch: Watch) -> None:
    watch.keep()
    token = watch.address.url.rpartition("/")[2]
    watch.address = replace(watch.address, url=f"https://another-tunnel.example/-/webhook/{token}")
    watch.begin()
    watched_before = watch.watched()
    watch.keep()

    assert token_of(watch.told.store) == token
    assert watched_before == set()
    assert {one.notification_url for one in watch.upstream.found} == {watch.address.url}
    assert len(watch.upstream.found) == len(PLACES)
    assert watch.watched() == set(PLACES)


def test_one_at_our_place_whose_end_is_no_longer_known_is_ended(watch: Watch) -> None:
    base = watch.address.url.rpartition("/")[0]
    watch.upstream.found = [Subscribed("77", "/contacts", f"{base}/of-a-home-that-was-restored")]

    assert ("unsubscribe", "77") in watch.keep()
    assert len(watch.upstream.found) == len(PLACES)


def test_of_two_for_one_feed_one_is_ended(watch: Watch) -> None:
    watch.keep()
    watch.upstream.found.append(replace(watch.upstream.found[0], remote_id="77"))
    watch.begin()

    assert watch.keep() == [("list", ""), ("unsubscribe", "77")]


def test_one_that_is_lost_or_ended_upstream_is_made_anew_and_its_feed_caught_up_with(watch: Watch) -> None:
    watch.keep()
    watch.told.pull()
    _, ended, *others = watch.upstream.found
    watch.upstream.found = [replace(ended, active=False, error="the URL answered 500"), *others]
    watch.begin()

    assert ("unsubscribe", ended.remote_id) in watch.keep()
    assert {one.resource for one in watch.upstream.found} == set(PLACES.values())
    assert watch.watched() == set(PLACES)
    assert len(hints.waiting(watch.told.store, watch.told.account.id)) == 2
    known = {one.remote_id for one in subscriptions.of_account(watch.told.store, watch.told.account.id)}
    assert known == {one.remote_id for one in watch.upstream.found}


def test_one_that_fails_upstream_stays_and_its_feed_is_asked_as_ever_until_it_is_well(watch: Watch) -> None:
    watch.keep()
    watch.told.pull()
    well = watch.upstream.found[0]
    watch.upstream.found[0] = replace(well, error="2026-01-05T08:00:00.000Z")
    watch.begin()
    watch.keep()
    failing = watch.states()
    watch.upstream.found[0] = well
    watch.told.clock.sleep(3601)
    watch.keep()

    assert sorted(failing.values()) == ["active", "active", "active", "failing"]
    assert set(watch.states().values()) == {"active"}
    assert len(hints.waiting(watch.told.store, watch.told.account.id)) == 1


def test_one_that_is_not_paid_for_is_left_as_it_is_and_said_once(
    watch: Watch, caplog: pytest.LogCaptureFixture
) -> None:
    watch.keep()
    watch.upstream.found = [replace(one, active=False, unpaid=True) for one in watch.upstream.found]
    for _ in range(3):
        watch.begin()
        with caplog.at_level(logging.WARNING):
            assert watch.keep() == [("list", "")]

    assert set(watch.states().values()) == {"ended"}
    assert watch.watched() == set()
    assert len([record for record in caplog.records if "bill" in record.getMessage()]) == len(PLACES)


def test_a_new_calendar_is_subscribed_to_at_once_and_one_that_is_gone_no_longer(watch: Watch) -> None:
    watch.keep()
    made = watch.upstream.found
    watch.upstream.resource = lambda feed: (  # type: ignore[method-assign]  # as upstream names them
        f"/calendars/{feed.parent}/events" if feed.kind == "events" else PLACES.get(feed.kind)
    )
    watch.told.source.put(Feed("calendars"), "club", {"name": "Club"})
    watch.told.pull()
    added = watch.keep()
    watch.told.source.drop(Feed("calendars"), "work")
    watch.told.pull()
    watch.begin()
    (gone,) = [one.remote_id for one in made if one.resource == PLACES["events"]]

    assert added == [("list", ""), ("subscribe", "/calendars/club/events")]
    assert ("unsubscribe", gone) in watch.keep()
    assert len(watch.states()) == len(PLACES)


def test_a_service_that_can_not_is_said_once_and_asked_as_ever(watch: Watch, caplog: pytest.LogCaptureFixture) -> None:
    watch.upstream.refuse[PLACES["tasks"]] = Refused("400 not supported", status=400)
    with caplog.at_level(logging.WARNING):
        first = watch.keep()
        watch.told.clock.sleep(3600)
        second = watch.keep()

    assert len(first) == 1 + len(PLACES)
    assert second == []
    assert watch.watched() == set(PLACES) - {"tasks"}
    assert [record.getMessage() for record in caplog.records if "refused" in record.getMessage()] == [
        "webhook.refused account=work kind=tasks error=Refused: 400 not supported"
    ]
    watch.told.clock.sleep(CHECK_S)
    watch.upstream.refuse.clear()
    watch.keep()
    assert watch.watched() == set(PLACES)


def test_an_address_that_upstream_does_not_reach_is_not_tried_feed_by_feed(
    watch: Watch, caplog: pytest.LogCaptureFixture
) -> None:
    watch.upstream.refuse = dict.fromkeys(PLACES.values(), Refused("the validation failed", status=400))
    with caplog.at_level(logging.WARNING):
        first = watch.keep()
        early = watch.keep()
        watch.told.clock.sleep(FIRST_PAUSE_S + 1)
        second = watch.keep()
        watch.told.clock.sleep(FIRST_PAUSE_S + 1)
        pausing = watch.keep()
    watch.upstream.refuse.clear()
    watch.told.clock.sleep(FIRST_PAUSE_S)

    assert [verb for verb, _ in first] == ["list", "subscribe", "subscribe"] == [verb for verb, _ in second]
    assert early == pausing == []
    assert len([record for record in caplog.records if "does not reach" in record.getMessage()]) == 1
    watch.keep()
    assert watch.watched() == set(PLACES)


def test_upstream_in_trouble_is_waited_out_and_spoils_nothing(watch: Watch) -> None:
    watch.upstream.refuse["list"] = RetryLater("503", status=503)
    watch.keep()
    del watch.upstream.refuse["list"]
    early = watch.keep()
    watch.told.clock.sleep(FIRST_PAUSE_S + 1)

    assert early == []
    assert len(watch.keep()) == 1 + len(PLACES)


def test_what_could_not_be_verified_is_not_asked_for(watch: Watch) -> None:
    watch.address = replace(watch.address, verifies=lambda _: False)
    watch.begin()

    assert watch.keep() == []


def test_a_source_that_tells_nothing_is_asked_as_ever(watch: Watch) -> None:
    watch.subscribing.keep(watch.told.store, None, watch.told.account)

    assert watch.states() == {}
    assert watch.watched() == set()


def test_a_subscription_that_was_not_seen_for_days_is_not_relied_on(watch: Watch) -> None:
    watch.keep()
    before = watch.watched()
    watch.told.clock.sleep(3 * CHECK_S)

    assert (before, watch.watched()) == (set(PLACES), set())


def test_ending_them_ends_all_of_ours_and_forgets_them(watch: Watch) -> None:
    watch.keep()

    assert unsubscribe(watch.told.store, watch.upstream, watch.told.account) == len(PLACES)
    assert watch.upstream.found == []
    assert watch.states() == {}


def test_what_is_purged_with_its_account_is_gone(watch: Watch) -> None:
    from mirror.store.purge import purge_account

    watch.keep()
    purge_account(watch.told.store, watch.told.account.id)

    assert journal.accounts(watch.told.store) == []
    assert watch.told.hints() == []
    assert watch.told.store.conn.execute("SELECT count(*) FROM subscriptions").fetchone()[0] == 0


@pytest.mark.parametrize(
    ("given", "base"),
    [
        ("https://mirror.example.org", "https://mirror.example.org/-/webhook"),
        ("https://mirror.example.org/", "https://mirror.example.org/-/webhook"),
        (" https://example.org:8443/mirror/ ", "https://example.org:8443/mirror/-/webhook"),
        ("https://mirror.example.org/-/webhook", "https://mirror.example.org/-/webhook"),
        ("http://127.0.0.1:8801", "http://127.0.0.1:8801/-/webhook"),
    ],
)
def test_the_address_follows_from_what_its_person_gives(given: str, base: str) -> None:
    assert base_of(given) == base


@pytest.mark.parametrize(
    "given",
    ["", "mirror.example.org", "http://mirror.example.org", "ftp://x", "https://", "https://a b", "https://x?y", "https://x#y",
     "https://me:pw@x", "https://x:0", "https://x:y", "https://[", "https://exämple.org", "https://x\ny"],
)  # fmt: skip
def test_what_upstream_could_not_or_should_not_call_is_refused(given: str) -> None:
    with pytest.raises(Usage):
        base_of(given)


# --- Aurinko's -----------------------------------------------------------------------------------------------------------------


def aurinko(box: Box, *, says: bytes | None = None) -> AurinkoSubscriptions:
    """Its subscriptions, over a sandbox whose every answer is held against the vendor's file."""
    app = answering("200 OK", says) if says is not None else validated(box.app) if API_FILE.exists() else box.app
    source = Aurinko(
        "http://sandbox.example", {"token": box.account.token or ""}, clock=box.clock, transport=Transport(app)
    )
    assert isinstance(source.subscriptions, AurinkoSubscriptions)
    return source.subscriptions


def said_yes(url: str, headers: Mapping[str, str], content: bytes, timeout_s: float) -> Reply:
    return Reply(200, "text/plain", parse_qs(urlsplit(url).query)["validationToken"][0])


def test_aurinkos_are_made_listed_and_ended() -> None:
    subscriber = aurinko(sandbox(post=said_yes))
    feeds = [Feed("contacts"), Feed("messages"), Feed("events", "ada@example.com")]
    made = [subscriber.subscribe(subscriber.resource(feed) or "", PUBLIC) for feed in feeds]

    listed = subscriber.subscriptions()
    subscriber.unsubscribe(made[0].remote_id)
    subscriber.unsubscribe(made[0].remote_id)  # it has ended already

    assert listed == made
    assert [one.resource for one in made] == ["/contacts", "/email/messages", "/calendars/ada@example.com/events"]
    assert {one.active for one in made} == {True}
    assert subscriber.subscriptions() == made[1:]


def test_aurinkos_list_is_read_to_its_end() -> None:
    box = sandbox(post=said_yes)
    for number in range(205):
        box.behind.server.subscriptions.add(box.account, "/contacts", f"https://x.example/{number}", [], None)

    assert len({one.notification_url for one in aurinko(box).subscriptions()}) == 205


def test_what_can_not_be_told_of_and_an_address_that_does_not_answer_are_refused() -> None:
    box = sandbox(post=lambda *_: Reply(None, text="unreachable"))
    subscriber = aurinko(box)

    assert subscriber.resource(Feed("folders")) is None
    assert subscriber.resource(Feed("events", "a/b c#d%")) == "/calendars/a%2Fb%20c%23d%25/events"
    for resource in ("/contacts", "/folders", "/calendars/nowhere/events"):
        with pytest.raises(Refused) as refused:
            subscriber.subscribe(resource, PUBLIC)
        assert refused.value.status == 400


@pytest.mark.parametrize("says", [b"", b"{}", b"[]", b'{"id": {}}'])
def test_an_answer_of_another_form_is_no_subscription(says: bytes) -> None:
    with pytest.raises(WrongAnswer):
        aurinko(sandbox(), says=says).subscribe("/contacts", PUBLIC)
