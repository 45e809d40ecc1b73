"""What workloads say is kept, within bounds."""

from pathlib import Path

import pytest

from bms.adapters.clusters import log_files
from bms.adapters.clusters.local import LocalCluster
from tests.contract.clusters.sights import MakeSpec, ended


async def test_a_workloads_words_are_kept_after_its_end(cluster: LocalCluster, make_spec: MakeSpec) -> None:
    await cluster.start(make_spec(print_bytes=2048, seconds=0))
    await ended(cluster, "wl_1")
    assert Path(cluster.directory("wl_1"), "workload.log").read_text() == ("x" * 1023 + "\n") * 2


async def test_a_log_is_cut_with_a_note(
    cluster: LocalCluster, make_spec: MakeSpec, monkeypatch: pytest.MonkeyPatch
) -> None:
    await cluster.start(make_spec(print_bytes=2 * log_files.LIMIT, seconds=0))
    await ended(cluster, "wl_1")
    log = Path(cluster.directory("wl_1"), "workload.log")
    assert log.stat().st_blocks * 512 <= log_files.LIMIT
    content, place = log_files.read(log, 0, log_files.LIMIT)
    assert b"were removed here]\nx" in content
    assert content.endswith(b"x\n")
    assert place == 2 * log_files.LIMIT
