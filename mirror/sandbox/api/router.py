"""Which operation a request means. Ids may hold any character, `/` too, so the raw path decides wherever there is one."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from urllib.parse import unquote

from mirror.sandbox.api.refusals import method_not_allowed, not_found
from mirror.sandbox.api.wire import Answer, Call


@dataclass(frozen=True, slots=True)
class Route:
    """One operation of the API: its verb, its path as the vendor's file writes it, and what answers it."""

    method: str
    template: str
    answer: Callable[[Call], Answer]

    @property
    def segments(self) -> tuple[str, ...]:
        return tuple(self.template.strip("/").split("/"))


class Router:
    """Finds routes. Where several fit, the one with most fixed words is meant."""

    def __init__(self, routes: Iterable[Route]) -> None:
        self._routes = sorted(routes, key=lambda route: sum(part.startswith("{") for part in route.segments))
        self._routes.sort(key=lambda route: -sum(not part.startswith("{") for part in route.segments))
        self._loose = {route.template: re.compile(_loosely(route.template), re.DOTALL) for route in self._routes}

    def find(self, method: str, path: str, raw: str | None) -> tuple[Route, dict[str, str]]:
        """The route and its path parameters. `raw` is the path before percent-decoding, where the server knows it.

        Raises: Refusal 404 when no route has the path, 405 when none has the verb.
        """
        allowed: list[str] = []
        template = None
        for route in self._routes:
            if template is not None and route.template != template:
                break
            ids = self._exactly(route, raw) if raw is not None else self._decoded(route, path)
            if ids is None:
                continue
            if route.method == method:
                return route, ids
            template = route.template
            allowed.append(route.method)
        raise method_not_allowed(allowed) if allowed else not_found("resource")

    def _exactly(self, route: Route, raw: str) -> dict[str, str] | None:
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

    def _decoded(self, route: Route, path: str) -> dict[str, str] | None:
        match = self._loose[route.template].fullmatch(path)
        return None if match is None else match.groupdict()


def _loosely(template: str) -> str:
    fixed = re.escape(template).replace(r"\{", "{").replace(r"\}", "}")
    return re.sub(r"\{(\w+)\}", r"(?P<\1>.+)", fixed)
