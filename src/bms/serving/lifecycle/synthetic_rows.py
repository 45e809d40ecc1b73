"""Synthetic inputs for a model whose signature is known: varied in content, sign, magnitude and length."""

from collections.abc import Iterator, Mapping, Sequence
from math import prod
from typing import Any, NamedTuple, cast

import numpy as np
from numpy.typing import NDArray

from bms.core.formats.example_codec import Value, encode_example
from bms.core.tensors.columns import mask_name
from bms.core.tensors.features import Feature
from bms.core.tensors.signature import Signature, TensorSpec
from bms.core.tensors.tensor import NUMPY, Array
from bms.serving.lifecycle.encoded_images import JPEGS, PNGS
from bms.serving.lifecycle.examples import column_values

QUESTIONS = 8  # that differ; after them they come again
_ZEROS, HIGHEST = 5, 6  # all zeros; all ones, and of whole numbers the largest
FIRST = (0, HIGHEST, _ZEROS)  # those that models take most often
_SEED = 20260101
_SIZES = (3, 1, 8, 32, 64, 224)  # of what is free beside the rows: larger than kernels, and as images often are
_MOST = 1 << 20  # elements of an input with free sizes
_HIGHS = (3, 9, 40, 200, 1000)
_COLUMN = (1, 2, 40, 1000, 0, 3, -7, 5)
_TEXTS: dict[str, Sequence[bytes]] = {
    "words": tuple(
        text.encode()
        for text in (
            "yes",
            "A small ship passes the old bridge.",
            "no",
            "In 2024, 17 of them were seen again: who would have thought it, even so late in the year?",
            "Äpfel und Öl",
            "",
            "老师喜欢这本书。",
            "yes yes no",
        )
    ),
    "numbers": (b"1", b"22.5", b"-3", b"40", b"0.125", b"0", b"1000", b"7"),
    "JPEG": JPEGS,
    "PNG": PNGS,
    "empty": (b"",),
}


class Domain(NamedTuple):
    """What synthetic inputs are drawn from: `size` of what is free beside the rows, whole numbers from `low` to those
    of `highs` (by input; 1 where it is not among them), and the kind of texts. `gentle`: floats are from 0 to 1.
    `bare`: texts are those, also of an input that is said to hold serialized examples."""

    size: int
    low: int
    texts: str
    highs: Mapping[str, int]
    gentle: bool = False
    bare: bool = False


def domains(signature: Signature, *, gentle: bool = False) -> Iterator[Domain]:
    """Yields the domains to try, the likeliest first."""
    free = [spec.shape[1:] if signature.batched else spec.shape for spec in signature.inputs]
    sizes = [size for size in _SIZES if all(_count(shape, size) <= _MOST for shape in free)] or [1]
    kinds = {spec.dtype for spec in signature.inputs if spec.column is None}
    features = {feature.dtype for spec in signature.inputs for feature in spec.features or ()}
    whole = any(NUMPY[dtype].kind in "iu" for dtype in kinds | features)
    for bare in (False, True) if features else (False,):
        for texts in _TEXTS if "BYTES" in (kinds if bare or not features else features) else ("words",):
            for size in sizes if any(None in shape for shape in free) else (1,):
                for low in (0, 1) if whole else (0,):
                    yield Domain(size, low, texts, {}, gentle, bare)


def wider(signature: Signature, domain: Domain, name: str) -> Iterator[Domain]:
    """Yields the domain with larger and larger whole numbers in input `name`."""
    dtype = signature.input(name).dtype
    for high in _HIGHS:
        if high <= _limits(dtype)[1]:
            yield domain._replace(highs={**domain.highs, name: high})


def whole_numbers(signature: Signature) -> list[str]:
    """Returns the inputs that take whole numbers, tables' columns aside."""
    return [spec.name for spec in signature.inputs if spec.column is None and NUMPY[spec.dtype].kind in "iu"]


def question(signature: Signature, domain: Domain, number: int) -> dict[str, Array]:
    """Returns one synthetic request, the same on every call: a row of what is batched, else all of it."""
    number %= QUESTIONS
    return {
        spec.name: column_values(spec, spec.column, [_column_number(spec, number)])
        if spec.column is not None
        else _values(spec, _shape(spec, signature.batched, domain.size), domain, number, place)
        for place, spec in enumerate(signature.inputs)
    }


def alike(signature: Signature, example: Mapping[str, Array], number: int, *, gentle: bool = False) -> dict[str, Array]:
    """Returns a row like those of `example`: values of it in another order, at another place, or, unless `gentle`, of
    another magnitude."""
    noise = np.random.default_rng((_SEED, number))
    made: dict[str, Array] = {}
    for spec in signature.inputs:
        array = example[spec.name]
        row = int(noise.integers(len(array)))
        values = array[row : row + 1].copy()
        if (mask := example.get(mask_name(spec.name))) is not None:
            made[mask_name(spec.name)] = mask[row : row + 1].copy()
        if spec.column is None and spec.dtype == "BYTES":
            values = _other_texts(array, values, noise)
        elif spec.column is None:
            values = noise.permuted(values.reshape(1, -1), axis=1).reshape(values.shape)
        if values.dtype.kind == "f" and number % 3 and not gentle:
            values = np.multiply(cast(Any, values), 0.5 if number % 3 == 1 else -3).astype(values.dtype)
        made[spec.name] = values
    return made


def _other_texts(array: Array, values: Array, noise: np.random.Generator) -> Array:
    known: list[object] = array.ravel().tolist()
    first = known[0] if isinstance(known[0], bytes) else b""
    known += next((kind for kind in (JPEGS, PNGS) if first[:4] == kind[0][:4]), ())
    made: NDArray[np.object_] = np.empty(values.size, dtype=object)
    made[:] = [known[int(place)] for place in noise.integers(len(known), size=values.size)]
    return made.reshape(values.shape)


def _values(spec: TensorSpec, shape: tuple[int, ...], domain: Domain, number: int, place: int) -> Array:
    kind = NUMPY[spec.dtype]
    noise = np.random.default_rng((_SEED, number, place))
    if spec.dtype == "BYTES":
        texts = _TEXTS[domain.texts]
        if spec.features and not domain.bare:
            texts = [_example(spec.features, domain, one) for one in range(QUESTIONS)]
        made: NDArray[np.object_] = np.empty(prod(shape), dtype=object)
        made[:] = [texts[(number + at) % len(texts)] for at in range(made.size)]
        return made.reshape(shape)
    if kind.kind == "f":
        floats = np.asarray(noise.standard_normal(shape))
        # Not all inputs are zero, or large, in the same questions.
        style = number if number in FIRST else (number + place) % QUESTIONS
        return np.asarray(_gentle(floats, style) if domain.gentle else _floats(floats, style), dtype=kind)
    low, high = domain.low, domain.highs.get(spec.name, 1)
    if number in (_ZEROS, HIGHEST):
        return np.full(shape, low if number == _ZEROS else high, dtype=kind)
    return np.asarray(noise.integers(low, high + 1, shape), dtype=kind)


def _example(features: Sequence[Feature], domain: Domain, number: int) -> bytes:
    """Returns a serialized `tf.train.Example` with all of `features`, of those of any size one to three values."""
    made: dict[str, Value] = {}
    for place, feature in enumerate(features):
        size = number % 3 + 1 if feature.size is None else feature.size
        noise = np.random.default_rng((_SEED, number, place))
        if feature.dtype == "BYTES":
            texts = _TEXTS[domain.texts]
            made[feature.name] = [texts[(number + at) % len(texts)] for at in range(size)]
        elif feature.dtype == "INT64":
            made[feature.name] = noise.integers(domain.low, 2, size)
        else:
            made[feature.name] = _floats(noise.standard_normal(size), number).astype(np.float32)
    return encode_example(made)


def _floats(noise: NDArray[np.float64], number: int) -> NDArray[np.float64]:
    """Returns floats of both signs, magnitudes from 0.05 to some 100; or all zero, all one, or zero here and there."""
    made: tuple[NDArray[np.float64], ...] = (
        noise,
        10 * noise,
        0.05 * noise,
        100 * (0.5 + np.abs(noise)),
        -100 * (0.5 + np.abs(noise)),
        np.zeros_like(noise),
        np.ones_like(noise),
        noise * (np.arange(noise.size).reshape(noise.shape) % 2),
    )
    return made[number]


def _gentle(noise: NDArray[np.float64], number: int) -> NDArray[np.float64]:
    small = np.abs(noise) / (1 + np.abs(noise))
    return np.full_like(noise, number == HIGHEST) if number in (_ZEROS, HIGHEST) else small * (1, 0.1, 0.01)[number % 3]


def _column_number(spec: TensorSpec, number: int) -> int:
    kind = NUMPY[spec.dtype]
    if kind.kind not in "iu":
        return _COLUMN[number]
    least, most = _limits(spec.dtype)
    return min(max(_COLUMN[number], least), most)


def _limits(dtype: str) -> tuple[int, int]:
    found = np.iinfo(cast(Any, NUMPY[dtype]))
    return int(found.min), int(found.max)


def _shape(spec: TensorSpec, batched: bool, size: int) -> tuple[int, ...]:
    shape = tuple(size if one is None else one for one in spec.shape)
    return (1, *shape[1:]) if batched else shape


def _count(shape: tuple[int | None, ...], size: int) -> int:
    return prod(size if one is None else one for one in shape)
