"""Aurinko's unified mailbox API as a source: the best path that it has for each kind.

Contacts, events, messages and tasks have two feeds each, of updated and of deleted records, walked one after the
other; calendars, folders and task lists can only be listed. Source of all of it: the vendor's OpenAPI file ("Sync"
sections), and where a comment says so, what clients have observed.
"""

from __future__ import annotations

import base64
import binascii
import json
import re
from datetime import UTC, datetime, time, timedelta
from typing import Any
from urllib.parse import quote

import httpx
import msgspec

from mirror import clock as clocks
from mirror.clock import Clock
from mirror.errors import NotPermitted, NotReady, RecordGone, RestartFeed, SignInAgain, WrongAnswer
from mirror.feed import Change, Coverage, Cursor, Feed, Gone, Mailbox, Page, Record, Settings, Unreadable
from mirror.formats.text import from_html
from mirror.sources.http import CONNECT_PATIENCE_S, Answer, Http

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
RECORDS = {
    "contacts": "/contacts/{id}",
    "calendars": "/calendars/{id}",
    "events": "/calendars/{parent}/events/{id}",
    "folders": "/email/folders/{id}",
    "messages": "/email/messages/{id}",
    "task_lists": "/tasklists/{id}",
    "tasks": "/tasklists/{parent}/tasks/{id}",
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

A_TAG = re.compile(r"</?[a-z][a-z0-9]*[\s>/]", re.I)  # mails without HTML come as plain text, whatever was asked for
BAD_TOKEN_CODES = frozenset({"token.notValid", "syncToken.expired", "syncToken.notValid"})
BAD_TOKEN_MESSAGE = re.compile(r"token\.notValid|(page|sync|delta) ?token (is |has )?(invalid|expired|not valid)", re.I)


class _Account(msgspec.Struct):
    id: int | str
    email: str | None = None
    mailboxAddress: str | None = None  # noqa: N815  (upstream's name, as all fields of these Structs)
    serviceType: str | None = None  # noqa: N815
    authScopes: list[str] | None = None  # noqa: N815


class _SyncStatus(msgspec.Struct):
    ready: bool | None = None
    syncUpdatedToken: str | None = None  # noqa: N815
    syncDeletedToken: str | None = None  # noqa: N815


class _Page(msgspec.Struct):
    nextPageToken: str | None = None  # noqa: N815
    nextDeltaToken: str | None = None  # noqa: N815
    records: list[msgspec.Raw] | None = None


class _Head(msgspec.Struct):
    id: str
    etag: str | None = None
    lastModifiedTime: str | None = None  # noqa: N815
    omitted: list[str] | None = None
    deleted: bool | None = None


class _Tombstone(msgspec.Struct):
    id: str
    timestamp: str | None = None


class _Content(msgspec.Struct):
    content: str


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
        transport: httpx.BaseTransport | None = None,
    ) -> None:
        headers = {"Accept": "application/json"}
        auth = None
        if "token" in credentials:
            headers["Authorization"] = f"Bearer {credentials['token']}"
        else:
            auth = (credentials["client_id"], credentials["client_secret"])
            headers["X-Aurinko-Account-Id"] = credentials["account_id"]
        self._http = Http(base_url, clock=clock, headers=headers, auth=auth, budget_s=budget_s, transport=transport)
        self._clock = clock
        self._settings = settings or Settings()
        self._scopes: tuple[str, ...] = ()
        self.traffic = self._http.traffic

    def close(self) -> None:
        self._http.close()

    def new_patience(self) -> None:
        self._http.patience.renew()

    def mailbox(self) -> Mailbox:
        answer, account = self._http.get("/account", decode=_decode_account, connect_patience_s=CONNECT_PATIENCE_S)
        if account is None:
            raise WrongAnswer("GET /account", status=answer.status, code=answer.code)
        self._scopes = tuple(account.authScopes or ())
        return Mailbox(str(account.id), account.email or account.mailboxAddress, account.serviceType)

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
        answer, page = self._http.get(path, {"pageToken": token} if token else None, decode=decode_page)
        if page is None:
            raise RestartFeed(path, status=answer.status, code=answer.code) if token else _refused(path, answer)
        _must_advance(path, token, page.nextPageToken)
        following: Cursor | None = {"page": page.nextPageToken} if page.nextPageToken else None
        covers = Coverage() if not token else None
        return Page(_changes(feed, page.records or []), following, following is not None, covers)

    def _start(self, feed: Feed) -> Page:
        path = _path(FEEDS[feed.kind], feed) + "/sync"
        covers = self.coverage(feed)
        params = self._start_params(feed, covers)
        for attempt in range(1_000):
            answer, status = self._http.send("POST", path, params, decode=_decode_status)
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
            return Coverage(clocks.text(since or now - EVENTS_BACK), clocks.text(now + EVENTS_AHEAD))
        if feed.kind == "messages":
            return Coverage(clocks.text(since or now - timedelta(days=ALL_MAIL_DAYS)))
        return Coverage()

    def _walk(self, feed: Feed, cursor: Cursor) -> Page:
        side: str = cursor["walking"]
        tokens: dict[str, str] = cursor[side]
        path = f"{_path(FEEDS[feed.kind], feed)}/sync/{side}"
        params = {"pageToken": tokens["page"]} if "page" in tokens else {"deltaToken": tokens["delta"]}
        answer, page = self._http.get(path, params, decode=decode_page)
        if page is None:
            raise self._expired(cursor, answer) if _is_bad_token(answer) else _refused(path, answer)
        if not page.nextPageToken and not page.nextDeltaToken:
            raise WrongAnswer(f"GET {path}: neither nextPageToken nor nextDeltaToken", status=answer.status)
        _must_advance(path, tokens.get("page"), page.nextPageToken)
        records = page.records or []
        changes = _changes(feed, records) if side == "updated" else _tombstones(records)
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
        path = _path(RECORDS[feed.kind], feed, remote_id)
        params = {"bodyType": "html"} if feed.kind == "messages" else None
        answer, raw = self._http.get(path, params, decode=_decode_raw)
        if raw is None:
            if answer.status in (404, 410):
                return Gone(remote_id)
            raise _refused(path, answer)
        change = _record(feed, raw)
        if isinstance(change, Unreadable) or change.remote_id != remote_id:
            raise WrongAnswer(f"GET {RECORDS[feed.kind]}: not the record that was asked for", status=answer.status)
        return change

    def attachment(self, feed: Feed, record_id: str, attachment_id: str) -> bytes:
        path = f"{_path(RECORDS[feed.kind], feed, record_id)}/attachments/{quote(attachment_id, safe='')}"
        answer, content = self._http.get(path, decode=_decode_content)
        if content is None:
            if answer.status in (404, 410):
                raise RecordGone(path, status=answer.status)
            raise _refused(path, answer)
        return content


def _path(template: str, feed: Feed, remote_id: str = "") -> str:
    return template.format(parent=quote(feed.parent or "", safe=""), id=quote(remote_id, safe=""))


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


def _advance(cursor: Cursor, page: _Page) -> tuple[Cursor, bool]:
    """The cursor after a page, and whether there is more. A page token wins over a delta token on the same page."""
    side = cursor["walking"]
    if page.nextPageToken:
        return {**cursor, side: {"delta": cursor[side]["delta"], "page": page.nextPageToken}}, True
    following = {key: value for key, value in cursor.items() if key != "dropped_page"}
    following[side] = {"delta": page.nextDeltaToken}
    following["walking"] = "deleted" if side == "updated" else "updated"
    return following, side == "updated"


# --- answers taken apart --------------------------------------------------------------------------------------------

_decode_account = msgspec.json.Decoder(_Account).decode
_decode_status = msgspec.json.Decoder(_SyncStatus).decode
_decode_page_struct = msgspec.json.Decoder(_Page).decode
_decode_head = msgspec.json.Decoder(_Head).decode
_decode_tombstone = msgspec.json.Decoder(_Tombstone).decode
_decode_fields = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode


def decode_page(content: bytes) -> _Page:
    """A page of a feed or a listing, its records as the bytes that upstream sent."""
    try:
        return _decode_page_struct(content)
    except msgspec.ValidationError:
        raise
    except msgspec.DecodeError:
        # A lone surrogate (\ud800) is allowed in JSON texts but not in UTF-8; msgspec refuses the whole page for it.
        page = json.loads(content)
        if not isinstance(page, dict) or not isinstance(page.get("records"), list):
            raise
        records = [msgspec.Raw(json.dumps(record).encode()) for record in page["records"]]
        tokens = msgspec.convert({**page, "records": None}, _Page)
        return _Page(tokens.nextPageToken, tokens.nextDeltaToken, records)


def _decode_raw(content: bytes) -> bytes:
    decode_page(b'{"records": [' + content + b"]}")
    return content


def _decode_content(content: bytes) -> bytes:
    encoded = msgspec.json.decode(content, type=_Content).content
    try:
        return base64.b64decode(encoded, altchars=b"-_" if "-" in encoded or "_" in encoded else None, validate=False)
    except binascii.Error as error:
        raise WrongAnswer("the attachment is not base64", status=200) from error


def _changes(feed: Feed, records: list[msgspec.Raw]) -> tuple[Change, ...]:
    return tuple(_record(feed, bytes(raw)) for raw in records)


def _record(feed: Feed, raw: bytes) -> Record | Gone | Unreadable:
    try:
        head = _decode_head(raw)
    except (msgspec.DecodeError, UnicodeDecodeError):
        loose = _loose_head(raw)
        if loose is None:
            return Unreadable(raw, "it has no id, or is no JSON object")
        head = loose
    if not head.id or len(head.id.encode("utf-8", "surrogatepass")) > 2048:
        return Unreadable(raw, "its id is empty or longer than 2 KB")
    if head.deleted:
        return Gone(head.id, _moment(head.lastModifiedTime))
    body = None
    if feed.kind == "messages" and b'"body"' in raw:
        raw, body = _without_body(raw)
    text = from_html(body) if body is not None and A_TAG.search(body) else body
    return Record(head.id, raw, head.etag, _moment(head.lastModifiedTime), tuple(head.omitted or ()), body, text)


def _loose_head(raw: bytes) -> _Head | None:
    """The head of a record whose fields are not of the agreed types: what can be used of it."""
    try:
        fields = json.loads(raw)
    except (ValueError, RecursionError):
        return None
    if not isinstance(fields, dict):
        return None
    remote_id = fields.get("id")
    if isinstance(remote_id, int) and not isinstance(remote_id, bool):
        remote_id = str(remote_id)
    if not isinstance(remote_id, str) or not remote_id.isprintable():
        return None
    etag, modified, omitted = fields.get("etag"), fields.get("lastModifiedTime"), fields.get("omitted")
    return _Head(
        remote_id,
        etag if isinstance(etag, str) else None,
        modified if isinstance(modified, str) else None,
        [name for name in omitted if isinstance(name, str)] if isinstance(omitted, list) else None,
        fields.get("deleted") is True,
    )


def _without_body(raw: bytes) -> tuple[bytes, str | None]:
    """The record without its body, and the body. The other fields stay byte for byte as they came."""
    try:
        fields = _decode_fields(raw)
        body = msgspec.json.decode(fields["body"], type=str | None) if "body" in fields else None
    except (msgspec.DecodeError, UnicodeDecodeError):
        loose = json.loads(raw)
        text = loose.pop("body", None)
        return json.dumps(loose).encode(), text if isinstance(text, str) else None
    fields.pop("body", None)
    return msgspec.json.encode(fields), body


def _tombstones(records: list[msgspec.Raw]) -> tuple[Change, ...]:
    changes: list[Change] = []
    for raw in records:
        try:
            tombstone = _decode_tombstone(raw)
        except (msgspec.DecodeError, UnicodeDecodeError):
            loose = _loose_head(bytes(raw))
            changes.append(Gone(loose.id) if loose else Unreadable(bytes(raw), "a deletion without an id"))
            continue
        changes.append(Gone(tombstone.id, _moment(tombstone.timestamp)))
    return tuple(changes)


def _moment(written: str | None) -> str | None:
    if not written:
        return None
    try:
        return clocks.text(clocks.moment(written))
    except (ValueError, OverflowError):
        return None
