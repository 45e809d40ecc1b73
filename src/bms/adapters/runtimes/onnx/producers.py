"""Recognises exports that are known to answer differently than their source models, by their metadata."""

import json
from collections.abc import Mapping

from bms.core.errors import FailedPrecondition

# CatBoost's exporter puts a softmax behind these, where each class has a sigmoid of its own.
_SIGMOIDS = ("MultiLogloss", "MultiCrossEntropy", "MultiClassOneVsAll")


def check_producer(producer: str, metadata: Mapping[str, str]) -> None:
    """Checks the metadata. Raises FailedPrecondition saying what the export makes of the model, and what to push
    instead."""
    if producer != "CatBoost":
        return
    loss = catboost_loss(metadata.get("params", ""))
    if loss in _SIGMOIDS:
        raise FailedPrecondition(
            f"CatBoost trained this model for {loss}, a probability for each class by itself, of which its ONNX export "
            "makes shares of one: push the model itself, by save_model('model.cbm')"
        )


def catboost_loss(params: str) -> str:
    """The loss that CatBoost's parameters, as JSON, name; empty where they don't."""
    try:
        said = json.loads(params)["loss_function"]["type"]
    except (ValueError, KeyError, TypeError, RecursionError):
        return ""  # somebody else's metadata of the same name
    return said if isinstance(said, str) else ""
