"""Ids and etags that look like the providers': opaque, drawn from a seeded source. Stores nothing."""

from __future__ import annotations

import base64
import random

# Kinds that carry an etag, and how Google writes it there. The quotes belong to the value.
ETAGGED = ("contacts", "events", "task_lists", "tasks")

_BASE32HEX = "0123456789abcdefghijklmnopqrstuv"


def new_id(kind: str, service_type: str, chance: random.Random) -> str:
    """An id as the provider of this service would give it. Many need percent-encoding in a path."""
    if kind == "calendars":
        place = "#holiday" if chance.random() < 0.3 else ""
        return f"{_letters(chance, 26)}{place}@group.calendar.google.com"
    if kind == "events":
        return _letters(chance, 26) if service_type == "Google" else _exchange_id(service_type, chance)
    if kind == "contacts":
        return (
            f"people/c{chance.randrange(10**17, 10**19)}" if service_type == "Google" else _exchange_id("EWS", chance)
        )
    if kind == "messages":
        return f"{chance.getrandbits(60) | 1 << 60:016x}" if service_type == "Google" else _exchange_id("EWS", chance)
    if kind == "folders":
        return f"Label_{chance.randrange(1, 10**9)}" if service_type == "Google" else _exchange_id("EWS", chance)
    return base64.b64encode(b"%020d" % chance.randrange(10**19)).decode()


def new_etag(kind: str, seq: int, chance: random.Random) -> str | None:
    """The etag of a new version, None for a kind that has none."""
    if kind not in ETAGGED:
        return None
    if kind == "contacts":
        return "%" + base64.b64encode(b"%06d%s" % (seq, chance.randbytes(9))).decode()
    if kind == "events":
        return f'"{seq:06d}{chance.randrange(10**10):010d}"'
    return f'W/"{base64.b64encode(b"%06d" % seq).decode()}{chance.getrandbits(32):08x}"'


def _letters(chance: random.Random, length: int) -> str:
    return "".join(chance.choices(_BASE32HEX, k=length))


def _exchange_id(service_type: str, chance: random.Random) -> str:
    # 79 bytes, so that the text ends in `==`; EWS ids have `/` and `+` in them, Graph's are URL-safe.
    drawn = chance.randbytes(79)
    encode = base64.b64encode if service_type in ("EWS", "IMAP") else base64.urlsafe_b64encode
    return "AAMk" + encode(drawn).decode()
