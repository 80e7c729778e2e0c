"""Where things are: the address of every page of ours, for templates and for other pages."""

from __future__ import annotations

from urllib.parse import quote, urlencode

HOME = "/"


def _with(path: str, **query: object) -> str:
    given = {name: value for name, value in query.items() if value not in (None, "")}
    return f"{path}?{urlencode(given, doseq=True)}" if given else path


def contact(record_id: int) -> str:
    return f"/contacts/{record_id}"


def contacts(**filters: object) -> str:
    """The address book."""
    return _with("/contacts", **filters)


def contact_file(record_id: int) -> str:
    """The card as vCard."""
    return f"/contacts/{record_id}.vcf"


def contact_photo(record_id: int) -> str:
    return f"/contacts/{record_id}/photo"


def message(record_id: int, at: str | None = None, view: str | None = None) -> str:
    """A mail in its conversation; `at`: as it was then; `view`: text, where HTML is not wanted."""
    return _with(f"/mail/{record_id}", view=view, at=at)


def message_body(record_id: int, at: str | None = None) -> str:
    """The HTML of a mail, for its frame; `at`: as it was then."""
    return _with(f"/mail/{record_id}/body", at=at)


def event(record_id: int, **query: object) -> str:
    """`start`: of a series, the start of the occurrence that is meant."""
    return _with(f"/events/{record_id}", **query)


def event_file(record_id: int) -> str:
    """The event as iCalendar; a series with its exceptions."""
    return f"/events/{record_id}.ics"


def task(record_id: int) -> str:
    return f"/tasks/{record_id}"


def person(email: str) -> str:
    """One person, by any of their addresses."""
    return f"/people/{quote(email, safe='@')}"


def people(**filters: object) -> str:
    """Everybody, each once."""
    return _with("/people", **filters)


def tasks(**filters: object) -> str:
    return _with("/tasks", **filters)


def changes(**filters: object) -> str:
    """What changed: `kind`, `account`, `what`, `since` and `until` (dates)."""
    return _with("/history", **filters)


def sync(**filters: object) -> str:
    """How the feeds stand: `feed`, `account`, `days`."""
    return _with("/sync", **filters)


def stuck_bytes(stuck_id: int) -> str:
    """What upstream sent of a record that could not be stored, as a file."""
    return f"/sync/stuck/{stuck_id}"


def attachment(attachment_id: int) -> str:
    return f"/attachments/{attachment_id}"


def history(kind: str, record_id: int, **query: object) -> str:
    """The versions of one record. `kind` is the table's name."""
    return _with(f"/history/{kind}/{record_id}", **query)


def search(words: str = "", **filters: object) -> str:
    return _with("/search", q=words, **filters)


def mail(**filters: object) -> str:
    return _with("/mail", **filters)


def calendar(view: str = "month", day: str | None = None, **filters: object) -> str:
    """`view`: month, week or agenda; `day`: a date in it."""
    return _with(f"/calendar/{view}" + (f"/{day}" if day else ""), **filters)


def calendar_file(calendar_id: int) -> str:
    """A whole calendar as iCalendar, for other programs to follow."""
    return f"/calendar/{calendar_id}.ics"


def row(table: str, record_id: int) -> str:
    """The row as Datasette shows it."""
    return f"/mirror/{table}/{record_id}"


def record(kind: str, record_id: int) -> str:
    """The page of a record of any kind: our own where there is one, else Datasette's."""
    own = {"contacts": contact, "messages": message, "events": event, "tasks": task}.get(kind)
    return own(record_id) if own else row(kind, record_id)


def listing(kind: str) -> str:
    """The page on which the records of a kind are to be found."""
    return {
        "contacts": contacts(), "messages": mail(), "folders": mail(), "events": "/calendar", "calendars": "/calendar",
        "tasks": tasks(), "task_lists": tasks(),
    }[kind]  # fmt: skip


def sql(statement: str, parameters: dict[str, object]) -> str:
    """A query, ready to be run and changed."""
    return _with("/mirror", sql=statement, **parameters)


def outbox(edit_id: int | None = None) -> str:
    """What is on its way upstream, or one edit."""
    return "/outbox" if edit_id is None else f"/outbox/{edit_id}"


def edit(kind: str, record_id: int, act: str | None = None) -> str:
    """The form of a record, or where one of its buttons posts to."""
    return f"/edit/{kind}/{record_id}" + (f"/{act}" if act else "")


def new(kind: str, **query: object) -> str:
    """The form of a new record."""
    return _with(f"/edit/{kind}/new", **query)
