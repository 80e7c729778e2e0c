"""Errors as sentences: what happened, to whom, and the command that helps. And their exit codes."""

from __future__ import annotations

import re

from mirror import errors

DONE, FAILED, USAGE, PERSON = 0, 1, 2, 3

_WHY_REFUSED = {
    "token.dead": "the mailbox has withdrawn its permission (401)",
    "token.refresh.failed": "the mailbox's sign-in has run out (401)",
    "credentials.missing": "its credentials are gone, or the keyring that has them is locked",
}
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")


def exit_code(error: BaseException) -> int:
    """0 done, 1 failed, 2 usage, 3 a person is needed."""
    if isinstance(error, (errors.Usage, errors.Invalid)):
        return USAGE
    if isinstance(error, (errors.SignInAgain, errors.WrongMailbox)):
        return PERSON
    return FAILED


def plain(text: object) -> str:
    """What upstream wrote, without the control characters that could make a terminal do something."""
    return _CONTROL.sub("\ufffd", str(text))


def sentence(error: errors.MirrorError, account: str | None = None, url: str | None = None) -> str:
    """What to tell a person, in one line."""
    said = _of_upstream(error, account or "NAME", url or "the server") or _of_this_machine(error, account) or str(error)
    return plain(" ".join(f"{account}: {said}".split() if account else said.split()))


def sentence_of(described: str, account: str) -> str:
    """The same for an error of one feed, of which only what `pull.describe` made of it is left: its name and its values."""
    name, _, detail = described.partition(": ")
    match name:
        case "RetryLater":
            return plain(f"the server did not answer as it should ({detail}). What is stored stands; try again later")
        case "WrongAnswer":
            return plain(
                f"upstream's answer is not of the agreed form ({detail}). What is stored stands; try again later"
            )
        case "NotReady" | "NotPermitted" | "SignInAgain":
            error: errors.SourceError = getattr(errors, name)(detail)
            return plain(_of_upstream(error, account, "the server"))
    return plain(described)


def _of_upstream(error: errors.MirrorError, name: str, server: str) -> str:
    match error:
        case errors.SignInAgain():
            why = _WHY_REFUSED.get(error.code or "", "the server does not accept the token (401)")
            return f"{why}. Sign in again with: mirror account login {name} --token-stdin"
        case errors.WrongMailbox():
            return (
                f"the token answers for another mailbox ({error.email or error.answered}) than this account is for"
                f" ({error.pinned}). Nothing was applied. Give the right token: mirror account login {name} --token-stdin"
            )
        case errors.RetryLater():
            what = "can't be reached" if error.status is None else "is in trouble"
            return f"{server} {what} ({error.detail}). What is stored stands; try again later"
        case errors.NotReady():
            return "upstream is still preparing this mailbox; the next sync goes on from here"
        case errors.NotPermitted():
            return f"upstream refuses this ({error.detail}). Grant it and sign in again: mirror account login {name}"
        case errors.WrongAnswer():
            return f"that is not an answer of Aurinko's API ({error.detail}). Check the URL: mirror account list"
    return ""


def _of_this_machine(error: errors.MirrorError, account: str | None) -> str:
    match error:
        case errors.AccountBusy():
            what = "left to it" if account else "try again when it has finished"
            return f"another mirror is syncing this account right now; {what}"
        case errors.HomeUnusable():
            return (
                f"{error.path} can't be used: {error.reason}."
                " Check the disk and its permissions, or name another folder with --home"
            )
        case errors.HomeTooNew():
            return (
                f"{error.path} was written by a newer mirror (schema {error.found}; this one knows {error.known})."
                " Upgrade with: pip install --upgrade mirror"
            )
        case errors.DatabaseBusy():
            return "another program keeps the database locked. Close it, or wait, and try again; nothing was lost"
        case errors.DiskFull():
            return (
                "the disk is full. Make room and run the command again: it goes on where it stopped, nothing was lost"
            )
        case errors.DatabaseDamaged():
            return f"{error} is not a sound SQLite database. Leave it as it is, and put a backup in its place"
        case errors.PortInUse():
            return f"port {error.port} on {error.host} can't be used ({error.reason}). Choose another one with --port"
        case errors.UnreadableFile():
            return f"{error.path or 'the file'}: {error.reason}"
    return ""
