"""Aurinko's unified mailbox API as a source: the best path that it has for each kind.

Contacts, events, messages and tasks have two feeds each, of updated and of deleted records, walked one after the
other; calendars, folders and task lists can only be listed. Source of all of it: the vendor's OpenAPI file ("Sync"
sections), and where a comment says so, what clients have observed.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, time, timedelta
from typing import Any

import httpx
import msgspec

from mirror import clock as clocks
from mirror.clock import Clock
from mirror.errors import NotPermitted, NotReady, RecordGone, RestartFeed, SignInAgain, WrongAnswer
from mirror.feed import (
    LOCAL,
    Coverage,
    Cursor,
    Feed,
    Gone,
    Mailbox,
    Page,
    Receipt,
    Record,
    Request,
    Settings,
    Unreadable,
    Write,
)
from mirror.sources import aurinko_answers as answers
from mirror.sources import aurinko_writes as writes
from mirror.sources.aurinko_paths import RECORDS, path_of, segment
from mirror.sources.aurinko_subscriptions import AurinkoSubscriptions
from mirror.sources.base import Subscriber
from mirror.sources.http import CONNECT_PATIENCE_S, Answer, Http
from mirror.sources.rate import Rates

FEEDS = {
    "contacts": "/contacts",
    "events": "/calendars/{parent}",
    "messages": "/email",
    "tasks": "/tasklists/{parent}",
}
LISTINGS = {
    "calendars": "/calendars",
    "folders": "/email/folders",
    "task_lists": "/tasklists",
}
SCOPES = {
    "contacts": "Contacts",
    "calendars": "Calendar",
    "events": "Calendar",
    "folders": "Mail",
    "messages": "Mail",
    "task_lists": "Tasks",
    "tasks": "Tasks",
}

ALL_MAIL_DAYS = 18_250  # fifty years: upstream does not document what it does without a number
EVENTS_BACK = timedelta(days=365)
EVENTS_AHEAD = timedelta(days=730)
READY_WAITS_S = (1.0, 2.0, 4.0, 8.0, 15.0)

BAD_TOKEN_CODES = frozenset({"token.notValid", "syncToken.expired", "syncToken.notValid"})
BAD_TOKEN_MESSAGE = re.compile(r"token\.notValid|(page|sync|delta) ?token (is |has )?(invalid|expired|not valid)", re.I)


class Aurinko:
    """One Aurinko account. See `base.Source` for what each method promises."""

    def __init__(
        self,
        base_url: str,
        credentials: dict[str, str],
        *,
        clock: Clock,
        settings: Settings | None = None,
        budget_s: float = 300.0,
        rates: Rates | None = None,
        transport: httpx.BaseTransport | None = None,
    ) -> None:
        headers = {"Accept": "application/json"}
        auth = None
        if "token" in credentials:
            headers["Authorization"] = f"Bearer {credentials['token']}"
        else:
            auth = (credentials["client_id"], credentials["client_secret"])
            headers["X-Aurinko-Account-Id"] = credentials["account_id"]
        self._http = Http(
            base_url, clock=clock, headers=headers, auth=auth, budget_s=budget_s, rates=rates, transport=transport
        )
        self._clock = clock
        self._settings = settings or Settings()
        self._scopes: tuple[str, ...] = ()
        self.traffic = self._http.traffic
        self.subscriptions: Subscriber | None = AurinkoSubscriptions(self._http)

    def close(self) -> None:
        self._http.close()

    def new_patience(self) -> None:
        self._http.patience.renew()

    def mailbox(self) -> Mailbox:
        answer, account = self._http.get(
            "/account", decode=answers.decode_account, connect_patience_s=CONNECT_PATIENCE_S
        )
        if account is None:
            raise WrongAnswer("GET /account", status=answer.status, code=answer.code)
        self._scopes = tuple(account.authScopes or ())
        return Mailbox(str(account.id), account.email or account.mailboxAddress, account.serviceType, self._scopes)

    # --- pages ----------------------------------------------------------------------------------------------------

    def page(self, feed: Feed, cursor: Cursor | None) -> Page:
        try:
            if feed.kind in LISTINGS:
                return self._listing(feed, cursor)
            return self._start(feed) if cursor is None else self._walk(feed, cursor)
        except (SignInAgain, NotPermitted) as refused:
            # What a missing scope is answered with is not documented; clients have met 401 and 403.
            scope = SCOPES[feed.kind] + ".Read"
            if not self._scopes or any(granted.startswith(SCOPES[feed.kind] + ".") for granted in self._scopes):
                raise
            raise NotPermitted(f"{scope} was not granted", status=refused.status, scope=scope) from refused

    def _listing(self, feed: Feed, cursor: Cursor | None) -> Page:
        token = (cursor or {}).get("page")
        path = LISTINGS[feed.kind]
        answer, page = self._http.get(path, {"pageToken": token} if token else None, decode=answers.decode_page)
        if page is None:
            raise RestartFeed(path, status=answer.status, code=answer.code) if token else _refused(path, answer)
        records = _records(path, page, answer.status)
        _must_advance(path, token, page.nextPageToken)
        following: Cursor | None = {"page": page.nextPageToken} if page.nextPageToken else None
        covers = Coverage() if not token else None
        return Page(answers.changes_of(feed, records), following, following is not None, covers)

    def _start(self, feed: Feed) -> Page:
        path = path_of(FEEDS[feed.kind], feed) + "/sync"
        covers = self.coverage(feed)
        params = self._start_params(feed, covers)
        for attempt in range(1_000):
            answer, status = self._http.send("POST", path, params, decode=answers.decode_status)
            if status is None:
                raise _refused(path, answer)
            if status.ready is not False and status.syncUpdatedToken and status.syncDeletedToken:
                cursor = {
                    "updated": {"delta": status.syncUpdatedToken},
                    "deleted": {"delta": status.syncDeletedToken},
                    "walking": "updated",
                }
                return Page((), cursor, more=True, covers=covers)
            if status.ready is not False:
                raise WrongAnswer(f"POST {path}: no sync tokens in the answer", status=answer.status)
            wait_s = answer.retry_after_s or READY_WAITS_S[min(attempt, len(READY_WAITS_S) - 1)]
            if wait_s > self._http.patience.left_s:
                break
            self._http.rest(wait_s)
        raise NotReady(path)

    def _start_params(self, feed: Feed, covers: Coverage) -> dict[str, Any]:
        if feed.kind == "events":
            return {"timeMin": covers.since, "timeMax": covers.until}
        if feed.kind == "messages":
            since = clocks.moment(covers.since or "")
            days = -((since - self._clock.now()) // timedelta(days=1))  # rounded up: never less than `covers` claims
            return {"daysWithin": max(1, days), "bodyType": "html"}
        return {}

    def coverage(self, feed: Feed) -> Coverage:
        now = self._clock.now()
        chosen = self._settings.since
        since = datetime.combine(datetime.fromisoformat(chosen), time(), UTC) if chosen else None
        if feed.kind == "events":
            # Whole days: a start that is not ready is asked for again with the same parameters, also by the next run.
            today = datetime.combine(now, time(), UTC)
            return Coverage(clocks.text(since or today - EVENTS_BACK), clocks.text(today + EVENTS_AHEAD))
        if feed.kind == "messages":
            return Coverage(clocks.text(since or now - timedelta(days=ALL_MAIL_DAYS)))
        return Coverage()

    def _walk(self, feed: Feed, cursor: Cursor) -> Page:
        try:
            side: str = cursor["walking"]
            tokens: dict[str, str] = cursor[side]
            params = {"pageToken": tokens["page"]} if "page" in tokens else {"deltaToken": tokens["delta"]}
        except (KeyError, TypeError) as error:
            raise RestartFeed("the stored cursor is of another form") from error
        path = f"{path_of(FEEDS[feed.kind], feed)}/sync/{side}"
        answer, page = self._http.get(path, params, decode=answers.decode_page)
        if page is None:
            raise self._expired(cursor, answer) if _is_bad_token(answer) else _refused(path, answer)
        if not page.nextPageToken and not page.nextDeltaToken:
            raise WrongAnswer(f"GET {path}: neither nextPageToken nor nextDeltaToken", status=answer.status)
        _must_advance(path, tokens.get("page"), page.nextPageToken)
        records = _records(path, page, answer.status)
        changes = answers.changes_of(feed, records) if side == "updated" else answers.tombstones_of(records)
        return Page(changes, *_advance(cursor, page))

    def _expired(self, cursor: Cursor, answer: Answer) -> RestartFeed:
        """What is left to try: a page token may have expired alone, so the delta token it came from is tried, once."""
        side = cursor["walking"]
        retry: Cursor | None = None
        if "page" in cursor[side] and not cursor.get("dropped_page"):
            retry = {**cursor, side: {"delta": cursor[side]["delta"]}, "dropped_page": True}
        return RestartFeed(retry_with=retry, status=answer.status, code=answer.code)

    # --- single records -------------------------------------------------------------------------------------------

    def read(self, feed: Feed, remote_id: str) -> Record | Gone:
        path = path_of(RECORDS[feed.kind], feed, remote_id)
        params = {"bodyType": "html"} if feed.kind == "messages" else None
        answer, raw = self._http.get(path, params, decode=answers.decode_raw)
        if raw is None:
            if answer.status in (404, 410):
                return Gone(remote_id)
            raise _refused(path, answer)
        change = answers.change_of(feed, raw)
        if isinstance(change, Record) and change.remote_id != remote_id and remote_id.startswith(LOCAL):
            return Gone(remote_id, now=change.remote_id)
        if isinstance(change, Unreadable) or change.remote_id != remote_id:
            raise WrongAnswer(f"GET {RECORDS[feed.kind]}: not the record that was asked for", status=answer.status)
        return change

    # --- writing ----------------------------------------------------------------------------------------------------

    def request(self, write: Write) -> Request:
        return writes.request(write)

    def write(self, write: Write) -> Receipt:
        return writes.receipt(write, self._http.write(writes.request(write)))

    def attachment(self, feed: Feed, record_id: str, attachment_id: str) -> bytes:
        path = f"{path_of(RECORDS[feed.kind], feed, record_id)}/attachments/{segment(attachment_id)}"
        answer, content = self._http.get(path, decode=answers.decode_content)
        if content is None:
            if answer.status in (404, 410):
                raise RecordGone(path, status=answer.status)
            raise _refused(path, answer)
        return content


def _refused(path: str, answer: Answer) -> WrongAnswer:
    return WrongAnswer(
        f"{path}: {answer.status} {answer.code or ''} {answer.message or ''}".strip(),
        status=answer.status,
        code=answer.code,
    )


def _is_bad_token(answer: Answer) -> bool:
    """410, a 404 on the feed itself, or a 400 that names the token (the vendor's own client does the same)."""
    if answer.status in (404, 410):
        return True
    named = answer.code in BAD_TOKEN_CODES or BAD_TOKEN_MESSAGE.search(answer.message or "")
    return answer.status == 400 and bool(named)


def _must_advance(path: str, asked: str | None, following: str | None) -> None:
    if following is not None and following == asked:
        raise WrongAnswer(f"GET {path}: the page token does not advance", status=200)


def _records(path: str, page: answers.PageAnswer, status: int) -> list[msgspec.Raw]:
    """The records of a page. Left out, they are an empty page where something else says so; else they were lost."""
    if page.records is None and (page.length or not (page.nextPageToken or page.nextDeltaToken or page.length == 0)):
        raise WrongAnswer(f"GET {path}: a page without records", status=status)
    return page.records or []


def _advance(cursor: Cursor, page: answers.PageAnswer) -> tuple[Cursor, bool]:
    """The cursor after a page, and whether there is more. A page token wins over a delta token on the same page."""
    side = cursor["walking"]
    if page.nextPageToken:
        return {**cursor, side: {"delta": cursor[side]["delta"], "page": page.nextPageToken}}, True
    following = {key: value for key, value in cursor.items() if key != "dropped_page"}
    following[side] = {"delta": page.nextDeltaToken}
    following["walking"] = "deleted" if side == "updated" else "updated"
    return following, side == "updated"
