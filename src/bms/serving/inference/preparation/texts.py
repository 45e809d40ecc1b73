"""Text preparation: from texts to a model's token ids by `TextPreprocess`, and the signature that this adds."""

from collections.abc import Callable, Mapping, Sequence

from bms.core.errors import FailedPrecondition
from bms.core.tensors.preprocessing import TEXT, TextPreprocess, fed, feeds, target_of
from bms.core.tensors.signature import Signature, shape_text
from bms.core.tensors.tensor import NUMPY, Array
from bms.serving.inference.preparation.tokens import SAMPLES, Encoding, Tokenizer, alike, padded, texts_of

MAX_LENGTH = 1 << 17
_TOGETHER = 8  # lengths are rounded up to its multiples, so that requests of about one length can run together
Run = Callable[[dict[str, Array]], Mapping[str, Array]]
_INTEGERS = frozenset({"INT32", "INT64"})


class TextPlan:
    """A `Plan`: the signature "text" of one model: texts in, the outputs of signature `target` out."""

    name = TEXT

    def __init__(self, options: TextPreprocess, signatures: dict[str, Signature], tokenizer: Tokenizer) -> None:
        """Raises FailedPrecondition when no signature takes what `options` make."""
        found = target_of(options, signatures)
        if found is None:
            raise FailedPrecondition(
                f"preprocess makes {', '.join(map(repr, feeds(options)))}, but no signature takes just that"
            )
        self.target = found
        wrapped = signatures[found]
        self._length = _length(options, wrapped)
        self._kinds = {spec.name: NUMPY[spec.dtype] for spec in wrapped.inputs}
        if tokenizer.pad is None and not options.mask and self._length is None:
            raise FailedPrecondition(
                f"{options.tokenizer!r} names no padding and the model takes no mask: texts of different lengths can't "
                "run together; set the tokenizer's padding"
            )
        self._options = options
        self._tokenizer = tokenizer
        self.unread = tokenizer.unread
        self.signature = fed(options, wrapped)

    def prepare(self, inputs: dict[str, Array]) -> dict[str, Array]:
        """Returns the target's inputs, one row per text. Raises InvalidArgument naming the first bad text, from 1."""
        return self._filled(self._tokenizer.encode(texts_of(inputs[TEXT])), _TOGETHER if self._options.mask else 1)

    def check(self, run: Run) -> None:
        """Checks that padding changes no answer, with texts of unequal length, alone and together; `run` runs the
        target.

        Raises FailedPrecondition where the padding changes an answer, as it does if the model knows it by another id.
        """
        tried = [one for one in zip(SAMPLES, self._tokenizer.encode(list(SAMPLES)), strict=True) if one[1].ids]
        alone = [run(self._filled([encoding], 1)) for _, encoding in tried]
        together = run(self._filled([encoding for _, encoding in tried], _TOGETHER))
        pad = self._tokenizer.pad
        for row, (text, _) in enumerate(tried):
            for name, array in together.items():
                one = alone[row][name]
                if one.shape[1:] == array.shape[1:] and not alike(array[row : row + 1], one):  # else it is of tokens
                    raise FailedPrecondition(
                        f"the answer to {text!r} ({name}) changes when it is padded to the length of longer "
                        f"texts, {'by 0, since no file names a padding' if pad is None else f'by the id {pad}'}: the "
                        "model takes it for a part of the text; say its own in tokenizer_config.json ('pad_token'), or "
                        "give the model a mask"
                    )

    def _filled(self, encodings: Sequence[Encoding], multiple: int) -> dict[str, Array]:
        options = self._options
        made = padded(encodings, self._tokenizer.pad or 0, multiple=multiple, length=self._length)
        named = zip((options.ids, options.mask, options.types), made, strict=True)
        return {name: array.astype(self._kinds[name], copy=False) for name, array in named if name}


def one_length(options: TextPreprocess, signatures: Mapping[str, Signature]) -> int | None:
    """Returns the one length that the model takes; None: any, or no signature takes what `options` make."""
    target = target_of(options, signatures)
    sizes = {spec.shape[1] for spec in signatures[target].inputs if len(spec.shape) == 2} if target else set()
    return next(iter(sizes)) if len(sizes) == 1 else None


def _length(options: TextPreprocess, signature: Signature) -> int | None:
    """Returns the one length that the model takes; None: any."""
    longest = options.max_length
    if longest is not None and not 1 <= longest <= MAX_LENGTH:
        raise FailedPrecondition(f"preprocess.max_length is {options.max_length}, expected 1 to {MAX_LENGTH}")
    if not options.ids:
        raise FailedPrecondition("preprocess.ids is empty: name the input that takes the token ids")
    lengths = set()
    for spec in signature.inputs:
        if not signature.batched or spec.dtype not in _INTEGERS or len(spec.shape) != 2:
            raise FailedPrecondition(
                f"preprocess makes INT64 or INT32 [-1, tokens], but input {spec.name!r} is {spec.dtype} "
                f"{shape_text(spec.shape)}"
            )
        lengths.add(spec.shape[1])
    lengths -= {None}
    if len(lengths) > 1 or (longest is not None and any(longest > (length or 0) for length in lengths)):
        raise FailedPrecondition(
            f"preprocess makes up to {longest or 'any number of'} tokens, but the model takes "
            f"{sorted(map(str, lengths))}: set "
            "max_length to that"
        )
    return lengths.pop() if lengths else None
