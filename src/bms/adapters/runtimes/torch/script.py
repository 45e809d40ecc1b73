"""The runtime of TorchScript modules (torch.jit.save); pickles of torch.save are refused with advice."""

from collections.abc import Mapping
from typing import Any

from bms.adapters.runtimes.artifacts.model_file import model_file
from bms.adapters.runtimes.servables.called import CalledServable
from bms.adapters.runtimes.servables.class_scores import classify
from bms.adapters.runtimes.servables.undeclared import check_asked, served_as_asked
from bms.adapters.runtimes.torch.advice import refusal
from bms.adapters.runtimes.torch.archive import SUFFIXES, first_file, first_kind
from bms.adapters.runtimes.torch.run import REFUSALS, REQUIREMENTS, calling, torch_with
from bms.adapters.runtimes.torch.script_file import inspect
from bms.adapters.runtimes.torch.script_forward import forward_takes
from bms.adapters.runtimes.torch.state import check_steady
from bms.core.errors import FailedPrecondition
from bms.core.workloads.programs import ServableConfig
from bms.serving.inference.reasons import reason
from bms.serving.inference.runtime import MissingDeclaration, Recognition


class TorchScriptRuntime:
    """Runs `forward` of a TorchScript module; types and shapes of its inputs must be declared. Only the names of
    arguments are read from it."""

    name = "torchscript"

    def recognises(self, directory: str) -> Recognition | None:
        """Recognises TorchScript; a pickle, too, so as to be refused with advice."""
        kind = first_kind(directory, "torchscript", "state")
        path = first_file(directory, kind) if kind else None
        if kind is None or path is None:
            return None
        if kind == "state":
            return Recognition(kind, refusal=refusal(path))
        return Recognition(kind, REQUIREMENTS, asks=_asks(forward_takes(path)))

    def load(self, config: ServableConfig) -> CalledServable:
        pickled = first_file(config.directory, "state")
        if pickled is not None and first_file(config.directory, "torchscript") is None:
            raise FailedPrecondition(refusal(pickled))
        path = model_file(config.directory, SUFFIXES, self)
        inspect(path)
        check_asked(config.runtime, _asks(forward_takes(path)), config.signatures)
        torch = torch_with(config.threads, self.name)
        try:
            module = torch.jit.load(path, map_location="cpu").eval()
            takes = _takes(module)
        except Exception as error:  # a hostile file may make any part of the reader fail
            words = reason(error, directory=config.directory)
            raise FailedPrecondition(f"PyTorch can't load the TorchScript: {words}") from error

        def run(tensors: dict[str, Any]) -> Any:
            return module(**tensors)

        call = calling(torch, run)
        servable = served_as_asked(config, "torchscript", call, _asks(takes), invalid=REFUSALS)
        check_steady(servable, module, config)
        return classify(servable, config.signatures)


def _asks(takes: Mapping[str, bool] | None) -> MissingDeclaration:
    names = f" ({', '.join(takes)})" if takes else ""
    return MissingDeclaration(f"TorchScript tells no types and shapes of what its forward takes{names}", takes)


def _takes(module: Any) -> Mapping[str, bool]:
    arguments = module.forward.schema.arguments[1:]
    return {argument.name: not argument.has_default_value() for argument in arguments}
