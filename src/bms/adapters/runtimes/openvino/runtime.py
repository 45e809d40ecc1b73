"""The OpenVINO runtime: a graph in .xml, its weights in the .bin beside it, run by OpenVINO on the CPU."""

import os
import sys
import threading
from collections.abc import Mapping
from typing import Any

from bms.adapters.runtimes.artifacts.model_file import contained, first_format, known_file, lacking
from bms.adapters.runtimes.openvino.file import check_ir, format_of
from bms.adapters.runtimes.servables.called import CalledServable, served
from bms.core.errors import FailedPrecondition, InvalidArgument
from bms.core.tensors.signature import DEFAULT, Signature, TensorSpec
from bms.core.tensors.tensor import Array, DType
from bms.core.workloads.programs import ServableConfig
from bms.serving.inference.reasons import plain
from bms.serving.inference.runtime import Recognition

_DTYPES: dict[str, DType] = {
    "boolean": "BOOL",
    "u8": "UINT8",
    "u16": "UINT16",
    "u32": "UINT32",
    "u64": "UINT64",
    "i8": "INT8",
    "i16": "INT16",
    "i32": "INT32",
    "i64": "INT64",
    "f16": "FP16",
    "f32": "FP32",
    "f64": "FP64",
}


class OpenvinoRuntime:
    """Runs an IR in the precision that it was saved in: OpenVINO's own choice would be bfloat16 on some machines."""

    name = "openvino"

    def recognises(self, directory: str) -> Recognition | None:
        format = first_format(directory, format_of)
        return None if format is None else Recognition(format, ("openvino",))

    def load(self, config: ServableConfig) -> CalledServable:
        path = known_file(config.directory, (".xml",), format_of, self)
        name = os.path.basename(path)
        weights = _weights(path, config.directory)
        sys.modules["openvino_telemetry"] = None  # type: ignore[assignment]  # else its import alone reports home
        try:
            import openvino
        except ImportError as error:
            raise lacking(self.name, "openvino", error) from error
        settings = {
            "INFERENCE_NUM_THREADS": config.threads,
            "NUM_STREAMS": 1,
            "EXECUTION_MODE_HINT": "ACCURACY",
            "INFERENCE_PRECISION_HINT": "f32",
            "ENABLE_CPU_PINNING": False,  # which processor is whose is not one model's to say
        }
        try:
            core = openvino.Core()
            model = core.read_model(path, weights) if weights else core.read_model(path)
            compiled = core.compile_model(model, "CPU", settings)
        except RuntimeError as error:
            raise FailedPrecondition(f"OpenVINO can't load {name!r}: {_plain(error)}") from error
        signature = _signature(compiled)
        outputs = {_name(port): port for port in compiled.outputs}
        request = compiled.create_infer_request()
        one = threading.Lock()  # a request runs once at a time; more of them would need more threads

        def call(_: str, inputs: Mapping[str, Array], wanted: tuple[str, ...]) -> dict[str, Array]:
            with one:
                try:
                    request.infer({places[key]: array for key, array in inputs.items()}, share_inputs=False)
                except RuntimeError as error:
                    raise InvalidArgument(f"OpenVINO could not run on these inputs: {_plain(error)}") from error
                return {key: request.get_tensor(outputs[key]).data.copy() for key in wanted or outputs}

        places = {_name(port): at for at, port in enumerate(compiled.inputs)}
        return served(config, "openvino", call, {DEFAULT: signature})


def _weights(path: str, directory: str) -> str | None:
    """The path of the weights, none for a graph without any. Raises FailedPrecondition where they are not all there."""
    name = os.path.basename(path)
    with open(path, "rb") as file:
        needed = check_ir(file.read(), name).weights
    beside = f"{os.path.splitext(name)[0]}.bin"
    if not needed and not os.path.lexists(os.path.join(directory, beside)):
        return None
    weights = contained(directory, beside)
    held = os.path.getsize(weights)
    if held < needed:
        raise FailedPrecondition(f"{name!r} expects {needed} bytes of weights in {beside!r}, which holds {held}")
    return weights


def _signature(compiled: Any) -> Signature:
    """Batched where the first dimension of every input is free; to be borne out by runs."""
    inputs = tuple(_spec(port, "input") for port in compiled.inputs)
    outputs = tuple(_spec(port, "output") for port in compiled.outputs)
    batched = bool(inputs) and all(spec.shape[:1] == (None,) for spec in inputs)
    return Signature(inputs=inputs, outputs=outputs, batched=batched)


def _spec(port: Any, what: str) -> TensorSpec:
    kind = port.get_element_type().get_type_name()
    dtype = _DTYPES.get(kind)
    if dtype is None:
        raise FailedPrecondition(
            f"{what} {_name(port)!r} is a tensor of {kind}, which can't be sent: convert the model so that it is of a "
            f"standard type ({', '.join(_DTYPES)})"
        )
    shape = port.get_partial_shape()
    sizes = () if shape.rank.is_dynamic else tuple(size.get_length() if size.is_static else None for size in shape)
    return TensorSpec(name=_name(port), dtype=dtype, shape=sizes)


def _name(port: Any) -> str:
    """The tensor's name, the shortest of several; without any, that of the node that makes it."""
    names = sorted(port.get_names(), key=lambda name: (len(name), name))
    return str(names[0] if names else port.get_node().get_friendly_name())


def _plain(error: Exception) -> str:
    """OpenVINO's words without the places in its source."""
    lines = [line.strip() for line in str(error).splitlines()]
    kept = [line for line in lines if line and not line.startswith(("Exception from", "Check '"))]
    return plain(" ".join(kept)) or type(error).__name__
