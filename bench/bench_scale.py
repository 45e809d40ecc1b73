"""How the platform grows with what is registered: start, memory, idle work, changes, lists and look-ups.

The home's database is filled in bulk; then the real platform runs on it, with two gateways, and is called over HTTP.
"""

import http.client
import sys
import time

from measuring import platform as running
from measuring.machine import QUICK, Strangers, busy_seconds, cpu_seconds, prepare, wait_quiet
from measuring.platform import Platform, part_of
from measuring.report import Report
from measuring.requests import oip_json
from scaling import changes, lookups, page
from scaling.client import Caller
from scaling.page import Seen
from scaling.world import VERSIONS, World, model_name

from bms.app.home.directory import Home

SIZES = (100, 300) if QUICK else (0, 1000, 3000, 10_000)
GATEWAYS = 2
SETTLE_S, IDLE_S = (0.5, 1.0) if QUICK else (3.0, 10.0)
CHANGES, LISTS, CALLS = (2, 20, 100) if QUICK else (10, 100, 500)


def main() -> int:
    prepare()
    running.READY_S = 120.0
    report = Report(
        "scale",
        "What is registered, and what it costs",
        f"Every model has {VERSIONS} ready versions and a deployment that names all of them, shares its traffic among "
        "them and is stopped: gateways route it (a call gets as far as the version and is told that it is not loaded), "
        "and no process runs for it. One tenant per ten models, ten keys per tenant; every tenth model belongs to one "
        f"large tenant. Rows are put into SQLite in bulk, the platform is `bms up` with {GATEWAYS} gateways, and one "
        "more model is really served. Calls are real, over HTTP.",
    )
    wait_quiet()
    strangers, seen = Strangers(), list[Seen]()
    with Platform(GATEWAYS) as platform:
        platform.push()
        platform.deploy()
        platform.down()
        world = World(platform.home)
        for models in SIZES:
            world.grow(models)
            seen.append(_measured(platform, world, strangers))
            platform.down()
    page.tables(report, seen)
    report.data("plot", page.plot(seen))
    report.picture("scale.png", "Start, memory, idle work, changes, lists and look-ups over the number of models")
    report.strangers(strangers.worst)
    report.write()
    page.draw(report)
    return 0


def _measured(platform: Platform, world: World, strangers: Strangers) -> Seen:
    start = _starts(platform)
    time.sleep(SETTLE_S)
    memory: dict[str, float] = {}
    for process in platform.processes():
        if part_of(process.name) in ("supervisor", "control", "gateway"):
            memory[process.name] = process.memory / 2**20
    operator = Caller(platform.port, platform.key)
    caller = Caller(platform.port, world.key) if world.key else None
    lists, change_s = {}, dict[str, list[float]]()
    for name, path in _LISTS.items():
        who = operator if caller is None or name == "tenants" else caller
        if caller is not None or name == "tenants":
            lists[name] = [seconds * 1e3 for seconds in who.again("GET", f"/api/v1{path}", LISTS)]
    kept = Home(platform.home).snapshot(0)
    before = kept.stat().st_size
    if caller is not None:
        change_s = changes.measure(caller, CHANGES, f"m{world.models}")
    grown = kept.stat().st_size - before
    request = oip_json(platform.port, platform.key)
    predict = _predict_ms(platform, request.path, request.body)
    idle = _idle(platform, strangers)  # last: at first, control looks at everything once
    disk = {"database": (platform.home / "bms.db").stat().st_size / 1e6, "snapshot": kept.stat().st_size / 1e6}
    if change_s:
        disk["a change"] = grown / (CHANGES * 4) / 1e6
    costs = lookups.measure(kept) if world.models else None
    return Seen(world.size, start, memory, idle, change_s, lists, costs, predict, disk)


_LISTS = {
    "tenants": "/tenants?limit=100",
    "models": "/models?limit=100",
    "models, searched": "/models?limit=100&search=arge-1",
    "versions": f"/models/{model_name(1)}/versions?limit=100",
    "aliases": f"/models/{model_name(1)}/aliases?limit=100",
    "deployments": "/deployments?limit=100",
    "keys": "/keys?limit=100",
    "audit": "/audit?limit=100",
}


def _starts(platform: Platform) -> dict[str, float]:
    """Seconds from `bms up`, without what gateways had kept, and with it."""
    found = {}
    for kind in ("first", "again"):
        _deploy_anew(platform)
        if kind == "first":
            for slot in range(GATEWAYS):
                Home(platform.home).snapshot(slot).unlink()
        began = time.perf_counter()
        platform.up()
        found[f"{kind}: ready"] = time.perf_counter() - began
        while Caller(platform.port, platform.key).call("GET", "/api/v1/models").status != 200:
            time.sleep(0.01)
        found[f"{kind}: control answers"] = time.perf_counter() - began
        request = oip_json(platform.port, platform.key)
        found[f"{kind}: a prediction"] = platform.await_ok("POST", request.path, request.body, began)
        if kind == "first":
            platform.down()
    return found


def _deploy_anew(platform: Platform) -> None:
    """A model server that ends within a minute, as here, is started again ever later; a new deployment forgets that."""
    platform.up()
    with platform.client() as client:
        client.deployments.delete("digits")
    platform.deploy()
    platform.down()


def _idle(platform: Platform, strangers: Strangers) -> dict[str, float]:
    """Cores that each part uses while nobody calls."""
    pids = platform.pids()
    busy, before, began = busy_seconds(), {part: cpu_seconds(each) for part, each in pids.items()}, time.monotonic()
    time.sleep(IDLE_S)
    took = time.monotonic() - began
    used = {part: cpu_seconds(each) - before[part] for part, each in pids.items()}
    strangers.note(took, busy_seconds() - busy, sum(used.values()))
    return {part: seconds / took for part, seconds in used.items()}


def _predict_ms(platform: Platform, path: str, body: bytes) -> list[float]:
    """At one connection, closed loop, by a plain client: to be compared between sizes, not with anything else."""
    connection = http.client.HTTPConnection("127.0.0.1", platform.port, timeout=30)
    headers = {"authorization": f"Bearer {platform.key}", "content-type": "application/json"}
    found = []
    for _ in range(CALLS):
        began = time.perf_counter()
        connection.request("POST", path, body, headers)
        answer = connection.getresponse()
        answer.read()
        if answer.status != 200:
            raise RuntimeError(f"a prediction answers {answer.status}")
        found.append((time.perf_counter() - began) * 1e3)
    connection.close()
    return found


if __name__ == "__main__":
    sys.exit(main())
