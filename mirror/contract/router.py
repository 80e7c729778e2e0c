"""Which operation a request means. Ids may hold any character, `/` too, so the raw path decides wherever there is one."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Literal
from urllib.parse import unquote

from mirror.contract.refusals import Refusal, method_not_allowed, not_found
from mirror.contract.wire import Answer, Call

# Who may call: an account's token (or the application for an account), the application for itself, or anyone.
Access = Literal["account", "application", "anyone"]


@dataclass(frozen=True, slots=True)
class Route:
    """One operation of the API: its verb, its path as the vendor's file writes it, and what answers it.

    One that is `unlocked` talks to the outside: it is not held inside of a transaction, and opens one where it writes.
    """

    method: str
    template: str
    answer: Callable[[Call], Answer]
    access: Access = "account"
    unlocked: bool = False

    @property
    def segments(self) -> tuple[str, ...]:
        return tuple(self.template.strip("/").split("/"))


Lost = Callable[[str], Refusal]
Fitting = list[tuple[Route, dict[str, str]]]


class Router:
    """Finds routes. Where several fit, the one with most fixed words is meant."""

    def __init__(self, routes: Iterable[Route], lost: Lost = lambda _: not_found("resource")) -> None:
        """`lost`: the refusal of a path that no route has."""
        self._lost = lost
        # Those of one template stand together.
        self._routes = sorted(routes, key=lambda route: (*_particular(route), route.template))
        self._by_length: dict[int, list[tuple[tuple[str, ...], Route]]] = {}
        for route in self._routes:
            self._by_length.setdefault(len(route.segments), []).append((route.segments, route))
        self._loose = [(re.compile(_loosely(route.template), re.DOTALL), route) for route in self._routes]

    def find(self, method: str, path: str, raw: str | None) -> tuple[Route, dict[str, str]]:
        """The route and its path parameters. `raw` is the path before percent-decoding, where the server knows it.

        Raises: Refusal, 404 when no route has the path, 405 when none has the verb.
        """
        # Some servers say "raw" and mean decoded.
        fitting = ([] if raw is None else self._exactly(raw)) or self._decoded(path)
        for route, ids in fitting:
            if route.method == method:
                return route, ids
        raise method_not_allowed([route.method for route, _ in fitting]) if fitting else self._lost(path)

    def _exactly(self, raw: str) -> Fitting:
        given = raw.removeprefix("/").split("/")
        words = [unquote(part) for part in given]
        candidates = self._by_length.get(len(given), ())
        return _of_first((route, _ids(segments, given, words)) for segments, route in candidates)

    def _decoded(self, path: str) -> Fitting:
        matches = ((route, pattern.fullmatch(path)) for pattern, route in self._loose)
        return _of_first((route, None if match is None else match.groupdict()) for route, match in matches)


def _of_first(found: Iterable[tuple[Route, dict[str, str] | None]]) -> Fitting:
    """The routes of the first template that fits, with what it finds in the path."""
    fitting: Fitting = []
    for route, ids in found:
        if fitting and route.template != fitting[0][0].template:
            break
        if ids is not None:
            fitting.append((route, ids))
    return fitting


def _ids(segments: tuple[str, ...], given: list[str], words: list[str]) -> dict[str, str] | None:
    """What the path has in the places of ids; None where its fixed words are others."""
    ids = {}
    for part, written, word in zip(segments, given, words, strict=True):
        if not part.startswith("{"):
            if part != word:
                return None
        elif not written:
            return None
        else:
            ids[part[1:-1]] = word
    return ids


def _particular(route: Route) -> tuple[int, int]:
    """Less for what has more fixed words, and then for what has fewer ids."""
    ids = sum(part.startswith("{") for part in route.segments)
    return ids - len(route.segments), ids


def _loosely(template: str) -> str:
    fixed = re.escape(template).replace(r"\{", "{").replace(r"\}", "}")
    return re.sub(r"\{(\w+)\}", r"(?P<\1>.+)", fixed)
