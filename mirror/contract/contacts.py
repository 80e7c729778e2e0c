"""Contacts: single records with etags, and their feeds. There is no plain list of them, as upstream has none."""

from __future__ import annotations

from mirror.contract import bodies, feeds
from mirror.contract.backend import Record
from mirror.contract.router import Route
from mirror.contract.shown import listed_contact
from mirror.contract.wire import EMPTY, Answer, Call, found, without_nulls

FEED = feeds.Feed("contacts", None, lambda record, _: listed_contact(record))


def create(call: Call) -> Answer:
    fields = without_nulls(call.fields(bodies.Contact))
    return _record_or_id(call.writer.create(call, "contacts", fields), 201)


def read(call: Call) -> Answer:
    call.body_type()
    record = _stored(call)
    return Answer(record if call.flag("withPhoto") else listed_contact(record))


def update(call: Call) -> Answer:
    fields = call.fields(bodies.Contact)
    stored = _stored(call)
    call.check_etag(stored)
    return _record_or_id(call.writer.change(call, "contacts", stored, fields), 200)


def delete(call: Call) -> Answer:
    call.writer.delete(call, "contacts", _stored(call))
    return EMPTY


def _stored(call: Call) -> Record:
    return found(call.backend.read(call.account.mailbox_id, "contacts", call.path["contId"]), "contact")


def _record_or_id(record: Record, status: int) -> Answer:
    return Answer({"id": record["id"], "etag": record["etag"], "record": listed_contact(record)}, status)


ROUTES = (
    Route("POST", "/v1/contacts", create),
    Route("GET", "/v1/contacts/{contId}", read),
    Route("PATCH", "/v1/contacts/{contId}", update),
    Route("DELETE", "/v1/contacts/{contId}", delete),
    Route("POST", "/v1/contacts/sync", lambda call: feeds.start(call, FEED, {})),
    Route("GET", "/v1/contacts/sync/updated", lambda call: feeds.updated(call, FEED)),
    Route("GET", "/v1/contacts/sync/deleted", lambda call: feeds.deleted(call, FEED)),
)
