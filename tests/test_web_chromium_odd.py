"""The pages over what they have trouble with: real files, records that are too long, too many or empty, and no records at all.

Colours are those of the demo, where their contrast is measured; here it is only where upstream chooses them.
"""

from __future__ import annotations

from collections.abc import Callable

import pytest
from browser import PHONE, WCAG_A_AND_AA, WITHOUT_COLOURS, Watched
from web_addresses import EXPECTED, PAGES, Shown, shown

__all__ = ["shown"]
pytestmark = pytest.mark.browser

REAL = ["home", "search", "mail", "mail-thread", "mail-attachments", "calendar-month", "calendar-week", "calendar-agenda",
        "event", "event-series", "contacts", "contact", "people", "person", "tasks", "task", "sync", "row"]  # fmt: skip
"""What shows real files; the other pages show nothing of them that these do not."""

ODD = [name for name in PAGES if name not in ("sql", "tables", "query", "not-found", "as-of", "search-nothing")]

NONE = ["home", "search", "search-nothing", "mail", "calendar-month", "calendar-week", "calendar-agenda", "contacts", "people",
        "tasks", "history", "sync", "tables", "table"]  # fmt: skip

CASES = [
    pytest.param(mirror, name, id=f"{mirror}-{name}", marks=pytest.mark.shared if mirror == "corpus" else ())
    for mirror, names in {"odd": ODD, "none": NONE, "corpus": REAL}.items()
    for name in names
]


@pytest.mark.parametrize(("mirror", "name"), CASES)
def test_a_page_bears_whatever_the_mirror_holds(
    shown: Callable[[str], Shown], still: Watched, mirror: str, name: str
) -> None:
    address = shown(mirror).address(name)
    if address is None:
        assert mirror != "none", "what is always there needs no record"
        return

    status = still.open(address)
    still.keep_picture(f"{mirror}-{name}-light")
    found = still.violations(WCAG_A_AND_AA if name.startswith(("calendar", "event")) else WITHOUT_COLOURS)
    still.page.set_viewport_size(PHONE)
    still.keep_picture(f"{mirror}-{name}-phone")

    assert status == EXPECTED.get(name, 200)
    assert still.troubles(status, address) == []
    assert still.asked == {shown(mirror).url}
    assert still.too_wide() == []
    assert found == []
