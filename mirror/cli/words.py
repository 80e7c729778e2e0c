"""Errors as sentences: what happened, to whom, and the command that helps. And their exit codes."""

from __future__ import annotations

from mirror import errors

DONE, FAILED, USAGE, PERSON = 0, 1, 2, 3


def exit_code(error: BaseException) -> int:
    """0 done, 1 failed, 2 usage, 3 a person is needed."""
    if isinstance(error, errors.Usage):
        return USAGE
    if isinstance(error, (errors.SignInAgain, errors.WrongMailbox)):
        return PERSON
    return FAILED


def sentence(error: errors.MirrorError, account: str | None = None) -> str:
    """What to tell a person."""
    of = f"{account}: " if account else ""
    name = account or "NAME"
    match error:
        case errors.SignInAgain():
            why = {"token.dead": "the mailbox has withdrawn its permission", "token.refresh.failed": "the mailbox's sign-in "
                   "has run out"}.get(error.code or "", "the server does not accept the token")  # fmt: skip
            return f"{of}{why} (401). Sign in again with: mirror account login {name} --token-stdin"
        case errors.WrongMailbox():
            return (
                f"{of}the token answers for another mailbox ({error.email or error.answered}) than this account is for"
                f" ({error.pinned}). Nothing was applied. Give the right token: mirror account login {name} --token-stdin"
            )
        case errors.RetryLater():
            return f"{of}the server can't be reached or is in trouble ({error.detail}). What is stored stands; try again later"
        case errors.NotReady():
            return f"{of}upstream is still preparing this mailbox; the next sync goes on from here"
        case errors.NotPermitted():
            return (
                f"{of}upstream refuses this ({error.detail}). Grant it and sign in again: mirror account login {name}"
            )
        case errors.WrongAnswer():
            return f"{of}that is not an answer of Aurinko's API ({error.detail}). Check the URL: mirror account list"
        case errors.AccountBusy():
            return f"{of}another mirror is syncing this account right now; left to it"
        case errors.HomeUnusable():
            return (
                f"{error.path} can't be used: {error.reason}. Check its permissions, or name another folder with --home"
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
    return str(error)
