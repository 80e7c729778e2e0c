"""The examples that load a mirror with dlt, run as they say themselves: they are for Aurinko, and only the base URL differs."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from local_served import Mailbox, new_token, served_mailbox
from mirror_cli import ROOT, Served

HOME, TODO = "ada@example.org", "todo"
MORE_THAN_A_PAGE = 110
SAYS = {path.name: path.read_text(encoding="utf-8").split('"""')[1] for path in (ROOT / "examples").glob("*.py")}


@pytest.fixture
def mailbox(served: Served, quick_path: Path) -> Iterator[Mailbox]:
    for library in ("dlt", "duckdb"):
        pytest.importorskip(library, reason=f"needs {library}, of the extra `bench`")
    with served_mailbox(served, quick_path / "home") as mailbox:
        for number in range(MORE_THAN_A_PAGE):
            mailbox.upstream.create("messages", {"subject": f"Circular {number}"}, body="<p>Buy!</p>")
        mailbox.sync()
        (token_new,) = {re.findall(r"mirror (token new .*?)  +#", says)[0] for says in SAYS.values()}
        mailbox.token = mailbox.cli(*shlex.split(token_new)).out.strip()
        yield mailbox


@pytest.fixture
def dlt(tmp_path: Path, mailbox: Mailbox) -> Dlt:
    return Dlt(tmp_path, mailbox)


class Dlt:
    """The examples, run as a person runs them, in a folder of their own."""

    def __init__(self, folder: Path, mailbox: Mailbox) -> None:
        self.folder, self.mailbox = folder, mailbox

    def run(self, example: str) -> str:
        base_url, access_token, script = re.findall(
            r"(\w+)=http://127.0.0.1:8801/v1 (\w+)=… python (.*)", SAYS[example]
        )[0]
        env = {
            **os.environ, base_url: f"{self.mailbox.url}/v1", access_token: self.mailbox.token,
            "DLT_DATA_DIR": str(self.folder / "dlt"), "RUNTIME__DLTHUB_TELEMETRY": "false", "NO_PROXY": "127.0.0.1",
        }  # fmt: skip
        ran = subprocess.run(
            [sys.executable, str(ROOT / script)], env=env, cwd=self.folder, capture_output=True, text=True, check=False,
            timeout=120,
        )  # fmt: skip
        assert ran.returncode == 0, ran.stdout + ran.stderr
        return ran.stdout

    def rows(self, database: str, sql: str) -> list[tuple[Any, ...]]:
        import duckdb

        conn = duckdb.connect(str(self.folder / database), read_only=True)
        try:
            return conn.execute(sql).fetchall()
        finally:
            conn.close()

    def ids(self, table: str) -> list[str]:
        return [one for (one,) in self.rows("mailbox.duckdb", f"SELECT id FROM mailbox_data.{table} ORDER BY id")]

    def loaded_last(self, table: str) -> list[str]:
        """The ids of what came with the last load that changed anything in this table."""
        last = f"SELECT max(_dlt_load_id) FROM mailbox_data.{table}"
        sql = f"SELECT id FROM mailbox_data.{table} WHERE _dlt_load_id = ({last}) ORDER BY id"
        return [one for (one,) in self.rows("mailbox.duckdb", sql)]

    def version(self, table: str, record_id: str, column: str) -> Any:
        return self.rows("mailbox.duckdb", f"SELECT {column} FROM mailbox_data.{table} WHERE id = '{record_id}'")[0][0]


def test_the_pipeline_of_dlts_documentation_loads_calendars_and_mail(dlt: Dlt, mailbox: Mailbox) -> None:
    ran = dlt.run("dlt_aurinko.py")

    assert "contains no failed jobs" in ran
    database = "aurinko_pipeline.duckdb"
    assert dlt.rows(database, "SELECT id, name FROM aurinko_data.calendars") == [(HOME, "Work")]
    mails = dlt.rows(database, "SELECT id FROM aurinko_data.email_messages ORDER BY id")
    assert [one for (one,) in mails] == sorted(mailbox.upstream.ids("messages"))


def test_the_fuller_pipeline_loads_everything_and_then_only_what_changed(dlt: Dlt, mailbox: Mailbox) -> None:
    upstream, state = mailbox.upstream, mailbox.upstream.state
    parents = {"contacts": None, "calendar_events": HOME, "email_messages": None, "tasks": TODO}
    kinds = {table: table.removeprefix("calendar_").removeprefix("email_") for table in parents}
    dlt.run("dlt_mailbox.py")
    for table, parent in parents.items():
        assert dlt.ids(table) == sorted(upstream.ids(kinds[table], parent)), table
    assert [dlt.ids(table) for table in ("calendars", "email_folders", "task_lists")] == [[HOME], ["INBOX"], [TODO]]

    titles = {"contacts": "nickName", "calendar_events": "subject", "email_messages": "subject", "tasks": "title"}
    changed: dict[str, str] = {}
    for table, parent in parents.items():
        changed[table], gone = upstream.ids(kinds[table], parent)[:2]
        state.change(upstream.account.id, kinds[table], changed[table], {titles[table]: "new"}, parent=parent)
        upstream.delete(kinds[table], gone, parent)
    added = {"contacts": [upstream.contact("Emmy Noether")["id"]]}
    mailbox.sync()
    dlt.run("dlt_mailbox.py")

    for table, parent in parents.items():
        column = {"nickName": "nick_name"}.get(titles[table], titles[table])
        assert dlt.ids(table) == sorted(upstream.ids(kinds[table], parent)), table
        assert dlt.version(table, changed[table], column) == "new"
        assert dlt.loaded_last(table) == sorted([changed[table], *added.get(table, [])]), "and nothing else"


def test_the_fuller_pipeline_begins_again_when_its_tokens_have_expired(dlt: Dlt, mailbox: Mailbox) -> None:
    dlt.run("dlt_mailbox.py")
    gone, *kept = mailbox.upstream.ids("contacts")
    mailbox.upstream.delete("contacts", gone)
    assert mailbox.cli("account", "remove", "work", "--purge", "--yes").code == 0
    mailbox.cli.add("work", mailbox.upstream)
    mailbox.sync()
    mailbox.token = new_token(mailbox.cli, "again")

    dlt.run("dlt_mailbox.py")

    assert dlt.ids("contacts") == sorted(kept)
