"""Cores are spread, and threads are as many."""

import pytest

from bms.adapters.clusters.resources.limits import choose_cores, threads


@pytest.mark.parametrize(
    ("cpu", "allowed", "taken", "chosen"),
    [
        (1, [0, 1], [], (0,)),
        (1, [0, 1], [(0,)], (1,)),
        (1, [0, 1], [(0,), (1,)], (0,)),
        (0.5, [0, 1, 2], [(0, 1)], (2,)),
        (1.5, [0, 1, 2, 3], [(0,), (2,)], (1, 3)),
        (2, [0, 1], [(0,)], (0, 1)),
        (8, [2, 5], [], (2, 5)),
        (1, [4, 6], [(0,), (4,)], (6,)),
    ],
)
def test_the_least_loaded_cores_are_chosen(
    cpu: float, allowed: list[int], taken: list[tuple[int, ...]], chosen: tuple[int, ...]
) -> None:
    assert choose_cores(cpu, allowed, taken) == chosen


@pytest.mark.parametrize(("cpu", "count"), [(0.1, 1), (1, 1), (1.2, 2), (4, 4)])
def test_threads_are_cores_rounded_up(cpu: float, count: int) -> None:
    assert threads(cpu) == count
