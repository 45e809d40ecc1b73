"""Hostile archives: each is refused, and each is first shown to bite whoever unpacks it naively."""

import gzip
import io
import lzma
import os
import stat
import struct
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterable
from pathlib import Path

import pytest

from bms.adapters.objects.archives import unpack
from bms.adapters.objects.extraction import Limits
from bms.core.errors import BmsError, InvalidArgument, PayloadTooLarge

Entry = tuple[str, bytes] | tarfile.TarInfo


def naive_untar(archive: Path, target: Path) -> None:
    with tarfile.open(archive) as opened:
        opened.extractall(target, filter="fully_trusted")


def naive_unzip(archive: Path, target: Path) -> None:
    target.mkdir(exist_ok=True)
    with zipfile.ZipFile(archive) as opened:
        for entry in opened.infolist():
            path = os.path.join(target, entry.filename)
            if stat.S_ISLNK(entry.external_attr >> 16):
                os.symlink(opened.read(entry), path)
                continue
            os.makedirs(os.path.dirname(path), exist_ok=True)
            if not path.endswith("/"):
                Path(path).write_bytes(opened.read(entry))


def tar_of(path: Path, entries: Iterable[Entry], mode: str = "w", dialect: int = tarfile.PAX_FORMAT) -> Path:
    with tarfile.open(path, mode, format=dialect) as archive:  # type: ignore[call-overload]
        for entry in entries:
            if isinstance(entry, tarfile.TarInfo):
                archive.addfile(entry)
                continue
            info = tarfile.TarInfo(entry[0])
            info.size = len(entry[1])
            archive.addfile(info, io.BytesIO(entry[1]))
    return path


def zip_of(path: Path, entries: Iterable[tuple[str, bytes]]) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in entries:
            archive.writestr(zipfile.ZipInfo(name), content, zipfile.ZIP_DEFLATED)
    return path


def special(name: str, kind: bytes, linkname: str = "") -> tarfile.TarInfo:
    entry = tarfile.TarInfo(name)
    entry.type, entry.linkname = kind, linkname
    return entry


def refuse(archive: Path, tmp_path: Path, match: str, limits: Limits | None = None) -> BmsError:
    """Unpacks below tmp_path/jail and sees that nothing appeared, in it or beside it."""
    jail = tmp_path / "jail"
    jail.mkdir()
    before = sorted(path for path in tmp_path.rglob("*"))
    with pytest.raises((InvalidArgument, PayloadTooLarge), match=match) as raised:
        unpack(archive, jail / "out", limits)
    assert sorted(path for path in tmp_path.rglob("*")) == before
    return raised.value


@pytest.mark.parametrize(("make", "naive"), [(tar_of, naive_untar), (zip_of, naive_unzip)], ids=["tar", "zip"])
class TestNames:
    """Attacks by name, the same for both formats."""

    def test_leading_out_by_dots(self, make: Callable[..., Path], naive: Callable[..., None], tmp_path: Path) -> None:
        archive = make(tmp_path / "evil", [("sub/../../escaped", b"pwned")])
        (tmp_path / "victim" / "out" / "sub").mkdir(parents=True)
        naive(archive, tmp_path / "victim" / "out")
        assert (tmp_path / "victim" / "escaped").read_bytes() == b"pwned"
        refuse(archive, tmp_path, r"leads out of the archive")

    def test_absolute_paths(self, make: Callable[..., Path], naive: Callable[..., None], tmp_path: Path) -> None:
        outside = tmp_path / "outside"
        archive = make(tmp_path / "evil", [(str(outside), b"pwned")])
        naive(archive, tmp_path / "victim")
        assert outside.read_bytes() == b"pwned"
        outside.unlink()
        refuse(archive, tmp_path, "is an absolute path")

    def test_the_same_name_twice(self, make: Callable[..., Path], naive: Callable[..., None], tmp_path: Path) -> None:
        entries = [("model.onnx", b"what was checked"), ("./model.onnx", b"what is loaded")]
        archive = make(tmp_path / "evil", entries)
        naive(archive, tmp_path / "victim")
        assert (tmp_path / "victim" / "model.onnx").read_bytes() == b"what is loaded"
        refuse(archive, tmp_path, "more than one entry")

    def test_a_file_that_is_also_a_directory(
        self, make: Callable[..., Path], naive: Callable[..., None], tmp_path: Path
    ) -> None:
        archive = make(tmp_path / "evil", [("a", b"file"), ("a/b", b"below it")])
        with pytest.raises(OSError):
            naive(archive, tmp_path / "victim")
        refuse(archive, tmp_path, "more than one entry")

    @pytest.mark.parametrize(
        "names", [("Model", "model"), ("straße", "STRASSE"), ("é", "e\u0301"), ("A/x", "a/y")], ids=ascii
    )
    def test_names_that_some_file_systems_take_for_one(
        self, make: Callable[..., Path], naive: Callable[..., None], names: tuple[str, str], tmp_path: Path
    ) -> None:
        archive = make(tmp_path / "evil", [(names[0], b"1"), (names[1], b"2")])
        naive(archive, tmp_path / "victim")
        assert len([path for path in (tmp_path / "victim").rglob("*") if path.is_file()]) == 2  # one, elsewhere
        refuse(archive, tmp_path, "differ only in case")

    def test_too_many_entries(self, make: Callable[..., Path], naive: Callable[..., None], tmp_path: Path) -> None:
        archive = make(tmp_path / "evil", [(f"{number}", b"") for number in range(101)])
        naive(archive, tmp_path / "victim")
        assert len(list((tmp_path / "victim").iterdir())) == 101
        refuse(archive, tmp_path, "more than 100 entries", Limits(entries=100))

    def test_a_size_bomb(self, make: Callable[..., Path], naive: Callable[..., None], tmp_path: Path) -> None:
        kwargs = {"mode": "w:gz"} if make is tar_of else {}
        archive = make(tmp_path / "evil", [("zeros", bytes(8 << 20))], **kwargs)
        assert archive.stat().st_size < 20_000
        naive(archive, tmp_path / "victim")
        assert (tmp_path / "victim" / "zeros").stat().st_size == 8 << 20
        refuse(archive, tmp_path, "allowed for one of its size", Limits(always_allowed=1 << 20))

    def test_many_files_that_are_a_bomb_together(
        self, make: Callable[..., Path], naive: Callable[..., None], tmp_path: Path
    ) -> None:
        kwargs = {"mode": "w:gz"} if make is tar_of else {}
        archive = make(tmp_path / "evil", [(f"zeros{n}", bytes(1 << 20)) for n in range(8)], **kwargs)
        naive(archive, tmp_path / "victim")
        refuse(archive, tmp_path, "allowed for one of its size", Limits(always_allowed=4 << 20))

    @pytest.mark.parametrize(
        ("name", "match"),
        [
            ("n" * 256, "longer than 255 bytes"),
            ("/".join(["d" * 100] * 11), "longer than 1024 bytes"),
            ("/".join("d" * 40), "deeper than 32"),
            ("C:evil", "absolute path"),
            ("..\\..\\evil", "backslash"),
            ("line\nbreak", "control characters"),
            ("escape\x1b[2J", "control characters"),
        ],
        ids=["long part", "long path", "deep", "drive", "backslash", "newline", "escape"],
    )
    def test_names_nobody_needs(
        self, make: Callable[..., Path], naive: Callable[..., None], name: str, match: str, tmp_path: Path
    ) -> None:
        archive = make(tmp_path / "evil", [(name, b"x")])
        if "longer than 255" in match:
            with pytest.raises(OSError):
                naive(archive, tmp_path / "victim")
        else:
            naive(archive, tmp_path / "victim")
            assert [path for path in (tmp_path / "victim").rglob("*") if path.is_file()]
        refuse(archive, tmp_path, match)


def test_a_name_that_is_not_utf8(tmp_path: Path) -> None:
    archive = tar_of(tmp_path / "evil", [("\udcff\udcfe", b"x")], dialect=tarfile.USTAR_FORMAT)
    naive_untar(archive, tmp_path / "victim")
    assert os.listdir(os.fsencode(tmp_path / "victim")) == [b"\xff\xfe"]
    refuse(archive, tmp_path, "is not UTF-8")


def test_a_zip_name_with_a_nul_is_not_cut(tmp_path: Path) -> None:
    data = zip_of(tmp_path / "evil", [("safe.png_hidden", b"x")]).read_bytes()
    (tmp_path / "evil").write_bytes(data.replace(b"safe.png_hidden", b"safe.png\0hidden"))
    naive_unzip(tmp_path / "evil", tmp_path / "victim")
    assert [path.name for path in (tmp_path / "victim").iterdir()] == ["safe.png"]
    refuse(tmp_path / "evil", tmp_path, "control characters")


def test_writing_through_a_symbolic_link_in_a_tar(tmp_path: Path) -> None:
    (tmp_path / "outside").mkdir()
    link = special("link", tarfile.SYMTYPE, str(tmp_path / "outside"))
    archive = tar_of(tmp_path / "evil", [link, ("link/escaped", b"pwned")])
    naive_untar(archive, tmp_path / "victim")
    assert (tmp_path / "outside" / "escaped").read_bytes() == b"pwned"
    refuse(archive, tmp_path, "is a link")


def test_writing_through_a_symbolic_link_in_a_zip(tmp_path: Path) -> None:
    (tmp_path / "outside").mkdir()
    with zipfile.ZipFile(tmp_path / "evil", "w") as archive:
        link = zipfile.ZipInfo("link")
        link.external_attr = (stat.S_IFLNK | 0o777) << 16
        archive.writestr(link, str(tmp_path / "outside"))
        archive.writestr("link/escaped", b"pwned")
    naive_unzip(tmp_path / "evil", tmp_path / "victim")
    assert (tmp_path / "outside" / "escaped").read_bytes() == b"pwned"
    refuse(tmp_path / "evil", tmp_path, "is a link")


def test_a_hard_link_to_a_file_outside(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("secret")
    archive = tar_of(tmp_path / "evil", [special("stolen", tarfile.LNKTYPE, "../secret")])
    (tmp_path / "victim").mkdir()
    naive_untar(archive, tmp_path / "victim")
    assert (tmp_path / "victim" / "stolen").read_text() == "secret"
    refuse(archive, tmp_path, "is a link")


@pytest.mark.parametrize("kind", [tarfile.FIFOTYPE, tarfile.CHRTYPE, tarfile.BLKTYPE], ids=["fifo", "char", "block"])
def test_devices(kind: bytes, tmp_path: Path) -> None:
    archive = tar_of(tmp_path / "evil", [special("device", kind)])
    if kind == tarfile.FIFOTYPE or os.geteuid() == 0:
        naive_untar(archive, tmp_path / "victim")
        assert not (tmp_path / "victim" / "device").is_file()
    refuse(archive, tmp_path, "a device")


def test_a_zip_that_declares_less_than_it_holds(tmp_path: Path) -> None:
    """The directory says 10 bytes, the stream holds 8 MiB: a naive inflate of the stream takes them all."""
    archive = zip_of(tmp_path / "evil", [("zeros", bytes(8 << 20))])
    data = bytearray(archive.read_bytes())
    directory = data.rindex(b"PK\x01\x02")
    struct.pack_into("<I", data, directory + 24, 10)
    archive.write_bytes(data)
    with zipfile.ZipFile(archive) as opened:
        assert opened.infolist()[0].file_size == 10
    start = 30 + len("zeros")
    assert len(zlib.decompress(bytes(data[start:]), -15)) == 8 << 20
    refuse(archive, tmp_path, "damaged zip archive")


def test_a_tar_that_declares_more_than_it_holds(tmp_path: Path) -> None:
    header = tarfile.TarInfo("huge")
    header.size = 1 << 40
    (tmp_path / "evil").write_bytes(header.tobuf(tarfile.GNU_FORMAT) + bytes(10240))
    with tarfile.open(tmp_path / "evil") as opened:
        assert opened.next().size == 1 << 40  # type: ignore[union-attr]
    refuse(tmp_path / "evil", tmp_path, "declares 1099511627776 bytes or more")


def test_a_negative_size_in_a_tar(tmp_path: Path) -> None:
    header = bytearray(tarfile.TarInfo("negative").tobuf(tarfile.GNU_FORMAT))
    header[124:136] = b"\xff" * 12  # -1 in base 256
    header[148:156] = b" " * 8
    header[148:156] = b"%06o\0 " % sum(header)
    (tmp_path / "evil").write_bytes(header + bytes(1024))
    with tarfile.open(tmp_path / "evil") as opened:
        assert opened.getmembers()[0].size == -1
    refuse(tmp_path / "evil", tmp_path, "unknown kind")


def test_a_pax_header_that_is_a_bomb(tmp_path: Path) -> None:
    """64 MiB of header in a small file: tarfile would hold it in memory before anybody could look."""
    header = tarfile.TarInfo("pax")
    header.type, header.size = tarfile.XHDTYPE, 64 << 20
    with gzip.open(tmp_path / "evil", "wb") as file:
        file.write(header.tobuf(tarfile.USTAR_FORMAT))
        file.write(b"67108864 comment=" + b"a" * ((64 << 20) - 18) + b"\n")
        file.write(tarfile.TarInfo("file").tobuf() + bytes(1024))
    assert (tmp_path / "evil").stat().st_size < 100_000
    with tarfile.open(tmp_path / "evil") as opened:
        assert len(opened.getmembers()[0].pax_headers["comment"]) > 60_000_000
    refuse(tmp_path / "evil", tmp_path, "header of 67108864 bytes; 65536 are allowed")


def test_a_pax_header_cannot_rename_an_entry_out_of_the_archive(tmp_path: Path) -> None:
    entry = tarfile.TarInfo("innocent")
    entry.pax_headers = {"path": "../escaped"}
    with tarfile.open(tmp_path / "evil", "w", format=tarfile.PAX_FORMAT) as archive:
        archive.addfile(entry)
    (tmp_path / "victim" / "out").mkdir(parents=True)
    naive_untar(tmp_path / "evil", tmp_path / "victim" / "out")
    assert (tmp_path / "victim" / "escaped").exists()
    refuse(tmp_path / "evil", tmp_path, "leads out of the archive")


def test_a_global_header_cannot_rename_every_entry(tmp_path: Path) -> None:
    with tarfile.open(tmp_path / "evil", "w", format=tarfile.PAX_FORMAT, pax_headers={"path": "../escaped"}) as archive:
        archive.addfile(tarfile.TarInfo("innocent"))
    with tarfile.open(tmp_path / "evil") as opened:
        assert opened.getmembers()[0].pax_headers["path"] == "../escaped"
    refuse(tmp_path / "evil", tmp_path, "global header")


def test_an_encrypted_zip(tmp_path: Path) -> None:
    data = bytearray(zip_of(tmp_path / "evil", [("secret", b"x" * 50)]).read_bytes())
    for mark, offset in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        data[data.index(mark) + offset] |= 1
    (tmp_path / "evil").write_bytes(data)
    with pytest.raises(RuntimeError, match="encrypted"):
        naive_unzip(tmp_path / "evil", tmp_path / "victim")
    refuse(tmp_path / "evil", tmp_path, "is encrypted; send it without a password")


def test_a_zip_compressed_by_a_method_that_can_ask_for_any_memory(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "evil", "w", zipfile.ZIP_LZMA) as archive:
        archive.writestr("file", b"x")
    naive_unzip(tmp_path / "evil", tmp_path / "victim")
    refuse(tmp_path / "evil", tmp_path, "compression method 14; use deflate")


def test_an_xz_that_asks_for_too_much_memory(tmp_path: Path) -> None:
    filters = [{"id": lzma.FILTER_LZMA2, "preset": 0, "dict_size": 256 << 20}]
    with lzma.open(tmp_path / "evil", "wb", filters=filters) as file:
        file.write(tar_of(tmp_path / "plain", [("a", b"1")]).read_bytes())
    naive_untar(tmp_path / "evil", tmp_path / "victim")
    assert (tmp_path / "victim" / "a").exists()
    refuse(tmp_path / "evil", tmp_path, "[Mm]emory")


def test_a_zip_directory_of_too_many_entries_is_refused_before_it_is_read(tmp_path: Path) -> None:
    archive = zip_of(tmp_path / "evil", [(f"{number:06}", b"") for number in range(25_000)])
    with zipfile.ZipFile(archive) as opened:
        assert len(opened.infolist()) == 25_000
    refuse(archive, tmp_path, "bytes, too many for 100 entries", Limits(entries=100))
    os.rmdir(tmp_path / "jail")
    refuse(archive, tmp_path, "more than 20000 entries", Limits(entries=20_000))
