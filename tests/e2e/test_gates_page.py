"""The commands of docs/gates.md do what it says: a version is measured, deployed and named; a worse one is not."""

import asyncio
import re
from pathlib import Path

import pytest

from bms.core.errors import FailedPrecondition
from bms.core.metrics import METRICS
from bms.sdk import AsyncClient
from bms.sdk.models import GateStanding
from tests.pages import DOCS, commands_of, ran
from tests.tiny_onnx import classifies
from tests.worlds.platforms import RealPlatform

WIDTHS = "\n".join(f"{4 - 8 * (row % 2) + row % 7 / 8},{row % 5},{('apple', 'cherry')[row % 2]}" for row in range(200))


@pytest.fixture(scope="module")
def platform(tenant: RealPlatform) -> RealPlatform:
    return tenant


def test_both_pages_have_the_same_commands_and_they_run_as_written(platform: RealPlatform, tmp_path: Path) -> None:
    commands = commands_of("gates", blocks=3)
    (tmp_path / "fruit.csv").write_text(f"width,sweet,kind\n{WIDTHS}\n")
    (tmp_path / "fruit.onnx").write_bytes(classifies([[1.0, -1.0], [0.0, 0.0]], ["apple", "cherry"]))
    said = ran(commands, platform, tmp_path)
    assert len(re.findall(r"^accuracy at least 0\.9 +passed +1 +fruit@1 test +job_", said, re.MULTILINE)) == 3
    assert len(re.findall(r"^log_loss at most 0\.5 +passed ", said, re.MULTILINE)) == 2
    assert "version 1 answers" in said
    assert "fruit has gates accuracy ≥ 0.9, f1 ≥ 0.9" in said
    with platform.client() as client:
        assert client.models.alias("fruit", "production").version == 1
        assert asyncio.run(gates_of(platform)) == client.models.gates("fruit", 1)
        (tmp_path / "worse.onnx").write_bytes(classifies([[-1.0, 1.0], [0.0, 0.0]], ["apple", "cherry"]))
        worse = client.models.upload("fruit", tmp_path / "worse.onnx")
        client.models.wait_version("fruit", worse.number)
        assert [one.state for one in client.models.wait_gates("fruit", worse.number)] == ["failed", "failed"]
        with pytest.raises(FailedPrecondition, match=r"accuracy on fruit \(test\) is 0, at least 0\.9 is asked"):
            client.models.move_alias("fruit", "production", worse.number)
    refused = platform.bms("deploy", "fruit")
    assert (refused.status, "version 2 of 'fruit' can't be deployed" in refused.errors) == (5, True)


async def gates_of(platform: RealPlatform) -> tuple[GateStanding, ...]:
    async with AsyncClient(platform.url, platform.key) as client:
        return await client.models.wait_gates("fruit", 1)


@pytest.mark.parametrize("page", ["gates.md", "gates.zh-CN.md"])
def test_the_pages_name_every_metric_on_its_side_with_its_sign(page: str) -> None:
    rows = [line.split("|") for line in (DOCS / page).read_text().splitlines() if "`>=`" in line or "`<=`" in line]
    rows = [row for row in rows if len(row) == 6]
    told = {}
    for _, classes, sign, quantities, other, _ in rows:
        for names, kind, said in ((classes, "classification", sign), (quantities, "regression", other)):
            told |= dict.fromkeys(re.findall(r"`(\w+)`", names), (kind, ">=" if ">=" in said else "<="))
    assert told == {name: (metric.kind, metric.sign) for name, metric in METRICS.items()}
