"""Ids of records as they are typed: a number below zero, of what is to be created, is an id and not an option. Parses only."""

from __future__ import annotations

import re

import click

BELOW_ZERO = re.compile(r"-(\d+(?:@\d+)?)")
MINUS = "\N{MINUS SIGN}"


class RecordCommand(click.Command):
    """A command whose arguments may be such ids."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        return super().parse_args(
            ctx, [f"{MINUS}{found[1]}" if (found := BELOW_ZERO.fullmatch(arg)) else arg for arg in args]
        )


class RecordId(click.ParamType[str]):
    """An id of the mirror's or of upstream's, with a hyphen before what is below zero."""

    name = "record"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> str:  # noqa: ARG002
        written = str(value)
        return f"-{written[1:]}" if written[:1] == MINUS and written[1:2].isdecimal() else written


RECORD = RecordId()
