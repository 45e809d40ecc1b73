"""tritonclient asks a platform, over HTTP and gRPC: `asks_tritonclient.py URL KEY`.

Image clients as people write them after Triton's documentation: they read metadata and configuration, bring an image to
what these say, send it in batches, and take the best classes by name.
"""

import asyncio
import io
import queue
import sys
import time
from collections.abc import Iterator
from functools import partial
from typing import Any

import grpc
import numpy as np
import tritonclient.grpc as over_grpc
import tritonclient.grpc.aio as over_grpc_aio
import tritonclient.grpc.model_config_pb2 as configuration
import tritonclient.http as over_http
import tritonclient.http.aio as over_http_aio
from PIL import Image

from tests.clients.telling import Teller

PAINTS = {"scarlet": (200, 30, 10), "grass": (20, 160, 40), "sea": (10, 60, 220)}
PATIENCE_S = 60


class Read:
    """What an image client must know of a model, as configuration and metadata say it."""

    def __init__(self, metadata: dict[str, Any], config: dict[str, Any]) -> None:
        (taken,), (given,), (said,) = metadata["inputs"], metadata["outputs"], config["input"]
        assert given["datatype"] == "FP32"
        rows = config["max_batch_size"] > 0
        sizes = [int(size) for size in taken["shape"]][rows:]
        assert sizes == [int(size) for size in said["dims"]], "the metadata has the rows, the configuration does not"
        assert sum(int(size) > 1 for size in given["shape"][rows:]) <= 1, "scores are a vector"
        format = configuration.ModelInput.Format.Value(said["format"])
        assert format in (configuration.ModelInput.FORMAT_NCHW, configuration.ModelInput.FORMAT_NHWC)
        self.first = format == configuration.ModelInput.FORMAT_NCHW
        channels, self.height, self.width = sizes if self.first else (sizes[2], *sizes[:2])
        assert channels == 3
        self.input, self.type, self.output = taken["name"], taken["datatype"], given["name"]
        self.most = config["max_batch_size"]

    def array(self, image: Image.Image) -> np.ndarray:
        pixels = np.asarray(image.convert("RGB").resize((self.width, self.height)), np.float32)
        return pixels.transpose(2, 0, 1) if self.first else pixels


def images() -> list[Image.Image]:
    return [Image.new("RGB", (17, 11), paint) for paint in PAINTS.values()]


def batches(read: Read, size: int) -> Iterator[np.ndarray]:
    """All images, so many at a time; the first ones again until the last batch is full."""
    arrays = [read.array(image) for image in images()]
    for at in range(0, len(arrays), size):
        yield np.stack([arrays[place % len(arrays)] for place in range(at, at + size)])


def names(result: Any, output: str) -> list[list[list[str]]]:
    """For each row its best classes: value, index, name."""
    return [[text.decode().split(":") for text in row] for row in result.as_numpy(output)]


class Http:
    def __init__(self, url: str, key: str) -> None:
        self.headers = {"authorization": f"Bearer {key}"}
        self.client = over_http.InferenceServerClient(url, concurrency=4, network_timeout=PATIENCE_S)

    def read(self, model: str) -> Read:
        said = self.client.get_model_metadata(model, headers=self.headers)
        return Read(said, self.client.get_model_config(model, headers=self.headers))

    def asked(self, read: Read, rows: np.ndarray, classes: int) -> dict[str, Any]:
        given = over_http.InferInput(read.input, list(rows.shape), read.type)
        given.set_data_from_numpy(rows)
        wanted = [over_http.InferRequestedOutput(read.output, class_count=classes)]
        return {"inputs": [given], "outputs": wanted, "headers": self.headers}

    def together(self, model: str, read: Read, size: int, classes: int) -> list[Any]:
        waiting = [self.client.async_infer(model, **self.asked(read, rows, classes)) for rows in batches(read, size)]
        return [each.get_result() for each in waiting]


class Grpc:
    def __init__(self, url: str, key: str) -> None:
        self.headers = {"authorization": f"Bearer {key}"}
        self.client = over_grpc.InferenceServerClient(url)

    def read(self, model: str) -> Read:
        said = self.client.get_model_metadata(model, headers=self.headers, as_json=True)
        config = self.client.get_model_config(model, headers=self.headers, as_json=True)["config"]
        return Read(said, config)

    def asked(self, read: Read, rows: np.ndarray, classes: int) -> dict[str, Any]:
        given = over_grpc.InferInput(read.input, list(rows.shape), read.type)
        given.set_data_from_numpy(rows)
        wanted = [over_grpc.InferRequestedOutput(read.output, class_count=classes)]
        return {"inputs": [given], "outputs": wanted}

    def together(self, model: str, read: Read, size: int, classes: int) -> list[Any]:
        came: queue.Queue[Any] = queue.Queue()
        sent = 0
        for sent, rows in enumerate(batches(read, size), 1):
            asked = self.asked(read, rows, classes)
            self.client.async_infer(
                model, callback=partial(put, came), request_id=str(sent), headers=self.headers, **asked
            )
        return in_order(came, sent)

    def streamed(self, model: str, read: Read, size: int, classes: int) -> list[Any]:
        came: queue.Queue[Any] = queue.Queue()
        self.client.start_stream(partial(put, came), headers=self.headers)
        sent = 0
        for sent, rows in enumerate(batches(read, size), 1):
            self.client.async_stream_infer(model, request_id=str(sent), **self.asked(read, rows, classes))
        results = in_order(came, sent)
        self.client.stop_stream()
        return results


def put(came: "queue.Queue[Any]", result: Any, error: Any) -> None:
    came.put(error if error is not None else result)


def in_order(came: "queue.Queue[Any]", count: int) -> list[Any]:
    results = [came.get(timeout=PATIENCE_S) for _ in range(count)]
    for each in results:
        if isinstance(each, Exception):
            raise each
    return sorted(results, key=lambda each: int(each.get_response().id))


def image_clients(tell: Teller, url: str, key: str) -> None:
    for wire, client in (("http", Http(url, key)), ("grpc", Grpc(url, key))):
        for model in ("colours", "colours_nhwc"):
            read = client.read(model)
            named = partial(named_by, client, model, read)
            tell.now(f"{wire} {model}, one by one", partial(named, 1, "alone"))
            tell.now(f"{wire} {model}, two at a time", partial(named, 2, "alone"))
            tell.now(f"{wire} {model}, together", partial(named, 2, "together"))
            if wire == "grpc":
                tell.now(f"{wire} {model}, streamed", partial(named, 2, "streamed"))
            tell.now(f"{wire} {model}, too many", partial(named, read.most + 1, "alone"))


def named_by(client: Any, model: str, read: Read, size: int, way: str) -> list[list[str]]:
    """The two best classes of each image, by name."""
    if way == "alone":
        headers: dict[str, Any] = {"headers": client.headers} if isinstance(client, Grpc) else {}
        asked = (client.asked(read, rows, 2) for rows in batches(read, size))
        results = [client.client.infer(model, **{**each, **headers}) for each in asked]
    else:
        results = getattr(client, way)(model, read, size, 2)
    rows = [row for result in results for row in names(result, read.output)]
    return [[name for _, _, name in row] for row in rows[: len(PAINTS)]]


def sums(triton: Any, client: Any, headers: dict[str, str], *names: str, model: str = "simple") -> dict[str, object]:
    given = []
    for number, name in enumerate(names, 1):
        each = triton.InferInput(name, [1, 16], "INT32")
        each.set_data_from_numpy(np.full((1, 16), number * 10, np.int32))
        given.append(each)
    result = client.infer(model, given, headers=dict(headers))
    return {name: int(result.as_numpy(name)[0, 0]) for name in ("OUTPUT0", "OUTPUT1")}


def server(tell: Teller, wire: str, client: Any, headers: dict[str, str]) -> None:
    """What clients ask of a server, beside inference."""
    triton = over_grpc if wire == "grpc" else over_http
    more: dict[str, Any] = {"as_json": True} if wire == "grpc" else {}

    def settings(answer: dict[str, Any]) -> dict[str, Any]:
        return dict(answer.get("settings", answer))

    tell.now(f"{wire} both inputs", partial(sums, triton, client, headers, "INPUT0", "INPUT1"))
    tell.now(f"{wire} without the optional one", partial(sums, triton, client, headers, "INPUT0"))
    tell.now(f"{wire} without the other", partial(sums, triton, client, headers, "INPUT1"))
    tell.now(f"{wire} no such model", partial(sums, triton, client, headers, "INPUT0", model="wrong_model_name"))
    tell.now(f"{wire} no such metadata", lambda: client.get_model_metadata("wrong_model_name", headers=headers))
    tell.now(f"{wire} no such version", lambda: client.get_model_config("simple", "99", headers=headers))
    tell.now(f"{wire} texts", lambda: [texts(triton, client, headers, text) for text in (b"12", b"he\0llo")])
    tell.now(f"{wire} encoded images", partial(encoded_images, triton, client, headers))
    tell.now(f"{wire} the same objects", partial(reused, triton, client, headers))
    tell.now(f"{wire} traces", lambda: settings(client.get_trace_settings(headers=headers, **more)))
    tell.now(f"{wire} a model's traces", lambda: settings(client.get_trace_settings("simple", headers=headers, **more)))
    tell.now(f"{wire} logs", lambda: settings(client.get_log_settings(headers=headers, **more)))
    level = {"trace_level": ["TIMESTAMPS"]}
    tell.now(f"{wire} other traces", lambda: client.update_trace_settings(settings=level, headers=headers))
    tell.now(f"{wire} other logs", lambda: client.update_log_settings({"log_verbose_level": 2}, headers=headers))
    tell.now(f"{wire} shared memory", lambda: client.register_system_shared_memory("a", "/a", 64, headers=headers))
    tell.now(f"{wire} GPU memory", lambda: client.get_cuda_shared_memory_status(headers=headers))
    tell.now(f"{wire} input in shared memory", partial(in_shared_memory, triton, client, headers))
    tell.now(f"{wire} load", lambda: client.load_model("simple", headers=headers))
    override = '{"max_batch_size": "16"}'
    tell.now(f"{wire} load otherwise", lambda: client.load_model("simple", config=override, headers=headers))
    files = {"file:1/model.onnx": b"x"}
    tell.now(f"{wire} load files", lambda: client.load_model("simple", config="{}", files=files, headers=headers))
    tell.now(f"{wire} load nothing", lambda: client.load_model("wrong_model_name", headers=headers))
    tell.now(f"{wire} decoupled, once", partial(parts_at_once, triton, client, headers))


def texts(triton: Any, client: Any, headers: dict[str, str], text: bytes) -> bool:
    """Whether texts come back as they were sent, in each form that the wire has."""
    rows = np.array([[text] * 16], dtype=object)
    for binary in (True, False) if triton is over_http else (None,):
        form = {} if binary is None else {"binary_data": binary}
        given = triton.InferInput("INPUT0", [1, 16], "BYTES")
        given.set_data_from_numpy(rows, **form)
        wanted = [triton.InferRequestedOutput("OUTPUT0", **form)]
        answer = client.infer("simple_identity", [given], outputs=wanted, headers=dict(headers)).as_numpy("OUTPUT0")
        if [each if isinstance(each, bytes) else each.encode() for each in answer[0]] != [text] * 16:
            return False
    return True


def encoded_images(triton: Any, client: Any, headers: dict[str, str]) -> list[list[str]]:
    """As an ensemble that decodes is asked: encoded images, under the name that the metadata has."""
    files = []
    for image in images():
        file = io.BytesIO()
        image.save(file, "PNG")
        files.append([file.getvalue()])
    given = triton.InferInput("x", [len(files), 1], "BYTES")
    given.set_data_from_numpy(np.array(files, dtype=object))
    wanted = [triton.InferRequestedOutput("y", class_count=2)]
    result = client.infer("ensemble", [given], outputs=wanted, headers=dict(headers))
    return [[name for _, _, name in row] for row in names(result, "y")]


def reused(triton: Any, client: Any, headers: dict[str, str]) -> list[int]:
    """The same objects for several requests, with other values."""
    given, wanted = triton.InferInput("INPUT0", [1, 16], "INT32"), [triton.InferRequestedOutput("OUTPUT0")]
    told = []
    for value in range(3):
        given.set_data_from_numpy(np.full((1, 16), value, np.int32))
        result = client.infer("simple", [given], outputs=wanted, headers=dict(headers))
        told.append(int(result.as_numpy("OUTPUT0")[0, 0]))
    return told


def many_clients(triton: Any, address: str, headers: dict[str, str]) -> list[dict[str, object]]:
    told = []
    for _ in range(10):
        client = triton.InferenceServerClient(address)
        told.append(sums(triton, client, headers, "INPUT0"))
        client.close()
    return told[-1:]


def channels(tell: Teller, address: str, headers: dict[str, str]) -> None:
    """gRPC channels of one's own making, and messages of one's own."""
    alive = over_grpc.KeepAliveOptions(keepalive_time_ms=1000, keepalive_permit_without_calls=True)
    with over_grpc.InferenceServerClient(address, keepalive_options=alive) as client:
        tell.now("kept alive", partial(sums, over_grpc, client, headers, "INPUT0", "INPUT1"))
    longest = [("grpc.max_send_message_length", 1 << 20), ("grpc.max_receive_message_length", 1 << 20)]
    with over_grpc.InferenceServerClient(address, channel_args=longest) as client:
        tell.now("channel arguments", partial(sums, over_grpc, client, headers, "INPUT0", "INPUT1"))
    stub = over_grpc.service_pb2_grpc.GRPCInferenceServiceStub(grpc.insecure_channel(address))
    request = over_grpc.service_pb2.ModelInferRequest(model_name="simple")
    given = request.inputs.add(name="INPUT0", datatype="INT32", shape=[1, 16])
    given.contents.int_contents[:] = range(16)

    def asked() -> list[int]:
        answer = stub.ModelInfer(request, PATIENCE_S, metadata=list(headers.items()))
        return np.frombuffer(answer.raw_output_contents[0], np.int32).tolist()

    tell.now("explicit contents", asked)
    request.raw_input_contents.append(bytes(64))
    tell.now("explicit contents and raw ones", asked)


def in_shared_memory(triton: Any, client: Any, headers: dict[str, str]) -> object:
    given = triton.InferInput("INPUT0", [1, 16], "INT32")
    given.set_shared_memory("region", 64)
    return client.infer("simple", [given], headers=dict(headers))


def repeating(triton: Any, count: int) -> list[Any]:
    values = {"IN": np.arange(100, 100 + count, dtype=np.int32), "DELAY": np.ones(count, np.uint32)}
    given = []
    for name, array in {**values, "WAIT": np.ones(1, np.uint32)}.items():
        each = triton.InferInput(name, list(array.shape), "INT32" if name == "IN" else "UINT32")
        each.set_data_from_numpy(array)
        given.append(each)
    return given


def parts_at_once(triton: Any, client: Any, headers: dict[str, str]) -> object:
    return client.infer("repeat_int32", repeating(triton, 2), headers=dict(headers))


def parts(client: over_grpc.InferenceServerClient, headers: dict[str, str], count: int) -> list[object]:
    """The parts of a decoupled model as they come, and the empty answer that ends them."""
    came: queue.Queue[Any] = queue.Queue()
    client.start_stream(partial(put, came), headers=headers)
    client.async_stream_infer(
        "repeat_int32",
        repeating(over_grpc, count),
        request_id="7",
        outputs=[over_grpc.InferRequestedOutput("OUT")],
        enable_empty_final_response=True,
    )
    told: list[object] = []
    while True:
        result = came.get(timeout=PATIENCE_S)
        if isinstance(result, Exception):
            raise result
        answer = result.get_response()
        assert answer.id == "7"
        if answer.parameters["triton_final_response"].bool_param:
            break
        told.append(result.as_numpy("OUT").tolist())
    client.stop_stream()
    return told


def stepped(triton: Any, client: Any, headers: dict[str, str], value: int, **step: Any) -> list[int]:
    """What a step of a sequence is answered, and what its sequence has added up to."""
    given = triton.InferInput("INPUT", [1, 1], "INT32")
    given.set_data_from_numpy(np.full((1, 1), value, np.int32))
    result = client.infer("simple_sequence", [given], headers=dict(headers), **step)
    return [int(result.as_numpy(name)[0, 0]) for name in ("OUTPUT", "SUM")]


def sequence(triton: Any, client: Any, headers: dict[str, str], id: object, values: list[int]) -> list[list[int]]:
    return [
        stepped(
            triton, client, headers, value, sequence_id=id, sequence_start=not at, sequence_end=at == len(values) - 1
        )
        for at, value in enumerate(values)
    ]


def interleaved(triton: Any, client: Any, headers: dict[str, str]) -> list[list[int]]:
    """Two sequences by turns, one named by a number, one by a text."""
    told = []
    for value in (1, 2, 3):
        said = {"sequence_start": value == 1, "sequence_end": value == 3}
        told.append(stepped(triton, client, headers, value, sequence_id=7001, **said))
        told.append(stepped(triton, client, headers, 10 * value, sequence_id="a-name", **said))
    return told


def sequences(tell: Teller, wire: str, client: Any, headers: dict[str, str]) -> None:
    triton = over_grpc if wire == "grpc" else over_http
    asked = partial(stepped, triton, client, headers, 5)
    tell.now(f"{wire} sequence", partial(sequence, triton, client, headers, 1000, [0, 11, 7, 5]))
    tell.now(f"{wire} the same again", partial(sequence, triton, client, headers, 1000, [100, -11]))
    tell.now(f"{wire} by turns", partial(interleaved, triton, client, headers))
    tell.now(f"{wire} no sequence", asked)
    tell.now(f"{wire} not begun", partial(asked, sequence_id=4711))
    tell.now(f"{wire} three open", lambda: [asked(sequence_id=1 + at, sequence_start=True)[1] for at in range(3)])
    tell.now(f"{wire} a fourth", partial(asked, sequence_id=4, sequence_start=True))
    time.sleep(3.5)  # longer than the model waits for a step
    tell.now(f"{wire} given up", partial(asked, sequence_id=1))
    tell.now(f"{wire} room again", partial(asked, sequence_id=4, sequence_start=True, sequence_end=True))
    given = triton.InferInput("INPUT0", [1, 16], "INT32")
    given.set_data_from_numpy(np.ones((1, 16), np.int32))
    alone = {"sequence_id": 5, "sequence_start": True, "headers": dict(headers)}
    tell.now(f"{wire} of a model without", lambda: client.infer("simple", [given], **alone))


def places(address: str, headers: dict[str, str]) -> dict[str, object]:
    """On how many of two replicas the steps of each of twenty sequences ran, and those of all of them; asked by several
    connections, which may be with several gateways."""
    clients = [over_http.InferenceServerClient(address) for _ in range(4)]
    seen: list[set[bytes]] = []
    for id in range(1, 21):
        where: set[bytes] = set()
        for at, client in enumerate(clients):
            given = over_http.InferInput("INPUT", [1, 1], "INT32")
            given.set_data_from_numpy(np.full((1, 1), at, np.int32))
            said = {"sequence_id": id, "sequence_start": not at, "sequence_end": at == len(clients) - 1}
            where.add(client.infer("held", [given], headers=dict(headers), **said).as_numpy("WHERE")[0])
        seen.append(where)
    return {"each": sorted({len(where) for where in seen}), "all": len(set().union(*seen))}


def streamed_sequences(client: over_grpc.InferenceServerClient, headers: dict[str, str]) -> dict[str, list[int]]:
    """Two sequences in one stream, all sent before any answer is read."""
    came: queue.Queue[Any] = queue.Queue()
    client.start_stream(partial(put, came), headers=headers)
    values = [0, 11, 7, 5, 3, 2, 0, 1]
    for at, value in enumerate(values):
        for id, sign in ((2001, 1), (2002, -1)):
            given = over_grpc.InferInput("INPUT", [1, 1], "INT32")
            given.set_data_from_numpy(np.full((1, 1), sign * value, np.int32))
            client.async_stream_infer(
                "simple_sequence",
                [given],
                request_id=f"{id}_{at}",
                sequence_id=id,
                sequence_start=not at,
                sequence_end=at == len(values) - 1,
            )
    told: dict[str, list[int]] = {}
    for _ in range(2 * len(values)):
        result = came.get(timeout=PATIENCE_S)
        if isinstance(result, Exception):
            raise result
        told.setdefault(result.get_response().id.split("_")[0], []).append(int(result.as_numpy("SUM")[0, 0]))
    client.stop_stream()
    return told


def statistics(client: over_grpc.InferenceServerClient, headers: dict[str, str]) -> object:
    for _ in range(4):
        sums(over_grpc, client, headers, "INPUT0")
    (one,) = client.get_inference_statistics("simple", headers=headers, as_json=True)["model_stats"]
    runs = sum(int(each["compute_infer"]["count"]) for each in one["batch_stats"])
    return {
        "one a request": int(one["execution_count"]) == runs == int(one["inference_count"]) > 3,
        "rows of runs": [each["batch_size"] for each in one["batch_stats"]],
        "times": sorted(one["inference_stats"]),
        "failed": int(one["inference_stats"]["fail"].get("count", 0)),
    }


async def at_once(tell: Teller, address: str, headers: dict[str, str]) -> None:
    """The asyncio clients."""
    for wire, triton in (("aio http", over_http_aio), ("aio grpc", over_grpc_aio)):
        async with triton.InferenceServerClient(address) as client:
            given = triton.InferInput("INPUT0", [1, 16], "INT32")
            given.set_data_from_numpy(np.ones((1, 16), np.int32))
            await tell.later(f"{wire} ready", client.is_model_ready("simple", headers=headers))
            many = [client.infer("simple", [given], headers=dict(headers)) for _ in range(20)]
            results = await asyncio.gather(*many)
            got = sorted({int(each.as_numpy("OUTPUT0").sum()) for each in results})
            tell.now(f"{wire} twenty", partial(list, got))


def main(url: str, key: str) -> None:
    tell, address, headers = Teller(), url.removeprefix("http://"), {"authorization": f"Bearer {key}"}
    image_clients(tell, address, key)
    for wire, triton in (("http", over_http), ("grpc", over_grpc)):
        client = triton.InferenceServerClient(address)
        server(tell, wire, client, headers)
        sequences(tell, wire, client, headers)
        client.close()
        tell.now(f"{wire} many clients", partial(many_clients, triton, address, headers))
    channels(tell, address, headers)
    streaming = over_grpc.InferenceServerClient(address)
    tell.now("decoupled", partial(parts, streaming, headers, 10))
    tell.now("decoupled, of nothing", partial(parts, streaming, headers, 0))
    tell.now("sequences of two replicas", partial(places, address, headers))
    tell.now("sequences in a stream", partial(streamed_sequences, streaming, headers))
    said = streaming.get_model_config("simple_sequence", headers=headers, as_json=True)["config"]
    tell.now("sequences, said so", lambda: said["sequence_batching"])
    tell.now("statistics", partial(statistics, streaming, headers))
    config = streaming.get_model_config("repeat_int32", headers=headers, as_json=True)["config"]
    tell.now("decoupled, said so", lambda: config["model_transaction_policy"])
    asyncio.run(at_once(tell, address, headers))


if __name__ == "__main__":
    main(*sys.argv[1:])
