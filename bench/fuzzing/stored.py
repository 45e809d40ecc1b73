"""What tenants upload: TFRecord files and archives."""

import io
import shutil
import struct
import tarfile
import zipfile
from pathlib import Path

import numpy as np
from google_crc32c import value as crc32c

from bms.adapters.datasets.tfrecord.records import read_records, write_records
from bms.adapters.objects.archives import unpack
from bms.adapters.objects.extraction import Limits
from bms.core.formats.example_codec import decode_example, encode_example
from fuzzing.private import scratch
from fuzzing.target import Decoder, taking

_EXAMPLES = [
    encode_example({"bytes": [b"a", b""], "floats": np.arange(4, dtype=np.float32), "ints": np.array([-1, 1 << 40])}),
    encode_example({"none": None, "many": np.arange(200)}),
]
_LIMITS = Limits(entries=20, total=1 << 20, always_allowed=1 << 20)


def decoders() -> list[Decoder]:
    return [
        Decoder("tf.train.Example", taking(decode_example), _EXAMPLES),
        Decoder("TFRecord", _records, _records_seeds(), repair=_checksummed),
        Decoder("archive", _archive, _archives(), repair=_tar_repaired),
    ]


def _records(data: bytes) -> bool:
    path, found = scratch("records"), False
    path.write_bytes(data)
    try:
        for record in read_records(path, 1 << 20):
            decode_example(record)
            found = True
    finally:
        path.unlink()
    return found


def _records_seeds() -> list[bytes]:
    path = scratch("records")
    write_records(path, [*_EXAMPLES, b""])
    try:
        return [path.read_bytes()]
    finally:
        path.unlink()


def _checksummed(data: bytes) -> bytes:
    """The same frames with right checksums, for as far as they can be followed; else all is found at the first one."""
    out, at = bytearray(data), 0
    while at + 12 <= len(out):
        (length,) = struct.unpack_from("<Q", out, at)
        struct.pack_into("<I", out, at + 8, _masked(bytes(out[at : at + 8])))
        if length > len(out) - at - 16:
            break
        end = at + 12 + length
        struct.pack_into("<I", out, end, _masked(bytes(out[at + 12 : end])))
        at = end + 4
    return bytes(out)


def _masked(data: bytes) -> int:
    crc: int = crc32c(data)
    return ((crc >> 15 | crc << 17) + 0xA282EAD8) & 0xFFFFFFFF


def _archive(data: bytes) -> bool:
    """Nothing is left of one that is refused, and nothing lies beside what was unpacked of one that is not."""
    folder = scratch("archive")
    folder.mkdir()
    archive, target = folder / "archive", folder / "files"
    archive.write_bytes(data)
    try:
        unpack(archive, target, _LIMITS)
        return True
    finally:
        beside = [path.name for path in folder.iterdir() if path not in (archive, target)]
        links = [path for path in folder.rglob("*") if path.is_symlink() or not (path.is_file() or path.is_dir())]
        shutil.rmtree(folder)
        assert not beside, beside
        assert not links, links


def _archives() -> list[bytes]:
    out = []
    for mode in ("w", "w:gz", "w:xz", "w:bz2"):
        held = io.BytesIO()
        with tarfile.open(fileobj=held, mode=mode, format=tarfile.PAX_FORMAT) as tar:  # type: ignore[call-overload]
            for name, content in (("model/é.bin", b"abc"), ("model/" + "d/" * 10 + "b", b""), ("c", b"x" * 600)):
                entry = tarfile.TarInfo(name)
                entry.size = len(content)
                tar.addfile(entry, io.BytesIO(content))
        out.append(held.getvalue())
    for compression in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        held = io.BytesIO()
        with zipfile.ZipFile(held, "w", compression) as zipped:
            zipped.writestr("model/a.bin", b"abc" * 100)
            zipped.writestr(str(Path("b")), b"")
        out.append(held.getvalue())
    return out


def _tar_repaired(data: bytes) -> bytes:
    """The checksum of a plain tar's heads, which are looked for where each block of 512 bytes begins."""
    if data[257:262] != b"ustar":
        return data
    out = bytearray(data)
    for at in range(0, len(out) - 511, 512):
        if out[at + 257 : at + 262] == b"ustar":
            out[at + 148 : at + 156] = b" " * 8
            out[at + 148 : at + 156] = b"%06o\0 " % sum(out[at : at + 512])
    return bytes(out)
