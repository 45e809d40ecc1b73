"""What MLflow's own server would answer, told by the flavor and by the outputs that are served."""

import pytest
from msgspec.structs import replace

from bms.adapters.runtimes.mlflow.predicted import predicted_of
from bms.core.tensors.predicted import Predicted
from bms.core.tensors.signature import Signature, TensorSpec

BOOSTER = {"xgboost": {"model_class": "xgboost.core.Booster"}}


def classifier(width: int, *, several: bool = False) -> Signature:
    label = (None, width) if several else (None,)
    return Signature(
        inputs=(TensorSpec(name="x", dtype="FP32", shape=(None, 4)),),
        outputs=(
            TensorSpec(name="probabilities", dtype="FP32", shape=(None, width)),
            TensorSpec(name="label", dtype="INT64", shape=label),
        ),
    )


@pytest.mark.parametrize(
    ("signature", "rank", "column"),
    [
        (classifier(2), None, 1),
        (classifier(2), 1, 1),
        (classifier(2), 2, None),  # multi:softprob of two classes
        (classifier(3), None, None),
        (classifier(2, several=True), None, None),  # two labels, each of which may be so
    ],
)
def test_a_booster_gives_its_scores_of_two_classes_the_seconds_alone(
    signature: Signature, rank: int | None, column: int | None
) -> None:
    told = predicted_of(BOOSTER, signature, frame=False, rank=rank)
    assert told == Predicted(outputs=("probabilities",), column=column)


@pytest.mark.parametrize(
    ("flavors", "told"),
    [
        ({"lightgbm": {"model_class": "lightgbm.sklearn.LGBMClassifier"}}, Predicted(outputs=("label",))),
        ({"sklearn": {}, "python_function": {"predict_fn": "predict"}}, Predicted(outputs=("label",))),
        (
            {"sklearn": {}, "python_function": {"predict_fn": "predict_proba"}},
            Predicted(outputs=("probabilities",)),
        ),
        ({"catboost": {"model_type": "CatBoostClassifier"}}, Predicted(outputs=("label",))),
        ({"catboost": {"model_type": "CatBoost"}}, None),
        ({"onnx": {}}, Predicted(form="columns")),
        ({"pytorch": {}}, None),
    ],
)
def test_other_flavors_give_what_their_predict_gives(
    flavors: dict[str, dict[str, str]], told: Predicted | None
) -> None:
    assert predicted_of(flavors, classifier(3), frame=False) == told


@pytest.mark.parametrize(
    ("classes", "several", "rank", "form"),
    [
        (3, False, None, "lists"),  # of more than two classes CatBoost gives [[0], [2]]
        (3, False, 2, "lists"),
        (2, False, None, "value"),
        (2, False, 2, "lists"),  # MultiClass of two
        (3, False, 1, "value"),
        (2, True, 2, "value"),  # MultiLogloss: a list of labels is what is served
    ],
)
def test_catboost_gives_each_of_several_classes_in_a_list(
    classes: int, several: bool, rank: int | None, form: str
) -> None:
    signature = replace(classifier(classes, several=several), labels=tuple(map(str, range(classes))))
    told = predicted_of({"catboost": {"model_type": "CatBoostClassifier"}}, signature, frame=True, rank=rank)
    assert told is not None
    assert (told.form, told.outputs) == (form, ("label",))
