"""When a session's memory is given back: decisions, then the memory itself."""

from pathlib import Path

import pytest

from bms.adapters.runtimes.onnx.session import LARGE, ArenaPolicy
from tests.worlds.model_servers import mlp_config, rows, started


def given_back(arena: ArenaPolicy, *sizes: int) -> list[int]:
    """The places of the runs that give memory back."""
    return [place for place, size in enumerate(sizes) if arena.gives_back(size)]


def test_small_runs_have_nothing_to_give_back() -> None:
    assert given_back(ArenaPolicy(), *[1000] * 2000) == []


def test_once_large_runs_have_stayed_away_a_small_one_gives_back_what_they_needed() -> None:
    arena = ArenaPolicy()
    assert given_back(arena, LARGE, *[1000] * 1000) == [256]
    assert given_back(arena, *[1000] * 1000) == []


def test_as_long_as_large_runs_come_they_keep_what_they_need() -> None:
    assert given_back(ArenaPolicy(), *([LARGE] + [1000] * 200) * 20) == []


def test_what_is_large_is_large_beside_the_largest() -> None:
    assert given_back(ArenaPolicy(), LARGE * 100, *[LARGE] * 300) == [256]


@pytest.mark.parametrize("large", [300_000])
def test_a_model_server_gives_a_large_batch_s_memory_back(tmp_path: Path, large: int) -> None:
    with started(mlp_config(tmp_path)) as server:
        client = server.ready()
        client.infer(rows(1))
        before = client.status().memory
        client.infer(rows(large))
        after = client.status().memory
        for _ in range(300):
            client.infer(rows(1))
        assert after - before > 100 << 20
        assert client.status().memory < before + (after - before) / 2
