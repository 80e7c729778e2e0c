"""How the program starts and ends: help at once, one line per mistake, closed pipes, foreign terminals, Ctrl-C."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import click
import pytest
from mirror_cli import TOKEN, Cli, Upstream

import mirror
from mirror.cli import COMMANDS
from mirror.cli import cli as root
from mirror.sandbox.faults import Effect, Fault

HEAVY = ("httpx", "datasette", "flask", "rich.progress", "sqlite_utils", "apscheduler", "uvicorn", "keyring", "msgspec")

HELP = """
import sys
from mirror.cli import main
try:
    main(sys.argv[1:])
except SystemExit as over:
    print(over.code, [name for name in {heavy} if name in sys.modules], file=sys.stderr)
"""


@pytest.mark.parametrize("arguments", [["--help"], ["--version"], ["-h"], []])
def test_help_imports_nothing_heavy(arguments: list[str]) -> None:
    ran = subprocess.run(
        [sys.executable, "-c", HELP.format(heavy=HEAVY), *arguments],
        capture_output=True, text=True, timeout=20, check=False, cwd=Path(mirror.__file__).parents[1],
    )  # fmt: skip

    code, _, imported = ran.stderr.strip().splitlines()[-1].partition(" ")
    assert imported == "[]"
    assert code == ("0" if arguments else "2")


def test_help_names_every_command_and_every_command_has_help(cli: Cli) -> None:
    whole = cli("--help")

    assert whole.code == 0
    for name in COMMANDS:
        assert f"\n  {name} " in whole.out
        ran = cli(name, "--help")
        assert ran.code == 0, name
        assert ran.out.startswith(f"Usage: mirror {name}")
    assert not cli.home.exists()


def test_every_option_of_every_command_says_what_it_is_for() -> None:
    context = click.Context(root)
    silent = [
        f"{name} {option.opts[0]}"
        for name, command in commands(root, context, "mirror")
        for option in command.params
        if isinstance(option, click.Option) and not option.help and option.opts[0] not in OBVIOUS
    ]

    assert silent == []


OBVIOUS = {"--life-every", "--page-size", "--source", "--host"}


def commands(group: click.Group, context: click.Context, path: str) -> list[tuple[str, click.Command]]:
    found: list[tuple[str, click.Command]] = []
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        assert command is not None
        found.append((f"{path} {name}", command))
        if isinstance(command, click.Group):
            found += commands(command, context, f"{path} {name}")
    return found


def test_the_line_of_help_of_each_command_is_that_of_the_command_itself(cli: Cli) -> None:
    for name, (module, line) in COMMANDS.items():
        assert line.endswith("."), name
        assert module.startswith("mirror.cli."), name


@pytest.mark.parametrize(
    "arguments", [["frobnicate"], ["sync", "--frobnicate"], ["account", "frobnicate"], ["show"], ["sync", "--kind"]]
)
def test_a_wrong_command_line_is_a_usage_error(cli: Cli, arguments: list[str]) -> None:
    ran = cli(*arguments)

    assert ran.code == 2
    assert ran.out == ""
    assert "Error: " in ran.err
    assert "Traceback" not in ran.err


def test_the_version_is_that_of_the_package(cli: Cli) -> None:
    assert cli("--version").out == f"mirror, version {mirror.__version__}\n"


def test_the_home_can_come_from_the_environment(mirrored: Cli) -> None:
    process = subprocess.run(
        [sys.executable, "-m", "mirror.cli", "status", "--json"],
        env={**os.environ, "MIRROR_HOME": str(mirrored.home), "PYTHONPATH": str(Path(mirror.__file__).parents[1])},
        capture_output=True, text=True, timeout=20, check=True,
    )  # fmt: skip

    assert json.loads(process.stdout)["home"] == str(mirrored.home)


# --- output ---------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("command", ["search notes", "show message 1", "status", "sync", "account list", "--help"])
def test_output_into_a_pipe_that_is_closed_ends_quietly(mirrored: Cli, command: str) -> None:
    ours, theirs = os.pipe()
    os.close(ours)

    process = mirrored.process(*command.split(), stdout=theirs)
    os.close(theirs)
    _, err = process.communicate(timeout=20)

    assert err == ""
    assert process.returncode in (0, 1)
    assert mirrored("sync").code == 0


def test_a_terminal_that_knows_few_letters_still_shows_the_rest(mirrored: Cli, upstream: Upstream) -> None:
    upstream.contact("Honda 本田")
    mirrored("sync")

    process = mirrored.process("search", "本田", env={"PYTHONIOENCODING": "latin-1"})
    out, err = process.communicate(timeout=20)

    assert (process.returncode, err) == (0, "")
    assert "Honda ??" in out


def test_standard_input_may_be_closed_or_garbage(cli: Cli) -> None:
    for content in (None, b"\xff\xfe\xfa\n"):
        process = subprocess.run(
            [sys.executable, "-m", "mirror.cli", "--home", str(cli.home), "account", "add", "work", "--token-stdin"],
            **({"input": content} if content else {"preexec_fn": lambda: os.close(0)}),
            env={**os.environ, "PYTHONPATH": str(Path(mirror.__file__).parents[1]), "PYTHONUTF8": "1"},
            capture_output=True, timeout=20, check=False,
        )  # fmt: skip

        assert process.returncode == 2
        assert process.stderr.decode().startswith("mirror: that is no access token")
        assert process.stderr.count(b"\n") == 1


def test_the_token_is_not_in_the_list_of_processes(mirrored: Cli, upstream: Upstream) -> None:
    asked = Waiting()
    upstream.behind.faults.add(Fault(Effect(before=asked), path="/v1/account"))

    process = mirrored.process("sync")
    asked.wait()
    listed = Path(f"/proc/{process.pid}/cmdline").read_bytes() + Path(f"/proc/{process.pid}/environ").read_bytes()
    asked.go_on()
    out, err = process.communicate(timeout=20)

    assert b"sync" in listed
    assert TOKEN.encode() not in listed
    assert process.returncode == 0, err
    assert TOKEN not in out + err


# --- Ctrl-C -----------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("as_json", [False, True])
def test_ctrl_c_in_a_sync_ends_it_and_what_was_written_stands(cli: Cli, upstream: Upstream, as_json: bool) -> None:
    cli.add("work", upstream)
    asked = Waiting()
    upstream.behind.faults.add(Fault(Effect(before=asked), path="/v1/email/sync/updated"))

    process = cli.process("sync", *(["--json"] if as_json else []))
    asked.wait()
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=20)
    asked.go_on()

    assert process.returncode == 130
    assert "Traceback" not in err
    if as_json:
        assert json.loads(out)["error"] == "stopped"
        assert json.loads(out)["exit_code"] == 130
    else:
        assert err.strip() == "Stopped. What was written stands."
    assert cli.query("SELECT count(*) FROM contacts") == [(3,)]
    assert cli.query("SELECT count(*) FROM messages") == [(0,)]
    assert cli("sync").code == 0
    assert cli.query("SELECT count(*) FROM messages") == [(3,)]


class Waiting:
    """An effect that holds a request until it is told to go on."""

    def __init__(self) -> None:
        import threading

        self._asked = threading.Event()
        self._go_on = threading.Event()

    def __call__(self, _: object) -> None:
        self._asked.set()
        self._go_on.wait(20)

    def wait(self) -> None:
        assert self._asked.wait(20)

    def go_on(self) -> None:
        self._go_on.set()
