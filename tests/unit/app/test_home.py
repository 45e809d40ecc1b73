"""The home directory: who may use it, and what is in it."""

import os
from pathlib import Path

import pytest

from bms.app.exit_codes import ExitCode, Refusal
from bms.app.home.directory import Holder, Home, private_directory, write_private


@pytest.fixture
def home(tmp_path: Path) -> Home:
    made = Home(tmp_path / "home")
    made.prepare()
    return made


def test_everything_in_it_is_its_owners_alone(home: Home) -> None:
    assert {path.stat().st_mode & 0o077 for path in [home.root, *home.root.rglob("*")]} == {0}


def test_preparing_again_changes_nothing(home: Home) -> None:
    before = {path: path.stat().st_mtime_ns for path in home.root.iterdir()}
    home.prepare()
    assert {path: path.stat().st_mtime_ns for path in home.root.iterdir()} == before


def test_the_pepper_is_made_once(home: Home) -> None:
    pepper = home.pepper()
    assert len(pepper) == 32
    assert Home(home.root).pepper() == pepper
    assert [path.name for path in (home.root / "secrets").iterdir()] == ["pepper"]
    assert (home.root / "secrets" / "pepper").stat().st_mode & 0o777 == 0o600


def test_a_damaged_pepper_is_told_rather_than_replaced(home: Home) -> None:
    (home.root / "secrets" / "pepper").write_bytes(b"short")
    with pytest.raises(Refusal, match="holds 5 bytes, expected 32"):
        home.pepper()


def test_keys_of_secrets_are_made_once_and_older_ones_stay_readable(home: Home) -> None:
    first = home.masters()
    assert [len(key) for key in first] == [32]
    assert Home(home.root).masters() == first
    secrets = home.root / "secrets"
    assert (secrets / "master").stat().st_mode & 0o777 == 0o600
    (secrets / "master").rename(secrets / "master-2026")
    new, old = home.masters()
    assert (old, new != old) == (first[0], True)
    (secrets / "master-2026").write_bytes(b"cut")
    with pytest.raises(Refusal, match="master-2026 holds 3 bytes, expected 32: put back the file that was there"):
        home.masters()
    assert len({home.pepper(), home.replicas_key(), new}) == 3


def test_the_lock_has_one_holder(home: Home) -> None:
    lock = home.lock()
    home.hold(lock, Holder(pid=os.getpid(), start_ticks=7))
    with pytest.raises(Refusal, match=rf"already runs on .* \(process {os.getpid()}\)") as caught:
        Home(home.root).lock()
    assert caught.value.exit_code == ExitCode.ALREADY_RUNNING
    os.close(lock)
    os.close(home.lock())


@pytest.mark.parametrize(("text", "code"), [("2", ExitCode.NEWER_SCHEMA), ("one", ExitCode.ERROR)])
def test_a_version_that_is_not_ours_is_refused(home: Home, text: str, code: ExitCode) -> None:
    (home.root / "version").write_text(text)
    with pytest.raises(Refusal) as caught:
        home.prepare()
    assert caught.value.exit_code == code


def test_a_link_to_a_home_is_the_same_home(home: Home, tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(home.root)
    assert Home(tmp_path / "link").mark == home.mark
    assert Home(tmp_path / "link").run_dir() == home.run_dir()
    home.run_dir().rmdir()


def test_the_directory_of_sockets_is_short_and_private(home: Home) -> None:
    directory = home.run_dir()
    assert len(os.fsencode(directory / "control.sock")) < 80
    assert directory.stat().st_mode & 0o777 == 0o700
    directory.rmdir()


def test_a_directory_that_somebody_else_put_there_is_refused(tmp_path: Path) -> None:
    (tmp_path / "theirs").symlink_to(tmp_path)
    with pytest.raises(Refusal, match="not a directory of yours"):
        private_directory(tmp_path / "theirs")
    (tmp_path / "file").touch()
    with pytest.raises(Refusal, match="not a directory of yours"):
        private_directory(tmp_path / "file")
    (tmp_path / "open").mkdir(mode=0o777)
    assert private_directory(tmp_path / "open").stat().st_mode & 0o777 == 0o700


def test_a_private_file_is_replaced_whole(tmp_path: Path) -> None:
    path = tmp_path / "f"
    path.write_text("old and longer")
    path.chmod(0o644)
    write_private(path, b"new")
    assert (path.read_bytes(), path.stat().st_mode & 0o777) == (b"new", 0o600)
    assert [each.name for each in tmp_path.iterdir()] == ["f"]
