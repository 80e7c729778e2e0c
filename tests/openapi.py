"""The vendor's OpenAPI file as JSON Schema: validators for its named schemas. It knows nothing of HTTP.

OpenAPI 3.0 has its own dialect: `nullable` becomes a second type, formats are checked, examples are dropped.
"""

from __future__ import annotations

from datetime import date, datetime
from functools import cache
from pathlib import Path
from typing import Any

import yaml
from jsonschema import Draft202012Validator, FormatChecker

API_FILE = Path(__file__).resolve().parents[1] / ".." / "shared" / "aurinko" / "openapi.yaml"

_FORMATS = FormatChecker(formats=())


@_FORMATS.checks("date-time", raises=ValueError)
def _is_moment(value: object) -> bool:
    return not isinstance(value, str) or datetime.fromisoformat(value).tzinfo is not None


@_FORMATS.checks("date", raises=ValueError)
def _is_day(value: object) -> bool:
    return not isinstance(value, str) or bool(date.fromisoformat(value))


@cache
def api() -> dict[str, Any]:
    """The whole file, read once."""
    # The C loader is ten times faster on 16,000 lines.
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    with API_FILE.open("rb") as file:
        document: dict[str, Any] = yaml.load(file, Loader=loader)
    return document


@cache
def schema_validator(name: str, *, closed: bool = False) -> Draft202012Validator:
    """A validator for `#/components/schemas/<name>`. A closed one also refuses fields that the schema does not name."""
    schemas = {key: _translated(schema, closed=closed) for key, schema in api()["components"]["schemas"].items()}
    root = {"$ref": f"#/components/schemas/{name}", "components": {"schemas": schemas}}
    return Draft202012Validator(root, format_checker=_FORMATS)


def _translated(node: Any, *, closed: bool) -> Any:
    if isinstance(node, list):
        return [_translated(item, closed=closed) for item in node]
    if not isinstance(node, dict):
        return node
    translated = {
        key: {name: _translated(schema, closed=closed) for name, schema in value.items()}
        if key == "properties"
        else _translated(value, closed=closed)
        for key, value in node.items()
        if key not in {"example", "nullable", "discriminator", "xml"}
    }
    if node.get("nullable") is True:
        if isinstance(translated.get("type"), str):
            translated["type"] = [translated["type"], "null"]
        if "enum" in translated:
            translated["enum"] = [*translated["enum"], None]
        if "$ref" in translated:
            translated = {"anyOf": [{"$ref": translated["$ref"]}, {"type": "null"}]}
    if closed and "properties" in node and "additionalProperties" not in node:
        translated["additionalProperties"] = False
    return translated
