"""`mirror.toml` in the home: what a person may set, and nothing that is needed. A mistake in it is refused, with its line."""

from __future__ import annotations

import ipaddress
import re
import tomllib
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from mirror.errors import UnreadableFile

NAME = "mirror.toml"
SHORTEST_PING_S = 10.0


@dataclass(frozen=True, slots=True)
class Notify:
    """Who is told when an account becomes unhealthy, and when it is healthy again. Seconds, where it says `_s`."""

    exec: tuple[str, ...] = ()
    ping_url: str | None = field(default=None, repr=False)  # whoever knows it may ping
    ping_every_s: float | None = None
    desktop: bool = False
    timeout_s: float = 30.0


@dataclass(frozen=True, slots=True)
class Settings:
    """The whole file. `stale_after_s`: how long nothing may come in; `grace_s`: and how long that is kept to oneself."""

    notify: Notify = field(default_factory=Notify)
    stale_after_s: float = 3600.0
    grace_s: float = 900.0


class _Wrong(Exception):
    """What is wrong with a value, as the end of a sentence."""


def read(home: Path) -> Settings:
    """What the home's file says; the defaults where there is none. Raises: UnreadableFile."""
    path = home / NAME
    try:
        written = path.read_text(encoding="utf-8")
        found = tomllib.loads(written)
    except FileNotFoundError:
        return Settings()
    except OSError as error:
        raise UnreadableFile(error.strerror or str(error), str(path)) from error
    except UnicodeDecodeError as error:
        raise UnreadableFile("it is not UTF-8", str(path)) from error
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        raise UnreadableFile(f"it is not TOML: {error}", str(path)) from error
    values: dict[str, dict[str, Any]] = {}
    for section, keys in found.items():
        if section not in _SECTIONS:
            raise _unknown(path, written, None, section, list(_SECTIONS))
        if not isinstance(keys, dict):
            raise UnreadableFile(f"{_line(written, None, section)}{section} is a section: [{section}]", str(path))
        values[section] = {}
        for key, value in keys.items():
            if key not in _SECTIONS[section]:
                raise _unknown(path, written, section, key, list(_SECTIONS[section]))
            try:
                values[section][key] = _SECTIONS[section][key](value)
            except _Wrong as wrong:
                at = _line(written, section, key)
                raise UnreadableFile(f"{at}{key} in [{section}] {wrong}", str(path)) from None
    return Settings(Notify(**values.get("notify", {})), **values.get("health", {}))


def read_if_right(home: Path) -> Settings:
    """The same, and the defaults where there is a mistake in it: for what is to go on until a person has corrected it."""
    try:
        return read(home)
    except UnreadableFile:
        return Settings()


def _unknown(path: Path, written: str, section: str | None, name: str, known: list[str]) -> UnreadableFile:
    where = f"no {name} in [{section}]" if section else f"no section [{name}]"
    return UnreadableFile(f"{_line(written, section, name)}there is {where}; there are: {', '.join(known)}", str(path))


def _line(written: str, section: str | None, key: str) -> str:
    """Where in the file a key stands, as the beginning of a sentence; empty where that can't be told."""
    current: str | None = None
    for number, line in enumerate(written.splitlines(), start=1):
        if header := re.match(r"\s*\[+\s*[\"']?([^\]\"'.]+?)[\"']?\s*[\].]", line):
            current = header[1]
            if section is None and current == key:
                return f"line {number}: "
        elif current == section and re.match(rf"\s*[\"']?{re.escape(key)}[\"']?\s*[=.]", line):
            return f"line {number}: "
    return ""


# --- values -----------------------------------------------------------------------------------------------------------


def _words(value: Any) -> tuple[str, ...]:
    if not isinstance(value, list) or not all(isinstance(word, str) and "\0" not in word for word in value):
        raise _Wrong('is a list of words: exec = ["command", "argument"] (there is no shell)')
    if not value or not value[0]:
        raise _Wrong("has no command in it")
    return tuple(value)


def _url(value: Any) -> str:
    if not isinstance(value, str):
        raise _Wrong("is not a text")
    try:
        parts = urlsplit(value)
        sound = bool(parts.hostname) and parts.port != 0 and value.isprintable() and " " not in value
    except ValueError:
        raise _Wrong("is no URL") from None
    if not sound or parts.scheme not in ("http", "https"):
        raise _Wrong("is no URL; it begins with https://")
    if parts.scheme == "http" and not _is_loopback(parts.hostname or ""):
        raise _Wrong("must begin with https:// (http is for this machine alone)")
    return value


def _is_loopback(host: str) -> bool:
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _truth(value: Any) -> bool:
    if not isinstance(value, bool):
        raise _Wrong("is true or false")
    return value


def _seconds(least: float, most: float) -> Callable[[Any], float]:
    def seconds(value: Any) -> float:
        if isinstance(value, bool) or not isinstance(value, (int, float)) or not least <= value <= most:
            raise _Wrong(f"is a number of seconds from {least:g} to {most:g}")
        return float(value)

    return seconds


_DAY_S = 86_400.0
_SECTIONS: dict[str, dict[str, Callable[[Any], Any]]] = {
    "notify": {
        "exec": _words,
        "ping_url": _url,
        "ping_every_s": _seconds(SHORTEST_PING_S, 7 * _DAY_S),
        "desktop": _truth,
        "timeout_s": _seconds(0.1, 300.0),
    },
    "health": {"stale_after_s": _seconds(60.0, 90 * _DAY_S), "grace_s": _seconds(0.0, _DAY_S)},
}
