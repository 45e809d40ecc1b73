"""Models come and go a thousand times: the platform's own processes do not grow, and nothing is left behind."""

import json
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import numpy as np
import pytest

from bms.app.supervisor.memory import resident
from bms.sdk.deployments import Target
from tests.sizes import enough
from tests.worlds.whole_platform import DATA, WholePlatform, deploy, push, until, whole_platform

GROWTH = 20_000_000  # bytes
WARM_UP = enough(4, 40)  # cycles until caches are full
NAMES = ("red", "green", "blue", "grey")


@pytest.fixture
def rows() -> bytes:
    with np.load(DATA / "digits.npz") as data:
        return np.asarray(data["x"][:2], np.float32).tobytes()


def cycles(platform: WholePlatform, name: str, count: int, rows: bytes) -> Counter[int]:
    """Loads, asks and unloads one deployment `count` times; the statuses of its answers."""
    seen: Counter[int] = Counter()
    x = {"name": "x", "datatype": "FP32", "shape": [2, 64], "parameters": {"binary_data_size": len(rows)}}
    head = json.dumps({"inputs": [x]})
    headers = {"authorization": f"Bearer {platform.key}"}
    with httpx.Client(base_url=platform.url, headers=headers, timeout=60, trust_env=False) as http:
        for _ in range(count):
            seen[http.post(f"/v2/repository/models/{name}/load").status_code] += 1
            answer = http.post(
                f"/v2/models/{name}/infer",
                content=head.encode() + rows,
                headers={"inference-header-content-length": str(len(head))},
            )
            seen[answer.status_code] += 1
            seen[http.post(f"/v2/repository/models/{name}/unload").status_code] += 1
    return seen


def all_cycles(platform: WholePlatform, count: int, rows: bytes) -> Counter[int]:
    each = count // len(NAMES)
    with ThreadPoolExecutor(len(NAMES)) as pool:
        return sum(pool.map(lambda name: cycles(platform, name, each, rows), NAMES), Counter[int]())


def own_memory(platform: WholePlatform) -> dict[str, int]:
    """Bytes by process, model servers and jobs left out."""
    names = ("supervisor", "control", "gateway")
    return {one.name: one.memory for one in resident(platform.place) if one.name.startswith(names)}


def files(platform: WholePlatform) -> set[str]:
    """Below the home, the database and logs left out: they grow with what was done, not with what is there."""
    grown = ("database", "bms.db", "logs", "journal")
    paths = (path.relative_to(platform.home) for path in platform.home.rglob("*") if path.is_file())
    return {str(path) for path in paths if not str(path).startswith(grown)}


@pytest.mark.parametrize(
    "count",
    [
        pytest.param(4, marks=pytest.mark.timeout(240)),
        pytest.param(1000, marks=[pytest.mark.long, pytest.mark.timeout(2400)]),
    ],
)
def test_loading_and_unloading_leaves_no_growth_no_process_and_no_file(tmp_path: Path, rows: bytes, count: int) -> None:
    with whole_platform(tmp_path) as platform:
        with platform.client() as client:
            push(client, "digits")
            for name in NAMES:
                deploy(client, name, "digits", Target(version=1))
        assert all_cycles(platform, WARM_UP, rows).keys() == {200}
        settled(platform)
        memory, left, running = own_memory(platform), files(platform), len(platform.processes())
        assert memory.keys() >= {"supervisor", "control", "gateway-0"}
        seen = all_cycles(platform, count, rows)
        assert seen == {200: 3 * count}
        settled(platform)
        grown = {name: size - memory[name] for name, size in own_memory(platform).items()}
        print(f"{count} cycles: {grown}")
        assert sum(grown.values()) <= GROWTH, grown
        assert files(platform) - left == set()
        assert len(platform.processes()) == running


def settled(platform: WholePlatform) -> None:
    """Every replica has ended, and its process is forgotten."""
    until(lambda: not list((platform.home / "run" / "workloads").iterdir()), "the last workload is forgotten")
