"""`mirror status`: how each account does in words, as JSON and as an exit code, with the command that helps."""

from __future__ import annotations

from mirror_cli import Cli, Upstream

DAY_S = "86400"


def test_an_account_that_is_well_says_so_in_json_and_ends_with_0(mirrored: Cli) -> None:
    ran = mirrored("status", "--json")

    (account,) = ran.json()["accounts"]
    assert ran.code == 0
    assert account["health"]["state"] == "healthy"
    assert account["health"]["command"] is None
    assert account["health"]["since"] is not None  # the sync has noted it
    assert {"name", "source", "status", "status_detail", "feeds"} <= set(account)


def test_when_nothing_has_come_in_for_too_long_it_ends_with_1(mirrored: Cli) -> None:
    told = mirrored("status", MIRROR_NOW_OFFSET_S=DAY_S)
    as_json = mirrored("status", "--json", MIRROR_NOW_OFFSET_S=DAY_S)

    assert told.code == as_json.code == 1
    assert "· stale for 24 hours" in told.out
    assert "work: last up to date 24 hours ago. See why with: mirror sync work" in told.out
    assert as_json.json()["accounts"][0]["health"]["state"] == "stale"


def test_how_long_is_too_long_is_in_mirror_toml(mirrored: Cli) -> None:
    (mirrored.home / "mirror.toml").write_text("[health]\nstale_after_s = 172800\n")

    assert mirrored("status", MIRROR_NOW_OFFSET_S=DAY_S).code == 0


def test_a_paused_account_is_not_stale_and_a_new_one_is_new(mirrored: Cli, upstream: Upstream) -> None:
    mirrored("account", "pause", "work")
    mirrored.add("later", upstream)

    ran = mirrored("status", "--json", MIRROR_NOW_OFFSET_S=DAY_S)

    assert ran.code == 0
    assert {one["name"]: one["health"]["state"] for one in ran.json()["accounts"]} == {"work": "paused", "later": "new"}


def test_a_person_who_is_needed_comes_before_what_is_stale(mirrored: Cli, upstream: Upstream) -> None:
    mirrored.add("second", upstream)
    mirrored("sync")
    mirrored("account", "login", "work", "--token-stdin", typed="a-dead-token")
    mirrored("sync", "work")

    ran = mirrored("status", "--json", MIRROR_NOW_OFFSET_S=DAY_S)

    assert ran.code == 3
    health = {one["name"]: one["health"] for one in ran.json()["accounts"]}
    assert (health["work"]["state"], health["second"]["state"]) == ("needs_auth", "stale")
    assert health["work"]["command"] == "mirror account login work"
    assert health["work"]["since"] is not None


def test_a_mirror_toml_with_a_mistake_is_named(mirrored: Cli) -> None:
    (mirrored.home / "mirror.toml").write_text("[notify]\nexce = 1\n")

    ran = mirrored("status", "--json")

    assert ran.code == 1
    assert ran.json()["accounts"] == []
    assert "line 2: there is no exce in [notify]" in ran.json()["error"]
