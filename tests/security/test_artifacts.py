"""Hostile artifacts, pushed as any maker may: they run nothing in control or gateway, and lead nowhere."""

import hashlib
import io
import json
import os
import pickle
import tarfile
import time
import zipfile
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.sizes import some
from tests.worlds.platforms import RealPlatform
from tests.worlds.tenants import CANARY
from tests.worlds.whole_platform import WholePlatform

PATIENCE_S = 90.0


class Bite:
    """Unpickled, it writes down who it was that opened it."""

    def __init__(self, mark: Path) -> None:
        self.mark = mark

    def __reduce__(self) -> tuple[object, ...]:
        code = (
            "import json, os; told = json.dumps({"
            "'command': open('/proc/self/cmdline').read().split(chr(0)), 'environment': dict(os.environ), "
            "'pid': os.getpid(), 'parent': os.getppid(), 'directory': os.getcwd()}); "
            f"print(told, file=open({str(self.mark)!r}, 'a'))"
        )
        return exec, (code,)


@pytest.fixture(scope="module")
def attacked(host: WholePlatform) -> RealPlatform:
    """Started from an environment that holds a secret; the makers are in its first tenant."""
    return host


@pytest.fixture
def api(attacked: RealPlatform) -> Iterator[httpx.Client]:
    headers = {"authorization": f"Bearer {attacked.key}"}
    with httpx.Client(base_url=attacked.url + "/api/v1", headers=headers, timeout=60) as client:
        yield client


def put(api: httpx.Client, content: bytes) -> str:
    digest = "sha256:" + hashlib.sha256(content).hexdigest()
    assert api.put(f"/blobs/{digest}", content=content).status_code in (200, 201)
    return digest


def push(api: httpx.Client, model: str, files: dict[str, bytes], **more: object) -> dict[str, object]:
    """The version after its verification."""
    api.post("/models", json={"name": model})
    entries = [{"path": path, "digest": put(api, body), "size": len(body)} for path, body in files.items()]
    made = api.post(f"/models/{model}/versions", json={"files": entries, **more})
    assert made.status_code == 201, made.text
    number = made.json()["version"]["number"]
    assert api.post(f"/models/{model}/versions/{number}/complete").status_code == 200
    deadline = time.monotonic() + PATIENCE_S
    while time.monotonic() < deadline:
        version: dict[str, object] = api.get(f"/models/{model}/versions/{number}").json()
        if version["state"] not in ("uploading", "verifying"):
            return version
        time.sleep(0.05)
    raise AssertionError(f"still verifying: {version}")


def living(pid: int) -> str:
    return Path(f"/proc/{pid}/cmdline").read_text().replace("\0", " ")


def test_the_payload_bites_whoever_opens_it(tmp_path: Path) -> None:
    """The positive control of all that follows."""
    pickle.loads(pickle.dumps(Bite(tmp_path / "mark")))
    seen = json.loads((tmp_path / "mark").read_text())
    assert seen["pid"] == os.getpid()


@pytest.mark.parametrize("name", ["model.joblib", "model.pkl", "model.pickle", "MODEL.PKL"])
def test_a_pickle_by_its_name_is_refused_before_it_is_taken(api: httpx.Client, tmp_path: Path, name: str) -> None:
    mark = tmp_path / "mark"
    body, model = pickle.dumps(Bite(mark)), "refused-" + name.lower().replace(".", "-")
    api.post("/models", json={"name": model})
    files = [{"path": name, "digest": put(api, body), "size": len(body)}]
    refused = api.post(f"/models/{model}/versions", json={"files": files, "runtime": "sklearn"})
    assert (refused.status_code, "--allow-pickle" in refused.json()["detail"]) == (412, True)
    assert api.get(f"/models/{model}/versions").json()["items"] == []
    assert not mark.exists()


LONG = pytest.mark.long


@pytest.mark.parametrize("name", ["model.skops", "model.onnx", pytest.param("model.joblib", marks=LONG), "MODEL.PKL"])
def test_a_pickle_by_another_name_or_beside_other_files_runs_nowhere(
    attacked: RealPlatform, api: httpx.Client, tmp_path: Path, name: str
) -> None:
    mark = tmp_path / "mark"
    runtime = "onnx" if name.endswith("onnx") else "sklearn"
    model = "denied-" + name.lower().replace(".", "-")
    version = push(api, model, {name: pickle.dumps(Bite(mark)), "beside.bin": b"x"}, runtime=runtime)
    assert version["state"] == "rejected", version
    assert version["reason"]
    api.get(f"/models/{model}/versions/1/files/{name}")
    attacked.bms("deploy", model)
    assert not mark.exists()


def test_an_allowed_pickle_runs_in_a_process_of_its_own_that_was_told_nothing(
    attacked: RealPlatform, api: httpx.Client
) -> None:
    version = push(
        api,
        "allowed",
        {"model.joblib": pickle.dumps(Bite(Path("/dev/stdout")))},  # all that leaves its process is its log
        runtime="sklearn",
        allow_pickle=True,
        environment={"requirements": ["joblib"]},
    )
    assert version["state"] == "rejected"  # what it left is no estimator
    jobs = api.get("/jobs", params={"kind": "verify", "subject": str(version["id"])}).json()["items"]
    log = api.get(f"/jobs/{jobs[0]['id']}/log").text
    seen = json.loads(log[log.index('{"command"') :].splitlines()[0])
    assert "bms.app.job" in seen["command"]
    assert str(attacked.home / "environments") in seen["command"][0]
    assert f"{attacked.home}/run/workloads/" in seen["directory"]
    told = json.dumps(seen["environment"])
    assert CANARY not in told
    assert attacked.key.partition(".")[2] not in told
    assert {
        name for name in seen["environment"] if name.startswith(("PIP_", "UV_", "BMS_HOME_SERVICE", "AWS_"))
    } == set()
    running = json.loads((attacked.home / "run" / "processes.json").read_bytes())
    ours = {service["pid"] for service in running["services"]} | {running["supervisor"]}
    assert seen["pid"] not in ours
    assert not Path(f"/proc/{seen['pid']}").exists()  # a throw-away process


class Forge:
    """Unpickled, it writes the result of its own verification and leaves."""

    def __init__(self, result: dict[str, object]) -> None:
        self.result = result

    def __reduce__(self) -> tuple[object, ...]:
        text = json.dumps(self.result)
        return exec, (f"import os; open('../result.json', 'w').write({text!r}); os._exit(0)",)


def test_a_forged_report_stops_nobody(attacked: RealPlatform, api: httpx.Client) -> None:
    """The tenant's own process may say what it likes; control goes on, and the next version is verified."""
    before = json.loads((attacked.home / "run" / "processes.json").read_bytes())["services"]
    asked = {"runtime": "sklearn", "allow_pickle": True, "environment": {"requirements": ["joblib"]}}
    for report in ({"signatures": 7}, {}, {"signatures": {"a": None}, "memory": "x"}):
        said = {"state": "succeeded", "report": report, "error": "", "metrics": {}}
        version = push(api, "forged", {"model.joblib": pickle.dumps(Forge(said))}, **asked)
        assert version["state"] == "rejected", (report, version)
    honest = {"model.onnx": adds_external("w.bin"), "w.bin": bytes(64)}
    assert push(api, "honest", honest, runtime="onnx")["state"] == "ready"
    assert json.loads((attacked.home / "run" / "processes.json").read_bytes())["services"] == before


def field(number: int, content: bytes | int) -> bytes:
    """One field of a protobuf message."""
    if isinstance(content, int):
        return varint(number << 3) + varint(content)
    return varint(number << 3 | 2) + varint(len(content)) + content


def varint(value: int) -> bytes:
    out = bytearray()
    while True:
        value, low = value >> 7, value & 127
        out.append(low | (128 if value else 0))
        if not value:
            return bytes(out)


def adds_external(location: str, count: int = 16) -> bytes:
    """An ONNX model y = x + number whose `number`, `count` floats, lies in the file at `location`."""
    dims = field(2, field(1, field(2, b"n")) + field(1, field(1, count)))
    tensor_type = field(1, field(1, 1) + dims)
    where = field(13, field(1, b"location") + field(2, location.encode()))
    number = field(1, count) + field(2, 1) + field(8, b"number") + where + field(14, 1)
    node = field(1, b"x") + field(1, b"number") + field(2, b"y") + field(4, b"Add")
    graph = field(1, node) + field(2, b"g") + field(5, number)
    for at, name in ((11, b"x"), (12, b"y")):
        graph += field(at, field(1, name) + field(2, tensor_type))
    return field(1, 8) + field(7, graph) + field(8, field(1, b"") + field(2, 17))


def test_external_data_beside_the_model_is_read(api: httpx.Client) -> None:
    """The positive control of the next test."""
    version = push(api, "external", {"model.onnx": adds_external("w.bin"), "w.bin": bytes(64)}, runtime="onnx")
    assert version["state"] == "ready", version


@pytest.mark.parametrize(
    "location",
    [
        "../../../../admin.key",
        "{home}/admin.key",
        "",
        pytest.param("sub/../../admin.key", marks=LONG),
        pytest.param("/etc/passwd", marks=LONG),
    ],
)
def test_external_data_leads_nowhere_else(attacked: RealPlatform, api: httpx.Client, location: str) -> None:
    named = location.format(home=attacked.home)
    model = "escape-" + hashlib.sha256(location.encode()).hexdigest()[:8]
    version = push(api, model, {"model.onnx": adds_external(named)}, runtime="onnx")
    assert version["state"] == "rejected", version
    assert attacked.key.partition(".")[2] not in json.dumps(version)


def archive_of(kind: str, evil: str) -> bytes:
    out = io.BytesIO()
    if kind == "zip":
        with zipfile.ZipFile(out, "w") as opened:
            opened.writestr("model.onnx", b"x")
            if evil == "link":
                info = zipfile.ZipInfo("link")
                info.external_attr = 0o120777 << 16
                opened.writestr(info, "/etc/passwd")
            else:
                opened.writestr(evil, b"x")
        return out.getvalue()
    with tarfile.open(fileobj=out, mode="w") as tar:
        info = tarfile.TarInfo("link" if evil in ("link", "hard") else evil)
        if evil in ("link", "hard"):
            info.type = tarfile.SYMTYPE if evil == "link" else tarfile.LNKTYPE
            info.linkname = "/etc/passwd" if evil == "link" else "../../../admin.key"
            tar.addfile(info)
        else:
            info.size = 1
            tar.addfile(info, io.BytesIO(b"x"))
    return out.getvalue()


@pytest.mark.parametrize("kind", ["zip", "tar"])
@pytest.mark.parametrize("evil", ["link", "hard", "../../escaped", "/tmp/escaped-by-archive", "a/../../escaped"])
def test_archives_lead_nowhere(attacked: RealPlatform, api: httpx.Client, kind: str, evil: str) -> None:
    if (kind, evil) == ("zip", "hard"):
        pytest.skip("zip files have no hard links")
    api.post("/models", json={"name": "archived"})
    made = api.post("/models/archived/versions", json={"archive": put(api, archive_of(kind, evil)), "runtime": "onnx"})
    assert made.status_code == 400, made.text
    assert not list(attacked.home.rglob("escaped*"))
    assert not Path("/tmp/escaped-by-archive").exists()
    assert list((attacked.home / "cache" / "unpacking").iterdir()) == []


def test_what_is_declared_is_not_believed(api: httpx.Client) -> None:
    """A format that disagrees with the content, whichever way."""
    onnx = adds_external("w.bin")
    zipped = archive_of("zip", "a")
    lies = {
        "an archive": ("model.onnx", zipped, "onnx"),
        "a script": ("model.onnx", b"#!/bin/sh\ntouch /tmp/x\n", "onnx"),
        "nothing": ("model.onnx", b"", "onnx"),
        "an onnx file": ("model.skops", onnx, "sklearn"),
        "another zip": ("model.skops", zipped, "sklearn"),
        "text": ("model.pkl", b"hello", "sklearn"),
    }
    for what, (name, content, runtime) in some(list(lies.items()), 0, one_of=2):
        model = "lie-" + what.replace(" ", "-")
        version = push(api, model, {name: content, "w.bin": bytes(64)}, runtime=runtime, allow_pickle=True)
        assert version["state"] == "rejected", (what, version)
        assert version["reason"], what


def test_a_blob_is_what_its_digest_says_or_nothing(api: httpx.Client) -> None:
    digest = "sha256:" + hashlib.sha256(b"true").hexdigest()
    assert api.put(f"/blobs/{digest}", content=b"false").status_code == 400
    assert api.head(f"/blobs/{digest}").status_code == 404
