"""What the platform costs before it does anything: seconds to ready, idle memory, and the size of its installation."""

import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from importlib.metadata import Distribution, distributions
from pathlib import Path

from measuring.machine import QUICK, ROOT, Strangers, busy_seconds, prepare, wait_quiet
from measuring.platform import Platform, part_of
from measuring.report import Report, Spread
from measuring.requests import oip_json
from uv import find_uv_bin

REPEATS = 2 if QUICK else 3
EXACTLY = ("--require-hashes", "--no-deps")  # as the Makefile installs it
SETTLE_S = 1.0 if QUICK else 3.0


def main() -> int:
    prepare()
    report = Report(
        "start",
        "Start, idle memory, size",
        "Processes are new every time; files are in the page cache. Seconds count from the command `bms up` to the "
        "first good answer over HTTP.",
    )
    wait_quiet()
    _seconds(report)
    _memory(report)
    _size(report)
    report.strangers(_strangers())
    report.write()
    return 0


def _seconds(report: Report) -> None:
    new, again, serving = [], [], []
    for _ in range(REPEATS):
        with Platform() as platform:
            platform.down()
            shutil.rmtree(platform.home)
            new.append(platform.up())
            platform.down()
            again.append(platform.up())
            platform.push()
            platform.deploy()
            platform.down()
            began = time.perf_counter()
            platform.up()
            body = oip_json(platform.port, platform.key).body
            serving.append(platform.await_ok("POST", "/v2/models/digits/infer", body, began))
    rows = [
        ("a new home, ready", Spread.of(new)),
        ("an existing home, ready", Spread.of(again)),
        ("an existing home, its model answers a prediction", Spread.of(serving)),
    ]
    report.section("Seconds from `bms up`", ("to", "seconds"), rows, digits=2)


def _memory(report: Report) -> None:
    rows = []
    for gateways in (1, 2):
        for deployed in (False, True):
            with Platform(gateways) as platform:
                if deployed:
                    platform.push()
                    platform.deploy()
                time.sleep(SETTLE_S)
                parts: dict[str, int] = defaultdict(int)
                for process in platform.processes():
                    parts[part_of(process.name)] += process.memory
                shown = (f"{parts[part] / 2**20:.0f}" for part in ("supervisor", "control", "gateway", "model server"))
                what = "digits model" if deployed else "nothing"
                rows.append((gateways, what, *shown, f"{sum(parts.values()) / 2**20:.0f}"))
    report.section(
        "Idle memory, MiB",
        ("gateways", "serves", "supervisor", "control", "gateways together", "model server", "all"),
        rows,
        "Proportional set size, summed over the home's processes: a page that n of them share counts 1/n in each.",
    )


def _size(report: Report) -> None:
    with tempfile.TemporaryDirectory(prefix="bms-size-") as name:
        folder = Path(name) / "venv"
        settings = {**os.environ, "UV_FIND_LINKS": os.environ.get("PIP_FIND_LINKS", "").replace(" ", ",")}
        for arguments in (
            ["venv", "--python", sys.executable, str(folder)],
            ["pip", "install", "--python", str(folder), *EXACTLY, "-r", str(ROOT / "requirements.lock")],
        ):
            subprocess.run([find_uv_bin(), *arguments], env=settings, check=True, capture_output=True)
        sizes = {found.name: _bytes(found) for found in _installed(folder)}
    own = sum(
        path.stat().st_size for path in (ROOT / "src" / "bms").rglob("*") if path.suffix != ".pyc" and path.is_file()
    )
    sizes["bms"] = own
    ordered = sorted(sizes.items(), key=lambda item: -item[1])
    rest = sum(size for _, size in ordered[12:])
    rows = [(package, f"{size / 1e6:.1f}") for package, size in ordered[:12]]
    rows += [(f"{len(ordered) - 12} more", f"{rest / 1e6:.1f}"), ("**all**", f"{sum(sizes.values()) / 1e6:.1f}")]
    report.section(
        "Base installation, MB", ("package", "MB"), rows, "Files of requirements.lock and of `bms`, without bytecode."
    )


def _installed(folder: Path) -> list[Distribution]:
    return list(distributions(path=[str(next(folder.glob("lib/python*/site-packages")))]))


def _bytes(package: Distribution) -> int:
    paths = (Path(str(package.locate_file(file))) for file in package.files or ())
    return sum(path.lstat().st_size for path in paths if path.suffix != ".pyc" and path.exists())


def _strangers() -> float:
    """What others use now that all of ours has ended."""
    strangers, began, busy = Strangers(), time.monotonic(), busy_seconds()
    time.sleep(2)
    return strangers.note(time.monotonic() - began, busy_seconds() - busy, 0.0)


if __name__ == "__main__":
    sys.exit(main())
