"""Charts: a table that is complete without script, a drawing made from it in the browser, and a library that came as it is."""

from __future__ import annotations

import hashlib
from html.parser import HTMLParser
from typing import Any

import pytest
from browser import Watched
from jinja2 import Environment, FileSystemLoader

from mirror.web import serve, words

HERE = serve.HERE

# Of the npm package uplot@1.6.32 (`npm pack uplot@1.6.32`, dist/).
UPLOT = {
    "uPlot.esm.js": "5dd9b3281aa64b461b42d9945f6adb2649d346502b12281a9ae0d46599a80eba",
    "uPlot.min.css": "df630c6a8d6f8eeaff264b50f73ce5b114f646ffd9a0bb74f049b0a00135fa04",
    "LICENSE": "8f989229699b4fe2f1a0432d0e9edc338a8a911e250e2d1b01ecd770a5f5b1bd",
}
DAYS = [{"day": f"2026-03-{day:02}", "received": day * 1000, "sent": day % 3} for day in range(1, 11)]
BOTH = {"received": "Received", "sent": "Sent"}


class Table(HTMLParser):
    """The cells of a page's tables, row by row."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.rows: list[list[str]] = []
        self.values: list[str] = []
        self._inside = False
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag == "tr":
            self.rows.append([])
        self._inside = tag in ("td", "th")
        if self._inside:
            self.rows[-1].append("")
            self.values.append(dict(attrs).get("data-value") or "")

    def handle_endtag(self, tag: str) -> None:
        self._inside = False

    def handle_data(self, data: str) -> None:
        if self._inside:
            self.rows[-1][-1] += data


def drawn(macro: str, title: str, rows: list[dict[str, Any]], **options: Any) -> str:
    env = Environment(loader=FileSystemLoader(HERE / "templates"), autoescape=True)
    env.filters["size"] = words.size
    return str(getattr(env.get_template("_chart.html").module, macro)(title, rows, **options))


def test_the_numbers_are_there_without_any_script() -> None:
    html = drawn("bars", "Mail per day", DAYS, x="day", series=BOTH, stacked=True)

    assert '<figure class="chart" data-chart="bars" data-stacked>' in html
    assert "<summary>The numbers</summary>" in html
    table = Table(html)
    assert table.rows[0] == ["Day", "Received", "Sent"]
    assert table.rows[3] == ["2026-03-03", "3,000", "0"]
    assert len(table.rows) == 11
    assert "3000" in table.values


def test_sizes_are_told_in_units_and_drawn_in_bytes() -> None:
    html = drawn(
        "lines", "Traffic", [{"hour": "09", "bytes": 2_100_000}], x="hour", series={"bytes": "Bytes"}, unit="bytes"
    )

    assert '<figure class="chart" data-chart="lines" data-unit="bytes">' in html
    assert Table(html).rows[1] == ["09", "2.1 MB"]
    assert 'data-value="2100000"' in html


def test_what_is_missing_counts_as_nothing_and_nothing_says_so() -> None:
    assert Table(drawn("bars", "t", [{"x": None, "n": None}], x="x", series={"n": "N"})).rows[1] == ["", "0"]
    assert "Nothing to draw here." in drawn("bars", "t", [], x="x", series={"n": "N"})


def test_names_from_upstream_can_not_leave_their_cell() -> None:
    hostile = "</td><script>alert(1)</script>\"'"
    html = drawn("bars", hostile, [{"name": hostile, "n": 1}], x="name", series={"n": hostile})

    assert "<script" not in html
    assert Table(html).rows[1][0] == hostile


@pytest.mark.parametrize("name", UPLOT)
def test_the_library_is_what_the_package_has(name: str) -> None:
    shipped = HERE / "static" / "vendor" / "uplot" / name  # of the installed package: on CI, what the wheel brought

    assert hashlib.sha256(shipped.read_bytes()).hexdigest() == UPLOT[name]


def test_every_vendored_file_stands_in_the_note_on_its_version() -> None:
    folder = HERE / "static" / "vendor" / "uplot"
    note = (folder / "VERSION.md").read_text(encoding="utf-8")

    assert {path.name for path in folder.iterdir()} == {*UPLOT, "VERSION.md"}
    for name, sha256 in UPLOT.items():
        assert f"{sha256}  {name}" in note


def test_charts_name_nothing_outside_and_carry_no_script_in_the_page() -> None:
    head = drawn_head()
    html = drawn("bars", "Mail per day", DAYS, x="day", series=BOTH)

    assert "http" not in head
    assert 'src="/-/mirror/static/chart.js"' in head
    assert "<script" not in html
    assert "style=" not in html
    for path in (HERE / "static" / "chart.js", HERE / "static" / "chart.css"):
        assert "http" not in path.read_text(encoding="utf-8")


def drawn_head() -> str:
    env = Environment(loader=FileSystemLoader(HERE / "templates"), autoescape=True)
    return str(env.get_template("_chart.html").module.head())  # type: ignore[attr-defined]  # a macro


# --- in a browser ---------------------------------------------------------------------------------------------------------


def from_files(route: Any) -> None:
    """Our static files as the server gives them, and the page under test."""
    path = route.request.url.split("/", 3)[3]
    if path == "page":
        route.fulfill(body=PAGE, content_type="text/html")
        return
    found = HERE / "static" / path.removeprefix("-/mirror/static/")
    kinds = {".js": "text/javascript", ".css": "text/css"}
    if found.suffix in kinds and found.is_file():
        route.fulfill(body=found.read_bytes(), content_type=kinds[found.suffix])
    else:
        route.abort()


PAGE = "<!DOCTYPE html><title>t</title>" + "".join(
    (
        '<link rel="stylesheet" href="/-/mirror/static/mirror.css">',
        drawn_head(),
        drawn("bars", "Mail per day", DAYS, x="day", series=BOTH),
        drawn("bars", "Together", DAYS, x="day", series=BOTH, stacked=True),
        drawn("lines", "Traffic", DAYS, x="day", series=BOTH, unit="bytes"),
        drawn("bars", "Zeros", [{"day": "x", "n": 0}], x="day", series={"n": "N"}),
        drawn("bars", "Nothing", [], x="day", series={"n": "N"}),
    )
)
INK = """canvas => { const copy = document.createElement("canvas"); copy.width = canvas.width; copy.height = canvas.height;
    const seen = copy.getContext("2d", { willReadFrequently: true }); seen.drawImage(canvas, 0, 0);
    const pixels = seen.getImageData(0, 0, copy.width, copy.height).data, found = new Set();
    for (let i = 0; i < pixels.length; i += 4) if (pixels[i + 3] === 255)
    found.add([pixels[i], pixels[i + 1], pixels[i + 2]].join()); return [...found]; }"""


@pytest.mark.browser
def test_charts_are_drawn_from_the_table_and_follow_width_and_colours(watched: Watched) -> None:
    page = watched.page
    page.set_viewport_size({"width": 900, "height": 700})
    page.route("**/*", from_files)
    page.goto("http://charts.test/page")
    page.wait_for_function("document.querySelectorAll('canvas').length === 4")

    light = page.locator("canvas").first.evaluate(INK)
    assert "63,143,192" in light  # --bar of the light colours
    said = page.get_attribute("[role=img]", "aria-label")
    assert said.startswith(
        "Bars: Mail per day, 1 Mar 2026 to 10 Mar 2026. Received: 55,000 in all, at most 10,000 (10 Mar 2026)"
    )
    page.hover(".drawing", position={"x": 860, "y": 50})
    assert page.inner_text(".chart-tip >> nth=0").split("\n") == ["10 Mar 2026", "Received: 10,000", "Sent: 1"]
    wide = page.locator("canvas").first.evaluate("canvas => canvas.clientWidth")

    page.set_viewport_size({"width": 390, "height": 700})
    page.emulate_media(color_scheme="dark")
    page.wait_for_function("document.querySelector('canvas').clientWidth < 390")
    page.wait_for_function(f"!({INK})(document.querySelector('canvas')).includes('63,143,192')")
    assert "90,167,214" in page.locator("canvas").first.evaluate(INK)
    assert wide > 800
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    assert watched.complaints == []
