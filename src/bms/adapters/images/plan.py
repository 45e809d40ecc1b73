"""The plan for a model's images, where its config asks for one; Pillow is imported only then."""

from bms.core.programs import Preprocess
from bms.core.signature import Signature
from bms.serving.inference.preprocess import ImagePlan


def image_plan(options: Preprocess | None, signatures: dict[str, Signature]) -> ImagePlan | None:
    """None without `options`. Raises FailedPrecondition when Pillow is missing, or no signature takes such images."""
    if options is None:
        return None
    from bms.adapters.images.pillow import blank, decode

    plan = ImagePlan(options, signatures, decode)
    plan.decoded(blank(options))  # the first caller does not wait for Pillow's codecs to be loaded
    return plan
