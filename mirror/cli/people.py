"""`mirror people`: everybody one has to do with, each once, and what to do when the contact cards have it wrong."""

from __future__ import annotations

import json
from typing import Any

import click

from mirror.cli.opening import leave, store_of
from mirror.cli.words import plain
from mirror.moments import ago
from mirror.store import people as store_people

MOST = 50


class People(click.Group):
    """`mirror people WORDS` is `mirror people list WORDS`."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        if not (args and (args[0] in self.commands or args[0] in ctx.help_option_names)):
            args = ["list", *args]
        return super().parse_args(ctx, args)


@click.group(cls=People)
def people() -> None:
    """Everybody you have written to, heard from or met: `mirror people [WORDS]`. One person is one line, whatever the address.

    Addresses on one contact card are one person's. Where that is wrong, say so: same, apart, name; forget takes it back.
    """


@people.command("list")
@click.argument("words", nargs=-1)
@click.option("--limit", type=click.IntRange(1), default=MOST, show_default=True, help="At most so many.")
@click.option("--json", "as_json", is_flag=True, help="One JSON document, with every column of the view `people`.")
@click.pass_context
def list_people(ctx: click.Context, words: tuple[str, ...], limit: int, as_json: bool) -> None:
    """Those whose name or addresses have all the words, the latest mail first. Without words: everybody."""
    store = store_of(ctx)
    found = store_people.listed(store, " ".join(words), limit)
    if as_json:
        click.echo(json.dumps(found, indent=2, ensure_ascii=False))
        leave(0)
    if not found:
        asked = (
            f"nobody with mail or meetings has “{plain(' '.join(words))}”"
            if words
            else "nobody yet: bring mail in with: mirror sync"
        )
        click.echo(asked + ("; contact cards are found with: mirror search WORDS --kind contacts" if words else ""))
        leave(0)
    now = store.clock.now()
    for one in found:
        click.echo(click.style(plain(one["name"] or one["email"]), bold=True) + f"  {plain(one['emails'])}")
        last = f"latest {ago(one['last_at'], now)}, {one['last_at'][:10]}" if one["last_at"] else "no mail"
        click.echo(f"    {_figures(one)} · {last}")
    if len(found) == limit:
        click.echo(f"These are the first {limit}; all of them with --limit, some with words.", err=True)


@people.command()
@click.argument("email", metavar="A")
@click.argument("others", metavar="B…", nargs=-1, required=True)
@click.pass_context
def same(ctx: click.Context, email: str, others: tuple[str, ...]) -> None:
    """Say that the addresses A, B … are one person's."""
    together = store_people.same(store_of(ctx), [email, *others])
    click.echo(f"One person from now on: {plain(', '.join(together))}.")


@people.command()
@click.argument("email", metavar="A")
@click.pass_context
def apart(ctx: click.Context, email: str) -> None:
    """Say that the address A is nobody's but its own, whatever the contact cards say."""
    others = store_people.apart(store_of(ctx), email)
    click.echo(
        f"{plain(store_people.normal(email))} is a person of its own from now on, apart from {plain(', '.join(others))}."
    )


@people.command()
@click.argument("email", metavar="A")
@click.argument("called", metavar="NAME")
@click.pass_context
def name(ctx: click.Context, email: str, called: str) -> None:
    """Say what the person with the address A is called. An empty NAME: as cards and mails say."""
    together = store_people.name(store_of(ctx), email, called)
    who = plain(", ".join(together))
    click.echo(f"{who}: called {plain(' '.join(called.split()))} from now on." if called.strip()
               else f"{who}: called as cards and mails say.")  # fmt: skip


@people.command()
@click.argument("email", metavar="A")
@click.pass_context
def forget(ctx: click.Context, email: str) -> None:
    """Take back all that was said about the person with the address A; the contact cards decide again."""
    count = store_people.forget(store_of(ctx), email)
    click.echo(f"Forgotten: {count} thing{'' if count == 1 else 's'} said by hand. The contact cards decide again.")


def _figures(one: dict[str, Any]) -> str:
    counted = (
        (one["mails_received"], "mail", "from them"),
        (one["mails_sent"], "mail", "to them"),
        (one["meetings"], "meeting", ""),
    )
    return " · ".join(f"{count:,} {what}{'' if count == 1 else 's'} {which}".strip() for count, what, which in counted)
