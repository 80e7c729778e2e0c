"""The home folder: who can read it, whose it is, what holds it, and what its `mirror.toml` says."""

from __future__ import annotations

import shlex
import shutil
import stat
from collections.abc import Iterator

from mirror import notify, settings
from mirror.doctor.line import Examination, Line, note, ok, wrong
from mirror.errors import AccountBusy, UnreadableFile

MINE = ("mirror.db", "mirror.db-wal", "mirror.db-shm", "blobs.db", "blobs.db-wal", "blobs.db-shm", "credentials.json")
"""What holds mail or secrets."""


def owner_alone(examination: Examination) -> Iterator[Line]:
    """Whether mail and secrets are readable by their owner alone, and are their owner's."""
    home = examination.home
    if not home.is_dir():
        yield note("permissions", f"there is no {home} yet", "mirror account add NAME, or see: mirror demo")
        return
    well = True
    for path in (home, *(home / name for name in MINE)):
        if not path.exists():
            continue
        found = path.stat()
        right = 0o700 if path.is_dir() else 0o600
        if stat.S_IMODE(found.st_mode) & 0o077:
            mode = f"{stat.S_IMODE(found.st_mode):04o}"
            yield wrong("permissions", f"others can read {path} ({mode})", f"chmod {right:o} {shlex.quote(str(path))}")
            well = False
    strangers = [path for path in (home, *home.rglob("*")) if path.lstat().st_uid != examination.uid]
    if strangers:
        some = ", ".join(path.name for path in strangers[:3])
        yield wrong(
            "permissions",
            f"{len(strangers)} files are another user's ({some}): was mirror once run with sudo?",
            f'sudo chown -R "$USER" {shlex.quote(str(home))}',
        )
        well = False
    if well:
        yield ok("permissions", f"{home} is for its owner alone")


def locks(examination: Examination) -> Iterator[Line]:
    """Whether another process is at work. A lock of a dead one is no lock: the system takes it back."""
    if examination.store is None:
        return
    busy = []
    for account in examination.accounts:
        try:
            with examination.store.lease(account.id):
                pass
        except AccountBusy:
            busy.append(account.name)
    try:
        with examination.store.alone("telling"):
            pass
    except AccountBusy:
        busy.append("notifications")
    if busy:
        yield note(
            "locks", f"another mirror is at work on {', '.join(busy)} right now", "nothing, unless it never ends"
        )
    else:
        yield ok("locks", "nobody holds one")


def settings_file(examination: Examination) -> Iterator[Line]:
    """Whether `mirror.toml` says something that can be done."""
    path = examination.home / settings.NAME
    try:
        found = settings.read(examination.home)
    except UnreadableFile as error:
        yield wrong(settings.NAME, error.reason, f"correct {path}")
        return
    asked = found.notify
    if asked.exec and shutil.which(asked.exec[0]) is None:
        yield wrong(settings.NAME, f"exec: there is no command {asked.exec[0]}", f"correct {path}")
    elif asked.desktop and notify.desktop_program() is None:
        yield wrong(
            settings.NAME, "desktop: nothing here shows notes (notify-send)", "install libnotify-bin, or take it out"
        )
    elif not path.exists():
        yield ok(settings.NAME, "there is none; nobody is told of anything but by mirror status")
    else:
        hooks = [name for name in ("exec", "ping_url", "desktop") if getattr(asked, name)]
        yield ok(settings.NAME, f"tells by {', '.join(hooks)}" if hooks else "tells nobody of anything")
