"""scikit-learn, from training to answers over every wire."""

import json
from pathlib import Path

import httpx
import numpy as np
import pytest

from tests.contract.runtimes.cases.sklearn import TABLES
from tests.framework_env import SKLEARN, made_by
from tests.frameworks.agreement import deploy, serves_alike
from tests.worlds.platforms import RealPlatform

pytestmark = pytest.mark.timeout(600)
MAKER = Path(__file__).with_name("make_sklearn.py")


@pytest.fixture(scope="module")
def made() -> Path:
    return made_by(MAKER, SKLEARN)


def test_a_skops_file_answers_as_the_pipeline(platform: RealPlatform, made: Path) -> None:
    version = serves_alike(platform, made / "wine" / "model", made / "wine" / "expected.npz", name="wine")
    assert (version.runtime, version.format) == ("sklearn", "skops")
    assert version.environment.requirements == ("scikit-learn", "skops")
    signature = version.signatures["serving_default"]
    assert (signature.method, signature.labels) == ("classify", ("barbera", "barolo", "grignolino"))


def test_a_joblib_file_is_refused_unless_pickles_are_allowed(platform: RealPlatform, made: Path) -> None:
    artifact = made / "digits" / "model" / "model.joblib"
    refused = deploy(platform, artifact, "pickled")
    assert refused.status != 0
    assert "allow pickles for this version" in refused.errors
    allowed = ["--allow-pickle"]
    version = serves_alike(platform, artifact, made / "digits" / "expected.npz", name="pickled", options=allowed)
    assert (version.runtime, version.format, version.number) == ("sklearn", "joblib", 1), (
        "the refused one had no number"
    )


def test_a_pipeline_of_a_frame_with_texts_answers_as_by_itself_and_joins_columns_by_name(
    platform: RealPlatform,
) -> None:
    made = TABLES.artifacts() / "columns"
    version = serves_alike(platform, made / "model", made / "expected.npz", name="guests")
    assert version.environment.requirements == ("scikit-learn", "skops", "pandas")
    rows = json.loads((made / "rows.json").read_text())
    told = json.loads((made / "answers.json").read_text())
    sent = [dict(reversed([*row.items()])) for row in rows]
    answer = ask(platform, {"instances": sent})
    assert answer.status_code == 200, answer.text
    given = answer.json()["predictions"]
    assert [row["label"] for row in given] == told["label"]
    np.testing.assert_allclose([row["probabilities"] for row in given], told["probabilities"], rtol=1e-6)
    refused = ask(platform, {"instances": [{**rows[0], "rooms": 99}]})
    assert refused.status_code == 400
    assert "column 'rooms', row 0: 99" in refused.text


def ask(platform: RealPlatform, body: object) -> httpx.Response:
    headers = {"authorization": f"Bearer {platform.key}"}
    url = f"{platform.url}/v1/models/guests:predict"
    return httpx.post(url, json=body, headers=headers, timeout=60, trust_env=False)
