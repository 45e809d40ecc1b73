"""The command that `bms deploy` tells to try a model runs as it is told, whatever the model is."""

import shlex

import pytest

from tests.worlds.platforms import RealPlatform

pytestmark = pytest.mark.timeout(300)


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("simple", "--data"),
        ("simple_identity", "--data"),
        ("simple_sequence", "--sequence 1 --start"),
        ("repeat_int32", "--stream"),
        ("colours", "--example"),
        ("ensemble", "--example"),  # which takes pictures
    ],
)
def test_the_told_command_runs(triton: RealPlatform, name: str, said: str) -> None:
    (line,) = [line for line in triton.good("deployment", "status", name).out.splitlines() if line.startswith("try ")]
    assert said in line
    _, bms, *command = shlex.split(line)
    ran = triton.bms(*command, at=False)
    assert (bms, ran.status) == ("bms", 0), ran.errors
    assert ran.out.strip()
