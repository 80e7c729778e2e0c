"""One value as a person types it, as its field has it. What can't be read stays as it was typed, for `check` to name."""

from __future__ import annotations

import json
import re
from typing import Any

from mirror.fields import moments
from mirror.fields.field import Field
from mirror.fields.keys import canonical, is_empty, key_of
from mirror.fields.words import letters

YES = frozenset({"yes", "y", "true", "1", "on"})
NO = frozenset({"no", "n", "false", "0", "off"})
PERSON = re.compile(r"\s*(?:\"(?P<quoted>[^\"]*)\"|(?P<name>[^<>\"]*?))\s*<(?P<address>[^<>]*)>\s*")
BETWEEN_PEOPLE = re.compile(r"[,;\n](?=(?:[^\"]*\"[^\"]*\")*[^\"]*$)")


def read(field: Field, written: str, before: Any, zone: str) -> Any:
    """The value that `written` means; what is left unsaid of an object stays as `before` has it."""
    if field.type in ("object", "map", "when", "list") and written.strip()[:1] in ("{", "["):
        try:
            return json.loads(written)
        except (ValueError, RecursionError):
            return written
    if field.type == "list":
        return entries(field, written, before, zone)
    if field.type == "object":
        return _object(field, written, before, zone)
    return _scalar(field, written, zone)


def entries(field: Field, written: str, before: Any, zone: str) -> list[Any]:
    """The entries that are typed with commas between them, each with what is known of it already."""
    assert field.entry is not None
    pieces = _pieces(field, written)
    known = {key_of(field, entry): entry for entry in before} if isinstance(before, list) else {}
    found: dict[str, Any] = {}
    for piece in pieces:
        fresh = read(field.entry, piece, None, zone)
        key = key_of(field, fresh)
        old = known.get(key)
        found.setdefault(key, fresh if old is None else read(field.entry, piece, old, zone))
    return list(found.values())


def means(field: Field, entry: Any, typed: Any) -> bool:
    """Whether an entry of a list is the one that was typed: by its key, or by its main part."""
    assert field.entry is not None
    if key_of(field, entry) == key_of(field, typed):
        return True
    main = field.entry.main and field.entry.part(field.entry.main)
    if not main or not isinstance(entry, dict) or not isinstance(typed, dict) or len(typed) > 1:
        return False
    said = canonical(main, typed.get(main.name))
    return bool(said) and said == canonical(main, entry.get(main.name))


def yes_or_no(written: str) -> bool | None:
    word = written.strip().lower()
    return True if word in YES else False if word in NO else None


def _pieces(field: Field, written: str) -> list[str]:
    entry = field.entry
    if entry is not None and entry.type == "object" and len(field.keys) > 1 and "street" in field.keys:
        return [written]  # a postal address has commas of its own
    found = BETWEEN_PEOPLE.split(written) if written.count('"') % 2 == 0 else re.split(r"[,;\n]", written)
    return [piece.strip() for piece in found if piece.strip()]


def _object(field: Field, written: str, before: Any, zone: str) -> Any:
    main = field.part(field.main) if field.main else None
    if main is None:
        return written
    kept = dict(before) if isinstance(before, dict) else {}
    if main.type == "address" and (person := PERSON.fullmatch(written)):
        name = person["quoted"] if person["quoted"] is not None else person["name"]
        return {**kept, **({"name": name} if name else {}), main.name: person["address"].strip()}
    if main.type == "address" and field.unit and canonical(main, kept.get(main.name)) != canonical(main, written):
        kept = {}  # another address is another person: the name does not stay
    found = read(main, written, kept.get(main.name), zone)
    return {**kept, main.name: found} if not is_empty(found) else kept


def _scalar(field: Field, written: str, zone: str) -> Any:
    word = written if field.lines else written.strip()
    if field.type == "boolean":
        found = yes_or_no(word)
        return word if found is None else found
    if field.type == "number":
        return int(word) if re.fullmatch(r"[+-]?[0-9]{1,18}", word) else word
    if field.type == "enum":
        return next((value for value in field.values if letters(value) == letters(word)), word)
    if field.type == "zone":
        return next((name for name in moments.zones() if name.lower() == word.lower()), word)
    if field.type == "moment":
        # A task's day is a day and not a moment: upstream has it as midnight UTC, so that no zone makes it another day.
        return f"{word}T00:00:00Z" if moments.day(word) else moments.typed(word, zone) or word
    return word
