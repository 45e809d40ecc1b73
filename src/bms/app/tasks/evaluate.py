"""Task: how good a version is on one split of a data set.

Inputs: `artifact` (the version's files) and `data` (a data set's version). Parameters: `servable` (a
ServableConfig) and `split`. All metrics of the model's kind are measured; which there are: `core/metrics.py`.
"""

from typing import Any

import msgspec

from bms.adapters.datasets.reader import load_split, read_manifest
from bms.app.tasks.evaluation.feeding import fed
from bms.app.tasks.evaluation.measuring import measured
from bms.app.tasks.evaluation.running import run_all
from bms.app.tasks.evaluation.target import target_of
from bms.app.tasks.opening import open_servable
from bms.core.errors import FailedPrecondition
from bms.core.programs import ServableConfig


def main(job: Any) -> dict[str, object]:
    """Returns the metrics, which are also the job's, in `undefined` why others of the model's `kind` have no value, and
    in `joined` how columns and classes of data and model were joined. Raises FailedPrecondition when they don't belong
    together."""
    wanted = msgspec.convert(job.parameters["servable"], ServableConfig)
    config = msgspec.structs.replace(wanted, directory=str(job.inputs["artifact"]), sealed=job.sealed)
    servable = open_servable(config)
    manifest = read_manifest(job.inputs["data"])
    if manifest.label is None:
        raise FailedPrecondition("the data set has no labels: a version can only be evaluated on labelled data")
    columns = load_split(job.inputs["data"], str(job.parameters["split"]))
    given = fed(servable.signatures, manifest, columns)
    if not given.rows:
        raise FailedPrecondition(f"split {job.parameters['split']!r} has no rows: there is nothing to measure on")
    outputs = run_all(servable, given, job.progress)
    found = measured(given.signature, outputs, target_of(manifest, columns[manifest.label]))
    for metric, value in found.metrics.items():
        job.metric(metric, value)
    joined = (*given.notes, *found.notes)
    job.progress(1.0, f"{given.rows} rows; {'; '.join(joined)}")
    return {
        "rows": given.rows,
        "kind": found.kind,
        "metrics": found.metrics,
        "undefined": found.undefined,
        "joined": joined,
    }
