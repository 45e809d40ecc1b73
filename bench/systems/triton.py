"""Triton from the nvidia-pytriton wheel, as shipped: its C++ server, and the one backend it carries, Python.

The wheel (0.7.0) has no ONNX Runtime backend. Whoever has one built for this Triton can name the folder of backends in
BMS_BENCH_TRITON_BACKENDS (it holds `onnxruntime/libtriton_onnxruntime.so`); then `triton-onnx` is measured, too.
"""

import os
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path

from measuring.models import IMAGE, MODELS, ROW, Model
from measuring.platform import free_port
from measuring.requests import Target, oip_binary, oip_grpc, oip_json

from systems import Missing
from systems.peer import APPS, Peer

_OUTPUTS = {
    ROW: '{ name: "label" data_type: TYPE_INT64 dims: [1] reshape: { shape: [] } },\n'
    '  { name: "probabilities" data_type: TYPE_FP32 dims: [10] }',
    IMAGE: '{ name: "scores" data_type: TYPE_FP32 dims: [10] }',
}
_CONFIG = """backend: "%(backend)s"
max_batch_size: %(batch)d
input [ { name: "x" data_type: TYPE_FP32 dims: [%(dims)s] } ]
output [
  %(outputs)s
]
instance_group [ { kind: KIND_CPU count: 1 } ]
dynamic_batching { }
%(more)s"""
_ONE_THREAD = "".join(
    f'parameters {{ key: "{name}" value: {{ string_value: "1" }} }}\n'
    for name in ("intra_op_thread_count", "inter_op_thread_count")
)


class Triton(Peer):
    name = "triton"
    requirements: tuple[str, ...] = ("nvidia-pytriton", "onnxruntime", "numpy")
    shown: tuple[str, ...] = ("nvidia-pytriton", "onnxruntime")
    settings = (
        "tritonserver of the wheel (C++ HTTP and gRPC), Python backend with ONNX Runtime, dynamic batching, one "
        "instance; the wheel carries no ONNX Runtime backend in C++"
    )
    shares = "triton"
    backend = "python"

    def command(self) -> Sequence[str]:
        wheel = next(self.python.parent.parent.glob("lib/python*/site-packages/pytriton/tritonserver"))
        repository = self._repository()
        command = [str(wheel / "bin" / "tritonserver"), "--model-repository", str(repository)]
        command += ["--backend-directory", str(self._backends(wheel)), "--http-address", "127.0.0.1"]
        command += ["--http-port", str(self.port), "--grpc-address", "127.0.0.1", "--grpc-port", str(self.grpc_port)]
        return [*command, "--metrics-port", str(free_port()), "--log-info", "false"]

    def targets(self) -> Mapping[str, Target]:
        return {
            "row-json": oip_json(self.port, ""),
            "row-heads": oip_json(self.port, "")._replace(fresh=True),
            "row-binary": oip_binary(self.port, ""),
            "row-grpc": oip_grpc(self.grpc_port, ""),
            "image-json": oip_json(self.port, "", IMAGE.name, IMAGE),
            "image-binary": oip_binary(self.port, "", IMAGE.name, IMAGE),
        }

    def _repository(self) -> Path:
        folder = self.folder(f"{self.backend}-models")
        for model in MODELS:
            version = folder / model.name / "1"
            version.mkdir(parents=True, exist_ok=True)
            self._fill(version, model)
            values = {
                "backend": self.backend,
                "batch": 64 if model is ROW else 8,
                "dims": ", ".join(map(str, model.shape[1:])),
                "outputs": _OUTPUTS[model],
                "more": _ONE_THREAD if self.backend == "onnxruntime" else "",
            }
            (folder / model.name / "config.pbtxt").write_text(_CONFIG % values)
        return folder

    def _fill(self, version: Path, model: Model) -> None:
        shutil.copy(APPS / "triton" / "model.py", version / "model.py")

    def _backends(self, wheel: Path) -> Path:
        """The wheel's own, with the stub for this Python beside them, as pytriton arranges it when it starts."""
        folder = self.folder("backends")
        shutil.copytree(wheel / "backends" / "python", folder / "python", dirs_exist_ok=True)
        version = next(self.python.parent.parent.glob("lib/python*")).name.removeprefix("python")
        shutil.copy(wheel / "python_backend_stubs" / version / "triton_python_backend_stub", folder / "python")
        return folder

    def environment(self) -> dict[str, str]:
        libraries = next(self.python.parent.parent.glob("lib/python*/site-packages/nvidia_pytriton.libs"))
        return {**super().environment(), "LD_LIBRARY_PATH": str(libraries)}


class TritonOnnx(Triton):
    """The same server with a C++ ONNX Runtime backend, which whoever measures has to bring."""

    name = "triton-onnx"
    settings = "tritonserver of the wheel with a C++ ONNX Runtime backend that it does not carry, dynamic batching"
    backend = "onnxruntime"

    def start(self) -> None:
        if not os.environ.get("BMS_BENCH_TRITON_BACKENDS"):
            raise Missing(
                "the wheel carries no C++ ONNX Runtime backend: name a folder with one in BMS_BENCH_TRITON_BACKENDS"
            )
        super().start()

    def _fill(self, version: Path, model: Model) -> None:
        shutil.copy(model.path, version / "model.onnx")

    def _backends(self, wheel: Path) -> Path:
        return Path(os.environ["BMS_BENCH_TRITON_BACKENDS"])
