"""The XGBoost runtime, for files that its `save_model` writes: JSON and UBJSON."""

import json
import re
import threading
from collections.abc import Callable, Mapping
from typing import Any

from bms.adapters.runtimes.artifacts.model_file import first_format, known_file, lacking
from bms.adapters.runtimes.servables.called import CalledServable
from bms.adapters.runtimes.trees.outputs import BoosterOutputs, served_trees
from bms.adapters.runtimes.xgboost.columns import check_declared_levels, features_of, kept_levels
from bms.core.errors import FailedPrecondition, InvalidArgument
from bms.core.tensors.tensor import Array
from bms.core.workloads.programs import ServableConfig
from bms.serving.inference.reasons import plain
from bms.serving.inference.runtime import Recognition

_JSON = re.compile(rb'\s*\{\s*"(learner"\s*:\s*\{|version"\s*:\s*\[[\d,\s]{5,40}\]\s*,\s*"learner"\s*:)')
_UBJSON = re.compile(rb"\{(L.{8}|[iU].)learner\{", re.DOTALL)
_OLD = (b"binf", b"bs64")  # how the binary format began that XGBoost 3.1 gave up


def format_of(path: str) -> str | None:
    """The format: "xgboost-json", "xgboost-ubj" or "xgboost-binary", by content; None for anything else."""
    try:
        with open(path, "rb") as file:
            head = file.read(256)
    except OSError:
        return None
    if head.startswith(_OLD):
        return "xgboost-binary"
    return "xgboost-json" if _JSON.match(head) else "xgboost-ubj" if _UBJSON.match(head) else None


class XgboostRuntime:
    """Runs a booster with all its trees, or with the best ones where scikit-learn's interface saved it."""

    name = "xgboost"

    def recognises(self, directory: str) -> Recognition | None:
        format = first_format(directory, format_of)
        return None if format is None else Recognition(format, ("xgboost-cpu",))

    def load(self, config: ServableConfig) -> CalledServable:
        path = known_file(config.directory, (".ubj", ".json", ".bin", ".model"), format_of, self)
        format = format_of(path) or ""
        name = path.rpartition("/")[2]
        if format == "xgboost-binary" or not name.lower().endswith(format.rpartition("-")[2]):
            raise FailedPrecondition(
                f"{name!r} holds {format}, which its name does not say or which is no longer read: save the model with "
                "save_model('model.ubj') by XGBoost 1.6 to 3.0"
            )
        try:
            import xgboost
        except ImportError as error:
            raise lacking(self.name, "xgboost-cpu", error) from error
        try:
            booster = xgboost.Booster({"nthread": config.threads}, model_file=path)
            learner = json.loads(booster.save_config())["learner"]
        except (xgboost.core.XGBoostError, ValueError, KeyError) as error:
            raise FailedPrecondition(f"XGBoost can't load {name!r}: {_plain(error)}") from error
        gives = _output_kind(booster, learner)
        rows = _predicting(xgboost, booster, learner["gradient_booster"]["name"])

        def predict(x: Array) -> Array:
            try:
                return rows(x)
            except (xgboost.core.XGBoostError, ValueError) as error:
                raise InvalidArgument(f"XGBoost could not run on these inputs: {_plain(error)}") from error

        names, types = booster.feature_names or [], booster.feature_types or []
        kept = kept_levels(booster) if "c" in types else {}
        check_declared_levels(config.signatures, names, kept)
        return served_trees(config, format, predict, features_of(booster.num_features(), names, types, kept), gives)


def _output_kind(booster: Any, learner: Mapping[str, Any]) -> BoosterOutputs:
    """What the booster's `predict` gives."""
    objective = learner["objective"]["name"]
    model = learner["learner_model_param"]
    if objective.startswith("multi:"):
        booster.set_param({"objective": "multi:softprob"})  # which says more than softmax's label, of the same trees
        return BoosterOutputs("classes", int(model["num_class"]), "FP32")
    targets = int(model.get("num_target", 1))
    if objective == "binary:logistic":
        return BoosterOutputs("binary", 2, "FP32") if targets == 1 else BoosterOutputs("several", targets, "FP32")
    return BoosterOutputs("values", targets, "FP32")


def _predicting(xgboost: Any, booster: Any, kind: str) -> Callable[[Array], Array]:
    best = booster.attr("best_iteration") if booster.attr("scikit_learn") is not None else None
    trees = (0, 0) if best is None else (0, int(best) + 1)
    if kind != "gblinear":
        return lambda x: booster.inplace_predict(x, iteration_range=trees)
    one = threading.Lock()  # only prediction in place may run several times at once

    def linear(x: Array) -> Array:
        with one:
            return booster.predict(xgboost.DMatrix(x, nthread=1), validate_features=False)  # type: ignore[no-any-return]

    return linear


def _plain(error: Exception) -> str:
    """XGBoost's words without the place in its source and its stack."""
    text = re.sub(r"^\[[\d:]+\] \S+:\d+: ", "", str(error).partition("\nStack trace")[0])
    return plain(text)
