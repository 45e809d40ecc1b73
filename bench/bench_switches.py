"""A thousand alias switches between two versions under constant load. Any failed request ends it with status 1."""

import http.client
import statistics
import sys
import time
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from measuring.loads import Recording
from measuring.machine import QUICK, Strangers, busy_seconds, cpu_seconds, prepare, wait_quiet
from measuring.platform import Platform
from measuring.report import Report
from measuring.requests import Target, oip_json

from bms.sdk import Client

SWITCHES = 50 if QUICK else 1000
COLD = 3 if QUICK else 10
CONTROL_S = 2.0 if QUICK else 8.0
RATE = 400  # requests per second
LONGEST_S = 600.0
Requests = npt.NDArray[np.float64]  # [n, 4]: sent, answered (monotonic seconds), status (0: no answer), version


class Switch(NamedTuple):
    """One move of the alias: monotonic seconds at which it was asked for, acknowledged, and first seen in an answer."""

    version: int
    asked: float
    acknowledged: float
    seen: float


class Phase(NamedTuple):
    name: str
    requests: Requests
    switches: list[Switch]

    @property
    def failed(self) -> int:
        return int(np.count_nonzero(self.requests[:, 2] != 200))

    @property
    def stale(self) -> int:
        """Requests sent after a version was seen to answer, and before the next move, but answered by the other."""
        count = 0
        sent = self.requests[:, 0]
        ends = [*(switch.asked for switch in self.switches[1:]), np.inf]
        for switch, end in zip(self.switches, ends[: len(self.switches)], strict=True):
            within = (sent > switch.seen) & (self.requests[:, 1] < end) & (self.requests[:, 2] == 200)
            count += int(np.count_nonzero(within & (self.requests[:, 3] != switch.version)))
        return count

    def latency_ms(self, share: float) -> float:
        return float(np.quantile(self.requests[:, 1] - self.requests[:, 0], share)) * 1e3


def main() -> int:
    prepare()
    strangers = Strangers()
    with Platform() as platform:
        for _ in range(2):
            platform.push()
        with platform.client() as client:
            client.models.move_alias("digits", "production", 1)
        platform.deploy(alias="production", keep_previous_s=600)
        wait_quiet()
        target = oip_json(platform.port, platform.key)
        phases = [
            _phase("control before", platform, target, 0, strangers),
            _phase("switches, both versions loaded", platform, target, SWITCHES, strangers),
            _phase("control after", platform, target, 0, strangers),
        ]
        platform.deploy(alias="production", keep_previous_s=0)
        phases.append(_phase("switches, new version started each time", platform, target, COLD, strangers))
    _report(phases, strangers)
    bad = sum(phase.failed + phase.stale for phase in phases)
    if bad:
        print(f"{bad} requests failed or were answered by a version that was not active", file=sys.stderr)
    return 1 if bad else 0


def _phase(name: str, platform: Platform, target: Target, switches: int, strangers: Strangers) -> Phase:
    pids = [pid for part in platform.pids().values() for pid in part]
    with Recording(target, 16, RATE, LONGEST_S) as recording:
        time.sleep(1.2)  # the generator's start and warm-up
        pids.append(recording.pid)
        began, busy, own = time.monotonic(), busy_seconds(), cpu_seconds(pids) + time.process_time()
        made: list[Switch] = []
        if switches:
            with platform.client() as client:
                made = _switch(client, target, switches)
        else:
            time.sleep(CONTROL_S)
        if switches != COLD:  # replicas that come and go are not in `pids`
            used = cpu_seconds(pids) + time.process_time() - own
            strangers.note(time.monotonic() - began, busy_seconds() - busy, used)
        _, record = recording.finish()
    requests = np.frombuffer(record).reshape(-1, 4)
    return Phase(name, requests[requests[:, 0] > began], made)


def _switch(client: Client, target: Target, count: int) -> list[Switch]:
    """Moves the alias to the other version, waits for its first answer, and so on."""
    connection = http.client.HTTPConnection("127.0.0.1", target.port, timeout=60)
    version, made = client.models.alias("digits", "production").version, []
    for _ in range(count):
        version = 3 - version
        asked = time.monotonic()
        client.models.move_alias("digits", "production", version)
        acknowledged = time.monotonic()
        while True:
            connection.request("POST", target.path, target.body, target.headers)
            answer = connection.getresponse().read()
            if f'"model_version":"{version}"'.encode() in answer:
                break
            time.sleep(0.002)
        made.append(Switch(version, asked, acknowledged, time.monotonic()))
    connection.close()
    return made


def _report(phases: Sequence[Phase], strangers: Strangers) -> None:
    report = Report(
        "switches",
        "Alias switches under load",
        f"One deployment follows the alias `production`, which is moved between two versions of the digits model while "
        f"{RATE} requests per second (Poisson, one row, OIP JSON) ask for it by name. A switch lasts from the PUT of "
        "the alias to the first answer by the new version (looked for every 2 ms). `stale` are requests sent after "
        "that and answered by the old version.",
    )
    rows = []
    for phase in phases:
        rows.append(
            (
                phase.name,
                len(phase.switches),
                len(phase.requests),
                phase.failed,
                phase.stale,
                *(f"{phase.latency_ms(share):.2f}" for share in (0.5, 0.99, 1.0)),
            )
        )
    columns = ("phase", "switches", "requests", "failed", "stale", "p50 ms", "p99 ms", "max ms")
    controls = [phase for phase in phases if not phase.switches]
    ratio = phases[1].latency_ms(0.99) / statistics.mean(phase.latency_ms(0.99) for phase in controls)
    report.section("Clients", columns, rows, f"p99 during switches is {ratio:.2f} × that of the two control phases.")
    rows = [
        (phase.name, *(f"{_quantile(phase.switches, share):.0f}" for share in (0.0, 0.5, 0.99, 1.0)))
        for phase in phases
        if phase.switches
    ]
    report.section("Switch latency, ms", ("phase", "min", "p50", "p99", "max"), rows)
    report.strangers(strangers.worst)
    report.write()


def _quantile(switches: Sequence[Switch], share: float) -> float:
    return float(np.quantile([switch.seen - switch.asked for switch in switches], share)) * 1e3


if __name__ == "__main__":
    sys.exit(main())
