"""Reads an MLflow directory: its flavors, without a YAML reader, and its requirements."""

import os
import re

from bms.adapters.runtimes.artifacts.description import small_file
from bms.core.errors import BmsError

MLMODEL = "MLmodel"
Flavors = dict[str, dict[str, str]]
_FLAVOR = re.compile(r"  ([a-z_]+):")
_VALUE = re.compile(r"    ([a-z_]+): (\S.*)")
_NAME = re.compile(r"([A-Za-z0-9][A-Za-z0-9._-]*)(.*)", re.DOTALL)
_MLFLOW = ("mlflow", "mlflow-skinny")


def flavors_of(directory: str) -> Flavors:
    """Reads the plain values of each flavor that `MLmodel` lists; none where there is no such file, or another one.

    MLflow writes it by `yaml.safe_dump`, so it can be read line by line: `flavors:`, below it names, below these `key:
    value`.
    """
    try:
        content = small_file(directory, MLMODEL)
    except (BmsError, OSError):
        return {}
    found: Flavors = {}
    inside, current = False, ""
    for line in (content or b"").decode(errors="replace").splitlines():
        if not line.startswith(" "):
            inside, current = line.rstrip() == "flavors:", ""
        elif inside and (flavor := _FLAVOR.fullmatch(line.rstrip())):
            current = flavor[1]
            found[current] = {}
        elif current and (value := _VALUE.fullmatch(line.rstrip())):
            found[current][value[1]] = "" if value[2] == "null" else value[2].strip("'\"")
    return found


def signature_part(text: str, part: str) -> str | None:
    """Reads the JSON of the signature's "inputs" or "params" in an `MLmodel`, a text in single quotes that goes on over
    several lines (YAML 1.1, 5.7 and 9.1.2: a line break is a space, a doubled quote is one); None where there is
    none."""
    _, found, rest = f"\n{text}".partition("\nsignature:\n")
    block = re.split(r"\n(?=\S)", rest)[0] if found else ""
    quoted = re.search(rf"(?:^|\n)  {part}: '((?:[^']|'')*)'", block)
    return None if quoted is None else re.sub(r"\s*\n\s*", " ", quoted[1]).replace("''", "'")


def asked_requirements(directory: str) -> tuple[str, ...]:
    """Reads the lines of requirements.txt that may be installed here.

    Options are left out (what is installed from where is the platform's say), local versions such as `+cpu` too, and
    `xgboost` where `xgboost-cpu` is listed as well: MLflow lists both.
    """
    try:
        content = small_file(directory, "requirements.txt")
    except (BmsError, OSError):
        return ()
    lines = [line.split(" #")[0].strip() for line in (content or b"").decode(errors="replace").splitlines()]
    kept = [re.sub(r"(==[\w.]+)\+[\w.]+", r"\1", line) for line in lines if line and not line.startswith(("#", "-"))]
    names = {package(line) for line in kept}
    return tuple(line for line in kept if not (package(line) == "xgboost" and "xgboost-cpu" in names))


def without_mlflow(requirements: tuple[str, ...]) -> tuple[str, ...]:
    """Removes MLflow's own packages."""
    return tuple(line for line in requirements if package(line) not in _MLFLOW)


def with_skinny(requirements: tuple[str, ...]) -> tuple[str, ...]:
    """Replaces MLflow by the part of it that loads models, and adds what that part needs."""
    pins = [_rest(line) for line in requirements if package(line) in _MLFLOW]
    rest = without_mlflow(requirements)
    names = {package(line) for line in rest}
    more = [name for name in ("pandas", "cloudpickle") if name not in names]
    return (f"mlflow-skinny{pins[0] if pins else ''}", *rest, *more)


def pinned(wanted: tuple[str, ...], listed: tuple[str, ...]) -> tuple[str, ...]:
    """Pins `wanted` to the versions that are listed."""
    versions = {package(line): line for line in listed}
    return tuple(versions.get(package(line), line) for line in wanted)


def package(requirement: str) -> str:
    """The canonical name (PEP 503) of what a requirement asks for."""
    found = _NAME.match(requirement)
    return re.sub(r"[-_.]+", "-", found[1]).lower() if found else requirement


def _rest(requirement: str) -> str:
    found = _NAME.match(requirement)
    return re.sub(r"^\[[^\]]*\]", "", found[2].strip()) if found else ""


def minor_version(flavors: Flavors) -> str | None:
    """The version of Python that the model was saved by, e.g. "3.11"."""
    found = re.match(r"3\.\d{1,2}(?=\.|$)", flavors.get("python_function", {}).get("python_version", ""))
    return found[0] if found else None


def places(directory: str, flavor: dict[str, str]) -> list[str]:
    """Lists the folders, relative to `directory`, where a flavor's files may lie: that of the file it names, or the
    folder it names and the folder `model` within. None lies outside."""
    for key in ("data", "pickled_model", "model_data", "saved_model_dir"):
        named = flavor.get(key, "")
        if not named or named.startswith("/") or ".." in named.split("/"):
            continue
        if os.path.isdir(os.path.join(directory, named)):
            return [named, os.path.join(named, "model")]
        if os.path.isfile(os.path.join(directory, named)):
            return [os.path.dirname(named)]
    return []
