"""What an import is asked for is checked, named and turned into a job."""

import msgspec
import pytest

from bms.app.tasks.import_dataset import ImportParameters
from bms.control.datasets.importing import INPUT, PARQUET_REQUIREMENTS, SAMPLE_REQUIREMENTS, import_job
from bms.control.datasets.nouns import DatasetVersion, ImportRequest, Source
from bms.control.datasets.service import parse_reference
from bms.core.clock import ManualClock
from bms.core.errors import InvalidArgument

DIGITS = Source(sample="digits")


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({}, "exactly one"),
        ({"sample": "digits", "tree": "sha256:x", "format": "csv"}, "exactly one"),
        ({"sample": "digits", "format": "csv"}, "a sample has no format"),
    ],
)
def test_a_source_is_a_sample_or_files(fields: dict[str, str], words: str) -> None:
    with pytest.raises(InvalidArgument, match=words):
        Source(**fields)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"split": {}}, "add up to 1"),
        ({"split": {"train": 0.5, "test": 0.4}}, "add up to 1"),
        ({"split": {"train": 1.5, "test": -0.5}}, "add up to 1"),
        ({"split": {"train": float("nan")}}, "add up to 1"),
        ({"split": {"holdout": 1.0}}, "unknown split 'holdout'"),
        ({"split": {"test": 1.0}}, "nothing to train on"),
        ({"seed": -1}, "seed"),
        ({"seed": 2**63}, "seed"),
        ({"shard_rows": 0}, "shard_rows"),
    ],
)
def test_a_wrong_request_is_named(fields: dict[str, object], words: str) -> None:
    with pytest.raises(InvalidArgument, match=words):
        ImportRequest(source=DIGITS, **fields)  # type: ignore[arg-type]


@pytest.mark.parametrize(("text", "wanted"), [("digits", ("digits", None)), ("a.b-c@12", ("a.b-c", 12))])
def test_references(text: str, wanted: tuple[str, int | None]) -> None:
    assert parse_reference(text) == wanted


@pytest.mark.parametrize(
    "text", ["", "@1", "digits@", "digits@0", "digits@-1", "digits@x", "digits@1@2", "Digits", "a@²"]
)
def test_what_is_no_reference_is_refused(text: str) -> None:
    with pytest.raises(InvalidArgument):
        parse_reference(text)


def _version(request: ImportRequest) -> DatasetVersion:
    return DatasetVersion(
        id="v1",
        tenant="acme",
        dataset="digits",
        number=3,
        state="importing",
        created_at=ManualClock().now(),
        created_by="ann",
        request=request,
    )


def test_a_sample_needs_an_environment_and_no_input() -> None:
    job = import_job(_version(ImportRequest(source=DIGITS, seed=7)))
    assert (job.entry, job.name, job.subject, job.inputs) == ("task:import_dataset", "import-digits-3", "v1", {})
    assert job.requirements == SAMPLE_REQUIREMENTS
    assert job.parameters == {
        "format": "sample",
        "sample": "digits",
        "seed": 7,
        "shard_rows": 10_000,
    }


def test_files_are_an_input_and_need_nothing_installed() -> None:
    request = ImportRequest(source=Source(tree="sha256:x", format="csv"), label="class", split={"train": 1.0})
    job = import_job(_version(request))
    assert (job.inputs, job.requirements) == ({INPUT: "sha256:x"}, ())
    assert (job.parameters["format"], job.parameters["label"]) == ("csv", "class")
    assert "sample" not in job.parameters


def test_parquet_needs_its_library_installed() -> None:
    job = import_job(_version(ImportRequest(source=Source(tree="sha256:x", format="parquet"))))
    assert (job.requirements, job.parameters["format"]) == (PARQUET_REQUIREMENTS, "parquet")


def test_parameters_are_those_the_task_takes() -> None:
    for source in (DIGITS, Source(tree="sha256:x", format="images"), Source(tree="sha256:x", format="parquet")):
        parameters = import_job(_version(ImportRequest(source=source, label="y"))).parameters
        taken = msgspec.convert(parameters, ImportParameters)
        assert msgspec.to_builtins(taken) | parameters == msgspec.to_builtins(taken)
