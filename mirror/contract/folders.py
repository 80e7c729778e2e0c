"""Mail folders and labels, and which of them a person chose for archived and sent mail."""

from __future__ import annotations

from mirror.contract import bodies
from mirror.contract.refusals import bad_request
from mirror.contract.router import Route
from mirror.contract.wire import Answer, Call, found, without_nulls


def folders(call: Call) -> Answer:
    # The vendor's page of folders has no nextPageToken, though the request has the parameter.
    call.text("pageToken")
    records = call.backend.records(call.account.mailbox_id, "folders")
    return Answer({"length": len(records), "records": records})


def create(call: Call) -> Answer:
    given = call.fields(bodies.FolderCreate)
    name = given.get("name")
    if not name:
        raise bad_request("name is required")
    if given.get("parentId"):
        found(call.backend.read(call.account.mailbox_id, "folders", given["parentId"]), "parent folder")
    return Answer(call.writer.create(call, "folders", without_nulls(given)), 201)


def read(call: Call) -> Answer:
    return Answer(found(call.backend.read(call.account.mailbox_id, "folders", call.path["folderId"]), "folder"))


def well_known(call: Call) -> Answer:
    return Answer(call.backend.settings(call.account.mailbox_id).get("wellKnown") or {})


def choose(call: Call) -> Answer:
    given = call.fields(bodies.WellKnown)
    for folder_id in given.values():
        if folder_id is not None and call.backend.read(call.account.mailbox_id, "folders", folder_id) is None:
            raise bad_request("There is no such folder")
    return Answer(call.writer.choose_folders(call, given))


ROUTES = (
    Route("GET", "/v1/email/folders", folders),
    Route("POST", "/v1/email/folders", create),
    Route("GET", "/v1/email/folders/wellKnown", well_known),
    Route("PATCH", "/v1/email/folders/wellKnown", choose),
    Route("GET", "/v1/email/folders/{folderId}", read),
)
