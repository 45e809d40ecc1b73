"""The API's types of a model's signature: what it takes and gives."""

from bms.api_types.environments import EnvironmentSpec
from bms.api_types.preprocessing import ImagePreprocess, Preprocess, TextPreprocess
from bms.api_types.signatures import (
    Column,
    Feature,
    Level,
    Parameter,
    Predicted,
    SequenceLimits,
    Signature,
    TensorSpec,
)

__all__ = [
    "Column",
    "EnvironmentSpec",
    "Feature",
    "ImagePreprocess",
    "Level",
    "Parameter",
    "Predicted",
    "Preprocess",
    "SequenceLimits",
    "Signature",
    "TensorSpec",
    "TextPreprocess",
]
