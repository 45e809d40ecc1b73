"""An operator asks for a level of isolation: a machine that gives it starts and says so, one that can't refuses."""

import subprocess
import sys
from pathlib import Path
from typing import cast

import pytest

from bms.adapters.clusters.isolation import capabilities as probing
from bms.adapters.clusters.isolation import confinement
from bms.app.exit_codes import ExitCode
from bms.app.home.directory import Home
from bms.app.supervisor.supervisor import running
from bms.core.workloads.isolation import LEVELS
from tests.worlds.platforms import PATIENCE_S, real_platform

MEANS = probing.probe()
FOUND = probing.describe(MEANS)
DATA = Path(__file__).parents[1] / "data"
# What a process that is confined itself starts may not mount: a machine where no workload gets a root of its own.
CONFINED = (
    "import os, sys; sys.path.insert(0, sys.argv[1]); from bms.adapters.clusters.isolation.confinement import confine; "
    "confine({'own': ['/'], 'device': ['/dev']}); os.execv(sys.executable, [sys.executable, *sys.argv[2:]])"
)
SOURCE = Path(probing.__file__).parents[3]


@pytest.mark.skipif(
    not confinement.abi(), reason="this kernel has no Landlock, by which the test makes a lesser machine"
)
def test_a_machine_that_can_not_give_it_refuses_and_says_what_lacks(tmp_path: Path) -> None:
    home = tmp_path / "home"
    up = ["-m", "bms.cli.main", "up", "--home", str(home), "--port", "0", "--require-isolation", "strict"]
    done = subprocess.run(
        [sys.executable, "-c", CONFINED, str(SOURCE), *up],
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
        check=False,
    )
    assert done.returncode == ExitCode.CONFLICT, done.stderr
    assert done.stderr.startswith("bms: isolation 'strict' can't be given here, only '")
    assert "What lacks: " in done.stderr
    assert "view: [Errno 1] confining: " in done.stderr
    assert "docs/isolation.md" in done.stderr
    assert running(Home(home)) is None, "nothing was started"


def test_a_machine_that_gives_it_starts_and_shows_it_and_keeps_no_group_of_it_afterwards(tmp_path: Path) -> None:
    home = tmp_path / "home"
    with real_platform(home, "--require-isolation", FOUND.level) as platform:
        said = cast("dict[str, dict[str, object]]", platform.bms("status", "--json").json)
        assert cast("dict[str, object]", said["system"]["isolation"])["level"] == FOUND.level
        words = platform.good("status").out
        assert f"{FOUND.level} (" in words or FOUND.level == "none"
        assert all(each.name in words for each in FOUND.protections)
        platform.good("model", "push", str(DATA / "digits.onnx"), "--name", "digits")
        platform.good("deploy", "digits")
        left = [Path(base, f"bms-{Home(home).mark}") for base in MEANS.cgroups.values()]
        if MEANS.cgroups:
            assert any(path.is_dir() for path in left)
    assert [path for path in left if path.exists()] == []


def test_a_level_that_is_not_known_is_refused_with_those_that_are(tmp_path: Path) -> None:
    up = [sys.executable, "-m", "bms.cli.main", "up", "--home", str(tmp_path / "home"), "--require-isolation", "total"]
    done = subprocess.run(up, capture_output=True, text=True, timeout=PATIENCE_S, check=False)
    assert done.returncode == ExitCode.USAGE
    assert all(level in done.stderr for level in LEVELS)
