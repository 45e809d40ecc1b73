"""Archives that are as they should be, in every form, and damaged ones."""

import bz2
import gzip
import io
import lzma
import random
import tarfile
import zipfile
from pathlib import Path

import pytest

from bms.adapters.objects.archives import unpack
from bms.adapters.objects.extraction import Limits, Unpacked
from bms.core.errors import BmsError, FailedPrecondition, InvalidArgument, ResourceExhausted, Unimplemented

LONG = "deep/" + "n" * 200 + "/" + "m" * 200 + ".txt"
CONTENT = {
    "a.txt": b"hello",
    "sub/dir/b.bin": bytes(range(256)) * 5000,
    "empty": b"",
    "数字/七.txt": b"7",
    LONG: b"long",
}


def make_zip(path: Path, method: int = zipfile.ZIP_DEFLATED) -> None:
    with zipfile.ZipFile(path, "w", method) as archive:
        archive.mkdir("sub")
        for name, content in CONTENT.items():
            archive.writestr(name, content)


def make_tar(path: Path, mode: str, dialect: int = tarfile.PAX_FORMAT) -> None:
    with tarfile.open(path, mode, format=dialect) as archive:  # type: ignore[call-overload]
        directory = tarfile.TarInfo("./sub")
        directory.type = tarfile.DIRTYPE
        archive.addfile(directory)
        for name, content in CONTENT.items():
            entry = tarfile.TarInfo("./" + name)
            entry.size = len(content)
            entry.mode = 0o4777
            archive.addfile(entry, io.BytesIO(content))


MAKERS = {
    "zip deflate": lambda path: make_zip(path),
    "zip stored": lambda path: make_zip(path, zipfile.ZIP_STORED),
    "zip bzip2": lambda path: make_zip(path, zipfile.ZIP_BZIP2),
    "tar pax": lambda path: make_tar(path, "w"),
    "tar gnu": lambda path: make_tar(path, "w", tarfile.GNU_FORMAT),
    "tar.gz": lambda path: make_tar(path, "w:gz"),
    "tar.bz2": lambda path: make_tar(path, "w:bz2"),
    "tar.xz": lambda path: make_tar(path, "w:xz"),
}


@pytest.mark.parametrize("make", MAKERS.values(), ids=MAKERS.keys())
def test_every_form_is_recognised_by_content_and_unpacked(make, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    make(tmp_path / "upload")  # no telling suffix
    files = unpack(tmp_path / "upload", tmp_path / "out")
    assert files == [Unpacked(name, len(content)) for name, content in CONTENT.items()]
    on_disk = {
        str(path.relative_to(tmp_path / "out")): path for path in (tmp_path / "out").rglob("*") if path.is_file()
    }
    assert {name: path.read_bytes() for name, path in on_disk.items()} == CONTENT
    assert {path.stat().st_mode & 0o7777 for path in on_disk.values()} == {0o600}


def test_xz_of_several_streams_with_padding_is_read_whole(tmp_path: Path) -> None:
    make_tar(tmp_path / "plain", "w")
    whole = (tmp_path / "plain").read_bytes()
    pieces = [lzma.compress(whole[begin : begin + 100_000]) for begin in range(0, len(whole), 100_000)]
    (tmp_path / "many.xz").write_bytes((b"\0" * 8).join(pieces) + b"\0" * 4)
    assert len(unpack(tmp_path / "many.xz", tmp_path / "out")) == len(CONTENT)


def test_an_empty_zip_has_no_files(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "empty.zip", "w"):
        pass
    assert unpack(tmp_path / "empty.zip", tmp_path / "out") == []


@pytest.mark.parametrize(
    "content", [b"", b"hello", b"\x89PNG\r\n\x1a\n" + b"\0" * 600, b"\0" * 1024], ids=["empty", "text", "png", "zeros"]
)
def test_what_is_no_archive_is_refused(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "upload").write_bytes(content)
    with pytest.raises(InvalidArgument, match="is not an archive: expected a zip, or a tar"):
        unpack(tmp_path / "upload", tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_a_compressed_file_that_is_no_tar_is_refused(tmp_path: Path) -> None:
    (tmp_path / "upload").write_bytes(gzip.compress(b"just one file" * 100))
    with pytest.raises(InvalidArgument, match="damaged tar archive"):
        unpack(tmp_path / "upload", tmp_path / "out")


def test_zstd_says_what_to_use_instead(tmp_path: Path) -> None:
    (tmp_path / "upload").write_bytes(b"\x28\xb5\x2f\xfd" + b"\0" * 600)
    with pytest.raises(Unimplemented, match="use gzip or xz"):
        unpack(tmp_path / "upload", tmp_path / "out")


def test_nothing_is_mixed_into_a_directory_that_holds_something(tmp_path: Path) -> None:
    make_zip(tmp_path / "upload")
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "mine").write_text("precious")
    with pytest.raises(FailedPrecondition, match="not empty"):
        unpack(tmp_path / "upload", tmp_path / "out")
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["mine"]


@pytest.mark.parametrize("compress", [bytes, gzip.compress, bz2.compress, lzma.compress], ids=["", "gz", "bz2", "xz"])
def test_a_tar_cut_short_anywhere_is_refused_and_leaves_nothing(compress, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    make_tar(tmp_path / "plain", "w")
    whole = compress((tmp_path / "plain").read_bytes().rstrip(b"\0"))
    generator = random.Random(4)
    for _ in range(40):
        (tmp_path / "upload").write_bytes(whole[: generator.randrange(len(whole) - 1)])
        with pytest.raises(InvalidArgument):
            unpack(tmp_path / "upload", tmp_path / "out")
        assert not (tmp_path / "out").exists()


def test_bytes_after_the_end_of_a_tar_are_refused(tmp_path: Path) -> None:
    make_tar(tmp_path / "plain", "w")
    (tmp_path / "upload").write_bytes((tmp_path / "plain").read_bytes() * 2)
    with pytest.raises(InvalidArgument, match="goes on after its end mark"):
        unpack(tmp_path / "upload", tmp_path / "out")


def test_a_zip_whose_bytes_changed_is_refused(tmp_path: Path) -> None:
    make_zip(tmp_path / "upload", zipfile.ZIP_STORED)
    data = (tmp_path / "upload").read_bytes()
    (tmp_path / "upload").write_bytes(data.replace(b"hello", b"hallo"))
    with pytest.raises(InvalidArgument, match="CRC"):
        unpack(tmp_path / "upload", tmp_path / "out")
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("make", MAKERS.values(), ids=MAKERS.keys())
def test_whatever_bytes_change_only_our_errors_come_out(make, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    make(tmp_path / "upload")
    whole = (tmp_path / "upload").read_bytes()
    generator = random.Random(11)
    refused = 0
    limits = Limits(total=8 << 20, always_allowed=8 << 20)
    for number in range(150):
        damaged = bytearray(whole)
        for _ in range(generator.randint(1, 4)):
            area = len(damaged) if generator.random() < 0.5 else min(len(damaged), 1500)
            place = generator.randrange(area)
            place = len(damaged) - 1 - place if generator.random() < 0.5 else place
            damaged[place] = generator.choice([0, 255, 0x80, generator.randrange(256)])
        (tmp_path / "upload").write_bytes(damaged)
        try:
            unpack(tmp_path / "upload", tmp_path / f"out{number}", limits)
        except BmsError:
            refused += 1
            assert not (tmp_path / f"out{number}").exists()
    assert refused > 10


def test_a_full_disk_is_reported(small_disk: Path, tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "upload", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("large", bytes(4 << 20))
    with pytest.raises(ResourceExhausted, match="no room while unpacking: the disk is full"):
        unpack(tmp_path / "upload", small_disk / "out")
    assert not (small_disk / "out").exists()
