"""What clients may send, as Structs: writable fields, their types and enums. Read-only and unknown fields are not in here.

Null is let through everywhere, because a PATCH clears a field with it; the vendor's file does not say either way.
"""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import UNSET, Meta, Struct, UnsetType, field

Text = str | None | UnsetType
Flag = bool | None | UnsetType
Number = int | None | UnsetType
Texts = list[str] | None | UnsetType
Moment = Annotated[str, Meta(pattern=r"^\d{4}-\d\d-\d\d[Tt]\d\d:\d\d:\d\d(\.\d+)?([Zz]|[+-]\d\d:\d\d)$")]
Day = Annotated[str, Meta(pattern=r"^\d{4}-\d\d-\d\d$")]
Base64 = Annotated[str, Meta(pattern=r"^[A-Za-z0-9+/_=\s-]*$")]

Sensitivity = Literal["normal", "private", "personal", "confidential"]
ShowAs = Literal["free", "busy", "tentative", "outOfOffice", "unknown"]
Response = Literal["noResponse", "declined", "tentative", "accepted"]
Weekday = Literal["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"]
Place = Literal["work", "home", "other"]


class Form(Struct, rename="camel", kw_only=True):
    """Every body and part of a body: camelCase outside, absent fields left out."""


class Address(Form):
    name: Text = UNSET
    address: Text = UNSET


class Header(Form):
    name: Text = UNSET
    value: Text = UNSET


# --- contacts ---------------------------------------------------------------------------------------------------------


class Name(Form):
    display_name: Text = UNSET
    prefix: Text = UNSET
    given_name: Text = UNSET
    middle_name: Text = UNSET
    family_name: Text = UNSET
    suffix: Text = UNSET
    yomi_given_name: Text = UNSET
    yomi_family_name: Text = UNSET


class Company(Form):
    name: Text = UNSET
    office_location: Text = UNSET
    department: Text = UNSET
    job_title: Text = UNSET
    yomi_company_name: Text = UNSET


class Relation(Form):
    name: Text = UNSET
    type: Literal["manager", "assistant", "spouse"] | UnsetType | None = UNSET


class ContactEmail(Form):
    address: Text = UNSET
    name: Text = UNSET
    type: Text = UNSET


PhoneType = Literal[
    "work", "home", "other", "mobile", "workMobile", "main", "companyMain", "assistant", "workFax", "homeFax", "otherFax",
    "callback", "pager", "workPager", "radio", "telex", "tty",
]  # fmt: skip


class Phone(Form):
    number: Text = UNSET
    type: PhoneType | UnsetType | None = UNSET


class Postal(Form):
    street: Text = UNSET
    street_line2: Text = field(default=UNSET, name="streetLine2")
    po_box: Text = UNSET
    city: Text = UNSET
    state: Text = UNSET
    postal_code: Text = UNSET
    country: Text = UNSET
    type: Place | UnsetType | None = UNSET


UrlType = Literal["work", "home", "other", "blog", "profile", "homePage", "ftp", "reservations"]


class Url(Form):
    href: Text = UNSET
    type: UrlType | UnsetType | None = UNSET


class Photo(Form):
    id: Text = UNSET
    name: Text = UNSET
    mime_type: Text = UNSET
    content: Base64 | UnsetType | None = UNSET


class Contact(Form):
    name: Name | UnsetType | None = UNSET
    nick_name: Text = UNSET
    file_as: Text = UNSET
    company: Company | UnsetType | None = UNSET
    relations: list[Relation] | UnsetType | None = UNSET
    birthday: Text = UNSET
    keywords: Texts = UNSET
    notes: Text = UNSET
    email_addresses: list[ContactEmail] | UnsetType | None = UNSET
    phone_numbers: list[Phone] | UnsetType | None = UNSET
    addresses: list[Postal] | UnsetType | None = UNSET
    urls: list[Url] | UnsetType | None = UNSET
    native_properties: dict[str, str] | UnsetType | None = UNSET
    photo: Photo | UnsetType | None = UNSET


# --- calendars and events ---------------------------------------------------------------------------------------------


class CalendarCreate(Form):
    name: Text = UNSET
    color: Text = UNSET
    description: Text = UNSET


class CalendarUpdate(Form):
    name: Text = UNSET
    description: Text = UNSET


class When(Form):
    date_only: Day | UnsetType | None = UNSET
    date_time: Moment | UnsetType | None = UNSET
    timezone: Text = UNSET


class Attendee(Form):
    email_address: Address | UnsetType | None = UNSET
    type: Literal["required", "optional", "resource"] | UnsetType | None = UNSET


class MeetingInfo(Form):
    attendees: list[Attendee] | UnsetType | None = UNSET
    response: Response | UnsetType | None = UNSET
    attendee_permissions: list[Literal["inviteOthers", "modify", "seeOthers"]] | UnsetType | None = UNSET
    online_meeting: Flag = UNSET
    online_meeting_provider: Text = UNSET


class Pattern(Form):
    frequency: (
        Literal["daily", "weekly", "monthly", "monthlyRelative", "yearly", "yearlyRelative"] | UnsetType | None
    ) = UNSET
    interval: Annotated[int, Meta(ge=1)] | UnsetType | None = UNSET
    days_of_week: list[Weekday] | UnsetType | None = UNSET
    week_start: Literal["monday", "sunday"] | UnsetType | None = UNSET
    day_of_month: Annotated[int, Meta(ge=1, le=31)] | UnsetType | None = UNSET
    month_of_year: Annotated[int, Meta(ge=1, le=12)] | UnsetType | None = UNSET
    instance: Literal["first", "second", "third", "fourth", "last"] | UnsetType | None = UNSET


class Range(Form):
    type: Literal["byDate", "byCount", "unbounded"] | UnsetType | None = UNSET
    recurrence_start: When | UnsetType | None = UNSET
    recurrence_end: Day | UnsetType | None = UNSET
    count: Annotated[int, Meta(ge=1)] | UnsetType | None = UNSET


class Simple(Form):
    pattern: Pattern | UnsetType | None = UNSET
    range: Range | UnsetType | None = UNSET


class Ical(Form):
    rules: Texts = UNSET
    recurrence_start: When | UnsetType | None = UNSET


class Recurrence(Form):
    ical: Ical | UnsetType | None = UNSET
    simple: Simple | UnsetType | None = UNSET


class ReminderOverride(Form):
    minutes: Number = UNSET


class Reminder(Form):
    use_default: Flag = UNSET
    overrides: list[ReminderOverride] | UnsetType | None = UNSET


class Event(Form):
    subject: Text = UNSET
    description: Text = UNSET
    location: Text = UNSET
    start: When | UnsetType | None = UNSET
    end: When | UnsetType | None = UNSET
    meeting_info: MeetingInfo | UnsetType | None = UNSET
    recurrence: Recurrence | UnsetType | None = UNSET
    reminder: Reminder | UnsetType | None = UNSET
    show_as: ShowAs | UnsetType | None = UNSET
    sensitivity: Sensitivity | UnsetType | None = UNSET


class MeetingResponse(Form):
    response: Response
    comment: Text = UNSET


class FreeBusy(Form):
    time_min: Moment | UnsetType | None = UNSET
    time_max: Moment | UnsetType | None = UNSET
    emails: Texts = UNSET


# --- mail -------------------------------------------------------------------------------------------------------------


class OutgoingAttachment(Form):
    inline: Flag = UNSET
    name: Text = UNSET
    mime_type: Text = UNSET
    content_id: Text = UNSET
    content: Base64 | UnsetType | None = UNSET


class Tracking(Form):
    thread_replies: Flag = UNSET
    opens: Flag = UNSET
    track_opens_after_send_delay: Number = UNSET
    context: Text = UNSET


class FollowUp(Form):
    rule_id: Number = UNSET
    action_vars: dict[str, str] | UnsetType | None = UNSET


class Outgoing(Form):
    from_: Address | UnsetType | None = field(default=UNSET, name="from")
    subject: Text = UNSET
    body: Text = UNSET
    to: list[Address] | UnsetType | None = UNSET
    cc: list[Address] | UnsetType | None = UNSET
    bcc: list[Address] | UnsetType | None = UNSET
    reply_to: list[Address] | UnsetType | None = UNSET
    x_headers: list[Header] | UnsetType | None = UNSET
    attachments: list[OutgoingAttachment] | UnsetType | None = UNSET
    tracking: Tracking | UnsetType | None = UNSET
    follow_up: FollowUp | UnsetType | None = UNSET
    in_reply_to: Text = UNSET
    references: Text = UNSET
    keywords: Texts = UNSET


class Status(Form):
    unread: Flag = UNSET
    archived: Flag = UNSET
    keywords: Texts = UNSET


class FolderCreate(Form):
    name: Text = UNSET
    parent_id: Text = UNSET


class WellKnown(Form):
    archive: Text = UNSET
    sent: Text = UNSET


class DraftSend(Form):
    tracking: Tracking | UnsetType | None = UNSET


# --- tasks ------------------------------------------------------------------------------------------------------------


class TaskList(Form):
    title: Text = UNSET


class Task(Form):
    title: Text = UNSET
    parent_id: Text = UNSET
    previous_id: Text = UNSET
    notes: Text = UNSET
    status: Literal["notStarted", "inProgress", "completed", "waitingOnOthers", "deferred"] | UnsetType | None = UNSET
    importance: Literal["low", "normal", "high"] | UnsetType | None = UNSET
    due: Moment | UnsetType | None = UNSET
    start_date_time: Moment | UnsetType | None = UNSET
    categories: Texts = UNSET
