"""Everything of scikit-learn, XGBoost and LightGBM that fits in seconds answers as its library does, by every wire, or
is refused before it is served; and what the library refuses to compute, its caller is refused."""

import asyncio
import json
import os
import pickle
import re
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
import numpy as np
import pytest

from bms.core.signature import DEFAULT, Signature
from bms.core.snapshot import ReplicaAddress
from tests.framework_env import SOURCE, TABLES, framework_python, made_by
from tests.gateways import FakeBus, deployment, gateway, key, version
from tests.sweep.wires import OF_ARRAYS, OF_TABLES, Asker, Outputs, Refused

HERE = Path(__file__).parent
RUNTIMES = {"json": "xgboost", "ubj": "xgboost", "txt": "lightgbm"}
# Refused before they are served, each with a word of its reason; anything else that is refused fails the sweep.
REFUSED = {
    # Made-up rows have no neighbours within the radius: it needs its maker's example.
    "RadiusNeighborsClassifier-big": "No neighbors found",
    "table-RadiusNeighborsClassifier": "No neighbors found",
    "text-RadiusNeighborsClassifier": "No neighbors found",
}


class Case(NamedTuple):
    """A model in one form, and the wires by which it is asked."""

    name: str
    form: str
    wires: tuple[str, ...]

    @property
    def served(self) -> str:
        return f"{self.name}.{self.form}"


def made() -> Path:
    return made_by(HERE / "make_models.py", TABLES)


def requests_of(folder: Path, name: str) -> list[dict[str, Any]]:
    requests: list[dict[str, Any]] = pickle.loads((folder / name / "expected.pickle").read_bytes())
    return requests


def wires_of(requests: list[dict[str, Any]]) -> tuple[str, ...]:
    return OF_TABLES if isinstance(requests[0]["rows"], Mapping) else OF_ARRAYS


def one_of_each(folder: Path) -> Iterator[Path]:
    """Of each estimator or objective one model, fitted on values that are not its neighbours': of arrays with and
    without large numbers, tables, texts, with names and without."""
    kinds: dict[str, list[Path]] = {}
    for place in sorted(path for path in folder.iterdir() if path.is_dir()):
        kind = re.sub(r"^(table|text)-|-(big|small|named|plain|categories)$", "", place.name)
        kinds.setdefault(kind, []).append(place)
    for turn, places in enumerate(kinds.values()):
        yield places[turn % len(places)]


def pairwise(folder: Path) -> list[Case]:
    """Of each estimator one model in one form by two wires, so chosen that every form meets every wire."""
    cases = []
    for index, place in enumerate(one_of_each(folder)):
        forms = sorted(path.name for path in place.iterdir() if path.is_dir())
        wires = wires_of(requests_of(folder, place.name))
        turn = index // len(forms)
        chosen = (wires[turn % len(wires)], wires[(turn + 1 + index % (len(wires) - 1)) % len(wires)])
        cases.append(Case(place.name, forms[index % len(forms)], tuple(dict.fromkeys(chosen))))
    return cases


def product(folder: Path) -> list[Case]:
    return [
        Case(place.name, form.name, wires_of(requests_of(folder, place.name)))
        for place in sorted(path for path in folder.iterdir() if path.is_dir())
        for form in sorted(path for path in place.iterdir() if path.is_dir())
    ]


@contextmanager
def hosted(cases: list[Case], folder: Path, sockets: Path) -> Iterator[dict[str, dict[str, Any]]]:
    """What the hosting process told of each case, while it serves them."""
    asked = [
        {
            "name": case.served,
            "directory": str(folder / case.name / case.form),
            "runtime": RUNTIMES.get(case.form, "sklearn"),
            "socket": str(sockets / str(number)),
        }
        for number, case in enumerate(cases)
    ]
    alone = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "PYTHONPATH": f"{SOURCE}:{SOURCE.parent}"}
    with (sockets / "log").open("wb") as log:
        process = subprocess.Popen(
            [str(framework_python(TABLES)), "-m", "tests.sweep.hosting"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=log,
            env={**os.environ, **alone},
            text=True,
        )
        try:
            assert process.stdin is not None
            assert process.stdout is not None
            told = {}
            for one in asked:
                process.stdin.write(json.dumps(one) + "\n")
                process.stdin.flush()
                line = process.stdout.readline()
                assert line, (sockets / "log").read_text()[-3000:]
                answer = json.loads(line)
                told[answer["name"]] = {**answer, "socket": one["socket"]}
            yield told
        finally:
            process.kill()
            process.wait()


async def sweep(cases: list[Case], tmp_path: Path) -> None:
    folder = made()
    text, entry = key()
    faults: list[str] = []
    counts = dict.fromkeys(("models", "refused", "answers", "refusals"), 0)
    with hosted(cases, folder, tmp_path) as told:
        entries = [entry]
        for case in cases:
            one = told[case.served]
            if "refused" in one:
                counts["refused"] += 1
                if REFUSED.get(case.name, "\0") not in one["refused"]:
                    faults.append(f"{case.served} is refused: {one['refused'][:300]}")
                continue
            counts["models"] += 1
            signatures = msgspec.convert(one["signatures"], dict[str, Signature])
            replica = ReplicaAddress(id=case.served, address=f"unix:{one['socket']}", token=b"token")
            entries.append(deployment(version(1, signatures=signatures, replicas=(replica,)), name=case.served))
        async with FakeBus(str(tmp_path / "bus.sock"), tuple(entries)) as bus, gateway(tmp_path, bus) as process:
            await asyncio.to_thread(_ask_all, cases, folder, told, process.url, str(text), faults, counts)
    print(counts)
    (tmp_path / "faults.txt").write_text("\n".join(faults))
    assert not faults, f"{len(faults)} faults, of {counts}:\n" + "\n".join(faults[:40])


def _ask_all(
    cases: list[Case],
    folder: Path,
    told: dict[str, dict[str, Any]],
    url: str,
    text: str,
    faults: list[str],
    counts: dict[str, int],
) -> None:
    asker = Asker(url, text)
    for case in cases:
        if "refused" in told[case.served]:
            continue
        outputs = [one["name"] for one in told[case.served]["signatures"][DEFAULT]["outputs"]]
        for request in requests_of(folder, case.name):
            for wire in case.wires:
                where = f"{case.served} by {wire}, {request['name']}"
                try:
                    given = asker.ask(wire, case.served, request["rows"], outputs)
                except Refused as refusal:
                    counts["refusals"] += 1
                    if "error" not in request or refusal.status != 400:
                        faults.append(f"{where}: {refusal}")
                    continue
                counts["answers"] += 1
                if "error" in request:
                    faults.append(f"{where}: answered where the library says {request['error'][:200]}")
                else:
                    faults += [f"{where}: {fault}" for fault in differences(given, request["outputs"])]
    asker.close()


def differences(given: Outputs, wanted: Mapping[str, Any]) -> Iterator[str]:
    if set(given) != set(wanted):
        yield f"outputs {sorted(given)}, expected {sorted(wanted)}"
        return
    for name, array in wanted.items():
        got = np.array(given[name], dtype=object)
        if got.shape != array.shape:
            yield f"{name} has shape {got.shape}, expected {array.shape}"
        elif array.dtype.kind == "f":
            tolerance = 1e-5 if array.dtype.itemsize == 4 else 1e-6
            close = np.isclose(got.astype(float), array, rtol=tolerance, atol=tolerance, equal_nan=True)
            if not close.all():
                yield f"{name} is {got[~close][:3]}, expected {array[~close][:3]}"
        else:
            flat = [one.decode() if isinstance(one, bytes) else one for one in got.ravel().tolist()]
            if flat != [str(one) if array.dtype.kind in "OU" else one for one in array.ravel().tolist()]:
                yield f"{name} is {flat[:5]}, expected {array.ravel()[:5]}"


@pytest.mark.timeout(900)
async def test_a_model_of_each_estimator_in_one_form_by_two_wires(tmp_path: Path) -> None:
    cases = pairwise(made())
    pairs = {(case.form, wire) for case in cases for wire in case.wires}
    assert pairs >= {(form, wire) for form in ("skops", "joblib", "pkl") for wire in (*OF_ARRAYS, *OF_TABLES)}
    await sweep(cases, tmp_path)


@pytest.mark.long
@pytest.mark.timeout(3600)
async def test_every_model_in_every_form_by_every_wire(tmp_path: Path) -> None:
    await sweep(product(made()), tmp_path)
