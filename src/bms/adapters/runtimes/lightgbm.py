"""LightGBM boosters, from the text files that its `save_model` writes."""

from collections.abc import Mapping

from bms.adapters.runtimes.artifact import first_format, known_file, lacking
from bms.adapters.runtimes.called import CalledServable, served
from bms.adapters.runtimes.lightgbm_file import START, check_model
from bms.adapters.runtimes.trees import INPUT, Kind, trees_outputs, trees_signature
from bms.core.errors import FailedPrecondition
from bms.core.programs import ServableConfig
from bms.core.signature import DEFAULT
from bms.core.tensor import Array
from bms.serving.inference.runtime import Found

_CLASSES = ("multiclass", "multiclassova")


def format_of(path: str) -> str | None:
    """ "lightgbm" for a file that begins as its text format does; None for anything else."""
    try:
        with open(path, "rb") as file:
            return "lightgbm" if START.match(file.read(64)) else None
    except OSError:
        return None


class LightgbmRuntime:
    """Runs a booster with all its trees."""

    name = "lightgbm"

    def recognises(self, directory: str) -> Found | None:
        format = first_format(directory, format_of)
        return None if format is None else Found(format, ("lightgbm",))

    def load(self, config: ServableConfig) -> CalledServable:
        path = known_file(config.directory, (".txt", ".model", ".lgb", ".lightgbm"), format_of, self)
        name = path.rpartition("/")[2]
        with open(path, "rb") as file:
            content = file.read()
        model = check_model(content, name)
        try:
            import lightgbm
        except ImportError as error:
            raise lacking(self.name, "lightgbm") from error
        try:
            booster = lightgbm.Booster(model_str=content.decode(errors="replace"))
        except (lightgbm.basic.LightGBMError, ValueError) as error:
            raise FailedPrecondition(f"LightGBM can't load {name!r}: {str(error)[:300]}") from error
        kind: Kind = "classes" if model.objective in _CLASSES else "binary" if model.objective == "binary" else "values"
        signature = trees_signature(kind, model.features, model.classes, "FP64")

        def call(_: str, inputs: Mapping[str, Array], __: tuple[str, ...]) -> dict[str, Array]:
            return trees_outputs(kind, booster.predict(inputs[INPUT], num_threads=config.threads))

        return served(config, "lightgbm", call, {DEFAULT: signature}, invalid=(lightgbm.basic.LightGBMError,))
