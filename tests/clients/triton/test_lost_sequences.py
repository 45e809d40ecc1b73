"""A replica that dies in the middle of its sequences: each of them is told, and none goes on with less than it had."""

import re
from pathlib import Path

import httpx
import numpy as np
import pytest

from bms.core.errors import Aborted, Internal, InvalidArgument
from bms.sdk import Client
from tests.worlds.platforms import RealPlatform
from tests.worlds.whole_platform import until

DEADLY = 4711
MODEL = f"""
import os
import signal
import uuid


class Model:
    signature = {{
        "inputs": ["x INT64 [1]"],
        "outputs": ["sum INT64 [1]", "where BYTES [1]"],
        "sequences": {{"most": 100}},
    }}

    def load(self):
        self.here = uuid.uuid4().hex

    def step(self, inputs, sequence):
        if inputs["x"][0] == {DEADLY}:
            os.kill(os.getpid(), signal.SIGKILL)
        sequence.state["sum"] = sequence.state.get("sum", 0) + inputs["x"]
        return {{"sum": sequence.state["sum"], "where": [self.here]}}
"""
LOST = (Aborted, InvalidArgument)  # of a gateway that knows of the sequence, and of one that does not
IDS = range(1, 13)
pytestmark = pytest.mark.timeout(300)


def step(client: Client, id: int, value: int, *, start: bool = False) -> tuple[int, str]:
    """The sum so far, and which replica says so."""
    given = {"x": np.array([value])}
    told = client.predict("adder", given, sequence_id=id, sequence_start=start).outputs
    return int(told["sum"][0]), str(told["where"][0])


def test_sequences_of_a_dead_replica_are_lost_aloud_and_those_of_another_go_on(
    triton: RealPlatform, tmp_path: Path
) -> None:
    (tmp_path / "adder").mkdir()
    (tmp_path / "adder" / "model.py").write_text(MODEL)
    triton.good("deploy", str(tmp_path / "adder"), "--replicas", "2")
    with triton.client() as client:
        where = {id: step(client, id, id, start=True)[1] for id in IDS}
        assert len(set(where.values())) == 2, "sequences are on both"
        dead = where[1]
        with pytest.raises(Internal, match="died while it had this request"):
            step(client, 1, DEADLY)
        for id in IDS:
            if where[id] != dead:
                assert step(client, id, 10) == (id + 10, where[id])
            else:
                with pytest.raises(LOST, match=f"sequence {id} .*is gone"):
                    step(client, id, 10)
        for id in (id for id in IDS if where[id] == dead):  # begun anew, they know nothing of before
            assert step(client, id, 20, start=True)[0] == 20
            assert step(client, id, 1)[0] == 21
        until(lambda: open_sequences(triton) == len(IDS), "all that are open are counted")


def open_sequences(platform: RealPlatform) -> int:
    """As the metrics of both replicas tell it."""
    headers = {"authorization": f"Bearer {platform.key}"}
    text = httpx.get(f"{platform.url}/api/v1/system/metrics", headers=headers, trust_env=False).text
    return sum(
        map(int, re.findall(r'^bms_model_server_sequences_open\{.*model="adder".*\} (\d+)$', text, re.MULTILINE))
    )
