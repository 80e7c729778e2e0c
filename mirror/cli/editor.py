"""The person's own editor: a record as TOML that reads well, and back. What was typed is never lost to a mistake.

Each field is a line, parts of a field are dotted (`name.givenName`), entries of a list are a line each. What is empty, or
taken out, is not set.
"""

from __future__ import annotations

import os
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, datetime, time
from pathlib import Path
from typing import Any, TypeVar

import click

from mirror.cli.toml_form import rendered
from mirror.cli.words import plain
from mirror.errors import Invalid, MirrorError, Problem, UnreadableFile, Usage
from mirror.fields import FORMS, Field, is_empty, parse
from mirror.fields.moments import instant, starts_at, zone_of
from mirror.fields.sending import without_own
from mirror.store.columns import array, mapping
from mirror.store.connection import Store

Fields = dict[str, Any]
Made = TypeVar("Made")

HIDDEN = frozenset({
    "photo", "nativeProperties", "tracking", "followUp", "xHeaders", "attachments", "previousId", "meetingInfo.response",
    "name.yomiGivenName", "name.yomiFamilyName", "company.yomiCompanyName",
})  # fmt: skip
"""What nobody types into a form; it stays as it is."""
TIMES = ("start", "end", "timezone")
HINTS = {
    "events": {
        "start": "2026-03-01 10:00; a day alone, like 2026-03-01, is the whole day",
        "end": "of whole days: the day after the last",
    },
    "tasks": {"due": "2026-03-01", "startDateTime": "2026-03-01"},
    "contacts": {"birthday": "1980-02-29"},
}
FORM_SUFFIX = ".toml"
HEAD = "# mirror: "


@dataclass(frozen=True, slots=True)
class Form:
    """What a person fills in. `current`: the record as it is, None when it is new; `facts`: what can only be read of it;
    `command`: what takes up again what was typed."""

    store: Store
    name: str
    current: Fields | None
    facts: list[str]
    command: str
    zone: str

    @property
    def kept(self) -> Path:
        """The file that what was typed goes into when there is no way on."""
        return self.store.home / f"kept-{self.command.replace(' ', '-')}{FORM_SUFFIX}"


def filled_in(form: Form, path: str, attempt: Callable[[Fields], Made]) -> Made:
    """What `attempt` makes of the patch that the person typed: in the editor, or in a file that was kept from there.

    A mistake opens the editor again, with what is wrong on top. Raises: Usage, UnreadableFile, and what `attempt` raises.
    """
    before = displayed(form.name, form.current, form.zone)
    if path:
        try:
            body = Path(path).read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise UnreadableFile(f"It can't be read: {error}.", path) from error
        return attempt(patch_of(form, before, body))
    text, typed = written(form, before), None
    while True:
        body = _without_head(_in_editor(form, text, typed))
        if not any(line.strip() and not line.lstrip().startswith("#") for line in body.splitlines()):
            raise Usage("the editor gave nothing back; nothing is changed")
        try:
            return attempt(patch_of(form, before, body))
        except Invalid as invalid:
            if body == typed:
                _keep(form, body)
                raise
            typed = body
            text = "".join(f"{HEAD}{plain(problem)}\n" for problem in invalid.problems)
            text += f"{HEAD}nothing was taken yet. Mend it and save; or empty the file to give up.\n{body}"
        except MirrorError:
            _keep(form, body)
            raise


def _in_editor(form: Form, text: str, typed: str | None) -> str:
    try:
        answer = click.edit(text, extension=FORM_SUFFIX)
    except click.ClickException:
        if typed is not None:
            _keep(form, typed)
        raise
    if answer is None and typed is not None:
        _keep(form, typed)
    if answer is None:
        raise Usage("nothing was saved in the editor; nothing is changed")
    return answer


def _keep(form: Form, body: str) -> None:
    descriptor = os.open(form.kept, os.O_CREAT | os.O_WRONLY | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(body)
    click.echo(
        f"What you typed is kept in {form.kept}. Mend it there, then: mirror {form.command} {form.kept}", err=True
    )


def _without_head(text: str) -> str:
    return "".join(line for line in text.splitlines(keepends=True) if not line.startswith(HEAD))


# --- as it is shown -----------------------------------------------------------------------------------------------------


def displayed(form: str, current: Mapping[str, Any] | None, zone: str) -> Fields:
    """The writable fields of a record as a person writes them: times by their zone's clock, no part that is upstream's own."""
    whole, record = FORMS[form], current or {}
    shown: Fields = {}
    for field in shown_fields(whole, creating=current is None):
        value = _pruned(without_own(field, record.get(field.name)))
        shown[field.name] = _without_hidden(field.name, value) if isinstance(value, dict) else value
    if form == "events":
        shown |= _times(record, zone)
        rules = (shown.get("recurrence") or {}).get("ical")
        shown["recurrence"] = {"ical": rules} if rules else shown.get("recurrence")
    for field in whole.fields:
        if field.type == "moment" and isinstance(shown.get(field.name), str):
            moment = instant(shown[field.name])
            midnight = moment is not None and (moment.hour, moment.minute, moment.second) == (0, 0, 0)
            shown[field.name] = shown[field.name][:10] if midnight else shown[field.name]
    return {name: value for name, value in shown.items() if not is_empty(value)}


def shown_fields(whole: Field, *, creating: bool) -> list[Field]:
    return [
        field for field in whole.fields if (field.create if creating else field.change) and field.name not in HIDDEN
    ]


def _without_hidden(name: str, value: Fields) -> Fields:
    return {part: inner for part, inner in value.items() if f"{name}.{part}" not in HIDDEN}


def _times(record: Mapping[str, Any], zone: str) -> Fields:
    start, found = record.get("start"), {}
    named = start.get("timezone") if isinstance(start, dict) else None
    own = named if isinstance(named, str) and zone_of(named) else zone
    for name in ("start", "end"):
        when = record.get(name)
        moment = starts_at(when)
        if moment is None or not isinstance(when, dict):
            continue
        if when.get("dateOnly"):
            found[name] = str(when["dateOnly"])[:10]
        else:
            found[name] = f"{moment.astimezone(zone_of(own)):%Y-%m-%d %H:%M}"
            found["timezone"] = own
    return found


def _pruned(value: Any) -> Any:
    """Without what is empty, with line breaks as TOML has them."""
    if isinstance(value, dict):
        return {name: kept for name, inner in value.items() if not is_empty(kept := _pruned(inner))}
    if isinstance(value, list):
        return [kept for inner in value if not is_empty(kept := _pruned(inner))]
    return value.replace("\r\n", "\n") if isinstance(value, str) else value


def written(form: Form, shown: Fields) -> str:
    """The form as TOML, with a head of what can only be read."""
    head = "".join(f"# {plain(' '.join(fact.split()))}\n" for fact in form.facts)
    fields = shown_fields(FORMS[form.name], creating=form.current is None)
    if form.name == "events":
        fields = [field for field in fields if field.name not in TIMES]
        place = [field.name for field in fields].index("location")
        fields[place:place] = [Field(name) for name in TIMES]
    lines = "".join(rendered(field, shown.get(field.name), HIDDEN, HINTS.get(form.name, {})) for field in fields)
    return f"{head}# What is empty or taken out is not set. Save and close when it is as it should be.\n\n{lines}"


def facts_of(raw: Fields) -> list[str]:
    """What can only be read of a record: since when it is, by whom, and who answered what."""
    facts = [
        f"{words} {raw[name]}"
        for name, words in (("createdTime", "created"), ("lastModifiedTime", "changed"), ("completed", "completed"))
        if raw.get(name)
    ]
    organizer = mapping(mapping(raw.get("organizer")).get("emailAddress"))
    if organizer:
        facts.append(f"organizer: {organizer.get('name') or ''} {organizer.get('address') or ''}")
    for one in map(mapping, array(mapping(raw.get("meetingInfo")).get("attendees"))):
        who = mapping(one.get("emailAddress"))
        if one.get("response"):
            facts.append(f"{who.get('name') or who.get('address')}: {one['response']}")
    return facts


# --- and back -----------------------------------------------------------------------------------------------------------


def patch_of(form: Form, before: Fields, body: str) -> Fields:
    """What was changed, as whole top-level fields, null where they are cleared. Raises: Invalid."""
    try:
        after = _pruned(_plain(tomllib.loads(body)))
    except tomllib.TOMLDecodeError as error:
        raise Invalid([Problem("", f"that is no TOML: {error}")]) from error
    names = [*after, *(name for name in before if name not in after)]
    changed = [name for name in names if after.get(name) != before.get(name)]
    typed = [name for name in changed if _is_typed(form.name, name, after.get(name))]
    if form.name == "events" and any(name in TIMES for name in typed):  # they are read together
        typed = [name for name in typed if name not in TIMES] + [name for name in TIMES if name in names]
    patch: Fields = {}
    if typed:
        patch |= parse(form.name, [f"{name}={after.get(name, '')}" for name in typed], form.current, zone=form.zone)
    for name in changed:
        if name not in typed:
            patch[name] = _with_hidden(name, after.get(name), form.current)
    return {name: value for name, value in patch.items() if value is not None or form.current is not None}


def _is_typed(form: str, name: str, value: Any) -> bool:
    """Whether a value is read as it is on the command line: times, and names that are not upstream's own."""
    field = FORMS[form].part(name)
    if form == "events" and name in TIMES:
        return not isinstance(value, dict)
    if field is None or field.type == "moment":
        return isinstance(value, (str, bool, int)) or value is None
    return False


def _with_hidden(name: str, value: Any, current: Mapping[str, Any] | None) -> Any:
    """With the parts that the form did not show."""
    was = (current or {}).get(name)
    if not isinstance(was, dict) or not (value is None or isinstance(value, dict)):
        return value
    kept = {part: inner for part, inner in was.items() if f"{name}.{part}" in HIDDEN and inner is not None}
    return {**kept, **(value or {})} or None


def _plain(value: Any) -> Any:
    """TOML's own dates and times as the text that they were written as."""
    if isinstance(value, dict):
        return {name: _plain(inner) for name, inner in value.items()}
    if isinstance(value, list):
        return [_plain(inner) for inner in value]
    if isinstance(value, datetime):
        return value.isoformat(sep=" ", timespec="minutes" if value.second == 0 else "auto")
    return value.isoformat() if isinstance(value, (date, time)) else value
