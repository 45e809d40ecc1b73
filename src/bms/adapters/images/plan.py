"""Plans the preparation of a model's image inputs; Pillow is imported only for one."""

from bms.core.tensors.preprocessing import ImagePreprocess
from bms.core.tensors.signature import Signature
from bms.serving.inference.preparation.images import ImagePlan


def image_plan(options: ImagePreprocess, signatures: dict[str, Signature]) -> ImagePlan:
    """Makes the plan. Raises FailedPrecondition when Pillow is missing, or no signature takes such images."""
    from bms.adapters.images.pillow import blank, decode

    plan = ImagePlan(options, signatures, decode)
    plan.decoded(blank(options))  # the first caller does not wait for Pillow's codecs to be loaded
    return plan
