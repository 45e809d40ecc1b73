"""Commands against a real platform: what a person types, prints and gets as exit status."""

import json
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import httpx
import numpy as np
import pytest
from prometheus_client.parser import text_string_to_metric_families
from prometheus_client.samples import Sample

from tests.platforms import RealPlatform, bms, real_platform
from tests.whole_platform import until

DATA = Path(__file__).parents[1] / "data"


@pytest.fixture(scope="module")
def platform(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RealPlatform]:
    with real_platform(tmp_path_factory.mktemp("cli") / "home") as running:
        yield running


@pytest.fixture(scope="module")
def digits(platform: RealPlatform) -> RealPlatform:
    """The platform with a deployment `digits` that answers."""
    pushed = platform.good("model", "push", str(DATA / "digits.onnx"), "--name", "digits", "--alias", "production")
    assert "ready" in pushed.out
    assert "serving" in platform.good("deploy", "digits", "--alias", "production").out
    return platform


def rows() -> np.ndarray:
    with np.load(DATA / "digits.npz") as arrays:
        return np.asarray(next(arrays[name] for name in arrays.files if arrays[name].ndim == 2))


def test_status_says_what_runs(digits: RealPlatform) -> None:
    shown = digits.good("status").out
    assert digits.url in shown
    assert "digits" in shown
    told = json.loads(digits.good("status", "--json").out)
    assert told["ready"] is True
    assert {process["name"] for process in told["processes"]} >= {"supervisor", "control", "gateway-0"}
    assert all(process["memory"] > 2**20 for process in told["processes"])
    assert [each["state"] for each in told["deployments"]] == ["serving"]


def test_sdk_and_cli_predict_the_same_on_every_wire(digits: RealPlatform, tmp_path: Path) -> None:
    batch = rows()[:5].astype(np.float32)
    np.save(tmp_path / "rows.npy", batch)
    (tmp_path / "rows.json").write_text(json.dumps(batch.tolist()))
    with digits.client() as client:
        info = client.metadata("digits")
        inputs = {info.inputs[0].name: batch}
        raw = client.predict("digits", inputs)
        as_json = client.predict("digits", inputs, wire="json")
        columns = client.predict("digits", inputs, wire="tfserving")
        by_alias = client.predict("digits", inputs, alias="production")
        by_version = client.predict("digits", batch.tolist(), version=1)
        assert client.latency().count == 5
    assert raw.version == by_alias.version == by_version.version == 1
    for name, array in raw.outputs.items():
        for other in (as_json, by_alias, by_version):
            assert other.outputs[name].dtype == array.dtype
            np.testing.assert_array_equal(other.outputs[name], array)
        np.testing.assert_array_equal(
            np.asarray(columns.outputs.get(name, columns.outputs.get("output")), array.dtype), array
        )
    for data in ("rows.npy", "rows.json"):
        told = json.loads(digits.good("predict", "digits", "--data", str(tmp_path / data), "--json").out)
        assert told["version"] == 1
        for name, array in raw.outputs.items():
            np.testing.assert_array_equal(np.asarray(told["outputs"][name], array.dtype), array)


def test_deploying_once_more_serves_the_newest_version(platform: RealPlatform) -> None:
    deployed = platform.good("deploy", str(DATA / "digits.onnx"), "--name", "twice")
    assert "version 1 answers" in deployed.out
    platform.good("model", "push", str(DATA / "digits.onnx"), "--name", "twice")
    assert "version 2 answers" in platform.good("deploy", "twice").out
    assert "version 1 answers" in platform.good("deployment", "rollback", "twice").out
    revisions = json.loads(platform.good("deployment", "revisions", "twice", "--json").out)
    assert [each["versions"] for each in revisions] == [[1], [2], [1]]
    platform.good("deployment", "delete", "twice")
    assert platform.bms("deployment", "status", "twice").status == 3


def test_a_broken_model_is_rejected_with_the_reason(platform: RealPlatform, tmp_path: Path) -> None:
    broken = tmp_path / "broken.onnx"
    broken.write_bytes(b"this is no model")
    pushed = platform.bms("model", "push", str(broken), "--name", "broken")
    assert pushed.status == 5
    assert "was rejected" in pushed.errors
    versions = json.loads(platform.good("model", "versions", "broken", "--json").out)
    assert versions[0]["state"] == "rejected"


def test_gates_are_set_waited_for_and_asked_before_anything_is_served(platform: RealPlatform) -> None:
    """One data set is absent, so that its gate can't be measured: it alone, and it says why."""
    source = ("digits", str(DATA / "digits.npz"), "--format", "npz", "--label", "y")
    platform.good("dataset", "import", *source, "--wait")
    wrong = platform.bms("model", "create", "gated", "--gate", "rmse:digits>=1")
    assert (wrong.status != 0, "'rmse:digits:validation<=1'" in wrong.errors) == (True, True)
    platform.good("model", "create", "gated", "--gate", "accuracy:digits>=0.8", "--gate", "log_loss:nothere<=1")
    refused = platform.bms("deploy", str(DATA / "digits.onnx"), "--name", "gated")
    assert refused.status == 5, refused.errors
    assert (
        "log_loss on nothere (validation) can't be measured, at most 1 is asked: no data set 'nothere'"
        in refused.errors
    )
    assert "accuracy on" not in refused.errors, "it was waited for, and passed"
    found = json.loads(platform.good("model", "gates", "gated", "--json").out)
    assert [(one["metric"], one["state"]) for one in found] == [("accuracy", "passed"), ("log_loss", "unmeasurable")]
    shown = platform.good("model", "gates", "gated", "1").out
    assert "accuracy at least 0.8" in shown
    assert "output 'label'" in shown or "output 'probabilities'" in shown
    assert "asks for accuracy ≥ 0.8, f1 ≥ 0.8\nversions that are ready" in platform.good(
        "model", "gates", "gated", "--set", "accuracy:digits>=0.8", "--set", "f1:digits>=0.8"
    ).out  # fmt: skip
    measured = json.loads(platform.good("model", "evaluate", "gated", "1", "--wait", "--json").out)
    assert [(one["metric"], one["state"]) for one in measured] == [("accuracy", "passed"), ("f1", "passed")]
    assert "version 1 answers" in platform.good("deploy", "gated").out
    assert re.search(
        r"accuracy on digits@1 validation +\S+, at least 0.8 is asked", platform.good("model", "show", "gated").out
    )
    assert "gated asks for nothing" in platform.good("model", "gates", "gated", "--clear").out
    shown = platform.good("model", "show", "gated").out
    assert re.search(r"accuracy on digits@1 validation +\S+, no gate asks for it any more", shown)
    assert "log_loss" not in shown
    assert "is asked" not in shown
    assert "accuracy" not in platform.good("model", "versions", "gated").out
    platform.good("deployment", "delete", "gated")


def test_a_version_is_named_by_number_or_alias_or_is_the_newest(digits: RealPlatform) -> None:
    digits.good("model", "push", str(DATA / "digits.onnx"), "--name", "named", "--alias", "production")
    digits.good("model", "push", str(DATA / "digits.onnx"), "--name", "named")
    for words, number, said in (
        (("named",), 2, "version 2, the newest of named\n"),
        (("named@production",), 1, "version 1, which alias production of named points at\n"),
        (("named@1",), 1, ""),
        (("named", "1"), 1, ""),
    ):
        shown = digits.good("model", "show", *words).out
        assert shown.startswith(said or "model")
        assert re.search(rf"^version +{number}$", shown, re.MULTILINE)
    assert json.loads(digits.good("model", "show", "named", "--json").out)["number"] == 2
    assert digits.good("model", "log", "named").out.startswith("version 2, the newest of named\n")
    digits.good("model", "create", "none-yet")
    for wrong, says in (
        (("named@staging",), "'staging'"),
        (("named@1", "2"), "give 'named@1' or version 2, not both"),
        (("none-yet",), "model 'none-yet' has no version: `bms model push PATH --name none-yet` makes one"),
        (("nothing",), "'nothing'"),
    ):
        refused = digits.bms("model", "show", *wrong)
        assert (bool(refused.status), refused.out) == (True, "")
        assert says in refused.errors


def test_a_version_is_downloaded_as_it_was_uploaded(digits: RealPlatform, tmp_path: Path) -> None:
    digits.good("model", "download", "digits", "1", "--to", str(tmp_path))
    assert (tmp_path / "digits.onnx").read_bytes() == (DATA / "digits.onnx").read_bytes()


def test_keys_are_made_used_and_revoked(digits: RealPlatform) -> None:
    made = digits.good("key", "create", "app", "--scope", "inference:invoke", "--expires", "1h", "--quiet")
    key = made.out.strip()
    row = json.dumps([rows()[0].tolist()])
    asked = ("predict", "digits", "--data", row, "--url", digits.url)
    assert bms(*asked, "--key", key).status == 0
    assert bms(*asked, BMS_KEY=key).status == 0
    refused = bms("model", "list", "--url", digits.url, BMS_KEY=key)
    assert refused.status == 4
    assert "models:read" in refused.errors
    digits.good("key", "revoke", key.partition(".")[0])
    assert bms("tenant", "whoami", "--url", digits.url, "--key", key).status == 4


def test_usage_sums_up_what_was_asked(digits: RealPlatform) -> None:
    key = json.loads(digits.good("key", "create", "counted", "--json").out)
    for _ in range(3):
        ran = bms(
            "predict", "digits", "--data", json.dumps([rows()[0].tolist()]), "--url", digits.url, BMS_KEY=key["text"]
        )
        assert ran.status == 0, ran.errors
    sums: list[dict[str, object]] = []
    for _ in range(100):  # gateways ship their books in batches
        told = digits.good("usage", "--of-key", key["key"]["id"], "--by", "deployment,version", "--json")
        sums = json.loads(told.out)
        if sums and sums[0]["requests"] == 3:
            break
    assert [(each["version"], each["requests"], each["rows"]) for each in sums] == [(1, 3, 3)]
    assert "digits" in digits.good("usage", "--of-key", key["key"]["id"]).out
    assert len(digits.good("usage", "--of-key", key["key"]["id"], "--csv").out.splitlines()) == 4


def test_what_was_served_streamed_and_refused_is_told_to_prometheus(digits: RealPlatform) -> None:
    row = rows()[0].astype(float).tolist()
    headers = {"authorization": f"Bearer {digits.key}"}
    late = {"inputs": [{"name": "x", "datatype": "FP32", "shape": [1, 64], "data": row}], "parameters": {"timeout": 1}}
    with httpx.Client(base_url=digits.url, headers=headers, trust_env=False) as http, digits.client() as client:
        assert http.post("/v1/models/digits:predict", json={"instances": [row]}).status_code == 200
        assert "data:" in http.post("/v2/models/digits/generate_stream", json={"x": row}).text
        assert http.post("/v1/models/digits:predict", json={"instances": [[1.0]]}).status_code == 400
        assert http.post("/v2/models/digits/infer", json=late).status_code == 504
        asked = until(lambda: _told(client.system.metrics(), "504"), "the gateway's counts come to control")
        told = client.system.metrics()
        open_to_all = httpx.get(f"{digits.url}/metrics", trust_env=False)
        assert open_to_all.headers["content-type"] == "text/plain; version=0.0.4; charset=utf-8"
    assert asked["tenant"] == "default"
    assert asked["deployment"].startswith("dep_")
    ran = [sample for sample in _samples(told) if sample.name == "bms_model_server_rows_total"]
    mine = [sample for sample in ran if sample.labels["deployment"] == asked["deployment"]]
    assert mine
    assert all(sample.labels["name"] == "digits" and sample.labels["tenant"] == "default" for sample in mine)
    gateways = {sample.labels["gateway"] for sample in _samples(told) if sample.name == "bms_gateway_connections"}
    assert gateways == {"0"}
    assert not any({"name", "tenant"} & set(sample.labels) for sample in _samples(open_to_all.text))
    for text in (told, open_to_all.text):
        promtool(text)


def test_the_api_is_described_on_the_same_port_for_programs_and_people(platform: RealPlatform) -> None:
    with httpx.Client(base_url=platform.url, trust_env=False) as nobody:
        document = nobody.get("/api/v1/openapi.json").json()
        page = nobody.get("/docs")
        assert "script-src 'self'" in page.headers["content-security-policy"]
        for path in re.findall(r'(?:src|href)="(/docs/[^"]+)"', page.text):
            assert nobody.get(path).status_code == 200
    assert {"/api/v1/keys", "/v2/models/{model}/infer", "/v1/embeddings"} <= set(document["paths"])


def _told(text: str, code: str) -> dict[str, str]:
    """The labels of the deployment's requests that ended with the status `code`."""
    for sample in _samples(text):
        labels = sample.labels
        if sample.name == "bms_gateway_requests_total" and (labels["name"], labels["code"]) == ("digits", code):
            return dict(labels)
    return {}


def _samples(text: str) -> list[Sample]:
    """All of an exposition, as prometheus_client reads it; one that has a sample twice is none."""
    samples = [sample for family in text_string_to_metric_families(text) for sample in family.samples]
    names = [(sample.name, tuple(sorted(sample.labels.items()))) for sample in samples]
    assert len(names) == len(set(names))
    assert sum(line[:1] not in ("#", "") for line in text.splitlines()) == len(samples)
    return samples


def promtool(text: str) -> None:
    """Prometheus's own checker, where this machine has it (Debian: apt install prometheus)."""
    if (tool := shutil.which("promtool")) is not None:
        checked = subprocess.run([tool, "check", "metrics"], input=text, capture_output=True, text=True, check=False)
        assert checked.returncode == 0, checked.stderr


def test_a_profile_says_where_to_go(platform: RealPlatform, tmp_path: Path) -> None:
    config = {"XDG_CONFIG_HOME": str(tmp_path)}
    assert bms("profile", "set", "--home", str(platform.home), **config).status == 0
    assert (tmp_path / "bms" / "profile.toml").stat().st_mode & 0o777 == 0o600
    me = bms("tenant", "whoami", "--json", **config)
    assert json.loads(me.out)["tenant"] == "default"
    shown = bms("profile", "show", **config).out
    assert platform.url in shown
    assert platform.key not in shown


@pytest.mark.parametrize(
    ("arguments", "status", "words"),
    [
        (("model", "show", "nothing", "1"), 3, "nothing"),
        (("user", "create", "Not A Name"), 2, "lower-case"),
        (("user", "create", "admin"), 5, "exists already"),
        (("key", "create", "--expires", "soon"), 2, "length of time"),
        (("model", "push", "/no/such/file", "--name", "m"), 3, "no file or directory"),
        (("deploy", "no-such-model"), 3, "no-such-model"),
        (("predict", "digits"), 2, "--data, --image or --text"),
        (("predict", "digits", "--text", "hi"), 2, "'digits' has no input 'text', which --text is for: it takes 'x'"),
        (("job", "show", "job_nothing"), 3, "job_nothing"),
        (("dataset", "import", "d", "--sample", "nothing"), 5, "nothing"),
    ],
)
def test_what_goes_wrong_is_said_with_its_status(
    platform: RealPlatform, arguments: tuple[str, ...], status: int, words: str
) -> None:
    ran = platform.bms(*arguments)
    assert (ran.status, ran.out) == (status, "")
    assert words in ran.errors
    assert "Traceback" not in ran.errors
    in_json = platform.bms(*arguments, "--json")
    assert in_json.status == status
    assert words in json.loads(in_json.errors)["error"]
