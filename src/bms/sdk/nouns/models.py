"""The API's types of models, versions and aliases, as the client returns them."""

import msgspec

from bms.api_types import versions
from bms.api_types.gates import Gate, GateResult, GateStanding
from bms.api_types.models import Alias
from bms.api_types.models import ListedModel as Model  # whose newest version is told in lists alone
from bms.api_types.versions import Lineage, Measurement, NewVersion
from bms.sdk.nouns.metrics import Numbers, as_numbers

__all__ = [
    "Alias",
    "Gate",
    "GateResult",
    "GateStanding",
    "Lineage",
    "Measurement",
    "Model",
    "NewVersion",
    "Version",
]


class Version(versions.Version, frozen=True, kw_only=True):
    """One immutable version of a model, with its metrics as floats."""

    metrics: Numbers = msgspec.field(default_factory=dict)

    def __post_init__(self) -> None:
        as_numbers(self, self.metrics)

    @classmethod
    def of(cls, told: versions.Version) -> "Version":
        return cls(**msgspec.structs.asdict(told))
