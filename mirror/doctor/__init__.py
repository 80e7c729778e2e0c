"""Looking the whole set-up over: each check says that something is well, or what to do about it. It changes nothing.

A new check is a function in one of these files, which yields lines, and its name in `CHECKS`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from mirror.doctor import home, machine, pages, upstream
from mirror.doctor.line import Check, Examination, Line, Verdict, wrong
from mirror.errors import MirrorError
from mirror.store.connection import translated

CHECKS: tuple[Check, ...] = (
    machine.clock,
    machine.time_zones,
    machine.sqlite,
    machine.one_sqlite,
    machine.disk,
    machine.file_system,
    home.owner_alone,
    home.locks,
    home.settings_file,
    upstream.secrets,
    upstream.applications,
    upstream.reachable,
    upstream.signed_in,
    pages.port,
    pages.datasette,
)


def examine(examination: Examination, checks: Sequence[Check] = CHECKS) -> Iterator[Line]:
    """All that the checks say, in their order. A check that can't be made says so, and keeps no other from being made."""
    for check in checks:
        try:
            with translated(examination.home / "mirror.db"):
                yield from check(examination)
        except (MirrorError, OSError) as error:
            why = getattr(error, "strerror", None) or str(error) or type(error).__name__
            yield wrong(check.__name__.replace("_", " "), f"could not be looked at: {why}")


__all__ = ["CHECKS", "Check", "Examination", "Line", "Verdict", "examine"]
