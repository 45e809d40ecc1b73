"""A version opened whole in a job: by its runtime, with its images decoded where it asks for that."""

from bms.adapters.images.plan import image_plan
from bms.adapters.runtimes.available import open_servable as open_by_runtime
from bms.core.programs import ServableConfig
from bms.serving.inference.imaging import WithImages, for_runtime
from bms.serving.lifecycle.servable import Servable


def open_servable(config: ServableConfig) -> Servable:
    """Raises what the runtime raises; FailedPrecondition when Pillow is missing or nothing takes its images."""
    servable = open_by_runtime(for_runtime(config))
    images = image_plan(config.preprocess, servable.signatures)
    return servable if images is None else WithImages(servable, images)
