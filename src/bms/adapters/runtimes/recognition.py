"""Recognises an artifact's format and requirements from its content, by asking all runtimes, before any of them loads
it."""

import re
from collections.abc import Iterable, Mapping
from types import MappingProxyType

from bms.adapters.runtimes.artifacts.description import Listed, described, listed
from bms.adapters.runtimes.artifacts.model_file import top_files
from bms.adapters.runtimes.available import RUNTIMES, runtime_named
from bms.adapters.runtimes.servables.undeclared import check_asked
from bms.core.errors import FailedPrecondition
from bms.core.tensors.preprocessing import ImagePreprocess, Preprocess
from bms.core.tensors.signature import Signature
from bms.core.workloads.programs import Recognised
from bms.serving.inference.runtime import Recognition, Runtime

# What the platform's own environment has in any version that it was installed with.
AT_HOME = frozenset({"numpy", "msgspec", "onnxruntime", "pillow"})
SAME = {  # packages that bring the same modules, by the name that runtimes ask for
    "onnxruntime-gpu": "onnxruntime",
    "tensorflow": "tensorflow-cpu",
    "tensorflow-gpu": "tensorflow-cpu",
    "xgboost": "xgboost-cpu",
}
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")


def recognise(
    directory: str,
    *,
    runtime: str = "",
    requirements: Iterable[str] = (),
    lock: tuple[str, ...] = (),
    index: str = "",
    python: str | None = None,
    preprocess: Preprocess | None = None,
    signatures: Mapping[str, Signature] = MappingProxyType({}),
    allow_pickle: bool = False,
) -> Recognised:
    """Recognises the artifact in `directory`; the other arguments are what its maker declared.

    Raises InvalidArgument for an unknown runtime, and FailedPrecondition when the artifact is nothing that is known,
    not what it was declared to be, or several things at once; and, since no environment need be built to say it, when
    it is a kind that is never served, a pickle where those are not allowed, or of a format that does not tell enough.
    """
    said = described(directory)
    chosen, found = _chosen(directory, runtime or said.runtime)
    if found.refusal:
        raise FailedPrecondition(found.refusal)
    if found.pickled and not allow_pickle:
        raise FailedPrecondition(found.pickled)
    if found.asks is not None:
        check_asked(chosen.name, found.asks, signatures or said.signatures)
    asked = merged(requirements, said.requirements)
    own = Listed() if found.complete else listed(directory)
    asked, lock = merged(asked, own.requirements), lock or own.lock
    needed = merged(asked, (*found.requirements, *_preparing(preprocess or said.preprocess)))
    wanted = python or said.python or found.python
    at_home = not (wanted or lock or index) and AT_HOME.issuperset(needed)
    return Recognised(
        runtime=chosen.name,
        format=found.format,
        requirements=() if at_home else needed,
        lock=lock,
        python=wanted,
        at_home=at_home,
        description=said,
    )


def merged(first: Iterable[str], more: Iterable[str]) -> tuple[str, ...]:
    """Appends to `first` those of `more` whose packages are not among them."""
    kept = list(first)
    names = {package(text) for text in kept}
    kept += [text for text in more if package(text) not in names]
    return tuple(kept)


def package(requirement: str) -> str:
    """The canonical name (PEP 503) of what a requirement asks for, that of an equal package where there is one."""
    found = _NAME.match(requirement.strip())
    name = re.sub(r"[-_.]+", "-", found[0]).lower() if found else requirement
    return SAME.get(name, name)


def _chosen(directory: str, said: str) -> tuple[Runtime, Recognition]:
    if said:
        runtime = runtime_named(said)
        found = runtime.recognises(directory)
        if found is not None:
            return runtime, found
        others = [other for other in RUNTIMES.values() if other.recognises(directory)]
        instead = f"; it looks like one for {' or '.join(repr(other.name) for other in others)}" if others else ""
        raise FailedPrecondition(
            f"the artifact is no model for runtime {said!r}: it holds {_contents(directory)}{instead}"
        )
    known = [(runtime, found) for runtime in RUNTIMES.values() if (found := runtime.recognises(directory))]
    known = [(runtime, found) for runtime, found in known if found.whole] or known
    if not known:
        raise FailedPrecondition(
            f"no model was recognised in the artifact, which holds {_contents(directory)}: known are models for "
            f"{', '.join(RUNTIMES)}; each is described in docs/runtimes.md"
        )
    if len(known) > 1:
        names = " and ".join(f"{runtime.name!r} ({found.format})" for runtime, found in known)
        raise FailedPrecondition(f"the artifact holds models for {names}: choose one with its runtime")
    return known[0]


def _preparing(preprocess: Preprocess | None) -> tuple[str, ...]:
    if preprocess is None:
        return ()
    return ("pillow",) if isinstance(preprocess, ImagePreprocess) else ("tokenizers",)


def _contents(directory: str) -> str:
    names = [path.rpartition("/")[2] for path in top_files(directory)]
    return ", ".join(map(repr, names[:10])) or "no files at its top"
