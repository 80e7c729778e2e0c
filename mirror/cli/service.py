"""`mirror service install`, `show` and `uninstall`: a user service of systemd's or launchd's that keeps `mirror run` going."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import click

import mirror
from mirror import service as files
from mirror.cli.opening import home_of, leave
from mirror.cli.serving import PORT
from mirror.cli.words import DONE, FAILED
from mirror.errors import Usage

HANDED_ON = ("MIRROR_RETRY_BUDGET_S", "MIRROR_BUSY_S", "PYTHON_KEYRING_BACKEND", "HTTPS_PROXY", "https_proxy", "NO_PROXY",
             "no_proxy", "SSL_CERT_FILE", "SSL_CERT_DIR")  # fmt: skip
"""Of the environment in which it is installed, what the service is to have as well: but no proxy with a password in it."""

ON_A_MAC = sys.platform == "darwin"


@click.group(help="Have mirror run started with your session, and again when it fails.")
def service() -> None:
    """The group of service commands."""


@service.command()
@click.option("--print", "only_print", is_flag=True, help="Show the file, and change nothing.")
@click.option("--for", "system", type=click.Choice(["systemd", "launchd"]), help="Default: that of this system.")
@click.option("--host", default="127.0.0.1", show_default=True, help="As for mirror run.")
@click.option("--port", default=PORT, show_default=True, type=click.IntRange(1, 65535), help="As for mirror run.")
@click.pass_context
def install(ctx: click.Context, only_print: bool, system: str | None, host: str, port: int) -> None:
    """Write the service's file, and start it now and with every session."""
    system = system or _system()
    text = _text(system, home_of(ctx), host, port)
    if only_print:
        click.echo(text, nl=False)
        return
    path = _path(system)
    path.parent.mkdir(parents=True, exist_ok=True)
    home_of(ctx).mkdir(mode=0o700, parents=True, exist_ok=True)  # a service can't be given a folder that is not there
    path.write_text(text, encoding="utf-8")
    path.chmod(0o600)
    click.echo(f"Wrote {path}")
    if not _all(_starting(system, path)):
        click.echo(f"It is not started: {_starter(system)} did not do it. See: mirror service show", err=True)
        leave(FAILED)
    click.echo("It runs, and comes back after a failure and with every session. See: mirror service show")
    if system == "systemd":
        click.echo('To have it run while you are signed out, too: loginctl enable-linger "$USER"')


@service.command()
def show() -> None:
    """Where the service's file is, what it says, and how the service does."""
    system = _system()
    path = _path(system)
    if not path.is_file():
        click.echo("There is no service. Make one with: mirror service install")
        return
    click.echo(f"{path}\n")
    click.echo(path.read_text(encoding="utf-8"))
    state = ["systemctl", "--user", "--no-pager", "status", path.name] if system == "systemd" else [
        "launchctl", "print", f"gui/{os.getuid()}/{files.LABEL}"]  # fmt: skip
    if shutil.which(state[0]):
        subprocess.run(state, check=False)  # noqa: S603  (fixed words and a name of our own)
    click.echo("What it says: " + ("journalctl --user -u mirror" if system == "systemd" else str(_log())))


@service.command()
def uninstall() -> None:
    """Stop the service and remove its file. The mirror itself stays as it is."""
    system = _system()
    path = _path(system)
    if not path.is_file():
        click.echo("There is no service.")
        return
    stopped = _all(_stopping(system, path))
    path.unlink()
    if system == "systemd" and stopped:
        _all([["systemctl", "--user", "daemon-reload"]])
    click.echo(f"Removed {path}." + ("" if stopped else f" {_starter(system)} did not stop it: it may still run."))
    leave(DONE if stopped else FAILED)


def _text(system: str, home: Path, host: str, port: int) -> str:
    command = [sys.executable, "-m", "mirror.cli", "--home", str(home.absolute()), "run", "--port", str(port)]
    if host != "127.0.0.1":
        command += ["--host", host]
    known = {name: os.environ.get(name, "") for name in HANDED_ON}
    environment = {name: value for name, value in known.items() if value and "@" not in value} | _where_the_code_is()
    try:
        if system == "systemd":
            return files.systemd_unit(command, home, environment)
        return files.launchd_plist(command, home, environment, _log())
    except ValueError as error:
        raise Usage(f"a service can't be made of this: {error}") from error


def _where_the_code_is() -> dict[str, str]:
    """PYTHONPATH, for a checkout that is not installed: the service begins in another folder, with another environment."""
    parent = Path(mirror.__file__).resolve().parents[1]
    asked = [sys.executable, "-I", "-c", "import mirror; print(mirror.__file__)"]
    found = subprocess.run(asked, capture_output=True, text=True, cwd="/", check=False)  # noqa: S603  (this very Python)
    installed = found.returncode == 0 and Path(found.stdout.strip()).resolve().parents[1] == parent
    return {} if installed else {"PYTHONPATH": str(parent)}


def _system() -> str:
    return "launchd" if ON_A_MAC else "systemd"


def _starter(system: str) -> str:
    return "systemctl" if system == "systemd" else "launchctl"


def _path(system: str) -> Path:
    return files.unit_path() if system == "systemd" else files.plist_path()


def _log() -> Path:
    return Path.home() / "Library" / "Logs" / "mirror.log"


def _starting(system: str, path: Path) -> list[list[str]]:
    if system == "systemd":
        return [
            ["systemctl", "--user", "daemon-reload"],
            ["systemctl", "--user", "enable", path.name],
            ["systemctl", "--user", "restart", path.name],
        ]
    return [["launchctl", "bootstrap", f"gui/{os.getuid()}", str(path)]]


def _stopping(system: str, path: Path) -> list[list[str]]:
    if system == "systemd":
        return [["systemctl", "--user", "disable", "--now", path.name]]
    return [["launchctl", "bootout", f"gui/{os.getuid()}/{files.LABEL}"]]


def _all(commands: Sequence[Sequence[str]]) -> bool:
    """Whether all of them went well, one after the other."""
    for command in commands:
        if shutil.which(command[0]) is None:
            return False
        ran = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603  (fixed words)
        if ran.returncode != 0:
            click.echo((ran.stderr or ran.stdout).strip(), err=True)
            return False
    return True
