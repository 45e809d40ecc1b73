"""What pipeline steps know of a request: its key, its deployment and version, and its decoded inputs."""

from abc import abstractmethod
from collections.abc import Mapping

from bms.core.serving.snapshot import KeyEntry
from bms.core.tensors.signature import Signature
from bms.core.usage import Quantities
from bms.serving.traffic.dispatcher import DispatchedCall


class RequestContext(DispatchedCall):
    """One request on its way through the pipeline, which fills it in: first `route`, then `version`, then `request` and
    `rows`, then `deadline`. What is not there yet is no attribute. Mutable: it is made once per request."""

    timeout_s: float | None = None  # what its client allows, from now on; at most what the deployment does
    bytes_out = 0  # of its answer, when it has ended
    more: Quantities = ()  # of meters that not every request has, as far as they came

    def __init__(
        self, key: KeyEntry, model: str, number: int | None, alias: str | None, id: str, bytes_in: int, began: float
    ) -> None:
        """`model` is the deployment's name, as the client says it; `number` and `alias` exclude each other, and neither
        means: whatever the deployment routes to. `id` is the request's in its usage event, `bytes_in` its body's size
        as it came, `began` the `perf_counter` at its start."""
        self.key = key
        self.model = model
        self.number = number
        self.alias = alias
        self.id = id
        self.bytes_in = bytes_in
        self.began = began

    @property
    @abstractmethod
    def fields(self) -> Mapping[bytes, bytes]:
        """The HTTP headers or gRPC metadata, names in lower case."""
        ...

    @abstractmethod
    def decode(self, signatures: Mapping[str, Signature]) -> None:
        """Sets `request` and `rows` from the body. Called again where a step chooses, by the decoded inputs, a version
        with other signatures. Raises InvalidArgument for what does not fit the signature it means."""
        ...
