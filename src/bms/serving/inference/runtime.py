"""The port to runtimes, which recognise, load and run models: ONNX Runtime, scikit-learn, …"""

from collections.abc import Mapping
from typing import NamedTuple, Protocol

from bms.core.workloads.programs import ServableConfig
from bms.serving.lifecycle.servable import Servable


class MissingDeclaration(NamedTuple):
    """What the uploader must declare because the format does not say it: `why`, in words; `takes`: the names of the
    model's inputs and whether each is needed, where they are known."""

    why: str
    takes: Mapping[str, bool] | None = None


class Recognition(NamedTuple):
    """The result of recognition: what a runtime found out about an artifact.

    `requirements` are what must be installed beside NumPy and msgspec to run it, e.g. ("xgboost-cpu>=2",); `python` a
    version such as "3.11" where not every one will do. `whole`: the directory as a whole is the artifact and says what
    it is, so that model files within it do not count by themselves. `complete`: the requirements are all there are, a
    requirements.txt of the artifact has been read into them. `asks`: what must be declared; reported before an
    environment is built. `refusal`: why it can't be served in any environment; `pickled`: why not unless pickles are
    allowed.
    """

    format: str
    requirements: tuple[str, ...] = ()
    python: str | None = None
    whole: bool = False
    complete: bool = False
    asks: MissingDeclaration | None = None
    refusal: str = ""
    pickled: str = ""


class Runtime(Protocol):
    """Contract, checked by one suite against every variant; what it loads keeps `Servable`'s.

    1. `recognises` decides by content, never by name alone, and executes nothing of the artifact. It needs the
       standard library, NumPy and msgspec alone, is quick with large files, and gives None for what is not there or
       can't be read.
    2. `load` refuses an artifact that is not what its file name and the config declare; it never falls back to a
       less safe way to read it. Raises FailedPrecondition saying what was found, expected, and what to do.
    3. A broken or hostile artifact raises a BmsError; nothing outside `config.directory` is read.
    4. With `config.signatures` empty, signatures are inferred where the format knows them; where it does not,
       FailedPrecondition asks for them (`declared.ask`), and `recognises` says so by `asks` where the artifact shows
       it, so that no environment is built in vain. Otherwise they are checked against the model and used as they are,
       outputs that were left out found by running examples (`called.served`); FailedPrecondition names the
       first tensor that does not fit.
    5. At most `config.threads` threads compute at once.
    6. The framework is imported in `load`, not before; its absence raises FailedPrecondition naming the package.
    """

    @property
    def name(self) -> str: ...

    def recognises(self, directory: str) -> Recognition | None:
        """Returns what the artifact in `directory` is, or None when it is not one of this runtime's."""
        ...

    def load(self, config: ServableConfig) -> Servable: ...
