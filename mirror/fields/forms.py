"""What upstream takes, form by form: every field with its type and who may write it. Constants only.

Sizes are limits of sanity, not upstream's, which are unknown. Tests hold names, types, words and read-only marks against
the vendor's file.
"""

from __future__ import annotations

from dataclasses import replace

from mirror.fields.field import Field, own

LONG = 1_000_000  # characters: notes, descriptions
BODY = 10_000_000
BASE64 = 35_000_000  # 25 MB of bytes


def _list(name: str, entry: Field, *keys: str, label: str | None = None, most: int = 500) -> Field:
    return Field(name, "list", entry=entry, keys=keys, label=label, most=most)


def _texts(name: str) -> Field:
    return _list(name, Field("", most=200))


def _owned(*names: str) -> tuple[Field, ...]:
    return tuple(own(Field(name)) for name in names)


def _moments(*names: str) -> tuple[Field, ...]:
    return tuple(own(Field(name, "moment")) for name in names)


def _flags(*names: str) -> tuple[Field, ...]:
    return tuple(own(Field(name, "boolean")) for name in names)


ID = own(Field("id"))
HEAD = (ID, *_owned("etag"), *_moments("createdTime", "lastModifiedTime"))
PLACES = ("work", "home", "other")
PHONE_TYPES = (
    *PLACES, "mobile", "workMobile", "main", "companyMain", "assistant", "workFax", "homeFax", "otherFax", "callback", "pager",
    "workPager", "radio", "telex", "tty",
)  # fmt: skip
URL_TYPES = (*PLACES, "blog", "profile", "homePage", "ftp", "reservations")
SENSITIVITIES = ("normal", "private", "personal", "confidential")
RESPONSES = ("noResponse", "declined", "tentative", "accepted")
WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
SYSTEM_LABELS = ("junk", "trash", "sent", "inbox", "unread", "flagged", "important", "draft")

PERSON = Field(
    "", "object", fields=(Field("name"), Field("address", "address"), own(Field("raw"))), main="address", unit=True
)
ATTACHMENT = Field(
    "", "object",
    fields=(
        ID, own(Field("name")), own(Field("mimeType")), own(Field("size", "number")), *_flags("inline"),
        *_owned("contentId"), own(Field("content", "base64", most=BASE64)), *_owned("contentLocation"),
    ),
)  # fmt: skip


def _omitted(*words: str) -> Field:
    return own(_list("omitted", Field("", "enum", values=words)))


CONTACT = (
    *HEAD,
    Field(
        "name", "object", main="displayName",
        fields=tuple(
            Field(name)
            for name in (
                "displayName", "prefix", "givenName", "middleName", "familyName", "suffix", "yomiGivenName", "yomiFamilyName",
            )
        ),
    ),
    Field("nickName"),
    Field("fileAs"),
    Field(
        "company", "object", main="name",
        fields=tuple(Field(name) for name in ("name", "officeLocation", "department", "jobTitle", "yomiCompanyName")),
    ),
    _list(
        "relations",
        Field(
            "", "object", main="name", fields=(Field("name"), Field("type", "enum", values=("manager", "assistant", "spouse")))
        ),
        "name", "type", label="type",
    ),
    Field("birthday", most=100),
    _texts("keywords"),
    Field("notes", lines=True, most=LONG),
    _list(
        "emailAddresses",
        Field("", "object", main="address", fields=(Field("address", "address"), Field("name"), Field("type", most=100))),
        "address", label="type",
    ),
    _list(
        "phoneNumbers",
        Field(
            "", "object", main="number",
            fields=(
                Field("number", "phone", most=200), Field("type", "enum", values=PHONE_TYPES), own(Field("canonicalForm")),
            ),
        ),
        "number", label="type",
    ),
    _list(
        "addresses",
        Field(
            "", "object", main="street",
            fields=(
                Field("street", lines=True), Field("streetLine2", lines=True), Field("poBox"), Field("city"), Field("state"),
                Field("postalCode"), Field("country"), Field("type", "enum", values=PLACES),
            ),
        ),
        "type", "street", "streetLine2", "poBox", "city", "postalCode", label="type",
    ),
    _list(
        "urls",
        Field("", "object", main="href", fields=(Field("href", most=4_000), Field("type", "enum", values=URL_TYPES))),
        "href", label="type",
    ),
    Field("nativeProperties", "map", most=200),
    *_flags("hasPhoto"),
    Field(
        "photo", "object", unit=True,
        fields=(Field("id"), Field("name"), Field("mimeType"), Field("content", "base64", most=BASE64)),
    ),
)  # fmt: skip


def _when(name: str, *, required: bool = False) -> Field:
    parts = (Field("dateOnly", "date"), Field("dateTime", "moment"), Field("timezone", "zone"))
    return Field(name, "when", fields=parts, unit=True, required=required)


PATTERN = Field(
    "pattern", "object",
    fields=(
        Field("frequency", "enum", values=("daily", "weekly", "monthly", "monthlyRelative", "yearly", "yearlyRelative")),
        Field("interval", "number", least=1, greatest=10_000),
        _list("daysOfWeek", Field("", "enum", values=WEEKDAYS), most=7),
        Field("weekStart", "enum", values=("monday", "sunday")),
        Field("dayOfMonth", "number", least=1, greatest=31),
        Field("monthOfYear", "number", least=1, greatest=12),
        Field("instance", "enum", values=("first", "second", "third", "fourth", "last")),
    ),
)  # fmt: skip
RANGE = Field(
    "range", "object",
    fields=(
        Field("type", "enum", values=("byDate", "byCount", "unbounded")), _when("recurrenceStart"),
        Field("recurrenceEnd", "date"), Field("count", "number", least=1),
        own(_list("patternExclusions", _when(""), most=10_000)),
    ),
)  # fmt: skip
RECURRENCE = Field(
    "recurrence", "object", unit=True,
    fields=(
        own(Field("original", "enum", values=("simple", "ical"))),
        Field("ical", "object", fields=(_list("rules", Field("", most=20_000)), _when("recurrenceStart"))),
        Field("simple", "object", fields=(PATTERN, RANGE)),
    ),
)  # fmt: skip
MEETING = Field(
    "meetingInfo", "object",
    fields=(
        *_flags("canceled"),
        _list(
            "attendees",
            Field(
                "", "object", main="emailAddress",
                fields=(
                    ID, replace(PERSON, name="emailAddress"), Field("type", "enum", values=("required", "optional", "resource")),
                    own(Field("response", "enum", values=("accepted", "tentitive", "declined"))), *_owned("comment"),
                ),
            ),
            "emailAddress.address", most=2_000,
        ),
        Field("response", "enum", values=RESPONSES),
        _list("attendeePermissions", Field("", "enum", values=("inviteOthers", "modify", "seeOthers"))),
        Field("onlineMeeting", "boolean", shown=False),
        Field("onlineMeetingProvider"),
        own(Field("onlineMeetingDetails", "object", fields=_owned("url", "phone", "pin", "regionCode", "sip", "infoUrl"))),
    ),
)  # fmt: skip
MINUTES = Field("", "object", main="minutes", fields=(Field("minutes", "number", greatest=525_600),))
EVENT = (
    *HEAD,
    *_owned("calendarId"),
    Field("subject"),
    Field("description", lines=True, most=LONG),
    Field("location", lines=True, most=4_000),
    _when("start", required=True),
    _when("end", required=True),
    own(Field("organizer", "object", fields=(ID, replace(PERSON, name="emailAddress")))),
    MEETING,
    own(Field("recurrenceType", "enum", values=("single", "master", "occurrence"))),
    RECURRENCE,
    Field("reminder", "object", fields=(Field("useDefault", "boolean"), _list("overrides", MINUTES, "minutes", most=50))),
    # Which occurrence it is follows from its id; the vendor's file marks nothing in here.
    own(
        Field(
            "occurrenceInfo", "object",
            fields=(
                Field("id"), Field("type", "enum", values=("regular", "modified", "deleted")), _when("originalStart"),
                _when("start"), Field("masterId"),
            ),
        )
    ),
    *_owned("iCalUid", "iCalUId", "globalId"),  # spelt in both ways
    Field("showAs", "enum", values=("free", "busy", "tentative", "outOfOffice", "unknown")),
    Field("sensitivity", "enum", values=SENSITIVITIES),
    own(_texts("categories")),
    *_owned("htmlLink"),
    *_flags("hasAttachments"),
    own(_list("attachments", ATTACHMENT, "name", "contentId")),
    _omitted("description", "attendees", "attachments"),
)  # fmt: skip

TASK = (
    ID, *_owned("etag"), *_moments("lastModifiedTime"),
    Field("title", required=True, most=4_000),
    Field("parentId", most=2_048),
    Field("previousId", most=2_048, shown=False),
    *_owned("position"),
    Field("notes", lines=True, most=LONG),
    Field("status", "enum", values=("notStarted", "inProgress", "completed", "waitingOnOthers", "deferred")),
    Field("importance", "enum", values=("low", "normal", "high")),
    Field("due", "moment"),
    Field("startDateTime", "moment"),
    *_moments("completed"),
    own(_list("links", Field("", "object", fields=(Field("source"), Field("description"), Field("link"))), "link")),
    _texts("categories"),
    *_owned("owner"),
    _omitted("notes"),
)  # fmt: skip
TASK_LIST = (
    ID, *_owned("etag"), *_moments("lastModifiedTime"), Field("title", required=True),
    *_flags("owner", "shared", "defaultList", "emailsList"),
)  # fmt: skip
CALENDAR = (
    ID,
    Field("name", required=True),
    Field("color", change=False, most=100),
    Field("description", lines=True, most=LONG),
    own(Field("accessRole", "enum", values=("owner", "writer", "reader"))),
    *_flags("primary", "multipleRemindersSupported"),
    own(_list("defaultReminders", MINUTES, "minutes")),
)
FOLDER = (
    ID,
    Field("name", change=False, required=True, most=250),
    Field("parentId", change=False, most=2_048),
    *_owned("fullName"),
    *_flags("isFolder", "isLabel"),
    own(Field("sysLabel", "enum", values=SYSTEM_LABELS)),
)

HEADER = Field("", "object", fields=(Field("name", most=200), Field("value", most=10_000)))
OUTGOING_ATTACHMENT = Field(
    "", "object", main="name",
    fields=(
        Field("inline", "boolean"), Field("name"), Field("mimeType"), Field("contentId"), Field("content", "base64", most=BASE64),
    ),
)  # fmt: skip
REPLY = (
    replace(PERSON, name="from"),
    Field("subject", most=2_000),
    Field("body", lines=True, most=BODY),
    *(_list(name, PERSON, "address", most=2_000) for name in ("to", "cc", "bcc", "replyTo")),
    _list("xHeaders", HEADER, "name", "value", most=100),
    _list("attachments", OUTGOING_ATTACHMENT, "name", "contentId", most=200),
    Field(
        "tracking", "object",
        fields=(
            Field("threadReplies", "boolean"), Field("opens", "boolean"),
            Field("trackOpensAfterSendDelay", "number", greatest=86_400), Field("context", lines=True, most=10_000),
        ),
    ),
    Field("followUp", "object", fields=(Field("ruleId", "number"), Field("actionVars", "map", most=200))),
)  # fmt: skip
MAIL = (*REPLY, Field("inReplyTo"), Field("references", most=20_000), _texts("keywords"))
MESSAGE = (
    Field("unread", "boolean"),
    Field("archived", "boolean"),
    _texts("keywords"),
    ID, *_owned("threadId"), *_moments("createdTime", "lastModifiedTime", "sentAt", "receivedAt"),
    *_owned("internetMessageId", "subject"),
    own(_list("sysLabels", Field("", "enum", values=SYSTEM_LABELS))),
    own(
        _list("sysClassifications", Field("", "enum", values=("personal", "social", "promotions", "updates", "forums")))
    ),
    own(Field("sensitivity", "enum", values=SENSITIVITIES)),
    own(Field("meetingMessageMethod", "enum", values=("request", "reply", "cancel", "counter", "other"))),
    own(replace(PERSON, name="from")),
    *(own(_list(name, PERSON, "address")) for name in ("to", "cc", "bcc", "replyTo")),
    *_flags("hasAttachments"),
    own(Field("body", lines=True, most=BODY)),
    own(Field("bodySnippet", lines=True)),
    own(_list("attachments", ATTACHMENT, "name", "contentId")),
    *_owned("inReplyTo", "references", "threadIndex"),
    own(_list("internetHeaders", HEADER, "name", "value")),
    own(Field("nativeProperties", "map")),
    *_owned("folderId", "webLink"),
    _omitted("threadId", "body", "attachments", "recipients", "internetHeaders"),
)  # fmt: skip
RESPONSE = (Field("response", "enum", values=RESPONSES, required=True), Field("comment", lines=True, most=10_000))

FORMS: dict[str, Field] = {
    name: Field(name, "object", fields=fields)
    for name, fields in (
        ("contacts", CONTACT),
        ("events", EVENT),
        ("tasks", TASK),
        ("task_lists", TASK_LIST),
        ("calendars", CALENDAR),
        ("folders", FOLDER),
        ("messages", MESSAGE),  # the status of a message; its other fields are known, to say that they can't be written
        ("mail", MAIL),
        ("drafts", MAIL),  # as mail, but nobody has to receive it yet
        ("reply", REPLY),
        ("response", RESPONSE),  # to an invitation
    )
}
"""What is written, as one object each."""
