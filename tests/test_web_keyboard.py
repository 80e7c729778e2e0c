"""The pages without a mouse: a key for search, arrows in lists, a sane order of focus, and always a sight of where one is."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from browser import Watched
from web_addresses import Shown, shown

__all__ = ["shown"]
pytestmark = pytest.mark.browser

LISTS = ["mail", "contacts", "calendar-agenda", "tasks", "people", "history", "search"]
EVERYWHERE = ["home", "search", "mail", "mail-thread", "calendar-month", "event", "contacts", "contact", "people", "tasks",
              "history", "sync", "table"]  # fmt: skip

FOCUSED = """() => {
    const one = document.activeElement;
    const box = one.getBoundingClientRect();
    const style = getComputedStyle(one);
    return {
        what: one.outerHTML.slice(0, 120), tag: one.tagName, y: box.top + scrollY, wide: box.width, high: box.height,
        marked: (style.outlineStyle !== "none" && parseFloat(style.outlineWidth) >= 1)
            || one.tagName === "IFRAME" || one.type === "date",  // the browser marks the part of it that has the focus
        inside: box.right > 0 && box.left < innerWidth, order: [...document.querySelectorAll("*")].indexOf(one),
    };
}"""


def at(page: Watched, shown: Callable[[str], Shown], name: str) -> Any:
    address = shown("demo").address(name)
    assert address is not None
    page.open(address)
    return page.page


@pytest.mark.parametrize("name", ["home", "mail", "contact", "search", "table", "not-found"])
def test_a_slash_leads_to_search_and_what_is_typed_is_searched_for(
    shown: Callable[[str], Shown], still: Watched, name: str
) -> None:
    page = at(still, shown, name)

    page.keyboard.press("/")
    assert page.evaluate("document.activeElement.type") == "search"
    page.evaluate("document.activeElement.value = ''")
    page.keyboard.type("a/b")

    assert page.evaluate("document.activeElement.value") == "a/b"
    page.keyboard.press("Enter")
    page.wait_for_url("**=a%2Fb*")


@pytest.mark.parametrize("name", LISTS)
def test_arrows_walk_through_a_list_and_enter_opens(shown: Callable[[str], Shown], still: Watched, name: str) -> None:
    page = at(still, shown, name)
    items = "[...document.querySelectorAll('[data-list] a[data-item]')].filter((one) => one.offsetParent)"
    if name == "search":
        page.evaluate("document.activeElement.blur()")

    seen = []
    for key in ("ArrowDown", "ArrowDown", "ArrowUp", "ArrowUp"):
        page.keyboard.press(key)
        seen.append(page.evaluate(f"{items}.indexOf(document.activeElement)"))
    leads_to = page.evaluate("document.activeElement.pathname")
    with page.expect_navigation():
        page.keyboard.press("Enter")

    assert seen == [0, 1, 0, 0]
    assert page.evaluate("location.pathname") == leads_to


@pytest.mark.parametrize("name", EVERYWHERE)
def test_tab_goes_from_the_top_to_the_end_and_one_always_sees_where(
    shown: Callable[[str], Shown], still: Watched, name: str
) -> None:
    page = at(still, shown, name)
    page.evaluate("document.activeElement.blur()")

    steps = []
    for _ in range(25):
        page.keyboard.press("Tab")
        step = page.evaluate(FOCUSED)
        if step["tag"] == "BODY":
            break
        steps.append(step)

    assert "Skip to the content" in steps[0]["what"] or name in ("home", "search")
    assert len(steps) > 5
    assert [
        step["what"] for step in steps if not (step["marked"] and step["inside"] and step["wide"] and step["high"])
    ] == []
    orders = [step["order"] for step in steps if step["tag"] != "IFRAME"]
    assert orders == sorted(orders)
    assert page.evaluate("[...document.querySelectorAll('[tabindex]')].filter((one) => one.tabIndex > 0).length") == 0


def test_the_skip_link_leads_past_the_header(shown: Callable[[str], Shown], still: Watched) -> None:
    page = at(still, shown, "contacts")

    page.keyboard.press("Tab")
    assert page.is_visible(".skip")
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")

    assert page.evaluate("document.querySelector('main').contains(document.activeElement)")
