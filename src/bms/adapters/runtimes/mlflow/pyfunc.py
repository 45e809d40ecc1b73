"""Runs MLflow's python_function models (code and pickles) through MLflow itself, only where that is allowed."""

import json
import os
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from msgspec import structs

from bms.adapters.runtimes.artifacts.model_file import lacking
from bms.adapters.runtimes.mlflow.example import mlflow_example
from bms.adapters.runtimes.mlflow.nested import made_example
from bms.adapters.runtimes.mlflow.optional import by_lacking, gaps_of, put_together
from bms.adapters.runtimes.mlflow.parameters import parameters_of
from bms.adapters.runtimes.mlflow.returned import returned_outputs
from bms.adapters.runtimes.mlflow.signature import BINARY, NESTED, MlflowSchema, nested_outputs, schema_of
from bms.adapters.runtimes.python.errors import run_user_code
from bms.adapters.runtimes.servables.called import CalledServable, served
from bms.adapters.runtimes.servables.data_frame import frame_of, texts_of
from bms.core.errors import BmsError, FailedPrecondition, Internal, InvalidArgument
from bms.core.formats.pickles import ALLOW
from bms.core.tensors.columns import mask_name
from bms.core.tensors.predicted import Predicted
from bms.core.tensors.signature import DEFAULT, Signature
from bms.core.tensors.tensor import Array
from bms.core.workloads.programs import ServableConfig
from bms.serving.inference.reasons import plain
from bms.serving.lifecycle.examples import varied
from bms.serving.lifecycle.loader import own_example

Inputs = Mapping[str, Array]
Params = Mapping[str, Any]
_NONE: Params = MappingProxyType({})
PICKLED = (
    "this MLflow model is code and pickles (python_function), which run as they are loaded: save it in a flavor of its "
    f"library, or, {ALLOW}"
)


def load_pyfunc(config: ServableConfig) -> CalledServable:
    """Loads a python_function model. Raises FailedPrecondition unless `config` allows pickles: loading runs whatever
    the artifact holds."""
    if not config.allow_pickle:
        raise FailedPrecondition(PICKLED)
    os.environ.update(MLFLOW_DISABLE_TELEMETRY="true", DO_NOT_TRACK="true")
    try:
        import mlflow.pyfunc
        import pandas
    except ImportError as error:
        raise lacking("mlflow", "mlflow-skinny" if "mlflow" in str(error) else "pandas", error) from error
    schema = schema_of(config.directory)
    found = None
    if schema is not None:
        batched = all(spec.shape[:1] == (None,) for spec in schema.inputs)
        found = {DEFAULT: Signature(inputs=schema.inputs, batched=batched, params=parameters_of(config.directory))}
    directory = config.directory
    loaded = run_user_code(
        FailedPrecondition, "MLflow can't load the model", directory, lambda: mlflow.pyfunc.load_model(directory)
    )
    proved = [one.predicted for one in config.signatures.values() if one.predicted is not None]
    nested = nested_outputs(directory).union(*(one.nested for one in proved))
    model = _Pyfunc(loaded, schema, directory, mlflow.exceptions.MlflowException, pandas, nested)

    def call(_: str, inputs: Inputs, __: tuple[str, ...]) -> dict[str, Array]:
        return model.answers(inputs)

    def call_with(_: str, inputs: Inputs, __: tuple[str, ...], params: Params) -> dict[str, Array]:
        return model.answers(inputs, params)

    example, why = mlflow_example(directory, schema) or made_example(schema), "it was saved without a signature"
    servable = served(config, "mlflow-pyfunc", call, found, why=why, example=example)
    servable.call_with = call_with
    for name, signature in servable.signatures.items():
        if signature.predicted is None:
            servable.signatures[name] = structs.replace(signature, predicted=_with_bytes(model.predicted, schema))
    model.settle({spec.name: spec.dtype for one in servable.signatures.values() for spec in one.outputs})
    if schema is not None and schema.is_table:
        name, signature = next(iter(servable.signatures.items()))
        model.learn_what_may_lack(own_example(servable, name, 1) or varied(signature, 1))
    return servable


def _with_bytes(predicted: Predicted | None, schema: MlflowSchema | None) -> Predicted | None:
    """With the inputs that MLflow's clients send in base64."""
    if predicted is None or schema is None or BINARY not in schema.kinds or not schema.columns:
        return predicted
    named = [spec.name for spec, kind in zip(schema.inputs, schema.kinds, strict=True) if kind == BINARY]
    return structs.replace(predicted, base64=tuple(dict.fromkeys((*named, *predicted.base64))))


class _Pyfunc:
    """A loaded model, called with what MLflow's signature says: a frame, an array, or a dictionary of arrays."""

    def __init__(
        self,
        model: Any,
        schema: MlflowSchema | None,
        directory: str,
        refusal: type[Exception],
        pandas: Any,
        nested: frozenset[str],
    ) -> None:
        self._model = model
        self._schema = schema
        self._directory = directory
        self._refusal = refusal
        self._pandas = pandas
        self._may_lack: tuple[str, ...] = ()
        self._nested = nested
        self._settled: Mapping[str, str] | None = None
        self.predicted: Predicted | None = None  # the form of the last answer

    def settle(self, outputs: Mapping[str, str]) -> None:
        """Keeps the outputs, by name their types, as they are: what is answered from now on does not change them."""
        self._settled = outputs

    def learn_what_may_lack(self, example: Inputs) -> None:
        """Finds out which optional columns the frame need not have at all: MLflow leaves out what was not sent, and
        some models count on it, while others need the column and take it without values."""
        assert self._schema is not None
        optional = tuple(spec.name for spec in self._schema.inputs if spec.column is not None and spec.column.optional)
        if not optional or self._runs_without(example, optional):
            self._may_lack = optional
        else:
            self._may_lack = tuple(name for name in optional if self._runs_without(example, (name,)))

    def answers(self, inputs: Inputs, params: Params = _NONE) -> dict[str, Array]:
        """Rows that lack a column that may lack are run without it. Raises what `predict` is at fault of as Internal,
        InvalidArgument where MLflow refuses the inputs, or values are missing."""
        groups = by_lacking(inputs, self._may_lack)
        kind = InvalidArgument if any(gaps.any() for gaps in gaps_of(inputs).values()) else Internal
        answers = [(group, self._answer(group.of(inputs), group.names, kind, params)) for group in groups]
        return put_together(answers)

    def _runs_without(self, example: Inputs, names: tuple[str, ...]) -> bool:
        try:
            value = self._model.predict(self._handed(example, names))
            returned_outputs(self._pandas, value, self._nested, self._settled)
        except Exception:  # noqa: BLE001 - whatever the maker's code raises, it does not run
            return False
        return True

    def _answer(
        self, inputs: Inputs, without: tuple[str, ...], kind: type[BmsError], params: Params
    ) -> dict[str, Array]:
        given, said = self._handed(inputs, without), dict(params)  # checked and completed by MLflow's own schema

        def predicted() -> Any:
            try:
                return self._model.predict(given, params=said) if said else self._model.predict(given)
            except self._refusal as error:
                why = str(error).rpartition(" Error: ")[2]
                raise InvalidArgument(f"MLflow refuses these inputs: {plain(why)}") from error

        value = run_user_code(kind, "the model's predict failed", self._directory, predicted)
        made = returned_outputs(self._pandas, value, self._nested, self._settled)
        if self._settled is None:
            self._nested = self._nested.union(made.predicted.nested)
        self.predicted = made.predicted
        return made.outputs

    def _handed(self, inputs: Inputs, without: tuple[str, ...]) -> Any:
        schema = self._schema
        if schema is not None and schema.hinted:
            return self._list(schema, inputs)
        if schema is not None and schema.columns:
            return self._frame(schema, inputs, without)
        kinds = dict(zip((spec.name for spec in schema.inputs), schema.kinds, strict=True)) if schema else {}
        arrays = {name: _tensor(name, array, kinds.get(name, "")) for name, array in inputs.items()}
        if len(arrays) == 1 and (schema is None or schema.keys[0] in (None, "")):
            return next(iter(arrays.values()))
        return arrays

    def _list(self, schema: MlflowSchema, inputs: Inputs) -> list[Any]:
        """As MLflow hands it to a method whose type hint says so."""
        spec = schema.inputs[0]
        array, mask = inputs[spec.name], inputs.get(mask_name(spec.name))
        if schema.kinds[0] in NESTED:
            return self._nested_values(spec.name, array, mask)
        values = array if array.dtype.kind != "O" else texts_of(spec.name, array, None)
        return [None if mask is not None and mask[row] else one for row, one in enumerate(values.tolist())]

    def _nested_values(self, name: str, array: Array, mask: Array | None) -> list[Any]:
        made: list[Any] = []
        for row, text in enumerate(array.tolist()):
            try:
                made.append(None if mask is not None and mask[row] else json.loads(text))
            except (ValueError, RecursionError):
                raise InvalidArgument(
                    f"column {name!r}, row {row}: this is not JSON: values of this column are sent as JSON text"
                ) from None
        return made

    def _frame(self, schema: MlflowSchema, inputs: Inputs, without: tuple[str, ...]) -> Any:
        if schema.is_table:
            frame = frame_of(self._pandas, Signature(inputs=schema.inputs), inputs)
            for spec in schema.inputs:
                if spec.dtype == "BOOL" and mask_name(spec.name) in inputs:  # objects, of which MLflow takes None alone
                    values = frame[spec.name].to_numpy(dtype=object, copy=True)
                    values[inputs[mask_name(spec.name)]] = None
                    frame[spec.name] = self._pandas.Series(values, dtype=object)
            for spec, kind in zip(schema.inputs, schema.kinds, strict=True):
                if kind in NESTED:
                    values = self._nested_values(spec.name, inputs[spec.name], inputs.get(mask_name(spec.name)))
                    frame[spec.name] = self._pandas.Series(values, dtype=object)
        else:
            pairs = zip(schema.inputs, schema.kinds, strict=True)
            columns = {spec.name: self._column(spec.name, kind, inputs[spec.name]) for spec, kind in pairs}
            frame = self._pandas.DataFrame(columns)
        frame = frame.drop(columns=list(without))
        keys = [key for key, spec in zip(schema.keys, schema.inputs, strict=True) if spec.name not in without]
        frame.columns = list(range(len(keys))) if None in keys else keys
        return frame

    def _column(self, name: str, kind: str, array: Array) -> Any:
        """Beside columns of bytes, where nothing can be missing."""
        if array.dtype.kind != "O" or kind == BINARY:
            return array
        texts = texts_of(name, array, None)
        if kind != "datetime":
            return self._pandas.Series(texts, dtype=object)
        try:
            return self._pandas.to_datetime(texts, format="ISO8601")
        except (ValueError, TypeError, OverflowError) as error:
            raise InvalidArgument(f"column {name!r} holds what is no date-time of ISO 8601: {error}") from error


def _tensor(name: str, array: Array, kind: str) -> Any:
    """`kind` is NumPy's letter for what MLflow expects: texts as "U" or, in objects, "O"; bytes as "S"."""
    if kind not in ("U", "O", "S"):
        return array.copy()
    if kind == "S":
        return array.astype("S")
    texts = texts_of(name, array.ravel(), None).reshape(array.shape)
    return texts.astype(str) if kind == "U" else texts
