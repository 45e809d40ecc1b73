"""The port to whatever loads and runs models: ONNX Runtime, scikit-learn, …"""

from typing import Protocol

from bms.core.programs import ServableConfig
from bms.serving.lifecycle.servable import Servable


class Runtime(Protocol):
    """Contract, checked by one suite against every variant; what it loads keeps `Servable`'s.

    1. `recognises` decides by content, never by name alone, and executes nothing of the file.
    2. `load` refuses an artifact that is not what its file name and the config declare; it never falls back to a
       less safe way to read it. Raises FailedPrecondition saying what was found, expected, and what to do.
    3. A broken or hostile artifact raises a BmsError; nothing outside `config.directory` is read.
    4. With `config.signatures` empty, signatures are inferred. Otherwise they are checked against the model and
       used as they are; FailedPrecondition names the first tensor that does not fit.
    5. At most `config.threads` threads compute at once.
    6. The framework is imported in `load`, not before; its absence raises FailedPrecondition naming the package.
    """

    @property
    def name(self) -> str: ...

    def recognises(self, path: str) -> str | None:
        """The format of the file at `path`, e.g. "skops", or None when it is not one of this runtime's."""
        ...

    def load(self, config: ServableConfig) -> Servable: ...
