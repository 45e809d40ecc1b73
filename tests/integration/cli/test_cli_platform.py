"""Commands against a real platform: what a person types, prints and gets as exit status."""

import json
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import numpy as np
import pytest
from PIL import Image
from prometheus_client.parser import text_string_to_metric_families
from prometheus_client.samples import Sample

from bms.core.errors import NotFound
from tests.pages import block_of, commands_of, ran
from tests.worlds.platforms import RealPlatform, bms, real_platform
from tests.worlds.whole_platform import until

DATA = Path(__file__).parents[2] / "data"


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


def test_a_number_of_classes_that_is_not_needed_is_said_so(digits: RealPlatform) -> None:
    asked = digits.good("predict", "digits", "--example", "--top", "2")
    assert "probabilities" in asked.out
    assert asked.errors == "bms: --top was not needed: it goes with --image or --text\n"
    assert digits.good("predict", "digits", "--example").errors == ""


def test_deploying_once_more_serves_the_newest_version(platform: RealPlatform) -> None:
    deployed = platform.good("deploy", str(DATA / "digits.onnx"), "--name", "twice")
    assert "version 1 answers" in deployed.out
    platform.good("model", "push", str(DATA / "digits.onnx"), "--name", "twice", "--no-wait")
    deployed = platform.good("deploy", "twice")
    assert "version 2 answers" in deployed.out, "the version that was being verified was waited for"
    tried = re.search(r"^try +(bms .*)$", deployed.out, re.MULTILINE)
    assert tried is not None
    asked = shlex.split(tried[1])
    assert asked[-2:] == ["--home", str(platform.home)]
    assert "probabilities" in bms(*asked[1:]).out, "it runs as it was printed"
    assert "probabilities" in platform.good("predict", "twice", "--example").out
    assert "version 1 answers" in platform.good("deployment", "rollback", "twice").out
    revisions = json.loads(platform.good("deployment", "revisions", "twice", "--json").out)
    assert [each["versions"] for each in revisions] == [[1], [2], [1]]
    assert "version 1 answers" in platform.good("deployment", "set", "twice", "--timeout", "9").out
    with platform.client() as client:
        spec = client.deployments.get("twice").spec
        assert (spec.model, [one.version for one in spec.targets], spec.timeout_s) == ("twice", [1], 9)
    platform.good("deployment", "set", "twice", "--target", "2", "--no-wait")
    with platform.client() as client:
        assert [one.version for one in client.deployments.get("twice").spec.targets] == [2]
    for words, says in (
        (
            ("set", "twice", "--model", "digits"),
            "'twice' serves 'twice' now: say by --target what of 'digits'",
        ),
        (("set", "thrice"), "no deployment 'thrice' yet: to make it, say --model and --target, too"),
        (("set", "thrice", "--target", "1"), "no deployment 'thrice' yet: to make it, say --model, too"),
    ):
        refused = platform.bms("deployment", *words)
        assert (refused.status != 0, says in refused.errors) == (True, True), refused.errors
    stopped = platform.good("deployment", "stop", "twice").out
    assert re.search(r"^state +stopped$", stopped, re.MULTILINE), stopped
    assert not re.search(r"^(serves|call|try)\b", stopped, re.MULTILINE), stopped
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
    assert "has gates accuracy ≥ 0.8, f1 ≥ 0.8\nversions that are ready" in platform.good(
        "model", "gates", "gated", "--set", "accuracy:digits>=0.8", "--set", "f1:digits>=0.8"
    ).out  # fmt: skip
    measured = json.loads(platform.good("model", "evaluate", "gated", "1", "--wait", "--json").out)
    assert [(one["metric"], one["state"]) for one in measured] == [("accuracy", "passed"), ("f1", "passed")]
    assert "version 1 answers" in platform.good("deploy", "gated").out
    assert re.search(
        r"accuracy on digits@1 validation +\S+, at least 0.8 is asked", platform.good("model", "show", "gated").out
    )
    assert "gated has no gates" in platform.good("model", "gates", "gated", "--clear").out
    shown = platform.good("model", "show", "gated").out
    assert re.search(r"accuracy on digits@1 validation +\S+, no gate asks for it any more", shown)
    assert "log_loss" not in shown
    assert "is asked" not in shown
    assert "accuracy" not in platform.good("model", "versions", "gated").out
    platform.good("deployment", "delete", "gated")


def test_the_pages_about_data_sets_have_the_same_commands_and_they_run_as_written(
    platform: RealPlatform, tmp_path: Path
) -> None:
    commands = commands_of("datasets", blocks=4)
    (tmp_path / "lands.csv").write_text('\ufeff"Country, code";area;members\nNA;825,6;\nDE;357,6;3\nZA;1221,0;NA\n')
    (tmp_path / "ages.txt").write_bytes("name|age|zip|x\nJosé|1|01234|1,5\nAnn|?|-|-\n".encode("cp1252"))
    for part, count in (("train", 10), ("test", 2)):
        for shade, kind in enumerate(("cat", "dog")):
            (tmp_path / "pets" / part / kind).mkdir(parents=True)
            for number in range(count):
                pixels = np.full((8, 8), (100 * shade + number) << 8, np.uint16)
                Image.fromarray(pixels).save(tmp_path / "pets" / part / kind / f"{number}.png")
    said = ran(commands, platform, tmp_path)
    for line in (
        r"^understood +columns are separated by ';'$",
        r"^understood +area +commas are read as decimal points: line 2, column 2 says '825,6'$",
        r"^as_text +Country, code +kept as text: line 2, column 1 says 'NA', a word like others here \(NA\);",
        r"^classes +DE, NA, ZA$",
        r"^changed +image +24 of 24 images have 16 bits a channel, of which the upper 8 are used$",
        r"^rows +train 16, validation 4, test 4$",
        r"^format +images$",
    ):
        assert len(re.findall(line, said, re.MULTILINE)) >= 2 - ("classes" in line), line
    assert re.search(r"^age +float +1$", said, re.MULTILINE)
    told = json.loads(platform.good("dataset", "show", "ages", "1", "--json").out)
    assert told["request"]["reading"]["columns"] == {"age": "number", "zip": "text"}
    assert [(one["name"], one["kind"], one["missing"]) for one in told["report"]["features"]] == [
        ("name", "text", 0), ("age", "float", 1), ("zip", "text", 1), ("x", "float", 1),
    ]  # fmt: skip
    refused = platform.bms("job", "train", "--recipe", "image-mlp", "--dataset", "ages", "--no-wait")
    assert (refused.status, "ages@1 has no rows in its split 'validation'" in refused.errors) == (5, True)


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
    newest = json.loads(digits.good("model", "show", "named", "--json").out)
    assert (newest["number"], newest["aliases"]) == (2, [])
    assert re.search(r"^aliases +production$", digits.good("model", "show", "named@1").out, re.MULTILINE)
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


def test_an_alias_of_a_version_that_is_not_served_is_not_found_until_it_is(digits: RealPlatform) -> None:
    for alias in ("production", "next"):
        digits.good("model", "push", str(DATA / "digits.onnx"), "--name", "ahead", "--alias", alias)
    digits.good("deploy", "ahead", "--alias", "production")
    with digits.client() as client:
        with pytest.raises(NotFound, match=r"'next' of 'ahead' is version 2, which is not served here: .* serves 1;"):
            client.predict("ahead", rows()[:1], alias="next")
        digits.good("deploy", "ahead", "--alias", "next")
        assert client.predict("ahead", rows()[:1], alias="next").version == 2


def test_a_version_is_downloaded_as_it_was_uploaded(digits: RealPlatform, tmp_path: Path) -> None:
    digits.good("model", "download", "digits", "1", "--to", str(tmp_path))
    assert (tmp_path / "digits.onnx").read_bytes() == (DATA / "digits.onnx").read_bytes()


def test_logs_of_replicas_are_shown_of_ended_ones_too(digits: RealPlatform, tmp_path: Path) -> None:
    said = ran(commands_of("logs", blocks=1), digits, tmp_path)
    with digits.client() as client:
        (first,) = client.deployments.replicas("digits")
        assert re.search(rf"^{first.id} +1 +ready ", said, re.MULTILINE)
        told = [json.loads(line) for line in said.splitlines() if line.startswith('{"replica"')]
        assert (told[0]["replica"], told[0]["version"]) == (first.id, 1)
        assert any('"event": "available"' in line["line"] for line in told)
        client.deployments.stop("digits")
        until(lambda: client.deployments.replicas("digits")[0].ended, "the end of the replica")
        assert "info: draining" in digits.good("logs", "digits").out, "of the last that ended, where none runs"
        client.deployments.start("digits")
        client.deployments.wait_ready("digits")
    assert "info: draining" in digits.good("logs", "digits", "--previous", "--follow").out
    assert "info: draining" not in digits.good("logs", "digits").out
    assert "draining" in digits.good("logs", "digits", "--replica", first.id).out
    assert digits.bms("logs", "nothing").status == 3


@pytest.mark.timeout(600)
def test_code_of_ones_own_becomes_a_served_model_as_the_page_says(platform: RealPlatform, tmp_path: Path) -> None:
    (tmp_path / "flowers").mkdir()
    (tmp_path / "flowers" / "train.py").write_text(block_of("training", "code"))
    said = ran(commands_of("training", blocks=1), platform, tmp_path)
    assert "version 1 of flowers: skops (runtime sklearn)" in said
    assert "next: bms deploy flowers\n" in said
    assert "version 1 answers" in said
    with platform.client() as client:
        version = client.models.version("flowers", 1)
        assert version.metrics["accuracy"] > 0.8
        assert version.signatures["serving_default"].labels == ("setosa", "versicolor", "virginica")
        assert {text.partition("==")[0] for text in version.environment.requirements} == {"scikit-learn", "skops"}
    code = block_of("training", "python").replace("http://127.0.0.1:8000", platform.url)
    script = f"import os; os.chdir({str(tmp_path)!r})\n" + code.replace("…the key…", platform.key)
    asked = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=300, check=False)
    assert asked.returncode == 0, asked.stderr
    assert asked.stdout.startswith("2 ")
    (tmp_path / "flowers" / "train.py").write_text("def main(job):\n    job.metric('accuracy', 1.0)\n")
    (job,) = [each["id"] for each in json.loads(platform.good("job", "list", "--kind", "train", "--json").out)][:1]
    assert re.search(r"^model/model.skops +\d", platform.good("job", "output", job).out, re.MULTILINE)
    platform.good("job", "output", job, "--to", str(tmp_path / "made"))
    assert (tmp_path / "made" / "model" / "model.skops").stat().st_size > 1000
    none = platform.bms(
        "job", "train", "--code", str(tmp_path / "flowers"), "--entry", "train.py", "--model", "flowers"
    )
    assert none.status == 5
    assert "and it left none: save it by `job.save_model(model)`" in none.errors
    platform.good("deployment", "delete", "flowers")


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
    with digits.client() as client:  # gateways ship their books in batches
        until(lambda: sum(row.requests for row in client.usage.summary(key=key["key"]["id"])) == 3, "all is billed")
    told = digits.good("usage", "--of-key", key["key"]["id"], "--by", "deployment,version", "--json")
    sums = json.loads(told.out)
    assert [(each["version"], each["requests"], each["rows"]) for each in sums] == [(1, 3, 3)]
    assert "digits" in digits.good("usage", "--of-key", key["key"]["id"]).out
    lines = digits.good("usage", "--of-key", key["key"]["id"], "--meters").out.splitlines()
    assert lines[0].split() == ["DEPLOYMENT", "VERSION", "METER", "QUANTITY", "UNIT"]
    assert any(line.split()[2:] == ["requests", "3", "1"] for line in lines), lines
    assert any(line.split()[2::2] == ["total_ns", "nanoseconds"] for line in lines), lines
    assert len(digits.good("usage", "--of-key", key["key"]["id"], "--csv").out.splitlines()) == 4


def test_usage_shows_what_is_held_over_a_time(digits: RealPlatform) -> None:
    table = digits.good("usage").out.splitlines()
    assert table[0].split()[-3:] == ["REPLICAS", "JOBS", "STORED"]
    assert any(line.startswith("digits") and " h " in line for line in table), table
    lines = digits.good("usage", "--by", "meter").out.splitlines()
    assert lines[0].split() == ["METER", "QUANTITY", "UNIT"]
    told = {line.split()[0]: (int(line.split()[1]), line.split()[2]) for line in lines[1:]}
    units = {"replica_cpu_ms": "core-milliseconds", "job_ms": "milliseconds", "storage_byte_s": "byte-seconds"}
    assert {meter: told[meter][1] for meter in units} == units
    assert min(told[meter][0] for meter in units) > 0


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
        beside = re.findall(r'(?:src|href)="(docs/[^"]+)"', page.text)
        assert len(beside) == 2
        for path in beside:
            assert nobody.get(f"/{path}").status_code == 200
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
        (("predict", "digits"), 2, "--data, --image, --text or --example"),
        (("predict", "digits", "--text", "hi"), 2, "'digits' has no input 'text', which --text is for: it takes 'x'"),
        (("job", "show", "job_nothing"), 3, "job_nothing"),
        (("dataset", "import", "d", "--sample", "nothing"), 5, "nothing"),
        (("dataset", "import", "d", "pyproject.toml"), 2, "say the format: csv, jsonl"),
        (("dataset", "import", "d", "pyproject.toml", "--column", "age"), 2, "of the form NAME=TYPE, like age=number"),
    ],
)
def test_what_goes_wrong_is_said_with_its_status(
    platform: RealPlatform, arguments: tuple[str, ...], status: int, words: str
) -> None:
    said = platform.bms(*arguments)
    assert (said.status, said.out) == (status, "")
    assert words in said.errors
    assert "Traceback" not in said.errors
    in_json = platform.bms(*arguments, "--json")
    assert in_json.status == status
    assert words in json.loads(in_json.errors)["error"]
