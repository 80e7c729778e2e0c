"""Which scopes an operation takes, one of which must have been granted. Decided from its verb and path alone."""

from __future__ import annotations

_AREAS = {"contacts": "Contacts", "calendars": "Calendar", "email": "Mail", "tasklists": "Tasks"}
# POST is how these are asked for, and they change nothing.
READING = ("/sync", "/freeBusy", "/suggestMeetingTimes")


def sufficient(method: str, template: str) -> tuple[str, ...]:
    """The scopes of which any one is enough; none where every account may."""
    area = _AREAS.get(template.split("/")[2])
    if area is None:
        return ()
    reads = method == "GET" or template.endswith(READING)
    if area != "Mail":
        return (f"{area}.Read", f"{area}.ReadWrite") if reads else (f"{area}.ReadWrite",)
    if template.startswith("/v1/email/drafts"):
        return ("Mail.Drafts", "Mail.All", *(("Mail.Read", "Mail.ReadWrite") if reads else ()))
    # Mail.ReadWrite does not send. Source: facts of the vendor's page of scopes.
    if method == "POST" and template in ("/v1/email/messages", "/v1/email/messages/{messageId}/reply"):
        return "Mail.Send", "Mail.Drafts", "Mail.All"
    return ("Mail.Read", "Mail.ReadWrite", "Mail.All") if reads else ("Mail.ReadWrite", "Mail.All")


def to_watch(resource: str) -> tuple[str, ...]:
    """The scopes of which any one is enough to be told of changes in `resource`, such as `/contacts`."""
    return sufficient("GET", "/v1" + resource)
