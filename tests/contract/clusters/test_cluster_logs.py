"""What workloads say is kept, within bounds."""

import pytest

from bms.adapters.clusters import log_files
from bms.control.platform.clusters import Cluster
from bms.control.platform.workload_files import FilePiece
from tests.contract.clusters.sights import MakeSpec, ended, said


async def test_a_workloads_words_are_kept_after_its_end(cluster: Cluster, make_spec: MakeSpec) -> None:
    await cluster.start(make_spec(print_bytes=2048, seconds=0))
    await ended(cluster, "wl_1")
    assert (await said(cluster, "wl_1")).splitlines()[1:3] == ["x" * 1023] * 2


async def test_a_log_is_cut_with_a_note(cluster: Cluster, make_spec: MakeSpec, monkeypatch: pytest.MonkeyPatch) -> None:
    await cluster.start(make_spec(print_bytes=2 * log_files.LIMIT, seconds=0))
    await ended(cluster, "wl_1")
    extent = await cluster.files.extent("wl_1", "console")
    assert extent is not None
    assert extent.end - extent.begin <= log_files.LIMIT
    assert extent.end > 2 * log_files.LIMIT
    first = await cluster.files.read("wl_1", "console", 0, 10)
    assert first == FilePiece(b"x" * 10, extent.begin, first.note if first else b"")
    assert first.note.endswith(f"its first {extent.begin} bytes were removed here]\n".encode())
    last = await cluster.files.read("wl_1", "console", extent.end - 10, 100)
    assert last is not None
    assert (last.next, last.note, last.content[-6:]) == (extent.end, b"", b"ready\n"[-6:])
