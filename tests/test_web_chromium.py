"""Every page in a real browser, over a person's mirror: whole, quiet, alone, readable in light and dark, narrow; and on paper."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from browser import CONTRAST, PHONE, WIDE, Watched, served
from web_addresses import EXPECTED, PAGES, Shown, shown
from web_demo import blank_mirror

from mirror.web.access import Access, hash_of

__all__ = ["shown"]
pytestmark = pytest.mark.browser


@pytest.mark.parametrize("name", PAGES)
def test_a_page_is_whole_quiet_alone_readable_and_narrow(
    shown: Callable[[str], Shown], still: Watched, name: str
) -> None:
    demo = shown("demo")
    address = demo.address(name)
    assert address is not None, "the demo has something for every page"

    status = still.open(address)
    still.keep_picture(f"demo-{name}-light")
    found = still.violations()
    still.page.emulate_media(color_scheme="dark")
    still.keep_picture(f"demo-{name}-dark")
    found += [f"in the dark: {one}" for one in still.violations(CONTRAST)]
    still.page.emulate_media(color_scheme="light")
    still.page.set_viewport_size(PHONE)
    still.keep_picture(f"demo-{name}-phone")

    assert status == EXPECTED.get(name, 200)
    assert still.troubles(status, address) == []
    assert still.asked == {demo.url}
    assert still.too_wide() == []
    assert still.out_of_reach() == []
    assert found == []


def test_the_page_on_which_one_signs_in_is_no_worse(tmp_path: Path, still: Watched) -> None:
    path = blank_mirror(tmp_path)
    access = Access(hash_of("correct horse"), "secret", "127.0.0.1")

    with served(path, access=access) as url:
        assert still.open(url) == 200
        assert still.page.url == f"{url}/-/login"
        still.keep_picture("login-light")
        found = still.violations()
        still.page.emulate_media(color_scheme="dark")
        still.keep_picture("login-dark")
        found += still.violations(CONTRAST)
        still.page.set_viewport_size(PHONE)
        assert still.too_wide() == []
        still.page.set_viewport_size(WIDE)
        still.page.keyboard.type("wrong one")
        still.page.keyboard.press("Enter")
        still.page.wait_for_selector("text=That is not the password.")
        still.page.fill("#password", "correct horse")
        still.page.keyboard.press("Enter")
        still.page.wait_for_url(f"{url}/")
        still.page.emulate_media(color_scheme="light")
        still.page.click("summary:has-text('Menu')")
        still.keep_picture("signed-in-light")
        found += still.violations()
        still.page.click("text=Log out")
        still.page.wait_for_url(f"{url}/-/login")

    assert found == []
    assert still.complaints == []
    assert still.asked == {url}


@pytest.mark.parametrize("name", ["contact", "calendar-agenda"])
def test_on_paper_there_is_what_is_read_and_no_frame(shown: Callable[[str], Shown], still: Watched, name: str) -> None:
    still.open(shown("demo").address(name) or "")
    on_screen = still.page.inner_text("main")

    still.page.emulate_media(media="print")
    still.keep_picture(f"demo-{name}-paper")

    for frame in ("header.top", "footer.ft", ".beneath", ".trail", "main form", ".elsewhere"):
        assert not any(one.is_visible() for one in still.page.query_selector_all(frame)), frame
    heading = still.page.inner_text("h1").strip()
    assert heading
    assert heading in on_screen
    assert len(still.page.inner_text("main")) > 50
    assert still.page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
