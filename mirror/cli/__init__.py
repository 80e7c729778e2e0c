"""The command line: each command parses, calls one function and prints. Nothing imports it.

Commands are imported when they are typed, so that `mirror --help` and `mirror status` start at once.
"""

from __future__ import annotations

import importlib
import io
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click

from mirror import __version__
from mirror.cli.words import exit_code, sentence
from mirror.errors import MirrorError, Stopped

STOPPED = 130  # by Ctrl-C, as shells count it

COMMANDS = {
    "demo": ("mirror.cli.demo", "See it live within a minute: a synthetic person's mailbox, no account, no network."),
    "account": ("mirror.cli.accounts", "Add, list, pause, resume and remove mailboxes."),
    "app": ("mirror.cli.app", "The application at Aurinko that you sign in with: set, show, forget."),
    "sync": ("mirror.cli.sync", "Bring the mirror up to date, once."),
    "run": ("mirror.cli.serving", "Keep the mirror up to date and serve its pages, until stopped."),
    "serve": ("mirror.cli.serving", "Serve the pages only."),
    "api": ("mirror.cli.api", "Serve the mirror's own API only: what upstream's API is, offline."),
    "token": ("mirror.cli.token", "Let programs use the mirror's own API: make, list and revoke tokens."),
    "webhook": ("mirror.cli.webhook", "What upstream tells at once (mirror run --webhook-url): list it, or end it."),
    "password": ("mirror.cli.password", "Set or remove the password of the pages."),
    "status": ("mirror.cli.status", "How every account and feed is doing."),
    "accept": ("mirror.cli.sync", "Release a feed that is held because too much would be deleted."),
    "new": ("mirror.cli.writing", "Create a record, from fields or from a .vcf, .ics or .eml file."),
    "edit": ("mirror.cli.writing", "Change a record, with field=value or in $EDITOR."),
    "delete": ("mirror.cli.writing", "Delete a record upstream; here it stays as a tombstone."),
    "respond": ("mirror.cli.writing", "Answer an invitation."),
    "send": ("mirror.cli.writing", "Send mail, a draft, or an answer."),
    "undelete": ("mirror.cli.undoing", "Bring a deleted record back."),
    "revert": ("mirror.cli.undoing", "Make a record what it was, or take back what a plan did."),
    "plan": ("mirror.cli.plans", "Many edits at once, by SQL: looked at before anything is done."),
    "apply": ("mirror.cli.plans", "Make the edits of a plan."),
    "outbox": ("mirror.cli.outbox", "What is on its way upstream, and what waits for a decision."),
    "push": ("mirror.cli.pushing", "Send what waits in the outbox; --dry-run prints the requests."),
    "search": ("mirror.cli.browse", "Find contacts, events, mail and tasks by their words."),
    "show": ("mirror.cli.browse", "One record, whole."),
    "people": ("mirror.cli.people", "Who is who: everybody you have to do with, by all their addresses."),
    "history": ("mirror.cli.history", "All versions of a record, and what each changed."),
    "doctor": ("mirror.cli.doctor", "Look the whole set-up over, and say what to do where something is wrong."),
    "service": ("mirror.cli.service", "Have mirror run started with your session, and again when it fails."),
    "verify": ("mirror.cli.keeping", "Look over the whole mirror; --repair what can be rebuilt."),
    "backup": ("mirror.cli.keeping", "A consistent copy in a folder, while everything goes on."),
    "retry": ("mirror.cli.keeping", "Ask again for the records that could not be stored."),
    "simulate": ("mirror.cli.simulate", "Put the promises to the test: seeded trouble, without any network."),
    "sandbox": ("mirror.cli.demo", "A local server that speaks Aurinko's API, to try things on."),
}


class Commands(click.Group):
    """Knows every command's name and line of help without importing it."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002  (click's signature)
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        if cmd_name not in COMMANDS:
            return None
        command: click.Command = getattr(importlib.import_module(COMMANDS[cmd_name][0]), cmd_name)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002
        with formatter.section("Commands"):
            formatter.write_dl([(name, line) for name, (_, line) in COMMANDS.items()])

    def invoke(self, ctx: click.Context) -> Any:
        from mirror.cli.opening import guarded, home_of

        with guarded(home_of(ctx)):
            return super().invoke(ctx)


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--home", type=click.Path(path_type=Path, file_okay=False), envvar="MIRROR_HOME", show_envvar=True,
              help="The folder with mirror.db. Default: the platform's data folder.")  # fmt: skip
@click.version_option(__version__, prog_name="mirror")
@click.pass_context
def cli(ctx: click.Context, home: Path | None) -> None:
    """Contacts, calendars, tasks and mail in one SQLite file: always current, never forgets, answers offline."""
    ctx.obj = home


def main(arguments: Sequence[str] | None = None) -> None:
    """The console script. A mistake of the user's is one sentence and an exit code, never a traceback."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")  # a subject in Japanese must not end a command on a Latin terminal
    try:
        code = cli.main(arguments, prog_name="mirror", standalone_mode=False)
    except click.exceptions.Abort:
        click.echo("Stopped. What was written stands.", err=True)
        code = STOPPED
    except click.ClickException as error:
        error.show()
        code = error.exit_code
    except Stopped:
        code = 0
    except MirrorError as error:
        click.echo(f"mirror: {sentence(error)}", err=True)
        code = exit_code(error)
    sys.exit(code if isinstance(code, int) else 0)
