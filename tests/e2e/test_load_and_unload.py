"""A model loaded, asked and unloaded by tritonclient alone, on a whole platform with two gateways."""

import subprocess
import sys
from pathlib import Path

from tests.worlds.platforms import RealPlatform
from tests.worlds.whole_platform import push, until

PROGRAM = """
import sys
import numpy as np
import tritonclient.http as triton
from tritonclient.utils import InferenceServerException

address, key, data = sys.argv[1:]
headers = {"Authorization": f"Bearer {key}"}
rows = np.load(data)["x"][:5].astype(np.float32)
given = triton.InferInput("x", list(rows.shape), "FP32")
given.set_data_from_numpy(rows)

def fresh():
    return triton.InferenceServerClient(address)  # a connection of its own, to any of the gateways

def states():
    return {each["name"]: each["state"] for each in fresh().get_model_repository_index(headers=headers)}

assert states() == {}
fresh().load_model("digits", headers=headers)
for _ in range(8):
    assert fresh().is_model_ready("digits", headers=headers)
    labels = fresh().infer("digits", [given], headers=dict(headers)).as_numpy("label")
assert states() == {"digits": "READY"}
fresh().unload_model("digits", headers=headers)
for _ in range(8):
    assert not fresh().is_model_ready("digits", headers=headers)
    try:
        fresh().infer("digits", [given], headers=dict(headers))
    except InferenceServerException as error:
        assert error.status() == "503", error
    else:
        raise AssertionError("an unloaded model answered")
assert states() == {"digits": "UNAVAILABLE"}
fresh().load_model("digits", headers=headers)
again = fresh().infer("digits", [given], headers=dict(headers)).as_numpy("label")
assert np.array_equal(labels, again)
for name, said in (("nothing", "no model 'nothing'"), ("digits/../x", "nothing is at")):
    try:
        fresh().load_model(name, headers=headers)
    except InferenceServerException as error:
        assert said in error.message(), error.message()
    else:
        raise AssertionError(f"{name} was loaded")
print("done")
"""
DIGITS = Path(__file__).parent.parent / "data" / "digits.npz"


def run(platform: RealPlatform, folder: Path) -> None:
    program = folder / "client.py"
    program.write_text(PROGRAM)
    command = [sys.executable, str(program), platform.url.removeprefix("http://"), platform.key, str(DIGITS)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=100, check=False)
    assert done.stdout.splitlines()[-1:] == ["done"], (done.stdout, done.stderr)


def test_tritonclient_loads_and_unloads(tenant: RealPlatform, tmp_path: Path) -> None:
    with tenant.client() as client:
        push(client, "digits")
        client.models.move_alias("digits", "production", 1)
    run(tenant, tmp_path)
    assert "digits" in tenant.good("deployment", "stop", "digits").out
    with tenant.client() as client:
        until(
            lambda: [one.state for one in client.deployments.status("digits").replicas] in ([], ["stopped"]),
            "the end of its replicas",
        )
        assert client.deployments.status("digits").state == "stopped"
    assert "serving" in tenant.good("deployment", "start", "digits").out
