"""The runtime of PyTorch models as code and weights: `model.py` and `model.safetensors`, with settings in
`config.json`."""

import ast
import importlib.util
import os
import sys
from collections.abc import Callable, Mapping
from typing import Any

import msgspec

from bms.adapters.runtimes.artifacts.description import small_file
from bms.adapters.runtimes.artifacts.model_file import lacking, unexpected
from bms.adapters.runtimes.python.errors import for_caller
from bms.adapters.runtimes.servables.called import CalledServable
from bms.adapters.runtimes.servables.class_scores import classify
from bms.adapters.runtimes.servables.undeclared import check_asked, served_as_asked
from bms.adapters.runtimes.torch.run import REFUSALS, REQUIREMENTS, calling, parsed, torch_with
from bms.adapters.runtimes.torch.state import check_steady
from bms.core.errors import FailedPrecondition
from bms.core.workloads.programs import ServableConfig
from bms.serving.inference.reasons import reason
from bms.serving.inference.runtime import MissingDeclaration, Recognition

CODE, WEIGHTS, SETTINGS = "model.py", "model.safetensors", "config.json"
_FOREIGN = frozenset(
    {"architectures", "model_type"}
)  # settings of a Hugging Face model, which has a runtime of its own
_MODULE = "bms_artifact_model"


class TorchCodeRuntime:
    """Builds the module that `model.py` defines: `build(config)`, else `Model(**config)`; loads the weights strictly.

    The code is the artifact's own and runs as it is, in the process of this model alone.
    """

    name = "torch"

    def recognises(self, directory: str) -> Recognition | None:
        try:
            found = _is_safetensors(os.path.join(directory, WEIGHTS)) and _builder(directory)
            foreign = found and _FOREIGN.intersection(_settings(directory))
        except (OSError, FailedPrecondition):
            return None
        if not found or foreign:
            return None
        return Recognition("safetensors", REQUIREMENTS, whole=True, asks=_asks(_takes(directory)))

    def load(self, config: ServableConfig) -> CalledServable:
        weights = os.path.join(config.directory, WEIGHTS)
        builder = _builder(config.directory)
        if builder is None or not os.path.exists(weights):
            raise unexpected(
                config.directory,
                self,
                f"{CODE}, with a class Model(torch.nn.Module) or a function build(config), and {WEIGHTS} at the top",
            )
        if not _is_safetensors(weights):
            raise FailedPrecondition(f"{WEIGHTS!r} is no safetensors file: write it with safetensors.torch.save_file")
        settings = _settings(config.directory)
        asks = _asks(_takes(config.directory))
        check_asked(config.runtime, asks, config.signatures)
        torch = torch_with(config.threads, self.name)
        module = _built(config.directory, builder, settings)
        if not isinstance(module, torch.nn.Module):
            raise FailedPrecondition(f"{builder} of {CODE!r} gave a {type(module).__name__}, not a torch.nn.Module")
        _fill(module, weights)
        module.eval()

        def run(tensors: dict[str, Any]) -> Any:
            try:
                return module(**tensors)
            except Exception as error:
                if (own := for_caller(error)) is not None:
                    raise own from error
                raise

        call = calling(torch, run)
        servable = served_as_asked(config, "safetensors", call, asks, invalid=REFUSALS)
        check_steady(servable, module, config)
        return classify(servable, config.signatures)


def _is_safetensors(path: str) -> bool:
    """By its header: a length, then JSON. Source: https://github.com/huggingface/safetensors#format."""
    if os.path.islink(path) or not os.path.isfile(path):
        return False
    with open(path, "rb") as file:
        head = file.read(9)
    length = int.from_bytes(head[:8], "little")
    return len(head) == 9 and head[8:] == b"{" and 2 <= length <= os.path.getsize(path) - 8


def _builder(directory: str) -> str | None:
    """What builds the module: "build", "Model" (if it has a forward: else it is one for the runtime "python"), or None
    where the code has neither. Raises FailedPrecondition for code that can't be read."""
    source = small_file(directory, CODE)
    if source is None:
        return None
    defined = parsed(source, CODE).body
    if any(isinstance(one, ast.FunctionDef) and one.name == "build" for one in defined):
        return "build"
    for one in defined:
        if isinstance(one, ast.ClassDef) and one.name == "Model":
            methods = {inner.name for inner in one.body if isinstance(inner, ast.FunctionDef)}
            return "Model" if "forward" in methods and not methods & {"predict", "stream"} else None
    return None


def _asks(takes: Mapping[str, bool] | None) -> MissingDeclaration:
    names = f": {', '.join(takes)}" if takes else ""
    why = f"code tells neither types nor shapes of what it takes (the names are those of forward's arguments{names})"
    return MissingDeclaration(why, takes)


def _takes(directory: str) -> Mapping[str, bool] | None:
    """The arguments of forward of the class Model, and whether each is needed; None where the code does not show them,
    as with `build` or `**more`. Raises FailedPrecondition for code that can't be read."""
    defined = parsed(small_file(directory, CODE) or b"", CODE).body
    kinds = [one for one in defined if isinstance(one, ast.ClassDef) and one.name == "Model"]
    if _builder(directory) != "Model" or len(kinds) != 1:
        return None
    found = [one for one in kinds[0].body if isinstance(one, ast.FunctionDef) and one.name == "forward"]
    if len(found) != 1 or found[0].decorator_list:
        return None
    given = found[0].args
    if given.vararg or given.kwarg or given.posonlyargs:
        return None
    names = [one.arg for one in given.args[1:]]
    needed = {name: at < len(names) - len(given.defaults) for at, name in enumerate(names)}
    return needed | {one.arg: value is None for one, value in zip(given.kwonlyargs, given.kw_defaults, strict=True)}


def _settings(directory: str) -> dict[str, Any]:
    content = small_file(directory, SETTINGS)
    try:
        return msgspec.json.decode(content, type=dict[str, Any]) if content is not None else {}
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise FailedPrecondition(f"{SETTINGS!r} is no JSON object: {error}") from error


def _built(directory: str, builder: str, settings: dict[str, Any]) -> Any:
    spec = importlib.util.spec_from_file_location(_MODULE, os.path.join(directory, CODE))
    assert spec is not None
    assert spec.loader is not None
    code = importlib.util.module_from_spec(spec)
    sys.path.insert(0, directory)  # for what the code imports of its own
    sys.modules[_MODULE] = code
    try:
        spec.loader.exec_module(code)
        make: Callable[..., Any] = getattr(code, builder)
        return make(settings) if builder == "build" else make(**settings)
    except BaseException as error:  # it is the artifact's code and may raise anything
        lacks = f"; add {error.name} to the version's requirements" if isinstance(error, ModuleNotFoundError) else ""
        words = reason(error, directory=directory)
        raise FailedPrecondition(f"{CODE!r} can't build its model: {words}{lacks}") from error
    finally:
        sys.path.remove(directory)


def _fill(module: Any, weights: str) -> None:
    try:
        from safetensors.torch import load_model
    except ImportError as error:
        raise lacking("torch", "safetensors", error) from error
    try:
        load_model(module, weights, strict=True, device="cpu")
    except Exception as error:  # it may be broken in any way
        words = reason(error, directory=os.path.dirname(weights))
        raise FailedPrecondition(f"{WEIGHTS!r} does not fit the model that {CODE!r} builds: {words}") from error
