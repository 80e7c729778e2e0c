"""Text out of HTML and out of bytes: readable, clean, and quick even for input that was made to hurt."""

from __future__ import annotations

import pytest

from mirror.formats.text import clean, decode, from_html


@pytest.mark.parametrize(
    ("html", "text"),
    [
        ("plain words", "plain words"),
        ("a &amp; b &lt;c&gt;", "a & b <c>"),
        ("<p>one</p><p>two</p>", "one\n\ntwo"),
        ("one<br>two<br/>three", "one\ntwo\nthree"),
        ("<div>one<div>two</div></div>three", "one\ntwo\nthree"),
        ("<ul><li>a</li><li>b</li></ul>", "- a\n- b"),
        ("<table><tr><td>1</td><td>2</td></tr><tr><td>3</td></tr></table>", "1\t2\n3"),
        ("<p>see <a href='https://x.org'>the page</a>.</p>", "see the page."),
        ("<style>p {}</style><script>x()</script><title>t</title><p>body</p>", "body"),
        ("<p>  many \n  spaces </p>", "many spaces"),
        ("<pre>two\n  lines</pre>", "two\nlines"),
        ('<div style="white-space: pre-wrap">one\n\ntwo</div>', "one\n\ntwo"),
        ("<p>a</p>\n\n\n<p></p><p></p><p>b</p>", "a\n\nb"),
        ("Gr&uuml;&szlig;e &#128512;", "Grüße 😀"),
        ("<!-- nothing -->", ""),
        ("", ""),
    ],
)
def test_html_becomes_the_text_that_one_sees(html: str, text: str) -> None:
    assert from_html(html) == text


@pytest.mark.parametrize(
    "html",
    [
        "<div>" * 300_000 + "x",
        "<b>" * 300_000 + "x",
        "<table><tr><td>" * 100_000 + "x",
        "<" * 1_000_000,
        "<a " * 500_000,
        "&" * 1_000_000,
        "<p>word <i>word</i></p>\n" * 40_000,
    ],
    ids=["div", "b", "table", "brackets", "attributes", "entities", "long"],
)
def test_megabytes_of_hostile_html_are_read_without_a_recursion(html: str) -> None:
    assert from_html(html).strip() is not None


def test_deep_html_still_gives_its_words() -> None:
    assert from_html("<div>" * 20_000 + "needle" + "</div>" * 20_000) == "needle"


@pytest.mark.parametrize(
    ("written", "text"),
    [
        ("Gr\udcc3\udcbc\udcc3\udc9fe", "Grüße"),
        ("\ud83d\ude00", "😀"),
        ("lone \ud800 half", "lone � half"),
        ("nul\x00", "nul"),
        ("fine", "fine"),
    ],
)
def test_text_is_clean_for_utf_8_and_sqlite(written: str, text: str) -> None:
    assert clean(written) == text


@pytest.mark.parametrize(
    ("content", "charset", "text"),
    [
        ("Grüße".encode(), None, "Grüße"),
        ("Grüße".encode("cp1252"), None, "Grüße"),
        ("Grüße".encode("cp1252"), "utf-8", "Grüße"),
        ("Grüße".encode(), "us-ascii", "Grüße"),
        ("“q”".encode("cp1252"), "iso-8859-1", "“q”"),
        ("шостий".encode("koi8-r"), "KOI8-R", "шостий"),
        ("漢字".encode("gb18030"), "gb2312", "漢字"),
        ("한글".encode("cp949"), "ks_c_5601-1987", "한글"),
        ("\ufeffx".encode(), None, "x"),
        (b"x", "rot13", "x"),
        (b"x", "a\x00b", "x"),
        (b"x\\ud800", "unicode_escape", "x\\ud800"),
    ],
)
def test_bytes_are_read_in_the_charset_that_fits(content: bytes, charset: str | None, text: str) -> None:
    assert decode(content, charset) == text
