"""Opens a version in a job as a model server does: by its runtime, with its preprocessing of images or texts."""

from bms.adapters.runtimes.available import open_servable as open_by_runtime
from bms.app.model_server.preparing import plan_for
from bms.core.workloads.programs import ServableConfig
from bms.serving.inference.preparation.prepared import PreparedServable, for_runtime
from bms.serving.lifecycle.servable import Servable


def open_servable(config: ServableConfig) -> Servable:
    """Opens the version. Raises what the runtime raises; FailedPrecondition when nothing takes what its preprocessing
    makes."""
    servable = open_by_runtime(for_runtime(config))
    plan = plan_for(config, servable.signatures)
    return servable if plan is None else PreparedServable(servable, plan)
