"""The unmodified tensorflow-serving-api asks a platform, in a process of its own: `asks.py TARGET KEY ROWS`.

TARGET is host:port; ROWS an .npz of `x`, rows of the deployment "digits". Prints a line of JSON for each thing it
tried, with what it got, or how it was refused.
"""

import json
import os
import sys
from collections.abc import Callable, Sequence
from typing import Any

os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"

import grpc
import numpy as np
import tensorflow as tf
from tensorflow.core.example import example_pb2
from tensorflow_serving.apis import (
    classification_pb2,
    get_model_metadata_pb2,
    get_model_status_pb2,
    inference_pb2,
    model_management_pb2,
    model_service_pb2_grpc,
    predict_pb2,
    prediction_service_pb2_grpc,
    regression_pb2,
)

WITHIN_S = 30


def main(target: str, key: str, rows: str) -> None:
    with np.load(rows) as data:
        digits = data["x"].astype(np.float32)
    asker = Asker(target, key)
    tell, predict = asker.tell, asker.predict
    proto = tf.make_tensor_proto
    tell("digits", lambda: outputs(predict("digits", {"x": digits})))
    tell("float_val", lambda: outputs(predict("digits", {"x": typed(digits)})))
    tell("doubles", lambda: outputs(predict("digits", {"x": digits.astype(np.float64)})))
    tell("halves", lambda: outputs(predict("digits", {"x": digits.astype(np.float16)})))
    tell("whole numbers", lambda: outputs(predict("digits", {"x": digits.astype(np.int32)})))
    tell("one value for all", lambda: outputs(predict("digits", {"x": proto(3.0, shape=(2, 64))}, filter=["label"])))
    tell("of a version", lambda: list(predict("digits", {"x": digits}, version=1, filter=["label"]).outputs))
    tell("of a label", lambda: predict("digits", {"x": digits}, label="production").model_spec.version.value)
    tell("read as many do", lambda: list(predict("digits", {"x": digits[:1]}).outputs["label"].int64_val))
    tell("no such model", lambda: outputs(predict("dummy_model", {})))
    tell("no such version", lambda: outputs(predict("digits", {"x": digits}, version=9)))
    tell("no such label", lambda: outputs(predict("digits", {"x": digits}, label="nope")))
    tell("no such signature", lambda: outputs(predict("digits", {"x": digits}, signature="nope")))
    tell("wrong shape", lambda: outputs(predict("digits", {"x": digits[:, :3]})))
    tell("complex numbers", lambda: outputs(predict("digits", {"x": digits.astype(np.complex64)})))
    tell("metadata", lambda: asker.metadata_of("digits"))
    tell("status", lambda: asker.status_of("digits"))
    tell("no such status", lambda: asker.status_of("dummy_model"))
    tell("classify", lambda: asker.classes("digits", [{"x": row} for row in digits[:2]]))
    tell("multi", lambda: asker.both("digits", [{"x": row} for row in digits[:2]], ("classify", "")))
    tell("reload", lambda: asker.reload({"digits": 1}))
    tell("reload of others", lambda: asker.reload({"digits": 1, "halves": 2}))
    asker.metadata = [("x-api-key", "no key")]
    tell("no key", lambda: outputs(predict("digits", {"x": digits})))


class Asker:
    """A client as its documentation shows it, but for the key."""

    def __init__(self, target: str, key: str) -> None:
        channel = grpc.insecure_channel(target)
        self.predictions = prediction_service_pb2_grpc.PredictionServiceStub(channel)
        self.models = model_service_pb2_grpc.ModelServiceStub(channel)
        self.metadata = [("authorization", f"Bearer {key}")]

    def tell(self, what: str, ask: Callable[[], object]) -> None:
        try:
            told = {"what": what, "got": ask()}
        except grpc.RpcError as error:
            told = {"what": what, "refused": error.code().name, "words": error.details()}
        print(json.dumps(told, default=bytes.decode), flush=True)

    def predict(self, name: str, inputs: dict[str, Any], filter: Sequence[str] = (), **spec: Any) -> Any:
        request = predict_pb2.PredictRequest(output_filter=filter)
        fill(request.model_spec, name, **spec)
        for each, value in inputs.items():
            request.inputs[each].CopyFrom(value if hasattr(value, "float_val") else tf.make_tensor_proto(value))
        return self.predictions.Predict(request, WITHIN_S, metadata=self.metadata)

    def metadata_of(self, name: str) -> object:
        request = get_model_metadata_pb2.GetModelMetadataRequest(metadata_field=["signature_def"])
        fill(request.model_spec, name)
        answer = self.predictions.GetModelMetadata(request, WITHIN_S, metadata=self.metadata)
        told = get_model_metadata_pb2.SignatureDefMap()
        assert answer.metadata["signature_def"].Unpack(told)
        signature = told.signature_def["serving_default"]
        return {
            "inputs": {name: shape(info) for name, info in signature.inputs.items()},
            "outputs": {name: shape(info) for name, info in signature.outputs.items()},
            "method": signature.method_name,
        }

    def status_of(self, name: str) -> object:
        request = get_model_status_pb2.GetModelStatusRequest()
        fill(request.model_spec, name)
        told = self.models.GetModelStatus(request, WITHIN_S, metadata=self.metadata).model_version_status
        return [[each.version, each.state, each.status.error_code, each.status.error_message] for each in told]

    def reload(self, versions: dict[str, int]) -> int:
        """A list of models as TensorFlow Serving's guide on its configuration has it: a policy and a label each."""
        request = model_management_pb2.ReloadConfigRequest()
        for name, number in versions.items():
            config = request.config.model_config_list.config.add(name=name, base_path=f"/models/{name}")
            config.model_platform = "tensorflow"
            config.model_version_policy.specific.versions.append(number)
            config.version_labels["production"] = number
        return int(self.models.HandleReloadConfigRequest(request, WITHIN_S, metadata=self.metadata).status.error_code)

    def classes(self, name: str, rows: list[dict[str, Any]]) -> object:
        request = classification_pb2.ClassificationRequest()
        fill(request.model_spec, name)
        request.input.example_list.examples.extend([example(row) for row in rows])
        result = self.predictions.Classify(request, WITHIN_S, metadata=self.metadata).result
        return [[[one.label, one.score] for one in row.classes] for row in result.classifications]

    def numbers(self, name: str, rows: list[dict[str, Any]], context: dict[str, Any], **spec: Any) -> object:
        request = regression_pb2.RegressionRequest()
        fill(request.model_spec, name, **spec)
        request.input.example_list_with_context.examples.extend([example(row) for row in rows])
        request.input.example_list_with_context.context.CopyFrom(example(context))
        result = self.predictions.Regress(request, WITHIN_S, metadata=self.metadata).result
        return [each.value for each in result.regressions]

    def both(self, name: str, rows: list[dict[str, Any]], *tasks: tuple[str, str]) -> object:
        request = inference_pb2.MultiInferenceRequest()
        request.input.example_list.examples.extend([example(row) for row in rows])
        for method, signature in tasks:
            task = request.tasks.add(method_name=f"tensorflow/serving/{method}")
            fill(task.model_spec, name, signature=signature)
        results = self.predictions.MultiInference(request, WITHIN_S, metadata=self.metadata).results
        return {each.model_spec.signature_name: each.WhichOneof("result") for each in results}


def fill(spec: Any, name: str, version: int | None = None, label: str = "", signature: str = "") -> None:
    spec.name, spec.signature_name = name, signature
    if version is not None:
        spec.version.value = version
    if label:
        spec.version_label = label


def typed(rows: Any) -> Any:
    proto = tf.make_tensor_proto(0.0, shape=rows.shape)
    proto.float_val[:] = rows.ravel().tolist()
    return proto


def example(features: dict[str, Any]) -> Any:
    made = example_pb2.Example()
    for name, value in features.items():
        feature = made.features.feature[name]
        values = np.ravel(value).tolist()
        if isinstance(values[0], str):
            feature.bytes_list.value.extend([each.encode() for each in values])
        elif isinstance(values[0], float):
            feature.float_list.value.extend(values)
        else:
            feature.int64_list.value.extend(values)
    return made


def shape(info: Any) -> list[Any]:
    return [tf.dtypes.as_dtype(info.dtype).name, [dim.size for dim in info.tensor_shape.dim]]


def outputs(answer: Any) -> dict[str, Any]:
    return {name: tf.make_ndarray(proto).tolist() for name, proto in answer.outputs.items()}


if __name__ == "__main__":
    main(*sys.argv[1:])
