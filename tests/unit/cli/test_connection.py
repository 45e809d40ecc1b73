"""Which server a command talks to, and with which key."""

from pathlib import Path

import pytest

from bms.app.settings import ClientSettings
from bms.cli.connection import find, key_of, read_profile
from bms.core.errors import InvalidArgument, NotFound, Unavailable


@pytest.fixture
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ClientSettings:
    monkeypatch.setenv("HOME", str(tmp_path))
    return ClientSettings(profile=tmp_path / "profile.toml")


@pytest.fixture
def home(tmp_path: Path) -> Path:
    path = tmp_path / "home"
    (path / "run").mkdir(parents=True)
    (path / "run" / "endpoint.json").write_text('{"url": "http://127.0.0.1:9", "pid": 1}')
    (path / "admin.key").write_text("admin\n")
    return path


def test_options_come_first(settings: ClientSettings) -> None:
    given = ClientSettings(url="http://env", key="env", profile=settings.profile)
    found = find("http://option", "option", None, given)
    assert (found.url, found.key) == ("http://option", "option")
    assert find(None, None, None, given).key == "env"


def test_a_home_tells_its_own_address_and_key(settings: ClientSettings, home: Path) -> None:
    given = ClientSettings(url="http://env", profile=settings.profile)
    found = find(None, None, home, given)
    assert (found.url, found.key, found.home) == ("http://127.0.0.1:9", "admin", home)
    assert find(None, "other", home, given).key == "other"


def test_the_profiles_key_goes_to_the_profiles_server_alone(settings: ClientSettings) -> None:
    settings.profile.write_text('url = "http://profile"\nkey = "profile"\n')
    assert find(None, None, None, settings).key == "profile"
    assert find("http://other", None, None, settings).key is None
    assert find(None, "mine", None, settings).key == "mine"


def test_the_usual_home_is_the_last_resort(settings: ClientSettings, home: Path, tmp_path: Path) -> None:
    home.rename(tmp_path / ".bms")
    assert find(None, None, None, settings).key == "admin"


def test_what_is_missing_is_said(settings: ClientSettings, home: Path, tmp_path: Path) -> None:
    with pytest.raises(InvalidArgument, match="no server is named"):
        find(None, None, None, settings)
    with pytest.raises(InvalidArgument, match="not both"):
        find("http://x", None, home, settings)
    with pytest.raises(NotFound, match="there is no home"):
        find(None, None, tmp_path / "absent", settings)
    (home / "admin.key").unlink()
    with pytest.raises(NotFound, match="give a key"):
        find(None, None, home, settings)
    (home / "run" / "endpoint.json").unlink()
    with pytest.raises(Unavailable, match="nothing runs on"):
        find(None, None, home, settings)


@pytest.mark.parametrize("text", ["url = 3", "url = ", 'url = "http://x"\ncolour = 1', "key = 'k'"])
def test_a_profile_that_is_not_as_it_should_be_is_named(tmp_path: Path, text: str) -> None:
    (tmp_path / "profile.toml").write_text(text)
    with pytest.raises(InvalidArgument, match=r"profile\.toml is no profile"):
        read_profile(tmp_path / "profile.toml")


def test_a_key_may_be_in_a_file_and_a_file_that_can_not_be_read_is_named(tmp_path: Path) -> None:
    (tmp_path / "key").write_text("key\n")
    assert key_of(f"@{tmp_path / 'key'}") == "key"
    with pytest.raises(NotFound, match=r"there is no file '.*nofile'"):
        key_of(f"@{tmp_path / 'nofile'}")
    with pytest.raises(InvalidArgument, match="Is a directory"):
        key_of(f"@{tmp_path}")
    (tmp_path / "bytes").write_bytes(b"\xff\xfe\xff")
    with pytest.raises(InvalidArgument, match="it is no text"):
        key_of(f"@{tmp_path / 'bytes'}")
    with pytest.raises(InvalidArgument, match="put your key in place of it"):
        key_of("…the key…")


def test_blanks_around_keys_are_nowhere_sent(settings: ClientSettings) -> None:
    given = ClientSettings(url="http://env", key="env\r\n", profile=settings.profile)
    assert find(None, None, None, given).key == "env"
    settings.profile.write_text('url = "http://h"\nkey = "kept\\n"\n')
    assert find(None, None, None, settings).key == "kept"
