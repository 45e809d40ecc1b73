import json

import pytest

from bms.adapters.runtimes.onnx.producers import check_producer
from bms.core.errors import FailedPrecondition


def params(loss: object) -> dict[str, str]:
    """As CatBoost 1.2 writes them into a graph's metadata, but for most of them."""
    return {"params": json.dumps({"detailed_profile": False, "loss_function": {"type": loss, "params": {}}})}


@pytest.mark.parametrize("loss", ["MultiLogloss", "MultiCrossEntropy", "MultiClassOneVsAll"])
def test_exports_of_catboost_that_put_a_softmax_behind_sigmoids_are_refused(loss: str) -> None:
    with pytest.raises(FailedPrecondition, match=rf"trained this model for {loss}, .* save_model\('model\.cbm'\)"):
        check_producer("CatBoost", params(loss))


@pytest.mark.parametrize(
    ("producer", "metadata"),
    [
        ("CatBoost", params("MultiClass")),
        ("CatBoost", params("Logloss")),
        ("CatBoost", params(3)),
        ("CatBoost", {"params": "["}),
        ("CatBoost", {"params": "[1]"}),
        ("CatBoost", {}),
        ("skl2onnx", params("MultiLogloss")),
    ],
)
def test_all_others_are_what_they_are(producer: str, metadata: dict[str, str]) -> None:
    check_producer(producer, metadata)
