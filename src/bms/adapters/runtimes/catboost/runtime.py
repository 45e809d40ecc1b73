"""The CatBoost runtime, for files that its `save_model` writes: its own binary format (`.cbm`) and JSON."""

import re
from typing import Any

import numpy as np
from msgspec import structs

from bms.adapters.runtimes.artifacts.model_file import first_format, known_file, lacking
from bms.adapters.runtimes.catboost.columns import features_of
from bms.adapters.runtimes.catboost.file import SUFFIXES, check_json, exported_as, format_of
from bms.adapters.runtimes.servables.called import CalledServable
from bms.adapters.runtimes.trees.outputs import BoosterOutputs, served_rows, trees_signature
from bms.core.errors import FailedPrecondition
from bms.core.tensors.signature import Signature, TensorSpec
from bms.core.tensors.tensor import Array, dtype_of
from bms.core.workloads.programs import ServableConfig
from bms.serving.inference.reasons import plain
from bms.serving.inference.runtime import Recognition

_SEVERAL = ("MultiLogloss", "MultiCrossEntropy")  # losses of things each of which may be so or not
_PROBABILITIES, _LABEL, _PREDICTION = "probabilities", "label", "prediction"


class CatboostRuntime:
    """Runs a model with all its trees; a file saved by an estimator with `use_best_model` holds the best ones alone."""

    name = "catboost"

    def recognises(self, directory: str) -> Recognition | None:
        format = first_format(directory, format_of)
        if format is not None:
            return Recognition(format, ("catboost",))
        exported = exported_as(directory)
        return None if exported is None else Recognition(f"catboost-{exported}", refusal=_export_refused(exported))

    def load(self, config: ServableConfig) -> CalledServable:
        path = known_file(config.directory, SUFFIXES, format_of, self)
        name, format = path.rpartition("/")[2], format_of(path) or ""
        try:
            import catboost
        except ImportError as error:
            raise lacking(self.name, "catboost", error) from error
        try:
            if format == "catboost-json":
                check_json(path)
            model = catboost.CatBoost()
            model.load_model(path, format="json" if format == "catboost-json" else "cbm")
            features = features_of(model)
            answers = CatboostOutputs(catboost, model, features.total, config.threads)
        except (catboost.CatBoostError, ValueError, KeyError, TypeError, IndexError) as error:
            words = _plain(error, config.directory)
            raise FailedPrecondition(f"CatBoost can't load {name!r}: {words}; save it again with save_model") from error
        made = served_rows(config, format, answers.to, features, answers.signature, (catboost.CatBoostError,))
        made.listed = answers.listed
        return made


class CatboostOutputs:
    """A model's outputs, as CatBoost's estimator for its loss gives them."""

    def __init__(self, catboost: Any, model: Any, features: int, threads: int) -> None:
        self._pool = catboost.Pool
        self._model = model
        self._threads = threads
        self._kinds = {
            "cat_features": list(model.get_cat_feature_indices()) or None,
            "text_features": list(model.get_text_feature_indices()) or None,
        }
        loss = str(model.get_params().get("loss_function", ""))
        classes: Any = np.asarray(model.classes_)
        self._predicted = _usual(loss)
        self.listed = frozenset((_LABEL,) if loss.startswith("MultiClass") else ())  # whatever their number
        if loss in _SEVERAL:
            self._kind_of_output = BoosterOutputs("several", len(classes), "FP64")
        elif len(classes):
            self._kind_of_output = BoosterOutputs("classes", len(classes), "FP64")
        else:
            one = self._predict(self._rows(self._blank(features)), self._predicted)
            self._kind_of_output = BoosterOutputs("values", one.size, "FP64")
        self._classes = classes

    def signature(self, inputs: tuple[TensorSpec, ...]) -> Signature:
        """The signature of the model for these inputs."""
        made = trees_signature(self._kind_of_output, inputs)
        if self._kind_of_output.kind != "classes":
            return made
        labels = _texts(self._classes)
        outputs = tuple(
            structs.replace(spec, dtype=dtype_of(labels)) if spec.name == _LABEL else spec for spec in made.outputs
        )
        return structs.replace(made, outputs=outputs, labels=tuple(map(str, self._classes.tolist())))

    def to(self, rows: Array, wanted: tuple[str, ...]) -> dict[str, Array]:
        """Computes the wanted outputs, all where none is named. Raises what CatBoost raises."""
        pool = self._rows(rows)
        if self._kind_of_output.kind == "values":
            return {_PREDICTION: self._predict(pool, self._predicted)}
        made: dict[str, Array] = {}
        if _PROBABILITIES in (wanted or (_PROBABILITIES,)):
            made[_PROBABILITIES] = self._predict(pool, "Probability")
        if _LABEL in (wanted or (_LABEL,)):  # its own: a model may have a threshold other than a half
            label = self._predict(pool, "Class")
            made[_LABEL] = (
                label.astype(np.int64) if self._kind_of_output.kind == "several" else _texts(label.reshape(len(rows)))
            )
        return made

    def _rows(self, rows: Array) -> Any:
        return self._pool(rows, **self._kinds)

    def _predict(self, pool: Any, kind: str) -> Array:
        return np.asarray(self._model.predict(pool, prediction_type=kind, thread_count=self._threads))

    def _blank(self, features: int) -> Array:
        """A row of nothing."""
        texts = {*(self._kinds["cat_features"] or ()), *(self._kinds["text_features"] or ())}
        row = np.empty((1, features), dtype=object)
        row[0, :] = ["" if place in texts else 0.0 for place in range(features)]
        return row if texts else row.astype(np.float32)


def _usual(loss: str) -> str:
    """What `CatBoostRegressor.predict` gives by default: what was trained for, not its logarithm."""
    if loss.startswith(("Poisson", "Tweedie")):
        return "Exponent"
    return loss if loss == "RMSEWithUncertainty" else "RawFormulaVal"


def _texts(array: Any) -> Array:
    """Classes in a type of the wire: texts in UTF-8."""
    if array.dtype.kind not in "OU":
        return array  # type: ignore[no-any-return]
    made = np.empty(len(array), dtype=object)
    made[:] = [str(item).encode() for item in array.tolist()]
    return made


def _export_refused(format: str) -> str:
    return (
        f"this is CatBoost's export as {format}, which is not served: save the model itself with "
        "save_model('model.cbm')" + ("" if format in ("cpp", "python") else ", or format='onnx'")
    )


def _plain(error: Exception, directory: str) -> str:
    """CatBoost's words without the place in its source."""
    return (
        plain(re.sub(r"^(\(\S+\) )?\S*\.(cpp|h):\d+:\s*", "", str(error)), directory=directory) or type(error).__name__
    )
