"""Which operation a request means. Ids may hold any character, `/` too, so the raw path decides wherever there is one."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Literal
from urllib.parse import unquote

from mirror.contract.refusals import method_not_allowed, not_found
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


class Router:
    """Finds routes. Where several fit, the one with most fixed words is meant."""

    def __init__(self, routes: Iterable[Route]) -> None:
        # Those of one template stand together.
        self._routes = sorted(routes, key=lambda route: (*_particular(route), route.template))
        self._loose = {route.template: re.compile(_loosely(route.template), re.DOTALL) for route in self._routes}

    def find(self, method: str, path: str, raw: str | None) -> tuple[Route, dict[str, str]]:
        """The route and its path parameters. `raw` is the path before percent-decoding, where the server knows it.

        Raises: Refusal 404 when no route has the path, 405 when none has the verb.
        """
        exact = [] if raw is None else self._fitting(lambda route: _exactly(route, raw))
        # Some servers say "raw" and mean decoded.
        fitting = exact or self._fitting(lambda route: self._decoded(route, path))
        for route, ids in fitting:
            if route.method == method:
                return route, ids
        raise method_not_allowed([route.method for route, _ in fitting]) if fitting else not_found("resource")

    def _fitting(self, fit: Callable[[Route], dict[str, str] | None]) -> list[tuple[Route, dict[str, str]]]:
        """The routes of the first template that fits, with what it finds in the path."""
        fitting: list[tuple[Route, dict[str, str]]] = []
        for route in self._routes:
            if fitting and route.template != fitting[0][0].template:
                break
            ids = fit(route)
            if ids is not None:
                fitting.append((route, ids))
        return fitting

    def _decoded(self, route: Route, path: str) -> dict[str, str] | None:
        match = self._loose[route.template].fullmatch(path)
        return None if match is None else match.groupdict()


def _particular(route: Route) -> tuple[int, int]:
    """Less for what has more fixed words, and then for what has fewer ids."""
    ids = sum(part.startswith("{") for part in route.segments)
    return ids - len(route.segments), ids


def _exactly(route: Route, raw: str) -> dict[str, str] | None:
    given = raw.removeprefix("/").split("/")
    if len(given) != len(route.segments):
        return None
    ids = {}
    for part, written in zip(route.segments, given, strict=True):
        if not part.startswith("{"):
            if part != unquote(written):
                return None
        elif not written:
            return None
        else:
            ids[part[1:-1]] = unquote(written)
    return ids


def _loosely(template: str) -> str:
    fixed = re.escape(template).replace(r"\{", "{").replace(r"\}", "}")
    return re.sub(r"\{(\w+)\}", r"(?P<\1>.+)", fixed)
