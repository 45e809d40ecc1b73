"""Everything of scikit-learn, XGBoost and LightGBM that fits in seconds answers as its library does, by every wire, or
is refused before it is served; and what the library refuses to compute, its caller is refused."""

import asyncio
import pickle
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest

from bms.core.tensors.signature import DEFAULT
from tests.framework_env import TABLES, made_by
from tests.sweep.wires import OF_ARRAYS, OF_TABLES, Asker, Outputs, Refused
from tests.worlds.hosted import Model, answering, hosted

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


async def sweep(cases: list[Case], tmp_path: Path) -> None:
    folder = made()
    faults: list[str] = []
    counts = dict.fromkeys(("models", "refused", "answers", "refusals"), 0)
    models = [Model(case.served, folder / case.name / case.form, RUNTIMES.get(case.form, "sklearn")) for case in cases]
    with hosted(models, TABLES, tmp_path, patience_s=3600) as told:
        for case in cases:
            one = told[case.served]
            counts["refused" if "refused" in one else "models"] += 1
            if "refused" in one and REFUSED.get(case.name, "\0") not in one["refused"]:
                faults.append(f"{case.served} is refused: {one['refused'][:300]}")
        async with answering(told, tmp_path) as gateway:
            await asyncio.to_thread(_ask_all, cases, folder, told, gateway.url, gateway.key, faults, counts)
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
