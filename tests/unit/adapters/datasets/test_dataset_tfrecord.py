"""TFRecord files: round trips, known bytes, and every kind of damage."""

import gzip
import random
import tracemalloc
from pathlib import Path

import pytest
from google_crc32c import value as crc32c
from hypothesis import given, settings
from hypothesis import strategies as st

from bms.adapters.datasets.tfrecord.records import (
    RecordWriter,
    masked_crc32c,
    read_batches,
    read_records,
    write_records,
)
from bms.core.errors import BmsError, DataLoss, InvalidArgument, PayloadTooLarge
from tests.sizes import enough


@settings(max_examples=enough(20, 100), deadline=None)
@given(records=st.lists(st.binary(max_size=300), max_size=20))
def test_what_was_written_is_read(records: list[bytes], tmp_path_factory: pytest.TempPathFactory) -> None:
    path = tmp_path_factory.getbasetemp() / "round.tfrecord"
    assert write_records(path, records) == len(records)
    assert list(read_records(path)) == records


def test_checksums_are_castagnolis_masked() -> None:
    """The vectors of RFC 3720, B.4, and the mask of tensorflow/core/lib/hash/crc32c.h by hand."""
    assert crc32c(bytes(32)) == 0x8A9136AA
    assert crc32c(b"\xff" * 32) == 0x62A8AB43
    assert masked_crc32c(bytes(32)) == (((0x8A9136AA >> 15) | (0x8A9136AA << 17)) + 0xA282EAD8) % (1 << 32)


def test_the_bytes_are_those_that_tensorflow_writes(tmp_path: Path) -> None:
    """Written once by tf.io.TFRecordWriter of TensorFlow 2.21.0: the records b"", b"hello", bytes(range(20))."""
    write_records(tmp_path / "ours", [b"", b"hello", bytes(range(20))])
    assert (tmp_path / "ours").read_bytes().hex() == TENSORFLOW_WROTE


TENSORFLOW_WROTE = (
    "000000000000000029039807d8ea82a20500000000000000eab2043e68656c6c6fbb1f1c1914000000000000005e3d291500"
    "0102030405060708090a0b0c0d0e0f10111213cb83507a"
)


def test_batches_hold_all_records_in_order(tmp_path: Path) -> None:
    records = [bytes((number,)) for number in range(25)]
    write_records(tmp_path / "f", records)
    assert [len(batch) for batch in read_batches(tmp_path / "f", 10)] == [10, 10, 5]
    assert [record for batch in read_batches(tmp_path / "f", 10) for record in batch] == records


def test_an_empty_file_holds_no_records(tmp_path: Path) -> None:
    (tmp_path / "f").touch()
    assert list(read_records(tmp_path / "f")) == []


@pytest.fixture
def three(tmp_path: Path) -> Path:
    """Records of 10, 20 and 30 bytes: frames at bytes 0, 26 and 62; 108 in all."""
    path = tmp_path / "three.tfrecord"
    write_records(path, [b"a" * 10, b"b" * 20, b"c" * 30])
    return path


def damaged(path: Path, place: int, change: bytes) -> Path:
    data = bytearray(path.read_bytes())
    data[place : place + len(change)] = change
    path.write_bytes(data)
    return path


def test_records_before_the_damage_are_read(three: Path) -> None:
    records = read_records(damaged(three, 62 + 12, b"X"))
    assert [next(records), next(records)] == [b"a" * 10, b"b" * 20]
    with pytest.raises(DataLoss, match=r"three\.tfrecord: record 2 at byte 62: the data's checksum is wrong"):
        next(records)


@pytest.mark.parametrize(
    ("place", "match"),
    [
        (26, "record 1 at byte 26: the length's checksum"),
        (26 + 8, "record 1 at byte 26: the length's checksum"),
        (26 + 12, "record 1 at byte 26: the data's checksum"),
        (26 + 32, "record 1 at byte 26: the data's checksum"),
    ],
    ids=["length", "length's checksum", "data", "data's checksum"],
)
def test_damage_is_noticed_wherever_it_is(three: Path, place: int, match: str) -> None:
    with pytest.raises(DataLoss, match=match):
        list(read_records(damaged(three, place, b"\xee")))


@pytest.mark.parametrize("size", range(1, 108))
def test_a_file_cut_short_anywhere_is_noticed(three: Path, size: int) -> None:
    three.write_bytes(three.read_bytes()[:size])
    if size in (26, 62):  # between two records: what is there is whole
        assert len(list(read_records(three))) == (1 if size == 26 else 2)
        return
    with pytest.raises(DataLoss, match="is cut short"):
        list(read_records(three))


def frame(length: int) -> bytes:
    header = length.to_bytes(8, "little")
    return header + masked_crc32c(header).to_bytes(4, "little")


@pytest.mark.parametrize("length", [1 << 30, 1 << 40, (1 << 64) - 1, (1 << 63) + 5])
def test_a_huge_length_with_a_right_checksum_takes_no_memory(tmp_path: Path, length: int) -> None:
    (tmp_path / "bomb").write_bytes(frame(length) + bytes(100))
    tracemalloc.start()
    with pytest.raises(PayloadTooLarge, match=f"record 0 at byte 0 has {length} bytes; 268435456 are allowed"):
        list(read_records(tmp_path / "bomb"))
    assert tracemalloc.get_traced_memory()[1] < 4 << 20
    tracemalloc.stop()


def test_a_length_beyond_the_files_end_takes_no_memory(tmp_path: Path) -> None:
    (tmp_path / "bomb").write_bytes(frame(200 << 20) + bytes(100))
    with pytest.raises(DataLoss, match="cut short: 209715200 bytes declared"):
        list(read_records(tmp_path / "bomb"))


def test_a_compressed_file_says_so(tmp_path: Path) -> None:
    (tmp_path / "f.tfrecord").write_bytes(gzip.compress(b"x" * 100))
    with pytest.raises(InvalidArgument, match=r"f\.tfrecord is compressed"):
        list(read_records(tmp_path / "f.tfrecord"))


def test_whatever_bytes_change_only_our_errors_come_out_and_no_wrong_record(three: Path) -> None:
    generator = random.Random(3)
    whole, right = three.read_bytes(), list(read_records(three))
    for _ in range(2000):
        data = bytearray(whole)
        for _ in range(generator.randint(1, 3)):
            data[generator.randrange(len(data))] ^= 1 << generator.randrange(8)
        three.write_bytes(data)
        read = []
        try:
            for record in read_records(three):
                read.append(record)
        except BmsError:
            assert read == right[: len(read)]
        else:
            assert bytes(data) == whole


def test_a_writer_counts_its_records(tmp_path: Path) -> None:
    with RecordWriter(tmp_path / "f") as writer:
        writer.write(b"1")
        writer.write(b"2")
        assert writer.rows == 2
