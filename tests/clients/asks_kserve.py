"""KServe's SDK asks a platform: `asks_kserve.py URL KEY`."""

import asyncio
import sys
from collections.abc import Callable

import httpx
import numpy as np
from cloudevents.http import CloudEvent, from_http, to_binary, to_structured
from kserve import InferenceGRPCClient, InferenceRESTClient, InferInput, InferRequest, RESTConfig
from kserve.protocol.infer_type import RequestedOutput

from tests.clients.telling import Teller

IRIS = [[6.8, 2.8, 4.8, 1.4], [6.0, 3.4, 4.5, 1.6]]


def array(name: str, values: object, dtype: str, binary: bool = False) -> InferInput:
    data = np.array(values, dtype)
    given = InferInput(name, list(data.shape), {"f4": "FP32", "f8": "FP64", "i8": "INT64"}[dtype])
    given.set_data_from_numpy(data, binary_data=binary)
    return given


def read(answer: object) -> dict[str, object]:
    return {each.name: [plain(item) for item in each.as_numpy().tolist()] for each in answer.outputs}


def plain(item: object) -> object:
    return item.decode() if isinstance(item, bytes) else item


async def rest_v2(tell: Teller, url: str, headers: dict[str, str]) -> None:
    async with InferenceRESTClient(RESTConfig(protocol="v2", retries=0)) as client:

        async def infer(model: str, *inputs: InferInput, **more: object) -> dict[str, object]:
            request = InferRequest(model, list(inputs), **more)
            return read(await client.infer(url, request, model, dict(headers)))

        await tell.later("live", client.is_server_live(url))
        await tell.later("ready", client.is_server_ready(url))
        await tell.later("model ready", client.is_model_ready(url, "mixed", headers))
        await tell.later("no such model ready", client.is_model_ready(url, "nothing", headers))
        await tell.later("named", infer("mixed", array("x", [[1, 2, 3, 4]], "f4")))
        await tell.later("input-0, FP64", infer("mixed", array("input-0", IRIS, "f8")))
        await tell.later("binary", infer("mixed", array("input-0", IRIS, "f4", True)))
        wanted = {"binary_data_output": True}
        await tell.later("binary both ways", infer("mixed", array("x", IRIS, "f4", True), parameters=wanted))
        right, left = array("input-1", [[5], [6]], "i8"), array("input-0", [1, 2], "f4")
        await tell.later("two inputs", infer("mixed", right, left))
        price, pieces = array("price", [1, 2], "f4"), array("pieces", [3, 4], "i8")
        name = InferInput("name", [2, 1], "BYTES", ["a", "b"])
        await tell.later("frame", infer("orders", price, pieces, name, parameters={"content_type": "pd"}))
        await tell.later("text", infer("mixed", InferInput("input-0", [2], "BYTES", ["a", "bcd"])))
        await tell.later("labels", infer("labels", array("input-0", IRIS, "f4")))
        by_name = {"request_outputs": [RequestedOutput("output-0")]}
        await tell.later("labels, by name", infer("labels", array("input-0", IRIS, "f4"), **by_name))
        outputs = httpx.get(f"{url}/v2/models/labels", headers=headers).json()["outputs"]
        every = {"request_outputs": [RequestedOutput(each["name"]) for each in outputs]}
        await tell.later("labels, and all that metadata tell", infer("labels", array("x", IRIS[:1], "f4"), **every))
        await tell.later("labels, binary", infer("labels", array("input-0", IRIS, "f4"), parameters=wanted))
        await tell.later("wrong shape", infer("mixed", array("input-0", [[1, 2, 3]], "f4")))
        await tell.later("no such model", infer("nothing", array("input-0", [[1, 2, 3]], "f4")))


async def rest_v1(tell: Teller, url: str, headers: dict[str, str]) -> None:
    async with InferenceRESTClient(RESTConfig(protocol="v1", retries=0)) as client:
        await tell.later("v1 live", client.is_server_live(url))
        await tell.later("v1 model ready", client.is_model_ready(url, "mixed", headers))
        await tell.later("v1 no such model ready", client.is_model_ready(url, "nothing", headers))
        await tell.later("v1 instances", client.infer(url, {"instances": IRIS}, "mixed", headers))
        await tell.later("v1 inputs", client.infer(url, {"inputs": IRIS}, "mixed", headers))
        texts = {"instances": [["a"], ["bcd"]], "signature_name": "text"}
        await tell.later("v1 texts", client.infer(url, texts, "mixed", headers))
        await tell.later("v1 labels", client.infer(url, {"instances": IRIS}, "labels", headers))
        await tell.later("v1 classifier", client.infer(url, {"instances": IRIS}, "flowers", headers))
        await tell.later("v1 explain", client.explain(url, "flowers", {"instances": IRIS}, headers))
        await tell.later("v1 no explainer", client.explain(url, "mixed", {"instances": IRIS}, headers))


def events(tell: Teller, url: str, headers: dict[str, str]) -> None:
    """As KServe's documents send them, by the SDK of CloudEvents."""
    attributes = {"type": "asked", "source": "here"}

    def ask(write: Callable[[CloudEvent], tuple[dict[str, str], bytes]], path: str = "labels:predict") -> list[object]:
        said, body = write(CloudEvent(attributes, {"instances": IRIS}))
        answer = httpx.post(f"{url}/v1/models/{path}", headers={**said, **headers}, content=body)
        event = from_http(answer.headers, answer.content)
        return [event["type"], event["source"], event.data]

    def binary(event: CloudEvent) -> tuple[dict[str, str], bytes]:
        event["content-type"] = event["datacontenttype"] = "application/json"
        return to_binary(event)

    tell.now("event, structured", lambda: ask(to_structured))
    tell.now("event, binary", lambda: ask(binary))
    tell.now("explain event, structured", lambda: ask(to_structured, "flowers:explain"))
    tell.now("explain event, binary", lambda: ask(binary, "flowers:explain"))


async def grpc(tell: Teller, url: str, headers: dict[str, str]) -> None:
    metadata = tuple(headers.items())
    async with InferenceGRPCClient(url.removeprefix("http://"), retries=0) as client:

        async def infer(model: str, *inputs: InferInput, **more: object) -> dict[str, object]:
            return read(await client.infer(InferRequest(model, list(inputs), **more), headers=metadata))

        await tell.later("grpc live", client.is_server_live(headers=metadata))
        await tell.later("grpc ready", client.is_server_ready(headers=metadata))
        await tell.later("grpc model ready", client.is_model_ready("mixed", headers=metadata))
        await tell.later("grpc no such model ready", client.is_model_ready("nothing", headers=metadata))
        await tell.later("grpc raw", infer("mixed", array("input-0", IRIS, "f8", True)))
        await tell.later("grpc typed", infer("mixed", InferInput("input-0", [1, 4], "FP32", [1.0, 2.0, 3.0, 4.0])))
        price, pieces = array("price", [1, 2], "f4"), array("pieces", [3, 4], "i8")
        await tell.later("grpc labels", infer("labels", array("input-0", IRIS, "f4", True)))
        by_name = {"request_outputs": [RequestedOutput("output-0")]}
        await tell.later("grpc labels, by name", infer("labels", array("input-0", IRIS, "f4", True), **by_name))
        await tell.later("grpc frame", infer("orders", price, pieces, parameters={"content_type": "pd"}))


async def main(url: str, key: str) -> None:
    tell, headers = Teller(), {"authorization": f"Bearer {key}"}
    await rest_v2(tell, url, headers)
    await rest_v1(tell, url, headers)
    events(tell, url, headers)
    await grpc(tell, url, headers)


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
