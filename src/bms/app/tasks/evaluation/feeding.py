"""Turns a split of a data set into inputs for one signature of a model."""

from collections.abc import Mapping
from typing import Any, NamedTuple

from msgspec import structs

from bms.adapters.datasets.manifest import Manifest
from bms.app.tasks.evaluation.features import Given, given_columns, kinds_text, only
from bms.app.tasks.evaluation.joining import joined
from bms.core.errors import FailedPrecondition
from bms.core.tensors.fitting import fit_inputs
from bms.core.tensors.preprocessing import IMAGE, TEXT
from bms.core.tensors.signature import DEFAULT, Signature
from bms.core.tensors.tensor import Array


class Fed(NamedTuple):
    """Inputs for one signature, rows first; `notes` tell people how they were put together."""

    name: str
    signature: Signature
    inputs: dict[str, Array]
    rows: int
    notes: tuple[str, ...]


def fed(signatures: Mapping[str, Signature], manifest: Manifest, columns: Mapping[str, Any]) -> Fed:
    """The rows of a split as inputs for the signature that takes them. Numbers are cast as those of requests are.

    Raises FailedPrecondition where columns and inputs can't be joined, as `joined` does, and InvalidArgument for values
    that the model's types do not hold.
    """
    given = given_columns(manifest, columns)
    name = _chosen(signatures, given)
    signature = signatures[name]
    tensors, notes = joined(signature, given, manifest.label)
    if not len(tensors[0].array):
        raise FailedPrecondition("the split has no rows: there is nothing to measure")
    # A signature of one row a call is called as often as there are rows.
    inputs = tuple(structs.replace(spec, shape=(None, *spec.shape[1:])) for spec in signature.inputs)
    fitted = fit_inputs(structs.replace(signature, inputs=inputs, batched=True), tensors)
    made = {tensor.name: tensor.array for tensor in fitted.tensors}
    return Fed(name, signature, made, fitted.rows, (*notes, *fitted.notes))


def _chosen(signatures: Mapping[str, Signature], given: Mapping[str, Given]) -> str:
    """The signature of encoded images or of texts where the data holds such, else the one unnamed requests go to."""
    for content in (IMAGE, TEXT):
        prepared = signatures.get(content)
        if prepared is not None and [spec.name for spec in prepared.inputs] == [content] and only(content, given):
            return content
    if DEFAULT in signatures:
        return DEFAULT
    fitting = [name for name, one in signatures.items() if all(spec.name in given for spec in one.inputs)]
    if len(signatures) == 1 or len(fitting) == 1:
        return (fitting or list(signatures))[0]
    raise FailedPrecondition(
        f"the model has the signatures {', '.join(map(repr, signatures))}, none of them called {DEFAULT!r}, and the "
        f"data set's columns don't tell which is meant: {kinds_text(given)}"
    )
