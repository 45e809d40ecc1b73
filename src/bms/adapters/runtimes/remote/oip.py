"""Forwards to an upstream that speaks the Open Inference Protocol v2 over HTTP, with binary tensors.

Sources: https://github.com/kserve/open-inference-protocol, and for binary tensors
https://github.com/triton-inference-server/server/blob/main/docs/protocol/extension_binary_data.md.
"""

import time
from collections.abc import Generator, Mapping
from math import prod
from urllib.parse import quote

import msgspec
import numpy as np

from bms.adapters.runtimes.remote.http import Http
from bms.adapters.runtimes.servables.declared import completed_signature
from bms.core.errors import BmsError, FailedPrecondition, Internal, InvalidArgument
from bms.core.serving.upstreams import Upstream
from bms.core.tensors.signature import DEFAULT, Signature, TensorSpec
from bms.core.tensors.tensor import NUMPY, Array, dtype_of, from_raw, to_raw
from bms.serving.engines.engine import End, EngineRequest
from bms.serving.engines.threads import CancellationHook, ThreadEngine

_LENGTH = "Inference-Header-Content-Length"


class _Described(msgspec.Struct, frozen=True):
    name: str
    datatype: str
    shape: tuple[int, ...]


class _Metadata(msgspec.Struct, frozen=True):
    """What `GET /v2/models/MODEL` answers."""

    inputs: tuple[_Described, ...]
    outputs: tuple[_Described, ...]


class _Given(msgspec.Struct, frozen=True):
    """An output: its data as JSON here, or as bytes behind the JSON, `parameters.binary_data_size` of them."""

    name: str
    datatype: str
    shape: tuple[int, ...]
    parameters: dict[str, object] = {}
    data: object = None


class _Answer(msgspec.Struct, frozen=True):
    outputs: tuple[_Given, ...]


_metadata = msgspec.json.Decoder(_Metadata)
_answer = msgspec.json.Decoder(_Answer)


class OipServable:
    """One model of the upstream; its signature is what its metadata say. Each request is a call of its own."""

    format = "upstream"

    def __init__(self, http: Http, upstream: Upstream, declared: Mapping[str, Signature]) -> None:
        """Asks for the metadata. Raises FailedPrecondition when they can't be had, or `declared` does not fit them."""
        self._http: Http | None = http
        self._path = f"/v2/models/{quote(upstream.model, safe='')}"
        self._timeout_s = upstream.timeout_s
        self.engine = ThreadEngine(self._answered, upstream.concurrency)
        try:
            found = _metadata.decode(http.json("GET", self._path))
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise FailedPrecondition(f"the upstream's metadata of {upstream.model!r} can't be read: {error}") from None
        except BmsError as error:
            raise FailedPrecondition(error.message) from error
        signature = _signature(found)
        self.signatures = {name: completed_signature(name, one, signature) for name, one in declared.items()} or {
            DEFAULT: signature
        }

    def infer(self, signature: str, inputs: Mapping[str, Array], outputs: tuple[str, ...] = ()) -> dict[str, Array]:
        return self._infer(EngineRequest(signature, inputs, outputs), None)

    def _answered(self, request: EngineRequest, off: CancellationHook) -> Generator[dict[str, Array], None, End]:
        yield self._infer(request, off)
        return End()

    def _infer(self, request: EngineRequest, off: CancellationHook | None) -> dict[str, Array]:
        if self._http is None:
            raise FailedPrecondition("this servable is closed")
        known = self.signatures[request.signature]
        wanted = request.outputs or tuple([spec.name for spec in known.outputs])
        allowed_s = self._timeout_s
        if request.deadline is not None:
            allowed_s = min(allowed_s, max(request.deadline - time.monotonic(), 0.001))
        body, length = _request(request.inputs, wanted, round(allowed_s * 1e6))
        headers = {"Content-Type": "application/octet-stream", _LENGTH: str(length)}
        head, content = self._http.answer("POST", f"{self._path}/infer", body, headers, off)
        try:
            given = _outputs(content, head.get(_LENGTH.lower()))
            rows = len(next(iter(request.inputs.values()))) if known.batched else None
            return {name: _checked(given, known.output(name), rows) for name in wanted}
        except (msgspec.DecodeError, UnicodeDecodeError, InvalidArgument, ValueError, TypeError) as error:
            raise Internal(f"the upstream's answer can't be read: {str(error)[:200]}") from None

    def close(self) -> None:
        self.engine.close()
        http, self._http = self._http, None
        if http is not None:
            http.close()


def _signature(found: _Metadata) -> Signature:
    """Batched where every tensor's first dimension is free."""
    tensors = (*found.inputs, *found.outputs)
    for tensor in tensors:
        if tensor.datatype not in NUMPY:
            raise FailedPrecondition(
                f"the upstream's tensor {tensor.name!r} is {tensor.datatype}: served are {', '.join(NUMPY)}"
            )
    batched = bool(tensors) and all(tensor.shape[:1] == (-1,) for tensor in tensors)
    return Signature(
        inputs=tuple([_spec(tensor) for tensor in found.inputs]),
        outputs=tuple([_spec(tensor) for tensor in found.outputs]),
        batched=batched,
    )


def _spec(tensor: _Described) -> TensorSpec:
    shape = tuple([None if size < 0 else size for size in tensor.shape])
    return TensorSpec(name=tensor.name, dtype=tensor.datatype, shape=shape)  # type: ignore[arg-type]


def _request(inputs: Mapping[str, Array], wanted: tuple[str, ...], timeout_us: int) -> tuple[bytes, int]:
    """The body, and how many bytes of it are JSON."""
    raws = [to_raw(array) for array in inputs.values()]
    head = msgspec.json.encode(
        {
            "inputs": [
                {
                    "name": name,
                    "shape": array.shape,
                    "datatype": dtype_of(array),
                    "parameters": {"binary_data_size": len(raw)},
                }
                for (name, array), raw in zip(inputs.items(), raws, strict=True)
            ],
            "outputs": [{"name": name, "parameters": {"binary_data": True}} for name in wanted],
            "parameters": {"timeout": timeout_us},
        }
    )
    return b"".join((head, *raws)), len(head)


def _outputs(content: bytes, length: str | None) -> dict[str, Array]:
    """Raises what decoding raises."""
    size = len(content) if length is None else int(length)
    raw, at = memoryview(content)[size:], 0
    found: dict[str, Array] = {}
    for output in _answer.decode(content[:size]).outputs:
        if output.name in found:
            raise InvalidArgument(f"it tells output {output.name!r} twice")
        if any(size < 0 for size in output.shape):
            raise InvalidArgument(f"output {output.name!r} has the shape {list(output.shape)}")
        binary = output.parameters.get("binary_data_size")
        if isinstance(binary, int):
            if not 0 <= binary <= len(raw) - at:
                raise InvalidArgument(f"output {output.name!r} declares {binary} bytes, {len(raw) - at} are left")
            found[output.name] = from_raw(output.datatype, output.shape, raw[at : at + binary])
            at += binary
        else:
            found[output.name] = _from_json(output)
    return found


def _from_json(output: _Given) -> Array:
    if output.datatype == "BYTES":
        flat = np.empty(prod(output.shape), dtype=object)
        flat[:] = [str(item).encode() for item in np.asarray(output.data, dtype=object).ravel()]
        return flat.reshape(output.shape)
    array: Array = np.asarray(output.data, dtype=NUMPY[output.datatype]).reshape(output.shape)
    return array


def _checked(given: Mapping[str, Array], spec: TensorSpec, rows: int | None) -> Array:
    """The output, with a row for each of `rows` (None: it is not batched)."""
    array = given.get(spec.name)
    if array is None:
        raise InvalidArgument(f"there is no output {spec.name!r} in it")
    if dtype_of(array) != spec.dtype or array.ndim != len(spec.shape):
        raise InvalidArgument(f"output {spec.name!r} is {dtype_of(array)} {list(array.shape)}, not what was described")
    if rows is not None and len(array) != rows:
        raise InvalidArgument(f"output {spec.name!r} has {len(array)} rows, {rows} were asked")
    return array
