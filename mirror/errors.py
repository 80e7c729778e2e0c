"""The tree of errors, named after what the caller must do. They carry values; the CLI makes the sentences."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


class MirrorError(Exception):
    """Anything that mirror itself raises on purpose."""


# --- upstream: what a source tells pull -------------------------------------------------------------------------------


class SourceError(MirrorError):
    """Upstream did not give what was asked for."""

    def __init__(self, detail: str = "", *, status: int | None = None, code: str | None = None) -> None:
        super().__init__(detail)
        self.detail = detail
        self.status = status
        self.code = code


class RetryLater(SourceError):
    """Trouble that passes by itself (408, 429, 5xx, network): end the run, come back from the stored cursor.

    `after_s` is upstream's own wish (`Retry-After`), where it had one.
    """

    def __init__(
        self, detail: str = "", *, status: int | None = None, code: str | None = None, after_s: float | None = None
    ) -> None:
        super().__init__(detail, status=status, code=code)
        self.after_s = after_s


class NotReady(SourceError):
    """Upstream is still preparing this feed: end the run without an error, ask again later."""


class RestartFeed(SourceError):
    """The cursor has expired. `retry_with` is an older cursor that may still be good; None means list again."""

    def __init__(
        self,
        detail: str = "",
        *,
        retry_with: dict[str, object] | None = None,
        status: int | None = None,
        code: str | None = None,
    ) -> None:
        super().__init__(detail, status=status, code=code)
        self.retry_with = retry_with


class SignInAgain(SourceError):
    """The credentials are no longer accepted (401): no further request until a person has signed in again."""


class NotPermitted(SourceError):
    """Upstream refuses this one feed (403): leave it, go on with the others. `scope`: the one that was not granted."""

    def __init__(
        self, detail: str = "", *, status: int | None = None, code: str | None = None, scope: str | None = None
    ) -> None:
        super().__init__(detail, status=status, code=code)
        self.scope = scope


class WrongAnswer(SourceError):
    """An answer that is not of the agreed form: leave the cursor, end the run as failed."""


class RecordGone(SourceError):
    """This one record does not exist any more (404 or 410 on a record)."""


# --- upstream: what a source tells push -------------------------------------------------------------------------------


class Changed(SourceError):
    """The record is no longer what the edit was made on (412): read it again, merge, or ask a person."""


class Refused(SourceError):
    """Upstream will not do this, now or later: park the edit, say why."""


class Unsure(SourceError):
    """The answer never came: it may be done or not. Look before anything is sent again."""


class WrongMailbox(MirrorError):
    """The credentials answer for another mailbox than the account is pinned to: apply nothing, ask a person."""

    def __init__(self, pinned: str, answered: str, email: str | None = None) -> None:
        super().__init__(pinned, answered)
        self.pinned = pinned
        self.answered = answered
        self.email = email


class NotSignedIn(MirrorError):
    """Signing in came to nothing, and nothing was changed: say why; a person may start again.

    `reason`: denied, timed_out, stranger (a state that is not ours), no_code, code_refused, app_missing, app_locked,
    app_refused. `detail`: what upstream said, or the base URL of the application.
    """

    def __init__(self, reason: str, detail: str = "") -> None:
        super().__init__(reason, detail)
        self.reason = reason
        self.detail = detail


# --- this machine -----------------------------------------------------------------------------------------------------


class HomeUnusable(MirrorError):
    """The home folder or a file in it can't be used as it is: say why, change nothing."""

    def __init__(self, path: str, reason: str) -> None:
        super().__init__(path, reason)
        self.path = path
        self.reason = reason


class HomeTooNew(MirrorError):
    """A newer mirror wrote this home: refuse, so that nothing is lost."""

    def __init__(self, path: str, found: int, known: int) -> None:
        super().__init__(path, found, known)
        self.path = path
        self.found = found
        self.known = known


class DatabaseBusy(MirrorError):
    """Another program holds the write lock for too long: nothing was written, try again."""


class DiskFull(MirrorError):
    """No room for the write: the transaction was rolled back, go on after making room."""


class DatabaseDamaged(MirrorError):
    """SQLite says that the file is not a sound database: stop before making it worse."""


class AccountBusy(MirrorError):
    """Another process is pulling this account: say so, go on with the others."""


class PortInUse(MirrorError):
    """The address to serve on is taken or not allowed: choose another port."""

    def __init__(self, host: str, port: int, reason: str = "") -> None:
        super().__init__(host, port, reason)
        self.host = host
        self.port = port
        self.reason = reason


class Stopped(MirrorError):
    """The process was asked to end: unwind at once; what was committed stands."""


# --- what a person typed or handed over -------------------------------------------------------------------------------


class Usage(MirrorError):
    """What was asked for can't be meant: unknown account or kind, options that contradict each other."""


class Overtaken(Usage):
    """An edit is no longer as it was when it was read: a person or a pass was quicker. Look at it again."""


class UnreadableFile(MirrorError):
    """A file can't be converted. `reason` is a sentence that says what is wrong with it."""

    def __init__(self, reason: str, path: str | None = None) -> None:
        super().__init__(reason)
        self.reason = reason
        self.path = path


@dataclass(frozen=True, slots=True)
class Problem:
    """What is wrong with one field. `path` as in `emailAddresses[1].address`, empty for the whole; `sentence` follows it."""

    path: str
    sentence: str

    def __str__(self) -> str:
        return f"{self.path}: {self.sentence}" if self.path else self.sentence


class Invalid(MirrorError):
    """Fields that can't be written as they are: nothing was taken, each problem names its field."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        super().__init__("; ".join(map(str, problems)))
        self.problems = tuple(problems)
