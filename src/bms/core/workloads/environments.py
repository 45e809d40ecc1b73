"""The environment that a process needs, as values: no path, no machine."""

import msgspec


class EnvironmentSpec(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The packages to install. Without requirements and lock: the platform's own interpreter and packages (ONNX
    Runtime, NumPy). Without requirements and lock: the platform's own interpreter and packages (ONNX Runtime, NumPy).
    `python` is a version such as "3.11"; None: the platform's.

    `lock` holds the lines of a lock file, `name==version --hash=sha256:…`: nothing it names is resolved anew, and
    what is installed must have one of its hashes. `index` names one of the operator's indexes; "" is the default.
    """

    requirements: tuple[str, ...] = ()
    python: str | None = None
    lock: tuple[str, ...] = ()
    index: str = ""
