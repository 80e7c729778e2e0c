"""`mirror outbox` and `mirror push`: what is on its way upstream, what waits for a decision, and what would be sent."""

from __future__ import annotations

import json
from typing import Any

import click

from mirror.cli.edits import told_of, wish
from mirror.cli.opening import leave, source_for, store_of
from mirror.cli.sync import chosen_accounts
from mirror.cli.words import DONE, PERSON, exit_code, plain, sentence
from mirror.errors import AccountBusy, DatabaseDamaged, DiskFull, Invalid, MirrorError, Stopped, Usage
from mirror.feed import Request
from mirror.fields import Problem, check
from mirror.merge import Choice, Given, Overlap, resolve
from mirror.store import dispatch, journal
from mirror.store import outbox as edits
from mirror.store.connection import Store
from mirror.store.outbox import Edit

VALUE_LENGTH = 120
COLORS = {
    "conflict": "red",
    "rejected": "red",
    "unsure": "yellow",
    "pending": "cyan",
    "sent": "green",
    "settled": "green",
}


@click.group(invoke_without_command=True)
@click.option("--all", "everything", is_flag=True, help="Also what is done, and what was taken back.")
@click.option("--json", "as_json", is_flag=True, help="One JSON document.")
@click.pass_context
def outbox(ctx: click.Context, everything: bool, as_json: bool) -> None:
    """The edits that are not done yet, and what became of each. Show one with: mirror outbox show N"""
    if ctx.invoked_subcommand is not None:
        return
    store = store_of(ctx)
    states = (*edits.OPEN, "rejected", *(("settled", "discarded") if everything else ()))
    found = edits.edits(store, states=states)
    if as_json:
        click.echo(json.dumps({"home": str(store.home), "edits": [document(store, one) for one in found]}, indent=2))
        leave(_needs_a_person(found))
    for one in found:
        account = journal.account(store, one.account_id).name
        click.echo(f"{click.style(f'{one.id:>5}', fg=COLORS.get(one.state))}  {account}: {_after_number(store, one)}")
    if not found:
        click.echo("Nothing waits. Make an edit with: mirror edit KIND ID field=value")
    leave(_needs_a_person(found))


def document(store: Store, one: Edit) -> dict[str, Any]:
    """An edit as `--json` prints it."""
    return {
        "id": one.id, "account": journal.account(store, one.account_id).name, "kind": one.kind, "record_id": one.record_id,
        "verb": one.verb, "state": one.state, "title": edits.title(store, one), "patch": one.patch, "options": one.options,
        "created_at": one.created_at, "sent_at": one.sent_at, "settled_at": one.settled_at, "attempts": one.attempts,
        "taken": one.taken, "error": one.error, "plan": one.plan_id,
        "overlaps": [_overlap(overlap) for overlap in overlaps_of(one)],
    }  # fmt: skip


def _overlap(one: Overlap) -> dict[str, Any]:
    return {"path": one.path, "base": one.base, "mine": one.mine, "theirs": one.theirs}


def overlaps_of(one: Edit) -> tuple[Overlap, ...]:
    """What a person must decide of a conflict; of others nothing."""
    return edits.conflicts_of(one).overlaps if one.state == "conflict" and one.verb == "change" and one.theirs else ()


def _after_number(store: Store, one: Edit) -> str:
    return plain(told_of(store, one).partition(": ")[2])


def _needs_a_person(found: list[Edit]) -> int:
    return PERSON if any(one.state in ("conflict", "rejected") for one in found) else DONE


@outbox.command()
@click.argument("number", type=int)
@click.option("--json", "as_json", is_flag=True, help="One JSON document.")
@click.pass_context
def show(ctx: click.Context, number: int, as_json: bool) -> None:
    """One edit: what it changes, and of a conflict both sides."""
    store = store_of(ctx)
    one = edits.edit(store, number)
    if as_json:
        click.echo(json.dumps(document(store, one), indent=2, ensure_ascii=False))
        leave(DONE)
    click.secho(plain(told_of(store, one)), bold=True)
    for name, value in one.patch.items():
        before = (one.base or {}).get(name)
        if one.base is not None and before is not None:
            click.echo(f"  - {name}: {_said(before)}")
        click.echo(f"  + {name}: {_said(value)}")
    for taken in one.taken or []:
        click.echo(f"  merged from upstream: {plain(taken)}")
    for overlap in overlaps_of(one):
        click.echo(f"  changed on both sides: {overlap.path}")
        for side, value in (("before", overlap.base), ("mine", overlap.mine), ("theirs", overlap.theirs)):
            click.echo(f"    {side:<7} {_said(value)}")
    if one.state == "conflict" and one.theirs is None:
        click.echo("  Upstream no longer has it. Create it anew with: --mine; let go of the edit with: --theirs")


def _said(value: Any) -> str:
    written = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    written = plain(" ".join(written.split()))
    return written if len(written) <= VALUE_LENGTH else written[: VALUE_LENGTH - 1] + "…"


@outbox.command()
@click.argument("number", type=int)
@click.pass_context
def discard(ctx: click.Context, number: int) -> None:
    """Take an edit back that is not upstream yet."""
    store = store_of(ctx)
    one = edits.edit(store, number)
    edits.discard(store, one)
    click.echo(plain(f"Taken back: {wish(store, one)}"))


@outbox.command()
@click.argument("number", type=int)
@click.pass_context
def retry(ctx: click.Context, number: int) -> None:
    """Send an edit again that was refused, or whose answer got lost (of a mail: look first whether it was sent)."""
    store = store_of(ctx)
    one = edits.edit(store, number)
    edits.retry(store, one)
    click.echo(plain(f"{told_of(store, edits.edit(store, number))}. Next: mirror push"))


@outbox.command(name="resolve")
@click.argument("number", type=int)
@click.argument("choices", nargs=-1, metavar="[PATH=mine|theirs]...")
@click.option("--mine", "side", flag_value="mine", help="What I wanted, wherever both sides changed the same.")
@click.option("--theirs", "side", flag_value="theirs", help="What upstream has, wherever both sides changed the same.")
@click.option("--edit", "by_hand", is_flag=True, help="Write the fields in question in $EDITOR.")
@click.pass_context
def resolve_command(ctx: click.Context, number: int, choices: tuple[str, ...], side: str | None, by_hand: bool) -> None:
    """Decide a conflict. What only one side changed is kept in any case."""
    store = store_of(ctx)
    one = edits.edit(store, number)
    if one.state != "conflict":
        raise Usage(f"edit {number} is {one.state}, not in conflict")
    chosen = _choices(one, choices, side)
    if by_hand:
        chosen |= _by_hand(one)
    if one.verb == "delete" or one.theirs is None:
        _all_or_nothing(store, one, side)
    else:
        patch = resolve(one.form, edits.conflicts_of(one), chosen)
        problems = check(one.form, patch, creating=False, current=one.theirs) if patch else []
        if problems:
            raise Invalid(problems)
        edits.resolve(store, one, patch)
    after = edits.edit(store, number)
    click.echo(plain(told_of(store, after)) + (". Next: mirror push" if after.state == "pending" else ""))


def _all_or_nothing(store: Store, one: Edit, side: str | None) -> None:
    """A deletion of what has changed, and a change of what is deleted: there is nothing to merge."""
    if side is None:
        raise Usage(f"say which: mirror outbox resolve {one.id} --mine, or --theirs")
    if side == "theirs":
        edits.discard(store, one)
    elif one.theirs is None and one.verb != "delete":
        edits.create_anew(store, one)
    else:
        edits.resolve(store, one, one.patch)


def _choices(one: Edit, written: tuple[str, ...], side: str | None) -> dict[str, Choice]:
    every: Choice | None = "mine" if side == "mine" else "theirs" if side == "theirs" else None
    found: dict[str, Choice] = {overlap.path: every for overlap in overlaps_of(one)} if every is not None else {}
    for choice in written:
        path, _, which = choice.rpartition("=")
        if which not in ("mine", "theirs") or not path:
            raise Usage(f"“{choice}” decides nothing; write it like notes=mine, or phoneNumbers[49301]=theirs")
        found[path] = "mine" if which == "mine" else "theirs"
    return found


def _by_hand(one: Edit) -> dict[str, Choice]:
    """Each overlap in the person's editor, one JSON value a line, with both sides above it."""
    overlaps = overlaps_of(one)
    lines = ["# Both sides changed these. Leave after each path the value that shall be, as JSON.", ""]
    for overlap in overlaps:
        lines += [f"# before: {_said(overlap.base)}", f"# theirs: {_said(overlap.theirs)}"]
        lines += [f"{overlap.path} = {json.dumps(overlap.mine, ensure_ascii=False)}", ""]
    written = click.edit("\n".join(lines), extension=".txt")
    if written is None:
        raise Usage("nothing was saved in the editor; the conflict stays as it is")
    found: dict[str, Choice] = {}
    problems = []
    for line in written.splitlines():
        if not line.strip() or line.startswith("#"):
            continue
        path, _, value = line.partition(" = ")
        try:
            found[path.strip()] = Given(json.loads(value))
        except ValueError:
            problems.append(Problem(path.strip(), f"“{_said(value)}” is no JSON value"))
    if problems:
        raise Invalid(problems)
    return found


@click.command()
@click.argument("names", nargs=-1, metavar="[NAME]...")
@click.option("--dry-run", is_flag=True, help="Print the requests that would be sent, and send nothing.")
@click.option("--json", "as_json", is_flag=True, help="One JSON document.")
@click.pass_context
def push(ctx: click.Context, names: tuple[str, ...], dry_run: bool, as_json: bool) -> None:
    """Send what waits in the outbox, of all accounts or the named ones. The next sync shows it."""
    store = store_of(ctx)
    told: list[dict[str, Any]] = []
    worst = DONE
    for account in chosen_accounts(store, names):
        if not account.writable and edits.edits(store, account_id=account.id):
            click.echo(
                f"{account.name} is read-only; send its edits after: mirror account writable {account.name} on",
                err=True,
            )
            continue
        if not account.writable:
            continue
        try:
            (_dry if dry_run else _push)(store, account, told, quiet=as_json)
        except (Stopped, DatabaseDamaged, DiskFull):
            raise
        except AccountBusy as busy:
            click.echo(f"mirror: {sentence(busy, account.name)}", err=True)
        except MirrorError as error:
            click.echo(f"mirror: {sentence(error, account.name, account.base_url)}", err=True)
            worst = max(worst, exit_code(error))
    if as_json:
        click.echo(json.dumps({"home": str(store.home), "edits": told}, indent=2, ensure_ascii=False))
    elif not told:
        click.echo("Nothing to send.")
    left = edits.edits(store, states=("conflict", "rejected"))
    leave(max(worst, _needs_a_person(left)))


def _push(store: Store, account: journal.Account, told: list[dict[str, Any]], *, quiet: bool) -> None:
    from mirror.push import push_account

    source = source_for(store.home, account, store.clock)
    try:
        for done in push_account(store, source, account):
            told.append(document(store, done.edit))
            if not quiet:
                click.echo(plain(f"{account.name}: {told_of(store, done.edit)}"))
    finally:
        source.close()


def _dry(store: Store, account: journal.Account, told: list[dict[str, Any]], *, quiet: bool) -> None:
    from mirror.push import planned

    source = source_for(store.home, account, store.clock)
    try:
        for one, request in planned(store, source, account):
            told.append({"id": one.id, "request": _request(request)})
            if not quiet:
                click.secho(plain(f"{account.name}: edit {one.id}: {wish(store, one)}"), bold=True)
                _print_request(request)
    finally:
        source.close()
    later = len(edits.edits(store, account_id=account.id)) - len(dispatch.due(store, account.id))
    if later > 0 and not quiet:
        click.echo(f"{account.name}: {later} more edits go after these, or wait for a decision.")


def _request(request: Request | str) -> Any:
    if isinstance(request, str):
        return request
    return {"method": request.method, "path": request.path, "params": request.params, "headers": request.headers,
            "body": request.body}  # fmt: skip


def _print_request(request: Request | str) -> None:
    if isinstance(request, str):
        click.echo(f"    not sent: {plain(request)}")
        return
    query = "&".join(f"{name}={value}" for name, value in request.params.items())
    click.echo(plain(f"    {request.method} {request.path}{'?' + query if query else ''}"))
    for name, value in request.headers.items():
        click.echo(plain(f"    {name}: {value}"))
    if request.body is not None:
        for line in json.dumps(request.body, indent=2, ensure_ascii=False).splitlines():
            click.echo(plain(f"    {line}"))
