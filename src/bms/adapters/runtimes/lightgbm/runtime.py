"""The LightGBM runtime, for the text files that its `save_model` writes."""

from bms.adapters.runtimes.artifacts.model_file import first_format, known_file, lacking
from bms.adapters.runtimes.lightgbm.columns import owners, unclear
from bms.adapters.runtimes.lightgbm.file import START, TextModel, check_model
from bms.adapters.runtimes.servables.called import CalledServable
from bms.adapters.runtimes.trees.inputs import BoosterFeatures
from bms.adapters.runtimes.trees.outputs import BoosterOutputs, served_trees
from bms.core.errors import FailedPrecondition
from bms.core.tensors.signature import column_spec
from bms.core.tensors.tensor import Array, DType
from bms.core.workloads.programs import ServableConfig
from bms.serving.inference.reasons import plain
from bms.serving.inference.runtime import Recognition

_CLASSES = ("multiclass", "multiclassova")
_WIDENED: tuple[DType, ...] = ("FP32",)


def format_of(path: str) -> str | None:
    """ "lightgbm" for a file that begins as its text format does; None for anything else."""
    try:
        with open(path, "rb") as file:
            return "lightgbm" if START.match(file.read(64)) else None
    except OSError:
        return None


class LightgbmRuntime:
    """Runs a booster with all its trees, in doubles, as LightGBM computes."""

    name = "lightgbm"

    def recognises(self, directory: str) -> Recognition | None:
        format = first_format(directory, format_of)
        return None if format is None else Recognition(format, ("lightgbm",))

    def load(self, config: ServableConfig) -> CalledServable:
        path = known_file(config.directory, (".txt", ".model", ".lgb", ".lightgbm"), format_of, self)
        name = path.rpartition("/")[2]
        with open(path, "rb") as file:
            content = file.read()
        model = check_model(content, name)
        try:
            import lightgbm
        except ImportError as error:
            raise lacking(self.name, "lightgbm", error) from error
        try:
            booster = lightgbm.Booster(model_str=content.decode(errors="replace"))
        except (lightgbm.basic.LightGBMError, ValueError) as error:
            words = plain(str(error), directory=config.directory)
            raise FailedPrecondition(f"LightGBM can't load {name!r}: {words}") from error

        def predict(rows: Array) -> Array:
            return booster.predict(rows, num_threads=config.threads)  # type: ignore[no-any-return]

        invalid = (lightgbm.basic.LightGBMError,)
        return served_trees(config, "lightgbm", predict, features_of(model), output_kind(model), invalid)


def output_kind(model: TextModel) -> BoosterOutputs:
    """The kind of the booster's outputs, by its objective."""
    if model.objective in _CLASSES:
        return BoosterOutputs("classes", model.classes, "FP64")
    return (
        BoosterOutputs("binary", 2, "FP64")
        if model.objective == "binary"
        else BoosterOutputs("values", model.classes, "FP64")
    )


def features_of(model: TextModel) -> BoosterFeatures:
    """The booster's features; columns where they have names; categories where the levels that a pandas frame had are
    surely theirs.

    A value that is no level is missing, as to LightGBM, which hands such a frame's `cat.codes` to the trees.
    """
    names = model.names or (tuple(map(str, range(model.features))) if model.levels else ())
    own = owners(model.levels, model.seen)
    levels = {} if own is None else dict(zip(own, model.levels, strict=True))
    columns = tuple(
        column_spec(name, "category", categories=levels[number]) if number in levels else column_spec(name, "number")
        for number, name in enumerate(names)
    )
    if own is None:
        why = unclear(names, model.levels, model.seen)
        return BoosterFeatures(model.features, "FP64", columns, True, why.message, model.levels, _WIDENED)
    return BoosterFeatures(model.features, "FP64", columns, unseen_is_missing=True, widened=_WIDENED)
