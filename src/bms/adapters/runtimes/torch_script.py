"""TorchScript modules (torch.jit.save), and words for the pickles that torch.save makes."""

from typing import Any

from bms.adapters.runtimes.artifact import model_file
from bms.adapters.runtimes.asked import served_as_asked
from bms.adapters.runtimes.called import CalledServable
from bms.adapters.runtimes.class_scores import classify
from bms.adapters.runtimes.torch_archive import SUFFIXES, first_kind, kind_of
from bms.adapters.runtimes.torch_run import REFUSALS, REQUIREMENTS, calling, torch_with
from bms.adapters.runtimes.torch_script_file import inspect
from bms.core.errors import FailedPrecondition
from bms.core.programs import ServableConfig
from bms.serving.inference.reasons import reason
from bms.serving.inference.runtime import Found

HOW_TO_EXPORT = (
    "it is a pickle of torch.save, which holds no model but what the code that made it can read, and runs whatever "
    "code it holds when opened. Export the model with torch.export.save(torch.export.export(model.eval(), example), "
    "'model.pt2') or torch.jit.script(model.eval()).save('model.pt'); or put its weights "
    "(safetensors.torch.save_model(model, 'model.safetensors')) beside a model.py with its class Model"
)


class TorchScriptRuntime:
    """Runs `forward` of a TorchScript module. What it takes beyond its arguments' names must be said."""

    name = "torchscript"

    def recognises(self, directory: str) -> Found | None:
        """A pickle is recognised, too, and needs nothing: `load` refuses it at once, in words."""
        kind = first_kind(directory, "torchscript", "state")
        return None if kind is None else Found(kind, REQUIREMENTS if kind == "torchscript" else ())

    def load(self, config: ServableConfig) -> CalledServable:
        path = model_file(config.directory, SUFFIXES, self)
        if kind_of(path) == "state":
            raise FailedPrecondition(f"{path.rpartition('/')[2]!r} can't be served: {HOW_TO_EXPORT}")
        inspect(path)
        torch = torch_with(config.threads, self.name)
        try:
            module = torch.jit.load(path, map_location="cpu").eval()
            takes = _takes(module)
        except Exception as error:  # a hostile file may make any part of the reader fail
            words = reason(error, directory=config.directory)
            raise FailedPrecondition(f"PyTorch can't load the TorchScript: {words}") from error

        def run(tensors: dict[str, Any]) -> Any:
            return module(**tensors)

        servable = served_as_asked(
            config,
            "torchscript",
            calling(torch, run),
            takes=takes,
            why=f"TorchScript tells no types and shapes of what its forward takes ({', '.join(takes)})",
            invalid=REFUSALS,
        )
        return classify(servable, config.signatures)


def _takes(module: Any) -> tuple[str, ...]:
    """The arguments that forward can't do without."""
    arguments = module.forward.schema.arguments[1:]
    return tuple(argument.name for argument in arguments if not argument.has_default_value())
