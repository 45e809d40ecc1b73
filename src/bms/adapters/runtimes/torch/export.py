"""The runtime of PyTorch programs saved by torch.export.save (.pt2)."""

import os
import pickle
from collections.abc import Iterable
from typing import Any

from bms.adapters.runtimes.artifacts.model_file import model_file
from bms.adapters.runtimes.servables.called import CalledServable, served
from bms.adapters.runtimes.servables.class_scores import classify
from bms.adapters.runtimes.torch.archive import first_kind
from bms.adapters.runtimes.torch.export_file import inspect
from bms.adapters.runtimes.torch.run import REFUSALS, REQUIREMENTS, calling, dtype_names, named, torch_with
from bms.adapters.runtimes.torch.state import check_steady
from bms.core.errors import BmsError, FailedPrecondition
from bms.core.tensors.signature import DEFAULT, Signature, TensorSpec
from bms.core.workloads.programs import ServableConfig
from bms.serving.inference.reasons import reason
from bms.serving.inference.runtime import Recognition


class TorchExportRuntime:
    """Runs an exported program. Its signature is that of the program; outputs are named as `torch_run.named` says."""

    name = "torch-export"

    def recognises(self, directory: str) -> Recognition | None:
        return Recognition("pt2", REQUIREMENTS) if first_kind(directory, "pt2") else None

    def load(self, config: ServableConfig) -> CalledServable:
        path = model_file(config.directory, (".pt2",), self)
        inspect(path)
        os.environ["TORCH_FORCE_WEIGHTS_ONLY_LOAD"] = "1"  # torch.export.load would unpickle example inputs otherwise
        torch = torch_with(config.threads, self.name)
        try:
            program = torch.export.load(path)
            opened = Program(torch, program)
        except BmsError:
            raise
        except pickle.UnpicklingError as error:  # its words recommend to read less safely
            raise FailedPrecondition(
                f"{os.path.basename(path)!r} holds pickled objects, which run whatever code they hold when opened: "
                "export a program whose weights, constants and example inputs are tensors"
            ) from error
        except Exception as error:  # a hostile file may make any part of the reader fail
            words = reason(error, directory=config.directory)
            raise FailedPrecondition(f"PyTorch can't load the program: {words}") from error
        found = dict.fromkeys(config.signatures or (DEFAULT,), opened.signature)
        servable = served(config, "pt2", calling(torch, opened.run), found, invalid=REFUSALS)
        opened.check_few_rows(servable.signatures.values())
        check_steady(servable, opened.module, config)
        return classify(servable, config.signatures, opened.probabilities)


class Program:
    """An exported program as a function of named tensors."""

    def __init__(self, torch: Any, program: Any) -> None:
        kinds = torch.export.graph_signature
        self._unflatten = torch.utils._pytree.tree_unflatten
        self._map = torch.utils._pytree.tree_map
        self._structure = program.call_spec.in_spec
        values = {node.name: node for node in program.graph.nodes}
        self._given: list[tuple[str | None, object]] = []  # the name of a tensor, or None and a constant
        inputs = []
        for spec in program.graph_signature.input_specs:
            if spec.kind != kinds.InputKind.USER_INPUT:
                continue
            if isinstance(spec.arg, kinds.TensorArgument):
                self._given.append((spec.arg.name, None))
                inputs.append(_spec(torch, spec.arg.name, values[spec.arg.name].meta["val"]))
            elif isinstance(spec.arg, kinds.ConstantArgument):
                self._given.append((None, spec.arg.value))
            else:
                raise FailedPrecondition(
                    f"the program's input {getattr(spec.arg, 'name', '?')!r} is no tensor: export a model of tensors"
                )
        self._least = _fewest_rows(program, [values[spec.name].meta["val"] for spec in inputs])
        outputs = [
            getattr(spec.arg, "name", None)
            for spec in program.graph_signature.output_specs
            if spec.kind == kinds.OutputKind.USER_OUTPUT
        ]
        answers = dict(named(self._unflatten(outputs, program.call_spec.out_spec)))
        softmax = (torch.ops.aten.softmax.int, torch.ops.aten._softmax.default)
        self.probabilities = frozenset(
            name for name, node in answers.items() if node in values and values[node].target in softmax
        )
        batched = bool(inputs) and all(spec.shape[:1] == (None,) for spec in inputs)
        self.signature = Signature(inputs=tuple(inputs), batched=batched)
        self.module = program.module(check_guards=False)  # guards are code of the file's

    def check_few_rows(self, signatures: Iterable[Signature]) -> None:
        """Checks that fewer rows than the program takes can be padded. Raises FailedPrecondition where rows depend on
        one another, and single ones are fewer than it takes."""
        if self._least > 1 and not all(signature.batched for signature in signatures):
            raise FailedPrecondition(
                f"the program was exported for {self._least} rows at least, which single questions don't have, and its "
                "rows are not independent: export it with dynamic_shapes of torch.export.Dim('rows', min=1)"
            )

    def run(self, tensors: dict[str, Any]) -> Any:
        """Runs the program. Fewer rows than it was exported for are filled up with the last one, whose answers are
        left out."""
        rows = min((len(tensor) for tensor in tensors.values() if tensor.dim()), default=self._least)
        if not 0 < rows < self._least:
            return self._run(tensors)
        places = [*range(rows)] + [rows - 1] * (self._least - rows)
        filled = {name: tensor[places] if tensor.dim() else tensor for name, tensor in tensors.items()}
        return self._map(lambda answer: _cut(answer, self._least, rows), self._run(filled))

    def _run(self, tensors: dict[str, Any]) -> Any:
        flat = [constant if name is None else tensors[name] for name, constant in self._given]
        arguments, named_arguments = self._unflatten(flat, self._structure)
        return self.module(*arguments, **named_arguments)


def _spec(torch: Any, name: str, value: Any) -> TensorSpec:
    dtype = dtype_names(torch).get(value.dtype)
    if dtype is None:
        raise FailedPrecondition(
            f"the program's input {name!r} is {value.dtype}, which no wire has: export another type"
        )
    return TensorSpec(name=name, dtype=dtype, shape=tuple(size if type(size) is int else None for size in value.shape))


def _fewest_rows(program: Any, values: list[Any]) -> int:
    """How many rows the program was exported for at least: two where it was left to PyTorch (`Dim.AUTO`), as MLflow
    leaves it."""
    fewest = 1
    for value in values:
        size: Any = value.shape[0] if value.dim() else 1
        limits = None if type(size) is int else program.range_constraints.get(size.node.expr)
        if limits is not None and limits.lower > fewest:
            fewest = int(limits.lower)
    return fewest


def _cut(answer: Any, filled: int, rows: int) -> Any:
    """What has an answer for each row, without those that were filled up; all else would be a wrong answer, as it is
    about them, too."""
    if not hasattr(answer, "shape") or tuple(answer.shape[:1]) != (filled,):
        raise ValueError(f"the program takes {filled} rows at least, and does not answer one for each: send as many")
    return answer[:rows]
