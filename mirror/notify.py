"""Telling a person: each change of an account's health once, through the hooks of `mirror.toml`, whatever crashes meanwhile.

What is to be told is decided and on the disk before anybody is told, and crossed out hook by hook after. A crash in between
tells again: at least once, since a notice that comes twice costs a glance, and one that never comes, two weeks of mail. Both
have the same `notice`, for who wants to know. Between two runs of the process, nothing else is told twice.
"""

from __future__ import annotations

import json
import logging
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from mirror import health
from mirror.clock import Clock
from mirror.errors import AccountBusy, RetryLater, Stopped
from mirror.health import Health
from mirror.settings import Settings
from mirror.sources.ping import ping
from mirror.store import health as kept
from mirror.store.connection import Store
from mirror.store.health import Told

FIRST_PAUSE_S = 60.0
LONGEST_PAUSE_S = 3600.0
LOOK_S = 0.1

HANDED_ON = (
    "PATH", "HOME", "USER", "LOGNAME", "SHELL", "LANG", "LANGUAGE", "LC_ALL", "LC_CTYPE", "LC_MESSAGES", "TZ", "TMPDIR",
    "DISPLAY", "WAYLAND_DISPLAY", "XDG_RUNTIME_DIR", "XDG_CONFIG_HOME", "XDG_DATA_HOME", "DBUS_SESSION_BUS_ADDRESS",
)  # fmt: skip
"""Of the environment, what a hook gets to see. Not all of it: a token may have been handed over in it."""

log = logging.getLogger("mirror.notify")


@dataclass(frozen=True, slots=True)
class Notice:
    """One thing to tell. `state`: what has come about; `was`: what was told before; `all_healthy`: of the whole mirror."""

    notice: str
    account: str
    state: str
    was: str
    since: str
    what: str
    command: str | None
    home: str
    all_healthy: bool

    @property
    def document(self) -> dict[str, str | bool | None]:
        """For a program."""
        return {name: getattr(self, name) for name in self.__slots__}


Hook = Callable[[Notice], None]
"""Tells of it. Raises: RetryLater when that did not work, Stopped."""


@dataclass(slots=True)
class _Pause:
    """How long a hook that did not work is left alone."""

    failures: int = 0
    not_before: float = 0.0


@dataclass(slots=True)
class Watch:
    """Looks after the accounts' health, and tells of it: see `schedule.Watch`. `hooks`: by name."""

    settings: Settings
    clock: Clock
    hooks: Mapping[str, Hook]
    beat: Callable[[bool], None] | None = None  # a sign of life, every `ping_every_s`: whether all are healthy
    _pauses: dict[str, _Pause] = field(default_factory=dict)
    _next_beat: float = 0.0

    def look(self, store: Store, account_id: int) -> None:
        """See how an account stands, and decide whether that is to be told. Raises: DatabaseBusy and the like."""
        for facts in kept.facts(store.conn, self.clock.now(), account_id):
            judged = health.judge(facts, self.clock.now(), stale_after_s=self.settings.stale_after_s)
            self._decide(store, judged)

    def tell(self, store: Store) -> None:
        """Look at all accounts, and tell what is to be told. One process does that. Raises: Stopped; DatabaseBusy etc."""
        try:
            with store.alone("telling"):
                self._tell(store)
        except AccountBusy:
            return

    def _tell(self, store: Store) -> None:
        now = self.clock.now()
        judged = health.judge_all(kept.facts(store.conn, now), now, stale_after_s=self.settings.stale_after_s)
        rows = [self._decide(store, one) for one in judged]
        all_healthy = not any(health.told_of(row.told) and row.state != "paused" for row in rows)
        for one, row in zip(judged, rows, strict=True):
            for hook in row.untold:
                if hook not in self.hooks:
                    kept.was_told(store, row, hook)  # nobody waits for it any more
                elif self._tried(hook, notice_of(one, row, hook, store.home, all_healthy)):
                    kept.was_told(store, row, hook)
        self._beat(all_healthy)

    def _decide(self, store: Store, judged: Health) -> Told:
        """What is kept of an account now."""
        now = self.clock.now()

        def decided(before: Told | None) -> Told:
            return health.decided(before, judged, list(self.hooks), now, grace_s=self.settings.grace_s)

        row = kept.told(store.conn, judged.account_id)
        if row is None or decided(row) != row:
            with store.transaction() as conn:
                row = decided(kept.told(conn, judged.account_id))
                kept.keep(conn, row)
        return row

    def _tried(self, hook: str, notice: Notice) -> bool:
        pause = self._pauses.setdefault(hook, _Pause())
        if self.clock.monotonic() < pause.not_before:
            return False
        try:
            self.hooks[hook](notice)
        except RetryLater as error:
            pause.failures += 1
            wait_s = min(LONGEST_PAUSE_S, FIRST_PAUSE_S * 2.0 ** min(pause.failures - 1, 10))
            pause.not_before = self.clock.monotonic() + wait_s
            log.warning("notify.failed hook=%s error=%s again_s=%.0f", hook, error.detail, wait_s)
            return False
        self._pauses[hook] = _Pause()
        log.info("notify.told hook=%s account=%s state=%s", hook, notice.account, notice.state)
        return True

    def _beat(self, all_healthy: bool) -> None:
        every_s = self.settings.notify.ping_every_s
        if self.beat is None or every_s is None or self.clock.monotonic() < self._next_beat:
            return
        self._next_beat = self.clock.monotonic() + every_s
        try:
            self.beat(all_healthy)
        except RetryLater as error:  # the next one comes soon enough
            log.warning("notify.failed hook=ping_url error=%s", error.detail)


def notice_of(judged: Health, row: Told, hook: str, home: Path, all_healthy: bool) -> Notice:
    """What a hook is to be told of an account."""
    was = row.untold[hook]
    told = health.told_of(row.told)
    state = health.worst(told - health.told_of(was) or told)
    trouble = next((one for one in judged.troubles if one.state == state), None)
    what = trouble.what if trouble else f"{judged.account} is healthy again."
    since = row.seen.get(state) or row.told_at or row.since
    command = trouble.command if trouble else None
    number = f"{row.account_id}-{row.told_at}-{state}"
    return Notice(number, judged.account, state, was, since, what, command, str(home), all_healthy)


# --- the hooks --------------------------------------------------------------------------------------------------------


def watch(settings: Settings, clock: Clock, stopping: Callable[[], bool] = lambda: False) -> Watch:
    """Who tells through the hooks that the settings ask for, by the names of their keys."""
    asked = settings.notify
    hooks: dict[str, Hook] = {}
    beat = None
    if asked.exec:
        hooks["exec"] = lambda notice: run(asked.exec, notice, asked.timeout_s, stopping)
    if (url := asked.ping_url) is not None:
        beat = lambda healthy: ping(url, healthy=healthy, timeout_s=asked.timeout_s)  # noqa: E731
        hooks["ping_url"] = lambda notice: ping(url, healthy=notice.all_healthy, timeout_s=asked.timeout_s)
    if asked.desktop and desktop_program():
        hooks["desktop"] = lambda notice: run(_desktop_command(notice), notice, asked.timeout_s, stopping)
    return Watch(settings, clock, hooks, beat)


def desktop_program() -> str | None:
    """The program that shows a note on this desktop; None where there is none."""
    return shutil.which("osascript" if sys.platform == "darwin" else "notify-send")


def _desktop_command(notice: Notice) -> tuple[str, ...]:
    program = desktop_program() or "notify-send"
    title = f"mirror: {notice.account}"
    text = notice.what if notice.command is None else f"{notice.what} What helps: {notice.command}"
    if sys.platform == "darwin":
        script = "on run argv", "display notification (item 2 of argv) with title (item 1 of argv)", "end run"
        return (program, *(word for line in script for word in ("-e", line)), title, text)
    return (program, "--app-name=mirror", "--", title, text.replace("&", "&amp;").replace("<", "&lt;"))  # it is markup


def run(command: tuple[str, ...], notice: Notice, timeout_s: float, stopping: Callable[[], bool]) -> None:
    """Run a person's own command, with what there is to tell in its environment and, as JSON, on its standard input.

    Never through a shell. Raises: RetryLater when it can't be run, takes too long or ends with another code than 0; Stopped.
    """
    facts = {f"MIRROR_{name.upper()}": str(value) for name, value in notice.document.items() if value is not None}
    env = {name: value for name in HANDED_ON if (value := os.environ.get(name)) is not None} | facts
    env["MIRROR_ALL_HEALTHY"] = "1" if notice.all_healthy else "0"
    try:
        process = subprocess.Popen(  # noqa: S603  (the person's own command, word by word)
            command, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=env, cwd="/",
            start_new_session=True, close_fds=True,
        )  # fmt: skip
    except (OSError, ValueError) as error:
        raise RetryLater(f"can't be run: {getattr(error, 'strerror', None) or type(error).__name__}") from error
    try:
        code = _ended(process, json.dumps(notice.document).encode(), timeout_s, stopping)
    finally:
        _end(process)
    if code is None:
        raise RetryLater(f"took more than {timeout_s:g} s")
    if code != 0:
        raise RetryLater(f"ended with {code}")


def _ended(process: subprocess.Popen[bytes], said: bytes, timeout_s: float, stopping: Callable[[], bool]) -> int | None:
    """The code that a command ended with; None: it took too long. Raises: Stopped."""
    left_s, asked = timeout_s, False
    while True:
        try:
            process.communicate(None if asked else said, timeout=min(LOOK_S, left_s))
            return process.returncode
        except subprocess.TimeoutExpired:
            asked = True
            left_s -= LOOK_S
        if stopping():
            raise Stopped
        if left_s <= 0:
            return None


def _end(process: subprocess.Popen[bytes]) -> None:
    """Leave nothing behind that still runs, or holds a pipe."""
    if process.poll() is None:
        try:
            os.killpg(process.pid, signal.SIGKILL)
        except OSError:  # it has ended just now
            pass
    for pipe in (process.stdin, process.stdout, process.stderr):
        if pipe is not None:
            pipe.close()
    process.wait()
