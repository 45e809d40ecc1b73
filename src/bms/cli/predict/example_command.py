"""Suggests a `bms predict` command for a served model: one that runs as it is printed, with rows that the model
takes."""

import json
import shlex
from base64 import b64encode
from collections.abc import Mapping
from typing import Any

import msgspec
import numpy as np

from bms.adapters.datasets.images.pictures import encode_png
from bms.cli.command import CommandSession
from bms.cli.options.version import streams_alone
from bms.core.errors import BmsError
from bms.core.tensors.signature import DEFAULT, Signature
from bms.core.tensors.tensor import Array
from bms.sdk.examples import EXAMPLE
from bms.sdk.models import Version
from bms.serving.lifecycle.examples import varied

LONGEST = 240  # characters of data that a command line shows
_EXAMPLES = (EXAMPLE, "serving_input_example.json")  # ours, and the one that MLflow keeps
_FORMS = ("instances", "inputs", "dataframe_records")


def example_command(session: CommandSession, name: str, version: Version | None) -> str:
    """`bms predict NAME` with a row for it, or with `--example` where a row is too long to be read."""
    words = ["bms", "predict", name]
    if version is None or "image" in version.signatures:
        words.append("--example")
    elif "text" in version.signatures and not _own_example(session, version):
        words += ["--text", "a sentence"]
    else:
        data = json.dumps(example_of(session, version), ensure_ascii=False)
        words += ["--data", data] if len(data) <= LONGEST else ["--example"]
    if version is not None and streams_alone(version):
        words.append("--stream")
    elif version is not None and (one := version.signatures.get(DEFAULT)) is not None and one.sequences is not None:
        words += ["--sequence", "1", "--start"]
    return shlex.join([*words, *session.connected_by])


def example_of(session: CommandSession, version: Version) -> Any:
    """One row, or, where inputs have no rows, one request, as `Client.predict` takes it: of the example that the
    version was verified with, else synthetic, from its signature, as verification does."""
    given = _own_example(session, version)
    return _made_up(version) if given is None else _with_json(_first(given), version)


def _own_example(session: CommandSession, version: Version) -> Any:
    """The content of its `example.json`, or of MLflow's; None where it has none, or who asks may not see files."""
    try:
        files = session.client.models.files(version.model, version.number)
        paths = {file.path for file in files}
        found = next((path for path in _EXAMPLES if path in paths), None)
        if found is None:
            return None
        return json.loads(b"".join(session.client.models.download(version.model, version.number, found)))
    except (BmsError, ValueError):
        return None


def _first(example: Any) -> Any:
    """The first row of an example's file, in whichever of its forms."""
    if not isinstance(example, Mapping):
        return example
    split = example.get("dataframe_split", example)
    if isinstance(split, Mapping) and "columns" in split and "data" in split:
        return [dict(zip(split["columns"], split["data"][0], strict=False))]
    form = next((form for form in _FORMS if form in example), None)
    inner = example if form is None else example[form]
    if isinstance(inner, Mapping):
        return {name: values[:1] if isinstance(values, list) else values for name, values in inner.items()}
    return inner[:1] if isinstance(inner, list) else inner


def _with_json(rows: Any, version: Version) -> Any:
    """Values of columns of JSON as the texts in which they are sent; of one without a name, rows that name it."""
    told = version.signatures.get(DEFAULT)
    nested = {} if told is None else {one.name: one.column for one in told.inputs if one.column is not None}
    nested = {name: column for name, column in nested.items() if column.type == "json"}
    if not nested or not isinstance(rows, list):
        return rows
    lone = next((name for name, column in nested.items() if column.nameless), None)
    if lone is not None:
        return [{lone: json.dumps(row, ensure_ascii=False)} for row in rows]
    return [
        {name: json.dumps(one, ensure_ascii=False) if name in nested else one for name, one in row.items()}
        if isinstance(row, Mapping)
        else row
        for row in rows
    ]


def _made_up(version: Version) -> Any:
    if "image" in version.signatures and isinstance(version.preprocess, msgspec.Struct):
        size = (getattr(version.preprocess, "height", 8), getattr(version.preprocess, "width", 8))
        picture = encode_png(np.full(size, 128, np.uint8))
        return {"image": [{"b64": b64encode(picture).decode()}]}
    told = version.signatures.get(DEFAULT) or next(iter(version.signatures.values()))
    signature = msgspec.convert(msgspec.to_builtins(told), Signature)
    rows = {name: _listed(array) for name, array in varied(signature, 1).items()}
    if any(spec.column is not None for spec in signature.inputs):
        return [{name: values[0] for name, values in rows.items()}]
    return next(iter(rows.values())) if len(rows) == 1 else rows


def _listed(array: Array) -> Any:
    if array.dtype.kind == "O":
        texts = [item.decode() if isinstance(item, bytes) else item for item in array.ravel()]
        return np.array(texts, dtype=object).reshape(array.shape).tolist()
    if array.dtype.kind == "f":  # few digits are easier to read, and are as good
        return np.round(array.astype(np.float64), 2).tolist()
    return array.tolist()
