"""The runtime of upstreams: what is recognised, what it asks an OIP server, and what it makes of the answers."""

import http.server
import json
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bms.adapters.runtimes.available import open_servable
from bms.adapters.runtimes.recognition import recognise
from bms.adapters.runtimes.remote.runtime import RemoteRuntime
from bms.core.errors import FailedPrecondition, Internal, InvalidArgument, Unavailable
from bms.core.tensors.signature import Signature, TensorSpec
from bms.core.tensors.tensor import Array, from_raw, to_raw
from bms.core.workloads.programs import ENGINES, ServableConfig, StdinSecrets
from bms.serving.engines.engine import EngineServable
from bms.serving.lifecycle.servable import Servable
from tests.peers.upstreams import openai_server
from tests.worlds.model_servers import Server, server_config, started

METADATA = {
    "name": "m",
    "inputs": [{"name": "x", "datatype": "FP32", "shape": [-1, 2]}, {"name": "t", "datatype": "BYTES", "shape": [-1]}],
    "outputs": [{"name": "y", "datatype": "FP32", "shape": [-1, 2]}, {"name": "u", "datatype": "BYTES", "shape": [-1]}],
}
X = np.array([[1, 2], [3, 4]], np.float32)
T = np.array(["é".encode(), b""], dtype=object)


class Oip(http.server.ThreadingHTTPServer):
    """y = 2x, u = t + "!". `change` is what it does to its answer, `metadata` what it says of itself."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.metadata: object = METADATA
        self.binary = True
        self.change: dict[str, Any] = {}
        self.heads: list[dict[str, Any]] = []
        self.paths: list[str] = []
        self.hold: threading.Event | None = None
        self.held = threading.Event()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"

    def handle_error(self, request: object, client_address: object) -> None:
        """Clients that go away are expected."""


class _Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Oip

    def do_GET(self) -> None:
        self.server.paths.append(self.path)
        self.give(json.dumps(self.server.metadata).encode())

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["content-length"]))
        size = int(self.headers["inference-header-content-length"])
        head, raw, at = json.loads(body[:size]), body[size:], 0
        self.server.heads.append(head)
        given: dict[str, Array] = {}
        for tensor in head["inputs"]:
            length = tensor["parameters"]["binary_data_size"]
            given[tensor["name"]] = from_raw(tensor["datatype"], tuple(tensor["shape"]), raw[at : at + length])
            at += length
        assert at == len(raw)
        if self.server.hold is not None:
            self.server.held.set()
            self.server.hold.wait(30)
        made = {"y": given["x"] * 2, "u": np.array([each + b"!" for each in given["t"]], dtype=object)}
        wanted = [each["name"] for each in head["outputs"]]
        outputs: list[dict[str, Any]] = []
        raws = []
        for name in wanted:
            array = made[name]
            output = {"name": name, "datatype": "FP32" if name == "y" else "BYTES", "shape": array.shape}
            if self.server.binary:
                raws.append(bytes(to_raw(array)))
                output["parameters"] = {"binary_data_size": len(raws[-1])}
            else:
                output["data"] = [each.decode() if name == "u" else each for each in array.ravel().tolist()]
            outputs.append({**output, **self.server.change})
        text = json.dumps({"model_name": "m", "outputs": outputs}).encode()
        headers = {"Inference-Header-Content-Length": str(len(text))} if self.server.binary else {}
        self.give(text + b"".join(raws), headers)

    def give(self, content: bytes, headers: dict[str, str] | None = None) -> None:
        self.send_response(200)
        for name, value in {**(headers or {}), "content-length": str(len(content))}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_: object) -> None:
        """Quiet."""


@pytest.fixture
def upstream() -> Iterator[Oip]:
    with Oip() as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield server
        if server.hold is not None:
            server.hold.set()
        server.shutdown()
        thread.join()


def config(
    folder: Path, url: str, *, signatures: dict[str, Signature] | None = None, **change: object
) -> ServableConfig:
    content = {"url": url, "protocol": "oip", "model": "a model/1", "timeout_s": 20, **change}
    (folder / "upstream.json").write_text(json.dumps(content))
    return ServableConfig(
        runtime="remote",
        directory=str(folder),
        model="m",
        version=1,
        signatures=signatures or {},
        sealed=StdinSecrets(upstreams=("127.0.0.0/8",)),
    )


def test_an_artifact_that_is_one_file_is_recognised_and_needs_nothing(tmp_path: Path) -> None:
    config(tmp_path, "https://api.example.com")
    found = recognise(str(tmp_path))
    assert (found.runtime, found.format, found.requirements, found.python) == ("remote", "upstream", (), None)


@pytest.mark.parametrize(
    "content", [b"", b"{}", b"[]", b"\xff\xfe", b'["url", "protocol"]', b"x" * 100_000, b'{"url": "https://x"}']
)
def test_what_only_has_the_name_is_not_recognised(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "upstream.json").write_bytes(content)
    assert RemoteRuntime().recognises(str(tmp_path)) is None


def test_an_artifact_with_anything_beside_is_not_recognised(tmp_path: Path) -> None:
    """Code could be there."""
    served = config(tmp_path, "https://api.example.com")
    (tmp_path / "bms.json").write_text("{}")
    assert RemoteRuntime().recognises(str(tmp_path)) is not None
    (tmp_path / "model.py").write_text("")
    assert RemoteRuntime().recognises(str(tmp_path)) is None
    with pytest.raises(FailedPrecondition, match=r"expects a file .* none beside it: the artifact holds .*'model.py'"):
        open_servable(served)
    (tmp_path / "model.py").unlink()
    (tmp_path / "upstream.json").rename(tmp_path / "elsewhere")
    (tmp_path / "upstream.json").symlink_to("elsewhere")
    assert RemoteRuntime().recognises(str(tmp_path)) is None


@pytest.mark.parametrize("binary", [True, False])
def test_tensors_go_and_come_as_they_are_whatever_form_the_answer_has(
    tmp_path: Path, upstream: Oip, binary: bool
) -> None:
    upstream.binary = binary
    servable = open_servable(config(tmp_path, upstream.url))
    (signature,) = servable.signatures.values()
    assert signature.batched
    assert [(spec.name, spec.dtype, spec.shape) for spec in (*signature.inputs, *signature.outputs)] == [
        ("x", "FP32", (None, 2)), ("t", "BYTES", (None,)), ("y", "FP32", (None, 2)), ("u", "BYTES", (None,))
    ]  # fmt: skip
    outputs = servable.infer("serving_default", {"x": X, "t": T})
    assert outputs["y"].dtype == np.float32
    assert outputs["y"].tolist() == (X * 2).tolist()
    assert outputs["u"].tolist() == ["é!".encode(), b"!"]
    assert servable.infer("serving_default", {"x": X, "t": T}, ("u",)).keys() == {"u"}
    assert upstream.paths == ["/v2/models/a%20model%2F1"]
    assert upstream.heads[0]["parameters"] == {"timeout": 20_000_000}
    servable.close()
    servable.close()
    with pytest.raises(FailedPrecondition, match="closed"):
        servable.infer("serving_default", {"x": X, "t": T})


def test_threads_may_ask_at_once(tmp_path: Path, upstream: Oip) -> None:
    servable = open_servable(config(tmp_path, upstream.url))

    def ask(number: int) -> bool:
        x = np.full((1, 2), number, np.float32)
        return bool((servable.infer("serving_default", {"x": x, "t": T[:1]})["y"] == 2 * number).all())

    with ThreadPoolExecutor(8) as pool:
        assert all(pool.map(ask, range(64)))
    servable.close()


def test_a_declared_signature_must_fit_the_upstream_s(tmp_path: Path, upstream: Oip) -> None:
    x, t = TensorSpec(name="x", dtype="FP32", shape=(None, 2)), TensorSpec(name="t", dtype="BYTES", shape=(None,))
    mine = {"mine": Signature(inputs=(x, t))}
    servable = open_servable(config(tmp_path, upstream.url, signatures=mine))
    assert [spec.name for spec in servable.signatures["mine"].outputs] == ["y", "u"]
    servable.close()
    wrong = {"mine": Signature(inputs=(TensorSpec(name="x", dtype="INT64", shape=(None, 2)), t))}
    with pytest.raises(FailedPrecondition, match="is INT64, the model has FP32"):
        open_servable(config(tmp_path, upstream.url, signatures=wrong))


@pytest.mark.parametrize(
    ("metadata", "words"),
    [
        ([], "metadata of 'a model/1' can't be read"),
        ({"inputs": 5, "outputs": []}, "can't be read"),
        ({"inputs": [], "outputs": [{"name": "y", "datatype": "BF16", "shape": [1]}]}, "is BF16"),
    ],
)
def test_metadata_that_can_not_be_served_are_refused_at_load(
    tmp_path: Path, upstream: Oip, metadata: object, words: str
) -> None:
    upstream.metadata = metadata
    with pytest.raises(FailedPrecondition, match=words):
        open_servable(config(tmp_path, upstream.url))


@pytest.mark.parametrize(
    "change",
    [
        {"name": "z"},
        {"shape": [9, 9]},
        {"shape": [-2, -1]},
        {"shape": [-1, 3]},
        {"shape": [1, 3]},
        {"datatype": "FP64"},
        {"datatype": "NONE"},
        {"parameters": {"binary_data_size": -5}},
        {"parameters": {"binary_data_size": 1 << 60}},
        {"parameters": {}},
        {"shape": "wide"},
    ],
)
def test_an_answer_that_contradicts_itself_or_the_metadata_is_none(
    tmp_path: Path, upstream: Oip, change: dict[str, Any]
) -> None:
    servable = open_servable(config(tmp_path, upstream.url))
    upstream.change = change
    with pytest.raises(Internal, match="answer can't be read"):
        servable.infer("serving_default", {"x": X, "t": T}, ("y",))
    upstream.change = {}
    assert servable.infer("serving_default", {"x": X, "t": T}, ("y",)), "a failed call leaves it usable"
    servable.close()


@pytest.mark.parametrize("timeout_s", [0.0, 1000.0])
def test_a_wrong_file_says_what_is_wrong(tmp_path: Path, timeout_s: float) -> None:
    with pytest.raises(FailedPrecondition, match="'timeout_s'"):
        open_servable(config(tmp_path, "https://api.example.com", timeout_s=timeout_s))
    with pytest.raises(
        FailedPrecondition, match="'key' was not handed to this process: set it with `bms secret set key`"
    ):
        open_servable(config(tmp_path, "https://api.example.com", secret="key"))


def test_embeddings_and_texts_keep_the_rules_of_servables(tmp_path: Path) -> None:
    with openai_server("k") as server:
        sealed = StdinSecrets(secrets={"key": "k"}, upstreams=(server.place,))

        def opened(protocol: str) -> Servable:
            made = config(tmp_path, server.url, protocol=protocol, secret="key")
            return open_servable(ServableConfig(**{**_fields(made), "sealed": sealed}))

        embedder = opened("openai-embeddings")
        texts = np.array([b"one", b"two words", b""], dtype=object)
        together = embedder.infer("serving_default", {"text": texts})
        for row in range(3):
            alone = embedder.infer("serving_default", {"text": texts[row : row + 1]}, ("embedding",))
            assert np.array_equal(alone["embedding"], together["embedding"][row : row + 1])
        assert together["embedding"].dtype == np.float32
        assert (together["tokens"].dtype, together["tokens"].sum()) == (np.int32, 3)
        with pytest.raises(InvalidArgument, match="not UTF-8"):
            embedder.infer("serving_default", {"text": np.array([b"\xff"], dtype=object)})
        assert isinstance(embedder, EngineServable)
        assert embedder.engine.capacity() == (16, 16 * 64)
        assert RemoteRuntime.name in ENGINES, "gateways send each of its calls by itself"
        embedder.close()
        writer = opened("openai")
        assert writer.infer("generate", {"text": np.array([b"to be"], dtype=object)})["text"].tolist() == [b"to be "]
        asked = len(server.bodies)
        assert writer.infer("generate", {"text": np.array([b""], dtype=object)})["text"].tolist() == [b""]
        assert len(server.bodies) == asked, "an empty prompt costs nothing"
        with pytest.raises(Unavailable, match="broke its answer off"):
            writer.infer("generate", {"text": np.array([b"to CUT"], dtype=object)})
        writer.close()


def test_a_run_that_nobody_waits_for_any_more_lets_go_of_its_upstream(tmp_path: Path, upstream: Oip) -> None:
    (tmp_path / "model").mkdir()
    served = config(tmp_path / "model", upstream.url)
    allowed = StdinSecrets(token=b"the token of r1.", upstreams=("127.0.0.0/8",))
    with started(server_config(tmp_path, served, warmup_runs=1), sealed=allowed) as server:
        _check_cancelling(server, upstream)


def _check_cancelling(server: Server, upstream: Oip) -> None:
    from bms.protocols.frames import FrameType, encode_plain

    client = server.ready()
    upstream.hold = threading.Event()
    upstream.held.clear()
    asked = client.ask({"x": X, "t": T})
    assert upstream.held.wait(30)
    upstream.hold, held = None, upstream.hold
    client.send(encode_plain(FrameType.CANCEL, asked))
    assert client.infer({"x": X, "t": T})["y"].tolist() == (X * 2).tolist(), "though the first is held for 30 s"
    held.set()


def _fields(made: ServableConfig) -> dict[str, Any]:
    return {name: getattr(made, name) for name in made.__struct_fields__}
