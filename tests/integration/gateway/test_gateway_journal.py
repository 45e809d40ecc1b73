"""The usage journal and its shipper on real files."""

import asyncio
import os
import resource
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bms.adapters.journal.lives import is_over, read_runs, segments
from bms.adapters.journal.records import HEADER, pack, scan
from bms.adapters.journal.shipper import Shipper
from bms.adapters.journal.writer import Journal, segment_path
from bms.core.errors import Unavailable
from bms.core.usage import UsageEvent, UsageRun, events_of, quantities
from bms.serving.traffic.metering import Usage

USAGE: Usage = (1, "acme", "k", "d", "m", 1, "r", 200, 1, 10, 20, 30, 5, 40, 7)


FORMER = Path(__file__).parents[2] / "data" / "usage"


def events(directory: Path) -> list[UsageEvent]:
    return [
        event
        for segment in segments(directory)
        for event in decoded(segment.source, read_runs(segment.path, 0, 10**7).records)
    ]


def decoded(source: str, runs: list[bytes]) -> list[UsageEvent]:
    return events_of(source, (msgspec.msgpack.decode(run, type=UsageRun) for run in runs))


class Control:
    """The other end: commits once per (source, seq), and answers as the test wants."""

    def __init__(self) -> None:
        self.books: dict[tuple[str, int], UsageEvent] = {}
        self.sent: list[tuple[str, int]] = []
        self.lose = 0  # so many acknowledgements
        self.repeat = 1
        self.connected = True
        self.shipper: Shipper | None = None

    def __call__(self, source: str, runs: list[bytes]) -> bool:
        if not self.connected:
            return False
        batch = decoded(source, runs)
        self.sent.append((source, len(batch)))
        assert [event.seq for event in batch] == list(range(batch[0].seq, batch[0].seq + len(batch)))
        for event in batch:
            assert self.books.setdefault((source, event.seq), event) == event
        if self.lose:
            self.lose -= 1
            return True
        assert self.shipper is not None
        for _ in range(self.repeat):
            asyncio.get_running_loop().call_soon(self.shipper.acknowledged, source, batch[-1].seq)
        return True

    def seqs(self, source: str) -> list[int]:
        return sorted(seq for each, seq in self.books if each == source)


@contextmanager
def shipping(journal: Journal, control: Control, **options: float) -> Iterator[Shipper]:
    shipper = Shipper(journal, control, batch=500, gather_s=0.0, **{"resend_s": 0.05, **options})  # type: ignore[arg-type]
    control.shipper = shipper
    task = asyncio.get_running_loop().create_task(shipper.run())
    try:
        yield shipper
    finally:
        task.cancel()


async def until(true: object) -> None:
    async with asyncio.timeout(10):
        while not true():  # type: ignore[operator]
            await asyncio.sleep(0.005)


def test_events_are_numbered_without_gaps_over_segments(tmp_path: Path) -> None:
    journal = Journal(tmp_path, "gw_1", segment_bytes=300)
    for _ in range(5):
        journal.write([USAGE] * 3)
    assert [(event.source, event.seq) for event in events(tmp_path)] == [("gw_1", n) for n in range(1, 16)]
    assert len(segments(tmp_path)) > 1
    assert events(tmp_path)[0] == UsageEvent("gw_1", 1, *USAGE)
    assert all(segment.path.stat().st_mode & 0o077 == 0 for segment in segments(tmp_path))


def test_a_disk_that_takes_only_a_part_keeps_none_of_it_and_no_gap(tmp_path: Path) -> None:
    journal = Journal(tmp_path, "gw_1")
    journal.write([USAGE])
    kept = journal.size
    limit = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (kept + 20, limit[1]))
    try:
        for _ in range(2):  # part of a record fits, then none
            with pytest.raises(Unavailable, match="nothing billed"):
                journal.write([USAGE, USAGE])
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limit)
    assert segments(tmp_path)[0].path.stat().st_size == kept
    journal.write([USAGE])
    assert [event.seq for event in events(tmp_path)] == [1, 2]


def test_a_directory_that_went_away_is_refused_and_not_forgotten(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "j", "gw_1")
    for path in (tmp_path / "j").iterdir():
        path.unlink()
    (tmp_path / "j").rmdir()
    with pytest.raises(Unavailable):
        journal.write([USAGE])
    (tmp_path / "j").mkdir()
    journal.write([USAGE])
    assert [event.seq for event in events(tmp_path / "j")] == [1]


@given(st.lists(st.binary(min_size=1, max_size=50), max_size=8), st.data())
def test_any_tail_that_is_torn_off_costs_only_the_record_it_is_in(records: list[bytes], data: st.DataObject) -> None:
    whole = b"".join(pack(record) for record in records)
    cut = data.draw(st.integers(0, len(whole)))
    found = scan(whole[:cut])
    assert found.records == records[: len(found.records)]
    ends = [len(b"".join(pack(record) for record in records[:n])) for n in range(len(records) + 1)]
    assert found.end == max(end for end in ends if end <= cut)
    assert found.torn == (cut not in ends)


def test_a_turn_of_any_size_is_written(tmp_path: Path) -> None:
    journal = Journal(tmp_path, "gw_1")
    for size in (1, 499, 500, 501, 20_000):
        journal.write([USAGE] * size)
    assert [event.seq for event in events(tmp_path)] == list(range(1, journal.seq + 1))
    assert journal.seq == 21_501
    assert journal.size == segments(tmp_path)[0].path.stat().st_size


@given(st.integers(1, 3000), st.lists(st.integers(1, 40), min_size=1, max_size=8))
def test_a_segment_is_read_whole_in_pieces_of_any_size(
    tmp_path_factory: pytest.TempPathFactory, size: int, turns: list[int]
) -> None:
    journal = Journal(tmp_path_factory.mktemp("journal"), "gw_1")
    for turn in turns:
        journal.write([USAGE] * turn)
    path, offset, seen = segment_path(journal.directory, "gw_1", 0), 0, 0
    while (found := read_runs(path, offset, size)).records:
        seen += len(decoded("gw_1", found.records))
        assert not found.torn
        offset = found.end
    assert (seen, offset) == (sum(turns), journal.size)
    journal.close()


def test_a_tail_is_torn_whatever_is_read_at_a_time(tmp_path: Path) -> None:
    journal = Journal(tmp_path, "gw_1")
    journal.write([USAGE] * 9)
    journal.write([USAGE] * 9)
    path = segment_path(tmp_path, "gw_1", 0)
    os.truncate(path, journal.size - 1)
    first = read_runs(path, 0, 1 << 20)
    assert (len(first.records), first.torn) == (1, True)
    for size in (1, 8, 50, journal.size):
        assert read_runs(path, first.end, size) == ([], first.end, True)


def test_a_damaged_record_is_a_torn_tail_whatever_is_read_at_a_time(tmp_path: Path) -> None:
    path = tmp_path / "gw_1.00000000.seg"
    path.write_bytes(HEADER.pack(3, 0) + bytes(100))
    for size in (1, 50, 1000):
        assert read_runs(path, 0, size) == ([], 0, True)


def test_a_length_out_of_reach_is_a_torn_tail(tmp_path: Path) -> None:
    path = tmp_path / "gw_1.00000000.seg"
    path.write_bytes(HEADER.pack(0xFFFFFFFF, 0) + bytes(100))
    for size in (1, 50, 1000):
        assert read_runs(path, 0, size) == ([], 0, True)


def test_a_stretch_of_zeros_is_no_record() -> None:
    assert scan(pack(b"a") + bytes(4096)) == ([b"a"], len(pack(b"a")), True)


@given(st.lists(st.binary(min_size=1, max_size=50), min_size=1, max_size=4), st.data())
def test_a_changed_byte_is_never_taken_for_a_record(records: list[bytes], data: st.DataObject) -> None:
    whole = bytearray(b"".join(pack(record) for record in records))
    at = data.draw(st.integers(0, len(whole) - 1))
    whole[at] ^= 1 << data.draw(st.integers(0, 7))
    found = scan(bytes(whole))
    assert found.records == records[: len(found.records)]
    assert len(found.records) < len(records)


async def test_what_is_written_is_shipped_once_and_its_segments_removed(tmp_path: Path) -> None:
    journal, control = Journal(tmp_path, "gw_1", segment_bytes=1000), Control()
    with shipping(journal, control) as shipper:
        shipper.connected()
        for _ in range(10):
            journal.write([USAGE] * 7)
            await asyncio.sleep(0)
        await until(lambda: not shipper.unshipped)
        await until(lambda: len(segments(tmp_path)) <= 1)
        assert control.seqs("gw_1") == list(range(1, 71))
        assert sum(size for _, size in control.sent) == 70
        assert await shipper.drain(1.0)
    journal.close()
    shipper.remove_own()
    assert list(tmp_path.iterdir()) == []


async def test_lost_and_repeated_acknowledgements_lose_and_double_nothing(tmp_path: Path) -> None:
    journal, control = Journal(tmp_path, "gw_1"), Control()
    control.lose, control.repeat = 3, 2
    with shipping(journal, control) as shipper:
        shipper.connected()
        for _ in range(35):
            journal.write([USAGE])
        await until(lambda: not shipper.unshipped)
    assert control.seqs("gw_1") == list(range(1, 36))
    assert sum(size for _, size in control.sent) > 35


async def test_a_broken_connection_sends_again_what_was_not_acknowledged(tmp_path: Path) -> None:
    journal, control = Journal(tmp_path, "gw_1"), Control()
    control.lose = 1
    with shipping(journal, control, resend_s=60.0) as shipper:
        shipper.connected()
        journal.write([USAGE] * 5)
        await until(lambda: control.sent)
        control.connected = False
        shipper.lost()
        journal.write([USAGE] * 5)
        assert not await shipper.drain(0.05)
        control.connected = True
        shipper.connected()
        await until(lambda: not shipper.unshipped)
    assert control.seqs("gw_1") == list(range(1, 11))


async def test_former_lives_are_shipped_with_their_torn_tails_cut(tmp_path: Path) -> None:
    for life in ("gw_1", "gw_2"):
        former = Journal(tmp_path, life, segment_bytes=500)
        former.write([USAGE] * 12)
        former.close()
    last = segments(tmp_path)[-1].path
    with last.open("ab") as file:
        file.write(pack(b"never whole")[:-3])
    journal, control = Journal(tmp_path, "gw_3"), Control()
    with shipping(journal, control) as shipper:
        shipper.connected()
        journal.write([USAGE])
        await until(lambda: not shipper.unshipped)
        await until(lambda: [path.name for path in tmp_path.iterdir() if "gw_3" not in path.name] == [])
    assert [control.seqs(life) for life in ("gw_1", "gw_2", "gw_3")] == [list(range(1, 13))] * 2 + [[1]]
    assert control.sent[0][0] == "gw_1"


async def test_segments_of_one_event_a_record_are_shipped_too(tmp_path: Path) -> None:
    written = [UsageEvent("gw_1", seq, *USAGE[:12]) for seq in range(1, 26)]
    records = [pack(msgspec.msgpack.encode(msgspec.structs.astuple(event)[:14])) for event in written]
    (tmp_path / "gw_1.00000000.seg").write_bytes(b"".join(records))
    journal, control = Journal(tmp_path, "gw_2"), Control()
    with shipping(journal, control) as shipper:
        shipper.connected()
        await until(lambda: control.seqs("gw_1") == list(range(1, 26)))
        await until(lambda: not list(tmp_path.glob("gw_1.*")))
    assert [control.books["gw_1", event.seq] for event in written] == written


def test_a_request_with_further_meters_is_read_as_it_was_written(tmp_path: Path) -> None:
    journal = Journal(tmp_path, "gw_1")
    tokens = (*USAGE, (("input_tokens", 12), ("output_tokens", 300)))
    journal.write([USAGE, tokens])  # type: ignore[list-item]
    assert events(tmp_path) == [UsageEvent("gw_1", 1, *USAGE), UsageEvent("gw_1", 2, *tokens)]
    assert quantities(events(tmp_path)[1])["output_tokens"] == 300


@pytest.mark.parametrize("name", ["runs.seg", "events.seg"])
async def test_segments_that_former_releases_wrote_are_shipped_as_they_were(tmp_path: Path, name: str) -> None:
    shutil.copy(FORMER / name, tmp_path / "gw_old.00000000.seg")
    journal, control = Journal(tmp_path, "gw_2"), Control()
    with shipping(journal, control) as shipper:
        shipper.connected()
        await until(lambda: control.seqs("gw_old") == list(range(1, 13)))
    written = msgspec.json.decode((FORMER / "events.json").read_bytes())
    found = [control.books["gw_old", one["seq"]] for one in written]
    assert [{field: getattr(event, field) for field in written[0]} for event in found] == written


async def test_a_record_of_no_version_stops_neither_its_gateway_nor_what_others_left(tmp_path: Path) -> None:
    former = Journal(tmp_path, "gw_1")
    former.write([USAGE] * 3)
    former.close()
    with segments(tmp_path)[0].path.open("ab") as file:
        file.write(pack(msgspec.msgpack.encode({"from": "the future"})))
    (tmp_path / "gw_1.00000001.seg").write_bytes(pack(msgspec.msgpack.encode((5, [USAGE]))))
    other = Journal(tmp_path, "gw_2")
    other.write([USAGE])
    other.close()
    journal, control = Journal(tmp_path, "gw_3"), Control()
    with shipping(journal, control) as shipper:
        shipper.connected()
        journal.write([USAGE])
        await until(lambda: control.seqs("gw_2") == [1] and control.seqs("gw_3") == [1])
    assert control.seqs("gw_1") == [1, 2, 3]
    assert sorted(path.name for path in tmp_path.glob("gw_1.*.*")) == [
        "gw_1.00000000.unreadable", "gw_1.00000001.unreadable",
    ]  # fmt: skip
    assert shipper.unreadable == 2


async def test_a_life_that_goes_on_elsewhere_is_left_alone(tmp_path: Path) -> None:
    program = (
        "import sys, pathlib; from bms.adapters.journal.writer import Journal;"
        f"j = Journal(pathlib.Path({str(tmp_path)!r}), 'gw_1'); j.write([{USAGE!r}]);"
        "print('ready', flush=True); sys.stdin.read()"
    )
    other = subprocess.Popen([sys.executable, "-c", program], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    try:
        assert other.stdout is not None
        assert other.stdout.readline() == b"ready\n"
        assert not is_over(tmp_path, "gw_1")
        journal, control = Journal(tmp_path, "gw_2"), Control()
        with shipping(journal, control) as shipper:
            shipper.connected()
            journal.write([USAGE])
            await until(lambda: not shipper.unshipped)
            assert control.seqs("gw_1") == []
            os.kill(other.pid, 9)
            other.wait()
            assert is_over(tmp_path, "gw_1")
            shipper.lost()
            shipper.connected()
            await until(lambda: control.seqs("gw_1") == [1])
    finally:
        other.kill()
        other.wait()
