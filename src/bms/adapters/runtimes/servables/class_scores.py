"""Finds which output of a signature holds class probabilities, by its name."""

from collections.abc import Mapping

from msgspec import structs

from bms.adapters.runtimes.servables.called import CalledServable
from bms.core.tensors.signature import Signature

NAMES = frozenset({"probabilities", "probability", "probs", "scores", "softmax"})


def classifying(signature: Signature, surely: frozenset[str] = frozenset()) -> Signature:
    """`signature` with the method "classify" where one of its outputs, FP32 or FP64 [rows, classes], is named like
    probabilities or is one of those known to be `surely`; as it is where none is, or several are."""
    fitting = [spec.name for spec in signature.outputs if spec.dtype in ("FP32", "FP64") and len(spec.shape) == 2]
    sure = [name for name in fitting if name in surely] or [name for name in fitting if name.lower() in NAMES]
    if not signature.batched or signature.method != "predict" or len(sure) != 1:
        return signature
    return structs.replace(signature, method="classify", scores=sure[0])


def classify(
    servable: CalledServable, declared: Mapping[str, Signature], surely: frozenset[str] = frozenset()
) -> CalledServable:
    """`servable`, its signatures `classifying` but for those of which the outputs were declared."""
    servable.signatures = {
        name: one if name in declared and declared[name].outputs else classifying(one, surely)
        for name, one in servable.signatures.items()
    }
    return servable
