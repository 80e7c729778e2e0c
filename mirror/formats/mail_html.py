"""The HTML of a mail as it may be shown: no script, no form, nothing that is loaded from anywhere, quotations folded.

Two steps that know nothing of each other: the mail is written anew, in order, with its pictures put in and what can't be
loaded replaced by a note (wellformed.py); then nh3 lets through what a short list allows, whatever the first step did.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import unquote, urlsplit

import nh3

from mirror.formats import markup, wellformed
from mirror.formats.images import raster_type
from mirror.formats.styles import PROPERTIES, safe_style
from mirror.formats.text import clean
from mirror.formats.wellformed import attribute

MOST_IMAGE_BYTES = 4_000_000
MOST_IMAGES_BYTES = 16_000_000
LONGEST_VALUE = 4096

SCHEMES = frozenset({"http", "https", "mailto", "tel"})
"""Where a link may lead. A `data:` is let through for pictures alone."""

TAGS = frozenset(
    {
        "a", "abbr", "acronym", "address", "article", "aside", "b", "bdi", "bdo", "big", "blockquote", "br", "caption",
        "center", "cite", "code", "col", "colgroup", "dd", "del", "details", "dfn", "div", "dl", "dt", "em",
        "figcaption", "figure", "font", "footer", "h1", "h2", "h3", "h4", "h5", "h6", "header", "hr", "i", "img", "ins",
        "kbd", "li", "main", "mark", "nav", "ol", "p", "pre", "q", "rp", "rt", "ruby", "s", "samp", "section", "small",
        "span", "strike", "strong", "sub", "summary", "sup", "table", "tbody", "td", "tfoot", "th", "thead", "time",
        "tr", "tt", "u", "ul", "var", "wbr",
    }
)  # fmt: skip
_ANYWHERE = frozenset({"style", "dir", "lang", "align", "valign"})
_ATTRIBUTES: dict[str, frozenset[str]] = {
    "a": frozenset({"href", "title"}),
    "abbr": frozenset({"title"}),
    "col": frozenset({"span", "width"}),
    "colgroup": frozenset({"span", "width"}),
    "details": frozenset({"open"}),
    "font": frozenset({"color", "face", "size"}),
    "hr": frozenset({"color", "size", "width"}),
    "img": frozenset({"src", "alt", "width", "height", "border"}),
    "li": frozenset({"value"}),
    "ol": frozenset({"start", "type", "reversed"}),
    "table": frozenset({"bgcolor", "border", "bordercolor", "cellpadding", "cellspacing", "width", "height"}),
    "td": frozenset({"bgcolor", "colspan", "height", "nowrap", "rowspan", "width"}),
    "th": frozenset({"bgcolor", "colspan", "height", "nowrap", "rowspan", "width"}),
    "tr": frozenset({"bgcolor", "height"}),
    "ul": frozenset({"type"}),
}
_CLASSES = {"details": {"quoted"}, "span": {"not-loaded"}}
"""Ours: they mark what was folded and what was not loaded."""

# What an element that is left out is counted as.
_COUNTED = {
    "script": "scripts", "style": "styles", "form": "forms", "input": "forms", "button": "forms", "select": "forms",
    "textarea": "forms", "isindex": "forms", "iframe": "frames", "frame": "frames", "object": "frames", "embed": "frames",
    "applet": "frames", "portal": "frames", "video": "media", "audio": "media", "svg": "drawings", "math": "drawings",
    "image": "images",
}  # fmt: skip
_NOTED = {
    "iframe": "embedded page",
    "object": "embedded object",
    "embed": "embedded object",
    "video": "video",
    "audio": "sound",
}
_DATA = re.compile(r"data:image/[a-z0-9.+-]{1,20};base64,([A-Za-z0-9+/=\s]*+)$", re.IGNORECASE)
_CHECKED_DATA = re.compile(r"data:image/(?:png|jpeg|gif|bmp|webp|avif);base64,[A-Za-z0-9+/]*={0,2}")
_REMOTE = re.compile(r"\s*(?:https?:|ftp:|//|\\\\)", re.IGNORECASE)
_TINY = re.compile(r"\s*[012](?:\.\d+)?\s*(?:px|pt)?\s*$")
_A_TAG = re.compile(
    r"<!doctype html|<(?:html|head|body|div|p|br|table|tr|td|span|a|font|b|i|em|strong|center|blockquote|pre|ul|ol|li|h[1-6]|img"
    r"|meta|style)(?:\s[^<>]*)?/?>",
    re.IGNORECASE,
)


@dataclass(slots=True)
class Blocked:
    """How many of what a mail wanted and did not get."""

    images: int = 0
    pixels: int = 0  # pictures that nobody sees: they tell the sender that the mail was opened
    styles: int = 0
    fonts: int = 0
    scripts: int = 0
    forms: int = 0
    frames: int = 0
    media: int = 0
    drawings: int = 0
    links: int = 0  # that led to a script, a file or the like


@dataclass(frozen=True, slots=True)
class Safe:
    """A mail's HTML that may be shown in a page of its own. `cut`: it was too long, and the end is missing."""

    html: str
    blocked: Blocked
    cut: bool = False


def is_html(body: str) -> bool:
    """Whether a mail's body is HTML rather than plain text that mentions `<someone@example.org>`."""
    return _A_TAG.search(body) is not None


def safe(html: str, images: Mapping[str, bytes] | None = None) -> Safe:
    """The mail as it may be shown. `images`: the bytes of its attachments by content id, for `cid:`. Never raises."""
    rewriting = _Rewriting({key.strip("<> ").lower(): content for key, content in (images or {}).items()})
    for token in markup.tokens(clean(html)):
        rewriting.take(token)
        if rewriting.out.full:
            break
    return Safe(_CLEANER.clean(rewriting.out.finish()), rewriting.blocked, rewriting.out.full)


@dataclass(slots=True)
class _Rewriting:
    """One mail being written anew."""

    images: Mapping[str, bytes]
    blocked: Blocked = field(default_factory=Blocked)
    out: wellformed.Writer = field(default_factory=wellformed.Writer)
    images_bytes: int = 0

    def take(self, token: markup.Token) -> None:
        if isinstance(token, markup.Text):
            self.out.text(token.written)
        elif isinstance(token, markup.End):
            self.out.end("div" if token.name == "body" else token.name)
        else:
            self._start(token)

    def _start(self, token: markup.Start) -> None:
        self._count(token)
        name, given = token.name, token.attributes
        if name in ("img", "image"):
            self._image(given)
        elif name == "body":
            self.out.start(
                "div", attribute("style", style) if (style := safe_style(given.get("style", ""))) else "", {}
            )
        elif name in TAGS:
            self.out.start(name, self._attributes(name, given), given)
        elif name in _NOTED:
            self._note(f"{_NOTED[name]} not loaded")
        elif name == "xmp":
            self.out.text(token.raw.replace("<", "&lt;"))

    def _count(self, token: markup.Start) -> None:
        blocked, given = self.blocked, token.attributes
        if kind := _COUNTED.get(token.name):
            setattr(blocked, kind, getattr(blocked, kind) + 1)
        if token.name == "link" and {"stylesheet", "preload"} & set(given.get("rel", "").lower().split()):
            blocked.fonts += "font" in given.get("href", "").lower()
            blocked.styles += "font" not in given.get("href", "").lower()
        if token.name == "style":
            blocked.fonts += token.raw.lower().count("@font-face")
        blocked.scripts += sum(name.startswith("on") and len(name) > 2 for name in given)
        blocked.images += sum(bool(_REMOTE.match(given.get(name, ""))) for name in ("background", "poster"))
        blocked.images += given.get("style", "").lower().count("url(")

    def _attributes(self, name: str, given: Mapping[str, str]) -> str:
        allowed = _ANYWHERE | _ATTRIBUTES.get(name, frozenset())
        kept = {key: value for key, value in given.items() if key in allowed and len(value) <= LONGEST_VALUE}
        if "style" in kept:
            kept["style"] = safe_style(kept["style"])
        if name == "a":
            kept.pop("title", None)
            href = _link(kept.pop("href", ""))
            if href:
                kept |= {"href": href, "title": href}  # so that one sees where it leads, whatever its text says
            elif given.get("href", "").strip()[:1] not in ("", "#"):
                self.blocked.links += 1
        ours = _CLASSES.get(name, set()) & set(given.get("class", "").split())
        if ours:
            kept["class"] = " ".join(ours)
        return "".join(attribute(key, value) for key, value in kept.items() if value or key in ("nowrap", "open"))

    def _image(self, given: Mapping[str, str]) -> None:
        source = given.get("src") or given.get("href") or given.get("srcset") or ""
        shown = self._picture(source)
        if shown:
            kept = self._attributes("img", {key: value for key, value in given.items() if key != "src"})
            self.out.start("img", attribute("src", shown) + kept, {})
        elif _is_tiny(given):
            self.blocked.pixels += 1
        elif _REMOTE.match(source):
            self.blocked.images += 1
            self._note("remote image not loaded", given.get("alt", ""))
        elif source:
            self._note("image not here", given.get("alt", ""))

    def _picture(self, source: str) -> str | None:
        """A picture that is here, as a data: URI."""
        content: bytes | None = None
        if source[:4].lower() == "cid:":
            content = self.images.get(unquote(source[4:]).strip("<> ").lower())
        elif match := _DATA.match(source.strip()):
            try:
                content = base64.b64decode(match[1])
            except (binascii.Error, ValueError):
                return None
        if content is None or len(content) > MOST_IMAGE_BYTES or self.images_bytes + len(content) > MOST_IMAGES_BYTES:
            return None
        self.images_bytes += len(content)
        mime_type = raster_type(content)
        return f"data:{mime_type};base64,{base64.b64encode(content).decode()}" if mime_type else None

    def _note(self, what: str, called: str = "") -> None:
        called = " ".join(called.split())[:120]
        self.out.start("span", attribute("class", "not-loaded"), {})
        self.out.text((f"{what}: {called}" if called else what).replace("&", "&amp;").replace("<", "&lt;"))
        self.out.end("span")


def _link(href: str) -> str | None:
    """Where a link leads, in one line, when that is a page, a person or a telephone."""
    href = re.sub(r"[\x00-\x20\x7f-\xa0\u2028\u2029\ufeff]+", "", href)
    try:
        return href if urlsplit(href).scheme.lower() in SCHEMES else None
    except ValueError:
        return None


def _is_tiny(given: Mapping[str, str]) -> bool:
    """Whether nobody would see a picture."""
    style = {
        name: value for part in given.get("style", "").lower().split(";") for name, _, value in [part.partition(":")]
    }
    style = {name.strip(): value.strip() for name, value in style.items()}
    sizes = [given.get("width"), given.get("height"), style.get("width"), style.get("height")]
    hidden = style.get("display") == "none" or style.get("visibility") == "hidden" or "hidden" in given
    return hidden or any(size is not None and _TINY.match(size) for size in sizes)


def _allowed(tag: str, name: str, value: str) -> str | None:
    """What nh3 asks of every attribute that its list lets through."""
    if name == "src":
        return value if tag == "img" and _CHECKED_DATA.fullmatch(value) else None
    if name == "href":
        return value if tag == "a" and _link(value) == value else None
    if name == "style":
        return safe_style(value) or None
    return value


_CLEANER = nh3.Cleaner(
    tags=set(TAGS),
    clean_content_tags=set(markup.RAW) | {"noscript", "template", "svg", "math", "object", "plaintext", "select"},
    attributes={"*": set(_ANYWHERE), **{name: set(allowed) for name, allowed in _ATTRIBUTES.items()}},
    attribute_filter=_allowed,
    allowed_classes=_CLASSES,
    filter_style_properties=set(PROPERTIES),
    url_schemes={*SCHEMES, "data"},
    url_relative="deny",
    link_rel="noopener noreferrer",
    set_tag_attribute_values={"a": {"target": "_blank"}},
)
