"""tritonclient asks a platform, over HTTP and gRPC: `asks_tritonclient.py URL KEY`.

Image clients as people write them after Triton's documentation: they read metadata and configuration, bring an image to
what these say, send it in batches, and take the best classes by name.
"""

import queue
import sys
from collections.abc import Iterator
from functools import partial
from typing import Any

import numpy as np
import tritonclient.grpc as over_grpc
import tritonclient.grpc.model_config_pb2 as configuration
import tritonclient.http as over_http
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


def main(url: str, key: str) -> None:
    tell, address = Teller(), url.removeprefix("http://")
    image_clients(tell, address, key)


if __name__ == "__main__":
    main(*sys.argv[1:])
