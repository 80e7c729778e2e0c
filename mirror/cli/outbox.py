"""`mirror outbox`: what is on its way upstream, and what waits for a decision: shown, and decided. It sends nothing."""

from __future__ import annotations

import json
from typing import Any

import click

from mirror.cli.edits import told_of, wish
from mirror.cli.opening import leave, store_of
from mirror.cli.words import DONE, PERSON, plain
from mirror.errors import Invalid, Usage
from mirror.fields import Problem, check
from mirror.merge import Choice, Given, Overlap, resolve
from mirror.store import journal, plans
from mirror.store import outbox as edits
from mirror.store.connection import Store
from mirror.store.edits import NEEDS_A_PERSON, OPEN, Edit

VALUE_LENGTH = 120
DECISIONS = ("conflict", "rejected", "unsure")
WAITING = {
    "pending": "to be sent", "sending": "on the way", "sent": "sent", "unsure": "unsure", "conflict": "in conflict",
    "rejected": "refused", "settled": "done", "discarded": "taken back",
}  # fmt: skip
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
@click.option("--plan", type=int, metavar="N", help="The edits of this plan, one by one.")
@click.option("--json", "as_json", is_flag=True, help="One JSON document.")
@click.pass_context
def outbox(ctx: click.Context, everything: bool, plan: int | None, as_json: bool) -> None:
    """The edits that are not done yet, and what became of each. Show one with: mirror outbox show N"""
    if ctx.invoked_subcommand is not None:
        return
    store = store_of(ctx)
    if plan is not None:
        plans.plan(store, plan)
    states = (*OPEN, "rejected", *(("settled", "discarded") if everything or plan is not None else ()))
    found = edits.edits(store, states=states, plan_id=plan)
    if as_json:
        click.echo(json.dumps({"home": str(store.home), "edits": [document(store, one) for one in found]}, indent=2))
        leave(needs_a_person(found))
    for number, states_of in _by_plan(found if plan is None else []).items():
        _print_plan(store, number, states_of)
    for one in found:
        if plan is None and one.plan_id is not None and one.state not in DECISIONS:
            continue
        account = journal.account(store, one.account_id).name
        click.echo(f"{click.style(f'{one.id:>5}', fg=COLORS.get(one.state))}  {account}: {_after_number(store, one)}")
    if not found and plan is not None:
        click.echo(f"Plan {plan} has made no edits yet; make them with: mirror apply {plan}")
    elif not found:
        click.echo("Nothing waits. Make an edit with: mirror edit KIND ID field=value")
    leave(needs_a_person(found))


def _by_plan(found: list[Edit]) -> dict[int, dict[str, int]]:
    """How many edits of each plan are in which state."""
    counts: dict[int, dict[str, int]] = {}
    for one in found:
        if one.plan_id is not None:
            states = counts.setdefault(one.plan_id, {})
            states[one.state] = states.get(one.state, 0) + 1
    return counts


def _print_plan(store: Store, number: int, states: dict[str, int]) -> None:
    told = ", ".join(f"{many:,} {WAITING[state]}" for state, many in states.items())
    sql = plain(" ".join(plans.plan(store, number).sql.split()))
    click.echo(f"plan {number}: {told}; one by one with: mirror outbox --plan {number}")
    click.echo(f"       {sql if len(sql) <= VALUE_LENGTH else sql[: VALUE_LENGTH - 1] + '…'}")


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


def needs_a_person(found: list[Edit]) -> int:
    return PERSON if any(one.state in NEEDS_A_PERSON for one in found) else DONE


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
