"""Errors as sentences: what happened, to whom, and the command that helps. And their exit codes."""

from __future__ import annotations

import re

from mirror import errors

DONE, FAILED, USAGE, PERSON = 0, 1, 2, 3
AURINKO_URL = "https://api.aurinko.io"

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
    if isinstance(error, (errors.SignInAgain, errors.WrongMailbox, errors.NotSignedIn)):
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
            if error.code == "app.missing":
                return _of_the_app(errors.NotSignedIn("app_locked", error.detail), name)
            why = _WHY_REFUSED.get(error.code or "", "the server does not accept the token (401)")
            return f"{why}. {_sign_in_again(name)}"
        case errors.WrongMailbox():
            return (
                f"the token answers for another mailbox ({error.email or error.answered}) than this account is for"
                f" ({error.pinned}). Nothing was applied. {_sign_in_again(name)}"
            )
        case errors.NotSignedIn():
            if error.reason.startswith("app_"):
                return _of_the_app(error, name)
            return start_again(error, f"mirror account login {name} --reauth")
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


def _sign_in_again(name: str) -> str:
    return (
        f"Sign in again with: mirror account login {name} --reauth"
        f" (or with a new token: mirror account login {name} --token-stdin)"
    )


def why_not_signed_in(error: errors.NotSignedIn) -> str:
    """What went wrong, as a clause."""
    match error.reason:
        case "denied" if error.detail.startswith("access_denied"):
            return f"the permission was not given ({error.detail})"
        case "denied" if error.detail.startswith(("account_mismatch", "email_mismatch")):
            return f"that is another mailbox than the one to sign in to again ({error.detail})"
        case "denied":
            return f"signing in did not work ({error.detail})"
        case "timed_out":
            return "nobody came back from signing in within five minutes"
        case "stranger":
            return "that address is not from this sign-in: its state is another one"
        case "no_code":
            return "that is neither a code nor the address that the browser came to in the end"
    return f"the code was not accepted ({error.detail}): it is good once, and not for long"


def start_again(error: errors.NotSignedIn, command: str) -> str:
    """What went wrong, and the command that begins anew."""
    said = f"{why_not_signed_in(error)}. Nothing was changed. Start again with: {command}"
    if error.reason == "timed_out":
        said += ". Did the page refuse the return URL? Register it in the portal (mirror app set names it)"
    return plain(said)


def at(base_url: str) -> str:
    """The option that a command needs for this base URL: none for Aurinko's own."""
    return "" if base_url in ("", AURINKO_URL) else f" --base-url {base_url}"


def _of_the_app(error: errors.NotSignedIn, name: str) -> str:
    setting = f"mirror app set --client-id ID --secret-stdin{at(error.detail)}"
    match error.reason:
        case "app_refused":
            return f"the server does not accept the application's id and secret (401). Set them anew: {setting}"
        case "app_locked":
            return (
                f"the secrets of the application for {error.detail} are gone, or the keyring that has them is locked."
                f" Unlock it, or set them anew: {setting}"
            )
    return (
        f"signing in goes through an application of your own at Aurinko, and none is set for {error.detail}. Register one in"
        f" its portal (https://app.aurinko.io), then say: {setting}. Have a token already? mirror account add {name}"
        f" --token-stdin{at(error.detail)}"
    )


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
