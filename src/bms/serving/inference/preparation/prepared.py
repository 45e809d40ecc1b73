"""A servable with its preparation: it has the signature that `Preprocess` adds beside the model's own."""

from msgspec import structs

from bms.core.tensors.preprocessing import kind_of
from bms.core.tensors.signature import Signature
from bms.core.tensors.tensor import Array
from bms.core.workloads.programs import ServableConfig
from bms.serving.inference.plan import Plan
from bms.serving.lifecycle.servable import Arrays, Servable


class PreparedServable:
    """Prepares inputs in the thread that calls it. A model server prepares outside the model's thread instead; jobs use
    this."""

    def __init__(self, servable: Servable, plan: Plan) -> None:
        self._servable = servable
        self._plan = plan

    @property
    def format(self) -> str:
        return self._servable.format

    @property
    def signatures(self) -> dict[str, Signature]:
        return {**self._servable.signatures, self._plan.name: self._plan.signature}

    def infer(self, signature: str, inputs: Arrays, outputs: tuple[str, ...] = ()) -> dict[str, Array]:
        if signature != self._plan.name:
            return self._servable.infer(signature, inputs, outputs)
        return self._servable.infer(self._plan.target, self._plan.prepare(dict(inputs)), outputs)

    def close(self) -> None:
        self._servable.close()


def for_runtime(config: ServableConfig) -> ServableConfig:
    """Returns the config without the signature that `preprocess` adds: the runtime knows nothing of images and
    texts."""
    added = None if config.preprocess is None else kind_of(config.preprocess)
    if added is None or added not in config.signatures:
        return config
    own = {name: signature for name, signature in config.signatures.items() if name != added}
    return structs.replace(config, signatures=own)
