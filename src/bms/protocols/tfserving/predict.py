"""TensorFlow Serving's REST predict: decodes bodies and encodes answers.

Source: https://www.tensorflow.org/tfx/serving/api_rest and the server's own json_tensor.cc where they differ.
Row form: `instances` → `predictions`; columnar form: `inputs` → `outputs`. A single output loses its name. Frames as
MLflow's server takes them, `dataframe_split` and `dataframe_records`, are answered as rows.
"""

from collections.abc import Callable, Mapping
from typing import Any, Generic, NamedTuple, TypeVar

import msgspec
import numpy as np

from bms.core.errors import InvalidArgument
from bms.core.tensors.fitting import fit_inputs, one_column
from bms.core.tensors.parameters import chosen_parameters
from bms.core.tensors.request import InferRequest, InferResponse, Verb
from bms.core.tensors.signature import DEFAULT, MATRIX, Signature, TensorSpec, check_inputs, is_table, usual_rows
from bms.core.tensors.tensor import Array, Tensor
from bms.protocols.csv_bodies import read_csv
from bms.protocols.json.bodies import BodyDecoder
from bms.protocols.json.repeats import quotes_of
from bms.protocols.json.tensors import array_of, dump, text_values
from bms.protocols.json.values import (
    JsonValue,
    ValueDecoder,
    first_character,
    first_element,
    first_is_base64,
    first_of_first,
    joined,
    members,
    objects,
)
from bms.protocols.kserve.cloud_events import Mode
from bms.protocols.kserve.row_frames import rows_of_frames, rows_of_lists
from bms.protocols.signature_choice import choose_signature, content_signature
from bms.protocols.spare_columns import is_placed, rows_without_spare, without_spare
from bms.protocols.tables import read_split, table_by_place, table_of_columns, table_of_csv, table_of_one, table_of_rows
from bms.protocols.tensor_frames import tensors_of_csv, tensors_of_frame
from bms.protocols.tfserving.serialized_examples import serialized, takes_features

V = TypeVar("V")
PARAMS = "params"
_any: ValueDecoder[Any] = ValueDecoder(Any, Any)
Signatures = Mapping[str, Signature]


class PredictBody(msgspec.Struct, Generic[V]):
    """The body that a client sends to `:predict`."""

    instances: V | msgspec.UnsetType = msgspec.UNSET
    inputs: V | msgspec.UnsetType = msgspec.UNSET
    dataframe_split: V | msgspec.UnsetType = msgspec.UNSET
    dataframe_records: V | msgspec.UnsetType = msgspec.UNSET
    params: V | msgspec.UnsetType = msgspec.UNSET
    signature_name: str | None = None


class StrictPredictBody(PredictBody[V], Generic[V], forbid_unknown_fields=True):
    """`PredictBody` that refuses unknown members."""


class DecodedPredict(NamedTuple):
    """A decoded request, its number of rows, whether it came (and is answered) in row form, and in which mode of
    CloudEvents."""

    request: InferRequest
    rows: int
    row_form: bool
    event: Mode = ""


def _quotes(parsed: PredictBody[JsonValue]) -> int:
    count = 0 if parsed.signature_name is None else 4
    for value in (parsed.instances, parsed.inputs, parsed.dataframe_split, parsed.dataframe_records, parsed.params):
        if value is not msgspec.UNSET:
            count += 2 + quotes_of(value)
    return count


_body: BodyDecoder[PredictBody[JsonValue]] = BodyDecoder(
    StrictPredictBody[msgspec.Raw],  # type: ignore[arg-type]
    PredictBody[msgspec.Raw],  # type: ignore[arg-type]
    PredictBody[Any],
    _quotes,
)


def decode_predict(
    body: bytes | memoryview, model: str, signatures: Mapping[str, Signature], *, mlflow: bool = False
) -> DecodedPredict:
    """Decodes a body. With `mlflow` as MLflow's clients mean it: a model that has no parameters refuses those that are
    sent, which else are among the ignored members, and columns that the model does not have are left out. Raises
    InvalidArgument for what does not fit the signature it means."""
    try:
        parsed, ignored = _body(body)
    except InvalidArgument as error:
        raise InvalidArgument(f'{error.message}; a body is {{"instances": [one for each row]}} or the like') from None
    name = parsed.signature_name or None
    none = msgspec.UNSET
    value, form = parsed.instances, "instances"
    if value is none or not (parsed.inputs is parsed.dataframe_split is parsed.dataframe_records is none):
        value, form = _only_form(parsed)
    notes: list[str] = []
    chosen, tensors = _FORMS[form](value, name, signatures, notes, mlflow)
    decoded = _decoded(model, chosen, signatures, tensors, notes, row_form=form != "inputs")
    if parsed.params is not none and (given := _plain(parsed.params)):
        if signatures[chosen].params or mlflow:
            decoded.request.params = chosen_parameters(signatures[chosen].params, given)
        else:
            ignored = (*ignored, PARAMS)
    if ignored:
        decoded.request.ignored = ignored
    return decoded


def _plain(value: JsonValue) -> Any:
    try:
        return _any(value)
    except (msgspec.DecodeError, RecursionError) as error:
        raise InvalidArgument(f"'params' can't be read: {error}") from None


def _only_form(parsed: PredictBody[JsonValue]) -> tuple[JsonValue, str]:
    """Returns the one form that a body has, where that is not plainly instances. Raises InvalidArgument for none, and
    for several."""
    given = [(value, form) for form in _FORMS if (value := getattr(parsed, form)) is not msgspec.UNSET]
    if len(given) != 1:
        raise InvalidArgument(
            "give either 'instances' (rows) or 'inputs' (columns), or a frame as 'dataframe_split' or "
            f"'dataframe_records': one of them, not {len(given)}"
        )
    return given[0]


def decode_csv(
    body: bytes | memoryview, model: str, signatures: Mapping[str, Signature], verb: Verb, *, mlflow: bool = False
) -> DecodedPredict:
    """Decodes a body of CSV, whose first line names the columns of the model's table, its inputs, or, for a model of
    one input, anything. With `mlflow` columns that the model does not have are left out."""
    names, cells = read_csv(bytes(body))
    chosen = choose_signature(signatures, None, names, verb)
    notes: list[str] = []
    signature = signatures[chosen]
    if mlflow and not is_placed(signature):
        kept = without_spare(dict(zip(names, cells, strict=True)), signature, notes)
        names, cells = list(kept), list(kept.values())
    made = table_of_csv if is_table(signature) else tensors_of_csv
    tensors = made(names, cells, signature, notes)
    return _decoded(model, chosen, signatures, tensors, notes, row_form=True)


def _decoded(
    model: str,
    chosen: str,
    signatures: Mapping[str, Signature],
    tensors: list[Tensor],
    notes: list[str],
    *,
    row_form: bool,
) -> DecodedPredict:
    if not notes and (rows := usual_rows(signatures[chosen], tensors)):
        return DecodedPredict(InferRequest(model=model, inputs=tensors, signature=chosen), rows, row_form)
    fitted = fit_inputs(signatures[chosen], tensors)
    request = InferRequest(model=model, inputs=fitted.tensors, signature=chosen, notes=(*notes, *fitted.notes))
    return DecodedPredict(request, fitted.rows, row_form)


def decode_content(
    body: bytes | memoryview, model: str, signatures: Mapping[str, Signature], verb: Verb, content: str
) -> DecodedPredict:
    """Decodes a body that is an encoded image, or a text: one BYTES row for the signature that takes such."""
    chosen = content_signature(signatures, content, verb)
    if not body:
        raise InvalidArgument(f"the body is empty: send the {content} itself")
    row = np.empty(1, dtype=object)
    row[0] = bytes(body)
    tensors = [Tensor(signatures[chosen].inputs[0].name, row)]
    rows = check_inputs(signatures[chosen], tensors)
    return DecodedPredict(InferRequest(model=model, inputs=tensors, signature=chosen), rows, True)


def check_each_answered(decoded: DecodedPredict, response: InferResponse, signature: Signature) -> None:
    """Raises InvalidArgument where several instances have another number of answers.

    A model that is not batched may give any: where both numbers are free, they have to agree, or an answer would be
    taken for that of another instance. (Of an image, the instances are its lines.)
    """
    if signature.batched or not decoded.row_form or any(spec.shape[:1] != (None,) for spec in signature.inputs):
        return
    asked = len(decoded.request.inputs[0].array)
    free = {spec.name for spec in signature.outputs if spec.shape[:1] == (None,)}
    for tensor in response.outputs:
        if asked > 1 and tensor.name in free and len(tensor.array) != asked:
            raise InvalidArgument(
                f"the model gives {len(tensor.array)} answers for {asked} instances, and does not say which belongs to "
                "which: send 'inputs' instead of 'instances'"
            )


def encode_predict(response: InferResponse, row_form: bool, called: str = "") -> bytes:
    """Encodes an answer; `called` is the name of the answer's member, where it is another than usual. Raises
    InvalidArgument where outputs of different lengths were asked for as rows."""
    outputs = response.outputs
    if not row_form:
        name = called or "outputs"
        if len(outputs) == 1:
            return dump({name: _value(outputs[0])})
        return dump({name: {tensor.name: _value(tensor) for tensor in outputs}})
    name = called or "predictions"
    lengths = {tensor.array.shape[0] if tensor.array.ndim else None for tensor in outputs}
    if len(lengths) != 1 or None in lengths:
        raise InvalidArgument("the model's outputs have no common number of rows: send 'inputs' instead of 'instances'")
    if len(outputs) == 1:
        return dump({name: _value(outputs[0])})
    columns = [_value(tensor) for tensor in outputs]
    names = [tensor.name for tensor in outputs]
    return dump({name: [dict(zip(names, row, strict=True)) for row in zip(*columns, strict=True)]})


def _rows(
    value: JsonValue, named: str | None, signatures: Signatures, notes: list[str], mlflow: bool
) -> tuple[str, list[Tensor]]:
    begins = first_element(value)
    if begins in ("", "]"):
        raise InvalidArgument("'instances' must be a list of at least one row")
    if (lone := _lone_column(begins, named, signatures)) is not None:
        return lone, table_of_one(value, signatures[lone], notes)
    if begins == "{" and not first_is_base64(value):
        return _named_rows(objects(value, "'instances'"), named, signatures, notes, mlflow)
    chosen = choose_signature(signatures, named, None)
    if is_table(signatures[chosen]):
        if first_of_first(value) == "{":
            return _named_rows(rows_of_lists(value, "instance"), named, signatures, notes, mlflow)
        if named is not None or MATRIX not in signatures:
            return chosen, table_by_place(value, signatures[chosen], notes)
        chosen = MATRIX
    spec = _only_input(signatures[chosen], "send each instance as an object of named inputs")
    return chosen, [Tensor(spec.name, _values(value, spec, "instances", notes))]


def _lone_column(begins: str, named: str | None, signatures: Signatures) -> str | None:
    """Returns the name of the signature whose one column a list, which begins so, holds the values of; None for other
    lists. One of JSON takes whatever stands there, but rows that name it are for `table_of_one` to see."""
    chosen = named or DEFAULT
    signature = signatures.get(chosen)
    if signature is None or len(signature.inputs) != 1 or (column := signature.inputs[0].column) is None:
        return None
    if column.type == "json":
        return chosen
    return chosen if begins not in ("[", "{", "", "]") else None


def _values(value: JsonValue, spec: TensorSpec, what: str, notes: list[str]) -> Array:
    """Returns an input's values; of one value a row they may be nested once more, or once less, than the signature
    says."""
    rank = len(spec.shape)
    if rank == 1 and first_element(value) == "[":
        column = array_of(value, spec.dtype, 2, what, notes)
        if column.shape[1] == 1:
            return column[:, 0]
    elif rank == 2 and spec.shape[1] == 1 and first_character(value) == "[" and first_element(value) not in ("[", "]"):
        return array_of(value, spec.dtype, 1, what, notes)[:, None]
    return array_of(value, spec.dtype, rank, what, notes)


def _named_rows(
    rows: list[dict[str, JsonValue]], named: str | None, signatures: Signatures, notes: list[str], mlflow: bool
) -> tuple[str, list[Tensor]]:
    chosen = choose_signature(signatures, named, rows[0].keys())
    signature = signatures[chosen]
    if mlflow and signature.inputs[0].features is None:
        rows = rows_without_spare(rows, signature, notes)
    given = rows[0].keys()
    if is_table(signature):
        return chosen, table_of_rows(rows_of_frames(rows, signature), signature, notes)
    if takes_features(signature.inputs[0], rows[0]):
        return chosen, [serialized(signature.inputs[0], rows, notes)]
    for index, row in enumerate(rows):
        if row.keys() != given:
            raise InvalidArgument(f"instance {index} names {sorted(row)}, the first one {sorted(given)}")
    return chosen, [_joined(signature.input(name), [row[name] for row in rows], notes) for name in given]


def _columns(
    value: JsonValue, named: str | None, signatures: Signatures, notes: list[str], mlflow: bool
) -> tuple[str, list[Tensor]]:
    if first_character(value) == "{":
        given: Mapping[str, JsonValue] = members(value, "'inputs'")
        if given.keys() != {"b64"}:
            chosen = choose_signature(signatures, named, given.keys())
            signature = signatures[chosen]
            if mlflow:
                given = without_spare(given, signature, notes)
            if is_table(signature):
                return chosen, table_of_columns(given, signature, notes)
            specs = [(signature.input(name), item) for name, item in given.items()]
            return chosen, [Tensor(spec.name, _values(item, spec, spec.name, notes)) for spec, item in specs]
    begins = first_element(value)
    if (lone := _lone_column(begins, named, signatures)) is not None:
        return lone, table_of_one(value, signatures[lone], notes)
    chosen = choose_signature(signatures, named, None)
    if is_table(signatures[chosen]):
        if begins == "{":
            return _named_rows(objects(value, "'inputs'"), named, signatures, notes, mlflow)
        if first_of_first(value) == "{":
            return _named_rows(rows_of_lists(value, "row"), named, signatures, notes, mlflow)
        if named is not None or MATRIX not in signatures:
            return chosen, table_by_place(value, signatures[chosen], notes)
        chosen = MATRIX
    spec = _only_input(signatures[chosen], "send 'inputs' as an object of named tensors")
    return chosen, [Tensor(spec.name, _values(value, spec, "inputs", notes))]


def _split(
    value: JsonValue, named: str | None, signatures: Signatures, notes: list[str], mlflow: bool
) -> tuple[str, list[Tensor]]:
    names, rows = read_split(value)
    if not rows:
        raise InvalidArgument("'dataframe_split' has no rows: send at least one")
    if names is None:  # of columns without names, by place
        return _rows(joined([joined(row) for row in rows]), named, signatures, notes, mlflow)
    chosen = choose_signature(signatures, named, names)
    signature = signatures[chosen]
    if takes_features(signature.inputs[0], dict.fromkeys(names)):
        named_rows = [dict(zip(names, row, strict=True)) for row in rows]
        return chosen, [serialized(signature.inputs[0], named_rows, notes)]
    columns: Mapping[str, list[JsonValue]] = {name: [row[at] for row in rows] for at, name in enumerate(names)}
    if mlflow and not (is_placed(signature) and _without_lists(rows[0])):
        columns = without_spare(columns, signature, notes)
    if is_table(signature):
        return chosen, table_of_columns({name: joined(column) for name, column in columns.items()}, signature, notes)
    return chosen, tensors_of_frame(columns, signature, notes)


def _records(
    value: JsonValue, named: str | None, signatures: Signatures, notes: list[str], mlflow: bool
) -> tuple[str, list[Tensor]]:
    rows = objects(value, "'dataframe_records'")
    if not rows:
        raise InvalidArgument("'dataframe_records' has no rows: send at least one")
    chosen = choose_signature(signatures, named, rows[0].keys())
    signature = signatures[chosen]
    if not rows[0] or is_table(signature) or takes_features(signature.inputs[0], rows[0]):
        return _named_rows(rows, named, signatures, notes, mlflow)
    if mlflow and not (is_placed(signature) and _without_lists(list(rows[0].values()))):
        rows = rows_without_spare(rows, signature, notes)
    given = rows[0].keys()
    for index, row in enumerate(rows):
        if row.keys() != given:
            raise InvalidArgument(f"row {index} names {sorted(row)}, the first one {sorted(given)}")
    columns = {name: [row[name] for row in rows] for name in given}
    return chosen, tensors_of_frame(columns, signature, notes)


def _without_lists(row: list[JsonValue]) -> bool:
    return not any(first_character(value) == "[" for value in row)


def _joined(spec: TensorSpec, values: list[JsonValue], notes: list[str]) -> Tensor:
    """Returns the tensor of an input from its value in each row; one value is enough for an input of one column, and a
    list of one for an input of one value."""
    rank, begins = len(spec.shape), first_character(values[0])
    lone = begins not in ("[" if spec.dtype == "BYTES" else "[{")  # a text may be {"b64": …}
    if rank == 1 and begins == "[":
        return Tensor(spec.name, one_column(array_of(joined(values), spec.dtype, 2, spec.name, notes), spec))
    flat = lone and rank > 1 and all(size in (1, None) for size in spec.shape[1:])
    array = array_of(joined(values), spec.dtype, 1 if flat else rank, spec.name, notes)
    return Tensor(spec.name, array.reshape(len(array), *(1,) * (rank - 1)) if flat else array)


_FORMS: dict[str, Callable[[JsonValue, str | None, Signatures, list[str], bool], tuple[str, list[Tensor]]]] = {
    "instances": _rows,
    "inputs": _columns,
    "dataframe_split": _split,
    "dataframe_records": _records,
}


def _only_input(signature: Signature, instead: str) -> TensorSpec:
    if len(signature.inputs) != 1:
        names = ", ".join(repr(spec.name) for spec in signature.inputs)
        raise InvalidArgument(f"this signature takes {names}: {instead}")
    return signature.inputs[0]


def _value(tensor: Tensor) -> Array | object:
    if tensor.dtype == "BYTES":
        return text_values(tensor.array, tensor.name.endswith("_bytes"))
    return tensor.array
