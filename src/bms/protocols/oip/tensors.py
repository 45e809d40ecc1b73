"""Tensors of the Open Inference Protocol v2 over REST: in JSON, or raw behind it."""

from math import prod
from typing import Any, Generic, TypeVar

import msgspec
import numpy as np

from bms.core.errors import InvalidArgument
from bms.core.formats.whole_numbers import without_point
from bms.core.tensors.columns import mask_name
from bms.core.tensors.signature import Signature, shape_text
from bms.core.tensors.tensor import NUMPY, Array, Tensor, count_of, from_raw, shaped
from bms.protocols.client_memory import refuse_shared_memory
from bms.protocols.content_types import NUMPY_BYTES, cut_bytes, decoded_content, one_text
from bms.protocols.json.tensors import array_of
from bms.protocols.json.values import JsonValue, ValueDecoder, first_element

V = TypeVar("V")
_elements: ValueDecoder[list[Any]] = ValueDecoder(list[Any], list[Any])
CONTENT_TYPE = "content_type"


class InputBody(msgspec.Struct, Generic[V]):
    """One tensor a client sends: `data` in JSON, or `parameters.binary_data_size` bytes after it."""

    name: str
    shape: tuple[int, ...]
    datatype: str
    data: V | msgspec.UnsetType = msgspec.UNSET
    parameters: dict[str, Any] | None = None


class LooseInputBody(InputBody[V], Generic[V], kw_only=True):
    """`InputBody` whose shape may be written with points (`[1.0, 4.0]`), as languages of one kind of number do."""

    shape: tuple[int | float, ...]  # type: ignore[assignment]

    def __post_init__(self) -> None:
        if any(isinstance(size, float) for size in self.shape):
            if not all(float(size).is_integer() for size in self.shape):
                raise ValueError(f"a shape holds whole numbers, not {list(self.shape)}")
            self.shape = tuple(int(size) for size in self.shape)


class StrictInputBody(InputBody[V], Generic[V], forbid_unknown_fields=True):
    """`InputBody` that refuses unknown members."""


def read_input(given: InputBody[JsonValue], body: memoryview, at: int, notes: list[str]) -> tuple[list[Tensor], int]:
    """Returns the tensor described by `given` and how many bytes of `body`, from `at` on, it took.

    Where JSON data hold null, which is NaN in floating-point numbers, a mask of it comes beside other types. Whole
    numbers that were rounded are recorded in `notes`. Raises InvalidArgument for elements that are not those declared.
    """
    name, shape = given.name, given.shape
    if shape and min(shape) < 0:
        raise InvalidArgument(f"input {name[:80]!r} has shape {list(shape)}: dimensions must not be negative")
    size = given.parameters.get("binary_data_size") if given.parameters else None
    if size is None:
        if given.data is msgspec.UNSET:
            refuse_shared_memory(given.parameters, f"input {name[:80]!r}")
            raise InvalidArgument(f"input {name[:80]!r} has neither 'data' nor 'parameters.binary_data_size'")
        if given.datatype == "BF16":
            raise InvalidArgument(f"input {name[:80]!r} is BF16: JSON cannot carry it, send it as binary, or as FP32")
        return _from_json(given, notes), 0
    if given.data is not msgspec.UNSET:
        raise InvalidArgument(f"input {name[:80]!r} has both 'data' and 'binary_data_size': give one")
    size = whole(size, "binary_data_size")
    if size > len(body) - at:
        raise InvalidArgument(f"input {name[:80]!r} declares {size} bytes, {len(body) - at} were delivered")
    tensor = Tensor(name, raw_array(given.datatype, shape, body[at : at + size]))
    said = given.parameters.get(CONTENT_TYPE) if given.parameters else None
    return [tensor] if said is None else decoded_content(tensor, said), size


def raw_array(datatype: str, shape: tuple[int, ...], raw: bytes | memoryview) -> Array:
    """Returns the array of a raw tensor as a client may send it. Errors as in `from_raw`.

    BF16 is the upper half of FP32's bits: it is read as the FP32 of the same value, for models that take FP32.
    """
    if datatype != "BF16":
        return from_raw(datatype, shape, raw)
    halves = from_raw("UINT16", shape, raw)
    return (halves.astype("<u4") << np.uint32(16)).view("<f4")


def _from_json(given: InputBody[JsonValue], notes: list[str]) -> list[Tensor]:
    """Converts `data`, which may be nested as the shape says, or flat in row-major order."""
    name, dtype, shape = given.name, given.datatype, given.shape
    rank, count = len(shape), count_of(shape)
    if rank > 1 and first_element(given.data) == "[":
        array = array_of(given.data, dtype, rank, name, notes)
        if array.shape != shape:
            raise InvalidArgument(
                f"input {name[:80]!r} declares shape {list(shape)}, its data have {list(array.shape)}"
            )
        return decoded_content(Tensor(name, array), (given.parameters or {}).get(CONTENT_TYPE))
    mask: Array | None = None
    try:
        array = array_of(given.data, dtype, 1, name, notes)
    except InvalidArgument:
        array, mask = _with_gaps(given)
        if mask is None:
            raise
    said = given.parameters.get(CONTENT_TYPE) if given.parameters else None
    if array.size != count:
        texts: list[bytes] = array.tolist() if dtype == "BYTES" else []
        cut = cut_bytes(shape, texts) if said == NUMPY_BYTES else None
        if cut is None and one_text(shape, texts):
            cut, shape = array, (1,)
        if cut is None:
            raise InvalidArgument(
                f"input {name[:80]!r} declares shape {list(shape)}, {count} elements; {array.size} were delivered"
            )
        array = cut
    tensor = Tensor(name, shaped(array, shape))
    if said is not None and mask is None:
        return decoded_content(tensor, said)
    return [tensor] if mask is None else [tensor, Tensor(mask_name(name), mask)]


def _with_gaps(given: InputBody[JsonValue]) -> tuple[Array, Array | None]:
    """Returns elements with what stands for null in their place, and the mask of nulls; none where there are no
    nulls."""
    nothing: Array = np.empty(0, dtype=np.bool_)
    if given.datatype not in NUMPY:
        return nothing, None
    try:
        values = _elements(given.data)
    except (msgspec.DecodeError, RecursionError):
        return nothing, None
    mask = np.array([value is None for value in values], dtype=np.bool_)
    if not mask.any():
        return nothing, None
    filler: object = {"BYTES": "", "BOOL": False}.get(given.datatype, 0)
    kept = [filler if value is None else value for value in values]
    return array_of(kept, given.datatype, 1, given.name), mask


def json_data(tensor: Tensor, dtype: str) -> object:
    """Returns what to write as `data`, flat. Raises InvalidArgument for what JSON cannot carry."""
    if dtype != "BYTES":
        return tensor.array.reshape(-1)
    try:
        return [item.decode() if isinstance(item, bytes) else str(item) for item in tensor.array.ravel()]
    except UnicodeDecodeError:
        raise InvalidArgument(f"output {tensor.name!r} is not text: ask for binary data") from None


def raw_input(signature: Signature, body: bytes | memoryview) -> Tensor:
    """Returns the one input of a model from a body without JSON: an element of BYTES, or numbers filling the free
    dimension."""
    if len(signature.inputs) != 1:
        raise InvalidArgument(
            f"a body of one raw tensor needs a model of one input; this takes {len(signature.inputs)}"
        )
    spec = signature.inputs[0]
    if spec.dtype == "BYTES":
        array: Array = np.empty(1, dtype=object)
        array[0] = bytes(body)
        return Tensor(spec.name, array.reshape((1,) * len(spec.shape)))
    wanted = spec.shape
    if wanted[:1] == (None,) and sum(size is None for size in wanted) == 2:
        wanted = (1, *wanted[1:])  # one row, as long as it is
    if sum(size is None for size in wanted) > 1:
        raise InvalidArgument(f"a raw body cannot say how {shape_text(spec.shape)} is filled: send JSON with a shape")
    known = NUMPY[spec.dtype].itemsize * prod(size for size in wanted if size is not None)
    shape = tuple(len(body) // max(known, 1) if size is None else size for size in wanted)
    return Tensor(spec.name, from_raw(spec.dtype, shape, body))


def whole(value: Any, name: str) -> int:
    """Returns a parameter that must be a whole number of 63 bits, not negative."""
    value = without_point(value)
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value < 1 << 63:
        raise InvalidArgument(f"parameter {name!r} must be a whole number, not negative, below 2**63")
    return value
