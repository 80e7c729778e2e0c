"""The pages: whether they can be served, and who else is in them."""

from __future__ import annotations

import importlib.metadata
import socket
from collections.abc import Iterator

from mirror.doctor.line import Examination, Line, note, ok, wrong

LINE = "0.65."
"""The line of Datasette's releases that the pages are written for."""

OURS = frozenset({"datasette-auth-passwords"})


def port(examination: Examination) -> Iterator[Line]:
    """Whether the address that `mirror run` serves on is free."""
    address = f"{examination.host}:{examination.port}"
    family = socket.AF_INET6 if ":" in examination.host else socket.AF_INET
    try:
        with socket.socket(family, socket.SOCK_STREAM) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind((examination.host, examination.port))
    except OSError as error:
        why = error.strerror or str(error)
        yield note(
            "port", f"{address} is taken ({why}): by mirror run, or by another program", "mirror run --port 8802"
        )
    else:
        yield ok("port", f"{address} is free")


def datasette(_: Examination) -> Iterator[Line]:
    """Whether this is the Datasette that the pages are written for, and what else has been put into it."""
    version = importlib.metadata.version("datasette")
    if not version.startswith(LINE):
        yield wrong("datasette", f"{version} is not of the line {LINE}x", "pip install --upgrade mirror")
        return
    found = {entry.dist.name for entry in importlib.metadata.entry_points(group="datasette") if entry.dist is not None}
    strangers = sorted(found - OURS)
    if strangers:
        yield note(
            "datasette",
            f"{version}, and what was not made for these pages is loaded into them: {', '.join(strangers)}",
            "if a page looks odd, install mirror into an environment of its own: pipx install mirror",
        )
    else:
        yield ok("datasette", version)
