"""Chooses which of a version's signatures a request means."""

from collections.abc import Collection, Mapping

from bms.core.errors import InvalidArgument
from bms.core.tensors.columns import mask_name
from bms.core.tensors.fitting import needed_columns
from bms.core.tensors.preprocessing import IMAGE, TEXT
from bms.core.tensors.request import Verb
from bms.core.tensors.signature import DEFAULT, Signature


def choose_signature(
    signatures: Mapping[str, Signature],
    named: str | None,
    inputs: Collection[str] | None,
    verb: Verb = "predict",
) -> str:
    """Returns the name of the signature meant: the one `named`, else the default one unless the given `inputs` (names;
    None where the wire names none) are exactly those of another.

    For "classify" and "regress" only signatures with that method count. Raises InvalidArgument where none fits.
    """
    default = signatures.get(DEFAULT)
    usual = named is None and default is not None and (verb == "predict" or default.method == verb)
    if usual and default is not None and (inputs is None or takes(default, inputs)):
        return DEFAULT
    if named is not None:
        if named not in signatures:
            raise InvalidArgument(f"no signature {named[:80]!r}: this model has {_names(signatures)}")
        if verb != "predict" and signatures[named].method != verb:
            raise InvalidArgument(f"signature {named!r} is for {signatures[named].method!r}, not for {verb!r}")
        return named
    fitting = [name for name in signatures if verb == "predict" or signatures[name].method == verb]
    if not fitting:
        raise InvalidArgument(f"this model has no signature for {verb!r}: use predict")
    matching = [name for name in fitting if inputs is None or takes(signatures[name], inputs)]
    if len(matching) == 1:
        return matching[0]
    if not matching and (DEFAULT in fitting or len(fitting) == 1):
        return DEFAULT if DEFAULT in fitting else fitting[0]  # whose check will say what is wrong with the inputs
    raise InvalidArgument(f"say which signature is meant: this model has {_names(signatures)}")


def content_signature(signatures: Mapping[str, Signature], content: str, verb: Verb = "predict") -> str:
    """Returns the signature for a body that is one input as it is, `content` an "image" or a "text": the one whose one
    input is BYTES [rows] and has that name; for a text also the only one that takes such an input, but images.

    Raises InvalidArgument where there is none.
    """
    fitting = takes_content(signatures, content, verb)
    if fitting is None:
        what = "encoded image" if content == IMAGE else "plain text"
        raise InvalidArgument(f"this model takes no {what} for {verb!r}: send its inputs as JSON")
    return fitting


def takes_content(signatures: Mapping[str, Signature], content: str, verb: Verb = "predict") -> str | None:
    """As `content_signature`; None where there is none."""
    single = {
        name: signature.inputs[0].name
        for name, signature in signatures.items()
        if len(signature.inputs) == 1
        and signature.inputs[0].dtype == "BYTES"
        and len(signature.inputs[0].shape) == 1
        and (verb == "predict" or signature.method == verb)
    }
    fitting = [name for name, input in single.items() if input == content]
    if not fitting and content == TEXT:
        fitting = [name for name, input in single.items() if input != IMAGE]
    if not fitting or (len(fitting) > 1 and single[fitting[0]] != content):
        return None
    return fitting[0]


def takes(signature: Signature, inputs: Collection[str]) -> bool:
    """Whether these are the names of all inputs of a signature, but for optional ones."""
    specs = signature.inputs
    if specs and specs[0].column is not None:
        return _takes_columns(signature, inputs)
    if len(inputs) != len(specs):
        return len(inputs) < len(specs) and _takes_some(signature, inputs)
    for spec in specs:  # noqa: SIM110 - every request comes by here
        if spec.name not in inputs:
            return False
    return True


def _takes_some(signature: Signature, inputs: Collection[str]) -> bool:
    """Whether these are inputs of a signature, and what is not among them may be left out."""
    names = {spec.name for spec in signature.inputs}
    return names.issuperset(inputs) and all(spec.optional or spec.name in inputs for spec in signature.inputs)


def _takes_columns(signature: Signature, inputs: Collection[str]) -> bool:
    """Whether these are columns of the table, or masks of what is missing there, with all that may not be left out."""
    names = {spec.name for spec in signature.inputs}
    known = names | {mask_name(name) for name in names}
    return known.issuperset(inputs) and all(name in inputs for name in needed_columns(signature.inputs))


def _names(signatures: Mapping[str, Signature]) -> str:
    return ", ".join(repr(name) for name in signatures)
