"""What every command needs first: the home folder, its store, and an account's source."""

from __future__ import annotations

import errno
import os
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path
from typing import Any, NoReturn

import click
import platformdirs

from mirror.clock import Clock, SystemClock
from mirror.errors import HomeUnusable, Usage
from mirror.store.connection import BUSY_S, Store, open_store, translated
from mirror.store.journal import Account

RETRY_BUDGET_S = 300.0
_RATES = threading.Lock()


def home_of(ctx: click.Context) -> Path:
    """`--home`, else `$MIRROR_HOME`, else the platform's data folder."""
    chosen: Path | None = ctx.find_root().obj
    return chosen or platformdirs.user_data_path("mirror", appauthor=False)


def store_of(ctx: click.Context, *, create: bool = False, clock: SystemClock | None = None) -> Store:
    """The home's store. Raises: Usage when there is none and none is to be made; HomeUnusable and the like."""
    store = opened(home_of(ctx), clock or system_clock(), create=create)
    ctx.call_on_close(store.close)
    return store


def opened(home: Path, clock: SystemClock, *, create: bool = True) -> Store:
    """The store of a home, with the person's own patience for other programs. Raises: as `open_store`."""
    return open_store(home, clock, create=create, busy_s=_seconds("MIRROR_BUSY_S", BUSY_S))


def system_clock() -> SystemClock:
    """The machine's clock. Raises: Usage."""
    try:
        return SystemClock()
    except (ValueError, OverflowError):
        raise Usage("MIRROR_NOW_OFFSET_S is not a number of seconds") from None


@contextmanager
def guarded(home: Path) -> Iterator[None]:
    """What the system and SQLite refuse, as errors that have a sentence. Raises: HomeUnusable, DatabaseBusy and the like."""
    with translated(home / "mirror.db"):
        try:
            yield
        except OSError as error:
            if error.errno == errno.EPIPE:
                raise  # whoever read the output has gone: click ends quietly on it
            raise HomeUnusable(str(error.filename or home), error.strerror or str(error)) from error


def source_for(
    home: Path, account: Account, clock: Clock, *, budget_s: float | None = None, most_bytes: int | None = None
) -> Any:
    """The account's source, signed in. `budget_s`: its patience, where it is not the person's own; `most_bytes`: what it may
    read ahead.

    Raises: Usage, SignInAgain when its credentials are missing.
    """
    from mirror import credentials
    from mirror.feed import Settings
    from mirror.sources.ahead import MOST_BYTES, Ahead
    from mirror.sources.aurinko import Aurinko

    if account.source != "aurinko":
        raise Usage(
            f"“{account.name}” comes from “{account.source}”, which this mirror does not speak; it speaks: aurinko"
        )
    secret = credentials.load(home, account.name)
    settings = Settings(account.since, account.attachments_up_to_bytes)
    source = Aurinko(
        account.base_url,
        secret,
        clock=clock,
        settings=settings,
        budget_s=retry_budget_s() if budget_s is None else budget_s,
        rates=_shared_rates().of_another(clock),
    )
    return Ahead(source, clock, most_bytes=most_bytes or MOST_BYTES)


def _shared_rates() -> Any:
    """The budgets of this process. Asked for by several threads at once, which must not make several of them."""
    with _RATES:
        return _rates()


@lru_cache(maxsize=1)
def _rates() -> Any:
    from mirror.sources.rate import rates

    return rates(SystemClock())


def retry_budget_s() -> float:
    """The seconds that one pass over one feed may spend waiting. Raises: Usage."""
    return _seconds("MIRROR_RETRY_BUDGET_S", RETRY_BUDGET_S)


def _seconds(variable: str, default: float) -> float:
    written = os.environ.get(variable, "")
    try:
        return max(0.0, float(written)) if written else default
    except ValueError:
        raise Usage(f"{variable} is “{written}”, which is not a number of seconds") from None


def leave(code: int) -> NoReturn:
    """End with an exit code, after everything has been printed."""
    sys.stdout.flush()
    raise click.exceptions.Exit(code)
