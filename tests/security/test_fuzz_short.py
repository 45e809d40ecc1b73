"""The short form of `make fuzz`: every target for a moment with fixed seeds, all findings again, and at a real gateway
the requests that were made to be read in two ways."""

import logging
import sys
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from random import Random

import httpx
import pytest

from tests.security.findings import FINDINGS
from tests.security.wires import request, say
from tests.worlds.platforms import RealPlatform

sys.path.append(str(Path(__file__).parents[2] / "bench"))

from fuzzing import gateway, http1
from fuzzing.decoders import decoders
from fuzzing.strict import read
from fuzzing.target import Decoder
from fuzzing.watched import Tally, one, rounds

TARGETS = {target.name: target for target in decoders()}
COUNTS = {"archive": 200, "TFRecord": 300, "compressed body": 300, "http/2 session": 800, "http/1.1 connection": 1500}
USUAL = 1000


@pytest.fixture(autouse=True)
def quiet() -> Iterator[None]:
    """What is refused is logged, thousands of times here."""
    logging.disable(logging.CRITICAL)
    yield
    logging.disable(logging.NOTSET)


@pytest.mark.parametrize("name", list(TARGETS))
def test_what_is_nearly_right_is_taken_or_refused(name: str) -> None:
    (tally,) = rounds(Random(3), [TARGETS[name]], COUNTS.get(name, USUAL))
    assert tally.taken >= tally.cases * 0.02  # and not everything was refused for one reason


@pytest.mark.parametrize("name", list(TARGETS))
def test_what_each_target_begins_with_is_taken(name: str) -> None:
    target = TARGETS[name]
    taken = [_taken(target, seed) for seed in target.seeds]
    assert sum(taken) >= len(taken) * 0.5


def test_every_part_that_has_targets_is_asked_for_them() -> None:
    folder = Path(http1.__file__).parent
    parts = [path.stem for path in folder.glob("*.py") if "def decoders()" in path.read_text()]
    for part in set(parts) - {"decoders"}:
        assert {target.name for target in import_module(f"fuzzing.{part}").decoders()} <= TARGETS.keys()


def test_what_was_found_once_is_found_no_more() -> None:
    for name, data in [*FINDINGS, *FINDINGS]:
        target = TARGETS[name]
        one(target, target.repair(data) if target.repair else data, Tally(name))


def test_a_method_cut_in_two_is_not_half_forgotten() -> None:
    trial, head = http1.Heads(), b"POST /v2/models/m/infer HTTP/1.1\r\nhost: a\r\ncontent-length: 2\r\n\r\n{}"
    assert len(http1.talk(head, [], trial)[0]) == 1
    answered, said = http1.talk(head + b"P" + head, [len(head) + 1], trial)
    assert len(answered) == 1
    assert b"HTTP/1.1 400 " in said


def test_the_strict_reading_is_strict() -> None:
    for case in gateway.CASES:
        believed, end = read(case.data)
        if case.refused and "limit" not in case.name:
            assert end == "refuse" or len(believed) >= case.answers, case.name
        else:
            assert len(believed) >= case.answers, case.name


def test_a_real_gateway_believes_no_more_than_one_meaning(
    platform: RealPlatform, port: int, call: httpx.Client
) -> None:
    tally = gateway.corpus(port, platform.key)
    assert tally.cases == 2 * len(gateway.CASES)
    assert call.get("/v2/models/digits").status_code == 200


def test_a_wish_for_another_protocol_costs_no_body(platform: RealPlatform, port: int) -> None:
    body = b'{"instances":[[%b]]}' % b",".join([b"0"] * 64)
    fields = {"Authorization": f"Bearer {platform.key}", "Connection": "Upgrade, HTTP2-Settings", "Upgrade": "h2c"}
    heard = say(port, request("POST", "/v1/models/digits:predict", fields, body, close=False))
    assert heard.statuses == [200], heard.data
    assert heard.closed


def _taken(target: Decoder, data: bytes) -> bool:
    try:
        return target.run(data)
    except target.allowed:
        return False
