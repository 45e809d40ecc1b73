"""Task: measures how good a version is on one split of a data set.

Inputs: `artifact` (the version's files) and `data` (a data set's version). Parameters: `servable` (a
ServableConfig) and `split`. All metrics of the model's kind are measured; which there are: `core/metrics.py`.
"""

from collections.abc import Mapping
from typing import Any

import msgspec
import numpy as np

from bms.adapters.datasets.manifest import Manifest
from bms.adapters.datasets.reader import load_split, read_manifest
from bms.app.tasks.evaluation.feeding import fed
from bms.app.tasks.evaluation.measuring import measured
from bms.app.tasks.evaluation.running import Progress, answers
from bms.app.tasks.evaluation.target import target_of
from bms.app.tasks.opening import open_servable
from bms.core.errors import FailedPrecondition
from bms.core.workloads.programs import ServableConfig
from bms.serving.lifecycle.servable import Servable


def main(job: Any) -> dict[str, object]:
    """Returns the metrics, which are also the job's, in `undefined` why others of the model's `kind` have no value, and
    in `joined` how columns and classes of data and model were joined. Raises FailedPrecondition when they don't belong
    together, or when the model answers rows otherwise in other company."""
    wanted = msgspec.convert(job.parameters["servable"], ServableConfig)
    config = msgspec.structs.replace(wanted, directory=str(job.inputs["artifact"]), sealed=job.sealed)
    servable = open_servable(config)
    manifest = read_manifest(job.inputs["data"])
    columns = load_split(job.inputs["data"], str(job.parameters["split"]))
    report = evaluated(servable, manifest, columns, job.progress, np.random.default_rng())
    job.metrics(report["metrics"])
    job.progress(1.0, f"{report['rows']} rows; {'; '.join(report['joined'])}")
    return report


def evaluated(
    servable: Servable, manifest: Manifest, columns: Mapping[str, Any], progress: Progress, random: np.random.Generator
) -> dict[str, Any]:
    """The evaluation report on the rows of one split."""
    if manifest.label is None:
        raise FailedPrecondition("the data set has no labels: a version can only be evaluated on labelled data")
    given = fed(servable.signatures, manifest, columns)
    target = target_of(manifest, columns[manifest.label])
    found = measured(given.signature, answers(servable, given, progress, random), target)
    return {
        "rows": given.rows,
        "kind": found.kind,
        "metrics": found.metrics,
        "undefined": found.undefined,
        "joined": (*given.notes, *found.notes),
    }
