"""All methods of TensorFlow Serving's services, by path."""

from bms.protocols.protobuf.tfserving import MODEL, PREDICTION, SESSION
from bms.web.inference.desk import Desk
from bms.web.inference.grpc.method import Method
from bms.web.inference.grpc.refused import Refused
from bms.web.inference.grpc.tfserving.describe import Told, get_model_metadata, get_model_status
from bms.web.inference.grpc.tfserving.infer import OfExamples, Predict
from bms.web.inference.grpc.tfserving.multi import MultiInference

_RELOAD = "what is served is not set by clients of models: use deployments, by bms deploy, the SDK or the API"
_SESSION = "graphs are not run by the names of their tensors: ask one of the model's signatures by Predict"


def tfserving_methods(desk: Desk) -> dict[bytes, Method]:
    methods: dict[str, Method] = {
        f"{PREDICTION}/Predict": Predict(desk),
        f"{PREDICTION}/Classify": OfExamples(desk, "classify"),
        f"{PREDICTION}/Regress": OfExamples(desk, "regress"),
        f"{PREDICTION}/MultiInference": MultiInference(desk),
        f"{PREDICTION}/GetModelMetadata": Told(desk, "GetModelMetadataRequest", get_model_metadata),
        f"{MODEL}/GetModelStatus": Told(desk, "GetModelStatusRequest", get_model_status),
        f"{MODEL}/HandleReloadConfigRequest": Refused(desk, _RELOAD),
        f"{SESSION}/SessionRun": Refused(desk, _SESSION),
    }
    return {f"/{name}".encode(): method for name, method in methods.items()}
