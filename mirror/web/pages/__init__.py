"""The pages: a module for each, with its address, what it asks, and the template that shows it.

A new page is a module here, its SQL in `queries/`, its template in `templates/ours/`, and a line in `PAGES`.
"""

from __future__ import annotations

from types import ModuleType
from typing import Any

from mirror.web.pages import (
    attachments,
    calendar,
    contacts,
    edit,
    events,
    health,
    history,
    home,
    mail,
    outbox,
    people,
    search,
    sync,
    tasks,
    thread,
)

PAGES: tuple[ModuleType, ...] = (
    home,
    search,
    mail,
    thread,
    attachments,
    calendar,
    events,
    contacts,
    people,
    tasks,
    history,
    edit,
    outbox,
    sync,
    health,
)


def routes() -> list[tuple[str, Any]]:
    """Regular expression and page, for all of them."""
    return [route for page in PAGES for route in page.ROUTES]
