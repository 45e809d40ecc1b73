"""The gateway before the real model server: its answers are those of the model run directly."""

from pathlib import Path

import numpy as np
import onnxruntime

from bms.core.serving.snapshot import ReplicaAddress
from bms.core.tensors.signature import Signature, TensorSpec
from tests.worlds.gateways import FakeBus, GatewayProcess, Scene, deployment, gateway, key, version
from tests.worlds.model_servers import TOKEN, mlp_config, model, rows, started

DTYPES = {"tensor(float)": "FP32", "tensor(int64)": "INT64"}


def spec(argument: onnxruntime.NodeArg) -> TensorSpec:
    shape = tuple(size if isinstance(size, int) else None for size in argument.shape)
    return TensorSpec(name=argument.name, dtype=DTYPES[argument.type], shape=shape)  # type: ignore[arg-type]


async def test_predictions_agree_with_the_model_run_directly_to_the_last_digit(tmp_path: Path) -> None:
    session = onnxruntime.InferenceSession(model("onnx/mlp") + "/model.onnx")
    signature = Signature(
        inputs=tuple(spec(argument) for argument in session.get_inputs()),
        outputs=tuple(spec(argument) for argument in session.get_outputs()),
    )
    given = rows(3, seed=1)
    expected = dict(zip([output.name for output in session.get_outputs()], session.run(None, given), strict=True))
    text, entry = key()
    with started(mlp_config(tmp_path)) as server:
        server.ready().close()
        address = ReplicaAddress(id="r1", address=f"unix:{server.path}", token=TOKEN)
        served = version(3, replicas=(address,), signatures={"serving_default": signature})
        bus = FakeBus(str(tmp_path / "bus.sock"), (entry, deployment(served)))
        async with bus, gateway(tmp_path, bus) as process:
            outputs = await _outputs(process, bus, str(text), given["x"])
            await bus.until(lambda: bus.events and bus.events[0].rows == 3)
    assert outputs.keys() == expected.keys()
    for name, array in expected.items():
        assert np.array_equal(np.array(outputs[name], dtype=array.dtype).reshape(array.shape), array)
    assert bus.events[0].compute_ns > 0


async def _outputs(process: GatewayProcess, bus: FakeBus, text: str, x: np.ndarray) -> dict[str, object]:  # type: ignore[type-arg]
    """By TF Serving's columns and by OIP's JSON, which must agree."""
    async with Scene(process, bus, None, text).client() as http:  # type: ignore[arg-type]
        tensor = {"name": "x", "shape": x.shape, "datatype": "FP32", "data": x.ravel().tolist()}
        infer = await http.post("/v2/models/m/infer", json={"inputs": [tensor]})
        assert infer.status_code == 200, infer.text
        by_name = {each["name"]: each["data"] for each in infer.json()["outputs"]}
        columns = await http.post("/v1/models/m:predict", json={"inputs": {"x": x.tolist()}})
        outputs = columns.json()["outputs"]
        if not isinstance(outputs, dict):
            outputs = {next(iter(by_name)): outputs}
        assert {name: np.ravel(value).tolist() for name, value in outputs.items()} == by_name
        return by_name
