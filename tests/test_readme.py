"""The README says nothing that is not there: its commands, options, tables, files and promised tests all exist."""

from __future__ import annotations

import re
import sqlite3
from pathlib import Path

import click
import pytest

from mirror.cli import COMMANDS, cli
from mirror.store.connection import open_store

ROOT = Path(__file__).resolve().parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")
BLOCKS = [block for tongue, block in re.findall(r"^```(\w*)\n(.*?)^```$", README, re.S | re.M) if not tongue]
PROSE = re.sub(r"^```.*?^```", "", README, flags=re.S | re.M)
CODE = [
    *re.findall(r"`([^`\n]+)`", PROSE),
    *(line.partition("#")[0].strip() for block in BLOCKS for line in block.splitlines()),
]
TYPED = sorted({found for text in CODE for found in re.findall(r"\bmirror ((?:[a-z]+)(?: [^&|]*)?)", text)})
TESTS = "\n".join(path.read_text(encoding="utf-8") for path in (ROOT / "tests").glob("test_*.py"))


def _command(words: list[str]) -> click.Command | None:
    context = click.Context(cli)
    command: click.Command | None = cli
    for word in words:
        if not isinstance(command, click.Group):
            break
        found = command.get_command(context, word)
        if found is None:
            return None if command is cli or (word.isalpha() and word.islower()) else command
        command = found
    return command


@pytest.mark.parametrize("typed", TYPED)
def test_every_command_and_option_in_the_readme_exists(typed: str) -> None:
    words = typed.split()
    command = _command(words)
    assert command is not None, f"mirror {typed}"
    known = {name for parameter in [*command.params, *cli.params] for name in parameter.opts}
    used = {word for word in words if word.startswith("--")}
    assert used <= known


def test_the_readme_names_every_command() -> None:
    named = {typed.split()[0] for typed in TYPED}
    assert named >= set(COMMANDS)


@pytest.mark.parametrize("name", sorted(set(re.findall(r"`(test_\w+)`", README))))
def test_every_promise_has_the_test_that_it_names(name: str) -> None:
    assert f"def {name}(" in TESTS


def test_each_of_the_twelve_rules_names_a_test() -> None:
    rules = re.findall(r"^\| (\d+) \| .* \| (`test_.*) \|$", README, re.M)
    assert [int(number) for number, _ in rules] == list(range(1, 13))


def test_the_queries_in_the_readme_run(tmp_path: Path) -> None:
    store = open_store(tmp_path / "home")
    shell = re.findall(r'sqlite3 mirror.db "([^"]+)"', README)
    blocks = re.findall(r"```sql\n(.*?)```", README, re.S)
    statements = [*shell, *(part for block in blocks for part in block.split(";") if part.strip())]
    assert len(statements) >= 4
    try:
        for statement in statements:
            store.conn.execute(statement).fetchall()
    finally:
        store.close()


def test_the_tables_and_files_named_in_the_readme_exist(tmp_path: Path) -> None:
    store = open_store(tmp_path / "home")
    names = {row[0] for row in store.conn.execute("SELECT name FROM sqlite_master")}
    columns = {row[0] for row in store.conn.execute("SELECT name FROM pragma_table_info('contacts')")}
    store.close()
    kinds = {"contacts", "calendars", "events", "folders", "messages", "task_lists", "tasks"}
    named = set(re.findall(r"`([a-z_]+)`", PROSE)) - set(COMMANDS)
    words = {"raw", "deleted_at", "deletion", "reported", "absent", "omitted", "observed_at", "superseded_at", "all",
             "modified_at"}  # fmt: skip
    assert {name for name in named if not name.startswith("test_")} - words - names - columns <= {
        "mirror", "login", "list", "pause", "resume", "remove", "yesterday",
    }  # fmt: skip
    assert kinds <= named
    for file in re.findall(r"\]\(([\w./]+)\)", README):
        assert (ROOT / file).exists(), file
    for file in re.findall(r"`((?:mirror|tests)/[\w./]+)`", README):
        assert (ROOT / file).exists(), file


def test_the_two_commands_stand_in_the_readme_as_ci_runs_them() -> None:
    lines = README.splitlines()
    assert "pip install . && mirror demo" in lines
    assert "pip install '.[test]' && pytest" in lines


def test_sqlite_is_new_enough_here() -> None:
    assert sqlite3.sqlite_version_info >= (3, 37)
