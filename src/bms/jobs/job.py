"""The running job, as training code sees it: its parameters, data, progress, output and model."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from bms.adapters.toolkits import job_context
from bms.core.errors import NotFound

if TYPE_CHECKING:
    from bms.jobs.dataset import Dataset


class Job(job_context.JobContext):
    """The running job: `parameters`, `inputs`, `output`, `checkpoint`, `threads`; `progress`, `metric`, `metrics`; and
    what is below."""

    def dataset(self, name: str = "data") -> "Dataset":
        """Opens the data set that the job was given under this name: `--dataset NAME=REFERENCE`, "data" by default.
        Raises NotFound."""
        if name not in self.inputs:
            given = ", ".join(map(repr, self.inputs)) or "none: start it with `--dataset REFERENCE`"
            raise NotFound(f"this job has no input {name!r}; it was given {given}")
        from bms.jobs.dataset import Dataset

        return Dataset(self.inputs[name])

    @property
    def model_directory(self) -> Path:
        """The directory whose files become a version of the model; made when it is first asked for."""
        directory = self.output / "model"
        directory.mkdir(parents=True, exist_ok=True)
        return directory

    def save_model(
        self,
        model: Any,
        *,
        labels: Sequence[str] = (),
        example: Any = None,
        preprocess: Mapping[str, object] | None = None,
        requirements: Sequence[str] = (),
        metadata: Mapping[str, str] | None = None,
    ) -> Path:
        """Saves a trained model, of which `--model NAME` makes a version; returns the folder it lies in.

        `model`: an estimator of scikit-learn, XGBoost, LightGBM or CatBoost, a Keras model, an exported or scripted
        program of PyTorch, an ONNX model, or the path of a file or folder of any format that can be served. `labels`
        are the names of classes that it gives by number, in their order; `example` is a frame or an array of rows;
        `preprocess` as `bms deploy --image` and `--text` say it, with its `type`. The version gets the releases of the
        framework that it was made with, and `requirements` beside. What was in `model_directory` gives way to it,
        unless `model` is `model_directory` itself: the last model that was saved is the job's.

        Raises InvalidArgument for what can't be saved so, and FailedPrecondition where a package is missing for it.
        """
        from bms.jobs.saving import save

        return save(
            model,
            self.model_directory,
            labels=labels,
            example=example,
            preprocess=preprocess,
            requirements=requirements,
            metadata=metadata or {},
        )


def current_job() -> Job:
    """The job that this process runs. Raises FailedPrecondition outside a job."""
    return cast(Job, job_context.current_job())
