"""grpcio asks a platform knowing no proto: all that it says is found by server reflection. `asks_grpcio.py URL KEY`."""

import sys

import grpc
import numpy as np
from google.protobuf.descriptor_pool import DescriptorPool
from google.protobuf.message_factory import GetMessageClass
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha.proto_reflection_descriptor_database import ProtoReflectionDescriptorDatabase

from tests.clients.telling import Teller

SERVICE = "inference.GRPCInferenceService"


def main(url: str, key: str) -> None:
    tell = Teller()
    metadata = (("authorization", f"Bearer {key}"),)
    with grpc.insecure_channel(url.removeprefix("http://")) as channel:
        found = ProtoReflectionDescriptorDatabase(channel)
        pool = DescriptorPool(found)

        def ask(service: str, called: str, **fields: object) -> object:
            method = pool.FindServiceByName(service).FindMethodByName(called)
            request, answer = GetMessageClass(method.input_type), GetMessageClass(method.output_type)
            call = channel.unary_unary(
                f"/{service}/{called}",
                request_serializer=request.SerializeToString,
                response_deserializer=answer.FromString,
            )
            return call(request(**fields), metadata=metadata, timeout=30)

        def infer() -> list[float]:
            given = {"name": "x", "datatype": "FP32", "shape": [1, 4]}
            raw = np.array([1, 2, 3, 4], "<f4").tobytes()
            answer = ask(SERVICE, "ModelInfer", model_name="mixed", inputs=[given], raw_input_contents=[raw])
            return np.frombuffer(answer.raw_output_contents[0], "<f4").tolist()

        def health(service: str) -> str:
            answer = health_pb2_grpc.HealthStub(channel).Check(
                health_pb2.HealthCheckRequest(service=service), timeout=30
            )
            return health_pb2.HealthCheckResponse.ServingStatus.Name(answer.status)

        def status() -> str:
            answer = ask("tensorflow.serving.ModelService", "GetModelStatus", model_spec={"name": "mixed"})
            return str(answer.model_version_status[0].version)

        tell.now("services", lambda: sorted(found.get_services()))
        tell.now("methods", lambda: sorted(method.name for method in pool.FindServiceByName(SERVICE).methods))
        tell.now("infer", infer)
        tell.now("live", lambda: ask(SERVICE, "ServerLive").live)
        tell.now("TensorFlow Serving's status", status)
        tell.now("health", lambda: [health(""), health(SERVICE)])
        tell.now("no such model", lambda: ask(SERVICE, "ModelMetadata", name="nothing"))


if __name__ == "__main__":
    main(*sys.argv[1:])
