"""Models that are elsewhere, end to end: from `bms secret set` and `bms model push upstream.json` to a prediction."""

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path

import grpc
import httpx
import numpy as np
import pytest
from tritonclient.grpc import service_pb2, service_pb2_grpc

from tests.peers.upstreams import OpenAi, embedding, openai_server
from tests.worlds.platforms import RealPlatform, bms, real_platform
from tests.worlds.whole_platform import DIGITS, until

KEY = "sk-quarry-of-the-end-to-end-test"
ROWS = np.random.default_rng(0).random((3, 64), dtype=np.float32)


@pytest.fixture(scope="module")
def openai() -> Iterator[OpenAi]:
    with openai_server(KEY) as server:
        yield server


@pytest.fixture(scope="module")
def home_of_models(tenant: RealPlatform) -> RealPlatform:
    """The upstream: another platform, that speaks OIP."""
    tenant.good("model", "push", str(DIGITS), "--name", "digits")
    tenant.good("deploy", "digits")
    return tenant


@pytest.fixture(scope="module")
def platform(
    tmp_path_factory: pytest.TempPathFactory, openai: OpenAi, home_of_models: RealPlatform
) -> Iterator[RealPlatform]:
    folder = tmp_path_factory.mktemp("forwarding")
    allowed = [httpx.URL(home_of_models.url).netloc.decode(), openai.place]
    with real_platform(folder / "home", *(f"--allow-upstream={place}" for place in allowed)) as running:
        set_secret(running, "openai", KEY)
        set_secret(running, "digits-key", home_of_models.key)
        yield running


def set_secret(platform: RealPlatform, name: str, value: str, *more: str) -> None:
    done = bms("secret", "set", name, *more, "--home", str(platform.home), typed=f"{value}\n")
    assert done.status == 0, done.errors
    assert value not in done.out + done.errors


def upstream_file(folder: Path, **upstream: object) -> str:
    folder.mkdir(exist_ok=True)
    path = folder / "upstream.json"
    path.write_text(json.dumps(upstream))
    return str(path)


def infer(platform: RealPlatform, name: str, **body: object) -> httpx.Response:
    headers = {"authorization": f"Bearer {platform.key}"}
    return httpx.post(f"{platform.url}/v2/models/{name}/{body.pop('verb', 'infer')}", json=body, headers=headers)


def texts(*values: str) -> list[dict[str, object]]:
    return [{"name": "text", "datatype": "BYTES", "shape": [len(values)], "data": list(values)}]


def pushed_back_ms(platform: RealPlatform, name: str) -> int:
    """How long a refusal by gRPC asks to wait."""
    with grpc.insecure_channel(httpx.URL(platform.url).netloc.decode()) as channel:
        stub = service_pb2_grpc.GRPCInferenceServiceStub(channel)
        given = {"name": "text", "datatype": "BYTES", "shape": [1], "contents": {"bytes_contents": [b"x"]}}
        request = service_pb2.ModelInferRequest(model_name=name, inputs=[given])
        with pytest.raises(grpc.RpcError) as refused:
            stub.ModelInfer(request, timeout=20, metadata=[("authorization", f"Bearer {platform.key}")])
    assert refused.value.code() == grpc.StatusCode.UNAVAILABLE
    return int(dict(refused.value.trailing_metadata())["grpc-retry-pushback-ms"])


def test_another_platform_s_model_answers_as_it_does_there(
    platform: RealPlatform, home_of_models: RealPlatform, tmp_path: Path
) -> None:
    file = upstream_file(
        tmp_path / "a", url=home_of_models.url, protocol="oip", model="digits", secret="digits-key", timeout_s=20
    )
    told = platform.good("deploy", file, "--name", "far-digits").out
    assert "remote" in told or "upstream" in told, told
    with platform.client() as here, home_of_models.client() as there:
        far, near = here.predict("far-digits", ROWS), there.predict("digits", ROWS)
        assert far.outputs.keys() == near.outputs.keys()
        assert all(np.array_equal(far.outputs[name], near.outputs[name]) for name in near.outputs)
        version = here.models.version("far-digits", 1)
        assert (version.runtime, version.format, version.environment.requirements) == ("remote", "upstream", ())
        (mine,), (theirs,) = version.signatures.values(), there.models.version("digits", 1).signatures.values()
        assert (mine.inputs, mine.outputs, mine.batched) == (theirs.inputs, theirs.outputs, True)


def test_embeddings_and_generated_text_come_from_an_openai_server(
    platform: RealPlatform, openai: OpenAi, tmp_path: Path
) -> None:
    same = {"url": openai.url, "model": "m-1", "secret": "openai"}
    platform.good("deploy", upstream_file(tmp_path / "e", protocol="openai-embeddings", **same), "--name", "embedder")
    platform.good("deploy", upstream_file(tmp_path / "g", protocol="openai", **same), "--name", "writer")
    answer = infer(platform, "embedder", inputs=texts("one more", "", "three little words"))
    assert answer.status_code == 200, answer.text
    outputs = {each["name"]: each for each in answer.json()["outputs"]}
    expected = [*embedding("one more"), *embedding(" "), *embedding("three little words")]
    assert (outputs["embedding"]["shape"], outputs["embedding"]["data"]) == ([3, 4], expected)
    assert (outputs["tokens"]["datatype"], sum(outputs["tokens"]["data"])) == ("INT32", 5)
    events = infer(platform, "writer", verb="generate_stream", text="to be or not").text.split("\n\n")
    assert [json.loads(event.removeprefix("data: "))["text"] for event in events if event] == [
        "to ", "be ", "or ", "not "
    ]  # fmt: skip
    cut = infer(platform, "writer", verb="generate_stream", text="to CUT").text
    assert "broke its answer off" in cut
    assert openai.bodies[-1]["model"] == "m-1"
    with platform.client() as client:

        def tokens() -> dict[tuple[str | None, str | None], int]:
            rows = client.usage.summary(group_by=("model", "meter"), meters=("input_tokens", "output_tokens"))
            return {(row.model, row.meter): row.quantities[row.meter or ""] for row in rows}

        counted = {("embedder", "input_tokens"): 5, ("writer", "input_tokens"): 7, ("writer", "output_tokens"): 4}
        until(lambda: counted.items() <= tokens().items(), "tokens are in the books as the upstream counted them")


def test_many_ask_at_once_and_who_leaves_lets_go_of_the_call_to_the_upstream(
    platform: RealPlatform, openai: OpenAi, tmp_path: Path
) -> None:
    file = upstream_file(
        tmp_path / "m", url=openai.url, protocol="openai-embeddings", model="m-3", secret="openai", concurrency=8
    )
    platform.good("deploy", file, "--name", "many")
    openai.most = openai.gone = 0
    with ThreadPoolExecutor(12) as pool:
        try:
            asked = [pool.submit(infer, platform, "many", inputs=texts(f"HOLD {number}")) for number in range(12)]
            until(lambda: openai.now == 8, "eight are held")
            with pytest.raises(httpx.ReadTimeout):
                httpx.post(
                    f"{platform.url}/v2/models/many/infer",
                    json={"inputs": texts("word"), "parameters": {"priority": 1}},
                    headers={"authorization": f"Bearer {platform.key}"},
                    timeout=0.2,
                )
            assert (openai.now, openai.most) == (8, 8)
        finally:
            openai.let_go.set()
        assert [one.result().status_code for one in asked] == [200] * 12
        assert openai.most == 8
        openai.let_go.clear()
        with pytest.raises(httpx.ReadTimeout):
            httpx.post(
                f"{platform.url}/v1/embeddings",
                json={"model": "many", "input": "HOLD"},
                headers={"authorization": f"Bearer {platform.key}"},
                timeout=1.0,
            )
        until(lambda: openai.gone == 1, "the upstream's connection is closed")


def test_what_the_upstream_refuses_is_told_without_its_secret(
    platform: RealPlatform, openai: OpenAi, tmp_path: Path
) -> None:
    file = upstream_file(
        tmp_path / "e", url=openai.url, protocol="openai-embeddings", model="m-2", secret="openai", timeout_s=5
    )
    platform.good("deploy", file, "--name", "refused")
    try:
        for status, told in ((400, 400), (401, 412), (429, 503), (500, 503)):
            openai.refuse = status
            answer = infer(platform, "refused", inputs=texts("x"))
            assert answer.status_code == told, (status, answer.text)
            assert KEY not in answer.text
            assert f"status {status}" in answer.text
        openai.refuse = 429
        for wait, said in (("", 1), ("7", 7), ("1.5", 2), ("-3", 1), ("86400", 3600), ("soon", 1)):
            openai.wait = wait
            assert infer(platform, "refused", inputs=texts("x")).headers["retry-after"] == str(said), wait
            assert abs(pushed_back_ms(platform, "refused") - (float(wait) if wait == "1.5" else said) * 1000) <= 1, wait
        openai.wait = format_datetime(datetime.now(UTC) + timedelta(seconds=90), usegmt=True)
        assert 80 <= int(infer(platform, "refused", inputs=texts("x")).headers["retry-after"]) <= 90
    finally:
        openai.refuse, openai.wait = 0, ""
    assert infer(platform, "refused", inputs=texts("x")).status_code == 200


@pytest.mark.parametrize(
    ("change", "words"),
    [
        # Of all such addresses: `test_upstreams.py`.
        pytest.param({"url": "http://169.254.169.254/latest"}, "is not a public address", marks=pytest.mark.long),
        pytest.param({"url": "http://127.0.0.1:1/v1"}, "is not a public address", marks=pytest.mark.long),
        ({"url": "http://localhost:8000/v1"}, "is not a public address"),
        ({"secret": "no-such"}, "no secret 'no-such' in this tenant"),
        ({"secret": "elsewhere"}, "may be sent to api.example.com alone"),
        ({"protocol": "oip"}, "status 404"),
        ({"headers": {"x": "y"}}, "unknown field `headers`"),
    ],
)
def test_an_upstream_that_may_not_be_reached_or_is_none_is_a_rejected_version(
    platform: RealPlatform, openai: OpenAi, tmp_path: Path, change: dict[str, object], words: str
) -> None:
    set_secret(platform, "elsewhere", KEY, "--host", "api.example.com")
    upstream = {"url": openai.url, "protocol": "openai-embeddings", "model": "m", "secret": "openai", **change}
    ran = platform.bms("model", "push", upstream_file(tmp_path / "bad", **upstream), "--name", "bad")
    assert ran.status != 0
    assert words in ran.errors + ran.out
    assert KEY not in ran.errors + ran.out


def test_an_upstream_with_requirements_gets_no_secret(platform: RealPlatform, openai: OpenAi, tmp_path: Path) -> None:
    """Packages of an environment of the tenant's could read it."""
    folder = tmp_path / "more"
    upstream_file(folder, url=openai.url, protocol="openai-embeddings", model="m", secret="openai")
    ran = platform.bms("model", "push", str(folder), "--name", "more", "--requirement", "attrs")
    assert ran.status != 0
    assert "platform's own environment" in ran.errors + ran.out


def test_a_secret_that_is_deleted_or_set_anew_counts_from_the_next_start_on(
    platform: RealPlatform, openai: OpenAi, tmp_path: Path
) -> None:
    set_secret(platform, "passing", "wrong")
    same = {"url": openai.url, "protocol": "openai-embeddings", "model": "m", "secret": "passing"}
    file = upstream_file(tmp_path / "p", **same)
    refused = platform.bms("model", "push", file, "--name", "passing")
    assert "refuses our credentials" in refused.errors + refused.out
    set_secret(platform, "passing", KEY)
    platform.good("deploy", file, "--name", "passing")
    with platform.client() as client:
        assert [(each.name, each.usable) for each in client.secrets.list()] == [
            (name, True) for name in ("digits-key", "elsewhere", "openai", "passing")
        ]
        platform.good("secret", "delete", "passing")
        assert infer(platform, "passing", inputs=texts("x")).status_code == 200, "what runs keeps it"
        platform.good("deployment", "stop", "passing")
        platform.good("deployment", "start", "passing", "--no-wait")
        until(
            lambda: "no secret 'passing'" in str(client.deployments.status("passing")), "the replica says what it lacks"
        )


def test_values_are_nowhere_but_in_the_processes_that_need_them(
    platform: RealPlatform, home_of_models: RealPlatform
) -> None:
    """After all of the above: no file of the home, log, event, row, command line or environment holds one."""
    secret = home_of_models.key.partition(".")[2].encode()
    values = [KEY.encode(), secret]
    held = [
        path
        for path in platform.home.rglob("*")
        if path.is_file() and any(value in path.read_bytes() for value in values)
    ]
    assert held == []
    database = (platform.home / "bms.db").read_bytes() + (platform.home / "bms.db-wal").read_bytes()
    assert b"digits-key" in database, "the control: names are there"
    seen = 0
    for process in Path("/proc").glob("[0-9]*"):
        try:
            words = (process / "cmdline").read_bytes() + (process / "environ").read_bytes()
        except OSError:
            continue
        seen += str(platform.home).encode() in words
        assert not any(value in words for value in values), words
    assert seen >= 3
