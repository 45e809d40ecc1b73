"""The inputs of one prediction: tensors by name, masks of missing values, the signature, and the step of a sequence."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from bms.core.tensors.columns import mask_name
from bms.core.tensors.sequences import SequenceStep
from bms.core.tensors.tensor import Array
from bms.sdk.tables.column_values import Mask


@dataclass(frozen=True)
class SentInputs:
    """The inputs of one prediction, ready to be encoded. `missing` has masks [rows] of columns that hold fillers; in
    floating-point columns NaN is what is missing."""

    arrays: Mapping[str, Array]
    missing: Mapping[str, Mask] = field(default_factory=dict)
    signature: str | None = None
    params: Mapping[str, object] = field(default_factory=dict)
    step: SequenceStep | None = None

    def tensors(self) -> dict[str, Array]:
        """The arrays, and their masks as tensors of their own."""
        masks = {mask_name(name): mask for name, mask in self.missing.items()}
        return {**self.arrays, **masks}

    @property
    def parameters(self) -> dict[str, object]:
        """The parameters of an infer request, and what a body of TensorFlow Serving says beside its inputs."""
        said: dict[str, object] = {} if self.signature is None else {"signature_name": self.signature}
        if self.params:
            said["params"] = self.params
        if self.step is not None:
            id, start, end = self.step
            said |= {"sequence_id": id, "sequence_start": start, "sequence_end": end}
        return said
