"""Runs the ONNX graph of a Hugging Face directory, by the ONNX runtime."""

import os

import numpy as np
import numpy.typing as npt
from msgspec import structs

from bms.adapters.runtimes.huggingface.directory import ModelDirectory
from bms.adapters.runtimes.onnx.runtime import OnnxRuntime
from bms.core.errors import FailedPrecondition
from bms.core.tensors.signature import DEFAULT, Signature, TensorSpec, shape_text
from bms.core.tensors.tensor import NUMPY
from bms.core.workloads.programs import ServableConfig
from bms.serving.inference.preparation.tokens import Tokens

_INPUTS = {"input_ids": 0, "attention_mask": 1, "token_type_ids": 2}  # the fields of Tokens
_FLOATS = frozenset({"FP16", "FP32", "FP64"})


class OnnxForward:
    """A `Forward` of an ONNX graph. Raises FailedPrecondition for a graph that takes or gives something else than
    transformers do."""

    def __init__(self, config: ServableConfig, found: ModelDirectory) -> None:
        folder = os.path.dirname(os.path.join(config.directory, found.file))
        self._servable = OnnxRuntime().load(
            structs.replace(config, runtime="onnx", directory=folder, signatures={}, preprocess=None)
        )
        signature = self._servable.signatures[DEFAULT]
        foreign = [spec.name for spec in signature.inputs if spec.name not in _INPUTS]
        if foreign or not signature.inputs:
            raise FailedPrecondition(
                f"{found.file!r} takes {foreign[:5]}, expected only {', '.join(_INPUTS)}: export it with its task, "
                "e.g. `optimum-cli export onnx --task feature-extraction` or `text-classification`"
            )
        self._kinds = {spec.name: NUMPY[spec.dtype] for spec in signature.inputs}
        self._output = _output(signature, found).name
        self.pad = found.pad
        self._types = found.settings.types

    def __call__(self, tokens: Tokens) -> npt.NDArray[np.float32]:
        if not self._types:
            tokens = tokens._replace(types=np.zeros_like(tokens.types))
        feeds = {name: tokens[_INPUTS[name]].astype(kind, copy=False) for name, kind in self._kinds.items()}
        answer = self._servable.infer(DEFAULT, feeds, (self._output,))[self._output]
        return answer.astype(np.float32, copy=False)


def _output(signature: Signature, found: ModelDirectory) -> TensorSpec:
    floats = {spec.name: spec for spec in signature.outputs if spec.dtype in _FLOATS}
    if found.task == "embed":
        tokens, text = [("last_hidden_state", 3), ("token_embeddings", 3)], [("sentence_embedding", 2)]
        for name, rank in tokens + text if found.pooling.sentence_transformers else text + tokens:
            if name in floats and len(floats[name].shape) == rank:
                if rank == 2 and not found.pooling.include_prompt and found.pooling.prompt:
                    raise FailedPrecondition(
                        "the pooling says 'include_prompt': false, but the graph gives a vector of the whole text: "
                        "export it with its token_embeddings"
                    )
                return floats[name]
        fitting = [spec for spec in floats.values() if len(spec.shape) == 3]
    else:
        fitting = [floats["logits"]] if "logits" in floats else [s for s in floats.values() if len(s.shape) == 2]
    if len(fitting) != 1:
        gives = ", ".join(f"{spec.name} {spec.dtype} {shape_text(spec.shape)}" for spec in signature.outputs)
        wanted = "last_hidden_state [-1, -1, size]" if found.task == "embed" else "logits [-1, classes]"
        raise FailedPrecondition(f"{found.file!r} gives {gives}, expected {wanted}")
    return fitting[0]
