"""Saves a trained model in a format of its framework that is served without running foreign code, with a card beside it
(classes, preprocessing, package versions)."""

import json
import re
from collections.abc import Callable, Mapping, Sequence
from importlib import metadata as installed
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from bms.core.errors import FailedPrecondition, InvalidArgument
from bms.jobs.replacing import copy_into, is_within, replace_directory

CARD = "version.json"  # beside the model's folder, where registration looks for it
EXAMPLE = "example.json"
EXAMPLE_ROWS = 20


class SaveFormat(NamedTuple):
    """How models of one framework are saved: by which function, and which installed packages to require."""

    write: Callable[[Any, Path], None]
    packages: tuple[str, ...] = ()


def save(
    model: Any,
    directory: Path,
    *,
    labels: Sequence[str] = (),
    example: Any = None,
    preprocess: Mapping[str, object] | None = None,
    requirements: Sequence[str] = (),
    metadata: Mapping[str, str],
) -> Path:
    """Writes the model and its card in place of what is in `directory`: all of it, or nothing is changed.
    `Job.save_model` says the rest."""
    _check_words(labels=labels, requirements=requirements)
    if isinstance(model, str | Path):
        way = SaveFormat(_copy)
        _check_source(Path(model), directory)
    elif (found := _way(model)) is not None:
        way = found
    else:
        raise InvalidArgument(
            f"{_named(model)} can't be saved by save_model: it takes models of {', '.join(_WAYS)} and the path of a "
            "file or folder; write anything else into job.model_directory, in a format of docs/runtimes.md"
        )
    card = _card(labels, preprocess, [*requirements, *_pinned(way.packages, requirements)], metadata)
    rows = None if example is None else _example(example)

    def write(made: Path) -> None:
        way.write(model, made)
        if rows is not None:
            (made / EXAMPLE).write_text(rows)

    replace_directory(directory, write, directory.parent / CARD, card)
    return directory


def _check_words(**given: Sequence[str]) -> None:
    """A text is a sequence of its letters, and a set has no order: neither is meant as a list of words."""
    for name, words in given.items():
        if isinstance(words, str | bytes | set | frozenset | Mapping):
            raise InvalidArgument(f"{name} are texts in a list, like {name}=['a', 'b']; this is {str(words)[:40]!r}")


def _check_source(path: Path, directory: Path) -> None:
    if not path.exists():
        raise InvalidArgument(f"there is no file or folder {str(path)!r} to save as the model")
    if is_within(directory, path) and not is_within(path, directory):
        raise InvalidArgument(
            f"the folder {str(path)!r} holds the job's own output, which can't be a part of its model: save the folder "
            "that holds the model alone"
        )
    if path.is_dir() and not any(path.iterdir()):
        raise InvalidArgument(f"the folder {str(path)!r} is empty: write the model's files into it before it is saved")


def _card(
    labels: Sequence[str],
    preprocess: Mapping[str, object] | None,
    requirements: Sequence[str],
    metadata: Mapping[str, str],
) -> str:
    """What version.json says. Raises InvalidArgument where JSON can't say it."""
    card = {
        "labels": [str(label) for label in labels],
        "preprocess": preprocess,
        "environment": {"requirements": requirements},
        "metadata": {str(name): str(text) for name, text in metadata.items()},
    }
    try:
        return json.dumps({name: value for name, value in card.items() if value})
    except (TypeError, ValueError) as error:
        raise InvalidArgument(f"the model can't be described in JSON: {error}") from error


def _way(model: Any) -> SaveFormat | None:
    """By the packages that its class and those above it come from; the first of `_WAYS` that is among them."""
    above = {kind.__module__.partition(".")[0] for kind in type(model).__mro__}
    return next((way for package, way in _WAYS.items() if package in above), None)


def _copy(model: str | Path, directory: Path) -> None:
    copy_into(Path(model), directory)


def _sklearn(model: Any, directory: Path) -> None:
    try:
        import skops.io
    except ImportError:
        raise FailedPrecondition(
            "models of scikit-learn are saved by skops, which is not installed: add `--requirement skops`"
        ) from None
    skops.io.dump(model, directory / "model.skops")


def _xgboost(model: Any, directory: Path) -> None:
    model.save_model(str(directory / "model.ubj"))


def _lightgbm(model: Any, directory: Path) -> None:
    getattr(model, "booster_", model).save_model(str(directory / "model.txt"))


def _catboost(model: Any, directory: Path) -> None:
    model.save_model(str(directory / "model.cbm"))


def _keras(model: Any, directory: Path) -> None:
    model.save(str(directory / "model.keras"))


def _torch(model: Any, directory: Path) -> None:
    import torch

    if isinstance(model, torch.export.ExportedProgram):
        torch.export.save(model, str(directory / "model.pt2"))
    elif isinstance(model, torch.jit.ScriptModule):
        model.save(str(directory / "model.pt"))
    else:
        raise InvalidArgument(
            f"{_named(model)} is code that no file holds: save_model takes what torch.export.export(model, (example,)) "
            "gives, or torch.jit.trace"
        )


def _onnx(model: Any, directory: Path) -> None:
    (directory / "model.onnx").write_bytes(model.SerializeToString())


# In this order: boosters' estimators are scikit-learn's, too, and Keras' models may be PyTorch's.
_WAYS = {
    "xgboost": SaveFormat(_xgboost, ("xgboost", "xgboost-cpu")),
    "lightgbm": SaveFormat(_lightgbm, ("lightgbm",)),
    "catboost": SaveFormat(_catboost, ("catboost",)),
    "sklearn": SaveFormat(_sklearn, ("scikit-learn", "skops", "pandas")),
    "keras": SaveFormat(_keras, ("keras",)),
    "torch": SaveFormat(_torch),
    "onnx": SaveFormat(_onnx),
}


def _pinned(packages: Sequence[str], asked: Sequence[str]) -> list[str]:
    """Those of `packages` that are installed here, in just the release that they are, unless asked for otherwise."""
    named = {re.split(r"[^A-Za-z0-9._-]", text.strip(), maxsplit=1)[0].lower().replace("_", "-") for text in asked}
    pins = []
    for package in packages:
        if package in named:
            continue
        try:
            release = installed.version(package).partition("+")[0]
        except installed.PackageNotFoundError:
            continue
        pins.append(f"{package}=={release}")
    return pins


def _example(example: Any) -> str:
    """The first rows of a frame or an array as an artifact holds them."""
    if hasattr(example, "columns") and hasattr(example, "to_json"):
        rows = json.loads(example.head(EXAMPLE_ROWS).to_json(orient="split", date_format="iso"))
        return json.dumps({"dataframe_split": {"columns": rows["columns"], "data": rows["data"]}})
    return json.dumps({"instances": np.asarray(example)[:EXAMPLE_ROWS].tolist()})


def _named(model: Any) -> str:
    return f"a {type(model).__module__}.{type(model).__qualname__}"
