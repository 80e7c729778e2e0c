"""`mirror.toml`: what it may say, and the sentences for what it may not."""

from __future__ import annotations

from pathlib import Path

import pytest

from mirror.errors import UnreadableFile
from mirror.settings import Notify, Settings, read, read_if_right

WHOLE = """
[notify]
exec = ["/usr/local/bin/tell-me", "--quietly"]
ping_url = "https://hc-ping.com/4711"
ping_every_s = 300
desktop = true
timeout_s = 5

[health]
stale_after_s = 7200
grace_s = 0
"""


def written(home: Path, text: str) -> Path:
    (home / "mirror.toml").write_text(text)
    return home


def test_without_a_file_everything_is_as_it_comes(tmp_path: Path) -> None:
    assert read(tmp_path) == Settings()
    assert read(tmp_path / "nowhere") == Settings()


def test_everything_that_may_be_set_is_read(tmp_path: Path) -> None:
    notify = Notify(("/usr/local/bin/tell-me", "--quietly"), "https://hc-ping.com/4711", 300.0, True, 5.0)

    assert read(written(tmp_path, WHOLE)) == Settings(notify, 7200.0, 0.0)


def test_dotted_keys_and_an_empty_file_are_fine(tmp_path: Path) -> None:
    assert read(written(tmp_path, "")) == Settings()
    assert read(written(tmp_path, "notify.desktop = true")).notify.desktop


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("[notify]\n\nexe = ['x']", "line 3: there is no exe in [notify]; there are: exec, ping_url,"),
        ("[notfy]\n", "line 1: there is no section [notfy]; there are: notify, health"),
        ("notify = 3", "notify is a section: [notify]"),
        ("[notify]\nexec = 'rm -rf /'", "line 2: exec in [notify] is a list of words"),
        ("[notify]\nexec = []", "line 2: exec in [notify] has no command"),
        ("[notify]\nexec = ['a', 1]", "line 2: exec in [notify] is a list of words"),
        ("[health]\ngrace_s = 1\n[notify]\ndesktop = 'yes'", "line 4: desktop in [notify] is true or false"),
        ("[notify]\nping_url = 'http://example.org/x'", "line 2: ping_url in [notify] must begin with https://"),
        ("[notify]\nping_url = 'file:///etc/passwd'", "line 2: ping_url in [notify] is no URL"),
        ("[notify]\nping_url = 'https://[::1/x'", "line 2: ping_url in [notify] is no URL"),
        ("[notify]\nping_url = 7", "line 2: ping_url in [notify] is not a text"),
        ("[notify]\nping_every_s = 1", "line 2: ping_every_s in [notify] is a number of seconds from 10"),
        ("[health]\nstale_after_s = true", "line 2: stale_after_s in [health] is a number of seconds"),
        ("[health]\nstale_after_s = nan", "line 2: stale_after_s in [health] is a number of seconds"),
        ("[health]\nstale_after_s = 1\n oops", "it is not TOML: "),
        ("a = " + "[" * 5000, "it is not TOML: "),
    ],
)
def test_a_mistake_is_refused_with_its_line(tmp_path: Path, text: str, sentence: str) -> None:
    with pytest.raises(UnreadableFile) as refused:
        read(written(tmp_path, text))

    assert sentence in refused.value.reason
    assert refused.value.path == str(tmp_path / "mirror.toml")


def test_loopback_may_be_pinged_without_https(tmp_path: Path) -> None:
    for host in ("localhost", "127.0.0.1:8000", "[::1]:8000"):
        assert read(written(tmp_path, f"[notify]\nping_url = 'http://{host}/x'")).notify.ping_url


def test_bytes_that_are_no_text_are_refused(tmp_path: Path) -> None:
    (tmp_path / "mirror.toml").write_bytes(b"\xff\xfe")

    with pytest.raises(UnreadableFile, match="UTF-8"):
        read(tmp_path)


def test_what_is_to_go_on_goes_on_with_the_defaults(tmp_path: Path) -> None:
    assert read_if_right(written(tmp_path, "[notify]\nexce = 1")) == Settings()
    assert read_if_right(written(tmp_path, WHOLE)) == read(tmp_path)


def test_the_ping_url_is_not_shown_by_accident(tmp_path: Path) -> None:
    assert "4711" not in repr(read(written(tmp_path, WHOLE)))
