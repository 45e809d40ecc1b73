"""All methods of TensorFlow Serving's services, by path."""

from bms.protocols.protobuf.tfserving import MODEL, PREDICTION, SESSION
from bms.serving.pipeline.pipeline import Pipeline
from bms.web.inference.grpc.method import Method
from bms.web.inference.grpc.tfserving.describe import (
    TfsDescribeMethod,
    get_model_metadata,
    get_model_status,
    reload_config,
)
from bms.web.inference.grpc.tfserving.infer import OfExamples, Predict
from bms.web.inference.grpc.tfserving.multi import MultiInference
from bms.web.inference.grpc.unsupported import UnsupportedMethod

_SESSION = "graphs are not run by the names of their tensors: ask one of the model's signatures by Predict"


def tfserving_methods(pipeline: Pipeline) -> dict[bytes, Method]:
    methods: dict[str, Method] = {
        f"{PREDICTION}/Predict": Predict(pipeline),
        f"{PREDICTION}/Classify": OfExamples(pipeline, "classify"),
        f"{PREDICTION}/Regress": OfExamples(pipeline, "regress"),
        f"{PREDICTION}/MultiInference": MultiInference(pipeline),
        f"{PREDICTION}/GetModelMetadata": TfsDescribeMethod(pipeline, "GetModelMetadataRequest", get_model_metadata),
        f"{MODEL}/GetModelStatus": TfsDescribeMethod(pipeline, "GetModelStatusRequest", get_model_status),
        f"{MODEL}/HandleReloadConfigRequest": TfsDescribeMethod(pipeline, "ReloadConfigRequest", reload_config),
        f"{SESSION}/SessionRun": UnsupportedMethod(pipeline, _SESSION),
    }
    return {f"/{name}".encode(): method for name, method in methods.items()}
