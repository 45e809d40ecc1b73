"""Saves every estimator of scikit-learn, loads it as the platform does, and compares what it answers with the library's
own answers on awkward rows. Prints one JSON object a line: what became of each.

    python sklearn_sweep.py FOLDER short|full

Outcomes: "served", "refused" (before it is served, and in which words), or "wrong".
"""

import json
import sys
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import joblib
import numpy as np
import pandas as pd
import skops.io
from sklearn_zoo import CLASSES, KINDS, Specimen, specimens

from bms.adapters.runtimes.available import open_servable
from bms.core.errors import BmsError, InvalidArgument
from bms.core.tensors.columns import mask_name
from bms.core.tensors.fitting import fit_inputs
from bms.core.tensors.signature import Signature
from bms.core.tensors.tensor import Tensor
from bms.core.workloads.programs import ServableConfig
from bms.serving.lifecycle.loader import check_outputs

METHODS = {"label": "predict", "prediction": "predict", "decision": "decision_function", "output": "transform"}
METHODS |= {"probabilities": "predict_proba", "score": "score_samples"}
REFUSALS = (ValueError, TypeError, ArithmeticError, LookupError, AttributeError)


def main(folder: Path, form: str) -> None:
    warnings.simplefilter("ignore")
    for specimen, saved in asked(form):
        print(
            json.dumps({"name": specimen.name, "kind": specimen.kind, "saved": saved, **tried(folder, specimen, saved)})
        )


def asked(form: str) -> Iterator[tuple[Specimen, str]]:
    """The full product; or every third estimator once, the kinds of data and the ways to save it taken in turns."""
    if form == "full":
        for specimen in specimens(CLASSES, KINDS, every=True):
            yield specimen, "skops"
            yield specimen, "joblib"
        return
    for number, name in enumerate(list(CLASSES)[::3]):
        kinds = tuple(KINDS[(number + step) % len(KINDS)] for step in range(len(KINDS)))
        for specimen in specimens([name], kinds):
            yield specimen, ("skops", "joblib")[number // len(KINDS) % 2]
            break


def tried(folder: Path, specimen: Specimen, saved: str) -> dict[str, str]:
    for old in folder.iterdir():
        old.unlink()
    if saved == "skops":
        try:
            skops.io.dump(specimen.model, folder / "model.skops")
        except Exception as error:  # noqa: BLE001 - skops can't save everything
            return {"outcome": "unsaved", "why": f"{type(error).__name__}: {error}"[:200]}
    else:
        joblib.dump(specimen.model, folder / "model.joblib")
    config = ServableConfig(runtime="sklearn", directory=str(folder), model="m", version=1, allow_pickle=True)
    try:
        servable = open_servable(config)
    except BmsError as error:
        return {"outcome": "refused", "why": error.message[:300]}
    for rows in awkward(specimen.rows):
        for name, signature in servable.signatures.items():
            if wrong := compared(servable, name, signature, specimen.model, rows):
                return {"outcome": "wrong", "why": f"{name}: {wrong}"}
    return {"outcome": "served", "why": ", ".join(spec.name for spec in servable.signatures["serving_default"].outputs)}


def awkward(rows: Any) -> Iterator[Any]:
    """As fitted; one; many; and where they are numbers: large, small, whole, missing; where they are a table: unseen
    levels, and nothing at all in a column."""
    yield rows
    yield rows[:1]
    if isinstance(rows, pd.DataFrame):
        yield pd.concat([rows] * 3, ignore_index=True)
        for name in rows.columns:
            gone = rows.head(3).copy()
            gone[name] = gone[name].astype(object if gone[name].dtype != float else float)
            gone.loc[1, name] = np.nan if gone[name].dtype == float or name != "city" else None
            yield gone
        if "city" in rows:
            yield rows.head(3).assign(city=["Rome", "Atlantis", "東京"])
    elif isinstance(rows, np.ndarray):
        yield np.concatenate([rows] * 3)
        kind = rows.dtype.type
        for value in (1_764_000_010, 2**24 + 1, 1e-9, -3, 0, np.nan, 1e300):
            changed = rows[:4].copy()
            with np.errstate(over="ignore"):
                changed[1:3] = kind(value)
            yield changed


def compared(servable: Any, name: str, signature: Signature, model: Any, rows: Any) -> str | None:
    """What differs, if anything: floats may by 1e-6 in double and 1e-5 in single precision, in which the library itself
    is given the rows, too."""
    if isinstance(rows, np.ndarray):
        with np.errstate(over="ignore"):
            rows = rows.astype({"FP64": np.float64, "FP32": np.float32}[signature.inputs[0].dtype])
    try:
        own = {spec.name: answer(model, spec.name, rows) for spec in signature.outputs}
    except REFUSALS as error:
        own = None
        refusal = f"{type(error).__name__}: {error}"[:120]
    try:
        fitted = fit_inputs(signature, tensors(signature, rows))
        given = servable.infer(name, {tensor.name: tensor.array for tensor in fitted.tensors})
    except InvalidArgument as error:
        return None if own is None else f"refused {error.message[:300]}"
    except BmsError as error:
        return f"{type(error).__name__} {error.message[:300]}"
    if own is None:
        return f"answered, though the library refuses: {refusal}"
    try:
        check_outputs(signature, given, len(rows))
    except BmsError as error:
        return error.message
    for spec in signature.outputs:
        wanted, told = own[spec.name], given[spec.name]
        if wanted.shape != told.shape:
            return f"{spec.name} has shape {told.shape}, expected {wanted.shape}"
        if wanted.dtype.kind == "f":
            tolerance = 1e-6 if wanted.dtype == np.float64 else 1e-5
            if not np.allclose(told, wanted, rtol=tolerance, atol=tolerance, equal_nan=True):
                return f"{spec.name} is {told.ravel()[:3]}, expected {wanted.ravel()[:3]}"
        elif told.dtype == object:
            if told.ravel().tolist() != [str(item).encode() for item in wanted.ravel()]:
                return f"{spec.name} is {told.ravel()[:3]}, expected {wanted.ravel()[:3]}"
        elif not np.array_equal(told, wanted):
            return f"{spec.name} is {told.ravel()[:3]}, expected {wanted.ravel()[:3]}"
    return None


def answer(model: Any, output: str, rows: Any) -> Any:
    name, _, target = output.partition("_")
    value = getattr(model, METHODS[name])(rows)
    if isinstance(value, list):
        value = value[int(target)] if target else np.stack(value, axis=1)
    value = value.toarray() if hasattr(value, "toarray") else value
    array = np.asarray(value)
    return array.reshape(1, -1) if array.ndim == 1 and output == "output" and len(rows) == 1 else array


def tensors(signature: Signature, rows: Any) -> list[Tensor]:
    """The rows as a client sends them."""
    if isinstance(rows, list):
        return [Tensor("x", texts(rows))]
    if not isinstance(rows, pd.DataFrame):
        return [Tensor("x", rows if rows.ndim > 1 else rows[:, None])]
    if signature.inputs[0].column is None:
        return [Tensor("x", rows.to_numpy())]
    made = []
    for spec in signature.inputs:
        column = rows[spec.name]
        gaps = column.isna().to_numpy()
        if spec.dtype == "BYTES":
            array = texts(["" if gap else value for gap, value in zip(gaps, column, strict=True)])
        else:
            array = column.where(~gaps, 0).to_numpy(
                dtype={"FP64": "f8", "FP32": "f4", "INT64": "i8", "BOOL": "?"}[spec.dtype]
            )
        if gaps.any():
            made.append(Tensor(mask_name(spec.name), gaps))
        made.append(Tensor(spec.name, array))
    return made


def texts(values: list[Any]) -> Any:
    array = np.empty(len(values), dtype=object)
    array[:] = [str(value).encode() for value in values]
    return array


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2])
