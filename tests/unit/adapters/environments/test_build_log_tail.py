"""Who waits for a build of somebody else's reads its lines as they come."""

from pathlib import Path

from bms.adapters.environments.build_log_tail import BuildFollower, read_piece


def test_lines_are_told_once_they_are_whole(tmp_path: Path) -> None:
    log, told = tmp_path / "log", list[str]()
    following = BuildFollower(log, told.append)
    assert not following.waited
    following()
    assert following.waited
    assert len(told) == 1, "that somebody else builds it"
    log.write_text("Resolved 3 packages\nInst")
    following()
    following()
    assert told[1:] == ["Resolved 3 packages"]
    with log.open("a") as file:
        file.write("alled\n")
    following()
    assert told[1:] == ["Resolved 3 packages", "Installed"]


def test_a_log_that_is_begun_anew_is_read_anew(tmp_path: Path) -> None:
    log, told = tmp_path / "log", list[str]()
    following = BuildFollower(log, told.append)
    log.write_text("of the build before\nand more\n")
    following()
    log.write_text("now\n")
    following()
    assert told[-1] == "now"


def test_without_anybody_to_tell_it_only_notes_that_it_waited(tmp_path: Path) -> None:
    following = BuildFollower(tmp_path / "log", None)
    following()
    assert following.waited


def test_pieces_are_bounded(tmp_path: Path) -> None:
    (tmp_path / "log").write_bytes(b"0123456789")
    assert read_piece(tmp_path / "log", 4, 3) == b"456"
    assert read_piece(tmp_path / "absent", 0, 3) == b""
