"""What upstream tells by itself: taken when it is signed, recorded once, answered with what makes upstream do the right thing."""

from __future__ import annotations

import hashlib
import hmac
import json
import logging
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from told import MAILBOX, SECRET, Told, notification, signed

from mirror import credentials, webhook
from mirror.credentials import App
from mirror.errors import DatabaseBusy
from mirror.store import hints, journal, subscriptions
from mirror.web.access import Access, hash_of
from mirror.webhook import MOST_BYTES, Answer, answer

NOW = datetime(2026, 1, 5, 9, 0, tzinfo=UTC)
KEYS = {"https://api.aurinko.io": "test-secret"}
OWNER = {"authorization": "Basic b3duZXI6YSBwYXNzd29yZA=="}


def ask(body: bytes = b"", query: bytes = b"", *, method: str = "POST", at: str = "1700000000",
        signature: str | None = None, secrets: dict[str, str] | None = None, **headers: str) -> Answer:  # fmt: skip
    by = "test-secret" if secrets is None else next(iter(secrets.values()), "")
    made = hmac.new(by.encode(), b"v0:" + at.encode() + b":" + body, hashlib.sha256).hexdigest()
    given = {
        "x-aurinko-request-timestamp": at,
        "x-aurinko-signature": made if signature is None else signature,
        **headers,
    }
    return answer(method, query, given, body, NOW, KEYS if secrets is None else secrets)


# --- the pure part ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("body", "signature"),
    [
        (b'{"subscription":1}', "ba3aa37f55f8747f5fd1b52614cd8bbed9688dccb5993915ec74572391b23995"),
        (b"", "524d5509981ed538caada0445be721c4e34bcba30747f2154add0514cc5f50d5"),
    ],
)
def test_the_signature_is_that_of_the_test_vectors(body: bytes, signature: str) -> None:
    assert ask(body, b"validationToken=x", signature=signature).status == 200
    assert ask(body, b"validationToken=x", signature=signature[:-1] + "6").status == 401
    assert ask(body + b" ", b"validationToken=x", signature=signature).status == 401
    assert ask(body, b"validationToken=x", signature=signature, at="1700000001").status == 401


@pytest.mark.parametrize("signature", ["", "v0=", "0" * 64, "é", "\udcff", "ba3a" * 1000])
def test_what_is_not_signed_is_refused(signature: str) -> None:
    assert ask(notification(), signature=signature) == webhook.UNVERIFIED


def test_without_a_secret_nothing_is_verified_not_even_with_an_empty_one() -> None:
    assert ask(notification(), secrets={}).status == 401
    assert ask(notification(), secrets={"https://api.aurinko.io": ""}).status == 401


def test_the_timestamp_may_be_as_old_as_a_retry_is() -> None:
    assert {ask(notification(), at=at).status for at in ("0", "1", "1600000000", "99999999999", "")} == {200}


def test_a_header_of_older_documents_is_understood() -> None:
    body = notification()
    stamped = signed(body, "1700000000", "test-secret")
    old = {"x-aurinko-requesttimestamp": "1700000000", "x-aurinko-signature": stamped["X-Aurinko-Signature"]}

    assert answer("POST", b"", old, body, NOW, KEYS).status == 200


@pytest.mark.parametrize(
    ("query", "token"),
    [
        (b"validationToken=7d0c6f0e-7d7a-4f0f-9d3e-0c4b8a7a9c11", b"7d0c6f0e-7d7a-4f0f-9d3e-0c4b8a7a9c11"),
        (b"validationToken=a%2Bb%2Fc%3D%3D", b"a+b/c=="),
        (b"validationToken=Validation%3a+Testing%20it", b"Validation: Testing it"),
        (b"from=here&validationToken=%C3%A9", "é".encode()),
        (b"validationToken=%3Cscript%3E", b"<script>"),
    ],
)
def test_the_validation_is_answered_with_the_token_decoded_and_nothing_else(query: bytes, token: bytes) -> None:
    assert ask(b"", query) == Answer(200, token, "text/plain", verified=True)


@pytest.mark.parametrize("query", [b"validationToken=", b"validationToken=%FF", b"validationToken=" + b"x" * 5000])
def test_a_token_that_is_none_is_refused(query: bytes) -> None:
    assert ask(b"", query).status == 400


@pytest.mark.parametrize(
    "body",
    [
        b"", b"{", b"[]", b"null", b"1", b'"x"', b"\xff", b"[" * 100_000, b'{"accountId": true, "subscription": 1}',
        b'{"subscription": 1}', b'{"accountId": "one", "subscription": 1}', b'{"accountId": 1.5, "subscription": 1}',
        b'{"accountId": ' + b"1" * 5000 + b', "subscription": 1}',
    ],
)  # fmt: skip
def test_what_is_no_notification_is_refused(body: bytes) -> None:
    assert ask(body).status == 400


def test_a_notification_says_what_changed_and_nothing_of_how() -> None:
    body = notification("/email/messages", 9, payloads=[{"id": "m1", "changeType": "created"}])

    found = ask(body).notice

    assert found is not None
    assert (found.mailbox, found.subscription, found.resource, found.event) == (
        MAILBOX,
        "9",
        "/email/messages",
        "changed",
    )
    assert found.base_urls == ("https://api.aurinko.io",)
    assert found.received_at == "2026-01-05T09:00:00.000Z"


def test_ids_may_come_as_text_and_surrogates_do_no_harm() -> None:
    body = json.dumps({"subscription": "9", "accountId": "42", "resource": "\ud800", "lifecycleEvent": "error",
                       "error": "\udfff" + "x" * 9000}).encode()  # fmt: skip

    found = ask(body).notice

    assert found is not None
    assert (found.mailbox, found.subscription, found.resource, found.event) == ("42", "9", "?", "failing")
    assert found.error == "?" + "x" * 499


def test_the_same_notification_has_the_same_digest_and_another_moment_another() -> None:
    body = notification()
    first, again, later, other = ask(body), ask(body), ask(body, at="1700000001"), ask(notification(subscription=2))

    digests = [one.notice.digest for one in (first, again, later, other) if one.notice]

    assert digests[0] == digests[1]
    assert len(set(digests)) == 3


def test_a_body_beyond_all_measure_and_other_methods_are_refused_before_anything_is_looked_at() -> None:
    assert ask(b"x" * (MOST_BYTES + 1)).status == 413
    assert {
        ask(notification(), method=method).status for method in ("GET", "HEAD", "PUT", "DELETE", "OPTIONS", "post")
    } == {404}


# --- recorded -----------------------------------------------------------------------------------------------------------------


@pytest.fixture
def told(quick_path: Path) -> Iterator[Told]:
    made = Told(quick_path / "home")
    yield made
    made.close()


def test_a_notification_is_recorded_as_a_hint_before_it_is_answered_and_its_account_is_hurried(told: Told) -> None:
    place = told.subscribe("messages", "9")

    answered = told.tell(notification("/email/messages", 9))

    assert (answered.status_code, answered.content) == (200, b"")
    assert hints.waiting(told.store, told.account.id) == {place}
    assert told.hurried == [{told.account.id}]
    (row,) = subscriptions.of_account(told.store, told.account.id)
    assert row.notified_at == "2026-01-05T09:00:00.000Z"


@pytest.mark.parametrize(
    ("resource", "kind"),
    [
        ("/contacts", "contacts"),
        ("/email/messages", "messages"),
        ("/calendars/work/events", "events"),
        ("/calendars/w%6Frk/events", "events"),
        ("/tasklists/chores/tasks", "tasks"),
    ],
)
def test_a_subscription_that_is_not_known_yet_is_known_by_its_resource(told: Told, resource: str, kind: str) -> None:
    assert told.tell(notification(resource, 77)).status_code == 200
    assert told.hints() == [(kind, False)]


@pytest.mark.parametrize("resource", ["/calendars/another/events", "/email/tracking", "", "/contacts/x", "x" * 100_000])
def test_what_is_not_mirrored_is_taken_note_of_and_that_is_all(told: Told, resource: str) -> None:
    assert told.tell(notification(resource, 77)).status_code == 200
    assert told.hints() == []


def test_of_an_account_that_is_not_here_or_was_removed_nothing_is_wanted(told: Told) -> None:
    assert told.tell(notification(accountId=4711)).status_code == 404
    journal.remove_account(told.store, told.account.id)
    assert told.tell(notification()).status_code == 404
    assert told.hints() == []


def test_who_signs_for_one_server_says_nothing_of_anothers_accounts(told: Told) -> None:
    other = journal.add_account(told.store, "other", "memory", "http://127.0.0.1:9")
    with told.store.transaction() as conn:
        conn.execute("UPDATE accounts SET remote_id = '7' WHERE id = ?", [other.id])
    credentials.keep_app(told.store.home, App("http://127.0.0.1:9", "id", "secret", "another-signing-secret"))
    told.clock.sleep(61)

    crossed = [told.tell(notification(accountId=7)), told.tell(notification(), secret="another-signing-secret")]
    right = [told.tell(notification(accountId=7), secret="another-signing-secret"), told.tell(notification())]

    assert [one.status_code for one in crossed] == [404, 404]
    assert [one.status_code for one in right] == [200, 200]


def test_what_is_sent_again_is_recorded_once(told: Told) -> None:
    body = notification()
    for _ in range(3):
        told.clock.sleep(10)
        assert told.tell(body).status_code == 200
    told.pull()
    told.clock.sleep(600)
    assert told.tell(body).status_code == 200

    assert told.hints() == [("contacts", True)]


def test_within_one_second_the_same_bytes_may_be_of_another_change(told: Told) -> None:
    body = notification()
    told.tell(body)
    told.pull()
    told.clock.sleep(0.7)
    told.tell(body)

    assert told.hints() == [("contacts", False)]


def test_what_is_told_again_during_a_pass_is_not_seen_to_by_it(told: Told) -> None:
    body = notification()
    told.tell(body)
    (feed,) = [one for one in journal.known_feeds(told.store, told.account.id) if one.kind == "contacts"]
    begun_at = hints.newest(told.store, feed)
    told.tell(body)
    hints.pulled(told.store, feed, begun_at)

    assert told.hints() == [("contacts", False)]


def test_a_lifecycle_error_is_written_down_and_active_again_is_caught_up_with(told: Told) -> None:
    place = told.subscribe("contacts", "9")

    told.tell(notification("/contacts", 9, lifecycleEvent="error", error="The account is not authorized any more"))
    (failing,) = subscriptions.of_account(told.store, told.account.id)
    watched = subscriptions.watched(told.store, told.account.id, told.receiving.address.url)
    hinted = told.hints()
    told.tell(notification("/contacts", 9, lifecycleEvent="active"))
    (active,) = subscriptions.of_account(told.store, told.account.id)

    assert (failing.state, failing.error) == ("failing", "The account is not authorized any more")
    assert (watched, hinted) == (set(), [])
    assert (active.state, active.error) == ("active", None)
    assert subscriptions.watched(told.store, told.account.id, told.receiving.address.url) == {place}
    assert told.hints() == [("contacts", False)]


def test_a_thousand_notifications_at_once_are_few_rows_and_few_transactions(told: Told) -> None:
    bodies = [notification(payloads=[{"id": f"c{number}", "changeType": "updated"}]) for number in range(1000)]
    path = told.path

    answers = told.ask_all(
        [("POST", path, {"content": body, "headers": signed(body)}) for body in bodies], at_once=True
    )

    assert {one.status_code for one in answers} == {200}
    assert len(told.hints()) == hints.MOST_PER_FEED
    assert len(told.hurried) < 200
    told.pull()
    assert {pulled for _, pulled in told.hints()} == {True}
    told.clock.sleep(hints.KEPT.total_seconds() + 60)
    hints.clear(told.store)
    assert told.hints() == []


def test_what_can_not_be_written_is_not_answered_with_200(told: Told) -> None:
    def take(_: Any) -> list[bool]:
        raise DatabaseBusy("locked")

    told.app = told.in_front(take)

    assert told.tell(notification()).status_code == 404


def test_when_the_secrets_can_not_be_read_it_is_to_be_sent_again(told: Told) -> None:
    (told.store.home / "credentials.json").write_text("{", encoding="utf-8")
    told.clock.sleep(61)

    assert told.tell(notification()).status_code == 404
    assert told.hints() == []


# --- the address --------------------------------------------------------------------------------------------------------------


def test_the_validation_counts_and_comes_as_plain_text(told: Told) -> None:
    answered = told.ask(path=told.path + "?validationToken=a%2Bb", headers=signed(b""))

    assert (answered.status_code, answered.content, answered.headers["content-type"]) == (200, b"a+b", "text/plain")
    assert answered.headers["x-content-type-options"] == "nosniff"
    assert told.receiving.address.heard() == 1


@pytest.mark.parametrize(
    "path", ["/-/webhook", "/-/webhook/", "/-/webhook/wrong", "/-/webhook/\u00e9", "/-/webhook/%FF"]
)
def test_without_the_right_end_there_is_nothing(told: Told, path: str) -> None:
    body = notification()

    assert told.ask(path=path, content=body, headers=signed(body)).status_code == 404
    assert told.hints() == []


def test_a_body_that_has_no_end_is_not_read_to_it(told: Told) -> None:
    taken = 0

    async def endless() -> Any:
        nonlocal taken
        for _ in range(1000):
            taken += 1
            yield b"x" * 100_000

    assert told.ask(content=endless()).status_code == 413
    assert taken < 1000


def test_the_webhook_opens_nothing_else_to_those_who_come_by_another_name(told: Told) -> None:
    pages = [told.ask("GET", path) for path in ("/", "/mirror/contacts", "/-/login", "/-/webhooks")]
    posted = told.ask("POST", "/mirror/contacts")

    assert {page.status_code for page in [*pages, posted]} == {421}


def test_what_a_tunnel_forwards_under_our_own_name_sees_no_page_without_a_password(told: Told) -> None:
    forwarded = {"host": "127.0.0.1:8801", "x-forwarded-for": "203.0.113.9"}

    assert told.ask("GET", "/mirror/contacts", headers=forwarded).status_code == 421
    assert told.ask("GET", "/mirror/contacts", headers={"host": "127.0.0.1:8801"}).status_code == 200
    body = notification()
    assert told.ask(content=body, headers={**signed(body), **forwarded}).status_code == 200


def test_with_a_password_the_pages_stay_behind_it_and_the_webhook_does_not_ask_for_it(quick_path: Path) -> None:
    told = Told(quick_path / "home", access=Access(hash_of("a password"), "cookie-secret", "0.0.0.0"))
    try:
        assert told.tell(notification()).status_code == 200
        assert told.ask("GET", "/mirror/contacts", headers={"x-forwarded-for": "203.0.113.9"}).status_code == 401
        assert told.ask("GET", "/mirror/contacts", headers=OWNER).status_code == 200
    finally:
        told.close()


def test_without_a_signing_secret_it_refuses_and_says_what_to_do_until_one_is_set(
    quick_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    told = Told(quick_path / "home", secret=None)
    try:
        with caplog.at_level(logging.WARNING):
            refused = [told.tell(notification()).status_code for _ in range(5)]
        said = [record.getMessage() for record in caplog.records]
        credentials.keep_app(told.store.home, App(told.account.base_url, "id", "client-secret", SECRET))
        told.clock.sleep(61)

        assert refused == [401] * 5
        assert len(said) == 1
        assert "mirror app set" in said[0]
        assert told.tell(notification()).status_code == 200
    finally:
        told.close()


def test_neither_secrets_nor_the_address_get_into_the_log_or_onto_a_page(
    told: Told, caplog: pytest.LogCaptureFixture
) -> None:
    told.subscribe("contacts")
    token = told.path.rpartition("/")[2]
    with caplog.at_level(logging.DEBUG, logger="mirror"):
        for body in (b"{", notification(), b"x" * (MOST_BYTES + 1)):
            told.tell(body)
            told.ask(content=body, headers={"X-Aurinko-Signature": "wrong"})
    page = told.ask("GET", "/mirror/subscriptions.json", headers={"host": "localhost"})

    assert page.status_code == 200
    assert "/contacts" in page.text
    assert all(secret not in page.text + caplog.text for secret in (token, SECRET))


# --- whatever comes -----------------------------------------------------------------------------------------------------------

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters()), lambda inner:
    st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3), max_leaves=8,
)  # fmt: skip
FIELDS = st.fixed_dictionaries(
    {},
    optional={
        "subscription": st.sampled_from([1, "1", 9, -1, None]) | JSON,
        "accountId": st.sampled_from([int(MAILBOX), MAILBOX]) | JSON,
        "resource": st.sampled_from(["/contacts", "/calendars/work/events", "/email/messages"]) | JSON,
        "lifecycleEvent": st.sampled_from(["error", "active", "other"]) | JSON,
        "error": JSON,
        "payloads": JSON,
    },
)
BODIES = st.binary(max_size=200) | st.builds(lambda told: json.dumps(told).encode(), FIELDS | JSON)
HEADERS = st.lists(
    st.tuples(
        st.sampled_from(["x-aurinko-signature", "x-aurinko-request-timestamp", "host", "content-type", "authorization",
                         "origin", "sec-fetch-site", "cookie", "x-forwarded-for", "expect", "x"]),
        st.binary(max_size=30).map(lambda value: value.translate(None, b"\r\n\0")),
    ),
    max_size=4,
)  # fmt: skip
QUERIES = st.sampled_from(
    ["", "validationToken=x", "validationToken=%FF", "validationToken", "%", "a=1;b=2"]
) | st.binary(max_size=20).map(lambda raw: "".join(f"%{byte:02x}" for byte in raw))
METHODS = st.sampled_from(["POST"] * 8 + ["GET", "HEAD", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "PROPFIND", "X"])


@pytest.fixture(scope="module")
def fuzzed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Told]:
    made = Told(tmp_path_factory.mktemp("fuzzed") / "home")
    made.subscribe("contacts")
    yield made
    made.close()


@settings(max_examples=250, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(method=METHODS, query=QUERIES, headers=HEADERS, body=BODIES, is_signed=st.integers(0, 3).map(bool),
       at=st.sampled_from(["1700000000", "0", ""]))  # fmt: skip
def test_whatever_comes_is_answered_with_one_of_five_and_nothing_grows(
    fuzzed: Told, method: str, query: str, headers: list[tuple[str, bytes]], body: bytes, is_signed: bool, at: str
) -> None:
    """Upstream ends a subscription that answers 422, and takes 201 and 204 for failures."""
    given_headers = [(name.encode(), value) for name, value in headers]
    if is_signed:
        given_headers += [(name.encode(), value.encode()) for name, value in signed(body, at).items()]

    answered = fuzzed.ask(method, f"{fuzzed.path}?{query}", content=body, headers=given_headers)

    assert answered.status_code in (200, 400, 401, 404, 413)
    assert is_signed or answered.status_code in (401, 404)
    assert len(fuzzed.hints()) <= 4 * hints.MOST_PER_FEED
    assert fuzzed.store.conn.execute("SELECT count(*) FROM subscriptions").fetchone()[0] == 1
    assert fuzzed.store.conn.execute("PRAGMA page_count").fetchone()[0] < 200
