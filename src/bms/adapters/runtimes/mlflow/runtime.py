"""The runtime of MLflow directories: a flavor is run by the runtime that knows it; the signature is MLflow's."""

import os
from collections.abc import Mapping
from typing import NamedTuple

from msgspec import structs

from bms.adapters.runtimes.artifacts.model_file import unexpected
from bms.adapters.runtimes.mlflow.example import mlflow_example
from bms.adapters.runtimes.mlflow.file import (
    asked_requirements,
    flavors_of,
    minor_version,
    pinned,
    places,
    with_skinny,
    without_mlflow,
)
from bms.adapters.runtimes.mlflow.joined import joined
from bms.adapters.runtimes.mlflow.parameters import parameters_of
from bms.adapters.runtimes.mlflow.predicted import METHODS, predicted_of
from bms.adapters.runtimes.mlflow.pyfunc import PICKLED, load_pyfunc
from bms.adapters.runtimes.mlflow.signature import INPUT, MlflowSchema, output_rank, schema_of
from bms.adapters.runtimes.servables.called import CalledServable, served
from bms.core.errors import FailedPrecondition
from bms.core.tensors.signature import DEFAULT, MATRIX, Signature, is_table
from bms.core.tensors.tensor import Array
from bms.core.workloads.programs import ServableConfig
from bms.serving.inference.runtime import Recognition, Runtime
from bms.serving.lifecycle.servable import ExemplaryServable, Servable

PYFUNC = "python_function"
STATE = "state"  # a pickled PyTorch module, which only MLflow itself opens, where pickles are allowed
# Each flavor with the runtimes that may run it, in the order in which they are asked.
FLAVORS = {
    "onnx": ("onnx",),
    "xgboost": ("xgboost", "sklearn"),
    "lightgbm": ("lightgbm", "sklearn"),
    "catboost": ("catboost",),
    "keras": ("keras", "tensorflow"),
    "tensorflow": ("keras", "tensorflow"),
    "pytorch": ("torch-export", "torchscript", "torch"),
    "sklearn": ("sklearn",),
}
_OBJECTS = frozenset({"sklearn", "torch"})  # runtimes whose files may need any of the listed packages
_NAMED = frozenset({"onnx", "tensorflow", "keras"})  # runtimes whose inputs have names of the model's own
_TYPED = frozenset({"sklearn", "catboost"})  # runtimes whose files don't tell the types of all columns
_SWITCHES = (
    "output_margin",
    "pred_leaf",
    "pred_contribs",
    "approx_contribs",
    "pred_interactions",
)  # of XGBoost's predict


class Inner(NamedTuple):
    """The runtime of a flavor, the folder it is to load, and what it recognised there."""

    runtime: Runtime
    directory: str
    found: Recognition


class MlflowRuntime:
    """Runs MLflow's models by `others`, the runtimes there are, by name; python_function by MLflow itself."""

    name = "mlflow"

    def __init__(self, others: Mapping[str, Runtime]) -> None:
        self._others = others

    def recognises(self, directory: str) -> Recognition | None:
        flavors = flavors_of(directory)
        listed = asked_requirements(directory)
        inner = self._inner(directory)
        if inner is not None:
            found = inner.found
            more = without_mlflow(listed) if inner.runtime.name in _OBJECTS else ()
            needed = (*pinned(found.requirements, listed), *more)
            requirements = tuple(dict.fromkeys(needed))
            pickled = found.format in ("pickle", "joblib")
            python = minor_version(flavors) if pickled else found.python
            return Recognition(
                f"mlflow-{found.format}",
                requirements,
                python=python,
                whole=True,
                complete=True,
                pickled=found.pickled,
            )
        if PYFUNC not in flavors:
            return None
        requirements = with_skinny(listed)
        return Recognition(
            "mlflow-pyfunc", requirements, python=minor_version(flavors), whole=True, complete=True, pickled=PICKLED
        )

    def load(self, config: ServableConfig) -> CalledServable:
        if not flavors_of(config.directory):
            raise unexpected(config.directory, self, "a file MLmodel at the top")
        inner = self._inner(config.directory)
        if inner is None:
            return load_pyfunc(config)
        schema = schema_of(config.directory)
        _refuse_parameters(inner, config.directory)
        method = (
            flavors_of(config.directory).get(PYFUNC, {}).get("predict_fn", "")
            if inner.runtime.name == "sklearn"
            else ""
        )
        if schema is None:
            return _predicting(config.directory, _giving(method, _as_it_is(inner, config)), frame=False)
        try:
            servable = _opened(inner, config, schema)
        except FailedPrecondition:
            if config.signatures:  # what its maker says of the model counts more than MLmodel
                return _predicting(config.directory, _giving(method, _as_it_is(inner, config)), frame=schema.columns)
            raise
        name = _meant(servable, schema)
        of = servable.signatures[name]
        one = joined(schema, of, named=inner.runtime.name in _NAMED)

        def call(_: str, inputs: Mapping[str, Array], outputs: tuple[str, ...]) -> dict[str, Array]:
            return servable.infer(name, one.handed(inputs), outputs)

        found = {DEFAULT: structs.replace(of, inputs=one.inputs)}
        example = mlflow_example(config.directory, schema)
        format, independent = f"mlflow-{servable.format}", of.batched  # proved by the flavor's own runtime
        outer = served(config, format, call, found, example=example, independent=independent)
        return _predicting(config.directory, _giving(method, _Closing(servable, outer)), frame=schema.columns)

    def _inner(self, directory: str) -> Inner | None:
        flavors = flavors_of(directory)
        for flavor in (name for name in FLAVORS if name in flavors):
            for place in places(directory, flavors[flavor]):
                within = os.path.join(directory, place) if place else directory
                for runtime in (self._others[name] for name in FLAVORS[flavor] if name in self._others):
                    found = runtime.recognises(within)
                    if found is not None and found.format != STATE:
                        return Inner(runtime, within, found)
        return None


class _Closing(CalledServable):
    """A servable that also closes the inner one."""

    def __init__(self, inner: Servable, outer: CalledServable) -> None:
        super().__init__(outer.format, outer.infer, outer.signatures)
        self.examples, self.apart = outer.examples, outer.apart
        self.listed = inner.listed if isinstance(inner, CalledServable) else frozenset()
        self._inner = inner

    def close(self) -> None:
        super().close()
        self._inner.close()


def _as_it_is(inner: Inner, config: ServableConfig) -> CalledServable:
    """The flavor's model by its own signatures, or those declared."""
    servable = inner.runtime.load(_own(inner, config, config.signatures))
    format = f"mlflow-{servable.format}"
    own = CalledServable(format, servable.infer, servable.signatures)
    own.examples = dict(servable.examples) if isinstance(servable, ExemplaryServable) else {}
    return _Closing(servable, own)


def _opened(inner: Inner, config: ServableConfig, schema: MlflowSchema) -> Servable:
    """The flavor's model, called by its own signatures; one of `_TYPED` by that of MLmodel, which knows the types of
    its columns. One that was fitted without names takes them by place."""
    said = _declared_by(schema) if inner.runtime.name in _TYPED else None
    if said is None:
        return inner.runtime.load(_own(inner, config, {}))
    try:
        return inner.runtime.load(_own(inner, config, {DEFAULT: said}))
    except FailedPrecondition:
        servable = inner.runtime.load(_own(inner, config, {}))
        if not is_table(next(iter(servable.signatures.values()))):
            return servable
        servable.close()
        raise


def _own(inner: Inner, config: ServableConfig, signatures: Mapping[str, Signature]) -> ServableConfig:
    return structs.replace(config, runtime=inner.runtime.name, directory=inner.directory, signatures=dict(signatures))


def _declared_by(schema: MlflowSchema) -> Signature | None:
    if schema.is_table:
        return Signature(inputs=schema.inputs)
    if schema.columns or len(schema.inputs) != 1 or schema.inputs[0].shape[:1] != (None,):
        return None
    return Signature(inputs=(structs.replace(schema.inputs[0], name=INPUT),))


def _meant(servable: Servable, schema: MlflowSchema) -> str:
    """The model's signature that MLmodel's is for: a tensor of all columns is the matrix of a table."""
    return MATRIX if not schema.columns and MATRIX in servable.signatures else next(iter(servable.signatures))


def _predicting(directory: str, servable: CalledServable, *, frame: bool) -> CalledServable:
    """`servable`, with the answer of MLflow's own server in its signatures."""
    flavors, rank = flavors_of(directory), output_rank(directory)
    if rank is None and servable.listed:
        rank = 2
    for name, signature in servable.signatures.items():
        if signature.predicted is None:
            predicted = predicted_of(flavors, signature, frame=frame, rank=rank)
            servable.signatures[name] = structs.replace(signature, predicted=predicted)
    return servable


def _giving(method: str, servable: CalledServable) -> CalledServable:
    """`servable`, of which MLmodel asks the answer of `method`. Raises FailedPrecondition where it gives none such."""
    given = {spec.name for signature in servable.signatures.values() for spec in signature.outputs}
    if method in ("", "predict") or METHODS.get(method) in given:
        return servable
    servable.close()
    raise FailedPrecondition(
        f"MLmodel says 'predict_fn': {method[:80]!r}, but what is served is {', '.join(sorted(given))}: "
        "save it with the pyfunc_predict_fn of one of these, or wrap it in a python_function"
    )


def _refuse_parameters(inner: Inner, directory: str) -> None:
    """MLflow hands parameters on to XGBoost's `predict`, which then answers something else than a prediction."""
    if inner.runtime.name != "xgboost":
        return
    asked = [one.name for one in parameters_of(directory) if one.name in _SWITCHES and one.default]
    if asked:
        raise FailedPrecondition(
            f"the signature in MLmodel asks XGBoost for {', '.join(asked)} by its parameters, which is not served: "
            "save the model with a signature without them"
        )
