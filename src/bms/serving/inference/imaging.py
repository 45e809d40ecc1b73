"""A servable that also takes encoded images: the signature "image" of `Preprocess` beside the model's own."""

from msgspec import structs

from bms.core.programs import ServableConfig
from bms.core.signature import Signature
from bms.core.tensor import Array
from bms.serving.inference.preprocess import IMAGE, ImagePlan
from bms.serving.lifecycle.servable import Arrays, Servable


class WithImages:
    """Keeps `Servable`'s contract. A model server prepares images outside the model's thread instead; jobs use this."""

    def __init__(self, servable: Servable, images: ImagePlan) -> None:
        self._servable = servable
        self._images = images

    @property
    def format(self) -> str:
        return self._servable.format

    @property
    def signatures(self) -> dict[str, Signature]:
        return {**self._servable.signatures, IMAGE: self._images.signature}

    def infer(self, signature: str, inputs: Arrays, outputs: tuple[str, ...] = ()) -> dict[str, Array]:
        if signature != IMAGE:
            return self._servable.infer(signature, inputs, outputs)
        return self._servable.infer(self._images.target, self._images.prepare(dict(inputs)), outputs)

    def close(self) -> None:
        self._servable.close()


def for_runtime(config: ServableConfig) -> ServableConfig:
    """The config without the signature that `preprocess` adds: the runtime knows nothing of images."""
    if config.preprocess is None or IMAGE not in config.signatures:
        return config
    own = {name: signature for name, signature in config.signatures.items() if name != IMAGE}
    return structs.replace(config, signatures=own)
