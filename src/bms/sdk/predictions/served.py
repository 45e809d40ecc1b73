"""The server's description of a served model: its versions, and the tensors of each signature."""

import msgspec

_TYPES = {
    "DT_BOOL": "BOOL",
    "DT_HALF": "FP16",
    "DT_FLOAT": "FP32",
    "DT_DOUBLE": "FP64",
    "DT_STRING": "BYTES",
}


class TensorInfo(msgspec.Struct, frozen=True):
    """A tensor of a signature; free dimensions are -1. As text it reads e.g. `age integer`, `city text?`."""

    name: str
    datatype: str
    shape: tuple[int, ...]
    parameters: dict[str, object] = {}

    @property
    def column(self) -> str | None:
        """The type of a table's column: number, integer, text, boolean, category or datetime."""
        type = self.parameters.get("column")
        return type if isinstance(type, str) else None

    @property
    def optional(self) -> bool:
        """Whether the column may be left out."""
        return bool(self.parameters.get("optional", False))

    def __str__(self) -> str:
        if self.column is None:
            return f"{self.name} {self.datatype} {list(self.shape)}"
        return f"{self.name} {self.column}{'?' if self.optional else ''}"


class ModelInfo(msgspec.Struct, frozen=True):
    """A served model by its default signature."""

    name: str
    versions: tuple[str, ...] = ()
    platform: str = ""
    inputs: tuple[TensorInfo, ...] = ()
    outputs: tuple[TensorInfo, ...] = ()


class SignatureInfo(msgspec.Struct, frozen=True):
    """One way to call a served model: "predict", "classify" or "regress", and its tensors' names."""

    method: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]


class _Size(msgspec.Struct):
    size: str


class _Shape(msgspec.Struct):
    dim: tuple[_Size, ...] = ()


class _Tensor(msgspec.Struct):
    dtype: str
    tensor_shape: _Shape


class _Definition(msgspec.Struct):
    method_name: str
    inputs: dict[str, _Tensor]
    outputs: dict[str, _Tensor]


class _Definitions(msgspec.Struct):
    signature_def: dict[str, _Definition]


class _Metadata(msgspec.Struct):
    signature_def: _Definitions


class SavedModelInfo(msgspec.Struct):
    """TensorFlow Serving's metadata: every signature of a model."""

    metadata: _Metadata

    def signatures(self) -> dict[str, SignatureInfo]:
        told = self.metadata.signature_def.signature_def
        return {
            name: SignatureInfo(one.method_name.rpartition("/")[2], tuple(one.inputs), tuple(one.outputs))
            for name, one in told.items()
        }

    def inputs(self) -> dict[str, tuple[TensorInfo, ...]]:
        """The inputs of each signature."""
        told = self.metadata.signature_def.signature_def
        return {name: tuple(_info(*each) for each in one.inputs.items()) for name, one in told.items()}

    def outputs(self) -> dict[str, tuple[TensorInfo, ...]]:
        """The outputs of each signature."""
        told = self.metadata.signature_def.signature_def
        return {name: tuple(_info(*each) for each in one.outputs.items()) for name, one in told.items()}


def _info(name: str, told: _Tensor) -> TensorInfo:
    shape = tuple(int(each.size) for each in told.tensor_shape.dim)
    return TensorInfo(name, _TYPES.get(told.dtype) or told.dtype.removeprefix("DT_"), shape)
