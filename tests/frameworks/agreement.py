"""A pushed model answers as its own library did: deployed by the command line, asked over REST and gRPC, compared.

What is expected is an .npz file, or a dictionary, of arrays named as the signature's inputs and outputs; texts are
arrays of fixed-width text or bytes (npz holds no objects). Outputs that are not expected are not looked at.
"""

import atexit
import base64
import functools
import json
import subprocess
import sys
import tempfile
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

import httpx
import numpy as np
import numpy.typing as npt

from bms.sdk.models import Version
from bms.sdk.nouns.signatures import Signature
from tests.worlds.platforms import Ran, RealPlatform

Arrays = dict[str, npt.NDArray[np.generic]]
DEPLOY_S = 900.0  # an environment with a large framework is built on the way
ASK_S = 120.0
ASKING = Path(__file__).with_name("triton_asks.py")


class Answers(Protocol):
    """Where deployments answer: a platform, or a gateway alone."""

    @property
    def url(self) -> str: ...

    @property
    def key(self) -> str: ...


def deployed(platform: RealPlatform, artifact: Path, name: str, options: Sequence[str] = ()) -> Version:
    """The version that `bms deploy ARTIFACT --name NAME OPTIONS` made; it answers."""
    ran = deploy(platform, artifact, name, options)
    assert ran.status == 0, ran.errors + ran.out
    return newest(platform, name)


def deploy(platform: RealPlatform, artifact: Path, name: str, options: Sequence[str] = ()) -> Ran:
    """What the command says."""
    return platform.bms("deploy", f"{artifact}", "--name", name, *options, patience_s=DEPLOY_S)


def newest(platform: RealPlatform, name: str) -> Version:
    with platform.client() as client:
        return next(iter(client.models.versions(name)))


def serves_alike(
    platform: RealPlatform,
    artifact: Path,
    expected: Path | Mapping[str, npt.NDArray[np.generic]],
    *,
    name: str,
    options: Sequence[str] = (),
    rtol: float = 1e-5,
    atol: float = 1e-6,
    signature: str = "",
) -> Version:
    """Pushes and deploys `artifact` (a file, or a directory) as `name`, then compares as `answers_alike` does."""
    version = deployed(platform, artifact, name, options)
    answers_alike(platform, version.signatures, expected, name=name, rtol=rtol, atol=atol, signature=signature)
    return version


def answers_alike(
    platform: Answers,
    signatures: Mapping[str, Signature],
    expected: Path | Mapping[str, npt.NDArray[np.generic]],
    *,
    name: str,
    rtol: float = 1e-5,
    atol: float = 1e-6,
    signature: str = "",
) -> None:
    """By every wire the deployment `name` gives the expected outputs for the expected inputs: floating numbers within
    the tolerance, all else exactly, types as the signature says. `signature`: another one than the default."""
    arrays = _loaded(expected)
    one = signatures[signature or _default(signatures)]
    inputs = {spec.name: arrays[spec.name] for spec in one.inputs}
    wanted = {spec.name: arrays[spec.name] for spec in one.outputs if spec.name in arrays}
    assert wanted, f"of the outputs {[spec.name for spec in one.outputs]} none is in {sorted(arrays)}"
    for wires in ("binary,json", "grpc"):  # HTTP and gRPC in a process each: their libraries don't bear one another
        for wire, given in ask_triton_all(platform, name, inputs, wires, signature).items():
            _typed(given, one, wire)
            _alike(given, wanted, rtol, atol, wire)
    _alike(ask_tf_serving(platform, name, inputs, signature), wanted, rtol, atol, "tf serving")


def ask_triton(platform: Answers, name: str, inputs: Arrays, wire: str, signature: str = "") -> Arrays:
    """The outputs by name, from the real tritonclient. `wire`: "binary" or "json" (both HTTP), "grpc"."""
    return ask_triton_all(platform, name, inputs, wire, signature)[wire]


def ask_triton_all(platform: Answers, name: str, inputs: Arrays, wires: str, signature: str = "") -> dict[str, Arrays]:
    """The same by several wires, with commas between them: those of HTTP, or that of gRPC."""
    with tempfile.TemporaryDirectory() as folder:
        asked = Path(folder) / "inputs.npz"
        np.savez(asked, **inputs)  # type: ignore[arg-type]
        question = {
            "wires": wires.split(","),
            "url": platform.url.removeprefix("http://"),
            "key": platform.key,
            "model": name,
            "signature": signature,
            "inputs": str(asked),
            "answers": folder,
        }
        _tritonclient("grpc" in wires).ask(question)
        return {wire: _loaded(Path(folder) / f"{wire}.npz") for wire in wires.split(",")}


class _TritonClient:
    """A process that asks with tritonclient, for as long as the tests run: it starts with a second of imports."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, str(ASKING)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1
        )
        atexit.register(self.close)

    def ask(self, question: dict[str, object]) -> None:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(question) + "\n")
        patience = threading.Timer(ASK_S, self._process.kill)
        patience.start()
        told = self._process.stdout.readline()
        patience.cancel()
        if not told:
            _tritonclient.cache_clear()
        assert told, f"{question['wires']}: no answer within {ASK_S:g} s"
        assert told == "\n", f"{question['wires']}: {json.loads(told)[-3000:]}"

    def close(self) -> None:
        """It ends when nothing more is asked."""
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait(10)


@functools.cache
def _tritonclient(grpc: bool) -> _TritonClient:
    """The one for gRPC, or the one for HTTP."""
    return _TritonClient()


def ask_tf_serving(platform: Answers, name: str, inputs: Arrays, signature: str = "") -> Arrays:
    """The outputs by name as TF Serving's `:predict` gives them for inputs in columns."""
    body: dict[str, object] = {"inputs": {key: _jsonable(array) for key, array in inputs.items()}}
    if signature:
        body["signature_name"] = signature
    outputs = predicted(platform, name, body)["outputs"]
    if isinstance(outputs, dict) and "b64" not in outputs:
        return {key: np.asarray(_unpacked(value)) for key, value in outputs.items()}
    return {"": np.asarray(_unpacked(outputs))}  # a single output has no name there


def predicted(platform: Answers, name: str, body: dict[str, object]) -> dict[str, Any]:
    """What `:predict` of TF Serving answers to this body."""
    status, told = asked(platform, f"/v1/models/{name}:predict", body)
    assert status == 200, told
    return told


def asked(platform: Answers, path: str, body: dict[str, object]) -> tuple[int, dict[str, Any]]:
    """The status and what is answered."""
    headers = {"authorization": f"Bearer {platform.key}"}
    answer = httpx.post(f"{platform.url}{path}", json=body, headers=headers, timeout=ASK_S, trust_env=False)
    return answer.status_code, answer.json()


def _alike(given: Arrays, wanted: Arrays, rtol: float, atol: float, wire: str) -> None:
    if "" in given and len(wanted) == 1:
        given = {next(iter(wanted)): given[""]}
    for name, array in wanted.items():
        assert name in given, f"{wire}: no output {name!r} among {sorted(given)}"
        got = given[name]
        assert got.shape == array.shape, f"{wire}: {name!r} has shape {got.shape}, expected {array.shape}"
        if array.dtype.kind == "f":
            np.testing.assert_allclose(got, array, rtol=rtol, atol=atol, err_msg=f"{wire}: {name!r}")
        elif array.dtype.kind in "SU":
            assert _texts(got) == _texts(array), f"{wire}: {name!r}"
        else:
            np.testing.assert_array_equal(got, array, err_msg=f"{wire}: {name!r}")


def _typed(given: Arrays, signature: Signature, wire: str) -> None:
    """Every output is told, in the type that the signature says."""
    kinds = {"FP16": "f2", "FP32": "f4", "FP64": "f8", "BOOL": "b1"}
    for spec in signature.outputs:
        told = given[spec.name].dtype
        if spec.dtype == "BYTES":
            assert told.kind in "SU", f"{wire}: {spec.name!r} is {told}"
        else:
            kind = kinds.get(spec.dtype) or spec.dtype.lower().replace("uint", "u").replace("int", "i")
            bits = kind if spec.dtype in kinds else f"{kind[0]}{int(kind[1:]) // 8}"
            assert told == np.dtype(bits), f"{wire}: {spec.name!r} is {told}, expected {spec.dtype}"


def _default(signatures: Mapping[str, Signature]) -> str:
    return "serving_default" if "serving_default" in signatures else next(iter(signatures))


def _loaded(expected: Path | Mapping[str, npt.NDArray[np.generic]]) -> Arrays:
    if not isinstance(expected, Path):
        return dict(expected)
    with np.load(expected) as arrays:
        return {name: arrays[name] for name in arrays.files}


def _texts(array: npt.NDArray[np.generic]) -> list[bytes]:
    return [item if isinstance(item, bytes) else str(item).encode() for item in array.ravel().tolist()]


def _jsonable(array: npt.NDArray[np.generic]) -> object:
    if array.dtype.kind == "U":
        return array.tolist()
    return _packed(array.tolist()) if array.dtype.kind == "S" else array.tolist()


def _packed(value: object) -> object:
    """Bytes, at any depth, as TF Serving's {"b64": …}."""
    if isinstance(value, list):
        return [_packed(item) for item in value]
    return {"b64": base64.b64encode(value).decode()} if isinstance(value, bytes) else value


def _unpacked(value: object) -> object:
    if isinstance(value, list):
        return [_unpacked(item) for item in value]
    if isinstance(value, dict) and set(value) == {"b64"}:
        return base64.b64decode(value["b64"])
    return value
