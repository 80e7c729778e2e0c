"""`mirror app …`: the application's id and secrets are kept, changed and forgotten, and never shown."""

from __future__ import annotations

import json
from typing import Any

import pytest
from mirror_cli import Cli, Terminal

from mirror import credentials

CLIENT, SIGNING = "a-client-secret-to-hide", "a-signing-secret-to-hide"


def set_both(cli: Cli, *more: str) -> Any:
    return cli(
        "app", "set", "--client-id", "the-id", "--secret-stdin", "--signing-secret-stdin", *more,
        typed=f"{CLIENT}\n{SIGNING}\n",
    )  # fmt: skip


def secrets(cli: Cli, base_url: str = "https://api.aurinko.io") -> tuple[str, str, str | None]:
    app = credentials.app(cli.home, base_url)
    assert app is not None
    return app.client_id, app.client_secret, app.signing_secret


def test_both_secrets_are_read_from_standard_input(cli: Cli) -> None:
    ran = set_both(cli)

    assert ran.code == 0
    assert secrets(cli) == ("the-id", CLIENT, SIGNING)
    assert "Register this return URL in the portal: http://127.0.0.1:8810/signed-in" in ran.out
    assert "Next: mirror account login NAME --service Google" in ran.out


def test_secrets_may_come_from_variables_too(cli: Cli) -> None:
    ran = cli(
        "app", "set", "--client-id", "the-id", "--secret-env", "C", "--signing-secret-env", "S", C=CLIENT, S=SIGNING
    )

    assert ran.code == 0
    assert secrets(cli) == ("the-id", CLIENT, SIGNING)


def test_on_a_terminal_secrets_are_asked_for_and_not_shown(cli: Cli) -> None:
    with Terminal(cli, "app", "set", "--client-id", "the-id") as terminal:
        shown = terminal.read_until("Client secret:")
        terminal.type(f"{CLIENT}\n")
        shown += terminal.read_until("Signing secret of webhooks")
        terminal.type("\n")
        shown += terminal.read_to_the_end()

    assert terminal.code == 0
    assert secrets(cli) == ("the-id", CLIENT, None)
    assert CLIENT not in shown
    assert "It has no signing secret" in shown


def test_one_secret_can_be_changed_without_the_others(cli: Cli) -> None:
    set_both(cli)

    cli("app", "set", "--secret-stdin", typed="rotated\n")
    assert secrets(cli) == ("the-id", "rotated", SIGNING)

    cli("app", "set", "--signing-secret-stdin", typed="signing-rotated\n")
    assert secrets(cli) == ("the-id", "rotated", "signing-rotated")


def test_another_application_does_not_inherit_the_signing_secret(cli: Cli) -> None:
    set_both(cli)

    cli("app", "set", "--client-id", "another", "--secret-stdin", typed="its-own\n")

    assert secrets(cli) == ("another", "its-own", None)


def test_show_names_the_application_and_no_secret(cli: Cli) -> None:
    set_both(cli)
    set_both(cli, "--base-url", "http://127.0.0.1:8800/v1")

    ran = cli("app", "show")

    assert ran.out.splitlines() == [
        "http://127.0.0.1:8800: client id the-id, client secret set, signing secret set",
        "https://api.aurinko.io: client id the-id, client secret set, signing secret set",
    ]
    assert CLIENT not in ran.out
    assert SIGNING not in ran.out


def test_forgetting_leaves_nothing_behind(cli: Cli) -> None:
    set_both(cli)

    assert cli("app", "forget").out == "The application for https://api.aurinko.io is forgotten.\n"

    assert json.loads((cli.home / "credentials.json").read_text()) == {}
    assert "No application is set" in cli("app", "show").out
    assert cli("app", "forget").out == "No application is set for https://api.aurinko.io.\n"


@pytest.mark.parametrize(
    ("arguments", "typed", "said"),
    [
        ([], "", "--client-id"),
        (["--client-id", "x"], "", "--secret-stdin or with --secret-env VAR"),
        (["--client-id", "x", "--signing-secret-stdin"], SIGNING, "--secret-stdin or with --secret-env VAR"),
        (["--client-id", "x", "--secret-stdin"], "", "that is no client secret"),
        (["--client-id", "x", "--secret-stdin"], "two words", "that is no client secret"),
        (["--client-id", "two words", "--secret-stdin"], CLIENT, "that is no application's id"),
        (["--client-id", "x", "--secret-stdin", "--secret-env", "Y"], CLIENT, "not from both"),
        (["--client-id", "x", "--secret-env", "NOT_SET"], "", "NOT_SET is empty"),
        (["--client-id", "x", "--secret-stdin", "--base-url", "nonsense"], CLIENT, "is not a base URL"),
        (["--client-id", "x", "--secret-stdin", "--signing-secret-stdin"], CLIENT, "that is no signing secret"),
    ],
)  # fmt: skip
def test_what_can_not_be_meant_is_refused_and_nothing_is_kept(
    cli: Cli, arguments: list[str], typed: str, said: str
) -> None:
    ran = cli("app", "set", *arguments, typed=typed)

    assert ran.code == 2
    assert said in ran.err
    assert CLIENT not in ran.err
    assert not (cli.home / "credentials.json").exists()


def test_there_is_no_way_to_put_a_secret_on_the_command_line() -> None:
    from click import Context

    from mirror.cli import COMMANDS, cli

    def parameters(command: Any) -> list[Any]:
        under = getattr(command, "commands", {})
        return [*command.params, *(one for child in under.values() for one in parameters(child))]

    ours = [name for name in COMMANDS if name != "sandbox"]  # whose tokens are made up
    found = [one for name in ours for one in parameters(cli.get_command(Context(cli), name))]
    telling = [option for one in found for option in one.opts if "secret" in option or "token" in option]

    assert len(telling) >= 6
    assert [option for option in telling if not option.endswith(("-stdin", "-env"))] == []
