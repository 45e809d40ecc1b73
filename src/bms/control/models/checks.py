"""Validates what a version's maker declares: texts, gates and descriptions, before they are stored."""

from collections.abc import Iterable, Mapping

import msgspec

from bms.control.models.gates import check_gate
from bms.control.models.nouns import Gate, NewVersion
from bms.core.errors import FailedPrecondition, InvalidArgument
from bms.core.formats.pickles import SUFFIXES, refusal_by_name
from bms.core.ids import check_name, check_public_name
from bms.core.tensors.class_names import duplicate_name
from bms.core.tensors.columns import fits_column, mask_name
from bms.core.tensors.signature import Signature

MAX_TEXT = 10_000
MAX_GATES = 20
MAX_SAID = 256 << 10  # bytes of a version's description as JSON; listings show hundreds of them
MAX_NUMBER = 2**31 - 1
_BESIDE = frozenset({"example.json", "bms.json", "requirements.txt"})  # what may lie beside a model's one file
MAX_NAME = 500  # characters of a signature's or tensor's name
MOST_SIGNATURES, MOST_TENSORS, MOST_DIMENSIONS = 256, 1024, 32


def check_text(what: str, text: str, limit: int = MAX_TEXT) -> str:
    """Checks a text. Raises InvalidArgument where it is too long or holds control characters other than line ends and
    tabs."""
    if len(text) > limit:
        raise InvalidArgument(f"{what} has {len(text)} characters, expected at most {limit}")
    if any(ord(letter) < 32 and letter not in "\n\r\t" for letter in text):
        raise InvalidArgument(f"{what} holds control characters: leave them out")
    return text


def check_model(name: str) -> str:
    return check_public_name("model", name)


def check_alias(name: str) -> str:
    """Checks an alias's name. Raises InvalidArgument for a bad name, and for digits alone, which would read as a
    version's number."""
    check_name("alias", name)
    if name.isdecimal():
        raise InvalidArgument(f"alias {name!r} would be taken for a version's number: add a letter")
    return name


def check_gates(gates: Iterable[Gate]) -> tuple[Gate, ...]:
    checked = tuple(gates)
    if len(checked) > MAX_GATES:
        raise InvalidArgument(f"a model has at most {MAX_GATES} gates, these are {len(checked)}")
    for gate in checked:
        name, at, number = gate.dataset.partition("@")
        check_name("data set", name)
        if at and not (number.isascii() and number.isdecimal() and len(number) < 10):
            raise InvalidArgument(f"{gate.dataset!r} is not a data set's version: write it as name@3, or just name")
        if not gate.split:
            raise InvalidArgument("a gate needs a split, such as validation")
        check_text("a gate's split", gate.split, 100)
        check_gate(gate)
    keys = [(gate.metric, gate.dataset, gate.split) for gate in checked]
    if len(set(keys)) != len(keys):
        raise InvalidArgument("two gates ask for the same metric on the same data: keep the stricter one")
    return checked


def check_new(new: NewVersion) -> NewVersion:
    """Checks a version's declaration. Raises InvalidArgument for descriptions that are too large, contradict themselves
    or can't be stored."""
    if (size := len(msgspec.json.encode(new))) > MAX_SAID:
        raise InvalidArgument(f"the version's description takes {size} bytes, expected at most {MAX_SAID}")
    if new.lineage.parent is not None and not 1 <= new.lineage.parent <= MAX_NUMBER:
        raise InvalidArgument(f"parent {new.lineage.parent} is not a version's number")
    if new.lineage.relation and new.lineage.parent is None:
        raise InvalidArgument(f"a version that was {new.lineage.relation} needs a parent: say which version")
    check_signatures(new.signatures)
    for labels in (new.labels, *[signature.labels for signature in new.signatures.values()]):
        if (twice := duplicate_name(labels)) is not None:
            raise InvalidArgument(f"label {twice[:80]!r} is given twice: each class needs a name of its own")
    return new


def check_pickle(files: Iterable[str], new: NewVersion) -> None:
    """Refuses a single file that its name shows to be a pickle, where those are not allowed; what other files hold is
    found out by opening them. Raises FailedPrecondition."""
    models = [path for path in files if path not in _BESIDE]
    if not new.allow_pickle and len(models) == 1 and models[0].lower().endswith(SUFFIXES):
        raise FailedPrecondition(refusal_by_name(models[0]))


def check_signatures(signatures: Mapping[str, Signature]) -> None:
    """Checks declared signatures. Raises InvalidArgument naming the first that contradicts itself or is beyond all
    bounds."""
    if len(signatures) > MOST_SIGNATURES:
        raise InvalidArgument(f"{len(signatures)} signatures are too many: expected at most {MOST_SIGNATURES}")
    for name, signature in signatures.items():
        where = f"signature {name[:80]!r}"
        if not signature.inputs:
            raise InvalidArgument(f"{where} needs at least one input")
        if not 0 <= signature.max_batch_size <= MAX_NUMBER:
            raise InvalidArgument(f"{where} has max_batch_size {signature.max_batch_size}: expected 0 to {MAX_NUMBER}")
        for specs in (signature.inputs, signature.outputs):
            if len(specs) > MOST_TENSORS or any(len(spec.shape) > MOST_DIMENSIONS for spec in specs):
                raise InvalidArgument(f"{where} has more than {MOST_TENSORS} tensors, or {MOST_DIMENSIONS} dimensions")
            if len({spec.name for spec in specs}) != len(specs):
                raise InvalidArgument(f"{where} names a tensor twice")
            if any(len(text) > MAX_NAME for text in (name, *[spec.name for spec in specs])):
                raise InvalidArgument(f"{where} has a name of more than {MAX_NAME} characters")
            sizes = [size for spec in specs for size in spec.shape if size is not None]
            if any(not 0 <= size <= MAX_NUMBER for size in sizes):
                raise InvalidArgument(f"{where} has a dimension that is not 0 to {MAX_NUMBER}: use null for a free one")
        _check_columns(where, signature)


def _check_columns(where: str, signature: Signature) -> None:
    columns = [spec for spec in signature.inputs if spec.column is not None]
    if not columns:
        return
    if len(columns) != len(signature.inputs) or not signature.batched:
        raise InvalidArgument(f"{where} is a table: all its inputs must be columns, and it must be batched")
    names = {spec.name for spec in columns}
    for spec in columns:
        if spec.optional:
            raise InvalidArgument(f"{where}: say of column {spec.name!r} itself that it is optional, in its `column`")
        if spec.shape != (None,):
            raise InvalidArgument(f"{where}: column {spec.name!r} must have one value a row, shape [null]")
        if spec.column is not None and not fits_column(spec.column, spec.dtype):
            raise InvalidArgument(
                f"{where}: column {spec.name!r} is {spec.column.type}, which {spec.dtype} can't carry"
            )
        if mask_name(spec.name) in names:
            raise InvalidArgument(
                f"{where} has columns {spec.name!r} and {mask_name(spec.name)!r}: rename the second one"
            )
