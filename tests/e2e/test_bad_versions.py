"""What is broken is refused with the reason, is never served, and never takes the place of what serves."""

import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import msgspec
import pytest

from bms.core.errors import FailedPrecondition
from bms.sdk import Client
from bms.sdk.deployments import DeploymentStatus, Target
from bms.sdk.models import NewVersion
from tests import tiny_onnx
from tests.peers.load import Load
from tests.worlds.platforms import Ran, RealPlatform
from tests.worlds.whole_platform import DIGITS, deploy, new_key, push, until

CONFLICT, USAGE, LIMIT = 5, 2, 12
BODY = msgspec.json.encode({"inputs": [{"name": "x", "datatype": "FP32", "shape": [1, 2], "data": [1, 2]}]})
Make = Callable[[Path], Path]


@pytest.fixture(scope="module")
def platform(tenant: RealPlatform) -> RealPlatform:
    return tenant


@pytest.fixture
def client(platform: RealPlatform) -> Iterator[Client]:
    with platform.client() as opened:
        yield opened


def corrupt(folder: Path) -> Path:
    """An ONNX file that was cut in half on its way."""
    path = folder / "model.onnx"
    content = DIGITS.read_bytes()
    path.write_bytes(content[: len(content) // 2])
    return path


def flipped(folder: Path) -> Path:
    """An ONNX file whose first kilobyte is noise."""
    path = folder / "model.onnx"
    content = DIGITS.read_bytes()
    path.write_bytes(bytes(byte ^ 0x5A for byte in content[:1024]) + content[1024:])
    return path


def text(folder: Path) -> Path:
    path = folder / "model.onnx"
    path.write_text("this is not a model\n" * 100)
    return path


def empty(folder: Path) -> Path:
    path = folder / "model.onnx"
    path.write_bytes(b"")
    return path


@pytest.mark.parametrize(
    "make", [corrupt, *(pytest.param(one, marks=pytest.mark.long) for one in (flipped, text, empty))]
)
def test_a_file_that_is_no_model_is_rejected_with_the_reason(
    platform: RealPlatform, client: Client, make: Make, tmp_path: Path
) -> None:
    model = f"broken-{make.__name__}"
    refused = platform.bms("model", "push", str(make(tmp_path)), "--name", model)
    assert refused.status == CONFLICT
    assert f"version 1 of '{model}' was rejected: " in refused.errors
    assert "model.onnx" in refused.errors
    assert "Traceback" not in refused.errors
    version = client.models.version(model, 1)
    assert version.state == "rejected"
    assert version.reason in refused.errors
    nothing_is_served(platform, client, model)


def test_a_zip_bomb_is_refused_before_it_is_unpacked(platform: RealPlatform, client: Client, tmp_path: Path) -> None:
    bomb = tmp_path / "model.zip"
    with zipfile.ZipFile(bomb, "w", zipfile.ZIP_DEFLATED) as archive, archive.open("model.onnx", "w") as file:
        for _ in range(100):
            file.write(bytes(1 << 20))
    assert bomb.stat().st_size < 1 << 20
    before = cached(platform)
    refused = platform.bms("model", "push", str(bomb), "--name", "bomb")
    assert refused.status == LIMIT, refused.errors
    assert "archive" in refused.errors
    assert list(client.models.versions("bomb")) == []
    assert cached(platform) - before < 8 << 20
    nothing_is_served(platform, client, "bomb")


def cached(platform: RealPlatform) -> int:
    """Bytes of all that was unpacked."""
    return sum(path.stat().st_size for path in (platform.home / "cache").rglob("*") if path.is_file())


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--label", "a", "--label", "b"], "there are 2 labels ('a', 'b')"),
        (["--image", "input=x,mode=L,height=9,width=9,layout=flat"], "makes rows of shape [81]"),
        (["--image", "input=pixels,mode=L,height=8,width=8,layout=flat"], "preprocess.input is 'pixels'"),
        (["--runtime", "sklearn"], "digits.onnx"),
    ],
)
def test_a_version_that_is_not_what_its_maker_says_is_rejected(
    platform: RealPlatform, client: Client, options: list[str], words: str
) -> None:
    refused = platform.bms("model", "push", str(DIGITS), "--name", "misdescribed", *options)
    assert refused.status == CONFLICT, refused.errors
    assert words in refused.errors
    nothing_is_served(platform, client, "misdescribed")


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"name": "x", "dtype": "INT64", "shape": [None, 64]}, "input 'x' is INT64, the model has FP32"),
        ({"name": "x", "dtype": "FP32", "shape": [None, 65]}, "input 'x' has shape [-1, 65], the model has [-1, 64]"),
        ({"name": "pixels", "dtype": "FP32", "shape": [None, 64]}, "lacks the model's input 'x'"),
    ],
)
def test_a_model_whose_signature_disagrees_is_rejected(
    platform: RealPlatform, client: Client, given: dict[str, object], words: str
) -> None:
    tree = client.models.files("signed", push(client, "signed").number)
    outputs = [{"name": "probabilities", "dtype": "FP32", "shape": [None, 10]}]
    body = {
        "files": msgspec.to_builtins(tree),
        "signatures": {"serving_default": {"inputs": [given], "outputs": outputs}},
    }
    headers = {"authorization": f"Bearer {platform.key}"}
    with httpx.Client(base_url=f"{platform.url}/api/v1/models/signed", headers=headers, trust_env=False) as api:
        started = api.post("/versions", json=body)
        assert started.status_code == 201, started.text
        number = started.json()["version"]["number"]
        assert started.json().get("missing", []) == []
        assert api.post(f"/versions/{number}/complete").is_success
    with pytest.raises(FailedPrecondition) as refused:
        client.models.wait_version("signed", number, timeout_s=60)
    assert words in refused.value.message


def nothing_is_served(platform: RealPlatform, client: Client, model: str) -> None:
    """Neither by itself, nor when it is asked for: no deployment of it can be made."""
    assert list(client.deployments.list(model=model)) == []
    refused = platform.bms("deploy", model)
    assert refused.status == CONFLICT, refused.errors
    assert f"model '{model}' has no ready version" in refused.errors
    headers = {"authorization": f"Bearer {platform.key}"}
    answer = httpx.post(f"{platform.url}/v2/models/{model}/infer", content=BODY, headers=headers, trust_env=False)
    assert answer.status_code == 404


def test_an_alias_does_not_move_to_a_rejected_version(platform: RealPlatform, client: Client, tmp_path: Path) -> None:
    push(client, "aliased")
    client.models.move_alias("aliased", "production", 1)
    deploy(client, "aliased", "aliased", Target(alias="production"))
    assert platform.bms("model", "push", str(corrupt(tmp_path)), "--name", "aliased").status == CONFLICT

    for more in ([], ["--force"]):
        refused = platform.bms("model", "alias", "aliased", "production", "2", *more)
        assert refused.status == CONFLICT
        assert "version 2" in refused.errors
        assert "rejected" in refused.errors
    refused = platform.bms("deploy", "aliased", "--version", "2")
    assert refused.status == CONFLICT
    assert "version 2 of 'aliased' is rejected" in refused.errors
    assert client.models.alias("aliased", "production").version == 1
    status = client.deployments.status("aliased")
    assert (status.state, [part.version for part in status.traffic]) == ("serving", [1])
    client.deployments.delete("aliased")


@pytest.mark.parametrize(
    ("bad", "memory", "sizes", "words"),
    [
        # Verification runs seventeen rows, a model server warms up with all the numbers of rows that it is told to run.
        (tiny_onnx.breaks_beyond(40), 2 << 30, (8, 64), "warm-up of signature 'serving_default' with 64 rows failed"),
        (tiny_onnx.takes_memory(16 << 20), 250 << 20, (), "killed: used "),
    ],
    ids=["fails", "is killed"],
)
def test_a_new_version_that_does_not_survive_its_start_leaves_the_old_one_serving(
    platform: RealPlatform, client: Client, tmp_path: Path, bad: bytes, memory: int, sizes: tuple[int, ...], words: str
) -> None:
    model = f"fragile-{memory >> 20}"
    for number, content in enumerate((tiny_onnx.adds(1), bad), 1):
        (tmp_path / f"{number}.onnx").write_bytes(content)
        assert push(client, model, tmp_path / f"{number}.onnx", NewVersion()).number == number
    client.models.move_alias(model, "production", 1)
    batching = {"sizes": sizes} if sizes else None
    deploy(client, model, model, Target(alias="production"), resources={"memory": memory}, batching=batching)
    key = new_key(platform)
    with Load(platform.url, key.text, f"/v2/models/{model}/infer", BODY, connections=4, per_second=80) as felt:
        felt.wait_more(20)
        client.models.move_alias(model, "production", 2)
        status = until(lambda: failing(client, model, words), "the new version's failure is told")
        felt.wait_more(100)
        client.models.move_alias(model, "production", 1)
        until(lambda: client.deployments.status(model).state == "serving", "all is well again")
        felt.wait_more(20)
    assert status.message.startswith("version 1 answers; version 2 failed: ")
    assert [part.version for part in status.traffic] == [1]
    assert felt.failures == []
    assert {answer.version for answer in felt.answers} == {1}
    client.deployments.delete(model)


def failing(client: Client, model: str, words: str) -> DeploymentStatus | None:
    """The deployment's status once it is degraded for this reason."""
    status = client.deployments.status(model)
    return status if status.state == "degraded" and words in status.message else None


def test_the_command_that_asked_for_it_says_why_it_does_not_serve(
    platform: RealPlatform, client: Client, tmp_path: Path
) -> None:
    path = tmp_path / "lonely.onnx"
    path.write_bytes(tiny_onnx.breaks_beyond(40))
    refused: Ran = platform.bms("deploy", str(path), "--batch-sizes", "8,64")
    assert refused.status == CONFLICT
    assert "warm-up of signature 'serving_default' with 64 rows failed" in refused.errors
    client.deployments.delete("lonely")
