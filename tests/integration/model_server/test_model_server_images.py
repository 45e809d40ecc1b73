"""Encoded images in: the signature "image" gives what the model gives for the same pixels."""

import io
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image

from bms.core.errors import InvalidArgument
from bms.core.tensors.preprocessing import ImagePreprocess
from bms.core.tensors.tensor import Array
from bms.core.workloads.programs import ServableConfig
from tests.worlds.model_servers import ServerFile, model, rows, server_config, started

DIGIT = ImagePreprocess(input="x", mode="L", height=8, width=8)


def encoded(pixels: npt.NDArray[np.uint8], kind: str = "PNG") -> bytes:
    out = io.BytesIO()
    Image.fromarray(pixels).save(out, kind)
    return out.getvalue()


def images(*data: bytes) -> dict[str, Array]:
    array = np.empty(len(data), dtype=object)
    array[:] = data
    return {"image": array}


def config(tmp_path: Path, name: str = "onnx/mlp", preprocess: ImagePreprocess = DIGIT) -> ServerFile:
    servable = ServableConfig(runtime="onnx", directory=model(name), model="m", version=1, preprocess=preprocess)
    return server_config(tmp_path, servable)


def test_an_image_gets_the_answer_of_its_pixels(tmp_path: Path) -> None:
    pixels = np.random.default_rng(1).integers(0, 256, (3, 8, 8), dtype=np.uint8)
    with started(config(tmp_path)) as server:
        client = server.ready()
        by_image = client.infer(images(*[encoded(one) for one in pixels]), signature="image")
        by_tensor = client.infer({"x": (pixels.reshape(3, 64) / 255).astype(np.float32)})
        assert np.array_equal(by_image["probabilities"], by_tensor["probabilities"])
        assert client.infer(images(encoded(pixels[0])), signature="image", outputs=("probabilities",))


def test_the_models_input_is_the_decoded_picture(tmp_path: Path) -> None:
    pixels = np.random.default_rng(2).integers(0, 256, (16, 24), dtype=np.uint8)
    with started(
        config(tmp_path, "onnx/flat_image", ImagePreprocess(input="x", mode="L", height=8, width=8, scale=1))
    ) as it:
        client = it.ready()
        same = client.infer(images(encoded(pixels[:8, :8])), signature="image")["y"]
        assert np.array_equal(same.reshape(8, 8), pixels[:8, :8])
        resized = client.infer(images(encoded(pixels, "JPEG")), signature="image")["y"]
        with Image.open(io.BytesIO(encoded(pixels, "JPEG"))) as image:
            expected = np.asarray(image.resize((8, 8), Image.Resampling.BILINEAR))
        assert np.array_equal(resized.reshape(8, 8), expected)


def test_a_bad_image_fails_its_own_request_only(tmp_path: Path) -> None:
    good = encoded(np.zeros((8, 8), np.uint8))
    with started(config(tmp_path)) as server:
        client = server.ready()
        fine = [client.ask(images(good), signature="image") for _ in range(3)]
        bad = client.ask(images(good, good[:40]), signature="image")
        fine.append(client.ask(rows(1)))
        answered = []
        for _ in range(5):
            try:
                answered.append(client.answer()[0])
            except InvalidArgument as error:
                said = error.message
        assert sorted(answered) == sorted(fine)
        assert bad not in answered
        assert said.startswith("image 2 of 2: ")
        assert client.status().in_flight == 0


@pytest.mark.parametrize(
    ("preprocess", "says"),
    [
        (ImagePreprocess(input="pixels", mode="L", height=8, width=8), "no signature takes just that input"),
        (ImagePreprocess(input="x", mode="RGB", height=8, width=8), r"makes rows of shape \[192\]"),
        (ImagePreprocess(input="x", mode="L", height=8, width=8, std=(0.0,)), "std holds a zero"),
    ],
)
def test_a_preprocess_that_does_not_fit_fails_the_load(tmp_path: Path, preprocess: ImagePreprocess, says: str) -> None:
    import re

    with started(config(tmp_path, preprocess=preprocess)) as server:
        assert server.process.wait(30) == 1
        assert any(re.search(says, str(line.get("reason"))) for line in server.log)
