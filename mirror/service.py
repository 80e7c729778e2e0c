"""The files that have `mirror run` started with a session, and again when it fails: systemd's and launchd's. Text only."""

from __future__ import annotations

import os
import plistlib
from collections.abc import Mapping, Sequence
from pathlib import Path

NAME = "mirror"
LABEL = "mirror.run"

UNIT = """\
# Made by: mirror service install
[Unit]
Description=mirror: mailboxes in one SQLite file
Documentation=man:systemd.service(5)
StartLimitIntervalSec=0

[Service]
Type=exec
ExecStart={command}
{environment}WorkingDirectory=/
Restart=on-failure
RestartSec=30
TimeoutStopSec=20
# It writes its home and nothing else (where users may have namespaces of their own; elsewhere systemd passes over this).
NoNewPrivileges=yes
ProtectSystem=strict
ReadWritePaths={home}
PrivateTmp=yes
ProtectControlGroups=yes
ProtectKernelModules=yes
ProtectKernelTunables=yes
RestrictAddressFamilies=AF_INET AF_INET6 AF_UNIX AF_NETLINK
RestrictRealtime=yes
RestrictSUIDSGID=yes
LockPersonality=yes
SystemCallArchitectures=native
UMask=0077

[Install]
WantedBy=default.target
"""


def systemd_unit(command: Sequence[str], home: Path, environment: Mapping[str, str]) -> str:
    """A user unit. Raises: ValueError for a path that no unit can name."""
    variables = "".join(f"Environment={_quoted(f'{name}={value}')}\n" for name, value in environment.items())
    return UNIT.format(
        command=" ".join(map(_argument, command)), environment=variables, home=_quoted(str(home.absolute()))
    )


def launchd_plist(command: Sequence[str], home: Path, environment: Mapping[str, str], log: Path) -> str:
    """A launch agent's property list. What it says goes into the log: there is no journal to take it."""
    described: dict[str, object] = {
        "Label": LABEL,
        "ProgramArguments": list(command),
        "RunAtLoad": True,
        "KeepAlive": {"SuccessfulExit": False},
        "ThrottleInterval": 10,
        "ExitTimeOut": 20,
        "ProcessType": "Background",
        "Umask": 0o077,
        "WorkingDirectory": str(home.absolute()),
        "StandardOutPath": str(log),
        "StandardErrorPath": str(log),
    }
    if environment:
        described["EnvironmentVariables"] = dict(environment)
    return plistlib.dumps(described, sort_keys=False).decode("utf-8")


def unit_path(environ: Mapping[str, str] = os.environ) -> Path:
    """Where systemd looks for a user's own units."""
    config = environ.get("XDG_CONFIG_HOME") or str(Path.home() / ".config")
    return Path(config) / "systemd" / "user" / f"{NAME}.service"


def plist_path() -> Path:
    """Where launchd looks for a user's own agents."""
    return Path.home() / "Library" / "LaunchAgents" / f"{LABEL}.plist"


def _argument(word: str) -> str:
    """A word of a command line. Source: systemd.service(5), “Command lines”: `$` is a variable's there, and `%` everywhere."""
    return _quoted(word.replace("$", "$$"))


def _quoted(word: str) -> str:
    """Source: systemd.syntax(7), “Quoting”; systemd.unit(5), “Specifiers”."""
    if any(ord(letter) < 32 or ord(letter) == 127 for letter in word):
        raise ValueError(f"a control character in {word!r}")
    return '"' + word.replace("\\", "\\\\").replace('"', '\\"').replace("%", "%%") + '"'
