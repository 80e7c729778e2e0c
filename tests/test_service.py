"""`mirror service`: files that systemd and launchd understand, for this very installation and whatever paths there are."""

from __future__ import annotations

import os
import plistlib
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from mirror_cli import ROOT, Cli

from mirror import __version__
from mirror.service import systemd_unit

ODD = ["plain", "with space", 'quo"ted', "100%", "$HOME", "back\\slash", "ümläut", "semi;colon #x"]


def printed(home: Path, system: str, **env: str) -> str:
    ran = Cli(home)("service", "install", "--print", "--for", system, "--port", "9000", **env)
    assert ran.code == 0, ran
    return ran.out


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="needs systemd, which verifies its own files")
@pytest.mark.parametrize("name", ODD)
def test_systemd_finds_no_fault_with_the_unit(tmp_path: Path, name: str) -> None:
    unit = tmp_path / "mirror.service"
    unit.write_text(printed(tmp_path / name, "systemd"))

    ran = subprocess.run(
        ["systemd-analyze", "--man=no", "verify", str(unit)], capture_output=True, text=True, check=False
    )

    said = [line for line in (ran.stderr + ran.stdout).splitlines() if "mirror" in line]
    assert (ran.returncode, said) == (0, [])


@pytest.mark.parametrize("name", ODD)
def test_the_unit_quotes_odd_paths_as_systemd_unquotes_them(tmp_path: Path, name: str) -> None:
    lines = dict(line.split("=", 1) for line in printed(tmp_path / name, "systemd").splitlines() if line[:1].isalpha())
    command = [word.replace("$$", "$").replace("%%", "%") for word in shlex.split(lines["ExecStart"])]

    assert command[3:] == ["--home", str(tmp_path / name), "run", "--port", "9000"]
    assert shlex.split(lines["ReadWritePaths"].replace("%%", "%")) == [str(tmp_path / name)]


def test_the_unit_lets_it_write_its_home_alone_and_starts_it_again(tmp_path: Path) -> None:
    unit = printed(tmp_path, "systemd")

    for line in ("NoNewPrivileges=yes", "ProtectSystem=strict", "Restart=on-failure", "WantedBy=default.target",
                 f'ReadWritePaths="{tmp_path}"'):  # fmt: skip
        assert f"\n{line}\n" in unit


def test_a_path_that_no_unit_can_name_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="control character"):
        systemd_unit(["x"], tmp_path / "two\nlines", {})

    assert Cli(tmp_path / "two\nlines")("service", "install", "--print", "--for", "systemd").code == 2


@pytest.mark.parametrize("name", ODD)
def test_the_property_list_is_one_and_names_this_installation(tmp_path: Path, name: str) -> None:
    found = plistlib.loads(printed(tmp_path / name, "launchd").encode())

    assert found["ProgramArguments"][3:] == ["--home", str(tmp_path / name), "run", "--port", "9000"]
    assert found["KeepAlive"] == {"SuccessfulExit": False}
    assert found["RunAtLoad"] is True


def test_what_is_started_is_this_very_installation(tmp_path: Path) -> None:
    found = plistlib.loads(printed(tmp_path, "launchd").encode())
    command, env = found["ProgramArguments"], found.get("EnvironmentVariables", {})

    ran = subprocess.run(
        [*command[: command.index("run")], "--version"], env=env, cwd="/", capture_output=True, text=True, check=False
    )
    where = subprocess.run(
        [command[0], "-c", "import mirror; print(mirror.__file__)"], env=env, cwd="/", capture_output=True, text=True,
        check=False,
    )  # fmt: skip

    assert (ran.returncode, ran.stdout.split()[-1]) == (0, __version__)
    assert where.stdout.startswith(str(ROOT)) or "PYTHONPATH" not in env
    assert command[0] == sys.executable


def test_no_secret_of_the_environment_goes_into_the_file(tmp_path: Path) -> None:
    text = printed(tmp_path, "systemd", WORK_TOKEN="hush", HTTPS_PROXY="http://ada:hush@proxy:3128",
                   MIRROR_BUSY_S="5")  # fmt: skip

    assert "hush" not in text
    assert 'Environment="MIRROR_BUSY_S=5"' in text


@pytest.fixture
def systemctl(tmp_path: Path) -> dict[str, str]:
    """A systemctl that writes down what it is asked, and a home of its own for units."""
    (tmp_path / "bin").mkdir()
    program = tmp_path / "bin" / "systemctl"
    program.write_text(f'#!/bin/sh\necho "$@" >> {shlex.quote(str(tmp_path / "asked"))}\nexit "${{FAILS:-0}}"\n')
    program.chmod(0o700)
    return {"PATH": f"{tmp_path / 'bin'}:{os.environ['PATH']}", "XDG_CONFIG_HOME": str(tmp_path / "config")}


@pytest.mark.skipif(sys.platform == "darwin", reason="has launchd")
def test_it_is_installed_shown_and_removed(cli: Cli, tmp_path: Path, systemctl: dict[str, str]) -> None:
    unit = tmp_path / "config" / "systemd" / "user" / "mirror.service"

    nothing = cli("service", "show", **systemctl)
    installed = cli("service", "install", **systemctl)
    text, mode = unit.read_text(), unit.stat().st_mode & 0o777
    shown = cli("service", "show", **systemctl)
    removed = cli("service", "uninstall", **systemctl)
    again = cli("service", "uninstall", **systemctl)

    assert "There is no service" in nothing.out
    assert (installed.code, shown.code, removed.code, again.code) == (0, 0, 0, 0)
    assert mode == 0o600
    assert str(cli.home) in text
    assert text in shown.out
    assert not unit.exists()
    assert (tmp_path / "asked").read_text().splitlines() == [
        "--user daemon-reload",
        "--user enable mirror.service",
        "--user restart mirror.service",
        "--user --no-pager status mirror.service",
        "--user disable --now mirror.service",
        "--user daemon-reload",
    ]


@pytest.mark.skipif(sys.platform == "darwin", reason="has launchd")
def test_where_it_can_not_be_started_that_is_said(cli: Cli, tmp_path: Path, systemctl: dict[str, str]) -> None:
    failed = cli("service", "install", FAILS="1", **systemctl)
    without = cli("service", "install", XDG_CONFIG_HOME=systemctl["XDG_CONFIG_HOME"], PATH=str(tmp_path / "nothing"))

    assert (failed.code, without.code) == (1, 1)
    assert "It is not started: systemctl did not do it" in without.err
