"""The calendar in a real browser: readable when it is crowded, in every size and light, and quick to ask for another choice."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from browser import PHONE, WIDE, Watched, served
from dated import calendar_mirror, put, timed, whole_days

pytestmark = [pytest.mark.browser, pytest.mark.long]

ZONE = "Europe/Berlin"
LONG_NAME = "Donaudampfschifffahrtsgesellschaft" * 4


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_crowded_calendar_is_readable_on_a_telephone_and_beside_one(
    quick_path: Path, chromium: Any, scheme: str
) -> None:
    path = calendar_mirror(quick_path, LONG_NAME, "בית", colors=("#ffff00", "#000000"))
    put(
        path,
        timed("2026-06-10 09:00", "2026-06-10 10:00", id="a", subject=LONG_NAME, location=LONG_NAME),
        timed("2026-06-10 09:00", "2026-06-10 11:00", id="b", subject="اجتماع الفريق", showAs="tentative"),
        timed("2026-06-11 09:00", "2026-06-11 09:05", id="c", meetingInfo={"response": "declined"}),
        timed("2026-06-13 09:00", "2026-06-13 11:00", id="f", meetingInfo={"canceled": True}),
        whole_days("2026-06-11", "2026-06-17", id="d", subject=LONG_NAME),
        *(timed(f"2026-06-12 {hour:02}:00", f"2026-06-12 {hour:02}:30", id=f"e{hour}") for hour in range(8, 20)),
    )
    put(path, whole_days("2026-06-10", "2026-06-13", subject="חופשה"), calendar=2)
    troubles: dict[str, list[str]] = {}

    with served(path, zone=ZONE) as url:
        for size in (PHONE, WIDE):
            for view in ("month", "week", "agenda"):
                watched = Watched(chromium, viewport=size, color_scheme=scheme)
                watched.open(f"{url}/calendar/{view}/2026-06-10")
                found = watched.too_wide() + watched.violations() + watched.complaints
                troubles |= {f"{view} {size['width']}": found} if found else {}
                watched.close()

    assert not troubles, "\n".join(f"{at}: {one}" for at, found in troubles.items() for one in found)


def test_another_choice_shows_at_once_and_arrows_walk_through_it(quick_path: Path, watched: Watched) -> None:
    path = calendar_mirror(quick_path, "Work", "Home")
    put(path, timed("2026-06-10 09:00", "2026-06-10 10:00"))
    put(path, whole_days("2026-06-10", "2026-06-13"), calendar=2)

    with served(path, zone=ZONE) as url:
        watched.open(f"{url}/calendar/month/2026-06-10")
        watched.page.uncheck("input[name=calendar][value='1']")
        watched.page.wait_for_url("**/calendar/month/2026-06-10?calendar=2")
        watched.page.keyboard.press("ArrowDown")

        assert watched.page.evaluate("document.activeElement.textContent.trim()") == "Trip"
        assert watched.page.locator(".chip-event:visible").count() == 1
        assert watched.page.is_hidden(".which button")
