"""From files and what their maker says of them to a version's first form."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from pathlib import PurePosixPath

from bms.control.models.nouns import NewVersion, Version, VersionState
from bms.control.platform.trees import Tree
from bms.core.errors import InvalidArgument
from bms.core.ids import new_id

FORMATS: Mapping[str, str] = {
    ".onnx": "onnx",
    ".skops": "sklearn",
    ".pkl": "sklearn",
    ".pickle": "sklearn",
    ".joblib": "sklearn",
}
"""File endings by which a runtime is chosen; verification then looks at the content."""


def runtime_of(said: str, paths: Iterable[str], formats: Mapping[str, str] = FORMATS) -> str:
    """The runtime a maker named, or the one whose files these are. Raises InvalidArgument when that is not one."""
    known = sorted(set(formats.values()))
    if said:
        if said not in known:
            raise InvalidArgument(f"unknown runtime {said[:80]!r}: use one of {', '.join(known)}")
        return said
    found = {formats[ending] for path in paths if (ending := PurePosixPath(path).suffix.lower()) in formats}
    if len(found) != 1:
        what = f"these are files of {' and '.join(sorted(found))}" if found else f"no file ends in {', '.join(formats)}"
        raise InvalidArgument(f"the runtime can't be told from the files: {what}; name it in `runtime`")
    return found.pop()


def draft(
    tenant: str, model: str, number: int, tree: Tree, new: NewVersion, *, runtime: str, state: VersionState,
    by: str, at: datetime,
) -> Version:  # fmt: skip
    """A version whose artifact is `tree`."""
    return Version(
        id=new_id("version"),
        tenant=tenant,
        model=model,
        number=number,
        state=state,
        runtime=runtime,
        artifact=tree.digest,
        size=tree.size,
        created_at=at,
        created_by=by,
        signatures=new.signatures,
        preprocess=new.preprocess,
        labels=new.labels,
        environment=new.environment,
        allow_pickle=new.allow_pickle,
        metrics=new.metrics,
        metadata=new.metadata,
        lineage=new.lineage,
    )
