"""Checks that a TorchScript archive computes and nothing else, by the code within, before PyTorch compiles it.

TorchScript is a language of its own: no Python runs and nothing is unpickled as Python. A few of its operations reach
files, though, and the classes that native libraries bring reach further (sockets, for one). Code that names them is
refused; what else it might do to this process is contained by how the process is confined.
"""

import os
import re

from bms.adapters.runtimes.torch.archive import content, opened
from bms.core.errors import FailedPrecondition

_MAX_CODE = 64 << 20
_COMMENT = re.compile(r"#[^\n]*")
_SPACE = re.compile(r"\s*\.\s*")
_NATIVE = "it is of a native library"
REFUSED = (
    (re.compile(r"\b(?:torch|aten)\.(?:from_file|save|load|_save|fromfile)\b"), "it reads or writes files"),
    (re.compile(r"__torch__\.torch\.classes\.(?!(?:quantized|rnn|sparse)\.)[\w.]+"), _NATIVE),
    (re.compile(r"\btorch\.(?:classes|ops\.load_library)\.?[\w.]*"), _NATIVE),
    (re.compile(r"\bops\.(?!(?:aten|prim|prims|quantized|torchvision)\b)\w+\.\w+"), _NATIVE),
)


def inspect(path: str) -> None:
    """Checks the archive. Raises FailedPrecondition for what is no TorchScript, and for code that reaches beyond it."""
    name = os.path.basename(path)
    archive, entries = opened(path, "torchscript")
    with archive:
        for entry, info in entries.items():
            if not (entry.startswith("code/") and entry.endswith(".py")) and not entry.endswith(".pkl"):
                continue
            source = content(archive, info, _MAX_CODE).decode(errors="replace").replace("\\\n", " ")
            source = _SPACE.sub(".", _COMMENT.sub("", source))
            for pattern, reason in REFUSED:
                if found := pattern.search(source):
                    raise FailedPrecondition(
                        f"{name!r} uses {found[0]!r} in {entry!r}: {reason}. Export a model that only computes"
                    )
