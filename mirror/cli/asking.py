"""What a person is asked about an account, and how a secret is handed over: never on the command line, where others can
read it."""

from __future__ import annotations

import os
import re
import sys
from datetime import date
from pathlib import Path
from urllib.parse import urlsplit

import click

from mirror import credentials
from mirror.cli.opening import system_clock
from mirror.errors import Usage
from mirror.sources.http import api_root


def credential_options(command: click.decorators.FC) -> click.decorators.FC:
    """The ways to hand over an account's own credentials; `secret_from` reads them."""
    for option in reversed((
        click.option("--token-stdin", is_flag=True, help="Read the account's access token from standard input."),
        click.option("--token-env", metavar="VAR", help="Read it from this environment variable."),
        click.option("--client-id", metavar="ID", help="Instead of a token: your application's id ..."),
        click.option("--client-secret-env", metavar="VAR", help="... the variable that holds its secret ..."),
        click.option("--account-id", metavar="N", help="... and the mailbox it acts for."),
    )):  # fmt: skip
        command = option(command)
    return command


def reach_options(command: click.decorators.FC) -> click.decorators.FC:
    """How far back, and which attachments; `since_date` and `megabytes` read them."""
    for option in reversed((
        click.option("--since", metavar="DATE", help="How far back mail and events are asked for (YYYY-MM-DD, or “all”). "
                     "Default: all mail, one year of events."),
        click.option("--attachments", default="10", show_default=True, metavar="MB|all|none",
                     help="Keep the bytes of attachments up to this size."),
    )):  # fmt: skip
        command = option(command)
    return command


def account_name(written: str) -> str:
    """Raises: Usage, when it can't be an account's name."""
    if not re.fullmatch(r"[^\s/\\\x00-\x1f]{1,64}", written):
        raise Usage("an account's name is one word of up to 64 characters, without slashes")
    return written


def free_name(home: Path, written: str) -> str:
    """The same, when it is not that of a service account either. Raises: Usage."""
    if written in credentials.services(home):
        raise Usage(f"“{written}” is a service account; add its mailboxes with: mirror account add-all {written}")
    return written


def secret_from(token_stdin: bool, token_env: str | None, client_id: str | None, client_secret_env: str | None,
                account_id: str | None) -> credentials.Secret:  # fmt: skip
    """The credentials that these options hand over. Raises: Usage."""
    if client_id or client_secret_env or account_id:
        if not (client_id and client_secret_env and account_id) or token_stdin or token_env:
            raise Usage("give either a token, or all of --client-id, --client-secret-env and --account-id")
        if not account_id.isascii() or not account_id.isdecimal():
            raise Usage(f"“{account_id}” is no mailbox: --account-id is a number")
        return {
            "client_id": one_word(client_id, "application's id"),
            "client_secret": one_word(variable(client_secret_env), "application's secret"),
            "account_id": account_id,
        }
    if token_stdin == bool(token_env):
        raise Usage("hand the account's access token over with --token-stdin or with --token-env VAR (never on the command "
                    "line, where other programs can read it)")  # fmt: skip
    return {"token": one_word(variable(token_env) if token_env else typed("Access token"), "access token")}


def typed(what: str, *, optional: bool = False) -> str:
    """The next line of standard input; of a terminal, without showing it."""
    if sys.stdin is None:
        return ""
    if sys.stdin.isatty():
        default = "" if optional else None
        line: str = click.prompt(what, hide_input=True, err=True, default=default, show_default=False)
        return line.strip()
    try:
        return sys.stdin.readline().strip()
    except UnicodeDecodeError:
        return ""


def one_word(secret: str, what: str) -> str:
    """Raises: Usage, when it can't be one of these."""
    if not secret or not secret.isprintable() or not secret.isascii() or " " in secret:
        raise Usage(f"that is no {what}: it must be one line of printable characters without spaces")
    return secret


def variable(name: str) -> str:
    """What an environment variable holds. Raises: Usage, when it holds nothing."""
    value = os.environ.get(name, "").strip()
    if not value:
        raise Usage(f"the environment variable {name} is empty")
    return value


def check_url(base_url: str) -> None:
    """Raises: Usage."""
    try:
        parts = urlsplit(api_root(base_url))
        sound = parts.port != 0 and parts.hostname is not None and re.fullmatch(r"[\w.:%-]+", parts.hostname)
    except ValueError:
        sound = None
    if not sound:
        raise Usage(f"“{base_url}” is not a base URL; give one like https://api.aurinko.io")


def since_date(written: str | None) -> str | None:
    """The date that `--since` names. Raises: Usage."""
    if written is None:
        return None
    if written == "all":
        return "1980-01-01"
    try:
        since = date.fromisoformat(written)
    except ValueError:
        raise Usage(f"“{written}” is no date; write it like 2015-01-31, or say “all”") from None
    if since > system_clock().now().date():
        raise Usage(f"{since} is in the future; nothing would be mirrored")
    return since.isoformat()


def megabytes(written: str) -> int | None:
    """The bytes that `--attachments` means; None: all. Raises: Usage."""
    if written == "all":
        return None
    if written == "none":
        return 0
    try:
        size = float(written)
    except ValueError:
        size = -1.0
    if not 0 <= size < 1e9:
        raise Usage(f"“{written}” is no size; say how many MB, or “all”, or “none”")
    return int(size * 1_000_000)
