"""The options of `bms model push` and `bms deploy` that describe the new version; most of it is detected."""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer

from bms.cli.options.environment import environment_given
from bms.cli.options.values import parse_image, parse_numbers, parse_pairs, parse_text
from bms.core.errors import InvalidArgument
from bms.core.tensors.signature import DEFAULT
from bms.core.tensors.tensor import NUMPY
from bms.sdk.models import NewVersion, Version
from bms.sdk.nouns.columns import parse_column, tensor_text
from bms.sdk.nouns.signatures import EnvironmentSpec, Preprocess, Signature, TensorSpec

Runtime = Annotated[str, typer.Option("--runtime", help="onnx, sklearn …; detected if left out.")]
Requirement = Annotated[
    list[str] | None, typer.Option("--requirement", help="A package it needs to run, beside its runtime's; repeatable.")
]
RequirementsFile = Annotated[
    Path | None, typer.Option("--requirements-file", help="A requirements.txt that says what it needs.")
]
Lock = Annotated[
    Path | None, typer.Option("--lock", help="A lock file with hashes: just these versions are installed.")
]
Index = Annotated[str, typer.Option("--index", help="The name of a package index that the operator configured.")]
Python = Annotated[str | None, typer.Option("--python", help="The Python it needs, e.g. 3.11.")]
Input = Annotated[
    list[str] | None,
    typer.Option(
        "--input",
        help="An input, where the format does not declare it: 'x FP32 [-1, 64]', 'y FP32? [-1]' (may be left out); "
        "repeatable.",
    ),
]
Output = Annotated[
    list[str] | None, typer.Option("--output", help="An output; detected by running the model if left out; repeatable.")
]
Columns = Annotated[
    list[str] | None,
    typer.Option(
        "--column",
        help="A column of the table it takes: 'age number', 'city text?' (may be left out), "
        "'color category[red,green]'; types are number, integer, text, boolean, category, datetime; repeatable.",
    ),
]
Example = Annotated[
    Path | None,
    typer.Option(
        "--example",
        help="Rows that it takes, as CSV with a header, JSON, JSONL, NPZ, or an image: it is tried and warmed up with "
        "them, and they are kept. Of a table they tell the columns' types; --column says more of one.",
    ),
]
Batched = Annotated[
    bool | None,
    typer.Option(
        "--batched/--no-batched",
        help="Whether rows of several requests may share a run; by default where they are proved to be independent. "
        "--batched refuses a model of which that is not proved.",
    ),
]
MaxBatchSize = Annotated[
    int | None,
    typer.Option("--max-batch-size", help="The most rows that a request may have, and that run together.", min=1),
]
Format = Annotated[
    list[str] | None,
    typer.Option("--format", help="How images lie in an input, for Triton's clients: x=NCHW, x=NHWC; repeatable."),
]
Image = Annotated[
    str | None,
    typer.Option("--image", help="Takes images: input=x,mode=L,height=8,width=8[,scale=0.0625,resize=crop]."),
]
Text = Annotated[
    str | None,
    typer.Option("--text", help="Takes texts, by its tokenizer.json: max_length=128[,types=token_type_ids,mask=]."),
]
Label = Annotated[
    list[str] | None, typer.Option("--label", help="Name of a class, in the order of scores; repeatable.")
]
AllowPickle = Annotated[
    bool, typer.Option("--allow-pickle", help="Allow a pickled model, which runs its own code in its model server.")
]
_TENSOR = re.compile(r"\s*(\S+?)[\s:]+([A-Z]+\d*)(\?)?\s*\[\s*(-?\d+(?:\s*,\s*-?\d+)*)?\s*\]\s*")
LEVELS = 6  # of a category, that are shown
_NAME = re.compile(r"[^A-Za-z0-9_]+")


@dataclass(frozen=True)
class VersionOptions:
    """The options as they were given."""

    runtime: str = ""
    requirement: list[str] | None = None
    requirements_file: Path | None = None
    lock: Path | None = None
    index: str = ""
    python: str | None = None
    input: list[str] | None = None
    output: list[str] | None = None
    column: list[str] | None = None
    example: Path | None = None
    batched: bool | None = None
    max_batch_size: int | None = None
    format: list[str] | None = None
    image: str | None = None
    text: str | None = None
    label: list[str] | None = None
    metric: list[str] | None = None
    note: list[str] | None = None
    allow_pickle: bool = False

    def columns(self) -> list[TensorSpec]:
        """The declared columns, parsed. Raises InvalidArgument for what can't be read."""
        return [parse_column(text) for text in self.column or ()]

    def formats(self) -> dict[str, str]:
        """The image formats, by the names of inputs. Raises InvalidArgument for what can't be read."""
        return dict(parse_pairs(self.format or []))

    def version(self) -> NewVersion:
        """The request's settings for the version. Raises InvalidArgument for what can't be read."""
        signature = Signature(
            inputs=tuple(parse_tensor(text) for text in self.input or ()),
            outputs=tuple(parse_tensor(text) for text in self.output or ()),
        )
        if signature.inputs and self.column:
            raise InvalidArgument("give --input or --column: a model takes either tensors or a table")
        if signature.outputs and not signature.inputs:
            raise InvalidArgument("--output without --input: say what the model takes, too")
        if self.image is not None and self.text is not None:
            raise InvalidArgument("give --image or --text, not both")
        return NewVersion(
            runtime=self.runtime,
            signatures={DEFAULT: signature} if signature.inputs else {},
            environment=environment_given(self.requirement, self.lock, self.index, self.python, self.requirements_file)
            or EnvironmentSpec(),
            preprocess=self._preprocess(),
            labels=tuple(self.label or ()),
            metrics=parse_numbers(self.metric or []),
            metadata=dict(parse_pairs(self.note or [])),
            allow_pickle=self.allow_pickle,
        )

    def _preprocess(self) -> Preprocess | None:
        if self.image is not None:
            return parse_image(self.image)
        return None if self.text is None else parse_text(self.text)


def parse_tensor(text: str) -> TensorSpec:
    """Parses `x FP32 [-1, 64]` as a TensorSpec, `x FP32? [-1, 64]` as an optional one. Raises InvalidArgument."""
    found = _TENSOR.fullmatch(text)
    if not found:
        raise InvalidArgument(
            f"{text!r} is no tensor: write its name, type and shape, like 'x FP32 [-1, 64]'; a column of a table is "
            "said by --column 'age number'"
        )
    if found[2] not in NUMPY:
        raise InvalidArgument(f"{text!r}: there is no data type {found[2]!r}: use one of {', '.join(NUMPY)}")
    sizes = [int(size) for size in (found[4] or "").split(",") if size.strip()]
    shape = tuple(None if size < 0 else size for size in sizes)
    return TensorSpec(name=found[1], dtype=found[2], shape=shape, optional=found[3] is not None)


def name_for(path: Path) -> str:
    """Suggests a model's name for a path: `Iris Model.tar.gz` → `Iris-Model`. Raises InvalidArgument."""
    name = _NAME.sub("-", path.resolve().name.partition(".")[0]).strip("-._")
    if not name:
        raise InvalidArgument(f"{str(path)!r} suggests no name for the model: give one with --name")
    return name


def detected(version: Version) -> str:
    """Describes what was detected in a version's files, in a few lines for people."""
    environment = ", ".join(version.environment.requirements) or "the platform's own"
    lines = [f"{version.format or version.runtime} (runtime {version.runtime}), environment: {environment}"]
    for name, signature in version.signatures.items():
        lines.append(f"  {name}: {signature_text(signature)}")
        if why := version.metadata.get(f"batching of {name}"):
            lines.append(f"  batching of {name}: {why}")
    return "\n".join(lines)


def streams_alone(version: Version) -> bool:
    """Whether the default signature only streams its answer: verification notes it."""
    streaming = [f"answers of {name}" in version.metadata for name in version.signatures]
    return bool(streaming) and (all(streaming) or f"answers of {DEFAULT}" in version.metadata)


def signature_text(signature: Signature, most: int = 40) -> str:
    """Formats a signature: `age number, city text? → label INT64 [-1]`; of a side with more tensors than `most`, those
    first ones."""
    return " → ".join(_side(side, most) for side in (signature.inputs, signature.outputs))


def _side(side: tuple[TensorSpec, ...], most: int) -> str:
    more = f" and {len(side) - most} more" if len(side) > most else ""
    return ", ".join(tensor_text(one, LEVELS) for one in side[:most]) + more
