"""An alias moves between versions under constant load: nobody fails, nobody is answered by a version gone by."""

import time
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import msgspec
import numpy as np
import pytest

from bms.sdk import Client
from bms.sdk.deployments import Target
from bms.sdk.tenants import NewKey
from tests.peers.load import Answer, Load
from tests.worlds.platforms import RealPlatform
from tests.worlds.whole_platform import DATA, WholePlatform, deploy, mirrored, new_key, push, until

MODEL, ALIAS = "digits", "production"
WARM_S = 3600.0
INFER_PATH = f"/v2/models/{MODEL}/infer"


class Move(NamedTuple):
    """The alias was told to lead to `version` at `told`; at `settled` every client had an answer from there."""

    version: int
    told: float
    settled: float


@pytest.fixture(scope="module")
def platform(tenant: RealPlatform, tmp_path_factory: pytest.TempPathFactory) -> RealPlatform:
    """Of two gateways."""
    with tenant.client() as client:
        push(client, MODEL)
        push(client, MODEL, mirrored(tmp_path_factory.mktemp("switches")))
        client.models.move_alias(MODEL, ALIAS, 1)
    return tenant


@pytest.fixture
def client(platform: RealPlatform) -> Iterator[Client]:
    with platform.client() as opened:
        yield opened


@pytest.fixture
def key(platform: RealPlatform) -> NewKey:
    return new_key(platform, "load", scopes=frozenset({"inference:invoke"}))


def _body() -> tuple[bytes, int]:
    """One row of the test data, as OIP JSON, and its label by version 1."""
    with np.load(DATA / "digits.npz") as data:
        row, label = data["x"][:1], int(data["y"][0])
    tensor = {"name": "x", "datatype": "FP32", "shape": [1, 64], "data": row.ravel().tolist()}
    return msgspec.json.encode({"inputs": [tensor]}), label


def _load(platform: RealPlatform, key: NewKey) -> Load:
    return Load(platform.url, key.text, INFER_PATH, _body()[0])


def _move(client: Client, load: Load, version: int) -> Move:
    """Moves the alias, and waits until each of the load's clients was answered by the version it leads to."""
    told = time.monotonic()
    client.models.move_alias(MODEL, ALIAS, version)
    return _settled(load, version, told)


def _settled(load: Load, version: int, told: float) -> Move:
    def all_there(answers: Sequence[Answer]) -> bool:
        last = {answer.connection: answer.version for answer in answers if not answer.failed}
        return len(last) == load.connections and set(last.values()) == {version}

    load.wait(all_there, told)
    return Move(version, told, time.monotonic())


def _warm(client: Client) -> None:
    """Both versions loaded, version 1 serving; both stay loaded from here on."""
    client.models.move_alias(MODEL, ALIAS, 1)
    deploy(client, MODEL, MODEL, Target(alias=ALIAS), keep_previous_s=WARM_S)
    for version in (2, 1):
        client.models.move_alias(MODEL, ALIAS, version)
        until(lambda version=version: _serves(client) == {version}, f"version {version} serves")  # type: ignore[misc]


def _serves(client: Client) -> set[int]:
    return {part.version for part in client.deployments.status(MODEL).traffic if part.weight}


def _stale(answers: Sequence[Answer], moves: Sequence[Move], first: int) -> list[Answer]:
    """Answers by a version that had no traffic while they were asked for.

    Before a move is told only the version before it may answer; after it settled only its own; in between each
    client changes over once and for all.
    """
    wrong = []
    changed: dict[int, int] = {}
    for answer in sorted((one for one in answers if not one.failed), key=lambda one: one.received):
        before = max((n for n, move in enumerate(moves) if move.told <= answer.received), default=-1)
        settled = max((n for n, move in enumerate(moves) if move.settled <= answer.sent), default=-1)
        least = max(settled, changed.get(answer.connection, -1))
        fits = [n for n in range(least, before + 1) if (moves[n].version if n >= 0 else first) == answer.version]
        if fits:
            changed[answer.connection] = fits[0]
        else:
            wrong.append(answer)
    return wrong


def _check_books(client: Client, key: NewKey, load: Load) -> None:
    """As many requests are billed, by version, as were answered."""
    answered = Counter(answer.version for answer in load.answers)

    def billed() -> Counter[int | None]:
        rows = client.usage.summary(key=key.key.id, group_by=("version",))
        return Counter({row.version: row.requests for row in rows})

    until(lambda: billed().total() >= answered.total(), "all answers are billed", 20)
    assert billed() == answered


def _switch_often(platform: RealPlatform, client: Client, key: NewKey, times: int) -> None:
    _warm(client)
    moves: list[Move] = []
    with _load(platform, key) as load:
        load.wait_more(30)
        for number in range(times):
            moves.append(_move(client, load, 2 - number % 2))
            load.wait_more(4)
    label = _body()[1]
    assert load.failures == []
    assert _stale(load.answers, moves, first=1) == []
    assert {(answer.version, answer.label) for answer in load.answers} == {(1, label), (2, 9 - label)}
    assert load.reconnections == 0
    _check_books(client, key, load)


def test_an_answer_by_a_version_gone_by_is_noticed() -> None:
    """The judge of the tests below is no rubber stamp."""
    moves = [Move(2, 10.0, 11.0), Move(1, 20.0, 21.0)]

    def answer(sent: float, received: float, version: int, connection: int = 0) -> Answer:
        return Answer(connection, sent, received, 200, version, None, "")

    right = [answer(9, 9.5, 1), answer(9.9, 10.1, 1), answer(10.2, 10.3, 2), answer(12, 13, 2), answer(22, 23, 1)]
    assert _stale(right, moves, first=1) == []
    for wrong in (answer(8, 9, 2), answer(12.5, 12.6, 1), answer(10.4, 10.5, 1), answer(21.5, 21.6, 2)):
        assert _stale([*right, wrong], moves, first=1) == [wrong]
    assert _stale([*right, answer(10.4, 10.5, 1, connection=1)], moves, first=1) == []


def test_forty_switches_under_load_fail_nobody_and_are_billed_exactly(
    platform: RealPlatform, client: Client, key: NewKey
) -> None:
    _switch_often(platform, client, key, 40)


@pytest.mark.long
@pytest.mark.timeout(900)
def test_a_thousand_switches_under_load_fail_nobody_and_are_billed_exactly(
    platform: RealPlatform, client: Client, key: NewKey
) -> None:
    _switch_often(platform, client, key, 1000)


def test_a_cold_version_takes_over_when_it_is_warm_and_a_rollback_returns(
    platform: RealPlatform, client: Client, key: NewKey, tmp_path: Path
) -> None:
    _warm(client)
    third = push(client, MODEL, mirrored(tmp_path)).number
    running = {replica.version for replica in client.deployments.status(MODEL).replicas}
    assert third not in running
    with _load(platform, key) as load:
        load.wait_more(30)
        moves = [_move(client, load, third)]
        load.wait_more(30)
        told = time.monotonic()
        rolled = platform.good("deployment", "rollback", MODEL, "--json")
        assert [part["version"] for part in rolled.json["traffic"] if part["weight"]] == [1]  # type: ignore[index, call-overload]
        moves.append(_settled(load, 1, told))
        load.wait_more(30)
    assert load.failures == []
    assert _stale(load.answers, moves, first=1) == []
    _check_books(client, key, load)


def test_the_version_before_is_let_go_when_its_time_is_over(
    platform: RealPlatform, host: WholePlatform, client: Client, key: NewKey
) -> None:
    client.models.move_alias(MODEL, ALIAS, 1)
    deploy(client, MODEL, MODEL, Target(alias=ALIAS), keep_previous_s=0.2)
    until(lambda: _serves(client) == {1}, "version 1 serves")
    old = {r.id for r in client.deployments.status(MODEL).replicas if r.version == 1 and r.state == "ready"}
    assert all(host.workload_pid(id) for id in old)
    with _load(platform, key) as load:
        load.wait_more(30)
        moves = [_move(client, load, 2)]
        until(lambda: not any(host.workload_pid(id) for id in old), "the old model servers have ended")
        load.wait_more(30)
    assert load.failures == []
    assert _stale(load.answers, moves, first=1) == []
