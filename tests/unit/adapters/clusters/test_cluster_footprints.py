"""The bytes of a directory, with nothing hidden, counted twice or followed out of it."""

import os
from pathlib import Path

from bms.adapters.clusters.resources.disk_usage import size

BLOCKS = 100_000


def test_files_below_count_once_and_what_links_lead_to_not_at_all(tmp_path: Path) -> None:
    own, other = tmp_path / "own", tmp_path / "other"
    (own / "deep").mkdir(parents=True)
    other.mkdir()
    (other / "big").write_bytes(b"x" * BLOCKS * 50)
    (own / "deep" / "file").write_bytes(b"x" * BLOCKS)
    os.link(own / "deep" / "file", own / "again")
    (own / "link").symlink_to(other / "big")
    (own / "there").symlink_to(other)
    assert BLOCKS <= size(own) < 2 * BLOCKS


def test_a_directory_that_hides_its_content_is_opened(tmp_path: Path) -> None:
    hidden = tmp_path / "hidden"
    hidden.mkdir()
    (hidden / "file").write_bytes(b"x" * BLOCKS)
    hidden.chmod(0)
    assert size(tmp_path) >= BLOCKS


def test_what_is_not_there_has_no_size(tmp_path: Path) -> None:
    assert size(tmp_path / "absent") == 0
