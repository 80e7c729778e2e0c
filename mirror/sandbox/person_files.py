"""Small valid PNG, PDF, CSV and iCalendar files, drawn in code: photos, plots, letters, tables and invitations.

Everything is made from the chance and the words it is handed; nothing is read from anywhere.
"""

from __future__ import annotations

import math
import random
import struct
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from mirror.sandbox.person_year import at_home

Colour = tuple[int, int, int]

MIME_TYPES = {"pdf": "application/pdf", "png": "image/png", "csv": "text/csv", "ics": "text/calendar"}


@dataclass(frozen=True, slots=True)
class File:
    """What is attached to a mail. With a `content_id` it is shown inside the text."""

    name: str
    mime_type: str
    content: bytes
    content_id: str | None = None


def attachment(kind: str, words: Mapping[str, str], chance: random.Random, *, large: bool = False) -> File:
    """A file of a kind that the topics name, such as `report.pdf` or `photo.png`."""
    stem, ending = kind.rsplit(".", 1)
    name = f"{words.get('code') or words['date']} {stem}.{ending}".replace(" ", "_")
    if ending == "csv":
        return File(name, MIME_TYPES["csv"], table(chance, rows=chance.choice((40, 60, 90, 200, 400))))
    if ending == "png":
        drawn = plot(chance) if stem == "plot" else seascape(chance, large=large)
        return File(name, MIME_TYPES["png"], drawn)
    lines = [
        f"{stem.capitalize()} {words.get('code', '')}",
        "",
        f"Concerning: {words.get('project', words.get('town', 'your visit'))}, {words.get('place', 'as agreed')}",
        f"Date: {words['date']}",
        f"Sum: {words['amount']}" if stem in {"invoice", "offer", "receipt", "ticket"} else f"Pages: {words['n']}",
        "",
        "This paper was made by a program and is about nobody.",
    ]
    return File(
        name, MIME_TYPES["pdf"], pdf(lines, picture=stem in {"report", "slides", "programme", "manual"}, chance=chance)
    )


def png(width: int, rows: Sequence[bytes], *, level: int = 6) -> bytes:
    """A PNG of rows of RGB bytes. Level 0 leaves the pixels as large as they are."""

    def chunk(name: bytes, content: bytes) -> bytes:
        checksum = zlib.crc32(name + content)
        return struct.pack(">I", len(content)) + name + content + struct.pack(">I", checksum)

    header = struct.pack(">IIBBBBB", width, len(rows), 8, 2, 0, 0, 0)
    pixels = zlib.compress(b"".join(b"\0" + row for row in rows), level)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", pixels) + chunk(b"IEND", b"")


def avatar(chance: random.Random) -> bytes:
    """A small portrait of sorts: five by five fields, the same on both sides."""
    ink = bytes(chance.randint(40, 190) for _ in range(3))
    paper, cell = bytes((246, 244, 238)), 8
    rows: list[bytes] = []
    for _ in range(5):
        half = [chance.random() < 0.55 for _ in range(3)]
        fields = [*half, half[1], half[0]]
        rows += [b"".join((ink if on else paper) * cell for on in fields)] * cell
    return png(5 * cell, rows)


def seascape(chance: random.Random, *, large: bool = False) -> bytes:
    """A picture of sky, sun and sea. A large one weighs about two megabytes, as a telephone's would."""
    width, height = (1040, 680) if large else (360, 240)
    sky_top, sky_low = _pick(chance, ((80, 140, 200), (240, 220, 190)), ((52, 70, 130), (244, 160, 120)))
    sea_top, sea_low = _pick(chance, ((90, 150, 170), (20, 60, 90)), ((120, 130, 150), (30, 40, 70)))
    horizon = int(height * chance.uniform(0.45, 0.65))
    sun_x, sun_y, radius = chance.uniform(0.2, 0.8) * width, horizon * chance.uniform(0.35, 0.8), height * 0.09
    rows: list[bytes] = []
    for y in range(height):
        if y < horizon:
            row = bytes(_between(sky_top, sky_low, y / horizon)) * width
            reach = radius**2 - (y - sun_y) ** 2
            if reach > 0:
                left, right = int(sun_x - math.sqrt(reach)), int(sun_x + math.sqrt(reach))
                row = row[: left * 3] + bytes((255, 244, 214)) * (right - left) + row[right * 3 :]
        else:
            depth = (y - horizon) / (height - horizon)
            row = _wave(_between(sea_top, sea_low, depth), width, chance)
        rows.append(row[: width * 3])
    return png(width, rows, level=0 if large else 6)


def plot(chance: random.Random) -> bytes:
    """A tide curve on white, with an axis."""
    width, height = 320, 180
    grid = [bytearray(b"\xff" * 3 * width) for _ in range(height)]
    phase, period = chance.uniform(0, 6.28), chance.uniform(50, 90)
    for y in range(height):
        grid[y][30:33] = b"\x55\x55\x55"
    grid[height // 2] = bytearray(b"\xaa" * 3 * width)
    for x in range(12, width):
        level = height / 2 + 60 * math.sin(phase + 6.28 * x / period) + chance.uniform(-3, 3)
        for y in range(int(level) - 1, int(level) + 2):
            grid[y][x * 3 : x * 3 + 3] = b"\x1b\x5e\x8c"
    return png(width, [bytes(row) for row in grid])


def pdf(lines: Sequence[str], *, picture: bool, chance: random.Random) -> bytes:
    """A one-page PDF with these lines of text, and a small picture where wanted."""
    escaped = [line.replace("\\", r"\\").replace("(", r"\(").replace(")", r"\)") for line in lines]
    shown = "BT /F1 13 Tf 18 TL 72 760 Td " + " ".join(f"({line}) Tj T*" for line in escaped) + " ET"
    if picture:
        shown += " q 360 0 0 240 72 300 cm /I1 Do Q"
    stream = zlib.compress(shown.encode("cp1252", "replace"))
    resources = b"/Font << /F1 5 0 R >>" + (b" /XObject << /I1 6 0 R >>" if picture else b"")
    objects = [
        b"<< /Type /Catalog /Pages 2 0 R >>",
        b"<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
        b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] /Contents 4 0 R /Resources << %s >> >>" % resources,
        b"<< /Filter /FlateDecode /Length %d >>\nstream\n%s\nendstream" % (len(stream), stream),
        b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica /Encoding /WinAnsiEncoding >>",
    ]
    if picture:
        pixels = zlib.compress(b"".join(_wave((90, 150, 170), 60, chance)[:180] for _ in range(40)))
        objects.append(
            b"<< /Type /XObject /Subtype /Image /Width 60 /Height 40 /ColorSpace /DeviceRGB /BitsPerComponent 8"
            b" /Filter /FlateDecode /Length %d >>\nstream\n%s\nendstream" % (len(pixels), pixels)
        )
    written, offsets = b"%PDF-1.4\n", []
    for number, content in enumerate(objects, 1):
        offsets.append(len(written))
        written += b"%d 0 obj\n%s\nendobj\n" % (number, content)
    table_at = len(written)
    entries = b"".join(b"%010d 00000 n \n" % offset for offset in offsets)
    size = len(objects) + 1
    written += b"xref\n0 %d\n0000000000 65535 f \n%s" % (size, entries)
    return written + b"trailer\n<< /Size %d /Root 1 0 R >>\nstartxref\n%d\n%%%%EOF\n" % (size, table_at)


def table(chance: random.Random, *, rows: int) -> bytes:
    """Tide levels every ten minutes, as CSV."""
    start = at_home(datetime(2025, 3, 1).date(), chance.randrange(24))  # noqa: DTZ001  (only its day is used)
    phase = chance.uniform(0, 6.28)
    lines = ["time_utc,level_m,flag"]
    for number in range(rows):
        level = 1.6 * math.sin(phase + number / 11.9) + chance.uniform(-0.04, 0.04)
        flag = "suspect" if chance.random() < 0.02 else "ok"
        lines.append(f"{start + timedelta(minutes=10 * number):%Y-%m-%dT%H:%M:%SZ},{level:.3f},{flag}")
    return ("\r\n".join(lines) + "\r\n").encode()


def invitation(
    method: str, uid: str, subject: str, start: datetime, end: datetime, organizer: str, attendees: Sequence[str]
) -> bytes:
    """An iCalendar object as invitations carry it."""
    lines = [
        "BEGIN:VCALENDAR", "VERSION:2.0", "PRODID:-//Tidemark//Sandbox//EN", f"METHOD:{method}", "BEGIN:VEVENT",
        f"UID:{uid}", f"DTSTAMP:{start - timedelta(days=3):%Y%m%dT%H%M%SZ}", f"DTSTART:{start:%Y%m%dT%H%M%SZ}",
        f"DTEND:{end:%Y%m%dT%H%M%SZ}", "SUMMARY:" + subject.replace(",", "\\,"), f"ORGANIZER:mailto:{organizer}",
        *(f"ATTENDEE:mailto:{address}" for address in attendees), "END:VEVENT", "END:VCALENDAR",
    ]  # fmt: skip
    return ("\r\n".join(lines) + "\r\n").encode()


def _pick(chance: random.Random, *pairs: tuple[Colour, Colour]) -> tuple[Colour, Colour]:
    return chance.choice(pairs)


def _between(first: Colour, second: Colour, part: float) -> Colour:
    red, green, blue = (round(a + (b - a) * part) for a, b in zip(first, second, strict=True))
    return red, green, blue


def _wave(colour: Colour, width: int, chance: random.Random) -> bytes:
    row, done = b"", 0
    while done < width:
        length, light = chance.randint(14, 90), chance.randint(-9, 9)
        row += bytes(min(255, max(0, part + light)) for part in colour) * length
        done += length
    return row
