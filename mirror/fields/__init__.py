"""What can be written upstream: the fields of each form, checked, typed by a person, and recognised as the same."""

from __future__ import annotations

from mirror.errors import Invalid, Problem
from mirror.fields.checking import check
from mirror.fields.field import Field
from mirror.fields.forms import FORMS
from mirror.fields.keys import canonical, is_empty, key_of, label_of
from mirror.fields.parsing import parse
from mirror.fields.sending import sendable

__all__ = [
    "FORMS", "Field", "Invalid", "Problem", "canonical", "check", "is_empty", "key_of", "label_of", "parse", "sendable",
]  # fmt: skip
